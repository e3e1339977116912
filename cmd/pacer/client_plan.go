package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
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
			for _, g := range p.Groups {
				fmt.Fprintf(s.out, "%s  %s\n", g.Group, g.Action)
				s.tellDiff(g.Diff)
			}
			for _, a := range p.Apps {
				fmt.Fprintln(s.out, a.App)
				s.tellDiff(a.Diff)
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
	for _, g := range p.Groups {
		fmt.Fprintf(s.out, "%s  %s\n", g.Group, g.Action)
		s.tellDiff(g.Diff)
	}
	for _, a := range p.Apps {
		fmt.Fprintf(s.out, "%s  %s\n", a.App, a.Action)
		s.tellDiff(a.Diff)
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

func (s *session) tellDiff(diff []wire.FieldChange) {
	for _, whole := range diff {
		for _, d := range finer(whole) {
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
}

// finer is a change as those of the parts that differ: container.docker.image instead
// of the whole container. Lists of the same length are compared one by one.
func finer(d wire.FieldChange) []wire.FieldChange {
	before, keys := parts(d.Old)
	after, others := parts(d.New)
	if before == nil || after == nil || strings.HasPrefix(string(d.Old), "[") && len(before) != len(after) || d.Old[0] != d.New[0] {
		return []wire.FieldChange{d}
	}
	var all []wire.FieldChange
	for _, key := range slices.Compact(slices.Sorted(slices.Values(append(keys, others...)))) {
		if x, y := before[key], after[key]; string(x) != string(y) {
			all = append(all, finer(wire.FieldChange{Field: d.Field + key, Old: x, New: y})...)
		}
	}
	return all
}

// parts are the fields of an object, ".name", or the items of a list, "[0]"; nil where
// the JSON is neither.
func parts(raw json.RawMessage) (all map[string]json.RawMessage, keys []string) {
	var fields map[string]json.RawMessage
	var items []json.RawMessage
	if json.Unmarshal(raw, &fields) == nil && fields != nil {
		all = map[string]json.RawMessage{}
		for name, v := range fields {
			all["."+name] = v
		}
	} else if json.Unmarshal(raw, &items) == nil && items != nil {
		all = map[string]json.RawMessage{}
		for i, v := range items {
			all[fmt.Sprintf("[%d]", i)] = v
		}
	}
	return all, slices.Collect(maps.Keys(all))
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
