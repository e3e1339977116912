package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"pacer/api"
)

// A listener is a client of the event stream that notes when each event came.
type listener struct {
	conn   net.Conn
	joined chan struct{} // closed when the server has said that it is attached
	ended  chan struct{}

	mu    sync.Mutex
	first uint64      // number of the first event
	at    []time.Time // when the events came, from first on
	fault error       // an event was missed
	last  atomic.Uint64
}

// listen opens a stream of every event there is: their numbers have no gaps.
func listen(addr string) (*listener, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &listener{conn: conn, joined: make(chan struct{}), ended: make(chan struct{})}
	if _, err := conn.Write(request("GET", "/v2/events?own=true", nil, "Accept: text/event-stream")); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go l.read() // until the connection is closed, which is waited for
	return l, nil
}

func (l *listener) close() {
	_ = l.conn.Close()
	<-l.ended
}

func (l *listener) read() {
	defer close(l.ended)
	in := bufio.NewReaderSize(l.conn, 4096)
	joined := false
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) { // of data the end is enough
			return
		}
		if !joined && bytes.HasPrefix(line, []byte("event: event_stream_attached")) {
			joined = true
			close(l.joined)
		}
		if number, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			l.note(string(bytes.TrimSpace(number)))
		}
	}
}

func (l *listener) note(number string) {
	seq, err := strconv.ParseUint(number, 10, 64)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == 0 {
		l.first = seq
	}
	if want := l.first + uint64(len(l.at)); err != nil || seq != want {
		l.fault = fmt.Errorf("event %q came when %d was due", number, want)
	}
	l.at = append(l.at, time.Now())
	l.last.Store(seq)
}

// lag is how long after its date each event from seq from on came.
func (l *listener) lag(from uint64, dates []time.Time) (lag samples, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, date := range dates {
		n := int(from-l.first) + i
		if n < 0 || n >= len(l.at) {
			return nil, fmt.Errorf("event %d did not come", from+uint64(i))
		}
		lag = append(lag, l.at[n].Sub(date))
	}
	return lag, l.fault
}

// streams measures what many subscribers of the events get, and cost.
func (w *world) streams(ctx context.Context, s scope) (table, error) {
	t := table{
		Title: fmt.Sprintf("%d subscribers of /v2/events", s.subscribers),
		Head:  []string{"", "events", "delivered", "p50", "p99", "slowest", "CPU per delivery, all in all", "memory per subscriber"},
		Notes: []string{"From the date of the event, when the core decided, until it is at the subscriber: the commit is in it. Memory is heap and stacks of this process, the subscriber's own side included; a bare handler that holds as many connections open takes what is said beside it."},
	}
	bare, err := bareStreams(s.subscribers)
	if err != nil {
		return t, err
	}
	before := memory()
	all, err := w.subscribe(ctx, s.subscribers)
	defer func() {
		for _, l := range all {
			l.close()
		}
	}()
	if err != nil {
		return t, err
	}
	each := (memory() - before) / float64(s.subscribers)
	for _, stuck := range []int{0, 10} {
		for range stuck { // they are sent everything and read nothing
			conn, err := net.Dial("tcp", w.addr)
			if err != nil {
				return t, err
			}
			defer conn.Close()
			_ = conn.(*net.TCPConn).SetReadBuffer(4096)
			if _, err := conn.Write(request("GET", "/v2/events?own=true", nil, "Accept: text/event-stream")); err != nil {
				return t, err
			}
		}
		cpu := cpuOf()
		lag, events, err := w.broadcast(ctx, s, all, stuck)
		cpu = cpuOf() - cpu
		if err != nil {
			return t, err
		}
		what := "all read"
		if stuck > 0 {
			what = fmt.Sprintf("and %d more that do not read", stuck)
		}
		t.Rows = append(t.Rows, row{
			Cells:   []string{what, fmt.Sprint(events), fmt.Sprint(len(lag)), short(lag.at(0.5)), short(lag.at(0.99)), short(lag.at(1)), fmt.Sprintf("%.1f µs", us(cpu)/float64(max(len(lag), 1))), fmt.Sprintf("%.0f KiB (bare: %.0f KiB)", each/1024, bare/1024)},
			Samples: map[string][]float64{"p50": {lag.at(0.5).Seconds() * 1000}, "p99": {lag.at(0.99).Seconds() * 1000}},
		})
	}
	return t, nil
}

func (w *world) subscribe(ctx context.Context, n int) (all []*listener, err error) {
	for range n {
		l, err := listen(w.addr)
		if err != nil {
			return all, err
		}
		all = append(all, l)
		select {
		case <-l.joined:
		case <-l.ended:
			return all, errors.New("a stream ended before it began")
		case <-ctx.Done():
			return all, context.Cause(ctx)
		}
	}
	return all, nil
}

// broadcast changes app after app, and waits until every event of it has come
// to everyone.
func (w *world) broadcast(ctx context.Context, s scope, all []*listener, round int) (lag samples, events int, err error) {
	from, err := w.db.LastSeq(ctx)
	if err != nil {
		return nil, 0, err
	}
	c, err := dial(w.addr)
	if err != nil {
		return nil, 0, err
	}
	defer c.close()
	tick := time.NewTicker(s.pace)
	defer tick.Stop()
	for i := range s.changes {
		body, err := json.Marshal(benchApp(i, s.perApp, fmt.Sprint("stream ", round, " ", i)))
		if err != nil {
			return nil, 0, err
		}
		if err := c.do(request("PUT", "/v2/apps"+benchID(i), body)); err != nil {
			return nil, 0, err
		}
		<-tick.C
	}
	if err := w.idle(ctx); err != nil {
		return nil, 0, err
	}
	last, err := w.db.LastSeq(ctx)
	if err != nil {
		return nil, 0, err
	}
	dates, err := w.dates(ctx, from, last)
	if err != nil {
		return nil, 0, err
	}
	for _, l := range all {
		if err := w.until(ctx, "the events to come", func() bool { return l.last.Load() >= last }); err != nil {
			return nil, 0, err
		}
		some, err := l.lag(from+1, dates)
		if err != nil {
			return nil, 0, err
		}
		lag = append(lag, some...)
	}
	return lag, len(dates), nil
}

// dates are when the events after number from happened.
func (w *world) dates(ctx context.Context, from, last uint64) (dates []time.Time, err error) {
	for from < last {
		page, err := w.db.Notices(ctx, from, int(min(last-from, 1000)))
		if err != nil {
			return nil, err
		}
		for _, n := range page {
			dates, from = append(dates, n.At), n.Seq
		}
	}
	return dates, nil
}

// bareStreams is the memory that each of n connections takes whose handler does nothing.
func bareStreams(n int) (float64, error) {
	router := chi.NewRouter()
	router.Get("/*", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("event: event_stream_attached\r\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := api.NewServer(router)
	go func() { _ = server.Serve(l) }() // ends with Close
	defer server.Close()
	before := memory()
	for range n {
		one, err := listen(l.Addr().String())
		if err != nil {
			return 0, err
		}
		defer one.close()
		<-one.joined
	}
	return (memory() - before) / float64(n), nil
}

// memory is what this process has on its heap and stacks, in bytes.
func memory() float64 {
	runtime.GC()
	runtime.GC() // what the first one found is free now
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
