package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func deploymentCommand(f *clientFlags) *cobra.Command {
	var ended bool
	list := f.verb("list", "List running deployments", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		if ended {
			return s.listEnded(ctx)
		}
		all, err := s.listRunning(ctx)
		if err != nil {
			return err
		}
		return print(s, all, all, "ID STEP APPS VERSION STATE", func(d runningDeployment) []any {
			state := "running"
			if d.Paused {
				state = "paused"
			}
			return []any{d.ID, fmt.Sprintf("%d/%d", d.CurrentStep, d.TotalSteps), strings.Join(d.AffectedApps, ","), d.Version, state}
		})
	})
	list.Aliases = []string{"ls"}
	list.Flags().BoolVar(&ended, "ended", false, "those that have ended instead, newest first: who asked, how long they took and how they ended")
	show := f.verb("show ID", "Show a deployment, running or ended", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		d, err := s.Deployment(ctx, args[0])
		if err != nil {
			return err
		}
		return s.show(d)
	})
	hold := func(use, short string, on bool) *cobra.Command {
		return f.verb(use+" ID", short, cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
			d, err := s.PauseDeployment(ctx, args[0], on)
			if err != nil {
				return err
			}
			return s.show(d)
		})
	}
	pause := hold("pause", "Hold a deployment where it is; what fails is replaced by its like", true)
	resume := hold("resume", "Let a paused deployment go on", false)
	var waiting waitFlags
	wait := f.verb("wait ID", "Wait for a deployment's end", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		return s.wait(ctx, args[0], follower{timeout: waiting.timeout, patient: true})
	})
	wait.Flags().DurationVar(&waiting.timeout, "timeout", defaultTimeout, "how long to wait")
	var back waitFlags
	cancel := f.verb("cancel ID", "Go back to the versions before it; with --force stop where it is", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		if back.force {
			if err := s.CancelDeployment(ctx, args[0]); err != nil {
				return err
			}
			s.say("deployment %s was cancelled, and all is left as it is", args[0])
			return nil
		}
		r, err := s.RevertDeployment(ctx, args[0])
		if err != nil {
			return err
		}
		return s.started(ctx, r, back.wait, follower{timeout: back.timeout})
	})
	back.add(cancel).Flags().Lookup("force").Usage = "leave all as it is"
	cancel.Aliases = []string{"rollback"}
	return noun("deployment", "The way from one set of specs to the next", list, show, wait, pause, resume, cancel)
}

// A runningDeployment is one as Marathon lists it, with what only Pacer says of it.
type runningDeployment struct {
	wire.Deployment
	Paused  bool   `json:"paused,omitempty"`
	Trouble string `json:"trouble,omitempty"`
}

// listRunning is the deployments that run. One that ends between the two questions is
// listed as it was.
func (s *session) listRunning(ctx context.Context) ([]runningDeployment, error) {
	all, err := s.Deployments(ctx)
	if err != nil {
		return nil, err
	}
	own, err := s.RunningDeployments(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]runningDeployment, len(all))
	for i, d := range all {
		list[i].Deployment = d
		for _, o := range own {
			if o.ID == d.ID {
				list[i].Paused, list[i].Trouble = o.Paused, o.Trouble
			}
		}
	}
	return list, nil
}

// listEnded prints the history of deployments.
func (s *session) listEnded(ctx context.Context) error {
	all, err := s.DeploymentHistory(ctx, 0)
	if err != nil {
		return err
	}
	return print(s, wire.DeploymentList{Deployments: all}, all, "ID STATE APPS STARTED SECONDS BY REASON", func(d wire.DeploymentStatus) []any {
		return []any{d.ID, d.State, strings.Join(d.AffectedApps, ","), d.StartedAt, fmt.Sprintf("%.1f", d.Seconds), dash(d.By), dash(d.Reason)}
	})
}

func queueCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List apps with instances that wait, and why", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		items, err := s.Queue(ctx)
		if err != nil {
			return err
		}
		return print(s, wire.Queue{Queue: items}, items, "APP WAITING SINCE WHY", func(q wire.QueueItem) []any {
			return []any{q.App.ID, q.Count, q.Since, why(q)}
		})
	})
	list.Aliases = []string{"ls"}
	reset := f.verb("reset APP", "Forget the backoff of an app", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		if err := s.ResetDelay(ctx, args[0]); err != nil {
			return s.suggest(ctx, args[0], err)
		}
		s.say("%s is tried again at once", args[0])
		return nil
	})
	return noun("queue", "What waits for a host", list, reset)
}
