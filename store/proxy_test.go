package store

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A proxy stands between a store and its PostgreSQL, and fails as networks do.
type proxy struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	mode  mode
	thaw  chan struct{} // closed when it is no longer frozen
	conns map[net.Conn]bool
}

type mode int

const (
	passing     mode = iota
	frozen           // nothing gets through, and nobody is told
	cutRequests      // the connection ends with the next request, which does not get through
	cutCommits       // the connection ends with the next COMMIT, which gets through: its answer does not
)

// newProxy starts a proxy until the end of the test, and gives the URL of the
// database through it.
func newProxy(tb testing.TB, database string) (*proxy, string) {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{listener: l, server: u.Host, thaw: make(chan struct{}), conns: make(map[net.Conn]bool)}
	close(p.thaw)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", p.server)
			if err != nil {
				_ = client.Close()
				continue
			}
			p.mu.Lock()
			p.conns[client], p.conns[server] = true, true
			p.mu.Unlock()
			serving.Go(func() { p.copy(server, client, true) })
			serving.Go(func() { p.copy(client, server, false) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		p.set(passing)
		p.cut()
		serving.Wait()
	})
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) set(m mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m == frozen && p.mode != frozen {
		p.thaw = make(chan struct{})
	}
	if m != frozen && p.mode == frozen {
		close(p.thaw)
	}
	p.mode = m
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *proxy) copy(to, from net.Conn, requests bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		m, thaw := p.mode, p.thaw
		p.mu.Unlock()
		<-thaw
		if m == cutRequests && requests || m == cutCommits && !requests && bytes.Contains(buf[:n], []byte("COMMIT\x00")) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
