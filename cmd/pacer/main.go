// Command pacer is the platform in one binary: the control plane (server), the
// hands on a host (agent), a load balancer and name server (lb), all of it in one
// process (dev), and the client of all that.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := rootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		printError(os.Stderr, err)
	}
	os.Exit(exitCode(err))
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "pacer",
		Short:         "A platform for plain Docker hosts: hand it an app, it keeps it running",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetVersionTemplate(fmt.Sprintf("pacer %s\n", version))
	root.AddCommand(devCommand(), serverCommand(), agentCommand(), lbCommand(), benchCommand())
	root.AddCommand(clientCommands()...)
	return root
}
