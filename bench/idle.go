package main

import (
	"context"
	"fmt"
	"time"
)

const (
	settle  = 20 * time.Second // before a new process is looked at
	calm    = 10 * time.Second // after a deployment
	observe = 15 * time.Second
	crowd   = 50
)

// idle measures what pacer dev takes when nothing happens.
func idle(ctx context.Context, b *bench) ([]table, error) {
	p, err := b.start(ctx)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	t := table{Title: "pacer dev, nothing to do", Head: []string{"", "resident memory", "CPU of one core", "wake-ups a second", "goals"}}
	look := func(what, goals string, rest time.Duration) error {
		if err := p.rest(ctx, rest); err != nil {
			return err
		}
		l, err := p.look(ctx)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, row{
			Cells:   []string{what, fmt.Sprintf("**%.0f MiB**", l.memory), fmt.Sprintf("**%.2f %%**", l.cpu*100), fmt.Sprintf("%.0f", l.wakes), goals},
			Samples: map[string][]float64{"MiB": {l.memory}, "cores": {l.cpu}, "wakes": {l.wakes}},
		})
		return nil
	}
	if err := look("no apps", "≤ 60 MiB, < 1 %", settle); err != nil {
		return nil, err
	}
	if _, err := p.call(ctx, "POST", "/v2/apps", hello("/crowd", crowd, true, nil)); err != nil {
		return nil, err
	}
	if err := p.deployed(ctx); err != nil {
		return nil, err
	}
	if err := look(fmt.Sprintf("%d instances on one host, an HTTP check each every 2 s", crowd), "-", calm); err != nil {
		return nil, err
	}
	if err := p.drop(ctx, "/crowd"); err != nil {
		return nil, err
	}
	t.Notes = []string{fmt.Sprintf("Over %v, after %v of rest (%v after a deployment). One process: API, deployer, load balancer, DNS, NATS, SQLite and one agent.", observe, settle, calm)}
	return []table{t}, nil
}

// A look is what a process takes, on the average over observe.
type look struct {
	memory float64 // MiB
	cpu    float64 // cores
	wakes  float64 // a second
}

func (p *platform) look(ctx context.Context) (look, error) {
	pid := p.cmd.Process.Pid
	begun := time.Now()
	cpu, err := cpuTime(pid)
	if err != nil {
		return look{}, err
	}
	woken, err := switches(pid)
	if err != nil {
		return look{}, err
	}
	if err := p.rest(ctx, observe); err != nil {
		return look{}, err
	}
	cpuLater, err := cpuTime(pid)
	if err != nil {
		return look{}, err
	}
	wokenLater, err := switches(pid)
	if err != nil {
		return look{}, err
	}
	took := time.Since(begun)
	memory, err := resident(pid)
	return look{
		memory: memory, cpu: float64(cpuLater-cpu) / float64(took),
		wakes: float64(wokenLater-woken) / took.Seconds(),
	}, err
}

// rest lets time pass while it runs.
func (p *platform) rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-p.done:
		return fmt.Errorf("pacer dev ended:\n%s", p.log)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
