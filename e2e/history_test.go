package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"pacer/testbed"
)

// A history is every start and end of a container of ours, as the engines tell them:
// unlike samples it misses nothing.
type history struct {
	t       testing.TB
	engines []*testbed.Engine
	begun   map[string]moment // containers that ran already, by id

	mu      sync.Mutex
	moments []moment
}

// A moment is the start or the end of a container.
type moment struct {
	at     time.Time
	starts bool
	id     string
	engine int
	app    string
	image  string
}

// record listens to the engines until the end of the test.
func record(t testing.TB, engines []*testbed.Engine) *history {
	t.Helper()
	h := &history{t: t, engines: engines, begun: map[string]moment{}}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	for i, e := range engines {
		messages, failed := e.Client().Events(ctx, events.ListOptions{
			Since:   fmt.Sprintf("%.9f", float64(time.Now().UnixNano())/1e9),
			Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("event", "start"), filters.Arg("event", "die"), filters.Arg("label", "pacer.app")),
		})
		done.Go(func() {
			for {
				select {
				case m := <-messages:
					h.add(moment{time.Unix(0, m.TimeNano), m.Action == events.ActionStart, m.Actor.ID, i, m.Actor.Attributes["pacer.app"], m.Actor.Attributes["image"]})
				case err := <-failed:
					if ctx.Err() == nil {
						t.Errorf("events of engine %d: %v", i+1, err)
					}
					return
				}
			}
		})
	}
	for id, m := range h.now() {
		h.begun[id] = m
	}
	return h
}

func (h *history) add(m moment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moments = append(h.moments, m)
}

// now is what runs.
func (h *history) now() map[string]moment {
	h.t.Helper()
	all := map[string]moment{}
	for i, e := range h.engines {
		list, err := e.Client().ContainerList(h.t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "pacer.app"))})
		if err != nil {
			h.t.Fatal(err)
		}
		for _, c := range list {
			all[c.ID] = moment{starts: true, id: c.ID, engine: i, app: c.Labels["pacer.app"], image: c.Image}
		}
	}
	return all
}

// told waits until the engines have told all that happened so far, and returns it in
// order of time.
func (h *history) told() []moment {
	h.t.Helper()
	var all []moment
	waitFor(h.t, "the engines to have told what happened", func() error {
		h.mu.Lock()
		all = slices.Clone(h.moments)
		h.mu.Unlock()
		slices.SortStableFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
		runs := map[string]bool{}
		for id := range h.begun {
			runs[id] = true
		}
		for _, m := range all {
			if runs[m.id] = m.starts; !m.starts {
				delete(runs, m.id)
			}
		}
		now := h.now()
		for id := range now {
			if !runs[id] {
				return fmt.Errorf("the start of %.12s was not told", id)
			}
		}
		if len(now) != len(runs) {
			return fmt.Errorf("%d run, and %d were told", len(now), len(runs))
		}
		return nil
	})
	return all
}

// starts are the containers of an app and image that were started since.
func (h *history) starts(app, image string) (all []moment) {
	h.t.Helper()
	for _, m := range h.told() {
		if m.starts && m.app == app && strings.HasPrefix(m.image, image) {
			all = append(all, m)
		}
	}
	return all
}

// between is the least and the greatest number of containers of an app, of images
// that begin so, that ran at one time.
func (h *history) between(app, image string) (least, most int) {
	h.t.Helper()
	is := func(m moment) bool { return m.app == app && strings.HasPrefix(m.image, image) }
	runs := map[string]bool{}
	for id, m := range h.begun {
		if is(m) {
			runs[id] = true
		}
	}
	least, most = len(runs), len(runs)
	for _, m := range h.told() {
		if !is(m) {
			continue
		}
		if runs[m.id] = m.starts; !m.starts {
			delete(runs, m.id)
		}
		least, most = min(least, len(runs)), max(most, len(runs))
	}
	return least, most
}

// bounds checks how many containers of an app ran at any time.
func (h *history) bounds(app, image string, least, most int) {
	h.t.Helper()
	low, high := h.between(app, image)
	h.t.Logf("%s %s: between %d and %d containers", app, image, low, high)
	if low < least || high > most {
		h.t.Errorf("%s %s: want between %d and %d containers at any time, Docker told of %d to %d", app, image, least, most, low, high)
	}
}
