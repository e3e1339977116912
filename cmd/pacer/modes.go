package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"pacer/bus"
)

func devCommand() *cobra.Command {
	var cfg nodeConfig
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole platform in one process on this machine",
		Long: `Run the whole platform in one process on this machine: API and web UI, deployer,
load balancer, name server, one agent per --docker, embedded NATS and SQLite. It
needs Docker and nothing else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return dev(cmd.Context(), cfg) },
	}
	cfg.commonFlags(cmd)
	cfg.apiFlags(cmd)
	cfg.lbFlags(cmd)
	cfg.natsFlags(cmd, "off")
	cfg.hostFlags(cmd)
	bindEnv(cmd)
	return cmd
}

func serverCommand() *cobra.Command {
	var cfg nodeConfig
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run one replica of the control plane: API, deployer, load balancer and DNS",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return server(cmd.Context(), cfg) },
	}
	cfg.commonFlags(cmd)
	cfg.apiFlags(cmd)
	cfg.lbFlags(cmd)
	cfg.natsFlags(cmd, "127.0.0.1:4222")
	cmd.Flags().StringVar(&cfg.Postgres, "postgres", "", "URL of the database: postgres://USER:PASSWORD@HOST:5432/DATABASE (default: an embedded SQLite for this server alone)")
	bindEnv(cmd)
	return cmd
}

func agentCommand() *cobra.Command {
	var cfg nodeConfig
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Drive the Docker engine of one host",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runAgent(cmd.Context(), cfg) },
	}
	cfg.commonFlags(cmd)
	cfg.natsFlags(cmd, "none")
	cfg.hostFlags(cmd)
	bindEnv(cmd)
	return cmd
}

func lbCommand() *cobra.Command {
	var cfg nodeConfig
	cmd := &cobra.Command{
		Use:   "lb",
		Short: "Run a load balancer and name server that follows the cluster",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runLB(cmd.Context(), cfg) },
	}
	cfg.commonFlags(cmd)
	cfg.lbFlags(cmd)
	cfg.natsFlags(cmd, "none")
	bindEnv(cmd)
	return cmd
}

// dev is a server and its agents in one process.
func dev(ctx context.Context, cfg nodeConfig) error {
	n, err := newNode(cfg)
	if err != nil {
		return err
	}
	begun := time.Now()
	n.list.title("pacer dev %s    state in %s · Ctrl-C stops Pacer, apps go on", version, n.cfg.DataDir)
	n.openControl(ctx)
	n.openAgents(ctx, n.connector())
	return n.run(ctx, func() {
		n.list.title("started in %s    try: pacer app apply examples/hello/hello.json", time.Since(begun).Round(10*time.Millisecond))
	})
}

func server(ctx context.Context, cfg nodeConfig) error {
	n, err := newNode(cfg)
	if err != nil {
		return err
	}
	n.list.title("pacer server %s    %s", version, n.cfg.Name)
	n.openControl(ctx)
	return n.run(ctx, nil)
}

// openControl is what dev and server have in common.
func (n *node) openControl(ctx context.Context) {
	n.openStore(ctx)
	n.openNATS(ctx)
	n.openDeployer(ctx)
	n.openBalancer()
	n.openAPI()
}

// connector connects agents: within the process where there is a server, else to
// the servers that are named.
func (n *node) connector() func(ctx context.Context, name string) (*bus.Conn, error) {
	return func(ctx context.Context, name string) (*bus.Conn, error) {
		if n.nats != nil {
			return n.nats.Connect(ctx, name)
		}
		return bus.Connect(ctx, n.cfg.NATS, name, n.log)
	}
}

func runAgent(ctx context.Context, cfg nodeConfig) error {
	n, err := newNode(cfg)
	if err != nil {
		return err
	}
	if n.cfg.NATS == "" {
		return usageError("an agent needs the address of the cluster: --nats nats://HOST:4222")
	}
	n.list.title("pacer agent %s", version)
	n.openAgents(ctx, n.connector())
	return n.run(ctx, nil)
}

func runLB(ctx context.Context, cfg nodeConfig) error {
	n, err := newNode(cfg)
	if err != nil {
		return err
	}
	if n.cfg.NATS == "" {
		return usageError("a load balancer needs the address of the cluster: --nats nats://HOST:4222")
	}
	n.list.title("pacer lb %s", version)
	n.openNATS(ctx)
	n.openBalancer()
	return n.run(ctx, nil)
}
