package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/client"
	"pacer/api/wire"
)

func appCommand(f *clientFlags) *cobra.Command {
	var w waitFlags
	list := f.verb("list", "List apps", cobra.NoArgs, listApps)
	list.Aliases = []string{"ls"}
	show := f.verb("show APP", "Show an app with its instances", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		app, err := s.App(ctx, args[0])
		if err != nil {
			return s.suggest(ctx, args[0], err)
		}
		return s.show(app)
	})
	scale := w.add(f.verb("scale APP N", "Set the number of instances", cobra.ExactArgs(2), func(ctx context.Context, s *session, args []string) error {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 {
			return usageError("%q is not a number of instances", args[1])
		}
		return s.onApp(ctx, args[0], w, func() (client.Result, error) { return s.ScaleApp(ctx, args[0], n, w.force) })
	}))
	restart := w.add(f.verb("restart APP", "Replace every instance", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		return s.onApp(ctx, args[0], w, func() (client.Result, error) { return s.RestartApp(ctx, args[0], w.force) })
	}))
	stop := w.add(f.verb("suspend APP", "Stop all instances; the app stays", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		return s.onApp(ctx, args[0], w, func() (client.Result, error) { return s.ScaleApp(ctx, args[0], 0, w.force) })
	}))
	stop.Aliases = []string{"stop"}
	remove := w.add(f.verb("delete APP", "Delete an app and stop its instances", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		return s.onApp(ctx, args[0], w, func() (client.Result, error) { return s.DeleteApp(ctx, args[0], w.force) })
	}))
	remove.Aliases = []string{"rm", "remove"}
	versions := f.verb("versions APP", "List the kept versions, newest first", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		list, err := s.Versions(ctx, args[0])
		if err != nil {
			return s.suggest(ctx, args[0], err)
		}
		return print(s, map[string]any{"versions": list}, list, "VERSION", func(v string) []any { return []any{v} })
	})
	rollback := w.add(f.verb("rollback APP [VERSION]", "Go back to a version; by default the one before", cobra.RangeArgs(1, 2), func(ctx context.Context, s *session, args []string) error {
		version := ""
		if len(args) == 2 {
			version = args[1]
		} else {
			list, err := s.Versions(ctx, args[0])
			if err != nil {
				return s.suggest(ctx, args[0], err)
			}
			if len(list) < 2 {
				return exitf(exitNotFound, "%s has no version before the present one", args[0])
			}
			version = list[1]
		}
		return s.onApp(ctx, args[0], w, func() (client.Result, error) { return s.RollbackApp(ctx, args[0], version, w.force) })
	}))
	all := []*cobra.Command{list, show, applyCommand(f), scale, restart, stop, versions, rollback, remove, logsCommand(f), explainCommand(f)}
	return noun("app", "Apps: what runs, and how much of it", all...)
}

// onApp carries out a change of one app.
func (s *session) onApp(ctx context.Context, id string, w waitFlags, change func() (client.Result, error)) error {
	r, err := change()
	if err != nil {
		return s.suggest(ctx, id, err)
	}
	return s.started(ctx, r, w)
}

// suggest adds the ids that look like the one that was not found.
func (s *session) suggest(ctx context.Context, id string, err error) error {
	if !client.IsNotFound(err) {
		return err
	}
	list, listErr := s.Apps(ctx, client.AppFilter{})
	if listErr != nil {
		return err
	}
	id = strings.Trim(id, "/")
	for _, app := range list {
		name := strings.Trim(app.ID, "/")
		if name != id && (strings.HasSuffix(name, "/"+id) || distance(name, id) <= 2) {
			return &exitError{exitNotFound, err.Error(), "did you mean " + app.ID + "?"}
		}
	}
	return err
}

