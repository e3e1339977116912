package cluster

import (
	"fmt"
	"strings"
	"time"

	"pacer/apps"
)

// When a deployment that may roll back cannot succeed.
const (
	failuresMax  = 3                // of an app's new instances, or a tenth of them
	roomPatience = 15 * time.Second // for a host that takes what waits
	provenAfter  = 3 * time.Second  // a new instance without checks that runs so long counts as ready
)

// rollbackLabel asks for Change.Rollback by a label of an app.
const rollbackLabel = "PACER_ROLLBACK"

func wantsRollback(accepted map[apps.ID]*apps.App) bool {
	for _, spec := range accepted {
		if spec.Labels[rollbackLabel] == "auto" {
			return true
		}
	}
	return false
}

// countFailure notes in the app's deployment that one of its new instances failed.
func (s *State) countFailure(in *instance, why string) {
	d := in.app.holder
	if d == nil || !in.app.spec.Current(in.Version) {
		return
	}
	if _, active := d.Action(in.App); !active {
		return
	}
	failures := map[apps.ID]int{} // what was handed out is not changed
	for id, n := range d.Failures {
		failures[id] = n
	}
	failures[in.App]++
	d.Failures = failures
	times := "an instance"
	if n := failures[in.App]; n > 1 {
		times = fmt.Sprintf("%d instances", n)
	}
	s.trouble(d, apps.CauseFailing, fmt.Sprintf("%s of %s failed, the last one: %s", times, in.App, why))
}

// trouble says why a deployment does not get on.
func (s *State) trouble(d *deployment, cause apps.Cause, why string) {
	if d.Trouble == why && d.Cause == cause {
		return
	}
	d.Trouble, d.Cause = why, cause
	s.advanced[d.ID] = d
	s.looked[d.ID] = d
}

// refusedSince watches an app that no host takes while a deployment is at it.
func (s *State) refusedSince(a *app, w Wait) {
	d := a.holder
	waitsForRoom := w.Waiting > 0 && !w.Until.After(s.now) && len(w.Reasons) > 0
	if d == nil || !waitsForRoom {
		a.noRoom = time.Time{}
		if d != nil && d.Cause == apps.CauseUnplaceable {
			s.trouble(d, "", "")
		}
		return
	}
	if a.noRoom.IsZero() {
		a.noRoom = s.now
	}
	if until := later(a.noRoom, d.began()).Add(roomPatience); d.Rollback && until.After(s.now) {
		s.atApp(a, until)
	}
	s.trouble(d, apps.CauseUnplaceable, fmt.Sprintf("no host takes %d of %s: %s", w.Waiting, w.App, w.Sentence()))
}

// Sentence is the reasons in one line: "6 hosts: 4 too little memory (needs 512 MiB,
// most free 300), 1 not zone LIKE eu, 1 lost".
func (w Wait) Sentence() string {
	if len(w.Reasons) == 0 && w.Placing > 0 {
		return "being placed: it is one of many, and is decided on in a moment"
	}
	if w.Hosts == 0 {
		return "there is no host"
	}
	parts := make([]string, len(w.Reasons))
	for i, r := range w.Reasons {
		parts[i] = fmt.Sprintf("%d %s", r.Hosts, r.Text)
	}
	noun := "hosts"
	if w.Hosts == 1 {
		noun = "host"
	}
	return fmt.Sprintf("%d %s: %s", w.Hosts, noun, strings.Join(parts, ", "))
}

// hopeless reports whether a deployment that may roll back will not succeed.
func (s *State) hopeless(d *deployment) bool {
	if !d.Rollback || d.Paused || d.Step >= len(d.Steps) {
		return false
	}
	for _, action := range d.Steps[d.Step].Actions {
		a := s.apps[action.App]
		if a == nil || a.spec.Deleted {
			continue
		}
		if d.Failures[action.App] >= max(failuresMax, a.spec.Instances/10) {
			return true
		}
		if since := later(a.noRoom, d.began()); !a.noRoom.IsZero() && !s.now.Before(since.Add(roomPatience)) {
			return true
		}
	}
	return false
}

// giveUp ends a deployment as failed and goes back to the specs before it. Apps that
// it made stay as they are, tried on with backoff: there is nothing to go back to.
func (s *State) giveUp(d *deployment) {
	back := Change{Deployment: followUp(d.ID), Force: true, By: "pacer, to go back from deployment " + d.ID}
	before := past{groups: map[apps.ID]*apps.Group{}}
	for id, old := range d.OldGroups {
		if old != nil {
			before.groups[id] = old
		}
	}
	for _, id := range sortedKeys(d.Old) {
		if old := d.Old[id]; old != nil {
			back.Put = append(back.Put, PutApp{App: old})
		}
	}
	if len(back.Put) > 0 {
		d.Next = back.Deployment
	}
	// The apps are taken over while they are still d's: what it has not come to yet
	// must not come into force for lack of a deployment that holds it back.
	s.failing = d
	if len(back.Put) > 0 {
		s.change(back, &before)
	}
	s.failing = nil
	if s.deployments[d.ID] == d {
		s.end(d, apps.DeploymentFailed, d.Trouble)
	}
}

// began is when the present step did.
func (d *deployment) began() time.Time {
	if d.Step < len(d.StepStarted) {
		return d.StepStarted[d.Step]
	}
	return d.Started
}

// followUp derives the id of the deployment that goes back from the one that failed:
// a UUID (version 8) again, the same for the same.
func followUp(id string) string {
	h := apps.Digest(apps.ID(id), apps.Stamp{Epoch: 1})
	g := apps.Digest(apps.ID(id), apps.Stamp{Epoch: 2})
	return fmt.Sprintf("%08x-%04x-8%03x-%04x-%012x", h>>32, h>>16&0xffff, h&0xfff, 0x8000|g>>48&0x3fff, g&(1<<48-1))
}
