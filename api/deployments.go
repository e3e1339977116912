package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

func (d *door) listDeployments(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	list := []wire.Deployment{}
	for _, dep := range v.Deployments() {
		list = append(list, v.deployment(&dep))
	}
	return d.ok(w, list)
}

func steps(d *apps.Deployment) []wire.Step {
	list := make([]wire.Step, len(d.Steps))
	for i, s := range d.Steps {
		list[i] = wire.Step{Actions: actions(s)}
	}
	return list
}

func actions(s apps.Step) []wire.Action {
	list := make([]wire.Action, len(s.Actions))
	for i, a := range s.Actions {
		list[i] = wire.Action{Action: string(a.Kind), App: string(a.App)}
		if a.Pod {
			list[i] = wire.Action{Action: strings.TrimSuffix(string(a.Kind), "Application") + "Pod", Pod: string(a.App)}
		}
	}
	return list
}

func affected(d *apps.Deployment, pods bool) []string {
	list := []string{}
	for _, s := range d.Steps {
		for _, a := range s.Actions {
			if a.Pod == pods {
				list = append(list, string(a.App))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// currentStep counts from 1; 0 where there is no step.
func currentStep(d *apps.Deployment) int { return min(d.Step+1, len(d.Steps)) }

func (l *lookup) deployment(d *apps.Deployment) wire.Deployment {
	out := wire.Deployment{
		ID: d.ID, Version: d.Version.String(), AffectedApps: affected(d, false), AffectedPods: affected(d, true), Steps: steps(d),
		CurrentActions: []wire.Action{}, CurrentStep: currentStep(d), TotalSteps: len(d.Steps),
	}
	if d.Step < len(d.Steps) {
		out.CurrentActions = actions(d.Steps[d.Step])
		for i := range out.CurrentActions {
			a := &out.CurrentActions[i]
			a.ReadinessCheckResults = []wire.ReadinessResult{}
			if app, ok := l.App(apps.ID(a.App)); ok {
				a.ReadinessCheckResults = readiness(app, l.InstancesOf(app.ID))
			}
		}
	}
	return out
}

// cancelDeployment turns a deployment back, or with force leaves all as it is.
func (d *door) cancelDeployment(w http.ResponseWriter, r *http.Request) error {
	force, err := flag(r, "force", false)
	if err != nil {
		return err
	}
	c := cluster.Cancel{ID: chi.URLParam(r, "id"), Revert: !force, ClientIP: clientIP(r), Key: keyIn(r)}
	if c.Revert {
		c.Deployment = uuid.NewString()
	}
	reply, err := d.submit(r, func(request string) cluster.Event {
		c.Request = request
		return c
	})
	if err != nil {
		return err
	}
	if force {
		d.constants(w.Header())
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	return d.started(w, http.StatusOK, reply)
}

// pauseDeployment holds a deployment where it is, or lets it go on.
func (d *door) pauseDeployment(on bool) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := cluster.Pause{ID: chi.URLParam(r, "id"), On: on, By: clientIP(r)}
		if _, err := d.submit(r, func(request string) cluster.Event {
			p.Request = request
			return p
		}); err != nil {
			return err
		}
		return d.getDeployment(w, r)
	}
}

// getDeployment tells of a deployment that runs or has ended, and how.
func (d *door) getDeployment(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	dep, err := d.findDeployment(r.Context(), v, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return d.ok(w, v.runningDeployment(&dep))
}

func deploymentStatus(dep *apps.Deployment) wire.DeploymentStatus {
	return wire.DeploymentStatus{
		ID: dep.ID, Version: dep.Version.String(), State: string(dep.State), Reason: dep.Reason,
		AffectedApps: append(affected(dep, false), affected(dep, true)...), Steps: datedSteps(dep), CurrentStep: currentStep(dep),
		Rollback: dep.Rollback, Trouble: dep.Trouble, Cause: string(dep.Cause), Next: dep.Next, By: dep.By, Paused: dep.Paused,
		StartedAt: stamp(dep.Started), EndedAt: stamp(dep.Ended), Seconds: seconds(dep.Started, dep.Ended), Waiting: []wire.AppWait{},
	}
}

// seconds is how long something took; 0 while it is not over.
func seconds(from, to time.Time) float64 {
	if to.IsZero() {
		return 0
	}
	return max(to.Sub(from).Round(time.Millisecond).Seconds(), 0)
}

// datedSteps are the steps with how long each took: until the next one began, or the
// deployment ended.
func datedSteps(dep *apps.Deployment) []wire.Step {
	list := steps(dep)
	for i, began := range dep.StepStarted[:min(len(dep.StepStarted), len(list))] {
		if began.IsZero() {
			continue
		}
		end := dep.Ended
		if i+1 < len(dep.StepStarted) {
			end = dep.StepStarted[i+1]
		}
		list[i].StartedAt = stamp(began)
		if !end.IsZero() {
			took := seconds(began, end)
			list[i].Seconds = &took
		}
	}
	return list
}

// How many ended deployments are told, where the query does not say, and at most.
const (
	historyPage = 100
	historyMax  = 1000
)

// listKept tells of deployments: those that run, with state=running, else those that ended.
func (d *door) listKept(w http.ResponseWriter, r *http.Request) error {
	switch state := r.URL.Query().Get("state"); state {
	case "running":
		return d.listRunning(w)
	case "", "ended":
		return d.listEnded(w, r)
	default:
		return apps.Errorf(apps.Invalid, "state must be running or ended, not %q", state)
	}
}

// listRunning is what runs, oldest first: where it stands, whether it is paused, and what
// holds it up.
func (d *door) listRunning(w http.ResponseWriter) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	out := wire.DeploymentList{Deployments: []wire.DeploymentStatus{}}
	for _, dep := range v.Deployments() {
		out.Deployments = append(out.Deployments, v.runningDeployment(&dep))
	}
	return d.ok(w, out)
}

// runningDeployment is a deployment with why instances of its apps wait.
func (l *lookup) runningDeployment(dep *apps.Deployment) wire.DeploymentStatus {
	out := deploymentStatus(dep)
	for _, id := range out.AffectedApps {
		if wait, ok := l.Wait(apps.ID(id)); ok && wait.Waiting > 0 {
			out.Waiting = append(out.Waiting, l.appWait(wait))
		}
	}
	return out
}

// listEnded is the history of deployments: who asked for what, when, how long each step
// took and why it ended so.
func (d *door) listEnded(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, historyPage, historyMax)
	if err != nil {
		return err
	}
	ended, err := d.Reader.Deployments(r.Context(), limit)
	if err != nil {
		return err
	}
	out := wire.DeploymentList{Deployments: []wire.DeploymentStatus{}}
	for i := range ended {
		out.Deployments = append(out.Deployments, deploymentStatus(&ended[i]))
	}
	return d.ok(w, out)
}

func (d *door) findDeployment(ctx context.Context, v *lookup, id string) (apps.Deployment, error) {
	if dep, ok := v.Deployment(id); ok {
		return dep, nil
	}
	return d.Reader.Deployment(ctx, id)
}
