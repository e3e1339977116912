package lb

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pacer/apps"
)

// browse sends a request with cookies, without following redirects.
func (e *env) browse(t testing.TB, host, path string, header http.Header) reply {
	t.Helper()
	r := mustRequest(t, "GET", e.url+path, nil)
	r.Host, r.Header = host, header
	e.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return e.send(t, r)
}

func TestAStickyPortKeepsAClientWithItsInstance(t *testing.T) {
	e := newEnv(t, Config{})
	s := web("/web", "example.com")
	s.Ports[0].Sticky = true
	var all []apps.Endpoint
	for _, name := range []string{"a", "b", "c", "d"} {
		all = append(all, backendOf(t, name, func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "own", Value: "x"})
			fmt.Fprintf(w, "%s %q", name, r.Header.Get("Cookie"))
		}))
	}
	e.serve(t, s, all...)

	first := e.browse(t, "example.com", "/", nil)
	cookies := (&http.Response{Header: first.header}).Cookies()
	if len(cookies) != 2 || cookies[0].Name != "own" || cookies[1].Name != "mesosphere_server_id" || cookies[1].Path != "/" {
		t.Fatalf("want the app's cookie and ours, got %v", first.header["Set-Cookie"])
	}
	if first.header.Get("Cache-Control") != "private" {
		t.Errorf("want an answer that is not cached, got %v", first.header)
	}
	mine := first.body[:1]
	header := http.Header{"Cookie": {"session=1; mesosphere_server_id=" + cookies[1].Value + "; theme=dark"}}
	for range 30 {
		got := e.browse(t, "example.com", "/", header)
		got.want(t, 200, mine+` "session=1; theme=dark"`)
		if n := len(got.header["Set-Cookie"]); n != 1 {
			t.Fatalf("want the app's cookie alone, got %v", got.header["Set-Cookie"])
		}
	}

	// Its instance goes: the client gets another one, and is told so.
	var rest []apps.Endpoint
	for _, ep := range all {
		if ep.Instance != mine {
			rest = append(rest, ep)
		}
	}
	e.serve(t, s, rest...)
	got := e.browse(t, "example.com", "/", header)
	if got.status != 200 || strings.HasPrefix(got.body, mine) || len(got.header["Set-Cookie"]) != 2 {
		t.Errorf("want another instance and its cookie, got %d %s %v", got.status, got.body, got.header["Set-Cookie"])
	}
}

func TestAPortThatIsNotStickyLeavesCookiesAlone(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("Cookie")) }))
	got := e.browse(t, "example.com", "/", http.Header{"Cookie": {"mesosphere_server_id=x"}})
	got.want(t, 200, "mesosphere_server_id=x")
	if len(got.header["Set-Cookie"]) > 0 {
		t.Errorf("got %v", got.header["Set-Cookie"])
	}
}

func TestPlainHTTPIsSentToHTTPS(t *testing.T) {
	port := freePort(t)
	e := newEnv(t, Config{Bind: "127.0.0.1"})
	s := web("/web", "example.com/shop")
	s.Ports[0].ToHTTPS, s.Ports[0].Port = true, port
	e.serve(t, s, backendOf(t, "a", says("web")))

	got := e.browse(t, "Example.com:8000", "/shop/x%2Fy?q=1", nil)
	if got.status != 301 || got.header.Get("Location") != "https://example.com/shop/x%2Fy?q=1" {
		t.Errorf("want 301 to the same over HTTPS, got %d %v", got.status, got.header)
	}
	e.browse(t, "example.com", "/shop", http.Header{"X-Forwarded-Proto": {"https"}}).want(t, 200, "web") // a balancer before us took TLS off
	e.send(t, mustRequest(t, "GET", portURL(port), nil)).want(t, 200, "web")
}

func TestABalancerServesItsGroups(t *testing.T) {
	for _, c := range []struct {
		mine   []string
		labels []string
		served bool
	}{
		{nil, nil, true},
		{nil, []string{"external"}, true},
		{[]string{"external"}, []string{"internal", "external"}, true},
		{[]string{"external"}, []string{"internal"}, false},
		{[]string{"external"}, nil, false},
		{[]string{"*"}, nil, true},
	} {
		e := newEnv(t, Config{Domain: "localhost", Groups: c.mine})
		s := web("/web", "example.com")
		s.Ports[0].Groups = c.labels
		e.serve(t, s, backendOf(t, "a", says("web")))
		want := 404
		if c.served {
			want = 200
		}
		e.get(t, "example.com", "/").want(t, want, "")
		e.get(t, "web.localhost", "/").want(t, want, "")
	}
}

