package lb

import (
	"context"
	"net"
	"sync"
	"time"
)

// openTCP serves a service port byte by byte. The caller holds mu.
func (b *Balancer) openTCP(n int, l *limited) *listener {
	ctx, end := context.WithCancel(b.ctx) // ends the connections
	var open sync.WaitGroup
	b.spawnLocked(func(context.Context) {
		for {
			c, err := l.Accept()
			if err != nil {
				if closed(l) {
					return
				}
				b.log.Warn("accept", "port", n, "err", err) // too many files open
				select {
				case <-time.After(acceptPause):
					continue
				case <-ctx.Done():
					return
				}
			}
			open.Go(func() { b.carry(ctx, n, c.(*slotConn)) })
		}
	})
	return &listener{kind: carryTCP, close: func(drain time.Duration) {
		_ = l.Close()
		b.running.Go(func() {
			timer := time.AfterFunc(drain, end)
			open.Wait()
			timer.Stop()
			end()
		})
	}}
}

const acceptPause = 100 * time.Millisecond // after an accept that failed

func closed(l *limited) bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// carry joins one client connection to a backend. While there is none that takes it,
// the client is reset: a connection that merely ends could be taken for an answer.
func (b *Balancer) carry(ctx context.Context, n int, client *slotConn) {
	defer func() { _ = client.Close() }()
	rule, ok := b.table.Load().port(n)
	if !ok || rule.kind != carryTCP {
		reset(client)
		return
	}
	stats := rule.app.stats
	stats.inFlight.Add(1)
	defer stats.inFlight.Add(-1)
	stats.connections.Add(1)

	var tried []*backend
	for range attemptsMax {
		backend := rule.app.acquire(rule.port, tried, "")
		if backend == nil {
			break
		}
		server, err := backend.pools[rule.port].dial(ctx)
		if err != nil {
			backend.release()
			stats.retries.Add(1)
			tried = append(tried, backend)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
		// The bare connections: the kernel then moves the bytes itself (splice).
		join(client.Conn.(*net.TCPConn), server)
		stop()
		_ = server.Close()
		backend.release()
		return
	}
	stats.refused.Add(1)
	reset(client)
}

func reset(c *slotConn) { _ = c.Conn.(*net.TCPConn).SetLinger(0) }
