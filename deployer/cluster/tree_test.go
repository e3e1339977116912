package cluster

import (
	"errors"
	"strings"
	"testing"

	"pacer/apps"
)

// sketch makes apps of lines like "/a: /b /g".
func sketch(text string) (list []*apps.App) {
	for _, line := range strings.Split(text, ";") {
		id, dependencies, _ := strings.Cut(strings.TrimSpace(line), ":")
		if id == "" {
			continue
		}
		app := &apps.App{ID: apps.ID(id)}
		for _, dependency := range strings.Fields(dependencies) {
			app.Dependencies = append(app.Dependencies, apps.ID(dependency))
		}
		list = append(list, app)
	}
	return list
}

func TestAppsHaveToFitIntoTheTree(t *testing.T) {
	const name, circle = "Groups and Applications may not have the same identifier.", "Dependency graph has cyclic dependencies."
	for _, test := range []struct{ there, change, gone, want string }{
		{"", "/a", "", ""},
		{"/a", "/a", "", ""},
		{"/a/b", "/a", "", name},
		{"/a", "/a/b/c", "", name},
		{"/a", "/a/b", "/a", ""},
		{"/a", "/ab; /a-b/c", "", ""},
		{"", "/a; /a/b", "", name},
		{"", "/a: /a", "", circle + " /a → /a"},
		{"/b: /a", "/a: /b", "", circle + " /a → /b → /a"},
		{"/b: /c; /c: /a", "/a: /b", "", circle + " /a → /b → /c → /a"},
		{"/b: /c; /c", "/a: /b /c", "", ""},
		{"", "/a: /nowhere", "", ""},
		{"/g/x; /g/y: /a", "/a: /g", "", circle + " /a → /g/y → /a"},
		{"/g/x; /g/y", "/a: /g", "", ""},
		{"/g/x; /g-/y: /a; /g0: /a", "/a: /g", "", ""},
		{"", "/g/x: /g", "", circle + " /g/x → /g/x"},
		{"/x", "/a: /", "", circle + " /a → /a"},
		{"/b: /a", "/a: /b", "/b", ""},
		{"/c: /d; /d: /b; /b: /c", "/a: /b", "", circle + " /b → /c → /d → /b"}, // which /a only leads to
	} {
		state := New(Stored{Cluster: 7, Apps: sketch(test.there)}, 1, noon)
		target := sketch(test.change)
		for _, app := range sketch(test.gone) {
			app.Deleted = true
			target = append(target, app)
		}
		groups, err := state.regroup(Change{}, target, nil)
		if err == nil {
			err = state.checkCircles(target, groups)
		}
		got := ""
		if e := (*apps.Error)(nil); errors.As(err, &e) {
			got = strings.Join(e.Details[0].Errors, " ")
		}
		if got != test.want {
			t.Errorf("to [%s] comes [%s] and goes [%s]: want %q, got %q", test.there, test.change, test.gone, test.want, got)
		}
	}
}
