package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// A timeline is what happened between a cause and the first answer, as Docker's
// events, Pacer's log and its API tell it.
type timeline struct {
	begun  time.Time
	stages []stage
}

type stage struct {
	name string
	at   time.Time
}

func (t *timeline) add(name string, at time.Time) { t.stages = append(t.stages, stage{name, at}) }

// last is how long all of it took.
func (t timeline) last() time.Duration { return t.stages[len(t.stages)-1].at.Sub(t.begun) }

// trace adds the stages of an instance that has answered first at ended.
func (p *platform) trace(ctx context.Context, t *timeline, app, instance string, ended time.Time) error {
	if at, ok := p.logged("instance starts", instance); ok {
		t.add("the agent begins to start it", at)
	}
	for _, e := range []struct{ action, name string }{{"create", "the engine has created it"}, {"start", "the engine has started it"}} {
		if at, ok := p.b.eventAt(ctx, t.begun, e.action, instance); ok {
			t.add(e.name, at)
		}
	}
	if at, ok := p.logged("instance started", instance); ok {
		t.add("the agent knows", at)
	}
	at, ok, err := p.firstSuccess(ctx, app, instance)
	if err != nil {
		return err
	}
	if ok {
		t.add("its first health check has passed", at)
	}
	t.add("first 200 through the load balancer", ended)
	return nil
}

// logged is when Pacer's log said something of an instance.
func (p *platform) logged(message, instance string) (time.Time, bool) {
	for line := range strings.Lines(p.log.String()) {
		if !strings.Contains(line, `msg="`+message+`"`) || !strings.Contains(line+" ", " instance="+instance+" ") {
			continue
		}
		_, rest, _ := strings.Cut(line, "time=")
		at, err := time.Parse(time.RFC3339Nano, strings.Fields(rest + " -")[0])
		return at, err == nil
	}
	return time.Time{}, false
}

// eventAt is when the engine did something with an instance's container, after since.
func (b *bench) eventAt(ctx context.Context, since time.Time, action, instance string) (time.Time, bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	unix := func(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
	messages, errs := b.engine.Client().Events(ctx, events.ListOptions{
		Since: unix(since), Until: unix(time.Now()),
		Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("event", action), filters.Arg("label", "pacer.instance="+instance)),
	})
	select {
	case m := <-messages:
		return time.Unix(0, m.TimeNano), true
	case err := <-errs:
		if !errors.Is(err, io.EOF) {
			return time.Time{}, false
		}
		select {
		case m := <-messages:
			return time.Unix(0, m.TimeNano), true
		default:
			return time.Time{}, false
		}
	}
}

// awaitStart listens to the engine; what it returns waits until a container of an app
// was started since.
func (b *bench) awaitStart(ctx context.Context, app string) (wait func() error) {
	ctx, cancel := context.WithTimeout(ctx, waitMax)
	messages, errs := b.engine.Client().Events(ctx, events.ListOptions{
		Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("event", "start"), filters.Arg("label", "pacer.app="+app)),
	})
	return func() error {
		defer cancel()
		select {
		case <-messages:
			return nil
		case err := <-errs:
			return fmt.Errorf("wait for the start of a container of %s: %w", app, err)
		}
	}
}

// firstSuccess is when an instance's first health check passed; ok is false where it
// has none. The API's dates are of whole milliseconds.
func (p *platform) firstSuccess(ctx context.Context, app, instance string) (at time.Time, ok bool, err error) {
	err = p.wait(ctx, instance+" to be listed", func(ctx context.Context) error {
		raw, err := p.call(ctx, "GET", "/v2/apps"+app+"/tasks", nil)
		if err != nil {
			return err
		}
		var answer struct {
			Tasks []struct {
				ID                 string
				HealthCheckResults []struct{ FirstSuccess time.Time }
			}
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return err
		}
		for _, t := range answer.Tasks {
			if strings.HasPrefix(t.ID, instance) {
				if len(t.HealthCheckResults) > 0 {
					at, ok = t.HealthCheckResults[0].FirstSuccess, true
				}
				return nil
			}
		}
		return fmt.Errorf("%s", raw)
	})
	return at, ok, err
}

// timelines are several of the same kind.
type timelines []timeline

// table shows the medians: when each stage was reached, and how long after the one
// before.
func (ts timelines) table(title string) table {
	t := table{Title: title, Head: []string{"stage", "reached after", "from the stage before"}}
	if len(ts) == 0 {
		return t
	}
	for _, s := range ts[0].stages {
		var at, took samples
		for _, one := range ts {
			before := one.begun
			for _, o := range one.stages {
				if o.name == s.name {
					at, took = append(at, o.at.Sub(one.begun)), append(took, o.at.Sub(before))
				}
				before = o.at
			}
		}
		t.Rows = append(t.Rows, row{
			Cells:   []string{s.name, short(at.median()), took.String()},
			Samples: map[string][]float64{"after": at.ms()},
		})
	}
	return t
}
