package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pacer/api/client"
	"pacer/api/wire"
)

// A waitFlags is what verbs that start a deployment have.
type waitFlags struct {
	wait    bool
	timeout time.Duration
	force   bool
}

func (w *waitFlags) add(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&w.wait, "wait", false, "wait until the deployment has ended")
	cmd.Flags().DurationVar(&w.timeout, "timeout", defaultTimeout, "how long to wait")
	cmd.Flags().BoolVar(&w.force, "force", false, "cancel deployments that hold the app")
	return cmd
}

// started tells of the deployment that a verb has begun and, where asked to, waits
// for its end.
func (s *session) started(ctx context.Context, r client.Result, wait bool, f follower) error {
	if r.Warning != "" {
		s.say("warning: %s", r.Warning)
	}
	if !wait {
		if err := s.show(outcome{DeploymentID: r.DeploymentID, Version: r.Version, State: "running"}); err != nil {
			return err
		}
		s.say("deployment %s was started; pacer deployment wait %s follows it", r.DeploymentID, r.DeploymentID)
		return nil
	}
	return s.wait(ctx, r.DeploymentID, f)
}

// An outcome is the result of a verb that starts or awaits a deployment.
type outcome struct {
	DeploymentID string   `json:"deploymentId"`
	Version      string   `json:"version"`
	State        string   `json:"state"`           // running, succeeded, failed or cancelled
	Reason       string   `json:"reason,omitzero"` // why it failed, was cancelled or does not get on
	AffectedApps []string `json:"affectedApps,omitzero"`
	RolledBackBy string   `json:"rolledBackBy,omitzero"` // the deployment that went back
}

// A follower is how a deployment is waited for, and what was seen of it.
type follower struct {
	timeout  time.Duration
	goBack   bool // when it fails and the server does not go back by itself
	patient  bool // failing instances are no reason to stop waiting
	failures map[string]int
	last     map[string]string // what was said last, by subject
	failed   map[string]string // task that failed last, by app
	hopeless bool
}

// Why a wait ended before the deployment did.
var (
	errTimeout  = errors.New("the time is over")
	errHopeless = errors.New("its instances fail again and again")
)

// How patient a follower is.
const (
	failuresMax = 3 // of an app's new instances, or a tenth of them, as the server counts
	countsMax   = 5 // apps of one deployment whose counts are shown
	backTime    = time.Minute
)

// wait follows a deployment to its end, says on stderr what changes, prints the
// outcome, and turns it into an exit code.
func (s *session) wait(ctx context.Context, id string, f follower) error {
	f.failures, f.last, f.failed = map[string]int{}, map[string]string{}, map[string]string{}
	bounded, stop := context.WithTimeoutCause(ctx, f.timeout, errTimeout)
	defer stop()
	bounded, giveUp := context.WithCancelCause(bounded)
	defer giveUp(nil)
	d := wire.DeploymentStatus{ID: id, State: "running"}
	ended, err := s.WaitDeployment(bounded, id, func(now wire.DeploymentStatus) {
		d = now
		if s.look(bounded, &f, now); f.hopeless {
			giveUp(errHopeless)
		}
	})
	switch {
	case err == nil:
		return s.ended(ctx, ended, f)
	case ctx.Err() != nil:
		return s.interrupted(id)
	case errors.Is(err, errHopeless):
		return s.fails(ctx, d, f)
	case errors.Is(err, errTimeout):
		if now, err := s.Deployment(ctx, id); err == nil {
			d = now
		}
		switch {
		case d.Ended():
			return s.ended(ctx, d, f)
		case d.Cause == "unplaceable", !f.patient && (d.Cause == "failing" || len(f.failures) > 0):
			return s.fails(ctx, d, f)
		}
		why := ""
		if d.Trouble != "" {
			why = ": " + d.Trouble
		}
		return s.end(d, "", &exitError{
			exitStillRuns, fmt.Sprintf("deployment %s still runs after %s%s", id, f.timeout, why),
			"pacer deployment wait " + id + " goes on waiting, pacer deployment cancel " + id + " goes back",
		})
	}
	return err
}

