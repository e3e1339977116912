package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func explainCommand(f *clientFlags) *cobra.Command {
	return f.verb("explain APP", "Say why instances wait, and what troubles a deployment", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		app, err := s.App(ctx, args[0])
		if err != nil {
			return s.suggest(ctx, args[0], err)
		}
		lines, err := s.explain(ctx, app)
		if err != nil {
			return err
		}
		if s.format != "table" {
			return s.show(struct {
				App         string   `json:"app"`
				Explanation []string `json:"explanation"`
			}{app.ID, lines})
		}
		_, err = fmt.Fprintln(s.out, strings.Join(lines, "\n"))
		return err
	})
}

// explain is what is known of an app's troubles, a line each.
func (s *session) explain(ctx context.Context, app wire.AppInfo) ([]string, error) {
	lines := []string{fmt.Sprintf("%s: %d of %d instances run", app.ID, value(app.TasksRunning), value(app.Instances))}
	for _, ref := range app.Deployments {
		d, err := s.Deployment(ctx, ref.ID)
		if err != nil {
			return nil, err
		}
		line := fmt.Sprintf("deployment %s is at step %d of %d", d.ID, d.CurrentStep, len(d.Steps))
		if d.Trouble != "" {
			line += ": " + d.Trouble
		}
		lines = append(lines, line)
	}
	queue, err := s.Queue(ctx)
	if err != nil {
		return nil, err
	}
	for _, item := range queue {
		if item.App.ID == app.ID {
			lines = append(lines, fmt.Sprintf("%d wait since %s: %s", item.Count, item.Since, why(item)))
		}
	}
	if failure := app.LastTaskFailure; failure != nil {
		lines = append(lines, fmt.Sprintf("last failure, %s on %s: %s", failure.Timestamp, failure.Host, failure.Message))
	}
	return lines, nil
}

// why is why instances wait, from Marathon's numbers: "3 hosts: 2 InsufficientCpus,
// 1 UnfulfilledConstraint".
func why(item wire.QueueItem) string {
	if item.Delay.TimeLeftSeconds > 0 {
		return fmt.Sprintf("tried again in %d s, as the last ones failed", item.Delay.TimeLeftSeconds)
	}
	var parts []string
	hosts := 0
	for _, reason := range item.ProcessedOffersSummary.RejectSummaryLastOffers {
		if hosts = max(hosts, reason.Processed); reason.Declined > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", reason.Declined, reason.Reason))
		}
	}
	if len(parts) == 0 {
		return "no host was asked yet"
	}
	noun := "hosts"
	if hosts == 1 {
		noun = "host"
	}
	return fmt.Sprintf("%d %s: %s", hosts, noun, strings.Join(parts, ", "))
}
