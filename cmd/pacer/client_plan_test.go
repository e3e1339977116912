package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/api/wire"
)

func TestADifferenceIsToldByThePartsThatDiffer(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{`1`, `2`, "f: 1 → 2"},
		{``, `{"a":1}`, `f:  → {"a":1}`},
		{`{"a":1}`, ``, `f: {"a":1} → `},
		{`{"a":{"b":1,"c":2},"d":3}`, `{"a":{"b":1,"c":4},"e":5}`, "f.a.c: 2 → 4 | f.d: 3 →  | f.e:  → 5"},
		{`[1,2]`, `[1,3]`, "f[1]: 2 → 3"},
		{`[1,2]`, `[1,2,3]`, "f: [1,2] → [1,2,3]"},
		{`[{"a":[1]}]`, `[{"a":[2]}]`, "f[0].a[0]: 1 → 2"},
		{`{}`, `[]`, "f: {} → []"},
		{`null`, `{"a":1}`, `f: null → {"a":1}`},
		{`{"a":{}}`, `{"a":{"b":1}}`, "f.a.b:  → 1"},
	} {
		var got []string
		for _, d := range finer(wire.FieldChange{Field: "f", Old: json.RawMessage(c.before), New: json.RawMessage(c.after)}) {
			got = append(got, fmt.Sprintf("%s: %s → %s", d.Field, d.Old, d.New))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " | ")); diff != "" {
			t.Error(diff)
		}
	}
}
