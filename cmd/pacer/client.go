package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pacer/api/client"
)

// The exit codes of the client: scripts rely on them.
const (
	exitOK          = 0
	exitError_      = 1 // other error
	exitUsage       = 2
	exitRolledBack  = 3
	exitFailed      = 4
	exitUnplaceable = 5
	exitStillRuns   = 6
	exitConflict    = 7
	exitForbidden   = 8
	exitNotFound    = 9
	exitUnreachable = 10
	exitInterrupted = 130
)

// An exitError is an error with an exit code of its own.
type exitError struct {
	code int
	msg  string
	hint string // how to mend it; may be empty
}

func (e *exitError) Error() string { return e.msg }

func exitf(code int, format string, args ...any) error {
	return &exitError{code: code, msg: fmt.Sprintf(format, args...)}
}

func usageError(format string, args ...any) error { return exitf(exitUsage, format, args...) }

// exitCode is what the process ends with because of err.
func exitCode(err error) int {
	var refused *client.Error
	var away *client.Unreachable
	var own *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &own):
		return own.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &away):
		return exitUnreachable
	case errors.As(err, &refused):
		switch refused.Status {
		case http.StatusBadRequest, http.StatusUnprocessableEntity:
			return exitUsage
		case http.StatusUnauthorized, http.StatusForbidden:
			return exitForbidden
		case http.StatusNotFound:
			return exitNotFound
		case http.StatusConflict, http.StatusPreconditionFailed:
			return exitConflict
		}
	case strings.HasPrefix(err.Error(), "unknown command"), strings.HasPrefix(err.Error(), "unknown flag"),
		strings.HasPrefix(err.Error(), "unknown shorthand"), strings.Contains(err.Error(), "arg(s)"),
		strings.HasPrefix(err.Error(), "invalid argument"), strings.HasPrefix(err.Error(), "flag needs an argument"):
		return exitUsage // cobra has no types for these
	}
	return exitError_
}


// printError says what went wrong, and how to mend it where that is known.
func printError(w io.Writer, err error) {
	var own *exitError
	var away *client.Unreachable
	var refused *client.Error
	fmt.Fprintf(w, "error: %v\n", err)
	switch {
	case errors.As(err, &own) && own.hint != "":
		fmt.Fprintf(w, "  hint: %s\n", own.hint)
	case errors.As(err, &away):
		fmt.Fprintln(w, "  hint: is it running? pacer dev starts one here; --server or PACER_SERVER names another")
	case errors.As(err, &refused) && len(refused.Deployments) > 0:
		fmt.Fprintf(w, "  hint: wait for it (pacer deployment wait %s), or cancel it with --force\n", refused.Deployments[0])
	}
}

// A session is one call of a client verb.
type session struct {
	*client.Client
	out    io.Writer // results
	err    io.Writer // progress and hints
	format string
	flags  *clientFlags
}

// clientFlags are what all client verbs have.
type clientFlags struct {
	Server string
	Token  string
	Output string
}

func (f *clientFlags) add(cmd *cobra.Command) {
	p := cmd.PersistentFlags()
	p.StringVar(&f.Server, "server", defaultServer(), "URL of the server")
	p.StringVar(&f.Token, "token", "", "token to sign in with")
	p.StringVarP(&f.Output, "output", "o", "table", "table, json, yaml or jsonl")
}

func defaultServer() string {
	if url := os.Getenv("MARATHON_URL"); url != "" {
		return url
	}
	return "http://127.0.0.1:8080"
}

func (f *clientFlags) session(cmd *cobra.Command) (*session, error) {
	switch f.Output {
	case "table", "json", "yaml", "jsonl":
	default:
		return nil, usageError("-o %s: choose table, json, yaml or jsonl", f.Output)
	}
	c, err := client.New(f.Server)
	if err != nil {
		return nil, usageError("--server: %v", err)
	}
	c.Token = f.Token
	return &session{Client: c, out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), format: f.Output, flags: f}, nil
}

// verb is a command that talks to a server.
func (f *clientFlags) verb(use, short string, args cobra.PositionalArgs, run func(ctx context.Context, s *session, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := f.session(cmd)
			if err != nil {
				return err
			}
			return run(cmd.Context(), s, args)
		},
	}
}

// noun is a command that only has verbs below it.
func noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		_ = cmd.Help()
		return usageError("say what to do: %s VERB", cmd.CommandPath())
	}}
	cmd.AddCommand(verbs...)
	return cmd
}

// clientCommands are the verbs of the client.
func clientCommands() []*cobra.Command {
	var all []*cobra.Command
	for _, make := range []func(*clientFlags) *cobra.Command{appCommand, taskCommand, deploymentCommand, queueCommand, hostCommand, eventCommand, planCommand} {
		f := &clientFlags{}
		cmd := make(f)
		f.add(cmd)
		bindTree(cmd)
		all = append(all, cmd)
	}
	return append(all, versionCommand())
}

func bindTree(cmd *cobra.Command) {
	bindEnv(cmd)
	for _, sub := range cmd.Commands() {
		bindTree(sub)
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version of this binary", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "pacer %s\n", version)
		return err
	}}
}

// A waitFlags is what verbs that start a deployment have.
type waitFlags struct {
	wait    bool
	timeout time.Duration
	force   bool
}

func (w *waitFlags) add(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&w.wait, "wait", false, "wait until the deployment has ended")
	cmd.Flags().DurationVar(&w.timeout, "timeout", 10*time.Minute, "how long to wait")
	cmd.Flags().BoolVar(&w.force, "force", false, "cancel deployments that hold the app")
	return cmd
}
