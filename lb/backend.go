package lb

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"pacer/apps"
)

const (
	dialTimeout  = 2 * time.Second        // then the next endpoint has its turn
	dialSlow     = 300 * time.Millisecond // a connect that takes longer makes others look elsewhere
	ejectFirst   = time.Second            // of an endpoint that does not take connections
	ejectMax     = 10 * time.Second       // it doubles up to this
	verifyWait   = 30 * time.Millisecond  // an instance that lives does not hang up so soon
	idleConnsMax = 128                    // kept per backend and port
	// idleConnAge is below the keep-alive timeouts of the usual servers (the shortest,
	// gunicorn's, is 2 s), so that a request hardly ever meets a connection that is
	// just being closed.
	idleConnAge = 1500 * time.Millisecond
	answerMax   = 256 << 10 // bytes of a backend's response header
)

// An app is one app's place in the table. Its endpoints change by themselves, so a
// new instance does not touch the table.
type app struct {
	id        apps.ID
	stats     *appStats
	endpoints atomic.Pointer[endpoints]

	// These belong to Balancer.Apply.
	service  apps.Service
	group    string     // its deployment group; mostly empty
	own      *endpoints // without those of its deployment group
	claims   []claim
	backends map[string]*backend // by instance
}

// endpoints is immutable.
type endpoints struct {
	good    []*backend
	suspect []*backend // their host is silent
}

// A backend is an endpoint as the balancer sees it. It outlives the tables it is in.
type backend struct {
	instance string
	addr     string
	ports    []int
	pools    []*pool // one per port
	cookie   string  // its name in the cookie of a sticky port

	inFlight atomic.Int64
	leaving  atomic.Bool  // out of the table; takes nothing new
	outUntil atomic.Int64 // ejected until then, ns since 1970; 0: not
	failures atomic.Int32 // ejections in a row
	doubtful atomic.Bool  // to be asked only where no better one is left
	looking  atomic.Bool  // verify is at work

	lb *Balancer
}

func newBackend(lb *Balancer, e apps.Endpoint) *backend {
	b := &backend{instance: e.Instance, addr: e.Addr, ports: slices.Clone(e.Ports), cookie: cookieOf(e.Instance), lb: lb}
	b.pools = make([]*pool, len(e.Ports))
	for i, n := range e.Ports {
		b.pools[i] = &pool{backend: b, port: i, addr: net.JoinHostPort(e.Addr, strconv.Itoa(n))}
	}
	return b
}

// same reports whether the endpoint is still where the backend was.
func (b *backend) same(e apps.Endpoint) bool {
	return b.addr == e.Addr && slices.Equal(b.ports, e.Ports)
}

// serves reports whether the backend has the app's i-th port.
func (b *backend) serves(port int) bool { return port < len(b.ports) && b.ports[port] > 0 }

// acquire chooses a backend for one port of the app and counts the caller in until
// release. It returns nil when all that there are have been tried. The instance that
// a client is to stay with, where it names one, is taken if it is well.
//
// A backend that leaves the table between being chosen and being counted is let go
// again: who asks Busy after Apply sees either nobody or everybody.
func (a *app) acquire(port int, tried []*backend, stay string) *backend {
	for {
		all := a.endpoints.Load()
		b := all.named(stay, port, tried)
		if b == nil {
			b = all.choose(port, tried)
		}
		if b == nil {
			return nil
		}
		b.inFlight.Add(1)
		if !b.leaving.Load() {
			return b
		}
		b.release()
	}
}

func (b *backend) release() {
	if b.inFlight.Add(-1) == 0 && b.leaving.Load() {
		b.closeIdle()
		b.lb.drained()
	}
}

// choose picks the less busy of two random good backends. When either is not well,
// it looks at all of them and takes the best: well, doubtful, suspect, ejected.
func (e *endpoints) choose(port int, tried []*backend) *backend {
	if n := len(e.good); n > 0 && len(tried) == 0 {
		x := e.good[rand.IntN(n)]
		y := x
		if n > 1 {
			y = e.good[rand.IntN(n)]
		}
		if x.well() && y.well() && x.serves(port) && y.serves(port) {
			if y.inFlight.Load() < x.inFlight.Load() {
				return y
			}
			return x
		}
	}
	return e.search(port, tried)
}

func (e *endpoints) search(port int, tried []*backend) *backend {
	now := time.Now().UnixNano()
	var best *backend
	var bestRank int
	var bestLoad int64
	look := func(all []*backend, suspect bool) {
		from := 0
		if len(all) > 1 {
			from = rand.IntN(len(all))
		}
		for i := range all {
			b := all[(from+i)%len(all)]
			if !b.serves(port) || slices.Contains(tried, b) {
				continue
			}
			rank, load := b.rank(now, port, suspect), b.inFlight.Load()
			if best == nil || rank < bestRank || rank == bestRank && load < bestLoad {
				best, bestRank, bestLoad = b, rank, load
			}
		}
	}
	look(e.good, false)
	look(e.suspect, true)
	return best
}

