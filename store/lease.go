package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrReleased is why a lease ended that was given back.
var ErrReleased = errors.New("the lease was given back")

// A Lease is the right to lead.
type Lease struct {
	Epoch uint64 // grows with every leader

	ctx  context.Context // ended, with a cause, when the lease is
	end  context.CancelCauseFunc
	stop context.CancelFunc // asks keep to give the lease back
	done chan struct{}      // closed when keep has returned
	err  error              // of giving it back; read it after done
}

// Lead waits until the lease is won and returns it; holder and url tell the others
// who leads. The holder renews it by itself, three times in each ttl, and loses it
// when it cannot: at the latest a tenth of ttl before anybody else can win it, by
// clocks that may differ but run at the same speed.
//
// An error other than ctx's comes from the database: to be tried again after a
// pause.
func (d *DB) Lead(ctx context.Context, holder, url string, ttl time.Duration) (*Lease, error) {
	if ttl < 100*time.Millisecond {
		return nil, fmt.Errorf("lead: a lease of %v is too short to be renewed in time; take at least 100ms", ttl)
	}
	l, err := d.lead(ctx, holder, url, ttl, d.prune)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("lead: %w", err)
	}
	return l, nil
}

// newLease holds the lease by keep, which returns nil when its context ends, and
// why where it cannot hold the lease any longer. Only when everybody here knows
// that it has ended, giveBack gives back what keep held. prune runs meanwhile.
func newLease(epoch uint64, keep func(context.Context) error, giveBack func(lost bool) error, prune func(context.Context)) *Lease {
	l := &Lease{Epoch: epoch, done: make(chan struct{})}
	l.ctx, l.end = context.WithCancelCause(context.Background())
	kept, stop := context.WithCancel(context.Background())
	l.stop = stop
	var pruning sync.WaitGroup
	pruning.Go(func() { prune(l.ctx) })
	go func() {
		defer close(l.done)
		defer stop()
		lost := keep(kept)
		if lost == nil {
			l.end(ErrReleased)
		} else {
			l.end(lost)
		}
		l.err = giveBack(lost != nil)
		pruning.Wait()
	}()
	return l
}

// Lost is closed when the lease is lost or given back.
func (l *Lease) Lost() <-chan struct{} { return l.ctx.Done() }

// Err is why the lease is lost; nil while it is held.
func (l *Lease) Err() error { return context.Cause(l.ctx) }

// Context is a child of parent that also ends, with the reason as its cause, when
// the lease does.
func (l *Lease) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	unhook := context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })
	return ctx, func() { unhook(); cancel(context.Canceled) }
}

// Release gives the lease back, so that the next leader need not wait for its
// end, and returns when that is done. It does nothing where the lease is lost.
func (l *Lease) Release(ctx context.Context) error {
	l.stop()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return fmt.Errorf("release the lease: %w", context.Cause(ctx))
	}
}
