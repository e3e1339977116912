package cluster

import (
	"math"
	"time"

	"pacer/apps"
)

// A Forecast is what a change would do: worked out by living it ahead, with this
// package's own State on a copy of what is stored, and hosts that do what they are
// told within a second.
type Forecast struct {
	Steps   []apps.Step
	Apps    []AppForecast // those that take part, ordered by id
	Groups  []GroupForecast
	Changes bool          // false: there is no difference
	Stalls  bool          // it would not end
	Reason  string        // why it stalls
	Took    time.Duration // until it ended or stalled, at a second for each start
}

// An AppForecast is one app's part.
type AppForecast struct {
	App      apps.ID
	Old, New *apps.App // nil: there is none
	Least    int       // live instances, over the time of the deployment
	Most     int
	ReadyMin int
	Placed   []Allocation // new instances, in the order in which they would be placed
}

// A GroupForecast is a group that is made, changed or deleted.
type GroupForecast struct {
	Group    apps.ID
	Old, New *apps.Group // nil: there is none
}

// An Allocation is where a new instance would run.
type Allocation struct {
	Instance string
	Host     string
}

// How long a forecast lives ahead.
const (
	forecastTick  = time.Second
	forecastQuiet = 45 * time.Second // without any change: it stalls; longer than a drain
	forecastMax   = 4 * time.Hour
)

// Foresee lives a change ahead. It fails as the change would.
func Foresee(stored Stored, c Change, now time.Time) (Forecast, error) {
	stored = withoutSchedules(stored)
	stored.LaunchesMax = math.MaxInt32 // a step stands for a second, however much is in it
	f := foresight{s: New(stored, 1<<62, now), now: now, runs: map[string]map[string]apps.InstanceReport{}, hosts: stored.Hosts, parts: map[apps.ID]*AppForecast{}}
	f.meet(stored.Instances)
	c.Request, c.Rollback, c.Force = "plan", false, true
	if c.Deployment == "" {
		c.Deployment = "plan"
	}
	fx := f.step([]Event{c})
	for _, r := range fx.Reply {
		if r.Err != nil {
			return Forecast{}, r.Err
		}
	}
	f.follow(c.Deployment, fx)
	for _, id := range sortedKeys(f.parts) {
		f.out.Apps = append(f.out.Apps, *f.parts[id])
	}
	return f.out, nil
}

type foresight struct {
	s        *State
	now      time.Time
	hosts    []apps.Host
	runs     map[string]map[string]apps.InstanceReport // by host, by instance
	applied  map[string]apps.Stamp
	wiped    map[string][]string
	revision uint64
	parts    map[apps.ID]*AppForecast
	out      Forecast
}

// meet lets every host that is not lost say what it runs, as it is stored.
func (f *foresight) meet(instances []apps.Instance) {
	f.applied, f.wiped = map[string]apps.Stamp{}, map[string][]string{}
	for _, h := range f.hosts {
		f.runs[h.Name] = map[string]apps.InstanceReport{}
	}
	for _, in := range instances {
		runs := f.runs[in.Host]
		if runs == nil {
			continue
		}
		phase := apps.PhaseRunning
		if in.State == apps.Starting {
			phase = apps.PhaseStarting
		}
		runs[in.ID] = apps.InstanceReport{ID: in.ID, Phase: phase, Ready: in.Ready, IP: in.IP, Started: in.Started, Health: in.Health}
	}
	f.step(f.reports())
}

func (f *foresight) reports() []Event {
	var events []Event
	f.revision++
	for _, h := range f.hosts {
		if h.Lost {
			continue
		}
		r := apps.Report{Host: h, Boot: 1 << 60, Revision: f.revision, Applied: f.applied[h.Name], Wiped: f.wiped[h.Name]}
		for _, id := range sortedKeys(f.runs[h.Name]) {
			r.Runs = append(r.Runs, f.runs[h.Name][id])
		}
		events = append(events, Reported{r})
	}
	return events
}

// step lets the core decide and the hosts obey.
func (f *foresight) step(events []Event) Effects {
	fx, _ := f.s.Step(f.now, events)
	for _, a := range fx.Assign {
		runs := map[string]apps.InstanceReport{}
		for _, in := range a.Instances {
			run, has := f.runs[a.Host][in.ID]
			if !has {
				run = apps.InstanceReport{ID: in.ID, Phase: apps.PhaseStarting}
			}
			runs[in.ID] = run
		}
		f.runs[a.Host], f.applied[a.Host], f.wiped[a.Host] = runs, a.Stamp, a.Wipe
	}
	return fx
}

// follow lives on until the deployment ends or nothing changes any more.
func (f *foresight) follow(id string, fx Effects) {
	began, quiet := f.now, f.now
	for {
		for _, d := range fx.Save.Deployments {
			if d.ID == id {
				f.out.Steps, f.out.Changes = d.Steps, len(d.Steps)+len(d.OldGroups) > 0
				f.begin(d)
				f.regroup(d)
			}
		}
		for _, in := range fx.Save.Instances {
			if part := f.parts[in.App]; part != nil && in.State == apps.Starting {
				part.Placed = append(part.Placed, Allocation{in.ID, in.Host})
			}
		}
		f.count()
		d := f.s.deployments[id]
		if len(fx.Save.Instances)+len(fx.Save.Finished)+len(fx.Save.Deployments) > 0 {
			quiet = f.now
		}
		f.out.Took = f.now.Sub(began)
		switch {
		case d == nil:
			return
		case f.now.Sub(quiet) > forecastQuiet || f.out.Took > forecastMax:
			f.out.Stalls, f.out.Reason, f.out.Took = true, d.Trouble, quiet.Sub(began)
			if f.out.Reason == "" {
				f.out.Reason = "instances that run now are not ready, and the deployment waits for them"
			}
			return
		}
		f.now = f.now.Add(forecastTick)
		for _, runs := range f.runs {
			for id, run := range runs {
				if run.Phase == apps.PhaseStarting {
					runs[id] = apps.InstanceReport{ID: id, Phase: apps.PhaseRunning, Ready: true, Started: f.now}
				}
			}
		}
		fx = f.step(f.reports())
	}
}

// begin notes who takes part.
func (f *foresight) begin(d apps.Deployment) {
	if len(f.parts) > 0 {
		return
	}
	for id, old := range d.Old {
		part := &AppForecast{App: id, Old: old, Least: 1 << 30, ReadyMin: 1 << 30}
		if a := f.s.apps[id]; a != nil && !a.spec.Deleted {
			part.New = a.spec
		}
		f.parts[id] = part
	}
}

// regroup notes the groups that change.
func (f *foresight) regroup(d apps.Deployment) {
	if f.out.Groups != nil {
		return
	}
	for _, id := range sortedKeys(d.OldGroups) {
		part := GroupForecast{Group: id, Old: d.OldGroups[id]}
		if g := f.s.groups[id]; g != nil {
			part.New = g.row
		}
		f.out.Groups = append(f.out.Groups, part)
	}
}

// count takes the extremes of this moment.
func (f *foresight) count() {
	for id, part := range f.parts {
		live, ready := 0, 0
		if a := f.s.apps[id]; a != nil {
			for _, in := range a.instances {
				if in.State != apps.Waiting {
					live++
				}
				if in.State == apps.Running && in.Ready {
					ready++
				}
			}
		}
		part.Least, part.Most, part.ReadyMin = min(part.Least, live), max(part.Most, live), min(part.ReadyMin, ready)
	}
}
