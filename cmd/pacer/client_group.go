package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/client"
	"pacer/api/wire"
	"pacer/apps"
)

func groupCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List groups, with what is in and below each", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		root, err := s.Group(ctx, "/", "group.groups", "group.apps", "group.pods", "group.apps.counts")
		if err != nil {
			return err
		}
		all := groupRows(root)
		return print(s, all, all, "GROUP APPS PODS INSTANCES ROLE DEPENDS VERSION", func(g groupRow) []any {
			return []any{g.ID, g.Apps, g.Pods, strconv.Itoa(g.Running) + "/" + strconv.Itoa(g.Instances), g.Role, strings.Join(g.Dependencies, ","), g.Version}
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
	rollback := f.starts("rollback GROUP VERSION", "Take a group with all that is in and below it back to what it was at a version", 2, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		return s.PutGroup(ctx, args[0], wire.GroupUpdate{Version: &args[1]}, client.PutOptions{Force: force})
	})
	remove := f.starts("delete GROUP", "Delete a group with all that is in and below it", 1, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		return s.DeleteGroup(ctx, args[0], force)
	})
	remove.Aliases = []string{"rm"}
	return noun("group", "Groups: apps that belong and are changed together", list, show, createGroupCommand(f), setGroupCommand(f), applyCommand(f), scale, versions, rollback, remove)
}

// A groupWish is what flags say of a group itself.
type groupWish struct {
	dependencies []string
	enforce      bool
}

func (g *groupWish) add(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringSliceVar(&g.dependencies, "depends-on", nil, "apps and groups that have to be there before what is in it; '' for none")
	cmd.Flags().BoolVar(&g.enforce, "enforce-role", false, "of a top-level group: its name is the role of all that comes to it")
	return cmd
}

// update is what was said; what was not said stays as it is.
func (g *groupWish) update(cmd *cobra.Command) (u wire.GroupUpdate) {
	if cmd.Flags().Changed("depends-on") {
		u.Dependencies = append([]string{}, g.dependencies...)
	}
	if cmd.Flags().Changed("enforce-role") {
		u.EnforceRole = &g.enforce
	}
	return u
}

func createGroupCommand(f *clientFlags) *cobra.Command {
	var wish groupWish
	var cmd *cobra.Command
	cmd = wish.add(f.starts("create GROUP", "Make a group with nothing in it", 1, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		return s.CreateGroup(ctx, args[0], wish.update(cmd), client.PutOptions{Force: force})
	}))
	return cmd
}

func setGroupCommand(f *clientFlags) *cobra.Command {
	var wish groupWish
	var cmd *cobra.Command
	cmd = wish.add(f.starts("set GROUP", "Change what a group depends on, or whether it enforces its role", 1, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		u := wish.update(cmd)
		if u.Dependencies == nil && u.EnforceRole == nil {
			return client.Result{}, usageError("say what to change: --depends-on or --enforce-role")
		}
		return s.PutGroup(ctx, args[0], u, client.PutOptions{Force: force})
	}))
	return cmd
}

// A groupRow is a group with the sums of what is in and below it.
type groupRow struct {
	ID        string `json:"id"`
	Apps      int    `json:"apps"`
	Pods      int    `json:"pods"`
	Instances int    `json:"instances"` // of its apps
	Running   int    `json:"running"`
	Role      string `json:"role,omitzero"` // that it enforces
	Version   string `json:"version"`

	Dependencies []string `json:"dependencies"`
}

// groupRows lists a group before those below it.
func groupRows(g wire.GroupInfo) []groupRow {
	row := groupRow{ID: g.ID, Apps: len(g.Apps), Pods: len(g.Pods), Version: g.Version, Dependencies: g.Dependencies}
	if value(g.EnforceRole) {
		row.Role = apps.ID(g.ID).Name()
	}
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
