package lb

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"pacer/apps"
)

// manyApps is a balancer with n apps of three endpoints each, and the next letter of
// the i-th.
func manyApps(b *testing.B, n int) (*Balancer, func(i int) apps.Service) {
	b.Helper()
	lb := New(Config{Domain: "localhost"})
	b.Cleanup(lb.Close)
	rev := uint64(0)
	next := func(i int) apps.Service {
		rev++
		s := web(apps.ID(fmt.Sprintf("/team%d/app%d", i%100, i)), fmt.Sprintf("app%d.example.com", i))
		s.Stamp = apps.Stamp{Epoch: 1, Revision: rev}
		for e := range 3 {
			s.Endpoints = append(s.Endpoints, apps.Endpoint{Instance: fmt.Sprintf("%s.%d", s.App, e), Addr: "10.0.0.1", Ports: []int{31000 + e}})
		}
		return s
	}
	for i := range n {
		lb.Apply(next(i))
	}
	return lb, next
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("endpoints/apps=%d", n), func(b *testing.B) {
			lb, next := manyApps(b, n)
			i := 0
			for b.Loop() {
				i++
				s := next(i % n)
				s.Endpoints[0].Instance = fmt.Sprint("new-", i)
				lb.Apply(s)
			}
		})
		b.Run(fmt.Sprintf("routes/apps=%d", n), func(b *testing.B) {
			lb, next := manyApps(b, n)
			i := 0
			for b.Loop() {
				i++
				s := next(i % n)
				s.Ports[0].Routes[0].Path = fmt.Sprint("/v", i)
				lb.Apply(s)
			}
		})
	}
	b.Run("all/apps=10000", func(b *testing.B) {
		for b.Loop() {
			manyApps(b, 10_000)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	lb, _ := manyApps(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := lb.table.Load().find("app7777.example.com:8000", "/some/path"); !ok {
			b.Fatal("no such route")
		}
	}
}

// BenchmarkRequest compares the balancer with a bare httputil.ReverseProxy before the
// same back ends: whole requests over loopback, 32 connections.
func BenchmarkRequest(b *testing.B) {
	body := make([]byte, 1024)
	back := func() *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Length", "1024")
			_, _ = w.Write(body)
		}))
	}
	one := back()
	b.Cleanup(one.Close)
	target, err := url.Parse(one.URL)
	if err != nil {
		b.Fatal(err)
	}
	bare := httputil.NewSingleHostReverseProxy(target)
	bare.Transport = &http.Transport{MaxIdleConnsPerHost: 128}
	lb, next := manyApps(b, 10_000)
	s := next(0)
	s.Endpoints = []apps.Endpoint{endpointAt(b, "a", one.Listener.Addr().String())}
	lb.Apply(s)

	for _, c := range []struct {
		name string
		h    http.Handler
	}{{"ReverseProxy", bare}, {"Balancer", lb}} {
		b.Run(c.name, func(b *testing.B) {
			l := listen(b)
			server := &http.Server{Handler: c.h}
			go func() { _ = server.Serve(l) }()
			b.Cleanup(func() { _ = server.Close() })
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) { get(b, l.Addr().String(), pb) })
		})
	}
}

// get sends requests over one connection of its own.
func get(b *testing.B, addr string, pb *testing.PB) {
	client := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext}}
	defer client.CloseIdleConnections()
	for pb.Next() {
		r, _ := http.NewRequest("GET", "http://"+addr+"/", nil)
		r.Host = "app0.example.com"
		res, err := client.Do(r)
		if err != nil {
			b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 {
			b.Errorf("status %d", res.StatusCode)
			return
		}
	}
}
