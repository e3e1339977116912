package lb

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"pacer/apps"
)

// stats is what is counted for the balancer as a whole.
type stats struct {
	unknown   atomic.Uint64 // requests for a host or path that nobody claims
	ejections atomic.Uint64
}

// latencyBounds are the upper bounds of the latency histogram's buckets, in ms.
var latencyBounds = [...]int64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}

type appStats struct {
	inFlight    atomic.Int64
	classes     [6]atomic.Uint64 // by the first digit of the status; 0: the client hung up first
	retries     atomic.Uint64
	broken      atomic.Uint64 // answers that broke off
	connections atomic.Uint64 // TCP
	refused     atomic.Uint64 // TCP connections that no backend took
	latency     [len(latencyBounds) + 1]atomic.Uint64
	microsSum   atomic.Uint64
}

func (s *appStats) done(status int, took time.Duration) {
	class := status / 100
	if status == clientGone || class >= len(s.classes) {
		class = 0
	}
	s.classes[class].Add(1)
	i := 0
	for ms := took.Milliseconds(); i < len(latencyBounds) && ms >= latencyBounds[i]; {
		i++
	}
	s.latency[i].Add(1)
	s.microsSum.Add(uint64(took.Microseconds()))
}

// Stats is what a balancer has done and cannot do.
type Stats struct {
	Apps        []AppStats       // ordered by id
	Unknown     uint64           // requests for a host or path that nobody claims
	Ejections   uint64           // of endpoints that did not take connections
	Connections int              // of clients, open now
	ConnsMax    int              // beyond it clients wait
	PortErrors  map[int]string   // service ports that are not open, and why
	Ports       map[int]apps.ID  // service ports that are open
	Out         map[string]int64 // instances that are ejected now, and for how many ms yet
}

// AppStats is one app's part.
type AppStats struct {
	App         apps.ID
	Endpoints   int
	InFlight    int64
	Requests    uint64
	Errors      uint64 // 5xx, ours and the app's
	ClientGone  uint64
	Retries     uint64
	Broken      uint64 // answers that broke off
	Connections uint64 // TCP, since the beginning
	Refused     uint64 // TCP connections that no endpoint took

	stats *appStats
}

// Stats is a snapshot.
func (b *Balancer) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Stats{
		Unknown:     b.stats.unknown.Load(),
		Ejections:   b.stats.ejections.Load(),
		Connections: len(b.slots),
		ConnsMax:    cap(b.slots),
		PortErrors:  map[int]string{},
		Ports:       map[int]apps.ID{},
		Out:         map[string]int64{},
	}
	for n, err := range b.portErrs {
		s.PortErrors[n] = err.Error()
	}
	for n := range b.listeners {
		if r, ok := b.table.Load().port(n); ok {
			s.Ports[n] = r.app.id
		}
	}
	now := time.Now().UnixNano()
	for _, id := range slices.Sorted(maps.Keys(b.apps)) {
		a := b.apps[id]
		for _, be := range a.backends {
			if out := be.outUntil.Load(); out > now {
				s.Out[be.instance] = (out - now) / int64(time.Millisecond)
			}
		}
		st := a.stats
		row := AppStats{
			App: id, Endpoints: len(a.backends), InFlight: st.inFlight.Load(),
			Errors: st.classes[5].Load(), ClientGone: st.classes[0].Load(), Retries: st.retries.Load(),
			Broken: st.broken.Load(), Connections: st.connections.Load(), Refused: st.refused.Load(), stats: st,
		}
		for i := range st.classes {
			row.Requests += st.classes[i].Load()
		}
		s.Apps = append(s.Apps, row)
	}
	return s
}

// WriteMetrics writes the statistics in Prometheus's text format.
func (b *Balancer) WriteMetrics(to io.Writer) error {
	s := b.Stats()
	w := bufio.NewWriter(to)
	family := func(name, kind, help string, rows func(row func(labels string, v any))) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		rows(func(labels string, v any) { fmt.Fprintf(w, "%s%s %v\n", name, labels, v) })
	}
	one := func(name, kind, help string, v any) {
		family(name, kind, help, func(row func(string, any)) { row("", v) })
	}
	perApp := func(name, kind, help string, value func(AppStats) any) {
		family(name, kind, help, func(row func(string, any)) {
			for _, a := range s.Apps {
				row(fmt.Sprintf(`{app=%s}`, label(string(a.App))), value(a))
			}
		})
	}
	family("pacer_lb_requests_total", "counter", "Requests answered, by app and class of status; 499 is a client that hung up first.", func(row func(string, any)) {
		for _, a := range s.Apps {
			for i := range a.stats.classes {
				class := strconv.Itoa(i) + "xx"
				if i == 0 {
					class = "499"
				}
				if n := a.stats.classes[i].Load(); n > 0 {
					row(fmt.Sprintf(`{app=%s,code=%q}`, label(string(a.App)), class), n)
				}
			}
		}
	})
	perApp("pacer_lb_in_flight", "gauge", "Requests and connections in flight.", func(a AppStats) any { return a.InFlight })
	perApp("pacer_lb_endpoints", "gauge", "Endpoints in the table.", func(a AppStats) any { return a.Endpoints })
	perApp("pacer_lb_retries_total", "counter", "Attempts that failed and were followed by another.", func(a AppStats) any { return a.Retries })
	perApp("pacer_lb_broken_answers_total", "counter", "Answers that broke off after they had begun.", func(a AppStats) any { return a.Broken })
	perApp("pacer_lb_tcp_connections_total", "counter", "TCP connections to service ports.", func(a AppStats) any { return a.Connections })
	perApp("pacer_lb_tcp_refused_total", "counter", "TCP connections that no endpoint took.", func(a AppStats) any { return a.Refused })
	const latency = "pacer_lb_request_duration_seconds"
	fmt.Fprintf(w, "# HELP %s From the request's header to the end of its answer.\n# TYPE %s histogram\n", latency, latency)
	for _, a := range s.Apps {
		if a.Requests == 0 {
			continue
		}
		app, sum := label(string(a.App)), uint64(0)
		for i := range a.stats.latency {
			sum += a.stats.latency[i].Load()
			le := "+Inf"
			if i < len(latencyBounds) {
				le = strconv.FormatFloat(float64(latencyBounds[i])/1000, 'g', -1, 64)
			}
			fmt.Fprintf(w, "%s_bucket{app=%s,le=%q} %d\n", latency, app, le, sum)
		}
		fmt.Fprintf(w, "%s_sum{app=%s} %g\n%s_count{app=%s} %d\n", latency, app, float64(a.stats.microsSum.Load())/1e6, latency, app, sum)
	}
	one("pacer_lb_unknown_total", "counter", "Requests for a host or path that no app claims.", s.Unknown)
	one("pacer_lb_ejections_total", "counter", "Times an endpoint was left out for a while because it did not take connections.", s.Ejections)
	one("pacer_lb_ejected", "gauge", "Endpoints that are left out now.", len(s.Out))
	one("pacer_lb_connections", "gauge", "Client connections open now.", s.Connections)
	one("pacer_lb_connections_max", "gauge", "Client connections that may be open; beyond it clients wait.", s.ConnsMax)
	family("pacer_lb_port_closed", "gauge", "Service ports that could not be opened.", func(row func(string, any)) {
		for _, n := range slices.Sorted(maps.Keys(s.PortErrors)) {
			row(fmt.Sprintf(`{port="%d"}`, n), 1)
		}
	})
	return w.Flush()
}

// label quotes a label's value as Prometheus's text format wants it.
func label(v string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(v) + `"`
}
