package lb

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// replayMax is how much of a request's body is kept for another attempt.
const replayMax = 64 << 10

// uploadLinger is how long a client may go on sending a body that nobody wants any
// more, before its connection is closed.
const uploadLinger = time.Second

var errBodyClosed = errors.New("the exchange is over")

// A replay is a request's body that can be read again from its start, as long as no
// more than replayMax of it has been read. Nothing is read before a backend asks:
// a client that waits for 100 Continue is not made to send.
type replay struct {
	source io.ReadCloser
	live   atomic.Pointer[view] // the attempt that may read
	end    atomic.Bool          // source has been read to its end

	reading sync.Mutex // of source; held while a client makes us wait

	mu   sync.Mutex // never held while waiting
	kept []byte     // what was read
	lost bool       // more was read than is kept
	done bool       // committed: nothing more needs to be kept
	err  error      // of source; not io.EOF
}

// view is the body for one attempt. The views before it read nothing any more.
func (p *replay) view() *view {
	v := &view{replay: p}
	p.live.Store(v)
	return v
}

// rewind reports whether the next view can start at the beginning.
func (p *replay) rewind() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.lost && p.err == nil
}

// commit says that there will be no other attempt.
func (p *replay) commit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
}

// failed is why the client's body could not be read.
func (p *replay) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

type view struct {
	*replay
	at int // what of kept has been read
}

func (v *view) Read(b []byte) (int, error) {
	v.reading.Lock()
	defer v.reading.Unlock()
	if v.live.Load() != v {
		return 0, errBodyClosed
	}
	if n := v.again(b); n > 0 {
		return n, nil
	}
	n, err := v.source.Read(b)
	v.keep(b[:n], err)
	return n, err
}

// again reads what an earlier attempt has read already.
func (v *view) again(b []byte) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := copy(b, v.kept[v.at:])
	v.at += n
	if v.done && v.at == len(v.kept) {
		v.kept, v.at = nil, 0
	}
	return n
}

func (v *view) keep(b []byte, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.done || v.lost:
	case len(v.kept)+len(b) > replayMax:
		v.lost, v.kept, v.at = true, nil, 0
	default:
		v.kept = append(v.kept, b...)
		v.at = len(v.kept)
	}
	if err == io.EOF {
		v.end.Store(true)
	} else if err != nil {
		v.err = err
	}
}

// Close does nothing: the body is the client's, and may be wanted again.
func (v *view) Close() error { return nil }

// finishBody ends the reading of the body. When the backend answered before it had
// the whole of it, the client gets a moment to notice; a read that hangs would
// keep the connection for ever.
func (x *exchange) finishBody() {
	x.body.live.Store(nil)
	if !x.body.end.Load() {
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(uploadLinger))
	}
}