func (b *backend) well() bool { return b.outUntil.Load() == 0 && !b.doubtful.Load() }

// rank orders the choices: 0 is well, 3 is ejected. An ejection that is over lasts
// on until the backend has been looked at: no request pays for the trial.
func (b *backend) rank(now int64, port int, suspect bool) int {
	out := b.outUntil.Load()
	switch {
	case out != 0:
		if now >= out {
			b.verify(port)
		}
		return 3
	case suspect:
		return 2
	case b.doubtful.Load():
		return 1
	}
	return 0
}

// eject keeps requests away for a while: longer, if it happens again before the
// backend took a connection. before is outUntil as it was when the attempt that
// failed began: of many that fail together one counts.
func (b *backend) eject(before int64) {
	pause := min(ejectFirst<<min(b.failures.Load(), 10), ejectMax)
	if b.outUntil.CompareAndSwap(before, time.Now().Add(pause).UnixNano()) {
		b.failures.Add(1)
		b.lb.stats.ejections.Add(1)
	}
}

func (b *backend) restore() {
	if b.outUntil.Load() != 0 {
		b.outUntil.Store(0)
	}
	if b.failures.Load() != 0 {
		b.failures.Store(0)
	}
}

// leave takes the backend out of service; what it has in flight goes on.
func (b *backend) leave() {
	b.leaving.Store(true)
	b.closeIdle()
}

func (b *backend) closeIdle() {
	for _, p := range b.pools {
		p.closeIdle()
	}
}

// A pool is the connections to one port of a backend.
type pool struct {
	backend *backend
	port    int // index into the app's ports
	addr    string
	open    atomic.Int64 // connections

	once      sync.Once
	transport atomic.Pointer[http.Transport] // made with the first request
}

// RoundTrip sends one request. An error that is a *dialError came before any byte of
// the request, or of its body, was read or sent.
func (p *pool) RoundTrip(r *http.Request) (*http.Response, error) {
	p.once.Do(func() {
		p.transport.Store(&http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				c, err := p.dial(ctx)
				if err != nil {
					return nil, err
				}
				return newConn(c, p), nil
			},
			DisableCompression:     true, // bodies pass as they are
			MaxIdleConnsPerHost:    idleConnsMax,
			IdleConnTimeout:        idleConnAge,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: answerMax,
		})
	})
	return p.transport.Load().RoundTrip(r)
}

func (p *pool) closeIdle() {
	if t := p.transport.Load(); t != nil {
		t.CloseIdleConnections()
	}
}

// A dialError is a connection that did not come about.
type dialError struct{ err error }

func (e *dialError) Error() string { return "connect: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// connect makes a connection, or fails with a *dialError.
func (p *pool) connect(ctx context.Context) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	c, err := dialer.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, &dialError{err}
	}
	return c.(*net.TCPConn), nil
}

// dial connects for a request, and judges the backend by how that went.
func (p *pool) dial(ctx context.Context) (*net.TCPConn, error) {
	b := p.backend
	before := b.outUntil.Load()
	slow := time.AfterFunc(dialSlow, func() { b.eject(before) })
	c, err := p.connect(ctx)
	slow.Stop()
	if err == nil {
		b.restore()
	} else if ctx.Err() == nil {
		b.eject(before)
	}
	return c, err
}

// doubt keeps requests off the backend where others can serve them, until it is
// clear whether the instance still lives.
//
// Why not simply wait for the next failed request: Docker's userland proxy goes on
// accepting connections for a moment after its container died, and closes them
// when they have taken a request. A connection that is refused can be retried; a
// POST that was swallowed cannot.
func (b *backend) doubt(port int) {
	b.doubtful.Store(true)
	if !b.verify(port) {
		b.doubtful.Store(false)
	}
}

// verify looks whether the instance lives, unless somebody does already, and ejects or
// restores its backend. It reports whether somebody looks.
func (b *backend) verify(port int) bool {
	if b.leaving.Load() {
		return false
	}
	if !b.looking.CompareAndSwap(false, true) {
		return true
	}
	before := b.outUntil.Load()
	return b.lb.spawn(func(ctx context.Context) {
		alive := b.pools[port].alive(ctx)
		switch {
		case ctx.Err() != nil:
		case alive:
			b.restore()
		default:
			b.eject(before)
		}
		b.looking.Store(false)
		b.doubtful.Store(false) // after looking: who came too late to look relies on it
	})
}

// alive connects and listens for a moment: an instance that lives keeps the
// connection, or speaks.
func (p *pool) alive(ctx context.Context) bool {
	c, err := p.connect(ctx)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(verifyWait))
	_, err = io.ReadFull(c, make([]byte, 1))
	return err == nil || errors.Is(err, os.ErrDeadlineExceeded)
}
