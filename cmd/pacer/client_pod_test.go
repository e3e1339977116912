package main

import "testing"

func TestLogsOfOneContainerOfAPod(t *testing.T) {
	f := newFake(t, map[string][]reply{"GET /pacer/v1/apps/shop/web/logs": {{body: "all"}}, "GET /pacer/v1/logs/web.instance-1": {{body: "one"}}})
	pacer(t.Context(), "", "pod", "logs", "/shop/web", "--container", "side", "--tail", "5", "--server", f.url).check(t, exitOK, "all", "")
	pacer(t.Context(), "", "pod", "logs", "/shop/web", "--instance", "web.instance-1", "--server", f.url).check(t, exitOK, "one", "")
	if q := f.asked[0].URL.Query(); q.Get("container") != "side" || q.Get("tail") != "5" {
		t.Errorf("asked for %v", q)
	}
	if q := f.asked[1].URL.Query(); q.Has("container") {
		t.Errorf("asked for %v", q)
	}
}
