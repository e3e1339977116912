package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"

	"pacer/api"
	"pacer/testbed"
)

// A scope is how much the API is measured with.
type scope struct {
	sizes       []int // numbers of apps, ever more; all is read at the last
	perApp      int   // instances
	perHost     int   // instances, of pretended hosts
	puts        int   // one after the other, at each size
	burst       int   // PUTs at once
	subscribers int
	changes     int // that subscribers hear of, one each pace
	pace        time.Duration
	rounds      int
	load        time.Duration // how long a round of requests is
}

// fullScope is what the goals speak of: 10,000 apps and 50,000 instances.
var fullScope = scope{sizes: []int{100, 1000, 10_000}, perApp: 5, perHost: 100, puts: 300, burst: burst, subscribers: 1000, changes: 20, pace: 500 * time.Millisecond, rounds: 12, load: time.Second}

// burst is how many PUTs come at once.
const burst = 500

// apiSpeed measures the API over TCP, on PostgreSQL, with pretended hosts.
func apiSpeed(ctx context.Context, b *bench) ([]table, error) {
	pg, err := testbed.StartPostgres(ctx)
	if err != nil {
		return nil, err
	}
	w, err := newWorld(ctx, pg.URL)
	if err != nil {
		return nil, errors.Join(err, pg.Close())
	}
	s := fullScope
	s.rounds = b.rounds
	s.sizes = append(slices.DeleteFunc(slices.Clone(s.sizes), func(n int) bool { return n >= b.apps }), b.apps)
	tables, err := w.measure(ctx, s)
	return tables, errors.Join(err, w.close(), pg.Close())
}

