package lb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	attemptsMax = 8 // at one request
	replaysMax  = 2 // of a request that an instance may have seen
)

// clientGone is the status that is counted, and sent to nobody, when the client
// hung up first (nginx's number).
const clientGone = 499

// An exchange is one request on its way to a backend and its answer on the way back.
type exchange struct {
	lb   *Balancer
	rule rule
	w    http.ResponseWriter
	r    *http.Request
	body *replay // nil: the request has none

	header  http.Header // to send
	stay    string      // the instance the client had, as its cookie says; mostly empty
	upgrade string      // the protocol the client wants to switch to
	tried   []*backend  // they are not asked again
	replays int
	status  int // of the answer that was begun; 0: none yet
}

// forward takes a request through: it chooses backends until one answers.
func (b *Balancer) forward(w http.ResponseWriter, r *http.Request, to rule) {
	x := &exchange{lb: b, rule: to, w: w, r: r}
	began := time.Now()
	stats := to.app.stats
	stats.inFlight.Add(1)
	defer func() {
		stats.inFlight.Add(-1)
		stats.done(x.status, time.Since(began))
	}()
	if r.Method == http.MethodConnect {
		x.refuse(http.StatusNotImplemented, "CONNECT is not served here")
		return
	}
	if to.toHTTPS && !overHTTPS(r) {
		x.redirect()
		return
	}
	x.header, x.upgrade = requestHeader(r)
	if to.sticky {
		x.stay = takeCookie(x.header)
	}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		x.body = &replay{source: r.Body}
		defer x.finishBody()
		// Otherwise the server reads what is left of the body before it writes the
		// answer's header: an answer that comes early would wait for the upload.
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	var last error
	for range attemptsMax {
		backend := to.app.acquire(to.port, x.tried, x.stay)
		if backend == nil {
			break
		}
		again, err := x.attempt(backend)
		if err == nil {
			return
		}
		last = err
		if !again {
			break
		}
		stats.retries.Add(1)
	}
	x.fail(last)
}

// attempt sends the request to one backend and, if that answers, passes the answer
// on. again says that err allows another attempt.
func (x *exchange) attempt(b *backend) (again bool, err error) {
	defer b.release()
	t := &trip{x: x, w: x.w}
	res, err := b.pools[x.rule.port].RoundTrip(x.request(b, t))
	t.finish()
	if err != nil {
		return x.mayRepeat(b, t, err), err
	}
	if x.body != nil {
		x.body.commit()
	}
	if x.rule.sticky && b.cookie != x.stay {
		setCookie(x.w.Header(), res.Header, b.cookie)
	}
	x.answer(res)
	return false, nil
}

// request is what is sent to a backend: the client's request with our headers.
func (x *exchange) request(b *backend, t *trip) *http.Request {
	to := *x.r.URL
	to.Scheme, to.Host = "http", b.pools[x.rule.port].addr
	out := (&http.Request{
		Method:        x.r.Method,
		URL:           &to,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        x.header,
		Host:          x.r.Host,
		ContentLength: x.r.ContentLength,
		// The same map: it is filled when the client's body has been read.
		Trailer: x.r.Trailer,
	}).WithContext(httptrace.WithClientTrace(x.r.Context(), t.trace()))
	if x.body != nil {
		out.Body = x.body.view()
	} else {
		out.ContentLength = 0
	}
	return out
}

// A trip is one attempt's connection and its interim answers.
type trip struct {
	x    *exchange
	conn *conn // nil: none was got
	from mark
	used bool // conn had served before

	mu   sync.Mutex
	w    http.ResponseWriter
	over bool // RoundTrip has returned: w belongs to the answer
}

func (t *trip) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			t.conn = info.Conn.(*conn)
			t.conn.idle.Store(false)
			t.from, t.used = t.conn.mark(), info.Reused
			if !t.used && !idempotent(t.x.r.Method) && t.conn.pool.open.Load() == 1 {
				t.conn.settle()
			}
		},
		PutIdleConn: func(err error) {
			if err == nil {
				t.conn.idle.Store(true)
			}
		},
		Got1xxResponse: t.interim,
	}
}

// interim passes on 100 Continue, 103 Early Hints and their like.
func (t *trip) interim(code int, header textproto.MIMEHeader) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return nil
	}
	h := t.w.Header()
	for k, v := range header {
		h[k] = v
	}
	t.w.WriteHeader(code)
	clear(h)
	return nil
}

func (t *trip) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// mayRepeat judges a failed attempt. The request may be sent again
//
//   - when no byte of it was sent: whatever the method, on another backend;
//   - when the connection was closed before the backend's kernel confirmed a byte of
//     it (a pooled connection that was just being closed): whatever the method;
//   - when no byte of an answer came, and the method is idempotent (RFC 9110, section
//     9.2.2), at most replaysMax times, so that a request that kills instances does
//     not kill them all;
//
// each time only while its body, as far as it was read, is still there.
func (x *exchange) mayRepeat(b *backend, t *trip, err error) bool {
	if x.r.Context().Err() != nil || x.body != nil && x.body.failed() != nil {
		return false // the client's doing
	}
	_, refused := errors.AsType[*dialError](err)
	switch {
	case refused:
		x.tried = append(x.tried, b)
	case t.conn == nil:
		return false
	case t.conn.unseen(t.from):
		if !t.used {
			x.tried = append(x.tried, b)
		}
		b.doubt(x.rule.port)
	case t.conn.silent(t.from):
		b.doubt(x.rule.port)
		if !t.used {
			x.tried = append(x.tried, b)
		}
		if x.replays++; !idempotent(x.r.Method) || x.replays > replaysMax {
			return false
		}
	default:
		return false // a broken answer
	}
	return x.body == nil || x.body.rewind()
}

func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// fail answers a request that no backend answered. err is why the last one did not;
// nil: there was none to ask.
func (x *exchange) fail(err error) {
	app := x.rule.app
	switch {
	case x.r.Context().Err() != nil:
		x.status = clientGone
	case err == nil:
		x.w.Header().Set("Retry-After", "1")
		x.refuse(http.StatusServiceUnavailable, fmt.Sprintf("app %s has no instance that is ready", app.id))
	case x.body != nil && x.body.failed() != nil:
		x.refuse(http.StatusBadRequest, "the request's body could not be read: "+x.body.failed().Error())
	default:
		x.lb.log.Debug("request failed", "app", app.id, "method", x.r.Method, "path", x.r.URL.Path, "err", err)
		x.refuse(http.StatusBadGateway, fmt.Sprintf("app %s did not answer: %s", app.id, reason(err)))
	}
}

// reason is err for strangers: without addresses.
func reason(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	default:
		if _, ok := errors.AsType[*dialError](err); ok {
			return "its instances do not take connections"
		}
		return "the connection to its instance broke"
	}
}

func (x *exchange) refuse(status int, message string) {
	x.status = status
	refuse(x.w, x.r, status, message)
}

// refuse answers in our own words: as JSON to who asks for it, else as text.
func refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	body := []byte(message + "\n")
	if strings.Contains(r.Header.Get("Accept"), "json") {
		h.Set("Content-Type", "application/json")
		body, _ = json.Marshal(map[string]string{"message": message})
	} else {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
