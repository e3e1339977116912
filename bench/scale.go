package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// scaleSteps are the sizes that an app of one instance is brought to.
var scaleSteps = []int{20, 50}

// startsMax is how many starts the raw engine has under way: more is not faster.
const startsMax = 4

// scale measures how long it takes until all instances of a larger app answer.
func scale(ctx context.Context, b *bench) ([]table, error) {
	p, err := b.start(ctx)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	raw, ours := make([]samples, len(scaleSteps)), make([]samples, len(scaleSteps))
	var used time.Duration
	for range max(1, b.rounds/10) {
		took, err := b.rawScale(ctx)
		if err != nil {
			return nil, err
		}
		for i := range took {
			raw[i] = append(raw[i], took[i])
		}
		before, err := cpuTime(p.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		if took, err = p.scale(ctx); err != nil {
			return nil, err
		}
		after, err := cpuTime(p.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		used += after - before
		for i := range took {
			ours[i] = append(ours[i], took[i])
		}
	}
	t := table{Title: "Scaling, until all instances answer", Head: comparedHead}
	from := 1
	for i, to := range scaleSteps {
		r := compared(fmt.Sprintf("%d to %d", from, to), raw[i], ours[i], 0)
		rate := func(s samples) string {
			return fmt.Sprintf(", %.1f/s", float64(to-from)/s.median().Seconds())
		}
		r.Cells[1] += rate(raw[i])
		r.Cells[2] += rate(ours[i])
		t.Rows = append(t.Rows, r)
		from = to
	}
	t.Notes = []string{fmt.Sprintf("Raw: as many containers created and started by the engine's API, %d at a time, to the first 200 of each. Pacer: with an HTTP health check, to the moment when each was seen through the load balancer.", startsMax),
		fmt.Sprintf("Pacer itself used %s of CPU for each instance, from its start to its removal.", short(used/time.Duration(len(raw[0])*scaleSteps[len(scaleSteps)-1])))}
	return []table{t}, nil
}

// rawScale is how long the engine takes for each step.
func (b *bench) rawScale(ctx context.Context) ([]time.Duration, error) {
	made := make([]box, scaleSteps[len(scaleSteps)-1])
	defer func() {
		var g errgroup.Group
		g.SetLimit(startsMax)
		for _, x := range made {
			if x.id != "" {
				g.Go(func() error { return b.rawRemove(context.WithoutCancel(ctx), x) })
			}
		}
		_ = g.Wait()
	}()
	add := func(from, to int) error {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(startsMax)
		for n := from; n < to; n++ {
			g.Go(func() (err error) {
				made[n], err = b.rawStart(ctx, n)
				return err
			})
		}
		return g.Wait()
	}
	if err := add(0, 1); err != nil {
		return nil, err
	}
	var all []time.Duration
	from := 1
	for _, to := range scaleSteps {
		begun := time.Now()
		if err := add(from, to); err != nil {
			return nil, err
		}
		all = append(all, time.Since(begun))
		from = to
	}
	return all, nil
}

// scale is how long Pacer takes for each step.
func (p *platform) scale(ctx context.Context) ([]time.Duration, error) {
	const id = "/scale"
	if _, err := p.call(ctx, "POST", "/v2/apps", hello(id, 1, true, nil)); err != nil {
		return nil, err
	}
	if err := p.deployed(ctx); err != nil {
		return nil, err
	}
	var all []time.Duration
	for _, to := range scaleSteps {
		begun := time.Now()
		if _, err := p.call(ctx, "PUT", "/v2/apps"+id, map[string]any{"instances": to}); err != nil {
			return nil, err
		}
		if err := p.answering(ctx, id, to); err != nil {
			return nil, err
		}
		all = append(all, time.Since(begun))
		if err := p.deployed(ctx); err != nil {
			return nil, err
		}
	}
	return all, p.drop(ctx, id)
}

// answering waits until n instances have answered through the load balancer. To
// keep the questions few, it asks the API first until it says so.
func (p *platform) answering(ctx context.Context, id string, n int) error {
	err := p.wait(ctx, fmt.Sprintf("%d healthy instances", n), func(ctx context.Context) error {
		raw, err := p.call(ctx, "GET", "/v2/apps"+id, nil)
		if err != nil {
			return err
		}
		var answer struct{ App struct{ TasksHealthy int } }
		if err := json.Unmarshal(raw, &answer); err != nil {
			return err
		}
		if answer.App.TasksHealthy < n {
			return fmt.Errorf("%d are healthy", answer.App.TasksHealthy)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c := newCaller(p.lb, vhost(id))
	defer c.close()
	seen := map[string]bool{}
	for asked := 0; len(seen) < n; asked++ {
		if asked > 1000*n {
			return fmt.Errorf("only %d of %d instances answer through the load balancer", len(seen), n)
		}
		body, err := c.get(ctx)
		if err != nil {
			return err
		}
		seen[instanceOf(body)] = true
	}
	return nil
}
