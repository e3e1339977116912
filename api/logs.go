package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pacer/apps"
)

const (
	logTail    = 100       // lines, where the query does not say
	logTailMax = 100_000   // lines
	logLineMax = 256 << 10 // bytes of one line; a longer one is broken
	logStreams = 200       // instances of one app followed at once
	lookForNew = time.Second
)

// logQuery reads tail and follow.
func logQuery(r *http.Request) (tail int, follow bool, err error) {
	tail = logTail
	if text := r.URL.Query().Get("tail"); text != "" {
		tail, err = strconv.Atoi(text)
		if err != nil || tail < 0 || tail > logTailMax {
			return 0, false, apps.Errorf(apps.Invalid, "tail must be a number of lines from 0 (all) to %d, not %q", logTailMax, text)
		}
	}
	follow, err = flag(r, "follow", false)
	return tail, follow, err
}

func (d *door) logs() (LogStreamer, error) {
	if d.Logs == nil {
		return nil, apps.Errorf(apps.Unavailable, "This server cannot fetch logs")
	}
	return d.Logs, nil
}

func (d *door) getInstanceLogs(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	tail, follow, err := logQuery(r)
	if err != nil {
		return err
	}
	logs, err := d.logs()
	if err != nil {
		return err
	}
	id := apps.InstanceOfTask(strings.Join(rest(r, "/pacer/v1/logs"), "/"))
	in, ok := v.Instance(id)
	if !ok {
		return apps.Errorf(apps.NotFound, "Task '%s' does not exist", id)
	}
	if in.Host == "" {
		return apps.Errorf(apps.NotFound, "Task '%s' has no host yet: it has printed nothing", id)
	}
	out := newLogWriter(w, d.constants)
	if err := logs.Logs(r.Context(), in.Host, ofPart(in.ID, r.URL.Query().Get("container")), tail, follow, out); err != nil {
		return d.endOfLog(out, r, in.ID, err)
	}
	out.start()
	return nil
}

// ofPart is an instance, or one container of a pod's.
func ofPart(instance, container string) string {
	if container == "" {
		return instance
	}
	return apps.PartID(instance, container)
}

// endOfLog is an error's answer while there is none yet, else a last line.
func (d *door) endOfLog(out *logWriter, r *http.Request, instance string, err error) error {
	if r.Context().Err() != nil {
		return nil
	}
	if !out.started() {
		return err
	}
	d.Log.Warn("log stream broke", "instance", instance, "err", err)
	_, _ = io.WriteString(out, "[pacer: the log of "+instance+" cannot be read any further]\n")
	return nil
}

// getAppLogs prints the logs of all instances of an app, each line after the id of
// its instance. With follow it finds new instances too.
func (d *door) getAppLogs(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		tail, follow, err := logQuery(r)
		if err != nil {
			return err
		}
		logs, err := d.logs()
		if err != nil {
			return err
		}
		id := appID(path)
		if _, ok := v.Spec(id); !ok {
			return noApp(id)
		}
		out := newLogWriter(w, d.constants)
		out.start()
		streams, ctx := errgroup.WithContext(r.Context())
		streams.SetLimit(logStreams)
		seen := map[string]bool{}
		part := r.URL.Query().Get("container")
		attach := func(v View, tail int) {
			for _, in := range v.InstancesOf(id) {
				if seen[in.ID] || in.State < apps.Running {
					continue
				}
				started := streams.TryGo(func() error {
					lines := &lineWriter{out: out, prefix: in.ID + "  "}
					if err := logs.Logs(ctx, in.Host, ofPart(in.ID, part), tail, follow, lines); err != nil {
						return d.endOfLog(out, r, in.ID, err)
					}
					return lines.flush()
				})
				seen[in.ID] = started
			}
		}
		attach(v.View, tail)
		if follow {
			d.followNew(ctx, id, func(v View) { attach(v, 0) })
		}
		_ = streams.Wait() // the client went, or all was said
		return nil
	}
}

// followNew calls attach every second until ctx ends, leadership does or the app is
// deleted.
func (d *door) followNew(ctx context.Context, id apps.ID, attach func(View)) {
	tick := time.NewTicker(lookForNew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v := d.Deployer.View()
		if v == nil {
			return
		}
		if _, ok := v.App(id); !ok {
			return
		}
		attach(v)
	}
}

// A logWriter sends every piece at once. It is safe for many goroutines.
type logWriter struct {
	w       http.ResponseWriter
	headers func(http.Header)

	mu   sync.Mutex
	open bool
}

func newLogWriter(w http.ResponseWriter, headers func(http.Header)) *logWriter {
	return &logWriter{w: w, headers: headers}
}

// start sends the headers, so that a client knows that it is connected.
func (l *logWriter) start() { _, _ = l.Write(nil) }

func (l *logWriter) started() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

func (l *logWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open {
		l.open = true
		l.headers(l.w.Header())
		l.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		l.w.Header().Set("X-Content-Type-Options", "nosniff")
		l.w.WriteHeader(http.StatusOK)
	}
	n, err := l.w.Write(b)
	if err == nil {
		err = http.NewResponseController(l.w).Flush()
	}
	return n, err
}

// A lineWriter puts a prefix before each line and writes whole lines only.
type lineWriter struct {
	out    io.Writer
	prefix string
	line   []byte
}

func (l *lineWriter) Write(b []byte) (int, error) {
	n := len(b)
	var whole []byte
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			i = len(b) - 1
		}
		l.line = append(l.line, b[:i+1]...)
		b = b[i+1:]
		if l.line[len(l.line)-1] == '\n' || len(l.line) >= logLineMax {
			whole = append(append(whole, l.prefix...), bytes.TrimSuffix(l.line, []byte("\n"))...)
			whole = append(whole, '\n')
			l.line = l.line[:0]
		}
	}
	if len(whole) == 0 {
		return n, nil
	}
	_, err := l.out.Write(whole)
	return n, err
}

// flush writes a last line that has no end.
func (l *lineWriter) flush() error {
	if len(l.line) == 0 {
		return nil
	}
	_, err := l.Write([]byte("\n"))
	return err
}
