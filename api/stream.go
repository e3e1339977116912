package api

import (
	"net/http"
	"strings"
	"time"
)

// unbounded lifts the server's deadlines from a stream: it may be read for days.
// Instead each write must be taken within StreamWait, so that a client that does
// not read is cut, and cannot hold what it is sent in memory.
func (d *door) unbounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Time{}) // a writer without deadlines (a test's) has none to lift
		next.ServeHTTP(&streamWriter{w, control, d.StreamWait}, r)
	})
}

type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	wait    time.Duration
}

func (s *streamWriter) Write(b []byte) (int, error) {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.wait))
	return s.ResponseWriter.Write(b)
}

// Flush sends what was written; the proxy asks for it after every piece.
func (s *streamWriter) Flush() {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.wait))
	_ = s.control.Flush()
}

// Unwrap lets a ResponseController see the connection.
func (s *streamWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// isStream reports whether a request is for events or logs.
func isStream(r *http.Request) bool {
	p := r.URL.Path
	return strings.HasSuffix(p, "/v2/events") || p == "/pacer/v1/roles" || strings.HasPrefix(p, "/pacer/v1/") && (strings.HasSuffix(p, "/logs") || strings.HasPrefix(p, "/pacer/v1/logs/"))
}
