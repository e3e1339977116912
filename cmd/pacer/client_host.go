package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func hostCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List hosts", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.Hosts(ctx)
		if err != nil {
			return err
		}
		return print(s, wire.Hosts{Hosts: all}, all, "NAME STATE ADDRESS ROLE INSTANCES CPUS MEM ENGINE", func(h wire.Host) []any {
			return []any{h.Name, h.State, h.Addr, cmp.Or(h.Role, "*"), h.Instances, fmt.Sprintf("%g/%g", h.Used.Cpus, h.Total.Cpus), fmt.Sprintf("%d/%d", h.Used.Mem, h.Total.Mem), h.Engine}
		})
	})
	list.Aliases = []string{"ls"}
	on := func(use, short string, do func(ctx context.Context, s *session, name string) (wire.Host, error)) *cobra.Command {
		return f.verb(use+" NAME", short, cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
			h, err := do(ctx, s, args[0])
			if err != nil {
				return err
			}
			return s.show(h)
		})
	}
	show := on("show", "Show a host", func(ctx context.Context, s *session, name string) (wire.Host, error) { return s.Host(ctx, name) })
	cordon := on("cordon", "Let nothing new come to a host", func(ctx context.Context, s *session, name string) (wire.Host, error) {
		return s.Cordon(ctx, name, true)
	})
	uncordon := on("uncordon", "Let a host take part again, after cordon or drain", func(ctx context.Context, s *session, name string) (wire.Host, error) {
		if _, err := s.Drain(ctx, name, false); err != nil {
			return wire.Host{}, err
		}
		return s.Cordon(ctx, name, false)
	})
	var lose bool
	remove := f.verb("remove NAME", "Forget a host that is lost and will not come back", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		if err := s.ForgetHost(ctx, args[0], lose); err != nil {
			return err
		}
		s.say("host %s is forgotten", args[0])
		return nil
	})
	remove.Flags().BoolVar(&lose, "wipe", false, "though it has persistent volumes, which are lost with it")
	remove.Aliases = []string{"rm"}
	return noun("host", "Machines with a Docker engine", list, show, cordon, drainCommand(f), uncordon, rebalanceCommand(f), remove)
}

func taskCommand(f *clientFlags) *cobra.Command {
	var ended bool
	list := f.verb("list [APP]", "List instances", cobra.MaximumNArgs(1), func(ctx context.Context, s *session, args []string) error {
		if ended {
			return s.listEndedTasks(ctx, args)
		}
		var tasks []wire.Task
		var err error
		if len(args) == 1 {
			tasks, err = s.AppTasks(ctx, args[0])
			if err != nil {
				return s.suggest(ctx, args[0], err)
			}
		} else if tasks, err = s.Tasks(ctx); err != nil {
			return err
		}
		return print(s, wire.Tasks{Tasks: tasks}, tasks, "ID STATE HOST ADDRESS VERSION", func(t wire.Task) []any {
			address := t.Host
			if len(t.Ports) > 0 {
				address = fmt.Sprintf("%s:%d", t.Host, t.Ports[0])
			}
			return []any{t.ID, t.State, t.SlaveID, address, t.Version}
		})
	})
	list.Aliases = []string{"ls"}
	list.Flags().BoolVar(&ended, "ended", false, "those that are gone instead, newest first: where and how long they ran, how they ended and why")
	var scale, wipe bool
	var w waitFlags
	kill := f.verb("kill ID…", "Stop instances; their app replaces them, unless --scale", cobra.MinimumNArgs(1), func(ctx context.Context, s *session, args []string) error {
		if scale && wipe {
			return usageError("--scale and --wipe exclude each other")
		}
		if scale {
			r, err := s.KillTasksAndScale(ctx, w.force, args...)
			if err != nil {
				return err
			}
			return s.started(ctx, r, w.wait, follower{timeout: w.timeout})
		}
		if w.wait {
			return usageError("--wait is for --scale: without it no deployment starts, the app replaces what was killed")
		}
		tasks, err := s.KillTasks(ctx, wipe, args...)
		if err != nil {
			return err
		}
		return print(s, wire.Tasks{Tasks: tasks}, tasks, "ID", func(t wire.Task) []any { return []any{t.ID} })
	})
	w.add(kill).Flags().BoolVar(&scale, "scale", false, "make the app smaller instead")
	kill.Flags().BoolVar(&wipe, "wipe", false, "delete their persistent volumes too")
	return noun("task", "Instances, one by one", list, kill)
}

// listEndedTasks prints the history of instances, of one app or of all. An app that is
// deleted still has some.
func (s *session) listEndedTasks(ctx context.Context, args []string) error {
	var app string
	if len(args) == 1 {
		app = args[0]
	}
	gone, err := s.EndedTasks(ctx, app, 0)
	if err != nil {
		return err
	}
	return print(s, wire.EndedTasks{Tasks: gone}, gone, "AT APP HOST SECONDS END INSTANCE WHY", func(t wire.EndedTask) []any {
		return []any{t.At, t.App, dash(t.Host), fmt.Sprintf("%.1f", t.Seconds), t.End, t.Instance, dash(t.Message)}
	})
}
