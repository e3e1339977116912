package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pacer/api/client"
	"pacer/api/wire"
)

// started prints what a verb has begun and, where asked to, waits for its end.
func (s *session) started(ctx context.Context, r client.Result, w waitFlags) error {
	if r.Warning != "" {
		s.say("warning: %s", r.Warning)
	}
	if !w.wait {
		return s.show(r.DeploymentResult)
	}
	return s.wait(ctx, r.DeploymentID, w.timeout)
}

// wait follows a deployment to its end, says on stderr what changes, and turns the
// end into an exit code.
func (s *session) wait(ctx context.Context, id string, timeout time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last, trouble := "", ""
	status, err := s.WaitDeployment(bounded, id, func(d wire.DeploymentStatus) {
		trouble = d.Trouble
		line := fmt.Sprintf("deployment %s: step %d of %d", d.ID, d.CurrentStep, len(d.Steps))
		if d.Trouble != "" {
			line += ": " + d.Trouble
		}
		if line != last && d.State == "running" {
			s.say("%s", line)
			last = line
		}
	})
	switch {
	case err == nil:
		return s.ended(ctx, status, timeout)
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, fmt.Sprintf("interrupted; deployment %s goes on", id), "pacer deployment wait " + id}
	case errors.Is(bounded.Err(), context.DeadlineExceeded):
		status, err := s.Deployment(ctx, id)
		if err != nil {
			return err
		}
		if status.Ended() {
			return s.ended(ctx, status, timeout)
		}
		if status.Cause == "unplaceable" {
			return exitf(exitUnplaceable, "deployment %s cannot be placed: %s", id, status.Trouble)
		}
		if trouble != "" {
			trouble = ": " + trouble
		}
		return &exitError{exitStillRuns, fmt.Sprintf("deployment %s still runs after %s%s", id, timeout, trouble), "pacer deployment wait " + id}
	}
	return err
}

// ended is the outcome of a deployment that is over.
func (s *session) ended(ctx context.Context, d wire.DeploymentStatus, timeout time.Duration) error {
	switch d.State {
	case "succeeded":
		s.say("deployment %s succeeded: %s", d.ID, strings.Join(d.AffectedApps, " "))
		return s.show(wire.DeploymentResult{Version: d.Version, DeploymentID: d.ID})
	case "cancelled":
		return exitf(exitFailed, "deployment %s was cancelled: %s", d.ID, d.Reason)
	}
	if d.Next == "" {
		if d.Cause == "unplaceable" {
			return exitf(exitUnplaceable, "deployment %s cannot be placed: %s", d.ID, d.Reason)
		}
		return exitf(exitFailed, "deployment %s failed, there is no version to go back to: %s", d.ID, d.Reason)
	}
	s.say("deployment %s failed: %s", d.ID, d.Reason)
	s.say("going back to the version before by deployment %s", d.Next)
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	back, err := s.WaitDeployment(bounded, d.Next, func(wire.DeploymentStatus) {})
	if err != nil || back.State != "succeeded" {
		return exitf(exitFailed, "deployment %s failed and the way back by %s did not end well: %s", d.ID, d.Next, d.Reason)
	}
	if d.Cause == "unplaceable" {
		return exitf(exitUnplaceable, "deployment %s cannot be placed and was rolled back: %s", d.ID, d.Reason)
	}
	return exitf(exitRolledBack, "deployment %s failed and was rolled back: %s", d.ID, d.Reason)
}
