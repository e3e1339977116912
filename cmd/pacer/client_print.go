package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// print writes a list: as the API's own JSON, as YAML, or as a table. For jsonl each
// item is a line.
func print[T any](s *session, whole any, items []T, header string, row func(T) []any) error {
	switch s.format {
	case "json", "yaml":
		return s.show(whole)
	case "jsonl":
		for _, item := range items {
			if err := s.show(item); err != nil {
				return err
			}
		}
		return nil
	}
	rows := make([][]string, 0, len(items))
	for _, item := range items {
		var cells []string
		for _, c := range row(item) {
			cells = append(cells, fmt.Sprint(c))
		}
		rows = append(rows, cells)
	}
	return s.table(strings.Fields(header), rows)
}

// table aligns columns. Words that are states are coloured on a terminal.
func (s *session) table(header []string, rows [][]string) error {
	width := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b bytes.Buffer
	for n, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			text := cell
			if n > 0 {
				text = paint(s.out, states[cell], cell)
			}
			b.WriteString(text)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
	_, err := s.out.Write(b.Bytes())
	return err
}

// show writes one thing; a table of it is YAML, which people read well.
func (s *session) show(thing any) error {
	var raw bytes.Buffer
	e := json.NewEncoder(&raw)
	e.SetEscapeHTML(false)
	if s.format == "json" {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(thing); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	text := raw.Bytes()
	if s.format != "json" && s.format != "jsonl" {
		var err error
		if text, err = toYAML(text); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	_, err := s.out.Write(text)
	return err
}

// toYAML writes JSON as YAML: the API's names, in their order.
func toYAML(raw []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil { // JSON is YAML
		return nil, err
	}
	plain(&doc)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// plain takes JSON's brackets and quotes away; the encoder puts quotes back where a
// text would be read as something else.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, child := range n.Content {
		plain(child)
	}
}

// Colours, as parameters of the terminal's escape sequence (ECMA-48, SGR).
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	dim    = "2"
)

var states = map[string]string{
	"running": green, "up": green, "succeeded": green, "TASK_RUNNING": green,
	"deploying": yellow, "waiting": yellow, "cordoned": yellow, "draining": yellow, "drained": yellow, "TASK_STAGING": yellow, "TASK_STARTING": yellow,
	"lost": red, "failed": red, "cancelled": red, "TASK_FAILED": red, "TASK_UNREACHABLE": red,
	"suspended": dim,
}

// paint colours text where w is a terminal that wants colours (NO_COLOR, TERM=dumb).
func paint(w io.Writer, colour, text string) string {
	f, ok := w.(*os.File)
	if !ok || colour == "" || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return text
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
