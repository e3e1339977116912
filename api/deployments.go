package api

import (
	"context"
	"net/http"
	"slices"

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
	}
	return list
}

func affected(d *apps.Deployment) []string {
	list := []string{}
	for _, s := range d.Steps {
		for _, a := range s.Actions {
			list = append(list, string(a.App))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// currentStep counts from 1; 0 where there is no step.
func currentStep(d *apps.Deployment) int { return min(d.Step+1, len(d.Steps)) }

func (l *lookup) deployment(d *apps.Deployment) wire.Deployment {
	out := wire.Deployment{
		ID: d.ID, Version: d.Version.String(), AffectedApps: affected(d), AffectedPods: []string{}, Steps: steps(d),
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
	c := cluster.Cancel{ID: chi.URLParam(r, "id"), Revert: !force}
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
	out := wire.DeploymentStatus{
		ID: dep.ID, Version: dep.Version.String(), State: string(dep.State), Reason: dep.Reason,
		AffectedApps: affected(&dep), Steps: steps(&dep), CurrentStep: currentStep(&dep),
		Rollback: dep.Rollback, Trouble: dep.Trouble, Cause: string(dep.Cause), Next: dep.Next,
		StartedAt: stamp(dep.Started), EndedAt: stamp(dep.Ended), Waiting: []wire.AppWait{},
	}
	for _, id := range out.AffectedApps {
		if wait, ok := v.Wait(apps.ID(id)); ok && wait.Waiting > 0 {
			out.Waiting = append(out.Waiting, appWait(wait))
		}
	}
	return d.ok(w, out)
}

func (d *door) findDeployment(ctx context.Context, v *lookup, id string) (apps.Deployment, error) {
	if dep, ok := v.Deployment(id); ok {
		return dep, nil
	}
	return d.Reader.Deployment(ctx, id)
}

func appWait(wait cluster.Wait) wire.AppWait {
	out := wire.AppWait{
		App: string(wait.App), Waiting: wait.Waiting, Since: stamp(wait.Since), Until: stamp(wait.Until),
		Hosts: wait.Hosts, Reasons: []wire.WaitReason{},
	}
	for _, reason := range wait.Reasons {
		out.Reasons = append(out.Reasons, wire.WaitReason{Reason: reason.Reason, Text: reason.Text, Hosts: reason.Hosts})
	}
	return out
}
