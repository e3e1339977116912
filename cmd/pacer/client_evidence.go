package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

// failuresCommand lists how instances ended that nobody asked to. What they printed
// and answered last is in the forms that have room for it.
func failuresCommand(f *clientFlags) *cobra.Command {
	return f.verb("failures APP", "List instances that failed, newest first; with -o yaml what they printed and answered last, too", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		failures, err := s.Failures(ctx, args[0], 0)
		if err != nil {
			return s.suggest(ctx, args[0], err)
		}
		return print(s, wire.FailureList{Failures: failures}, failures, "AT HOST END INSTANCE WHY", func(f wire.Failure) []any {
			return []any{f.At, f.Host, f.End, f.Instance, f.Message}
		})
	})
}

// tellFailures says how new instances of a failed deployment ended: of each app the
// last one of which something is known, with what it printed and answered last.
func (s *session) tellFailures(ctx context.Context, d wire.DeploymentStatus) {
	for _, app := range d.AffectedApps[:min(len(d.AffectedApps), countsMax)] {
		failures, err := s.Failures(ctx, app, 0)
		if err != nil {
			continue // what was said of the deployment has to do
		}
		if f, ok := telling(failures, d); ok {
			tellFailure(s.err, app, f)
		}
	}
}

// telling is the newest failure of the deployment's own instances, if possible one
// whose last words are known.
func telling(failures []wire.Failure, d wire.DeploymentStatus) (found wire.Failure, ok bool) {
	for _, f := range failures { // newest first
		if f.Version != d.Version || f.At < d.StartedAt { // times sort as their text does
			continue
		}
		if f.Log != "" || lastAnswer(f) != nil {
			return f, true
		}
		if !ok {
			found, ok = f, true
		}
	}
	return found, ok
}

// lastAnswer is what the check that condemned the instance was answered last; without
// one, what any check was.
func lastAnswer(f wire.Failure) (last *wire.CheckAnswer) {
	for _, c := range f.Health {
		if c.Last != nil && (last == nil || last.OK) {
			last = c.Last
		}
	}
	return last
}

func tellFailure(w io.Writer, app string, f wire.Failure) {
	fmt.Fprintf(w, "last failure of %s on %s: %s\n", app, f.Host, f.Message)
	if a := lastAnswer(f); a != nil && !a.OK {
		fmt.Fprintf(w, "  its last health check, after %d ms: %s\n", a.LatencyMs, answerText(a))
	}
	if f.Log != "" {
		fmt.Fprintln(w, "  what it printed last:")
		for line := range strings.Lines(f.Log) {
			fmt.Fprintf(w, "    %s\n", strings.TrimRight(line, "\r\n"))
		}
	}
	fmt.Fprintf(w, "  its instance was %s; pacer app failures %s lists all\n", f.Instance, app)
}

func answerText(a *wire.CheckAnswer) string {
	text := a.Error
	if text == "" && a.Status > 0 {
		text = fmt.Sprintf("status %d", a.Status)
	}
	if a.Body != "" {
		text += fmt.Sprintf(": %q", strings.TrimSpace(a.Body))
	}
	return text
}
