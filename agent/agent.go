package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pacer/apps"
	"pacer/healthcheck"
	"pacer/loop"
)

const (
	inboxMax   = 1024                   // events that wait for a Step; who sends more waits
	watchFirst = 100 * time.Millisecond // pause before the event stream is tried again; doubles up to
	watchMax   = 2 * time.Second
	watchGood  = 10 * time.Second // a stream that held so long was no failure
)

// A Post carries reports to the leader. Report may fail, or lose the letter: the
// next one says the same and more.
type Post interface {
	Report(apps.Report) error
}

// A Config is what an Agent works with.
type Config struct {
	// Host is what the operator said of the host. What is set wins over what the
	// engine says; Name and Addr must be set.
	Host    apps.Host
	Runtime Runtime
	Post    Post
	Boot    int64        // start of the agent in ms; 0 is now
	Log     *slog.Logger // should name the host; nil is slog.Default
}

// An Agent is the edge around a Host: it carries out what the machine wants, with
// a deadline on everything, and tells it what came of it.
type Agent struct {
	cfg     Config
	log     *slog.Logger
	prober  *healthcheck.Prober
	inbox   chan Event
	letters chan apps.Assignment // the newest one, until the loop takes it
	reports chan apps.Report     // the newest one, until the post takes it

	lettersMu sync.Mutex // who holds it may replace the letter

	startsMu sync.Mutex
	starts   map[string]context.CancelCauseFunc // under way, by instance
}

// New is an Agent that waits for Run.
func New(cfg Config) (*Agent, error) {
	switch {
	case cfg.Host.Name == "":
		return nil, errors.New("the host has no name: give it one")
	case cfg.Host.Addr == "":
		return nil, fmt.Errorf("host %s has no address: say where its published ports answer", cfg.Host.Name)
	}
	if cfg.Boot == 0 {
		cfg.Boot = time.Now().UnixMilli()
	}
	a := &Agent{
		cfg: cfg, log: cfg.Log,
		inbox:   make(chan Event, inboxMax),
		letters: make(chan apps.Assignment, 1),
		reports: make(chan apps.Report, 1),
		starts:  map[string]context.CancelCauseFunc{},
	}
	if a.log == nil {
		a.log = slog.Default()
	}
	a.prober = healthcheck.NewProber(a.exec)
	return a, nil
}

// Assigned takes a letter of the leader. It never blocks: of letters that wait, the
// newest is kept.
func (a *Agent) Assigned(l apps.Assignment) {
	a.lettersMu.Lock()
	defer a.lettersMu.Unlock()
	select {
	case old := <-a.letters:
		if mine(old, a.cfg.Boot) && (!mine(l, a.cfg.Boot) || old.After(l.Stamp)) {
			l = old
		}
	default:
	}
	a.letters <- l // there is room: only who holds the lock sends
}

// mine reports whether a letter is for the agent of that boot.
func mine(l apps.Assignment, boot int64) bool { return l.Boot == 0 || l.Boot == boot }

// Run drives the host until ctx ends, waits for what it started, and returns why.
// Containers run on.
func (a *Agent) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	h := NewHost(a.cfg.Host, a.cfg.Boot)
	g.Go(func() error { return a.forward(ctx) })
	g.Go(func() error { return a.deliver(ctx) })
	g.Go(func() error { return a.watch(ctx) })
	g.Go(func() error {
		return loop.Run(ctx, h, a.inbox, func(ctx context.Context, fx Effects) error {
			a.perform(ctx, g, fx)
			return nil
		})
	})
	return g.Wait()
}

// perform starts everything that fx wants, each in a goroutine of its own with a
// deadline; it does not block. The machine bounds how many there are.
func (a *Agent) perform(ctx context.Context, g *errgroup.Group, fx Effects) {
	for _, l := range fx.Start {
		given, cancel := context.WithCancelCause(ctx)
		a.startsMu.Lock()
		a.starts[l.Instance] = cancel
		a.startsMu.Unlock()
		g.Go(func() error {
			defer cancel(nil)
			a.start(ctx, given, l)
			return nil
		})
	}
	for _, id := range fx.Cancel {
		a.startsMu.Lock()
		if cancel := a.starts[id]; cancel != nil {
			cancel(errors.New("it is not wanted any more"))
		}
		a.startsMu.Unlock()
	}
	for _, s := range fx.Stop {
		g.Go(func() error { a.stop(ctx, s); return nil })
	}
	for _, id := range fx.Remove {
		g.Go(func() error { a.remove(ctx, id); return nil })
	}
	for _, claim := range fx.Wipe {
		g.Go(func() error { a.wipe(ctx, claim); return nil })
	}
	for _, id := range fx.Evidence {
		g.Go(func() error { a.evidence(ctx, id); return nil })
	}
	for _, p := range fx.Probe {
		g.Go(func() error { a.probe(ctx, p); return nil })
	}
	if fx.List {
		g.Go(func() error { a.list(ctx); return nil })
	}
	if fx.Report != nil {
		a.post(*fx.Report)
	}
}

// send puts an event into the inbox, waiting for room.
func (a *Agent) send(ctx context.Context, ev Event) {
	select {
	case a.inbox <- ev:
	case <-ctx.Done():
	}
}

// forward brings letters to the loop.
func (a *Agent) forward(ctx context.Context) error {
	for {
		select {
		case l := <-a.letters:
			a.send(ctx, Assigned{l})
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// post hands a report to deliver; of reports that wait, the newest is kept, with the
// evidence of all. A sign of life does not replace a full one: it says less of the same
// revision.
func (a *Agent) post(r apps.Report) {
	select {
	case old := <-a.reports:
		if r.Beat && !old.Beat {
			r = old
		} else if len(old.Evidence) > 0 {
			told := slices.Concat(old.Evidence, r.Evidence)
			r.Evidence = told[max(0, len(told)-evidenceMax):]
		}
	default:
	}
	a.reports <- r // there is room: only the loop sends
}

// deliver brings reports to the post, so that a slow one holds up nothing else.
func (a *Agent) deliver(ctx context.Context) error {
	failing := false
	for {
		select {
		case r := <-a.reports:
			err := a.cfg.Post.Report(r)
			if err != nil && !failing {
				a.log.Warn("reports do not reach the leader; containers run on", "err", err)
			}
			if err == nil && failing {
				a.log.Info("reports reach the leader again")
			}
			failing = err != nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
