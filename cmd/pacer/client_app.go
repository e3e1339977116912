package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"pacer/api/client"
	"pacer/api/wire"
)

func appCommand(f *clientFlags) *cobra.Command {
	scale := f.change("scale APP N", "Set the number of instances", 2, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 {
			return client.Result{}, usageError("%q is not a number of instances", args[1])
		}
		return s.ScaleApp(ctx, args[0], n, force)
	})
	restart := f.change("restart APP", "Replace every instance", 1, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		return s.RestartApp(ctx, args[0], force)
	})
	suspend := func() *cobra.Command {
		return f.change("suspend APP", "Stop all instances; the app stays", 1, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
			return s.ScaleApp(ctx, args[0], 0, force)
		})
	}
	remove := func() *cobra.Command {
		return f.change("delete APP", "Delete an app and stop its instances", 1, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
			return s.DeleteApp(ctx, args[0], force)
		})
	}
	del := remove()
	del.Aliases = []string{"rm"}
	return noun("app", "Apps: what runs, and how much of it",
		listAppsCommand(f), showAppCommand(f), applyCommand(f), scale, restart, suspend(), versionsCommand(f), rollbackCommand(f), del,
		logsCommand(f), explainCommand(f), failuresCommand(f),
		named("add FILE", applyCommand(f)), named("update FILE", applyCommand(f)), named("stop APP", suspend()), named("remove APP", remove()))
}

// change is a verb that changes an app, the first of n arguments, and so starts a
// deployment.
func (f *clientFlags) change(use, short string, n int, do func(ctx context.Context, s *session, args []string, force bool) (client.Result, error)) *cobra.Command {
	return f.starts(use, short, n, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		r, err := do(ctx, s, args, force)
		if err != nil {
			err = s.suggest(ctx, args[0], err)
		}
		return r, err
	})
}

// starts is a verb of n arguments that starts a deployment.
func (f *clientFlags) starts(use, short string, n int, do func(ctx context.Context, s *session, args []string, force bool) (client.Result, error)) *cobra.Command {
	var w waitFlags
	return w.add(f.verb(use, short, cobra.ExactArgs(n), func(ctx context.Context, s *session, args []string) error {
		r, err := do(ctx, s, args, w.force)
		if err != nil {
			return err
		}
		return s.started(ctx, r, w.wait, follower{timeout: w.timeout})
	}))
}

func listAppsCommand(f *clientFlags) *cobra.Command {
	var filter client.AppFilter
	cmd := f.verb("list", "List apps", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		list, err := s.Apps(ctx, filter)
		if err != nil {
			return err
		}
		return print(s, wire.Apps{Apps: list}, list, "ID INSTANCES HEALTHY CPUS MEM STATUS IMAGE", func(a wire.AppInfo) []any {
			return []any{a.ID, fmt.Sprintf("%d/%d", value(a.TasksRunning), value(a.Instances)), healthy(a), value(a.Cpus), value(a.Mem), status(a), image(a)}
		})
	})
	cmd.Aliases = []string{"ls"}
	cmd.Flags().StringVar(&filter.Label, "label", "", "only those that the selector matches: key, key==v, key!=v, key in (a,b)")
	cmd.Flags().StringVar(&filter.ID, "id", "", "only those with this in their id")
	return cmd
}

// status is an app's in Marathon's words.
func status(a wire.AppInfo) string {
	switch {
	case len(a.Deployments) > 0:
		return "deploying"
	case value(a.Instances) == 0:
		return "suspended"
	case value(a.TasksRunning) < value(a.Instances):
		return "waiting"
	}
	return "running"
}

func healthy(a wire.AppInfo) string {
	if len(a.HealthChecks) == 0 {
		return "-"
	}
	return strconv.Itoa(value(a.TasksHealthy))
}

func image(a wire.AppInfo) string {
	if a.Container != nil && a.Container.Docker != nil && a.Container.Docker.Image != "" {
		return a.Container.Docker.Image
	}
	return "-"
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func showAppCommand(f *clientFlags) *cobra.Command {
	return f.verb("show APP", "Show an app with its instances", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		app, err := s.App(ctx, args[0])
		if err != nil {
			return s.suggest(ctx, args[0], err)
		}
		return s.show(app)
	})
}

func versionsCommand(f *clientFlags) *cobra.Command {
	return f.verb("versions APP", "List the kept versions, newest first", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		list, err := s.Versions(ctx, args[0])
		if err != nil {
			return s.suggest(ctx, args[0], err)
		}
		return print(s, wire.Versions{Versions: list}, list, "VERSION", func(v string) []any { return []any{v} })
	})
}

func rollbackCommand(f *clientFlags) *cobra.Command {
	var w waitFlags
	return w.add(f.verb("rollback APP [VERSION]", "Go back to a version; by default the one before", cobra.RangeArgs(1, 2), func(ctx context.Context, s *session, args []string) error {
		version, err := s.before(ctx, args)
		if err != nil {
			return s.suggest(ctx, args[0], err)
		}
		r, err := s.RollbackApp(ctx, args[0], version, w.force)
		if err != nil {
			return s.suggest(ctx, args[0], err)
		}
		s.say("%s goes back to version %s", args[0], version)
		return s.started(ctx, r, w.wait, follower{timeout: w.timeout})
	}))
}

// before is the version that args name, or the one before the present one.
func (s *session) before(ctx context.Context, args []string) (string, error) {
	if len(args) == 2 {
		return args[1], nil
	}
	app, err := s.App(ctx, args[0])
	if err != nil {
		return "", err
	}
	list, err := s.Versions(ctx, args[0])
	if err != nil {
		return "", err
	}
	if at := slices.Index(list, value(app.Version)); at+1 < len(list) {
		return list[at+1], nil
	}
	return "", exitf(exitNotFound, "%s has no version before the present one", app.ID)
}

func logsCommand(f *clientFlags) *cobra.Command {
	var tail int
	var follow bool
	var instance string
	cmd := f.verb("logs APP", "Print what the app's instances print", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		var err error
		if instance != "" {
			err = s.TaskLogs(ctx, instance, tail, follow, s.out)
		} else {
			err = s.suggest(ctx, args[0], s.AppLogs(ctx, args[0], tail, follow, s.out))
		}
		return quietly(ctx, follow, err)
	})
	cmd.Flags().IntVar(&tail, "tail", 100, "the last lines only; 0: all")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	cmd.Flags().StringVar(&instance, "instance", "", "of one instance only")
	return cmd
}

// quietly ends what goes on until it is interrupted without a word.
func quietly(ctx context.Context, endless bool, err error) error {
	if endless && ctx.Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	return err
}
