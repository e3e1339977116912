package main

import (
	"context"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func routeCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list [APP]", "List what load balancers send where: virtual hosts, paths and service ports", cobra.MaximumNArgs(1), func(ctx context.Context, s *session, args []string) error {
		var app string
		if len(args) == 1 {
			app = args[0]
		}
		routes, err := s.Routes(ctx, app)
		if err != nil {
			return err
		}
		return print(s, wire.Routes{Routes: routes}, routes, "HOST PATH PORT PROTOCOL APP NAME ENDPOINTS", func(r wire.AppRoute) []any {
			protocol := r.Protocol
			if r.HTTP {
				protocol = "http"
			}
			return []any{dash(r.Host), dash(r.Path), r.Port, protocol, r.App, dash(r.Name), r.Endpoints}
		})
	})
	list.Aliases = []string{"ls"}
	return noun("route", "Routes: under which names and ports apps are reached", list)
}
