package main

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
)

const replicas = 10

// update measures a rolling update under load, beside the engine doing the same one
// after the other.
func update(ctx context.Context, b *bench) ([]table, error) {
	p, err := b.start(ctx)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	kinds := []struct {
		what     string
		strategy map[string]any
	}{
		{"one more at a time", map[string]any{"minimumHealthCapacity": 1, "maximumOverCapacity": 0.1}},
		{"Marathon's default (up to twice as many)", map[string]any{"minimumHealthCapacity": 1, "maximumOverCapacity": 1}},
	}
	raw, ours, counts := make([]samples, len(kinds)), make([]samples, len(kinds)), make([]tally, len(kinds))
	for n := range max(1, b.rounds/10) {
		for i, k := range kinds {
			took, err := b.rawUpdate(ctx)
			if err != nil {
				return nil, err
			}
			raw[i] = append(raw[i], took)
			took, count, err := p.update(ctx, fmt.Sprintf("/update%d-%d", n, i), k.strategy)
			if err != nil {
				return nil, err
			}
			ours[i] = append(ours[i], took)
			counts[i].add(count)
		}
	}
	t := table{
		Title: fmt.Sprintf("Rolling update of %d instances under load", replicas),
		Head:  []string{"", "raw engine", "Pacer", "median ratio", "failed requests", "slowest request"},
		Notes: []string{fmt.Sprintf("Load: %d requests a second, GET and POST in turn, %d keep-alive connections; every answer but 200 and every transport error counts. Raw: the engine's API starts a new container, waits for its first 200, stops and removes an old one, %d times, without load.", loadRate, loadWorkers, replicas)},
	}
	for i, k := range kinds {
		r := compared(k.what, raw[i], ours[i], 0)
		r.Cells = append(r.Cells[:4], fmt.Sprintf("**%d** of %d", counts[i].failed, counts[i].requests), short(counts[i].slowest))
		t.Rows = append(t.Rows, r)
		if counts[i].failed > 0 {
			t.Notes = append(t.Notes, fmt.Sprintf("First failure (%s): %s.", k.what, counts[i].first))
		}
	}
	return []table{t}, nil
}

// update brings an app from version 1 to 2 under load, and returns how long that
// took and what became of the requests.
func (p *platform) update(ctx context.Context, id string, strategy map[string]any) (time.Duration, tally, error) {
	app := hello(id, replicas, true, map[string]any{"upgradeStrategy": strategy})
	if _, err := p.call(ctx, "POST", "/v2/apps", app); err != nil {
		return 0, tally{}, err
	}
	if err := p.deployed(ctx); err != nil {
		return 0, tally{}, err
	}
	l := press(ctx, p.lb, vhost(id))
	defer l.end()
	if err := p.rest(ctx, time.Second); err != nil {
		return 0, tally{}, err
	}
	app["container"].(map[string]any)["docker"] = map[string]any{"image": "pacer/hello:2"}
	begun := time.Now()
	if _, err := p.call(ctx, "PUT", "/v2/apps"+id, app); err != nil {
		return 0, tally{}, err
	}
	if err := p.deployed(ctx); err != nil {
		return 0, tally{}, err
	}
	took := time.Since(begun)
	if err := p.rest(ctx, time.Second); err != nil {
		return 0, tally{}, err
	}
	count := l.end()
	return took, count, p.drop(ctx, id)
}

// rawUpdate replaces containers one after the other.
func (b *bench) rawUpdate(ctx context.Context) (time.Duration, error) {
	var old, fresh []box
	defer func() {
		for _, x := range append(old, fresh...) {
			_ = b.rawRemove(context.WithoutCancel(ctx), x)
		}
	}()
	for n := range replicas {
		x, err := b.rawStart(ctx, n)
		if x.id != "" {
			old = append(old, x)
		}
		if err != nil {
			return 0, err
		}
	}
	begun := time.Now()
	for n := range replicas {
		x, err := b.rawStart(ctx, replicas+n)
		if x.id != "" {
			fresh = append(fresh, x)
		}
		if err != nil {
			return 0, err
		}
		grace := 3
		if err := b.engine.Client().ContainerStop(ctx, old[0].id, container.StopOptions{Timeout: &grace}); err != nil {
			return 0, err
		}
		if err := b.rawRemove(ctx, old[0]); err != nil {
			return 0, err
		}
		old = old[1:]
	}
	return time.Since(begun), nil
}