// measure takes everything at the sizes of the scope.
func (w *world) measure(ctx context.Context, s scope) ([]table, error) {
	var tables []table
	writes := table{Title: "PUT of one app, one after the other", Head: []string{"apps", "instances", "median", "p99", "CPU of it all"}}
	for _, n := range s.sizes {
		if err := w.fill(ctx, s, n); err != nil {
			return tables, fmt.Errorf("fill with %d apps: %w", n, err)
		}
		r, err := w.putOneByOne(ctx, s, n)
		if err != nil {
			return tables, fmt.Errorf("PUT one by one: %w", err)
		}
		writes.Rows = append(writes.Rows, r)
	}
	tables = append(tables, writes)
	for _, part := range []func(context.Context, scope) (table, error){w.reads, w.putAtOnce, w.streams} {
		t, err := part(ctx, s)
		if err != nil {
			return tables, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// benchID is the n-th app, in one of a hundred groups.
func benchID(n int) string { return fmt.Sprintf("/team%02d/service-%05d", n%100, n) }

// benchApp is an app as people write them.
func benchApp(n, instances int, release string) map[string]any {
	name := fmt.Sprintf("service-%05d", n)
	return map[string]any{
		"id": benchID(n), "instances": instances, "cpus": 0.1, "mem": 128,
		"container": map[string]any{
			"type": "DOCKER", "docker": map[string]any{"image": "registry.example.com/shop/" + name + ":1.4.2"},
			"portMappings": []any{map[string]any{"containerPort": 8080, "hostPort": 0, "name": "http"}},
		},
		"networks":     []any{map[string]any{"mode": "container/bridge"}},
		"env":          map[string]any{"RELEASE": release, "DATABASE_URL": "postgres://" + name + "@db.example.com/" + name, "LOG_LEVEL": "info", "JAVA_OPTS": "-Xmx96m -XX:+UseSerialGC"},
		"labels":       map[string]any{"HAPROXY_GROUP": "external", "HAPROXY_0_VHOST": name + ".example.com", "team": fmt.Sprintf("team%02d", n%100), "owner": "someone@example.com"},
		"healthChecks": []any{map[string]any{"protocol": "HTTP", "path": "/health", "portIndex": 0, "gracePeriodSeconds": 30, "intervalSeconds": 10, "timeoutSeconds": 5}},
	}
}

// fill brings the world to n apps, all of them running.
func (w *world) fill(ctx context.Context, s scope, n int) error {
	w.hosts.add(n*s.perApp/s.perHost*5/4 + 2)
	c, err := dial(w.addr)
	if err != nil {
		return err
	}
	defer c.close()
	const page = 500 // apps of a request
	for have := len(w.deployer.View().Apps()); have < n; {
		var list []any
		for len(list) < min(page, n-have) {
			list = append(list, benchApp(have+len(list), s.perApp, "1"))
		}
		body, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if err := c.do(request("PUT", "/v2/apps", body)); err != nil {
			return err
		}
		have += len(list)
		if err := w.idle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// cpuOf is what this process has used so far.
func cpuOf() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// putOneByOne changes apps one after the other, each when the deployment before is over.
func (w *world) putOneByOne(ctx context.Context, s scope, n int) (row, error) {
	c, err := dial(w.addr)
	if err != nil {
		return row{}, err
	}
	defer c.close()
	var took samples
	var cpu time.Duration
	for i := range s.puts {
		body, err := json.Marshal(benchApp(i*7919%n, s.perApp, fmt.Sprint("one ", n, " ", i)))
		if err != nil {
			return row{}, err
		}
		put := request("PUT", "/v2/apps"+benchID(i*7919%n), body)
		before, begun := cpuOf(), time.Now()
		if err := c.do(put); err != nil {
			return row{}, err
		}
		took = append(took, time.Since(begun))
		cpu += cpuOf() - before
		if err := w.idle(ctx); err != nil {
			return row{}, err
		}
	}
	return row{
		Cells:   []string{fmt.Sprint(n), fmt.Sprint(n * s.perApp), short(took.median()), short(took.at(0.99)), short(cpu / time.Duration(s.puts))},
		Samples: map[string][]float64{"ms": took.ms()},
	}, nil
}

// constant serves one body, as it is, from a bare router.
func constant(body []byte, headers map[string]string) (addr string, stop func(), err error) {
	router := chi.NewRouter()
	router.Get("/*", func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		_, _ = w.Write(body)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := api.NewServer(router)
	go func() { _ = server.Serve(l) }() // ends with stop
	return l.Addr().String(), func() { _ = server.Close() }, nil
}

// A reading is a GET that is compared with a constant body of its size.
type reading struct {
	what, path string
	gzip       bool
	conns      int
	goal       string
	change     bool // an app is changed before each request
}

func (w *world) readings() []reading {
	one := benchID(4)
	return []reading{
		{"GET /v2/apps/{id}", "/v2/apps" + one, false, 4, "≤ 2.00", false},
		{"the same, gzip", "/v2/apps" + one, true, 4, "≤ 2.00", false},
		{"GET /v2/apps, gzip", "/v2/apps", true, 1, "≤ 3.00", false},
		{"the same, an app changed before each", "/v2/apps", true, 1, "≤ 3.00", true},
		{"GET /v2/apps", "/v2/apps", false, 1, "≤ 3.00", false},
		{"GET /v2/apps?embed=apps.tasks, gzip", "/v2/apps?embed=apps.tasks", true, 1, "≤ 3.00", false},
		{"GET /v2/apps?label=team==team07, gzip", "/v2/apps?label=team%3D%3Dteam07", true, 1, "≤ 3.00", false},
		{"GET /v2/tasks, gzip", "/v2/tasks", true, 1, "≤ 3.00", false},
		{"GET /v2/groups, gzip", "/v2/groups", true, 1, "≤ 3.00", false},
		{"GET /v2/queue", "/v2/queue", true, 1, "≤ 3.00", false},
		{"GET /v2/deployments", "/v2/deployments", true, 1, "≤ 3.00", false},
	}
}

// reads compares GETs with constant bodies of the same size.
func (w *world) reads(ctx context.Context, s scope) (table, error) {
	t := table{Title: fmt.Sprintf("GET, with %d apps and %d instances", s.sizes[len(s.sizes)-1], s.sizes[len(s.sizes)-1]*s.perApp),
		Head: []string{"", "bytes", "constant body", "Pacer", "median ratio", "goal"}}
	for _, r := range w.readings() {
		if err := w.idle(ctx); err != nil {
			return t, err
		}
		one, err := w.compare(ctx, s, r)
		if err != nil {
			return t, fmt.Errorf("%s: %w", r.what, err)
		}
		t.Rows = append(t.Rows, one)
	}
	return t, nil
}

// compare takes turns: a round of the constant body, a round of Pacer.
func (w *world) compare(ctx context.Context, s scope, r reading) (row, error) {
	var headers []string
	constants := map[string]string{"Content-Type": "application/json"}
	if r.gzip {
		headers, constants["Content-Encoding"] = []string{"Accept-Encoding: gzip"}, "gzip"
	}
	get := request("GET", r.path, nil, headers...)
	c, err := dial(w.addr)
	if err != nil {
		return row{}, err
	}
	defer c.close()
	if err := c.do(get); err != nil {
		return row{}, err
	}
	body := slices.Clone(c.sink.Bytes())
	if err := whole(body, r.gzip); err != nil {
		return row{}, err
	}
	addr, stop, err := constant(body, constants)
	if err != nil {
		return row{}, err
	}
	defer stop()
	var raw, ours samples
	for round := range s.rounds {
		change := func() error {
			if !r.change {
				return nil
			}
			body, err := json.Marshal(benchApp(round, s.perApp, fmt.Sprint("read ", round)))
			if err != nil {
				return err
			}
			if err := c.do(request("PUT", "/v2/apps"+benchID(round), body)); err != nil {
				return err
			}
			return w.idle(ctx) // its restart would take the CPU from both
		}
		if err := change(); err != nil {
			return row{}, err
		}
		once, err := each(ctx, addr, get, r.conns, s.load, r.change)
		if err != nil {
			return row{}, err
		}
		raw = append(raw, once)
		if once, err = each(ctx, w.addr, get, r.conns, s.load, r.change); err != nil {
			return row{}, err
		}
		ours = append(ours, once)
	}
	return row{
		Cells:   []string{r.what, fmt.Sprint(len(body)), micro(raw), micro(ours), fmt.Sprintf("**%.2f**", ours.over(raw)), r.goal},
		Samples: map[string][]float64{"constant": raw.ms(), "pacer": ours.ms()}, Ratio: ours.over(raw),
	}, nil
}

// whole checks that an answer is one JSON document.
func whole(body []byte, zipped bool) error {
	if zipped {
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body, err = io.ReadAll(r); err != nil {
			return err
		}
	}
	if !json.Valid(body) {
		return errors.New("the answer is not JSON")
	}
	return nil
}

// each is the time of one request, all connections together: for as long as load says,
// or of a single request.
func each(ctx context.Context, addr string, get []byte, conns int, load time.Duration, single bool) (time.Duration, error) {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		done  int
		fault error
	)
	all := make([]*wire, conns)
	for i := range all {
		c, err := dial(addr)
		if err != nil {
			return 0, err
		}
		defer c.close()
		all[i] = c
	}
	begun := time.Now()
	for _, c := range all {
		group.Go(func() {
			n := 0
			var err error
			for err == nil && (n == 0 || !single && time.Since(begun) < load && ctx.Err() == nil) {
				err = c.do(get)
				n++
			}
			mu.Lock()
			defer mu.Unlock()
			done, fault = done+n, errors.Join(fault, err)
		})
	}
	group.Wait()
	return time.Since(begun) / time.Duration(max(done, 1)), fault
}

// micro is the median with the least and the most, in a unit that suits it.
func micro(s samples) string {
	if s.median() >= 10*time.Millisecond {
		return s.String()
	}
	return fmt.Sprintf("%.0f µs (%.0f to %.0f)", us(s.median()), us(slices.Min(s)), us(slices.Max(s)))
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// putAtOnce changes many apps at the same moment.
func (w *world) putAtOnce(ctx context.Context, s scope) (table, error) {
	t := table{Title: fmt.Sprintf("%d PUTs at once, each of another app", s.burst), Head: []string{"", "p50", "p99", "slowest", "all answered after", "PUTs a second", "commits", "commits a second"}}
	for round := range 3 {
		if err := w.idle(ctx); err != nil {
			return t, err
		}
		r, err := w.burst(ctx, s, round)
		if err != nil {
			return t, fmt.Errorf("PUTs at once: %w", err)
		}
		t.Rows = append(t.Rows, r)
	}
	return t, w.idle(ctx)
}

func (w *world) burst(ctx context.Context, s scope, round int) (row, error) {
	conns, puts := make([]*wire, s.burst), make([][]byte, s.burst)
	n := s.sizes[len(s.sizes)-1]
	for i := range conns {
		c, err := dial(w.addr)
		if err != nil {
			return row{}, err
		}
		defer c.close()
		at := (i*(n/s.burst) + round) % n
		body, err := json.Marshal(benchApp(at, s.perApp, fmt.Sprint("burst ", round)))
		if err != nil {
			return row{}, err
		}
		conns[i], puts[i] = c, request("PUT", "/v2/apps"+benchID(at), body)
	}
	var group sync.WaitGroup
	took, faults := make(samples, s.burst), make([]error, s.burst)
	before, begun := w.metric("pacer_commits_total"), time.Now()
	for i, c := range conns {
		group.Go(func() {
			faults[i] = c.do(puts[i])
			took[i] = time.Since(begun)
		})
	}
	group.Wait()
	all, commits := time.Since(begun), w.metric("pacer_commits_total")-before
	if err := errors.Join(faults...); err != nil {
		return row{}, err
	}
	return row{
		Cells: []string{fmt.Sprintf("round %d", round+1), short(took.at(0.5)), short(took.at(0.99)), short(took.at(1)), short(all),
			fmt.Sprintf("%.0f", float64(s.burst)/all.Seconds()), fmt.Sprintf("%.0f", commits), fmt.Sprintf("%.0f", commits/all.Seconds())},
		Samples: map[string][]float64{"ms": took.ms()},
	}, nil
}

// metric is one of the loop's statistics.
func (w *world) metric(name string) float64 {
	var b bytes.Buffer
	w.deployer.WriteMetrics(&b)
	for line := range strings.Lines(b.String()) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err == nil {
				return v
			}
		}
	}
	return 0
}
