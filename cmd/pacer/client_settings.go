package main

import (
	"context"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func settingsCommand(f *clientFlags) *cobra.Command {
	show := f.verb("show", "Show what holds for the whole cluster, and what did before", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		now, err := s.Settings(ctx)
		if err != nil {
			return err
		}
		return s.show(now)
	})
	var to wire.SettingsUpdate
	var set *cobra.Command
	set = f.verb("set", "Change what holds for the whole cluster: what is given, and nothing else", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		changed := set.Flags().Changed
		if !changed("placement") && !changed("fairness") && !changed("preemption") {
			return usageError("say what is to be set: see pacer settings set --help")
		}
		now, err := s.Settings(ctx)
		if err != nil {
			return err
		}
		next := wire.SettingsUpdate{Placement: now.Placement, Fairness: now.Fairness, Preemption: now.Preemption, Version: now.Version}
		if changed("placement") {
			next.Placement = to.Placement
		}
		if changed("fairness") {
			next.Fairness = to.Fairness
		}
		if changed("preemption") {
			next.Preemption = to.Preemption
		}
		if now, err = s.SetSettings(ctx, next); err != nil {
			return err
		}
		return s.show(now)
	})
	set.Flags().StringVar(&to.Placement, "placement", "spread", "where instances go of apps that do not choose by the label PACER_PLACEMENT: spread or pack")
	set.Flags().StringVar(&to.Fairness, "fairness", "drf", "what shares of the cluster are compared: drf (dominant shares) or tasks (task shares)")
	set.Flags().BoolVar(&to.Preemption, "preemption", false, "a role below its guarantee may take from roles above their fair share")
	return noun("settings", "What holds for the whole cluster", show, set)
}
