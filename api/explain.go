package api

import (
	"cmp"
	"fmt"
	"net/http"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// explain says why an app is not as it should be: why instances wait for a host, with
// what would help, which are not ready, what holds up its deployment, and how the last
// one failed.
func (d *door) explain(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		app, ok := v.Spec(appID(path))
		if !ok {
			return noApp(appID(path))
		}
		out := v.explanation(app)
		failures, err := d.Reader.Failures(r.Context(), app.ID, 1)
		if err != nil {
			return err
		}
		if len(failures) > 0 {
			last := failureOf(&failures[0])
			out.LastFailure = &last
		}
		return d.ok(w, out)
	}
}

func (l *lookup) explanation(app *apps.App) wire.Explanation {
	out := wire.Explanation{
		AppWait:   wire.AppWait{App: string(app.ID), Reasons: []wire.WaitReason{}},
		Instances: app.Instances, NoHost: []wire.WaitingInstance{}, NotReady: []wire.UnreadyInstance{},
	}
	if wait, ok := l.Wait(app.ID); ok {
		out.AppWait = l.appWait(wait)
	}
	for _, in := range l.InstancesOf(app.ID) {
		switch {
		case in.State == apps.Waiting:
			out.NoHost = append(out.NoHost, wire.WaitingInstance{Instance: in.ID, Version: in.Version.String(), Since: stamp(in.Since), NotBefore: stamp(in.NotBefore)})
			continue
		case running(&in) && in.Ready:
			out.Ready++
		default:
			out.NotReady = append(out.NotReady, wire.UnreadyInstance{
				Instance: in.ID, Version: in.Version.String(), Host: in.Host, State: stateWord(&in), Since: stamp(in.Since),
				Message: in.Message, Health: checkReports(in.Health),
			})
		}
		if running(&in) {
			out.Running++
		}
	}
	out.Deployment = l.trouble(app.ID)
	out.Summary = summary(&out)
	return out
}

// stateWord is where an instance stands, for people.
func stateWord(in *apps.Instance) string {
	if in.Unreachable {
		return "unreachable"
	}
	return in.State.String()
}

// trouble is how the deployment that has the app gets on; nil where there is none.
func (l *lookup) trouble(id apps.ID) *wire.DeploymentTrouble {
	for _, dep := range l.Deployments() {
		if _, affects := dep.Affects(id); !affects {
			continue
		}
		out := &wire.DeploymentTrouble{
			ID: dep.ID, CurrentStep: currentStep(&dep), TotalSteps: len(dep.Steps), Trouble: dep.Trouble, Cause: string(dep.Cause),
			Failures: dep.Failures[id], Rollback: dep.Rollback,
		}
		if dep.Step < len(dep.StepStarted) {
			out.StepStartedAt = stamp(dep.StepStarted[dep.Step])
		}
		return out
	}
	return nil
}

// appWait is why instances of an app wait, with it all in one sentence.
func (l *lookup) appWait(wait cluster.Wait) wire.AppWait {
	out := wire.AppWait{
		App: string(wait.App), Waiting: wait.Waiting, Since: stamp(wait.Since), Until: stamp(wait.Until),
		Hosts: wait.Hosts, Reasons: []wire.WaitReason{}, Sentence: wait.Sentence(), Hint: wait.Hint,
	}
	for _, reason := range wait.Reasons {
		out.Reasons = append(out.Reasons, wire.WaitReason{Reason: reason.Reason, Text: reason.Text, Hosts: reason.Hosts})
	}
	if left := wait.Until.Sub(l.now); left > 0 {
		out.Sentence = fmt.Sprintf("backing off after a failure, for %.0f s more", max(left.Seconds(), 1))
		out.Hint = ""
	}
	return out
}

// summary is the first thing that is wrong, in the order in which things come up.
func summary(e *wire.Explanation) string {
	switch {
	case e.Waiting > 0:
		return fmt.Sprintf("%d of %d instances have no host: %s", e.Waiting, e.Instances, e.Sentence)
	case len(e.NotReady) > 0:
		in := e.NotReady[0]
		why := in.Message
		for _, c := range in.Health {
			if !c.Alive {
				why = cmp.Or(why, c.Cause)
			}
		}
		return fmt.Sprintf("%d of %d instances are not ready, the first one on %s: %s", len(e.NotReady), e.Instances, in.Host, cmp.Or(why, "it is "+in.State))
	case e.Deployment != nil && e.Deployment.Trouble != "":
		return e.Deployment.Trouble
	case e.Deployment != nil:
		return fmt.Sprintf("all is well; deployment %s is in step %d of %d", e.Deployment.ID, e.Deployment.CurrentStep, e.Deployment.TotalSteps)
	case e.Instances == 0:
		return "suspended: no instance is wanted"
	}
	return fmt.Sprintf("all is well: %d of %d instances are ready", e.Ready, e.Instances)
}