// distance is Levenshtein's, for short names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func listApps(ctx context.Context, s *session, _ []string) error {
	list, err := s.Apps(ctx, client.AppFilter{})
	if err != nil {
		return err
	}
	return print(s, map[string]any{"apps": list}, list, "ID INSTANCES HEALTHY CPUS MEM STATUS IMAGE", func(a wire.AppInfo) []any {
		image := "-"
		if a.Container != nil && a.Container.Docker != nil && a.Container.Docker.Image != "" {
			image = a.Container.Docker.Image
		}
		status := "running"
		switch {
		case len(a.Deployments) > 0:
			status = "deploying"
		case value(a.Instances) == 0:
			status = "suspended"
		}
		healthy := "-"
		if len(a.HealthChecks) > 0 {
			healthy = fmt.Sprint(value(a.TasksHealthy))
		}
		return []any{a.ID, fmt.Sprintf("%d/%d", value(a.TasksRunning), value(a.Instances)), healthy, value(a.Cpus), value(a.Mem), status, image}
	})
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
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
			err = s.AppLogs(ctx, args[0], tail, follow, s.out)
		}
		if follow && ctx.Err() != nil {
			return nil
		}
		return s.suggest(ctx, args[0], err)
	})
	cmd.Flags().IntVar(&tail, "tail", 100, "the last lines only; 0: all")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	cmd.Flags().StringVar(&instance, "instance", "", "of one instance only")
	return cmd
}

func explainCommand(f *clientFlags) *cobra.Command {
	return f.verb("explain APP", "Say why instances wait, and what troubles a deployment", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		app, err := s.App(ctx, args[0])
		if err != nil {
			return s.suggest(ctx, args[0], err)
		}
		lines := []string{fmt.Sprintf("%s: %d of %d instances run", app.ID, value(app.TasksRunning), value(app.Instances))}
		for _, ref := range app.Deployments {
			d, err := s.Deployment(ctx, ref.ID)
			if err != nil {
				return err
			}
			line := fmt.Sprintf("deployment %s is at step %d of %d", d.ID, d.CurrentStep, len(d.Steps))
			if d.Trouble != "" {
				line += ": " + d.Trouble
			}
			lines = append(lines, line)
		}
		queue, err := s.Queue(ctx)
		if err != nil {
			return err
		}
		for _, item := range queue {
			if item.App.ID != app.ID {
				continue
			}
			if item.Delay.TimeLeftSeconds > 0 {
				lines = append(lines, fmt.Sprintf("%d wait: tried again in %d s, because the last ones failed", item.Count, item.Delay.TimeLeftSeconds))
				continue
			}
			lines = append(lines, fmt.Sprintf("%d wait for a host since %s", item.Count, item.Since))
		}
		if failure := app.LastTaskFailure; failure != nil {
			lines = append(lines, fmt.Sprintf("last failure, %s on %s: %s", failure.Timestamp, failure.Host, failure.Message))
		}
		if s.format != "table" {
			return s.show(map[string]any{"app": app.ID, "explanation": lines})
		}
		_, err = fmt.Fprintln(s.out, strings.Join(lines, "\n"))
		return err
	})
}

func applyCommand(f *clientFlags) *cobra.Command {
	w := waitFlags{wait: true}
	var detach, noRollback bool
	var ifVersion string
	cmd := f.verb("apply FILE", "Make what FILE says true: an app, a list of apps or a group, as JSON; - is standard input", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		body, err := readJSON(args[0])
		if err != nil {
			return err
		}
		if ifVersion != "" {
			if err := s.unchanged(ctx, body, ifVersion); err != nil {
				return err
			}
		}
		r, err := s.apply(ctx, body, client.PutOptions{Force: w.force, Whole: true, Rollback: !noRollback && !detach})
		if err != nil {
			return err
		}
		w.wait = !detach
		return s.started(ctx, r, w)
	})
	cmd.Aliases = []string{"add", "update"}
	cmd.Flags().DurationVar(&w.timeout, "timeout", defaultTimeout, "how long to wait")
	cmd.Flags().BoolVar(&w.force, "force", false, "cancel deployments that hold the app")
	cmd.Flags().BoolVar(&detach, "detach", false, "do not wait for the deployment")
	cmd.Flags().BoolVar(&w.wait, "wait", true, "wait for the deployment (the default)")
	cmd.Flags().BoolVar(&noRollback, "no-rollback", false, "when it fails, do not go back to the version before")
	cmd.Flags().StringVar(&ifVersion, "if-version", "", "only if the app still has this version")
	return cmd
}

