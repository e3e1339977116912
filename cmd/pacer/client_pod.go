package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"pacer/api/client"
	"pacer/api/wire"
)

func podCommand(f *clientFlags) *cobra.Command {
	list := f.verb("list", "List pods", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.Pods(ctx)
		if err != nil {
			return err
		}
		return print(s, all, all, "ID STATUS STABLE CONTAINERS", func(p wire.PodStatus) []any {
			stable := 0
			for _, in := range p.Instances {
				if in.Status == "STABLE" {
					stable++
				}
			}
			return []any{p.ID, p.Status, fmt.Sprintf("%d/%d", stable, value(p.Spec.Scaling.Instances)), len(p.Spec.Containers)}
		})
	})
	list.Aliases = []string{"ls"}
	show := f.verb("show POD", "Show how a pod and its containers do", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		p, err := s.Pod(ctx, args[0])
		if err != nil {
			return err
		}
		return s.show(p)
	})
	remove := f.starts("delete POD", "Delete a pod and stop its instances", 1, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		return s.DeletePod(ctx, args[0], force)
	})
	remove.Aliases = []string{"rm"}
	apply := f.starts("apply FILE", "Make the pod that FILE defines so; - is standard input", 1, func(ctx context.Context, s *session, args []string, force bool) (client.Result, error) {
		b, err := s.read(args[0])
		if err != nil {
			return client.Result{}, err
		}
		return s.PutPod(ctx, b.id, b.json, force)
	})
	return noun("pod", "Pods: containers that share a host, a network and their end", list, show, apply, remove, podLogs(f))
}

func podLogs(f *clientFlags) *cobra.Command {
	var tail int
	var follow bool
	var instance, container string
	cmd := f.verb("logs POD", "Print what the pod's containers print", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		return quietly(ctx, follow, s.PodLogs(ctx, args[0], instance, container, tail, follow, s.out))
	})
	cmd.Flags().IntVar(&tail, "tail", 100, "the last lines only; 0: all")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	cmd.Flags().StringVar(&instance, "instance", "", "of one instance only")
	cmd.Flags().StringVar(&container, "container", "", "of the containers of that name only")
	return cmd
}