func TestAHiddenPortIsNotServed(t *testing.T) {
	e := newEnv(t, Config{Domain: "localhost"})
	s := web("/web")
	e.serve(t, s, backendOf(t, "a", says("web")))
	e.get(t, "web.localhost", "/").want(t, 200, "web")
	s.Ports = []apps.ServicePort{{Protocol: "tcp", HTTP: true, Hidden: true}}
	e.serve(t, s, backendOf(t, "a", says("web")))
	e.get(t, "web.localhost", "/").want(t, 404, "")
}

// blueGreen is an app of the deployment group shop.
func blueGreen(id apps.ID, started string, target int) apps.Service {
	s := web(id, "shop.example.com")
	s.BlueGreen = &apps.BlueGreen{Group: "shop", Started: started, Target: target}
	return s
}

// answerers counts which instances answer.
func (e *env) answerers(t testing.TB, host string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for range 200 {
		got := e.get(t, host, "/")
		got.want(t, 200, "")
		seen[got.body]++
	}
	return seen
}

func TestANewAppTakesOverFromTheOldOneOfItsGroup(t *testing.T) {
	e := newEnv(t, Config{Domain: "localhost"})
	named := func(names ...string) (all []apps.Endpoint) {
		for _, n := range names {
			all = append(all, backendOf(t, n, says(n)))
		}
		return all
	}
	blue, green := named("b1", "b2", "b3"), named("g1", "g2", "g3")
	e.serve(t, blueGreen("/shop-blue", "2026-01-01T00:00:00", 3), blue...)
	e.serve(t, blueGreen("/shop-green", "2026-01-02T00:00:00", 3))
	for n, want := range []string{"b1 b2 b3", "b2 b3 g1", "b3 g1 g2", "g1 g2 g3"} {
		e.serve(t, blueGreen("/shop-green", "2026-01-02T00:00:00", 3), green[:n]...)
		for _, host := range []string{"shop.example.com", "shop-blue.localhost", "shop-green.localhost"} {
			seen := e.answerers(t, host)
			if len(seen) != 3 {
				t.Errorf("%d new ones, %s: want %s, got %v", n, host, want, seen)
			}
			for _, name := range strings.Fields(want) {
				if seen[name] == 0 {
					t.Errorf("%d new ones, %s: %s gets nothing: %v", n, host, name, seen)
				}
			}
		}
	}
	e.serve(t, apps.Service{App: "/shop-blue", Gone: true})
	if seen := e.answerers(t, "shop.example.com"); len(seen) != 3 || seen["g1"] == 0 {
		t.Errorf("want the new app alone, got %v", seen)
	}
	if len(e.groups["shop"]) != 1 {
		t.Errorf("want one app left in the group, got %d", len(e.groups["shop"]))
	}
	e.serve(t, apps.Service{App: "/shop-green", Gone: true})
	if len(e.groups) != 0 {
		t.Errorf("want no group left, got %v", e.groups)
	}
}

// A new app that is smaller than the target does not take the old one's last instances.
func TestOldInstancesStayUntilTheTargetIsMet(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, blueGreen("/blue", "1", 4), backendOf(t, "b1", says("b1")), backendOf(t, "b2", says("b2")))
	e.serve(t, blueGreen("/green", "2", 4), backendOf(t, "g1", says("g1")))
	if seen := e.answerers(t, "shop.example.com"); len(seen) != 3 {
		t.Errorf("3 instances are fewer than the target of 4, so all should answer: %v", seen)
	}
}

func TestAnAppThatLeavesItsGroupStandsForItself(t *testing.T) {
	e := newEnv(t, Config{Domain: "localhost"})
	e.serve(t, blueGreen("/blue", "1", 1), backendOf(t, "b", says("b")))
	e.serve(t, blueGreen("/green", "2", 2), backendOf(t, "g", says("g")))
	s := blueGreen("/green", "2", 2)
	s.BlueGreen = nil
	e.serve(t, s, backendOf(t, "g", says("g")))
	for host, want := range map[string]string{"blue.localhost": "b", "green.localhost": "g"} {
		if seen := e.answerers(t, host); len(seen) != 1 || seen[want] == 0 {
			t.Errorf("%s: want %s alone, got %v", host, want, seen)
		}
	}
}