// readJSON reads a file, or standard input for -, that holds a JSON object or list.
func readJSON(path string) ([]byte, error) {
	var raw []byte
	var err error
	if path == "-" {
		raw, err = io.ReadAll(io.LimitReader(os.Stdin, 10<<20))
	} else {
		raw, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, usageError("%v", err)
	}
	if !json.Valid(raw) {
		var v any
		return nil, usageError("%s is not JSON: %v", path, json.Unmarshal(raw, &v))
	}
	return raw, nil
}

// shape tells what a body is.
func shape(body []byte) (kind, id string) {
	if text := strings.TrimSpace(string(body)); strings.HasPrefix(text, "[") {
		return "list", ""
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(body, &keys) != nil {
		return "app", ""
	}
	_ = json.Unmarshal(keys["id"], &id)
	for _, key := range []string{"apps", "groups"} {
		if keys[key] != nil {
			return "group", id
		}
	}
	return "app", id
}

func (s *session) apply(ctx context.Context, body []byte, o client.PutOptions) (client.Result, error) {
	switch kind, id := shape(body); {
	case kind == "list":
		return s.PutApps(ctx, body, o)
	case kind == "group":
		return s.PutGroup(ctx, id, body, o)
	case id == "":
		return client.Result{}, usageError("the app has no id")
	default:
		return s.PutApp(ctx, id, body, o)
	}
}

// unchanged refuses when the app is not at the version that the caller has seen.
func (s *session) unchanged(ctx context.Context, body []byte, version string) error {
	kind, id := shape(body)
	if kind != "app" {
		return usageError("--if-version is for one app")
	}
	app, err := s.App(ctx, id)
	if err != nil {
		return err
	}
	if have := value(app.Version); have != version {
		return &exitError{exitConflict, fmt.Sprintf("%s has version %s, not %s", app.ID, have, version), "somebody changed it meanwhile: look at it with pacer app show " + app.ID}
	}
	return nil
}

func planCommand(f *clientFlags) *cobra.Command {
	cmd := f.verb("plan FILE", "Say what applying FILE would do; nothing changes", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		body, err := readJSON(args[0])
		if err != nil {
			return err
		}
		p, err := s.Plan(ctx, body)
		if err != nil {
			return err
		}
		if s.format != "table" {
			if err := s.show(p); err != nil {
				return err
			}
		} else {
			s.tellPlan(p)
		}
		if p.Stalls {
			return exitf(exitUnplaceable, "it would stall: %s", p.Reason)
		}
		return nil
	})
	return cmd
}

func (s *session) tellPlan(p wire.Forecast) {
	if !p.Changes {
		fmt.Fprintln(s.out, "nothing would change")
		return
	}
	for _, a := range p.Apps {
		fmt.Fprintf(s.out, "%s  %s\n", a.App, a.Action)
		for _, d := range a.Diff {
			switch {
			case d.Old == nil:
				fmt.Fprintf(s.out, "  + %s: %s\n", d.Field, d.New)
			case d.New == nil:
				fmt.Fprintf(s.out, "  - %s: %s\n", d.Field, d.Old)
			default:
				fmt.Fprintf(s.out, "  ~ %s: %s → %s\n", d.Field, d.Old, d.New)
			}
		}
		slices.SortFunc(a.Placements, func(x, y wire.Placement) int { return strings.Compare(x.Host, y.Host) })
		for _, place := range a.Placements {
			fmt.Fprintf(s.out, "  %d new on %s\n", place.Instances, place.Host)
		}
		fmt.Fprintf(s.out, "  between %d and %d live, never fewer than %d ready\n", a.Least, a.Most, a.ReadyMin)
	}
	for i, step := range p.Steps {
		var parts []string
		for _, action := range step.Actions {
			parts = append(parts, action.Action+" "+action.App)
		}
		fmt.Fprintf(s.out, "step %d: %s\n", i+1, strings.Join(parts, ", "))
	}
}
