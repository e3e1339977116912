package lb

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// tunnel joins client and backend after both agreed to switch protocols
// (WebSocket, RFC 6455). It lasts until one of them ends it and counts as in
// flight so long.
func (x *exchange) tunnel(res *http.Response) {
	backend, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		x.refuse(http.StatusBadGateway, fmt.Sprintf("app %s switched protocols without a connection", x.rule.app.id))
		return
	}
	defer func() { _ = backend.Close() }()
	if got := upgradeOf(res.Header); x.upgrade == "" || !strings.EqualFold(got, x.upgrade) {
		x.refuse(http.StatusBadGateway, fmt.Sprintf("app %s switched to %q, but %q was asked for", x.rule.app.id, got, x.upgrade))
		return
	}
	client, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.refuse(http.StatusInternalServerError, "this connection cannot switch protocols")
		return
	}
	defer func() { _ = client.Close() }()
	// The tunnel ends with the balancer; the client's context ended with Hijack.
	stop := context.AfterFunc(x.lb.ctx, func() { _, _ = client.Close(), backend.Close() })
	defer stop()

	res.Body = nil // so that Write sends the header alone
	if res.Write(rw) != nil || rw.Flush() != nil {
		return
	}
	early := make([]byte, rw.Reader.Buffered()) // what the client sent without waiting
	if _, err := io.ReadFull(rw, early); err != nil {
		return
	}
	if _, err := backend.Write(early); err != nil {
		return
	}
	join(client, backend)
}

// join copies both ways until both directions have ended, or one has failed. The end
// of one direction is passed on by closing half of the other connection.
func join(x, y io.ReadWriteCloser) {
	ended := make(chan error, 2)
	oneWay := func(to, from io.ReadWriteCloser) {
		_, err := io.Copy(to, from)
		if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
			err = half.CloseWrite()
		} else if err == nil {
			err = net.ErrClosed // it cannot be half closed
		}
		ended <- err
	}
	go oneWay(x, y)
	go oneWay(y, x)
	if <-ended != nil {
		_, _ = x.Close(), y.Close() // ends the other copy
	}
	<-ended
}
