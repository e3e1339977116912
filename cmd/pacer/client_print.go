package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
)

// print writes a result: as the API's own JSON, as YAML, or as a table. For jsonl
// each item is a line.
func print[T any](s *session, whole any, items []T, header string, row func(T) []any) error {
	switch s.format {
	case "json":
		return s.json(whole)
	case "yaml":
		return s.yaml(whole)
	case "jsonl":
		for _, item := range items {
			if err := json.NewEncoder(s.out).Encode(item); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(header, " ", "\t"))
	for _, item := range items {
		cells := row(item)
		text := make([]string, len(cells))
		for i, c := range cells {
			text[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(w, strings.Join(text, "\t"))
	}
	return w.Flush()
}

// show writes one thing; a table of it is YAML, which people read well.
func (s *session) show(thing any) error {
	switch s.format {
	case "json":
		return s.json(thing)
	case "jsonl":
		return json.NewEncoder(s.out).Encode(thing)
	}
	return s.yaml(thing)
}

func (s *session) json(v any) error {
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// yaml writes the JSON form as YAML, so that names are those of the API.
func (s *session) yaml(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var plain any
	if err := yaml.Unmarshal(raw, &plain); err != nil { // JSON is YAML
		return err
	}
	out, err := yaml.Marshal(plain)
	if err != nil {
		return err
	}
	_, err = s.out.Write(out)
	return err
}

func (s *session) say(format string, args ...any) { fmt.Fprintf(s.err, format+"\n", args...) }
