package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Bounds of one connection.
const (
	// bufferMax is what is kept to be sent while there is no connection, in bytes.
	// Beyond it sending is an error.
	bufferMax = 8 << 20
	// pendingMax and pendingBytes are what a slow receiver may leave unread. Beyond
	// it new letters to it are dropped: the next ones say the same and more.
	pendingMax   = 64 << 10
	pendingBytes = 128 << 20
)

// Conn is a connection to NATS. It is never given up: when it is lost it is made
// again, for ever. Its methods may be called by any number of goroutines.
type Conn struct {
	nc     *nats.Conn
	log    *slog.Logger
	server *Server // in this process; nil: by URL
	name   string

	// How often the two ends of a Call tell each other that they live, and after how
	// much silence they believe the other gone.
	beat, gone time.Duration

	mu    sync.Mutex
	sys   *nats.Conn      // to the system account, where it is needed
	stops []*Subscription // to be ended by Close
}

// Connect connects to NATS servers by a comma-separated list of URLs, with their
// credentials in them: nats://pacer:PASSWORD@host:4222 (or tls://). It fails only
// for an unreadable URL: servers that cannot be reached now are tried again. name
// is for operators; an agent has to use AgentName.
func Connect(ctx context.Context, url, name string, log *slog.Logger) (*Conn, error) {
	if url == "" {
		return nil, errors.New("connect to NATS: no URL is given; write nats://host:4222")
	}
	return connect(ctx, url, name, logger(log), nil)
}

func connect(ctx context.Context, url, name string, log *slog.Logger, s *Server) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	c := &Conn{log: log, server: s, name: name, beat: 5 * time.Second, gone: 15 * time.Second}
	options := c.options(name)
	if s != nil {
		options = append(options, nats.InProcessServer(s.nats))
		if s.password != "" {
			options = append(options, nats.UserInfo(user, s.password))
		}
	}
	nc, err := nats.Connect(url, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	c.nc = nc
	return c, nil
}

func (c *Conn) options(name string) []nats.Option {
	return []nats.Option{
		nats.Name(name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(bufferMax),
		nats.Timeout(5 * time.Second),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(10 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.log.Warn("bus disconnected", "connection", name, "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			c.log.Info("bus connected again", "connection", name, "server", nc.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			if errors.Is(err, nats.ErrSlowConsumer) {
				c.log.Warn("letters dropped: their receiver is too slow", "connection", name, "subject", subject)
				return
			}
			c.log.Warn("bus error", "connection", name, "subject", subject, "err", err)
		}),
	}
}

// Connected reports whether there is a connection now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Flush waits until the server has taken what was sent, and the subscriptions
// that were made, so far.
func (c *Conn) Flush(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
	}
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("flush the bus: %w", err)
	}
	return nil
}

// Close ends all subscriptions and calls, sends what still waits to be sent for up
// to a second, and closes the connection.
func (c *Conn) Close() {
	c.mu.Lock()
	stops, sys := c.stops, c.sys
	c.stops, c.sys = nil, nil
	c.mu.Unlock()
	for _, s := range stops {
		s.Stop()
	}
	if sys != nil {
		sys.Close()
	}
	if c.nc.IsConnected() {
		_ = c.nc.FlushTimeout(time.Second)
	}
	c.nc.Close()
}

// A Subscription hands out what arrives.
type Subscription struct {
	stop func()
	once sync.Once
}

// Stop ends it: nothing is handed out that arrives later. What is being handed
// out goes on.
func (s *Subscription) Stop() { s.once.Do(s.stop) }

// subscribe has f called with each message, one after the other, on a goroutine
// of its own for each subscription.
func (c *Conn) subscribe(nc *nats.Conn, subject string, f nats.MsgHandler) (*Subscription, error) {
	sub, err := nc.Subscribe(subject, f)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	if err := sub.SetPendingLimits(pendingMax, pendingBytes); err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return c.keep(func() { _ = sub.Unsubscribe() }), nil
}

// keep makes a subscription that ends with the connection.
func (c *Conn) keep(stop func()) *Subscription {
	s := &Subscription{}
	s.stop = func() {
		c.mu.Lock()
		for i, other := range c.stops {
			if other == s {
				c.stops = append(c.stops[:i], c.stops[i+1:]...)
				break
			}
		}
		c.mu.Unlock()
		stop()
	}
	c.mu.Lock()
	c.stops = append(c.stops, s)
	c.mu.Unlock()
	return s
}

// system is a connection to the system account of the server in this process.
func (c *Conn) system() (*nats.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sys != nil {
		return c.sys, nil
	}
	nc, err := nats.Connect("", append(c.options(c.name+" (system)"),
		nats.InProcessServer(c.server.nats), nats.UserInfo("sys", c.server.sysSecret))...)
	if err != nil {
		return nil, fmt.Errorf("connect to the system account: %w", err)
	}
	c.sys = nc
	return nc, nil
}
