package lb

import (
	"strings"
	"testing"

	"pacer/apps"
)

func TestRequestsFindTheirAppByHostAndLongestPath(t *testing.T) {
	e := newEnv(t, Config{Domain: "localhost"})
	e.serve(t, web("/shop/web", "shop.example.com"), backendOf(t, "web", says("web")))
	e.serve(t, web("/shop/api", "shop.example.com/api"), backendOf(t, "api", says("api")))
	e.serve(t, web("/shop/apiv2", "shop.example.com/api/v2/"), backendOf(t, "v2", says("v2")))
	e.serve(t, web("/solo"), backendOf(t, "solo", says("solo")))

	for _, c := range []struct{ host, path, want string }{
		{"shop.example.com", "/", "web"},
		{"SHOP.Example.COM", "/", "web"},
		{"shop.example.com:8000", "/x", "web"},
		{"shop.example.com.", "/x", "web"},
		{"shop.example.com", "/api", "api"},
		{"shop.example.com", "/api/", "api"},
		{"shop.example.com", "/api/v1", "api"},
		{"shop.example.com", "/apiary", "web"},
		{"shop.example.com", "/api/v2", "v2"},
		{"shop.example.com", "/api/v2/x?y=z", "v2"},
		{"shop.example.com", "/api/v22", "api"},
		{"web.shop.localhost", "/", "web"},
		{"solo.localhost:8000", "/", "solo"},
	} {
		if got := e.get(t, c.host, c.path); got.status != 200 || got.body != c.want {
			t.Errorf("%s%s: want %s, got %d %s", c.host, c.path, c.want, got.status, got.body)
		}
	}
}

func TestWhatNobodyServesIs404AndSaysSo(t *testing.T) {
	e := newEnv(t, Config{Domain: "localhost"})
	e.serve(t, web("/api", "example.com/api"), backendOf(t, "api", says("api")))

	e.get(t, "nobody.example.com", "/").want(t, 404, `no app has the host "nobody.example.com"`)
	e.get(t, "example.com", "/other").want(t, 404, "no app serves /other")
}

func TestAnAppWithoutAReadyInstanceIs503WithRetryAfter(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"))

	got := e.get(t, "example.com", "/")

	got.want(t, 503, "/web has no instance that is ready")
	if got.header.Get("Retry-After") == "" {
		t.Fatalf("want Retry-After, got %v", got.header)
	}
}

func TestErrorsAreJSONForWhoAsksForIt(t *testing.T) {
	e := newEnv(t, Config{})
	r := mustRequest(t, "GET", e.url+"/", nil)
	r.Header.Set("Accept", "application/json")

	got := e.send(t, r)

	if got.status != 404 || got.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.body, `{"message":`) {
		t.Fatalf("want a JSON message, got %d %s %q", got.status, got.header.Get("Content-Type"), got.body)
	}
}

func TestRoutesFollowTheLetters(t *testing.T) {
	e := newEnv(t, Config{Domain: "localhost"})
	web1, other := backendOf(t, "web", says("web")), backendOf(t, "other", says("other"))
	e.serve(t, web("/web", "old.example.com"), web1)
	e.get(t, "old.example.com", "/").want(t, 200, "web")

	e.serve(t, web("/web", "new.example.com"), web1)
	e.get(t, "old.example.com", "/").want(t, 404, "no app has")
	e.get(t, "new.example.com", "/").want(t, 200, "web")

	e.serve(t, apps.Service{App: "/web", Gone: true})
	e.get(t, "new.example.com", "/").want(t, 404, "no app has")
	e.get(t, "web.localhost", "/").want(t, 404, "no app has")

	e.serve(t, web("/web"), other)
	e.get(t, "web.localhost", "/").want(t, 200, "other")
}

func TestOldAndRepeatedLettersChangeNothing(t *testing.T) {
	b := New(Config{})
	defer b.Close()
	s := web("/web", "example.com")
	s.Stamp = apps.Stamp{Epoch: 2, Revision: 5}

	if !b.Apply(s) {
		t.Fatal("the first letter is news")
	}
	for _, old := range []apps.Stamp{{Epoch: 2, Revision: 5}, {Epoch: 2, Revision: 4}, {Epoch: 1, Revision: 9}} {
		s.Stamp, s.Gone = old, true
		if b.Apply(s) {
			t.Fatalf("%+v is not newer than 2.5, but was taken", old)
		}
	}
	if _, _, ok := b.table.Load().find("example.com", "/"); !ok {
		t.Fatal("the route is gone")
	}
}

func TestOfTwoAppsThatClaimOneHostTheSameOneAlwaysWins(t *testing.T) {
	for _, order := range [][]apps.ID{{"/a", "/b"}, {"/b", "/a"}} {
		e := newEnv(t, Config{Domain: "localhost"})
		for _, id := range order {
			e.serve(t, web(id, "both.example.com"), backendOf(t, string(id), says(string(id))))
		}
		e.get(t, "both.example.com", "/").want(t, 200, "/a")
	}
	// A label beats another app's default host.
	e := newEnv(t, Config{Domain: "localhost"})
	e.serve(t, web("/a"), backendOf(t, "a", says("a")))
	e.serve(t, web("/b", "a.localhost"), backendOf(t, "b", says("b")))
	e.get(t, "a.localhost", "/").want(t, 200, "b")
}

func TestTheDefaultHostLeadsToTheFirstPortThatSpeaksHTTP(t *testing.T) {
	tcp, udp := apps.ServicePort{Protocol: "tcp"}, apps.ServicePort{Protocol: "udp"}
	both, http := apps.ServicePort{Protocol: "udp,tcp"}, apps.ServicePort{Protocol: "tcp", HTTP: true}
	for _, c := range []struct {
		ports []apps.ServicePort
		want  int
	}{
		{nil, -1},
		{[]apps.ServicePort{udp}, -1},
		{[]apps.ServicePort{udp, tcp, tcp}, 1},
		{[]apps.ServicePort{tcp, http, http}, 1},
		{[]apps.ServicePort{udp, both}, 1},
	} {
		if got := webPort(c.ports, Config{}); got != c.want {
			t.Errorf("%+v: want port %d, got %d", c.ports, c.want, got)
		}
	}
}

func TestAnIndexIsAMapWhoseOldCopiesStay(t *testing.T) {
	var ix index[string, int]
	var old []index[string, int]
	for i := range 1000 {
		old = append(old, ix)
		ix = ix.with(unique("k"), i)
	}
	for i, o := range old {
		if o.len != i {
			t.Fatalf("the copy of %d entries has %d", i, o.len)
		}
	}
	one := ix.with("one", 1)
	two := one.with("one", 2)
	none := two.without("one").without("one")
	if v, _ := one.get("one"); v != 1 || one.len != 1001 {
		t.Fatalf("want 1 of 1001, got %d of %d", v, one.len)
	}
	if v, _ := two.get("one"); v != 2 || two.len != 1001 {
		t.Fatalf("want 2 of 1001, got %d of %d", v, two.len)
	}
	if _, ok := none.get("one"); ok || none.len != 1000 {
		t.Fatalf("want it gone and 1000 left, got %v and %d", ok, none.len)
	}
}
