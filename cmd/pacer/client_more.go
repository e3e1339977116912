package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pacer/api/client"
	"pacer/api/wire"
)

const defaultTimeout = 10 * time.Minute

func taskCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list [APP]", "List instances", cobra.MaximumNArgs(1), func(ctx context.Context, s *session, args []string) error {
		var tasks []wire.Task
		var err error
		if len(args) == 1 {
			if tasks, err = s.AppTasks(ctx, args[0]); err != nil {
				return s.suggest(ctx, args[0], err)
			}
		} else if tasks, err = s.Tasks(ctx); err != nil {
			return err
		}
		return print(s, map[string]any{"tasks": tasks}, tasks, "ID STATE HOST ADDRESS VERSION", func(t wire.Task) []any {
			address := t.Host
			if len(t.Ports) > 0 {
				address = fmt.Sprintf("%s:%d", t.Host, t.Ports[0])
			}
			return []any{t.ID, t.State, t.SlaveID, address, t.Version}
		})
	})
	list.Aliases = []string{"ls"}
	var scale, force bool
	var w waitFlags
	kill := f.verb("kill ID…", "Stop instances; their app replaces them, unless --scale", cobra.MinimumNArgs(1), func(ctx context.Context, s *session, args []string) error {
		if scale {
			r, err := s.KillTasksAndScale(ctx, force, args...)
			if err != nil {
				return err
			}
			return s.started(ctx, r, w)
		}
		tasks, err := s.KillTasks(ctx, args...)
		if err != nil {
			return err
		}
		return print(s, map[string]any{"tasks": tasks}, tasks, "ID", func(t wire.Task) []any { return []any{t.ID} })
	})
	kill.Flags().BoolVar(&scale, "scale", false, "make the app smaller instead")
	kill.Flags().BoolVar(&force, "force", false, "cancel deployments that hold the app")
	kill.Flags().BoolVar(&w.wait, "wait", false, "wait until the deployment has ended")
	kill.Flags().DurationVar(&w.timeout, "timeout", defaultTimeout, "how long to wait")
	return noun("task", "Instances, one by one", list, kill)
}

func deploymentCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List running deployments", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.Deployments(ctx)
		if err != nil {
			return err
		}
		return print(s, all, all, "ID STEP APPS VERSION", func(d wire.Deployment) []any {
			return []any{d.ID, fmt.Sprintf("%d/%d", d.CurrentStep, d.TotalSteps), strings.Join(d.AffectedApps, ","), d.Version}
		})
	})
	list.Aliases = []string{"ls"}
	show := f.verb("show ID", "Show a deployment, running or ended", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		d, err := s.Deployment(ctx, args[0])
		if err != nil {
			return err
		}
		return s.show(d)
	})
	var w waitFlags
	wait := f.verb("wait ID", "Wait for a deployment's end", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		return s.wait(ctx, args[0], w.timeout)
	})
	wait.Flags().DurationVar(&w.timeout, "timeout", defaultTimeout, "how long to wait")
	var force bool
	var back waitFlags
	cancel := f.verb("cancel ID", "Go back to the versions before it; with --force stop where it is", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		if force {
			return s.CancelDeployment(ctx, args[0])
		}
		r, err := s.RevertDeployment(ctx, args[0])
		if err != nil {
			return err
		}
		return s.started(ctx, r, back)
	})
	cancel.Aliases = []string{"rollback"}
	cancel.Flags().BoolVar(&force, "force", false, "leave all as it is")
	cancel.Flags().BoolVar(&back.wait, "wait", false, "wait until the way back has ended")
	cancel.Flags().DurationVar(&back.timeout, "timeout", defaultTimeout, "how long to wait")
	return noun("deployment", "The way from one set of specs to the next", list, show, wait, cancel)
}

func queueCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List apps with instances that wait", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		items, err := s.Queue(ctx)
		if err != nil {
			return err
		}
		return print(s, map[string]any{"queue": items}, items, "APP WAITING DELAY SINCE", func(q wire.QueueItem) []any {
			return []any{q.App.ID, q.Count, fmt.Sprintf("%ds", q.Delay.TimeLeftSeconds), q.Since}
		})
	})
	list.Aliases = []string{"ls"}
	reset := f.verb("reset APP", "Forget the backoff of an app", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		return s.ResetDelay(ctx, args[0])
	})
	return noun("queue", "What waits for a host", list, reset)
}

func hostCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List hosts", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.Hosts(ctx)
		if err != nil {
			return err
		}
		return print(s, map[string]any{"hosts": all}, all, "NAME STATE ADDRESS INSTANCES CPUS MEM ENGINE", func(h wire.Host) []any {
			return []any{h.Name, h.State, h.Addr, h.Instances, fmt.Sprintf("%g/%g", h.Used.Cpus, h.Total.Cpus), fmt.Sprintf("%d/%d", h.Used.Mem, h.Total.Mem), h.Engine}
		})
	})
	list.Aliases = []string{"ls"}
	change := func(use, short string, do func(ctx context.Context, s *session, name string) (wire.Host, error)) *cobra.Command {
		return f.verb(use+" NAME", short, cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
			h, err := do(ctx, s, args[0])
			if err != nil {
				return err
			}
			return s.show(h)
		})
	}
	show := change("show", "Show a host", func(ctx context.Context, s *session, name string) (wire.Host, error) { return s.Host(ctx, name) })
	cordon := change("cordon", "Let nothing new come to a host", func(ctx context.Context, s *session, name string) (wire.Host, error) { return s.Cordon(ctx, name, true) })
	drain := change("drain", "Move everything on a host away, within the apps' capacity rules", func(ctx context.Context, s *session, name string) (wire.Host, error) { return s.Drain(ctx, name, true) })
	uncordon := change("uncordon", "Let a host take part again", func(ctx context.Context, s *session, name string) (wire.Host, error) {
		if _, err := s.Drain(ctx, name, false); err != nil {
			return wire.Host{}, err
		}
		return s.Cordon(ctx, name, false)
	})
	remove := f.verb("remove NAME", "Forget a host that is lost and will not come back", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		return s.ForgetHost(ctx, args[0])
	})
	remove.Aliases = []string{"rm"}
	return noun("host", "Machines with a Docker engine", list, show, cordon, drain, uncordon, remove)
}

func eventCommand(f *clientFlags) *cobra.Command {
	var o client.EventOptions
	follow := f.verb("follow", "Print events as they come, one JSON object a line", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		o.Resume = o.After > 0
		err := s.FollowEvents(ctx, o, func(e wire.Event) error {
			_, err := fmt.Fprintf(s.out, "%s\n", e.Data)
			return err
		})
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
	follow.Flags().StringSliceVar(&o.Types, "type", nil, "only these event types")
	follow.Flags().Uint64Var(&o.After, "after", 0, "begin after the event of this number")
	return noun("event", "What happens", follow)
}
