package lb

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"pacer/apps"
)

func httpService(id apps.ID, port int) apps.Service {
	return apps.Service{App: id, Ports: []apps.ServicePort{{Protocol: "tcp", Port: port, HTTP: true}}}
}

func portURL(port int) string { return "http://127.0.0.1:" + itoa(port) }

func TestAServicePortServesHTTPWhateverTheHost(t *testing.T) {
	port := freePort(t)
	e := newEnv(t, Config{Bind: "127.0.0.1"})
	e.serve(t, httpService("/web", port), backendOf(t, "a", echoHeader))

	r := mustRequest(t, "GET", portURL(port)+"/x", nil)
	r.Host = "whatever"
	got := e.send(t, r)

	got.want(t, 200, "Host: whatever\n")
	if !strings.Contains(got.body, "X-Forwarded-Port: "+itoa(port)) || !strings.Contains(got.body, "X-Forwarded-For: 127.0.0.1") {
		t.Errorf("want forwarded headers, got\n%s", got.body)
	}
	e.serve(t, httpService("/web", port))
	e.send(t, r).want(t, 503, "no instance")
}

func TestServicePortsOpenMoveAndCloseWithTheLetters(t *testing.T) {
	one, two := freePort(t), freePort(t)
	e := newEnv(t, Config{Bind: "127.0.0.1"})
	e.serve(t, httpService("/web", one), backendOf(t, "web", says("web")))
	e.send(t, mustRequest(t, "GET", portURL(one), nil)).want(t, 200, "web")

	e.serve(t, httpService("/web", two), backendOf(t, "web", says("web")))
	e.send(t, mustRequest(t, "GET", portURL(two), nil)).want(t, 200, "web")
	if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", itoa(one))); err == nil {
		_ = c.Close()
		t.Errorf("port %d should be closed", one)
	}

	// Another app may have the port at once, in another manner.
	e.serve(t, tcpService("/redis", one), echoTCP(t, "r"))
	c, in := dialPort(t, one)
	say(t, c, in, "hello")
	e.serve(t, httpService("/redis", one), backendOf(t, "r2", says("now http")))
	say(t, c, in, "still there") // what is open goes on
	e.send(t, mustRequest(t, "GET", portURL(one), nil)).want(t, 200, "now http")

	e.serve(t, apps.Service{App: "/redis", Gone: true})
	if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", itoa(one))); err == nil {
		_ = c.Close()
		t.Errorf("port %d should be closed: its app is gone", one)
	}
	if s := e.Stats(); len(s.Ports) != 1 || s.Ports[two] != "/web" {
		t.Errorf("want %d open for /web alone, got %v", two, s.Ports)
	}
}

func TestAPortThatGoesAwayFinishesItsRequests(t *testing.T) {
	port := freePort(t)
	e := newEnv(t, Config{Bind: "127.0.0.1"})
	begun, finish := make(chan bool), make(chan bool)
	e.serve(t, httpService("/web", port), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-finish
		_, _ = io.WriteString(w, "whole")
	}))
	done := make(chan reply)
	go func() { done <- e.send(t, mustRequest(t, "GET", portURL(port), nil)) }()
	<-begun
	e.serve(t, apps.Service{App: "/web", Gone: true})
	finish <- true
	(<-done).want(t, 200, "whole")
}

func TestAPortThatIsTakenIsSaidAndTriedAgain(t *testing.T) {
	squatter := listen(t)
	port := squatter.Addr().(*net.TCPAddr).Port
	e := newEnv(t, Config{Bind: "127.0.0.1"})
	e.serve(t, httpService("/web", port), backendOf(t, "a", says("mine")))
	if why := e.Stats().PortErrors[port]; !strings.Contains(why, "in use") {
		t.Errorf("want it said that the port is in use, got %q", why)
	}
	var metrics bytes.Buffer
	_ = e.WriteMetrics(&metrics)
	if want := `pacer_lb_port_closed{port="` + itoa(port) + `"} 1`; !strings.Contains(metrics.String(), want) {
		t.Errorf("want %s in the metrics", want)
	}
	_ = squatter.Close()
	eventually(t, "the port is open", func() bool { return e.Stats().Ports[port] == "/web" })
	e.send(t, mustRequest(t, "GET", portURL(port), nil)).want(t, 200, "mine")
	if errs := e.Stats().PortErrors; len(errs) != 0 {
		t.Errorf("want no trouble left, got %v", errs)
	}
}

