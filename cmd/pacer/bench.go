package main

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"pacer/apps"
	"pacer/deployer/cluster"
	"pacer/deployer/placement"
)

// benchCommand measures on this machine how far the deciders go. No container runs.
func benchCommand() *cobra.Command {
	bench := &cobra.Command{Use: "bench", Short: "Measure how fast Pacer decides on this machine"}
	var size benchSize
	place := &cobra.Command{
		Use:   "place",
		Short: "Decide where many instances go on many hosts; no container runs",
		Long: `Decide where many instances go on many hosts, and say how long it took: first the
scheduler alone, then the whole of one step of the core, with its rows, letters and
notices. Hosts are pretended and no container runs. Two million instances take some 6
GiB of memory.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return benchPlace(cmd.OutOrStdout(), size) },
	}
	place.Flags().IntVar(&size.hosts, "hosts", 6100, "hosts, of 64 cores and 256 GiB, in ten zones")
	place.Flags().IntVar(&size.instances, "instances", 200_000, "instances, of 0.1 cores and 128 MiB")
	place.Flags().IntVar(&size.apps, "apps", 1000, "apps that they belong to, of a hundred roles")
	bench.AddCommand(place, benchAgentsCommand(), benchHostsCommand())
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

func benchPlace(out io.Writer, size benchSize) error {
	if err := size.check(); err != nil {
		return err
	}
	specs := benchApps(size)
	placed, took := benchBoard(size, specs)
	if _, err := fmt.Fprintf(out, "scheduler: %d of %d placed on %d hosts in %s, %.0f a second\n", placed, size.instances, size.hosts, took.Round(time.Millisecond), float64(placed)/took.Seconds()); err != nil {
		return err
	}
	runtime.GC()
	fx, took, err := benchStep(size, specs)
	if err != nil {
		return err
	}
	starting := 0
	for _, in := range fx.Save.Instances {
		if in.State == apps.Starting {
			starting++
		}
	}
	_, err = fmt.Fprintf(out, "core: %d of %d placed in one step of %s, with %d rows, %d letters to hosts and %d notices\n", starting, size.instances, took.Round(time.Millisecond),
		len(fx.Save.Instances), len(fx.Assign), fx.Save.Notices.Len())
	return err
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

// benchBoard times the scheduler alone.
func benchBoard(size benchSize, specs []*apps.App) (placed int, took time.Duration) {
	board := placement.NewBoard()
	for i := range size.hosts {
		board.SetHost(placement.Offer{Host: benchHost(i)})
	}
	asks := make([]placement.Ask, 0, size.instances)
	for _, app := range specs {
		for range app.Instances {
			asks = append(asks, placement.Ask{Serial: uint64(len(asks)), App: app, Role: app.FairRole()})
		}
	}
	begun := time.Now()
	out, _ := board.Place(asks)
	return len(out), time.Since(begun)
}

// benchStep times one step of the core that accepts and places all.
func benchStep(size benchSize, specs []*apps.App) (cluster.Effects, time.Duration, error) {
	now := time.Now()
	state := cluster.New(cluster.Stored{Cluster: 1}, 1, now)
	stamps := map[string]apps.Stamp{}
	for round := range uint64(2) { // each host says that it is there, then that it has its first letter
		var events []cluster.Event
		for i := range size.hosts {
			h := benchHost(i)
			events = append(events, cluster.Reported{Report: apps.Report{Host: h, Boot: 1, Revision: round + 1, Applied: stamps[h.Name]}})
		}
		fx, _ := state.Step(now, events)
		for _, a := range fx.Assign {
			stamps[a.Host] = a.Stamp
		}
		now = now.Add(time.Second)
	}
	change := cluster.Change{Request: "bench", Deployment: "bench"}
	for _, app := range specs {
		change.Put = append(change.Put, cluster.PutApp{App: app, New: true})
	}
	begun := time.Now()
	fx, _ := state.Step(now, []cluster.Event{change})
	took := time.Since(begun)
	for _, r := range fx.Reply {
		if r.Err != nil {
			return cluster.Effects{}, 0, r.Err
		}
	}
	return fx, took, nil
}
