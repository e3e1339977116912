package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"pacer/agent"
)

// Watch calls changed with each container of ours that starts or ends. A start of
// our own that is under way is left out: Start tells of it.
func (d *Docker) Watch(ctx context.Context, connected func(), changed func(agent.Container)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The engine answers a moment before it listens to itself: what happened in
	// between is in its memory. Hearing something twice does no harm.
	since := time.Now().Add(-time.Second)
	messages, errs := d.api.Events(ctx, events.ListOptions{
		Since: fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond()),
		Filters: filters.NewArgs(ours, filters.Arg("type", string(events.ContainerEventType)),
			filters.Arg("event", string(events.ActionStart)), filters.Arg("event", string(events.ActionDie)),
			filters.Arg("event", string(events.ActionOOM))),
	})
	select {
	case err := <-errs:
		return broken(ctx, err)
	default:
	}
	connected()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	pinged := make(chan error, 1)
	starved := map[string]bool{} // containers that have run out of memory
	for {
		select {
		case m := <-messages:
			if err := d.event(ctx, m, starved, changed); err != nil {
				return broken(ctx, err)
			}
		case err := <-errs:
			return broken(ctx, err)
		case <-ping.C: // an engine that hangs does not end its stream
			go func() {
				limited, cancel := context.WithTimeout(ctx, infoLimit)
				defer cancel()
				_, err := d.api.Ping(limited)
				pinged <- err
			}()
			ping.Stop()
		case err := <-pinged:
			if err != nil {
				return broken(ctx, err)
			}
			ping.Reset(pingEvery)
		}
	}
}

// broken is why a stream ended.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errStreamEnded
	}
	return fmt.Errorf("watch containers: %w", explain(err))
}

func (d *Docker) event(ctx context.Context, m events.Message, starved map[string]bool, changed func(agent.Container)) error {
	said, ok := fromLabels(m.Actor.Attributes)
	if !ok || m.Action == events.ActionStart && d.isBusy(said.Instance) {
		return nil
	}
	said.ExitCode, _ = strconv.Atoi(m.Actor.Attributes["exitCode"])
	said.Started = time.Unix(0, m.TimeNano) // at the latest
	switch m.Action {
	case events.ActionOOM:
		starved[m.Actor.ID] = true
		return nil
	case events.ActionDie:
		// The event says all there is to say. The engine itself answers questions about
		// the container only when it has taken its network down; until then the leader
		// can have chosen a successor, and that be created.
		said.OOM = starved[m.Actor.ID]
		delete(starved, m.Actor.ID)
		d.parts(m.Actor.ID, said)
		if name := m.Actor.Attributes[labelPart]; name != "" || m.Actor.Attributes[labelParts] != "" {
			return d.podChanged(ctx, said.Instance, changed)
		}
		changed(said)
		return nil
	}
	if m.Actor.Attributes[labelPart] != "" || m.Actor.Attributes[labelParts] != "" {
		return d.podChanged(ctx, said.Instance, changed)
	}
	in, err := d.inspect(ctx, m.Actor.ID)
	if cerrdefs.IsNotFound(err) { // gone already: its end is an event too
		return nil
	}
	if err != nil {
		return err
	}
	if c, ok := read(in); ok {
		changed(c)
	}
	return nil
}
