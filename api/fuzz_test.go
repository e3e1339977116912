package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// ask sends a request through the whole door, without a network; nothing that strangers
// write may be our fault.
func ask(t *testing.T, door http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	door.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code >= http.StatusInternalServerError || !json.Valid(w.Body.Bytes()) {
		t.Fatalf("%s %s\n%q\nis answered with %d %s", method, path, body, w.Code, w.Body)
	}
	return w
}

// open is the door of a platform that says nothing.
func open(p *platform) http.Handler {
	c := p.config()
	c.Log = slog.New(slog.DiscardHandler)
	return New(c)
}

// FuzzGroup writes anything as a group over one that is there: it is refused in words, or
// the real core makes it so; and what is then answered can be written back, which changes
// nothing.
func FuzzGroup(f *testing.F) {
	for _, seed := range []string{
		`{"apps":[{"id":"web","cmd":"sleep 1","dependencies":["db"]},{"id":"db","cmd":"sleep 1"}]}`,
		`{"groups":[{"id":"a","dependencies":["b"],"apps":[{"id":"x","cmd":"sleep 1"}]},{"id":"b","apps":[{"id":"/g/b/y","cmd":"sleep 1","instances":0}]}]}`,
		`{"scaleBy":2.5}`, `{"scaleBy":1e9}`, `{"version":"2026-01-01T12:00:00.001Z"}`, `{"id":"/g","groups":[{"id":"..","apps":[]}]}`,
		`{"apps":[{"id":"old","cmd":"sleep 2","dependencies":["/g"]}]}`, `{"apps":[{"id":"a"}],"scaleBy":1}`, `{"enforceRole":true}`, `{"apps":[],"groups":[],"pods":[{}]}`,
		`{"apps":[],"pods":[{"id":"p","containers":[{"name":"a","resources":{"cpus":0.1,"mem":32},"exec":{"command":{"shell":"sleep 1"}}}]}],"groups":[{"id":"x","pods":[{"spec":{"id":"/g/x/q","scaling":{"instances":2},"containers":[{"name":"a","resources":{"cpus":0.1,"mem":32},"image":{"kind":"DOCKER","id":"i"}}]}}]}]}`,
		`{"apps":[{"id":"a","cmd":"sleep 1","dependencies":["b"]},{"id":"b","cmd":"sleep 1","dependencies":["a"]}]}`, `[]`, `{"groups":[{"id":"old","apps":[{"id":"x","cmd":"sleep 1"}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var body any
		if err := json.Unmarshal(text, &body); err == nil && huge(body) {
			return
		}
		p := newPlatform(t, "h1")
		door := open(p)
		if w := ask(t, door, "PUT", "/v2/groups/g", `{"apps":[{"id":"old","cmd":"sleep 1"}]}`); w.Code != http.StatusOK {
			t.Fatalf("the first group is refused: %d %s", w.Code, w.Body)
		}
		before := len(p.apps)
		if w := ask(t, door, "PUT", "/v2/groups/g?force=true", string(text)); w.Code != http.StatusOK {
			if len(p.apps) != before {
				t.Fatalf("%q is refused with %d, and there are %d apps in place of %d", text, w.Code, len(p.apps), before)
			}
			return
		}
		group := ask(t, door, "GET", "/v2/groups/g?embed=group.groups&embed=group.apps&embed=group.pods", "")
		if group.Code != http.StatusOK { // all its apps are gone
			return
		}
		again := group.Body.String()
		was := len(p.versionsOf())
		if w := ask(t, door, "PUT", "/v2/groups/g?force=true", again); w.Code != http.StatusOK {
			t.Fatalf("%q\nis answered with %s,\nwhich is refused: %d %s", text, again, w.Code, w.Body)
		}
		if now := len(p.versionsOf()); now != was {
			t.Fatalf("%q\nis answered with %s,\nwhich makes %d new versions", text, again, now-was)
		}
	})
}

// huge reports whether a group asks for many instances: to make them takes longer than it
// teaches.
func huge(v any) bool {
	const many = 20
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, huge)
	case map[string]any:
		for key, in := range v {
			if n, ok := in.(float64); ok && n > many && (key == "instances" || key == "scaleBy") || huge(in) {
				return true
			}
		}
	}
	return false
}

// versionsOf is all versions of all apps.
func (l *ledger) versionsOf() (all []apps.Version) {
	for _, versions := range l.versions {
		for _, spec := range versions {
			all = append(all, spec.Version)
		}
	}
	return all
}

// FuzzConstraints gives an app anything as its constraints, on hosts that are anything:
// it is refused in words, or each instance has a host or reasons that add up.
func FuzzConstraints(f *testing.F) {
	for _, seed := range [][2]string{
		{`[["hostname","UNIQUE"]]`, "rack:a"}, {`[["rack","CLUSTER","a"],["rack","GROUP_BY","2"]]`, "rack:a;level:10"},
		{`[["level","IS","10.0001"],["keys","LIKE","\\[1-.*"]]`, "level:10;keys:[1-5]"}, {`[["langs","UNLIKE","{go.*"],["@zone","MAX_PER","1"]]`, "langs:{go,c}"},
		{`[["@region","IS",""],["rack","MAX_PER","-1"]]`, ""}, {`[["rack","LIKE","("]]`, "rack:("}, {`[["rack","GROUP_BY","99999999999"]]`, "rack:x"}, {`[["",""],[],null,[["a"]]]`, ":"},
		{`[["hostname","CLUSTER"],["hostname","GROUP_BY"],["@hostname","MAX_PER","0"]]`, "a:b"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, constraints, attributes string) {
		attr, err := apps.ParseAttributes(attributes)
		if err != nil {
			return
		}
		p := newPlatform(t, "h1", "h2", "h3")
		p.hosts["h1"].report.Host.Attributes, p.hosts["h1"].report.Host.Zone = attr, "a"
		p.hosts["h2"].report.Host.Attributes, p.hosts["h2"].report.Host.Region = attr, "b"
		p.reportAll()
		door := open(p)
		body := `{"id":"/a","cmd":"sleep 1","instances":4,"constraints":` + constraints + `}`
		if !json.Valid([]byte(body)) {
			return
		}
		if w := ask(t, door, "PUT", "/v2/apps/a", body); w.Code/100 != 2 {
			return
		}
		ask(t, door, "GET", "/v2/queue", "")
		ask(t, door, "GET", "/v2/apps/a", "")
		wait, placed := p.waits["/a"], 0
		for _, in := range p.instances {
			if in.Host != "" {
				placed++
			}
		}
		if placed+wait.Waiting != 4 && len(p.instances) == 4 {
			t.Fatalf("%s on %s: %d of 4 have a host and %d wait", constraints, attributes, placed, wait.Waiting)
		}
		if wait.Waiting > 0 {
			checkReasons(t, wait)
		}
	})
}

func checkReasons(t *testing.T, w cluster.Wait) {
	t.Helper()
	sum := 0
	for _, r := range w.Reasons {
		sum += r.Hosts
	}
	if sum != w.Hosts || w.Hosts != 3 {
		t.Fatalf("the reasons of %d hosts are %q", w.Hosts, w.Sentence())
	}
}
