package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pacer/api/client"
)

const (
	defaultServer  = "http://127.0.0.1:8080"
	defaultTimeout = 10 * time.Minute
)

// A session is one call of a client verb.
type session struct {
	*client.Client
	in     io.Reader
	out    io.Writer // results
	err    io.Writer // progress and hints
	format string    // table, json, yaml or jsonl
}

// say writes a line of progress.
func (s *session) say(format string, args ...any) { fmt.Fprintf(s.err, format+"\n", args...) }

// clientFlags are what all client verbs have.
type clientFlags struct {
	Server string
	Token  string
	Output string
}

func (f *clientFlags) add(cmd *cobra.Command) {
	p := cmd.PersistentFlags()
	p.StringVar(&f.Server, "server", defaultServer, "URL of the server")
	p.StringVar(&f.Token, "token", "", "token to sign in with; rather set PACER_TOKEN, which other users of this machine cannot see")
	p.StringVarP(&f.Output, "output", "o", "table", "table, json, yaml or jsonl")
	alsoFrom(p.Lookup("server"), "MARATHON_URL")
}

func (f *clientFlags) session(cmd *cobra.Command) (*session, error) {
	server, _, _ := strings.Cut(f.Server, ",") // MARATHON_URL may list several
	c, err := client.New(server)
	if err != nil {
		return nil, usageError("--server: %v", err)
	}
	c.Token = f.Token
	s := &session{Client: c, in: cmd.InOrStdin(), out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), format: f.Output}
	return s, s.checkFormat()
}

func (s *session) checkFormat() error {
	switch s.format {
	case "table", "json", "yaml", "jsonl":
		return nil
	}
	return usageError("-o %s: choose table, json, yaml or jsonl", s.format)
}

// verb is a command that talks to a server.
func (f *clientFlags) verb(use, short string, args cobra.PositionalArgs, run func(ctx context.Context, s *session, args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: args, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := f.session(cmd)
			if err != nil {
				return err
			}
			return run(cmd.Context(), s, args)
		},
	}
	if words := strings.Fields(use); len(words) > 1 && strings.Trim(words[1], "[]") == "APP" {
		cmd.ValidArgsFunction = f.completeApp
	}
	return cmd
}

// completeApp offers the ids of apps to the shell.
func (f *clientFlags) completeApp(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 || fillFlags(cmd, "") != nil {
		return nil, nothing
	}
	s, err := f.session(cmd)
	if err != nil {
		return nil, nothing
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	list, err := s.Apps(ctx, client.AppFilter{})
	if err != nil {
		return nil, nothing
	}
	var ids []string
	for _, app := range list {
		id := app.ID
		if !strings.HasPrefix(begun, "/") {
			id = strings.TrimPrefix(id, "/")
		}
		if strings.HasPrefix(id, begun) {
			ids = append(ids, id)
		}
	}
	return ids, nothing
}

// noun is a command that only has verbs below it.
func noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, SuggestionsMinimumDistance: 2,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			e := &exitError{exitUsage, fmt.Sprintf("%s has no verb %s", cmd.CommandPath(), args[0]), cmd.CommandPath() + " --help lists them"}
			if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				e.hint = "did you mean " + cmd.CommandPath() + " " + like[0] + "?"
			}
			return e
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.ErrOrStderr())
			_ = cmd.Help()
			return usageError("say what to do: %s VERB", cmd.CommandPath())
		},
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// named is another, hidden name of a command, for fingers that know another tool.
func named(use string, cmd *cobra.Command) *cobra.Command {
	cmd.Use, cmd.Aliases, cmd.Hidden = use, nil, true
	return cmd
}

// clientCommands are the verbs of the client.
func clientCommands() []*cobra.Command {
	var all []*cobra.Command
	for _, command := range []func(*clientFlags) *cobra.Command{
		appCommand, groupCommand, podCommand, taskCommand, deploymentCommand, queueCommand, jobCommand, hostCommand,
		volumeCommand, routeCommand, roleCommand, settingsCommand, eventCommand, importCommand, planCommand, diffCommand, versionCommand,
	} {
		f := &clientFlags{}
		cmd := command(f)
		f.add(cmd)
		bindTree(cmd)
		all = append(all, cmd)
	}
	return all
}

func bindTree(cmd *cobra.Command) {
	bindEnv(cmd)
	for _, sub := range cmd.Commands() {
		bindTree(sub)
	}
}

// versionCommand tells the version of this binary; it needs no server.
func versionCommand(f *clientFlags) *cobra.Command {
	return f.verb("version", "Print the version of this binary", cobra.NoArgs, func(_ context.Context, s *session, _ []string) error {
		if s.format != "table" {
			return s.show(map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
		}
		_, err := fmt.Fprintf(s.out, "pacer %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	})
}
