package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// starts measures the first answer of a new app, and of the replacement of a killed
// container, both through the load balancer.
func starts(ctx context.Context, b *bench) ([]table, error) {
	p, err := b.start(ctx)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	var raw, deploy, recover [2]samples // with and without health check
	var new, again timelines
	for n := range b.rounds {
		for i, checked := range []bool{true, false} {
			took, err := b.rawTimed(ctx, 2*n+i)
			if err != nil {
				return nil, err
			}
			raw[i] = append(raw[i], took)
			one, err := p.startOne(ctx, fmt.Sprintf("/start%d-%d", n, i), checked)
			if err != nil {
				return nil, err
			}
			deploy[i], recover[i] = append(deploy[i], one.deploy.last()), append(recover[i], one.recover.last())
			if checked {
				new, again = append(new, one.deploy), append(again, one.recover)
			}
		}
	}
	figures := table{
		Title: fmt.Sprintf("First answer, medians of %d rounds (least to most)", b.rounds),
		Head:  comparedHead,
		Rows: []row{
			compared("POST /v2/apps to first 200 through the load balancer, HTTP health check", raw[0], deploy[0], 1.25),
			compared("the same without health check", raw[1], deploy[1], 1.25),
			compared("kill -9 to the replacement's first 200, HTTP health check", raw[0], recover[0], 1.5),
			compared("the same without health check", raw[1], recover[1], 1.5),
		},
		Notes: []string{"Raw: the engine's API creates and starts the same image with a published port; to its first 200 at that port. Both are asked every 2 ms from the moment when the engine has started the container."},
	}
	return []table{figures, new.table("Where a deployment's time goes"), again.table("Where a recovery's time goes")}, nil
}

// A started is one app's life in this section.
type started struct{ deploy, recover timeline }

// startOne deploys an app, kills its container once the deployment has ended, and
// deletes it once the replacement has answered.
func (p *platform) startOne(ctx context.Context, id string, checked bool) (s started, err error) {
	c := newCaller(p.lb, vhost(id))
	defer c.close()
	// The connection to the load balancer stands before: that is not what is measured.
	if _, err := c.get(ctx); err == nil {
		return s, fmt.Errorf("%s answers before it is there", id)
	}
	up := p.b.awaitStart(ctx, id)
	begun := time.Now()
	answered := make(chan error, 1)
	var accepted time.Time
	go func() {
		_, err := p.call(ctx, http.MethodPost, "/v2/apps", hello(id, 1, checked, map[string]any{"cpus": 0.1, "mem": 32}))
		accepted = time.Now()
		answered <- err
	}()
	// As with the raw engine nobody asks before the container is started: questions
	// cost CPU, of which a start needs all there is.
	if err := up(); err != nil {
		return s, err
	}
	body, err := c.first(ctx)
	if err != nil {
		return s, err
	}
	ended := time.Now()
	if err := <-answered; err != nil {
		return s, err
	}
	first := instanceOf(body)
	s.deploy = timeline{begun: begun, stages: []stage{{"the API has answered", accepted}}}
	if err := p.deployed(ctx); err != nil {
		return s, err
	}
	if err := p.trace(ctx, &s.deploy, id, first, ended); err != nil {
		return s, err
	}

	list, err := p.b.containers(ctx, "pacer.instance="+first)
	if err != nil || len(list) != 1 {
		return s, fmt.Errorf("the container of %s: %d found: %w", first, len(list), err)
	}
	up = p.b.awaitStart(ctx, id)
	killed := time.Now()
	if err := p.b.engine.KillContainer(list[0].ID); err != nil {
		return s, err
	}
	if err := up(); err != nil {
		return s, err
	}
	if body, err = c.first(ctx); err != nil {
		return s, err
	}
	ended = time.Now()
	second := instanceOf(body)
	if second == first {
		return s, fmt.Errorf("%s answers after it was killed", first)
	}
	s.recover = timeline{begun: killed}
	if at, ok := p.b.eventAt(ctx, killed, "die", first); ok {
		s.recover.add("the engine has noticed", at)
	}
	if err := p.trace(ctx, &s.recover, id, second, ended); err != nil {
		return s, err
	}
	return s, p.drop(ctx, id)
}

// instanceOf is who said "hello from VERSION INSTANCE".
func instanceOf(body string) string {
	f := strings.Fields(body)
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1]
}
