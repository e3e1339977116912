package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pacer/apps"
)

// benchCommand measures on this machine how far the deciders go. No container runs.
func benchCommand() *cobra.Command {
	bench := &cobra.Command{Use: "bench", Short: "Measure how fast Pacer decides on this machine"}
	bench.AddCommand(benchPlaceCommand(), benchAgentsCommand(), benchHostsCommand())
	return bench
}

func benchAgentsCommand() *cobra.Command {
	b := agentsBench{patience: 10 * time.Minute}
	cmd := &cobra.Command{
		Use:   "agents",
		Short: "Lead many hosts over NATS and launch many instances; no container runs",
		Long: `Run a leader with its store and a NATS server, connect pretended hosts to it from
another process, each by a connection of its own, and say what their signs of life cost,
how long a launch of all instances takes until it is durable and every host has
acknowledged its part, how long a new leader takes to act, and how soon silent hosts and
crashed agents are noticed. No container runs, and there is no balancer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return benchAgents(cmd.Context(), cmd.OutOrStdout(), b) },
	}
	cmd.Flags().IntVar(&b.size.hosts, "hosts", 1000, "hosts, of 64 cores and 256 GiB; each takes a file descriptor in either process")
	cmd.Flags().IntVar(&b.size.instances, "instances", 0, "instances to launch, of 0.1 cores and 128 MiB; 0: none")
	cmd.Flags().IntVar(&b.size.apps, "apps", 1000, "apps that they belong to")
	cmd.Flags().DurationVar(&b.beats, "watch", 20*time.Second, "how long the signs of life are measured")
	cmd.Flags().IntVar(&b.victims, "victims", 100, "hosts that fall silent, and as many agents that crash")
	cmd.Flags().StringVar(&b.profile, "profile", "", "write what takes the leader's processors during the launch to this file, for go tool pprof")
	cmd.Flags().StringVar(&b.postgres, "postgres", "", "an empty database, like postgres://USER@HOST/DATABASE; default: SQLite in a temporary directory")
	return cmd
}

func benchHostsCommand() *cobra.Command {
	var url string
	var n int
	cmd := &cobra.Command{
		Use: "hosts", Short: "Pretend hosts for bench agents", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return benchHosts(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), url, n)
		},
	}
	cmd.Flags().StringVar(&url, "nats", "", "where to connect")
	cmd.Flags().IntVar(&n, "hosts", 1, "how many hosts")
	return cmd
}

type benchSize struct{ hosts, instances, apps int }

func (s benchSize) check() error {
	for name, n := range map[string]int{"hosts": s.hosts, "instances": s.instances, "apps": s.apps} {
		if n < 1 {
			return fmt.Errorf("--%s: %d is not a number from 1", name, n)
		}
	}
	if s.instances/s.apps > 1_000_000 || s.apps > s.instances {
		return fmt.Errorf("%d instances do not make %d apps", s.instances, s.apps)
	}
	return nil
}

func benchHost(i int) apps.Host {
	return apps.Host{Name: fmt.Sprintf("host%06d", i), Addr: "10.0.0.1", Zone: fmt.Sprintf("z%d", i%10), Ports: []apps.Range{{First: 31000, Last: 32999}},
		Total: apps.Resources{CPU: 64_000, Mem: 256 << 10}}
}

// benchApps is the apps; the first ones have an instance more where they cannot be equal.
func benchApps(size benchSize) []*apps.App {
	out := make([]*apps.App, size.apps)
	for i := range out {
		out[i] = &apps.App{ID: apps.ID(fmt.Sprintf("/team%02d/app%05d", i%100, i)), ConfigAt: 1, Instances: size.instances / size.apps, Cmd: "sleep 1000",
			Needs: apps.Resources{CPU: 100, Mem: 128}, Network: apps.NetworkHost, Upgrade: apps.Upgrade{HealthyMin: 1, OverMax: 1}}
		if i < size.instances%size.apps {
			out[i].Instances++
		}
	}
	return out
}
