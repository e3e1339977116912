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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pacer/apps"
)

func itoa(n int) string { return strconv.Itoa(n) }

// A victim is an instance that can be killed the way kill -9 does it, by itself or
// behind a proxy like Docker's, which goes on accepting connections for a while.
type victim struct {
	apps.Endpoint
	app   *httptest.Server
	proxy net.Listener // nil: none
	calm  sync.WaitGroup

	mu    sync.Mutex
	died  time.Time // all its connections are closed
	conns map[net.Conn]bool
}

func newVictim(t testing.TB, instance string, proxied bool) *victim {
	t.Helper()
	v := &victim{conns: map[net.Conn]bool{}}
	v.app = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, instance)
	}))
	v.app.Config.ConnState = func(c net.Conn, s http.ConnState) {
		v.mu.Lock()
		defer v.mu.Unlock()
		if s == http.StateNew {
			v.conns[c] = true
		} else if s == http.StateClosed {
			delete(v.conns, c)
		}
	}
	v.app.Start()
	addr := v.app.Listener.Addr().String()
	if proxied {
		v.proxy = listen(t)
		addr = v.proxy.Addr().String()
		v.calm.Go(func() { v.carry(v.app.Listener.Addr().String()) })
	}
	v.Endpoint = endpointAt(t, instance, addr)
	t.Cleanup(func() {
		v.bury()
		v.app.Close()
		v.calm.Wait()
	})
	return v
}

// carry does what docker-proxy does: connections are accepted whether or not anybody
// is behind; the ends of the halves are passed on.
func (v *victim) carry(to string) {
	for {
		front, err := v.proxy.Accept()
		if err != nil {
			return
		}
		v.calm.Go(func() {
			defer func() { _ = front.Close() }()
			back, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer func() { _ = back.Close() }()
			half := make(chan bool, 2)
			one := func(dst, src net.Conn) {
				_, _ = io.Copy(dst, src)
				_ = src.(*net.TCPConn).CloseRead()
				_ = dst.(*net.TCPConn).CloseWrite()
				half <- true
			}
			go one(front, back)
			go one(back, front)
			<-half
			<-half
		})
	}
}

// kill ends the process: the kernel closes its listener and every connection.
func (v *victim) kill() {
	v.mu.Lock()
	defer v.mu.Unlock()
	_ = v.app.Listener.Close()
	for c := range v.conns {
		_ = c.Close()
	}
	v.died = time.Now()
}

// bury ends the proxy.
func (v *victim) bury() {
	if v.proxy != nil {
		_ = v.proxy.Close()
	}
}

// A failure is a request that was not answered with 200.
type failure struct {
	began, ended time.Time
	method, why  string
}

// load sends requests at a constant rate until stop is called, which returns how
// many there were and those that failed.
func (e *env) load(t testing.TB, perSecond int, methods ...string) (stop func() (total int, failed []failure)) {
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var failures []failure
	n := 0
	var all sync.WaitGroup
	all.Go(func() {
		for tick := time.NewTicker(time.Second / time.Duration(perSecond)); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			n++
			method, began := methods[n%len(methods)], time.Now()
			all.Go(func() {
				var body io.Reader
				if method == "POST" {
					body = strings.NewReader("some data")
				}
				r, _ := http.NewRequest(method, e.url+"/", body)
				r.Host = "example.com"
				res, err := e.client.Do(r)
				why := ""
				if err == nil {
					b, rerr := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if rerr != nil || res.StatusCode != 200 {
						why = fmt.Sprintf("%d %s %v", res.StatusCode, b, rerr)
					}
				} else {
					why = err.Error()
				}
				if why != "" {
					mu.Lock()
					failures = append(failures, failure{began, time.Now(), method, why})
					mu.Unlock()
				}
			})
		}
	})
	return func() (int, []failure) {
		cancel()
		all.Wait()
		return n, failures
	}
}

// An instance dies under load. Nothing is lost but what it had in its hands, though
// the leader is told nothing.
func TestAKilledInstanceLosesOnlyWhatItHadInFlight(t *testing.T) {
	for _, proxied := range []bool{false, true} {
		t.Run(fmt.Sprintf("behind a proxy %v", proxied), func(t *testing.T) {
			e := newEnv(t, Config{})
			vs := []*victim{newVictim(t, "a", proxied), newVictim(t, "b", proxied), newVictim(t, "c", proxied)}
			e.serve(t, web("/web", "example.com"), vs[0].Endpoint, vs[1].Endpoint, vs[2].Endpoint)
			stop := e.load(t, 500, "GET", "POST")
			requests := func() uint64 { return e.Stats().Apps[0].Requests }
			eventually(t, "load runs", func() bool { return requests() > 200 })
			for _, v := range vs[:2] {
				v.kill()
				from := requests()
				eventually(t, "load goes on", func() bool { return requests() > from+150 })
				v.bury()
				eventually(t, "load goes on", func() bool { return requests() > from+300 })
			}
			total, failed := stop()
			for _, f := range failed {
				inFlight := false // when one of them died
				for _, v := range vs[:2] {
					inFlight = inFlight || f.began.Before(v.died) && f.ended.After(v.died.Add(-time.Second))
				}
				if !inFlight || f.method == "GET" {
					t.Errorf("of %d requests one failed that no instance can have had in flight: %s, %v after a died, %v after b died: %s",
						total, f.method, f.began.Sub(vs[0].died), f.began.Sub(vs[1].died), f.why)
				}
			}
			t.Logf("%d of %d failed, %d retries", len(failed), total, e.Stats().Apps[0].Retries)
		})
	}
}

// While tables are swapped, instances come, drain and stop, nothing fails.
func TestTableSwapsUnderLoadFailNothing(t *testing.T) {
	e := newEnv(t, Config{})
	var served atomic.Int64
	start := func(name string) (*httptest.Server, apps.Endpoint) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
			served.Add(1)
		}))
		return s, endpointAt(t, name, s.Listener.Addr().String())
	}
	type live struct {
		*httptest.Server
		apps.Endpoint
	}
	var running []live
	endpoints := func() (all []apps.Endpoint) {
		for _, l := range running {
			all = append(all, l.Endpoint)
		}
		return all
	}
	for i := range 3 {
		s, ep := start(fmt.Sprint("first-", i))
		running = append(running, live{s, ep})
	}
	service := web("/web", "example.com")
	e.serve(t, service, endpoints()...)
	stop := e.load(t, 500, "GET", "POST")
	for round := range 60 {
		s, ep := start(fmt.Sprint("next-", round))
		running = append(running, live{s, ep})
		e.serve(t, service, endpoints()...)
		old := running[0]
		running = running[1:]
		e.serve(t, web("/web", "example.com", fmt.Sprintf("v%d.example.com", round)), endpoints()...)
		from := served.Load()
		eventually(t, "it is drained and requests go on", func() bool {
			return len(e.Busy()) == 0 && served.Load() > from+10
		})
		old.CloseClientConnections()
		old.Close() // would fail whatever still came
	}
	total, failed := stop()
	for _, f := range failed {
		t.Errorf("one of %d requests failed: %s: %s", total, f.method, f.why)
	}
	for _, l := range running {
		l.Close()
	}
}