func (s *session) interrupted(id string) error {
	return &exitError{
		exitInterrupted, fmt.Sprintf("interrupted; deployment %s goes on", id),
		"pacer deployment wait " + id + " goes on waiting, pacer deployment cancel " + id + " goes back",
	}
}

// end prints the outcome for programs; people read it on stderr.
func (s *session) end(d wire.DeploymentStatus, back string, err error) error {
	o := outcome{DeploymentID: d.ID, Version: d.Version, State: d.State, Reason: d.Reason, AffectedApps: d.AffectedApps, RolledBackBy: back}
	if o.Reason == "" {
		o.Reason = d.Trouble
	}
	if err == nil {
		o.Reason = ""
	}
	if err != nil && s.format == "table" {
		return err
	}
	return errors.Join(err, s.show(o))
}

// look says what is new about a deployment, and judges whether it is hopeless.
func (s *session) look(ctx context.Context, f *follower, d wire.DeploymentStatus) {
	if d.Ended() {
		return
	}
	s.sayOnce(f, "", "deployment %s: step %d of %d%s", d.ID, d.CurrentStep, len(d.Steps), actionsOf(d))
	if d.Trouble != "" {
		s.sayOnce(f, "trouble", "  %s", d.Trouble)
	}
	for _, id := range d.AffectedApps[:min(len(d.AffectedApps), countsMax)] {
		list, err := s.Apps(ctx, client.AppFilter{ID: id, Embed: []string{"apps.lastTaskFailure"}}) // and others whose id has this one in it
		if err != nil {
			return // the next look tells
		}
		for _, app := range list {
			if app.ID != id {
				continue
			}
			health := ""
			if len(app.HealthChecks) > 0 {
				health = fmt.Sprintf(", %d healthy", value(app.TasksHealthy))
			}
			s.sayOnce(f, id, "  %s: %d of %d running%s", id, value(app.TasksRunning), value(app.Instances), health)
			f.count(app, d)
		}
	}
}

// count counts the failures of an app's new instances since the deployment began. A
// deployment that goes back by itself is judged by the server, which sees them all.
func (f *follower) count(app wire.AppInfo, d wire.DeploymentStatus) {
	failure := app.LastTaskFailure
	if failure == nil || failure.Timestamp < d.StartedAt || failure.TaskID == f.failed[app.ID] {
		return // times are RFC 3339 in UTC with milliseconds: their text sorts as they do
	}
	if app.VersionInfo != nil && failure.Version < app.VersionInfo.LastConfigChangeAt {
		return // an old one
	}
	f.failed[app.ID] = failure.TaskID
	f.failures[app.ID]++
	if !d.Rollback && !f.patient && f.failures[app.ID] >= max(failuresMax, value(app.Instances)/10) {
		f.hopeless = true
	}
}

func (s *session) sayOnce(f *follower, subject, format string, args ...any) {
	if line := fmt.Sprintf(format, args...); f.last[subject] != line {
		f.last[subject] = line
		s.say("%s", line)
	}
}

// actionsOf is what the present step does, if that is few things.
func actionsOf(d wire.DeploymentStatus) string {
	if d.CurrentStep < 1 || d.CurrentStep > len(d.Steps) {
		return ""
	}
	step := d.Steps[d.CurrentStep-1].Actions
	if len(step) > countsMax {
		return fmt.Sprintf(", %d apps", len(step))
	}
	var parts []string
	for _, a := range step {
		parts = append(parts, a.Action+" "+a.App)
	}
	return ", " + strings.Join(parts, ", ")
}

