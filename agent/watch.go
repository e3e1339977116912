package agent

import (
	"context"
	"errors"
	"time"

	"pacer/apps"
)

// watch follows the engine's events for as long as ctx lasts. An Engine event is
// sent each time the stream stands: the machine then lists, so that nothing which
// happened before or in between is missed.
func (a *Agent) watch(ctx context.Context) error {
	pause := watchFirst
	away := false
	for ctx.Err() == nil {
		began := time.Now()
		err := a.watchOnce(ctx)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			err = errors.New("the stream ended")
		}
		if time.Since(began) >= watchGood {
			pause, away = watchFirst, false
		}
		if !away { // once per outage
			a.log.Warn("engine's events broke off; they are subscribed to again until they hold", "err", err)
			away = true
		}
		a.send(ctx, Unwatched{Cause: err.Error()})
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, watchMax)
	}
	return context.Cause(ctx)
}

func (a *Agent) watchOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := a.cfg.Runtime.Watch(ctx,
		func() {
			limited, done := context.WithTimeout(ctx, infoLimit)
			defer done()
			info, err := a.cfg.Runtime.Info(limited)
			if err != nil {
				cancel(err) // an engine that cannot say what it is, is no engine yet
				return
			}
			host := over(a.cfg.Host, info)
			a.log.Info("engine answers", "engine", host.Engine, "cpus", float64(host.Total.CPU)/1000, "mem", host.Total.Mem)
			a.send(ctx, Engine{Host: host, Cores: int(info.Total.CPU / 1000)})
		},
		func(c Container) { a.send(ctx, Changed{c}) },
	)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// over is what the operator said of a host, filled up with what its engine says.
func over(said, info apps.Host) apps.Host {
	h := said
	fill := func(to *int64, from int64) {
		if *to == 0 {
			*to = from
		}
	}
	fill(&h.Total.CPU, info.Total.CPU)
	fill(&h.Total.Mem, info.Total.Mem)
	fill(&h.Total.Disk, info.Total.Disk)
	fill(&h.Total.GPU, info.Total.GPU)
	if len(h.Ports) == 0 {
		h.Ports = info.Ports
	}
	if h.Attributes == nil {
		h.Attributes = info.Attributes
	}
	for to, from := range map[*string]string{&h.Zone: info.Zone, &h.Region: info.Region, &h.Engine: info.Engine, &h.Agent: info.Agent} {
		if *to == "" {
			*to = from
		}
	}
	return h
}
