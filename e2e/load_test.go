package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A load is constant traffic for virtual hosts through the load balancer: GET and
// POST in turn over keep-alive connections, host after host.
type load struct {
	stop chan struct{}
	done sync.WaitGroup

	mu       sync.Mutex
	requests int
	failures []failure
	versions map[string]int // answers by version of hello
}

type failure struct {
	begun, ended time.Time
	what         string
}

const (
	loadRate    = 500 // requests a second
	loadWorkers = 16
)

// press starts the load; it runs until end is called.
func press(t testing.TB, p *platform, hosts ...string) *load {
	l := &load{stop: make(chan struct{}), versions: map[string]int{}}
	transport := &http.Transport{MaxIdleConnsPerHost: loadWorkers, MaxConnsPerHost: loadWorkers}
	c := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	for w := range loadWorkers {
		l.done.Go(func() {
			tick := time.NewTicker(time.Second * loadWorkers / loadRate)
			defer tick.Stop()
			for n := w; ; n++ {
				select {
				case <-l.stop:
					return
				case <-tick.C:
				}
				l.one(c, p, hosts[n/2%len(hosts)], n)
			}
		})
	}
	t.Cleanup(func() {
		l.end()
		transport.CloseIdleConnections()
	})
	return l
}

func (l *load) one(c *http.Client, p *platform, host string, n int) {
	var req *http.Request
	var err error
	if n%2 == 0 {
		req, err = http.NewRequest("GET", "http://"+p.lb+"/", nil)
	} else {
		req, err = http.NewRequest("POST", "http://"+p.lb+"/", strings.NewReader(strings.Repeat("x", 1000)))
	}
	if err != nil {
		panic(err)
	}
	req.Host = host
	begun := time.Now()
	resp, err := c.Do(req)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil && resp.StatusCode != 200 {
			err = fmt.Errorf("%s %s", resp.Status, body)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if err != nil {
		l.failures = append(l.failures, failure{begun, time.Now(), fmt.Sprintf("%s: %v", req.Method, err)})
		return
	}
	if words := strings.Fields(string(body)); len(words) > 2 {
		l.versions[words[2]]++
	}
}

// end stops the load and waits for its last requests.
func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
}

// sent is how many requests were answered so far, well or badly.
func (l *load) sent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests
}

// more waits until another n requests are through.
func (l *load) more(t testing.TB, n int) {
	t.Helper()
	from := l.sent()
	waitFor(t, "traffic", func() error {
		if got := l.sent() - from; got < n {
			return fmt.Errorf("%d requests", got)
		}
		return nil
	})
}

// answered counts the answers of one version of hello.
func (l *load) answered(version string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.versions[version]
}

// A span is the time in which an instance died: from the signal until its sockets
// were closed. What is sent to it meanwhile is taken by the kernel and lost.
type span struct{ from, to time.Time }

// clean fails the test where a request failed that was not in flight while an
// instance died; at most one of each connection can have been.
func (l *load) clean(t testing.TB, deaths ...span) {
	t.Helper()
	l.end()
	l.mu.Lock()
	defer l.mu.Unlock()
	bad := 0
	for _, f := range l.failures {
		excuse := false
		for _, death := range deaths {
			excuse = excuse || !f.begun.After(death.to) && !f.ended.Before(death.from)
		}
		if !excuse {
			if bad++; bad <= 5 {
				t.Errorf("a request of %s, answered %s later: %s", f.begun.Format("05.000"), f.ended.Sub(f.begun).Round(time.Millisecond), f.what)
			}
		}
	}
	if excused := len(l.failures) - bad; excused > loadWorkers*len(deaths) {
		t.Errorf("%d requests were excused, more than the %d connections had in flight", excused, loadWorkers)
	}
	t.Logf("%d requests, %d failed, %d of them without excuse", l.requests, len(l.failures), bad)
	if bad > 0 {
		t.Fatalf("%d of %d requests failed", bad, l.requests)
	}
}
