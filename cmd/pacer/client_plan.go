package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func planCommand(f *clientFlags) *cobra.Command {
	return f.verb("plan FILE", "Say what applying FILE would do, worked out by the deployer; nothing changes", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		p, err := s.plan(ctx, args[0])
		if err != nil {
			return err
		}
		if s.format != "table" {
			err = s.show(p)
		} else {
			err = s.tellPlan(p)
		}
		if err == nil && p.Stalls {
			err = exitf(exitUnplaceable, "it would stall: %s", p.Reason)
		}
		return err
	})
}

// diffCommand is for scripts: 0 same, 1 differs, 2 error, as diff(1).
func diffCommand(f *clientFlags) *cobra.Command {
	cmd := f.verb("diff FILE", "Say how FILE differs from what the server has: 0 same, 1 differs, 2 error", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		p, err := s.plan(ctx, args[0])
		if err == nil && s.format != "table" {
			err = s.show(p.Apps)
		} else if err == nil {
			for _, a := range p.Apps {
				fmt.Fprintln(s.out, a.App)
				s.tellDiff(a)
			}
		}
		switch {
		case err != nil:
			return &exitError{exitUsage, err.Error(), hintFor(err)}
		case p.Changes:
			return &exitError{code: 1}
		}
		return nil
	})
	return cmd
}

// plan works out what applying a file would do. An app is a whole definition there,
// and so it is here.
func (s *session) plan(ctx context.Context, path string) (wire.Forecast, error) {
	b, err := s.read(path)
	if err != nil {
		return wire.Forecast{}, err
	}
	whole := *s.Client
	whole.HTTP = &http.Client{Transport: withQuery{s.HTTP.Transport, "partialUpdate", "false"}}
	return whole.Plan(ctx, b.json)
}

// withQuery adds a parameter to each request.
type withQuery struct {
	next        http.RoundTripper // nil: http.DefaultTransport
	name, value string
}

func (q withQuery) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	query := r.URL.Query()
	query.Set(q.name, q.value)
	r.URL.RawQuery = query.Encode()
	if q.next == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return q.next.RoundTrip(r)
}

func (s *session) tellPlan(p wire.Forecast) error {
	if !p.Changes {
		_, err := fmt.Fprintln(s.out, "nothing would change")
		return err
	}
	for _, a := range p.Apps {
		fmt.Fprintf(s.out, "%s  %s\n", a.App, a.Action)
		s.tellDiff(a)
		slices.SortFunc(a.Placements, func(x, y wire.Placement) int { return strings.Compare(x.Host, y.Host) })
		for _, place := range a.Placements {
			fmt.Fprintf(s.out, "  %d new on %s\n", place.Instances, place.Host)
		}
		fmt.Fprintf(s.out, "  between %d and %d live, never fewer than %d ready\n", a.Least, a.Most, a.ReadyMin)
	}
	for i, step := range p.Steps {
		var parts []string
		for _, action := range step.Actions {
			parts = append(parts, action.Action+" "+action.App)
		}
		if _, err := fmt.Fprintf(s.out, "step %d: %s\n", i+1, strings.Join(parts, ", ")); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) tellDiff(a wire.AppPlan) {
	for _, d := range a.Diff {
		before, after := readable(d.Old), readable(d.New)
		switch {
		case d.Old == nil:
			fmt.Fprintf(s.out, "  %s %s: %s\n", paint(s.out, green, "+"), d.Field, after)
		case d.New == nil:
			fmt.Fprintf(s.out, "  %s %s: %s\n", paint(s.out, red, "-"), d.Field, before)
		default:
			fmt.Fprintf(s.out, "  %s %s: %s → %s\n", paint(s.out, yellow, "~"), d.Field, before, after)
		}
	}
}

// readable is JSON without the escapes that are for web pages.
func readable(raw json.RawMessage) string {
	var v any
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if json.Unmarshal(raw, &v) != nil || e.Encode(v) != nil {
		return string(raw)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
