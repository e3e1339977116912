package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"pacer/apps"
)

// buckets are the upper bounds of request durations, in seconds.
var buckets = [...]float64{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10}

// metrics count what passed through the door.
type metrics struct {
	byStatus [6]atomic.Int64 // 1xx … 5xx, by first digit
	bucket   [len(buckets) + 1]atomic.Int64
	micros   atomic.Int64
	active   atomic.Int64
	streams  atomic.Int64
}

// counted counts requests, by status and duration, streams aside.
func (d *door) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		d.metrics.active.Add(1)
		defer d.metrics.active.Add(-1)
		s := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(s, r)
		if isStream(r) {
			return
		}
		d.metrics.observe(max(s.status, http.StatusOK), time.Since(began))
	})
}

func (m *metrics) observe(status int, took time.Duration) {
	m.byStatus[min(status/100, 5)].Add(1)
	m.micros.Add(took.Microseconds())
	i := 0
	for i < len(buckets) && took.Seconds() > buckets[i] {
		i++
	}
	m.bucket[i].Add(1)
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a ResponseController see the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Flush sends what was written.
func (s *statusWriter) Flush() { _ = http.NewResponseController(s.ResponseWriter).Flush() }

// getMetrics writes Prometheus text: this package's, then every writer's of the
// Config. A client that takes JSON alone gets Marathon's form of the common gauges.
func (d *door) getMetrics(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Accept") == "application/json" {
		return d.ok(w, d.marathonMetrics())
	}
	return d.getPrometheus(w, r)
}

func (d *door) getPrometheus(w http.ResponseWriter, r *http.Request) error {
	var buf bytes.Buffer
	d.metrics.write(&buf)
	fmt.Fprintf(&buf, "# HELP pacer_event_stream_presence_untold_total Comings and goings of clients of the events that the others were not told, as there were too many at once.\n# TYPE pacer_event_stream_presence_untold_total counter\npacer_event_stream_presence_untold_total %d\n", d.feed.untoldGuests())
	for _, write := range d.Metrics {
		write(&buf)
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(buf.Bytes())
	return nil
}

func (m *metrics) write(w io.Writer) {
	fmt.Fprint(w, "# HELP pacer_http_requests_total Requests answered by the API, streams aside.\n# TYPE pacer_http_requests_total counter\n")
	for class := 2; class <= 5; class++ {
		fmt.Fprintf(w, "pacer_http_requests_total{status=\"%dxx\"} %d\n", class, m.byStatus[class].Load())
	}
	fmt.Fprint(w, "# HELP pacer_http_request_seconds Time to answer a request.\n# TYPE pacer_http_request_seconds histogram\n")
	total := int64(0)
	for i, bound := range buckets {
		total += m.bucket[i].Load()
		fmt.Fprintf(w, "pacer_http_request_seconds_bucket{le=\"%g\"} %d\n", bound, total)
	}
	total += m.bucket[len(buckets)].Load()
	fmt.Fprintf(w, "pacer_http_request_seconds_bucket{le=\"+Inf\"} %d\n", total)
	fmt.Fprintf(w, "pacer_http_request_seconds_sum %g\npacer_http_request_seconds_count %d\n", float64(m.micros.Load())/1e6, total)
	fmt.Fprintf(w, "# HELP pacer_http_requests_active Requests being answered.\n# TYPE pacer_http_requests_active gauge\npacer_http_requests_active %d\n", m.active.Load())
	fmt.Fprintf(w, "# HELP pacer_event_streams Clients that follow the events.\n# TYPE pacer_event_streams gauge\npacer_event_streams %d\n", m.streams.Load())
}

type gauge struct {
	Value float64 `json:"value"`
}

// marathonMetrics is Marathon's form. Counts of the cluster are the leader's to tell.
func (d *door) marathonMetrics() map[string]any {
	gauges := map[string]gauge{
		"marathon.http.requests.active.gauge":      {float64(d.metrics.active.Load())},
		"marathon.http.event-streams.active.gauge": {float64(d.metrics.streams.Load())},
	}
	if v := d.Deployer.View(); v != nil {
		list := v.Apps()
		groups := map[apps.ID]bool{"/": true}
		var staged, running, pods int
		for _, app := range list {
			for id := app.ID.Parent(); !groups[id]; id = id.Parent() {
				groups[id] = true
			}
			if app.Pod != nil {
				pods++
			}
			c := count(v.InstancesOf(app.ID))
			staged, running = staged+c.Staged, running+c.Running
		}
		gauges["marathon.apps.active.gauge"] = gauge{float64(len(list) - pods)}
		gauges["marathon.groups.active.gauge"] = gauge{float64(len(groups))}
		gauges["marathon.pods.active.gauge"] = gauge{float64(pods)}
		gauges["marathon.deployments.active.gauge"] = gauge{float64(len(v.Deployments()))}
		gauges["marathon.instances.running.gauge"] = gauge{float64(running)}
		gauges["marathon.instances.staged.gauge"] = gauge{float64(staged)}
	}
	none := map[string]any{}
	return map[string]any{"version": "4.0.0", "gauges": gauges, "counters": none, "histograms": none, "meters": none, "timers": none}
}
