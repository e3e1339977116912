package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func volumeCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List the persistent volumes, those that nobody uses now too", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.Volumes(ctx)
		if err != nil {
			return err
		}
		return print(s, wire.Volumes{Volumes: all}, all, "ID STATE HOST APP PATHS", func(v wire.VolumeSet) []any {
			return []any{v.ID, v.State, v.Host, v.App, strings.Join(v.Paths, ",")}
		})
	})
	list.Aliases = []string{"ls"}
	wipe := f.verb("wipe ID…", "Delete the data of volumes that no instance uses", cobra.MinimumNArgs(1), func(ctx context.Context, s *session, args []string) error {
		for _, id := range args {
			if err := s.WipeVolume(ctx, id); err != nil {
				return err
			}
			s.say("volumes %s are being deleted", id)
		}
		return nil
	})
	return noun("volume", "Persistent volumes of apps", list, wipe)
}
