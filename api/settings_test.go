package api

import "testing"

func TestSettingsOfTheClusterAreSetAndKept(t *testing.T) {
	p := newPlatform(t, "h1", "h2")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "GET /pacer/v1/settings", status: 200, want: `{"placement":"spread","fairness":"drf","preemption":false,"history":[]}`},
		{ask: "PUT /pacer/v1/settings", body: `{"placement":"pack"}`, status: 200, want: `{"placement":"pack","fairness":"drf","preemption":false,"version":"TIME","by":"127.0.0.1",
			"history":[{"placement":"pack","fairness":"drf","preemption":false,"version":"TIME","by":"127.0.0.1"}]}`},
		{ask: "POST /v2/apps", body: `{"id":"/web","cmd":"run","cpus":1,"mem":64,"instances":3}`, status: 201},
		{settle: true},
		{ask: "GET /pacer/v1/hosts/h1", status: 200, has: []string{`"instances":3`}},
		{ask: "PUT /pacer/v1/settings", body: `{"fairness":"tasks","preemption":true}`, status: 200, has: []string{`{"placement":"spread","fairness":"tasks","preemption":true`, `"placement":"pack"`}},
		{ask: "PUT /pacer/v1/settings", body: `{"placement":"anywhere"}`, status: 422, has: []string{`"/placement"`}},
		{ask: "PUT /pacer/v1/settings", body: `{"fairness":"none"}`, status: 422, has: []string{`"/fairness"`}},
		{ask: "PUT /pacer/v1/settings", body: `{"version":"soon"}`, status: 422, has: []string{`"/version"`}},
		{ask: "PUT /pacer/v1/settings", body: `{"version":"2025-01-01T00:00:00.000Z"}`, status: 409, has: []string{`by now`}},
	})
}
