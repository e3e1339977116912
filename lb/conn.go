package lb

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// A conn is a connection to a backend that remembers enough to tell, once it has
// failed, whether the backend can have seen a request.
type conn struct {
	net.Conn // a *net.TCPConn; its ReadFrom is hidden on purpose: every byte is counted

	pool    *pool
	read    atomic.Int64 // bytes received
	written atomic.Int64 // bytes handed to the kernel
	idle    atomic.Bool  // in the pool, between two requests
	closed  atomic.Bool  // by us, or by the other side
	ended   atomic.Pointer[ending]
	over    chan struct{} // closed when ended is set
}

// settleTime is how long a first connection may show that nobody is behind it.
const settleTime = 2 * time.Millisecond

// An ending is how the other side ended a connection.
type ending struct {
	fin   bool  // in order; otherwise by a reset or a failure of the network
	acked int64 // bytes of ours that it had confirmed by then; -1: not known
}

func newConn(c net.Conn, p *pool) *conn {
	p.open.Add(1)
	return &conn{Conn: c, pool: p, over: make(chan struct{})}
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	if err != nil && !errors.Is(err, net.ErrClosed) {
		c.end(err)
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// Close may be called more than once, by net/http and by us.
func (c *conn) Close() error {
	c.gone()
	return c.Conn.Close()
}

// CloseWrite says that nothing more will be sent: tunnels close by halves.
func (c *conn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

func (c *conn) end(err error) {
	if !c.ended.CompareAndSwap(nil, &ending{fin: err == io.EOF, acked: ackedBytes(c.Conn)}) {
		return
	}
	close(c.over)
	if last := c.gone(); last && c.idle.Load() {
		// A process that dies closes all its connections at once. One that merely
		// tires of an idle connection has others, or few requests to lose.
		c.pool.backend.doubt(c.pool.port)
	}
}

// gone counts the connection out, once; last reports whether it was the last one.
func (c *conn) gone() (last bool) {
	return c.closed.CompareAndSwap(false, true) && c.pool.open.Add(-1) == 0
}

// settle gives a connection that may be hung up at once the time to be. A request that
// cannot be repeated is worth the wait: where Docker's userland proxy has outlived
// its container, it takes the connection, and the request with it. Where a backend
// has other connections, those have told already (see end).
func (c *conn) settle() {
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-c.over:
	case <-timer.C:
	}
}

// A mark is a point in the life of a connection: where a request began.
type mark struct{ read, written int64 }

func (c *conn) mark() mark { return mark{c.read.Load(), c.written.Load()} }

// silent reports whether nothing has been received since m.
func (c *conn) silent(m mark) bool { return c.read.Load() == m.read }

// unseen reports whether it is certain that the other side's programme has not seen
// a byte of what was sent since m. That is so
//
//   - when nothing was handed to the kernel; or
//   - when the other side ended the connection in order (FIN) before its kernel had
//     confirmed any of those bytes. The FIN confirms what had arrived before it, and
//     what arrives after it is answered with a reset, not delivered.
//
// After a reset without a FIN it is never certain: a programme that has read half of
// a request and dies resets the connection, and that reset's confirmation is not
// counted by our kernel.
func (c *conn) unseen(m mark) bool {
	if c.written.Load() == m.written {
		return true
	}
	end := c.ended.Load()
	return end != nil && end.fin && end.acked >= 0 && end.acked <= m.written && c.silent(m)
}
