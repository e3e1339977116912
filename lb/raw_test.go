package lb

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"pacer/apps"
)

// A rawConn is a back end's side of one connection.
type rawConn struct {
	*net.TCPConn
	in *bufio.Reader
	n  int // the how-manieth of this back end, from 0
}

// request reads one request with its body; nil at the end of the connection.
func (c *rawConn) request() *http.Request {
	r, err := http.ReadRequest(c.in)
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, r.Body)
	return r
}

func (c *rawConn) say(text string) { _, _ = io.WriteString(c, text) }

const okHeader = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

// reset closes the connection with RST.
func (c *rawConn) reset() {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// rawBackend is a back end that does with each connection what serve says.
func rawBackend(t testing.TB, instance string, serve func(c *rawConn)) apps.Endpoint {
	t.Helper()
	l := listen(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			all.Go(func() {
				defer func() { _ = c.Close() }()
				serve(&rawConn{c.(*net.TCPConn), bufio.NewReader(c), n})
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return endpointAt(t, instance, l.Addr().String())
}
