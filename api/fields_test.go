package api

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pacer/api/wire"
)

// tabled are the types of Marathon's JSON that docs/marathon.md has a table of fields
// for, by its heading. Inside another one each is named and not told again.
var tabled = map[string][]any{
	"Apps":        {wire.App{}, wire.AppInfo{}},
	"Groups":      {wire.GroupUpdate{}, wire.GroupInfo{}},
	"Pods":        {wire.Pod{}},
	"Pod status":  {wire.PodStatus{}},
	"Tasks":       {wire.Task{}},
	"Deployments": {wire.Deployment{}},
	"Queue":       {wire.QueueItem{}},
}

func TestEveryFieldHasARowInTheTables(t *testing.T) {
	text, err := os.ReadFile("../docs/marathon.md")
	if err != nil {
		t.Fatal(err)
	}
	own := map[reflect.Type]bool{}
	for _, types := range tabled {
		for _, v := range types {
			own[reflect.TypeOf(v)] = true
		}
	}
	for heading, types := range tabled {
		want := map[string]bool{}
		for _, v := range types {
			fieldPaths(reflect.TypeOf(v), "", own, want)
		}
		rows := fieldRows(string(text), heading)
		for _, path := range slices.Sorted(maps.Keys(want)) {
			if rows.of(path) == "" {
				t.Errorf("%s: docs/marathon.md has no row for `%s`", heading, path)
			}
		}
		for _, path := range slices.Sorted(maps.Keys(rows)) {
			if !want[strings.TrimSuffix(path, ".*")] {
				t.Errorf("%s: docs/marathon.md has a row for `%s`, which is no field", heading, path)
			}
			if kind := rows[path]; !slices.Contains([]string{"same", "by other means", "refused"}, kind) {
				t.Errorf("%s: `%s` is %q: want same, by other means or refused", heading, path, kind)
			}
		}
	}
}

// fieldPaths are the fields of a type and of what it is made of, as a.b.c.
func fieldPaths(t reflect.Type, at string, own map[reflect.Type]bool, to map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || at != "" && own[t] {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			fieldPaths(f.Type, at, own, to)
		case name != "":
			to[at+name] = true
			fieldPaths(f.Type, at+name+".", own, to)
		}
	}
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// A fieldTable is the second column by the fields of the first.
type fieldTable map[string]string

// of is what is said of a field; by a.* it is said of a and all below it.
func (t fieldTable) of(path string) string {
	if kind := t[path]; kind != "" {
		return kind
	}
	for at := path; at != ""; {
		if kind := t[at+".*"]; kind != "" {
			return kind
		}
		i := strings.LastIndexByte(at, '.')
		if i < 0 {
			return ""
		}
		at = at[:i]
	}
	return ""
}

// fieldRows reads the table under a heading. A name that begins with a dot continues
// the one before it: `a.b`, `.c` is a.b and a.c.
func fieldRows(text, heading string) fieldTable {
	rows := fieldTable{}
	_, section, _ := strings.Cut(text, "\n### "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n#")
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		before := ""
		for _, span := range codeSpan.FindAllStringSubmatch(cells[1], -1) {
			name := span[1]
			if strings.HasPrefix(name, ".") {
				name = before[:strings.LastIndexByte(strings.TrimSuffix(before, ".*"), '.')] + name
			}
			before = name
			rows[name] = strings.TrimSpace(cells[2])
		}
	}
	return rows
}
