package lb

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A listener is one service port that is open.
type listener struct {
	kind  kind
	close func(drain time.Duration) // stops accepting at once; what is open gets so long
}

var errNoUDP = errors.New("UDP is not carried by the load balancer yet: use the instances' host ports")

// syncPort brings the listener of a service port in line with the table. The caller
// holds mu.
func (b *Balancer) syncPort(n int) {
	if b.cfg.Bind == "" || b.closed {
		return
	}
	want, wanted := b.table.Load().port(n)
	have := b.listeners[n]
	if have != nil && wanted && have.kind == want.kind {
		return
	}
	if have != nil {
		have.close(portDrainMax)
		delete(b.listeners, n)
	}
	failed := b.portErrs[n]
	delete(b.portErrs, n)
	if !wanted {
		return
	}
	l, err := b.open(n, want.kind)
	if err == nil {
		b.listeners[n] = l
		return
	}
	b.portErrs[n] = err
	if failed == nil || failed.Error() != err.Error() {
		b.log.Error("service port not open", "port", n, "app", want.app.id, "err", err)
	}
}

func (b *Balancer) open(n int, k kind) (*listener, error) {
	if k == carryUDP {
		return nil, errNoUDP
	}
	l, err := net.Listen("tcp", net.JoinHostPort(b.cfg.Bind, strconv.Itoa(n)))
	if err != nil {
		return nil, err
	}
	limited := b.limit(l)
	if k == carryTCP {
		return b.openTCP(n, limited), nil
	}
	server := b.server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.servePort(w, r, n) }))
	b.spawnLocked(func(context.Context) { _ = server.Serve(limited) })
	return &listener{kind: carryHTTP, close: func(drain time.Duration) {
		_ = limited.Close()
		b.running.Go(func() { b.shutdown(server, drain) })
	}}, nil
}

// retryPorts tries the service ports again that could not be opened.
func (b *Balancer) retryPorts() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(b.portErrs)) {
		b.syncPort(n)
	}
}

// servePort answers a request that came to a service port: any host will do.
func (b *Balancer) servePort(w http.ResponseWriter, r *http.Request, n int) {
	rule, ok := b.table.Load().port(n)
	if !ok {
		b.stats.unknown.Add(1)
		refuse(w, r, http.StatusNotFound, "no app has this service port any more")
		return
	}
	b.forward(w, r, rule)
}

// limit makes a listener share the bound on client connections.
func (b *Balancer) limit(l net.Listener) *limited {
	return &limited{Listener: l, slots: b.slots, closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a slot first: beyond the bound, clients wait in the kernel's queue.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotConn{Conn: c, slots: l.slots}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// A slotConn gives its slot back when it is closed.
type slotConn struct {
	net.Conn
	slots chan struct{}
	once  sync.Once
}

func (c *slotConn) Close() error {
	c.once.Do(func() { <-c.slots })
	return c.Conn.Close()
}

// CloseWrite says that nothing more will be sent.
func (c *slotConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }
