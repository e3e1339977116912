package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"pacer/api/wire"
	"pacer/apps"
)

// An embed says which parts of an AppInfo are wanted.
type embed struct{ tasks, counts, deployments, readiness, lastTaskFailure, taskStats bool }

// embeds reads the embed parameters; what nobody knows is ignored, as in Marathon.
func embeds(r *http.Request) (e embed) {
	for _, name := range r.URL.Query()["embed"] {
		for _, prefix := range []string{"group.apps.", "apps.", "app."} {
			if rest, ok := strings.CutPrefix(name, prefix); ok {
				name = rest
				break
			}
		}
		switch name {
		case "tasks":
			e.tasks, e.deployments = true, true
		case "counts":
			e.counts = true
		case "deployments":
			e.deployments = true
		case "readiness":
			e.readiness = true
		case "lastTaskFailure":
			e.lastTaskFailure = true
		case "taskStats":
			e.taskStats = true
		case "failures":
			e.tasks, e.lastTaskFailure, e.deployments = true, true, true
		}
	}
	return e
}

// A lookup is a view for one request.
type lookup struct {
	View
	now time.Time
}

func look(v View) *lookup { return &lookup{View: v, now: time.Now()} }

// info is an app with what is known of it now.
func (l *lookup) info(app *apps.App, e embed) wire.AppInfo {
	info := wire.AppInfo{App: wire.FromSpec(app)}
	var instances []apps.Instance
	if e.tasks || e.counts || e.taskStats || e.readiness {
		instances = slices.DeleteFunc(slices.Clone(l.InstancesOf(app.ID)), func(in apps.Instance) bool { return !launched(&in) })
	}
	if e.tasks {
		info.Tasks = l.tasks(app, instances)
	}
	if e.counts {
		c := count(instances)
		info.TasksStaged, info.TasksRunning, info.TasksHealthy, info.TasksUnhealthy = &c.Staged, &c.Running, &c.Healthy, &c.Unhealthy
	}
	if e.deployments {
		info.Deployments = l.deployments(app.ID)
	}
	if e.readiness {
		info.ReadinessCheckResults = readiness(app, instances)
		if len(l.DeploymentsOf(app.ID)) == 0 {
			info.ReadinessCheckResults = []wire.ReadinessResult{}
		}
	}
	if e.lastTaskFailure {
		if f, ok := l.LastFailure(app.ID); ok {
			info.LastTaskFailure = failure(&f)
		}
	}
	if e.taskStats {
		info.TasksStats = stats(app, instances, l.now)
	}
	return info
}

func (l *lookup) tasks(app *apps.App, instances []apps.Instance) []wire.Task {
	tasks := make([]wire.Task, len(instances))
	for i := range instances {
		tasks[i] = task(&instances[i], app, l)
	}
	return tasks
}

func (l *lookup) deployments(app apps.ID) []wire.Ref {
	refs := []wire.Ref{}
	for _, id := range l.DeploymentsOf(app) {
		refs = append(refs, wire.Ref{ID: id})
	}
	return refs
}

// count counts tasks by state. Health is that of running ones: what is on its way
// out no longer answers for the app.
func count(instances []apps.Instance) (c wire.Counts) {
	for i := range instances {
		in := &instances[i]
		if taskState(in) == "TASK_STAGING" {
			c.Staged++
		}
		if !running(in) {
			continue
		}
		c.Running++
		if known, alive := health(in); known && alive {
			c.Healthy++
		} else if known {
			c.Unhealthy++
		}
	}
	return c
}

// readiness is what the readiness check says of the instances of the present version.
func readiness(app *apps.App, instances []apps.Instance) []wire.ReadinessResult {
	results := []wire.ReadinessResult{}
	for _, check := range app.Readiness {
		for i := range instances {
			if in := &instances[i]; app.Current(in.Version) && in.State == apps.Running {
				results = append(results, wire.ReadinessResult{Name: check.Name, TaskID: in.TaskID(), Ready: in.WasReady, LastResponse: wire.FromReadyAnswer(in.LastReady)})
			}
		}
	}
	return results
}

func stats(app *apps.App, instances []apps.Instance, now time.Time) *wire.TasksStats {
	of := func(match func(apps.Version) bool) *wire.StatsOf {
		some := slices.DeleteFunc(slices.Clone(instances), func(in apps.Instance) bool { return !match(in.Version) })
		if len(some) == 0 {
			return nil
		}
		return &wire.StatsOf{Stats: wire.Stats{Counts: count(some), LifeTime: lifeTime(some, now)}}
	}
	return &wire.TasksStats{
		StartedAfterLastScaling: of(func(v apps.Version) bool { return v >= app.ScaledAt }),
		WithLatestConfig:        of(func(v apps.Version) bool { return v >= app.ConfigAt }),
		WithOutdatedConfig:      of(func(v apps.Version) bool { return v < app.ConfigAt }),
		TotalSummary:            of(func(apps.Version) bool { return true }),
	}
}

func lifeTime(instances []apps.Instance, now time.Time) *wire.LifeTime {
	var ages []float64
	sum := 0.0
	for _, in := range instances {
		if !in.Started.IsZero() {
			age := max(now.Sub(in.Started).Seconds(), 0)
			ages = append(ages, age)
			sum += age
		}
	}
	if len(ages) == 0 {
		return nil
	}
	slices.Sort(ages)
	middle := len(ages) / 2
	median := ages[middle]
	if len(ages)%2 == 0 {
		median = (ages[middle-1] + ages[middle]) / 2
	}
	return &wire.LifeTime{AverageSeconds: sum / float64(len(ages)), MedianSeconds: median}
}