// ended is the outcome of a deployment that is over.
func (s *session) ended(ctx context.Context, d wire.DeploymentStatus, f follower) error {
	switch {
	case d.State == "succeeded" && len(d.Steps) == 0:
		s.say("deployment %s succeeded: there was nothing to do", d.ID)
		return s.end(d, "", nil)
	case d.State == "succeeded":
		s.say("deployment %s succeeded: %s", d.ID, strings.Join(d.AffectedApps, " "))
		return s.end(d, "", nil)
	case d.State == "cancelled":
		return s.end(d, "", exitf(exitFailed, "deployment %s was cancelled: %s", d.ID, d.Reason))
	case d.Next != "":
		return s.wentBack(ctx, d, d.Next, f)
	case d.Cause == "unplaceable":
		return s.end(d, "", exitf(exitUnplaceable, "deployment %s cannot be placed: %s", d.ID, d.Reason))
	}
	s.tellFailures(ctx, d)
	return s.end(d, "", exitf(exitFailed, "deployment %s failed, there is no version to go back to: %s", d.ID, d.Reason))
}

// fails is the outcome of a deployment that still runs and will not succeed.
func (s *session) fails(ctx context.Context, d wire.DeploymentStatus, f follower) error {
	if d.Trouble == "" { // it has passed, and will come again
		d.Trouble = errHopeless.Error()
	}
	if f.goBack && goesBack(d) {
		r, err := s.RevertDeployment(ctx, d.ID)
		switch {
		case err == nil:
			return s.wentBack(ctx, d, r.DeploymentID, f)
		case client.IsNotFound(err): // it has ended in this moment
			if now, err := s.Deployment(ctx, d.ID); err == nil && now.Ended() {
				return s.ended(ctx, now, f)
			}
		}
		return s.end(d, "", exitf(exitFailed, "deployment %s fails and could not be turned back (%v): %s", d.ID, err, d.Trouble))
	}
	if d.Cause != "unplaceable" {
		s.tellFailures(ctx, d)
	}
	e := &exitError{exitFailed, fmt.Sprintf("deployment %s fails, and tries on: %s", d.ID, d.Trouble), "pacer deployment cancel " + d.ID + " goes back"}
	if d.Cause == "unplaceable" {
		e.code, e.msg = exitUnplaceable, fmt.Sprintf("deployment %s cannot be placed, and waits for room: %s", d.ID, d.Trouble)
	}
	return s.end(d, "", e)
}

// goesBack reports whether there is something to go back to: an app that was there
// before.
func goesBack(d wire.DeploymentStatus) bool {
	fresh := map[string]bool{}
	for _, step := range d.Steps {
		for _, a := range step.Actions {
			if a.Action == "StartApplication" {
				fresh[a.App] = true
			}
		}
	}
	return len(fresh) < len(d.AffectedApps)
}

// wentBack waits for the deployment that goes back after d.
func (s *session) wentBack(ctx context.Context, d wire.DeploymentStatus, id string, f follower) error {
	why := d.Reason
	if why == "" {
		why = d.Trouble
	}
	s.say("deployment %s failed: %s", d.ID, why)
	s.say("going back to the version before by deployment %s", id)
	bounded, stop := context.WithTimeoutCause(ctx, max(f.timeout, backTime), errTimeout)
	defer stop()
	back, err := s.WaitDeployment(bounded, id, nil)
	if d.Cause != "unplaceable" {
		s.tellFailures(ctx, d) // now that there was time for it to come
	}
	switch {
	case ctx.Err() != nil:
		return s.interrupted(id)
	case err != nil:
		return s.end(d, id, exitf(exitFailed, "deployment %s failed, and the way back by %s has not ended (%v): %s", d.ID, id, err, why))
	case back.State != "succeeded":
		return s.end(d, id, exitf(exitFailed, "deployment %s failed, and the way back by %s ended %s: %s", d.ID, id, back.State, why))
	case d.Cause == "unplaceable":
		return s.end(d, id, exitf(exitUnplaceable, "deployment %s cannot be placed and was rolled back: %s", d.ID, why))
	}
	return s.end(d, id, exitf(exitRolledBack, "deployment %s failed and was rolled back: %s", d.ID, why))
}