func TestOfTwoAppsThatClaimOnePortOneHasItAndTheOtherGetsItNext(t *testing.T) {
	port := freePort(t)
	e := newEnv(t, Config{Bind: "127.0.0.1"})
	e.serve(t, httpService("/b", port), backendOf(t, "b", says("b")))
	e.serve(t, httpService("/a", port), backendOf(t, "a", says("a")))
	e.send(t, mustRequest(t, "GET", portURL(port), nil)).want(t, 200, "a")
	e.serve(t, apps.Service{App: "/a", Gone: true})
	e.send(t, mustRequest(t, "GET", portURL(port), nil)).want(t, 200, "b")
}

func TestUDPPortsAreSaidNotToBeServed(t *testing.T) {
	port := freePort(t)
	e := newEnv(t, Config{Bind: "127.0.0.1"})
	e.serve(t, apps.Service{App: "/dns", Ports: []apps.ServicePort{{Protocol: "udp", Port: port}}})
	if why := e.Stats().PortErrors[port]; !strings.Contains(why, "UDP") {
		t.Errorf("want it said, got %q", why)
	}
}

func TestClientConnectionsAreBounded(t *testing.T) {
	e := newEnv(t, Config{ConnsMax: 2})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", says("ok")))
	const request = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
	first, in := e.raw(t, request)
	readResponse(t, in, "GET")
	_, in2 := e.raw(t, request)
	readResponse(t, in2, "GET")
	if s := e.Stats(); s.Connections != 2 || s.ConnsMax != 2 {
		t.Fatalf("want 2 of 2, got %d of %d", s.Connections, s.ConnsMax)
	}
	_, third := e.raw(t, request) // waits
	_ = first.Close()
	if res, body := readResponse(t, third, "GET"); res.StatusCode != 200 || body != "ok" {
		t.Fatalf("want its turn when another has gone, got %d %q", res.StatusCode, body)
	}
}

func TestMetricsCountByApp(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web(`/we"b`, "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/500" {
			w.WriteHeader(500)
		}
	}))
	e.serve(t, web("/empty", "empty.example.com"))
	for _, path := range []string{"/", "/", "/500"} {
		e.get(t, "example.com", path)
	}
	e.get(t, "empty.example.com", "/")
	e.get(t, "nobody", "/")
	eventually(t, "all are counted", func() bool { s := e.Stats(); return s.Apps[0].Requests == 1 && s.Apps[1].Requests == 3 })
	var out bytes.Buffer
	if err := e.WriteMetrics(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# TYPE pacer_lb_requests_total counter\n",
		`pacer_lb_requests_total{app="/we\"b",code="2xx"} 2` + "\n",
		`pacer_lb_requests_total{app="/we\"b",code="5xx"} 1` + "\n",
		`pacer_lb_requests_total{app="/empty",code="5xx"} 1` + "\n",
		`pacer_lb_in_flight{app="/empty"} 0` + "\n",
		`pacer_lb_endpoints{app="/we\"b"} 1` + "\n",
		`pacer_lb_request_duration_seconds_bucket{app="/we\"b",le="+Inf"} 3` + "\n",
		`pacer_lb_request_duration_seconds_count{app="/we\"b"} 3` + "\n",
		"pacer_lb_unknown_total 1\n",
		"pacer_lb_connections_max 8192\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, out.String())
		}
	}
}
