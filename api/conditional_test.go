package api

import (
	"strings"
	"testing"
)

func TestWhatAClientHasIsNotSentAgain(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	if x := do(t, server, "POST", "/v2/groups", `{"id":"/g","apps":[{"id":"a","cmd":"sleep 1"}]}`); x.status != 201 {
		t.Fatal(x.status, x.body)
	}
	p.settle()
	lists := []string{"/v2/apps", "/v2/apps?id=g", "/v2/apps?embed=apps.tasks", "/v2/apps/g/a", "/v2/apps/g/*", "/v2/groups", "/v2/groups/g", "/v2/tasks", "/v2/deployments",
		"/v2/pods", "/v2/apps/g/a/versions", "/pacer/v1/hosts"}
	tags := map[string]string{}
	for _, path := range lists {
		first := do(t, server, "GET", path, "")
		tag := first.header.Get("ETag")
		if first.status != 200 || !strings.HasPrefix(tag, `W/"`) {
			t.Fatalf("%s: want an answer with a weak tag, got %d %q", path, first.status, tag)
		}
		tags[path] = tag
		if zip := do(t, server, "GET", path, "", "Accept-Encoding", "gzip"); zip.header.Get("ETag") != tag {
			t.Errorf("%s: compressed it has the tag %s, else %s", path, zip.header.Get("ETag"), tag)
		}
		for _, have := range []string{tag, strings.TrimPrefix(tag, "W/"), `"other", ` + tag, "*"} {
			for _, encoding := range []string{"identity", "gzip"} {
				x := do(t, server, "GET", path, "", "If-None-Match", have, "Accept-Encoding", encoding)
				if x.status != 304 || x.body != "" || x.header.Get("ETag") != tag || x.header.Get("Content-Encoding") != "" {
					t.Errorf("%s with If-None-Match %s: want 304 and nothing, got %d %q %v", path, have, x.status, x.body, x.header)
				}
			}
		}
		if x := do(t, server, "HEAD", path, "", "If-None-Match", tag); x.status != 304 {
			t.Errorf("HEAD %s: want 304, got %d", path, x.status)
		}
		if x := do(t, server, "GET", path, "", "If-None-Match", `"other"`); x.status != 200 || x.body != first.body {
			t.Errorf("%s: who has something else gets it, but %d %s", path, x.status, x.body)
		}
	}
	if x := do(t, server, "PUT", "/v2/apps/g/a", `{"labels":{"a":"b"}}`, "If-None-Match", "*"); x.status != 200 {
		t.Errorf("a change is made all the same, but %d %s", x.status, x.body)
	}
	for _, path := range []string{"/v2/apps", "/v2/apps?id=g", "/v2/apps/g/a", "/v2/groups"} {
		if x := do(t, server, "GET", path, "", "If-None-Match", tags[path]); x.status != 200 || x.header.Get("ETag") == tags[path] {
			t.Errorf("%s has changed, but %d %s", path, x.status, x.header.Get("ETag"))
		}
	}
	if x := do(t, server, "GET", "/v2/apps/nope", "", "If-None-Match", "*"); x.status != 404 {
		t.Errorf("what is not there is 404, but %d", x.status)
	}
}

func TestPagesOfOtherOriginsMayReadWhereThatIsAllowed(t *testing.T) {
	const ui, other = "https://ui.example", "https://other.example"
	for _, test := range []struct {
		allowed      []string
		origin, want string
	}{
		{nil, ui, ""}, {[]string{"*"}, ui, "*"}, {[]string{ui, "https://two.example"}, ui, ui}, {[]string{ui}, other, ""},
	} {
		c := newLedger().config()
		c.AllowOrigins = test.allowed
		server := serve(t, c)
		for _, path := range []string{"/v2/apps", "/ping", "/v2/apps/nope"} {
			x := do(t, server, "GET", path, "", "Origin", test.origin)
			if got := x.header.Get("Access-Control-Allow-Origin"); got != test.want || x.header.Get("Access-Control-Allow-Methods") != "" {
				t.Errorf("%v: GET %s from %s: want %q, got %q", test.allowed, path, test.origin, test.want, got)
			}
		}
		x := do(t, server, "OPTIONS", "/v2/apps", "", "Origin", test.origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "X-Mine")
		methods, headers, age := x.header.Get("Access-Control-Allow-Methods"), x.header.Get("Access-Control-Allow-Headers"), x.header.Get("Access-Control-Max-Age")
		if allowed := test.want != ""; x.status != 204 || x.header.Get("Access-Control-Allow-Origin") != test.want ||
			allowed && (methods != "GET, HEAD, OPTIONS" || headers != "X-Mine" || age != "86400") || !allowed && methods+headers+age != "" {
			t.Errorf("%v: a preflight from %s: %d %v", test.allowed, test.origin, x.status, x.header)
		}
	}
}

func TestAFollowerSaysOnceWhoMayRead(t *testing.T) {
	leader := newLedger()
	c := leader.config()
	c.AllowOrigins = []string{"*"}
	leads := serve(t, c)
	follower := newLedger()
	follower.lead(true, false)
	follower.leader.URL = leads.URL
	f := follower.config()
	f.AllowOrigins = []string{"*"}
	x := do(t, serve(t, f), "GET", "/v2/apps", "", "Origin", "https://ui.example")
	if got := x.header.Values("Access-Control-Allow-Origin"); x.status != 200 || len(got) != 1 {
		t.Errorf("want one header, got %d %v", x.status, got)
	}
}
