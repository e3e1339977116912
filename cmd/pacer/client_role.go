package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/wire"
	"pacer/apps"
)

func roleCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List the roles: what each has, is due and waits for", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.Roles(ctx)
		if err != nil {
			return err
		}
		return print(s, all, all.Roles, "ROLE WEIGHT SHARE DOMINANT CPUS MEM INSTANCES WAITING GUARANTEE LIMIT", func(r wire.Role) []any {
			return []any{
				r.Name, fmt.Sprintf("%g", r.Weight), fmt.Sprintf("%.1f%%", 100*r.Share), dash(r.Dominant),
				fmt.Sprintf("%g/%g", r.Held.Cpus, all.Total.Cpus), fmt.Sprintf("%d/%d", r.Held.Mem, all.Total.Mem), r.Instances, r.Waiting,
				dash(amounts(&r.Guarantee)), dash(most(&r.Limit)),
			}
		})
	})
	list.Aliases = []string{"ls"}
	show := f.verb("show ROLE", "Show a role, and what it was set to before", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		r, err := s.Role(ctx, args[0])
		if err != nil {
			return err
		}
		return s.show(r)
	})
	var to struct {
		weight           float64
		guarantee, limit string
	}
	set := f.verb("set ROLE", "Set all of a role: what is not given is as if it was never set", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		update := wire.RoleUpdate{Weight: &to.weight}
		var err error
		if update.Guarantee, err = amountsOf("--guarantee", to.guarantee); err != nil {
			return err
		}
		if update.Limit, err = amountsOf("--limit", to.limit); err != nil {
			return err
		}
		r, err := s.SetRole(ctx, args[0], update)
		if err != nil {
			return err
		}
		return s.show(r)
	})
	set.Flags().Float64Var(&to.weight, "weight", 1, "what is due to it, relative to others")
	set.Flags().StringVar(&to.guarantee, "guarantee", "", "served before others up to it, in Mesos's syntax: cpus:4;mem:8192")
	set.Flags().StringVar(&to.limit, "limit", "", "never exceeded, in the same syntax; what is not named has no limit")
	remove := f.verb("remove ROLE", "Treat a role as if it was never set", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		if err := s.ForgetRole(ctx, args[0]); err != nil {
			return err
		}
		s.say("role %s is treated as if it was never set", args[0])
		return nil
	})
	remove.Aliases = []string{"rm"}
	return noun("role", "Users of the cluster, for fairness", list, show, set, remove)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// amountsOf reads Mesos's syntax; only what is named counts.
func amountsOf(flag, text string) (*wire.RoleLimits, error) {
	r, ports, err := apps.ParseResources(text)
	switch {
	case err != nil:
		return nil, usageError("%s: %v", flag, err)
	case len(ports) > 0:
		return nil, usageError("%s: ports are not shared by roles", flag)
	case text == "":
		return nil, nil
	}
	out := &wire.RoleLimits{}
	for part := range strings.SplitSeq(text, ";") {
		switch name, _, _ := strings.Cut(strings.TrimSpace(part), ":"); name {
		case "cpus":
			out.Cpus = new(float64(r.CPU) / 1000)
		case "mem":
			out.Mem = new(int(r.Mem))
		case "disk":
			out.Disk = new(int(r.Disk))
		case "gpus":
			out.GPUs = new(int(r.GPU))
		}
	}
	return out, nil
}

func amounts(r *wire.Resources) string {
	l := wire.RoleLimits{}
	if r.Cpus > 0 {
		l.Cpus = &r.Cpus
	}
	for to, from := range map[**int]int64{&l.Mem: r.Mem, &l.Disk: r.Disk, &l.GPUs: r.GPUs} {
		if from > 0 {
			*to = new(int(from))
		}
	}
	return most(&l)
}

// most writes limits in Mesos's syntax.
func most(l *wire.RoleLimits) string {
	var parts []string
	if l.Cpus != nil {
		parts = append(parts, fmt.Sprintf("cpus:%g", *l.Cpus))
	}
	for _, one := range []struct {
		name string
		n    *int
	}{{"mem", l.Mem}, {"disk", l.Disk}, {"gpus", l.GPUs}} {
		if one.n != nil {
			parts = append(parts, fmt.Sprintf("%s:%d", one.name, *one.n))
		}
	}
	return strings.Join(parts, ";")
}
