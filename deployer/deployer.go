// Package deployer is the event loop: it waits for the lease, loads the state,
// steps the core and performs its effects, until the lease is lost. Everything it
// promises to a caller is committed before the caller hears of it.
package deployer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
	"pacer/loop"
	"pacer/store"
)

const (
	leaseTTL    = 3 * time.Second        // a frozen leader is replaced after so long
	leaderEvery = 500 * time.Millisecond // how often a follower asks who leads
	retryPause  = 500 * time.Millisecond // after the database failed
)

// A Post carries the letters of a leader. What it cannot deliver is lost: the next
// report tells.
type Post interface {
	SendAssign(apps.Assignment) error
	SendService(apps.Service) error
	SendRoster(apps.Roster) error
	SendAddresses(apps.Addresses) error
	SendServer(apps.Server) error
}

// A Config is what a Deployer works with.
type Config struct {
	Name           string        // of this server, for the others
	URL            string        // of its API, where followers send requests
	Addr           string        // of its API, IP:PORT, for name servers; empty: none is known
	Store          *store.DB     //
	Post           Post          //
	TTL            time.Duration // of the lease; 0 is 3 s
	DeploymentsMax int           // running at once; 0 is 100
	Committed      func()        // called after each commit with notices; must not block; may be nil
	Log            *slog.Logger  // nil is slog.Default
}

// A Deployer leads the cluster, or waits to.
type Deployer struct {
	cfg    Config
	log    *slog.Logger
	term   atomic.Pointer[term]
	leader atomic.Pointer[Leader]
	stats  stats
	others others

	mu          sync.Mutex
	subscribers map[*subscriber]bool
}

// A term is one leadership.
type term struct {
	epoch   uint64
	lease   *store.Lease
	view    *View
	inbox   chan cluster.Event
	done    chan struct{} // closed when the term is over
	waiters waiters
}

// A Leader is the server that leads.
type Leader struct {
	Name  string
	URL   string // of its API, like http://10.0.0.1:8080
	Epoch uint64
	Self  bool
}

// New makes a Deployer; Run makes it live.
func New(cfg Config) *Deployer {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.TTL == 0 {
		cfg.TTL = leaseTTL
	}
	return &Deployer{cfg: cfg, log: cfg.Log, subscribers: map[*subscriber]bool{}}
}

// Run leads whenever the lease can be had, until ctx ends.
func (d *Deployer) Run(ctx context.Context) error {
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		d.watchLeader(ctx)
	}()
	defer func() { <-watched }()
	greeted := make(chan struct{})
	go func() {
		defer close(greeted)
		d.greet(ctx)
	}()
	defer func() { <-greeted }()
	for ctx.Err() == nil {
		err := d.lead(ctx)
		if ctx.Err() != nil {
			break
		}
		d.log.Warn("not leading", "why", err)
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
	return context.Cause(ctx)
}

// lead is one term: from the lease to its loss.
func (d *Deployer) lead(ctx context.Context) error {
	lease, err := d.cfg.Store.Lead(ctx, d.cfg.Name, d.cfg.URL, d.cfg.TTL)
	if err != nil {
		return fmt.Errorf("wait for the lease: %w", err)
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := lease.Release(bye); err != nil {
			d.log.Debug("the lease runs out by itself", "why", err)
		}
	}()
	begun := time.Now()
	ctx, cancel := lease.Context(ctx)
	defer cancel()
	stored, err := d.cfg.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("load the state: %w", err)
	}
	t := &term{epoch: lease.Epoch, lease: lease, view: newView(stored), inbox: make(chan cluster.Event, cluster.InboxMax), done: make(chan struct{})}
	stored.DeploymentsMax = d.cfg.DeploymentsMax
	state := cluster.New(stored, lease.Epoch, time.Now())
	d.leader.Store(&Leader{Name: d.cfg.Name, URL: d.cfg.URL, Epoch: lease.Epoch, Self: true})
	d.term.Store(t)
	d.log.Info("leading", "epoch", lease.Epoch, "apps", len(stored.Apps), "instances", len(stored.Instances), "hosts", len(stored.Hosts), "took", time.Since(begun).Round(time.Millisecond))
	defer func() {
		d.term.Store(nil)
		d.leader.Store(nil)
		close(t.done)
		t.waiters.drop(apps.Errorf(apps.Unavailable, "this server stopped leading before the answer was certain: ask again"))
		d.dropSubscribers()
	}()
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		d.announce(ctx, t)
	}()
	defer func() {
		cancel()
		<-announced
	}()
	return loop.Run(ctx, measured{state, &d.stats}, t.inbox, func(ctx context.Context, fx cluster.Effects) error {
		return d.perform(ctx, t, fx)
	})
}

// perform does what one Step asked for, in the order that Effects promises. It is
// the only writer to the store.
func (d *Deployer) perform(ctx context.Context, t *term, fx cluster.Effects) error {
	if fx.Empty() {
		return nil
	}
	if !fx.Save.Empty() {
		begun := time.Now()
		if err := d.cfg.Store.Commit(ctx, t.epoch, fx.Save); err != nil {
			return fmt.Errorf("commit: %w", err) // the term ends with it
		}
		d.stats.committed(time.Since(begun), fx.Save.Notices.Len())
	}
	t.view.apply(fx)
	for _, r := range fx.Reply {
		t.waiters.answer(r)
	}
	for _, a := range fx.Assign {
		d.posted("assignment", d.cfg.Post.SendAssign(a), "host", a.Host)
	}
	for _, s := range fx.Serve {
		d.posted("service", d.cfg.Post.SendService(s), "app", s.App)
	}
	if fx.Roster != nil {
		d.posted("roster", d.cfg.Post.SendRoster(*fx.Roster))
	}
	if fx.Save.Notices.Len() > 0 {
		d.publish(fx.Save.Notices)
		if d.cfg.Committed != nil {
			d.cfg.Committed()
		}
	}
	return nil
}

func (d *Deployer) posted(letter string, err error, attrs ...any) {
	if err != nil {
		d.log.Warn("letter not sent", append([]any{"letter", letter, "err", err}, attrs...)...)
	}
}

// watchLeader keeps in mind who leads while it is somebody else.
func (d *Deployer) watchLeader(ctx context.Context) {
	tick := time.NewTicker(leaderEvery)
	defer tick.Stop()
	for {
		if d.term.Load() == nil {
			name, url, epoch, ok, err := d.cfg.Store.Leader(ctx)
			switch {
			case d.term.Load() != nil: // meanwhile it is us
			case err == nil && ok && name != d.cfg.Name:
				d.leader.Store(&Leader{Name: name, URL: url, Epoch: epoch})
			default:
				d.leader.CompareAndSwap(d.leader.Load(), nil)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Leader is who leads; ok is false while nobody is known to.
func (d *Deployer) Leader() (Leader, bool) {
	if l := d.leader.Load(); l != nil {
		return *l, true
	}
	return Leader{}, false
}

// View is what is committed, for readers; nil when this server does not lead.
func (d *Deployer) View() *View {
	if t := d.term.Load(); t != nil {
		return t.view
	}
	return nil
}

// Abdicate gives up leadership, and reports whether there was any. The next leader
// may be this server again.
func (d *Deployer) Abdicate() bool {
	t := d.term.Load()
	if t == nil {
		return false
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := t.lease.Release(ctx); err != nil && !errors.Is(err, store.ErrReleased) {
			d.log.Warn("lease not given back; it runs out", "err", err)
		}
	}()
	return true
}
