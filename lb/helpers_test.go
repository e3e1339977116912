package lb

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pacer/apps"
)

// An env is a balancer behind a real listener.
type env struct {
	*Balancer
	url    string // of the vhost listener
	addr   string
	client *http.Client
	rev    uint64
}

func newEnv(t testing.TB, cfg Config) *env {
	t.Helper()
	e := &env{Balancer: New(cfg)}
	l := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = e.Run(ctx, l) }()
	e.addr = l.Addr().String()
	e.url = "http://" + e.addr
	e.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: 30 * time.Second}
	t.Cleanup(func() {
		e.client.CloseIdleConnections()
		cancel()
		<-ended
	})
	return e
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// freePort is a port that was free a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	l := listen(t)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// backendOf starts an HTTP back end and is the endpoint for it.
func backendOf(t testing.TB, instance string, h http.HandlerFunc) apps.Endpoint {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return endpointAt(t, instance, s.Listener.Addr().String())
}

func endpointAt(t testing.TB, instance, addr string) apps.Endpoint {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	return apps.Endpoint{Instance: instance, Host: "h1", Addr: host, Ports: []int{n}}
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text) }
}

// web is an app with one HTTP port at the given hosts.
func web(id apps.ID, hosts ...string) apps.Service {
	p := apps.ServicePort{Name: "http", Protocol: "tcp", HTTP: true}
	for _, h := range hosts {
		host, path, _ := strings.Cut(h, "/")
		if path != "" {
			path = "/" + path
		}
		p.Routes = append(p.Routes, apps.Route{Host: host, Path: path})
	}
	return apps.Service{App: id, Ports: []apps.ServicePort{p}}
}

// serve applies s with a newer stamp and these endpoints.
func (e *env) serve(t testing.TB, s apps.Service, endpoints ...apps.Endpoint) {
	t.Helper()
	e.rev++
	s.Stamp = apps.Stamp{Epoch: 1, Revision: e.rev}
	s.Endpoints = endpoints
	if !e.Apply(s) {
		t.Fatalf("the letter %+v was not taken", s)
	}
}

type reply struct {
	status int
	body   string
	header http.Header
}

func (e *env) do(t testing.TB, method, host, path string, body io.Reader) reply {
	t.Helper()
	r, err := http.NewRequest(method, e.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	return e.send(t, r)
}

func (e *env) send(t testing.TB, r *http.Request) reply {
	t.Helper()
	res, err := e.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: read: %v", r.Method, r.URL, err)
	}
	return reply{res.StatusCode, string(b), res.Header}
}

func (e *env) get(t testing.TB, host, path string) reply {
	t.Helper()
	return e.do(t, "GET", host, path, nil)
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

func (r reply) want(t testing.TB, status int, contains string) {
	t.Helper()
	if r.status != status || !strings.Contains(r.body, contains) {
		t.Fatalf("want %d with %q, got %d with %q", status, contains, r.status, r.body)
	}
}

var counter atomic.Int64

func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, counter.Add(1)) }
