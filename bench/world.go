package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"pacer/api"
	"pacer/apps"
	"pacer/deployer"
	"pacer/deployer/cluster"
	"pacer/store"
)

// A world is the whole control plane in this process - API over TCP, event loop, store -
// with hosts that are pretended: they do at once what they are told, and no container
// runs.
type world struct {
	addr     string // HOST:PORT of the API
	deployer *deployer.Deployer
	hosts    *pretended

	stop  context.CancelFunc
	ended sync.WaitGroup
	db    *store.DB
	web   *http.Server
}

// newWorld opens the store at url and leads on it.
func newWorld(ctx context.Context, url string) (*world, error) {
	db, err := store.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	quiet := slog.New(slog.DiscardHandler)
	w := &world{addr: l.Addr().String(), db: db, hosts: newPretended()}
	w.deployer = deployer.New(deployer.Config{Name: "bench", URL: "http://" + w.addr, Store: db, Post: w.hosts, DeploymentsMax: burst * 2, TTL: 30 * time.Second, Log: quiet})
	w.web = api.NewServer(api.New(api.Config{Deployer: api.FromDeployer(w.deployer), Reader: db, Address: w.addr, Log: quiet}))
	ctx, w.stop = context.WithCancel(ctx)
	w.ended.Go(func() { _ = w.deployer.Run(ctx) })
	w.ended.Go(func() { w.hosts.run(ctx, w.deployer.Tell) })
	w.ended.Go(func() { _ = w.web.Serve(l) })
	err = w.until(ctx, "leadership", func() bool { return w.deployer.View() != nil })
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) close() error {
	w.stop()
	err := w.web.Close()
	w.ended.Wait()
	return errors.Join(err, w.db.Close())
}

// until waits for something to come true.
func (w *world) until(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
	return nil
}

// idle waits until no deployment is under way.
func (w *world) idle(ctx context.Context) error {
	return w.until(ctx, "deployments to end", func() bool {
		v := w.deployer.View()
		return v != nil && len(v.Deployments()) == 0
	})
}

// pretended are hosts that do at once what they are told. They are a deployer's Post.
type pretended struct {
	wake chan struct{}

	mu      sync.Mutex
	letters map[string]apps.Assignment // the newest of each host that it has not read yet
	reports map[string]*apps.Report    // the last full one of each host
}

func newPretended() *pretended {
	return &pretended{wake: make(chan struct{}, 1), letters: map[string]apps.Assignment{}, reports: map[string]*apps.Report{}}
}

// add makes more hosts, up to n; they say that they are there with their next beat.
func (p *pretended) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.reports); i < n; i++ {
		name := fmt.Sprintf("host%04d", i)
		p.reports[name] = &apps.Report{Boot: 1, Host: apps.Host{
			Name: name, Addr: fmt.Sprintf("10.0.%d.%d", i/250, i%250+1), Region: "west", Zone: fmt.Sprintf("west-%d", i%3),
			Total: apps.Resources{CPU: 64_000, Mem: 256 << 10, Disk: 1 << 20}, Ports: []apps.Range{{First: 31000, Last: 32999}},
		}}
	}
}

func (p *pretended) SendAssign(a apps.Assignment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters[a.Host] = a
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

func (p *pretended) SendService(apps.Service) error     { return nil }
func (p *pretended) SendRoster(apps.Roster) error       { return nil }
func (p *pretended) SendAddresses(apps.Addresses) error { return nil }
func (p *pretended) SendServer(apps.Server) error       { return nil }

// run obeys letters, and gives a sign of life a second, until ctx ends.
func (p *pretended) run(ctx context.Context, tell func(cluster.Event)) {
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	for {
		var reports []apps.Report
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
			reports = p.obeyAll()
		case <-beat.C:
			reports = p.beats()
		}
		for _, r := range reports {
			tell(cluster.Reported{Report: r})
		}
	}
}

func (p *pretended) obeyAll() (reports []apps.Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, letter := range p.letters {
		r := p.reports[name]
		obey(r, letter)
		reports = append(reports, *r)
	}
	clear(p.letters)
	return reports
}

// beats are the signs of life of hosts that have something to run; the others tell all.
func (p *pretended) beats() (reports []apps.Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.reports {
		beat := *r
		if beat.Beat = r.Applied.Epoch > 0; beat.Beat {
			beat.Runs = nil
		}
		reports = append(reports, beat)
	}
	return reports
}

// obey makes a host's next report: all that it was told runs and is ready.
func obey(r *apps.Report, letter apps.Assignment) {
	before := make(map[string]apps.InstanceReport, len(r.Runs))
	for _, run := range r.Runs {
		before[run.ID] = run
	}
	type version struct {
		app apps.ID
		at  apps.Version
	}
	specs := make(map[version]*apps.App, len(letter.Specs))
	for _, spec := range letter.Specs {
		specs[version{spec.ID, spec.Version}] = spec
	}
	now := time.Now()
	r.Revision++
	r.Applied = letter.Stamp
	r.Runs = make([]apps.InstanceReport, 0, len(letter.Instances)) // the loop may still read the old one
	for _, a := range letter.Instances {
		run, ran := before[a.ID]
		if !ran {
			spec := specs[version{a.App, a.Version}]
			run = apps.InstanceReport{ID: a.ID, Phase: apps.PhaseRunning, Ready: true, IP: "172.17.0.2", Started: now, Needs: spec.Needs}
			for range spec.Checks {
				run.Health = append(run.Health, apps.Health{Known: true, Alive: true, FirstSuccess: now, LastSuccess: now})
			}
		}
		r.Runs = append(r.Runs, run)
	}
}
