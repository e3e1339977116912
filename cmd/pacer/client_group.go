package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"pacer/api/client"
	"pacer/api/wire"
)

func groupCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List groups, with what is in and below each", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		root, err := s.Group(ctx, "/", "group.groups", "group.apps", "group.pods", "group.apps.counts")
		if err != nil {
			return err
		}
		all := groupRows(root)
		return print(s, all, all, "GROUP APPS PODS INSTANCES VERSION", func(g groupRow) []any {
			return []any{g.ID, g.Apps, g.Pods, strconv.Itoa(g.Running) + "/" + strconv.Itoa(g.Instances), g.Version}
		})
	})
	list.Aliases = []string{"ls"}
	show := f.verb("show GROUP", "Show a group with its apps", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		g, err := s.Group(ctx, args[0])
		if err != nil {
			return err
		}
		return s.show(g)
	})
	versions := f.verb("versions GROUP", "List the kept versions, newest first", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		list, err := s.GroupVersions(ctx, args[0])
		if err != nil {
			return err
		}
		return print(s, list, list, "VERSION", func(v string) []any { return []any{v} })
	})
	scale := f.starts("scale GROUP FACTOR", "Multiply the instances of every app in and below a group, rounded up", 2, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		factor, err := strconv.ParseFloat(args[1], 64)
		if err != nil || !(factor >= 0) {
			return client.Result{}, usageError("%q is not a factor", args[1])
		}
		return s.PutGroup(ctx, args[0], wire.GroupUpdate{ScaleBy: &factor}, client.PutOptions{Force: force})
	})
	rollback := f.starts("rollback GROUP VERSION", "Take every app in and below a group back to what it was at a version", 2, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		return s.PutGroup(ctx, args[0], wire.GroupUpdate{Version: &args[1]}, client.PutOptions{Force: force})
	})
	remove := f.starts("delete GROUP", "Delete every app in and below a group", 1, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		return s.DeleteGroup(ctx, args[0], force)
	})
	remove.Aliases = []string{"rm"}
	return noun("group", "Groups: apps that belong and are changed together", list, show, applyCommand(f), scale, versions, rollback, remove)
}

// A groupRow is a group with the sums of what is in and below it.
type groupRow struct {
	ID        string `json:"id"`
	Apps      int    `json:"apps"`
	Pods      int    `json:"pods"`
	Instances int    `json:"instances"` // of its apps
	Running   int    `json:"running"`
	Version   string `json:"version"`
}

// groupRows lists a group before those below it.
func groupRows(g wire.GroupInfo) []groupRow {
	row := groupRow{ID: g.ID, Apps: len(g.Apps), Pods: len(g.Pods), Version: g.Version}
	for _, app := range g.Apps {
		row.Instances += value(app.Instances)
		row.Running += value(app.TasksRunning)
	}
	rows := []groupRow{row}
	for _, child := range g.Groups {
		below := groupRows(child)
		rows[0].Apps += below[0].Apps
		rows[0].Pods += below[0].Pods
		rows[0].Instances += below[0].Instances
		rows[0].Running += below[0].Running
		rows = append(rows, below...)
	}
	return rows
}
