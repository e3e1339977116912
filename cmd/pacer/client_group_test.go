package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// groupsOfThree is a tree with an app above, one of two instances and a pod in the
// middle, and one app that does not run yet and an empty group below.
const groupsOfThree = `{"id":"/","version":"2026-11-24T13:06:16.156Z","dependencies":[],"apps":[{"id":"/web","instances":1,"tasksRunning":1}],"groups":[
	{"id":"/shop","version":"2026-11-24T13:06:16.156Z","dependencies":["/db","/mq"],"enforceRole":true,"apps":[{"id":"/shop/web","instances":2,"tasksRunning":2}],"pods":[{"id":"/shop/pod"}],"groups":[
		{"id":"/shop/own","version":"2026-01-01T00:00:00.000Z","dependencies":[],"apps":[{"id":"/shop/own/x","instances":2,"tasksRunning":0}]},
		{"id":"/shop/empty","version":"2026-01-01T00:00:00.000Z","dependencies":[],"apps":[],"groups":[]}]}]}`

func TestGroupsAreListedWithWhatIsBelowThem(t *testing.T) {
	f := newFake(t, map[string][]reply{"GET /v2/groups": {{200, groupsOfThree}}})
	r := pacer(t.Context(), "", "group", "list", "--server", f.url)
	want := `
GROUP        APPS  PODS  INSTANCES  ROLE  DEPENDS  VERSION
/            3     1     3/5                       2026-11-24T13:06:16.156Z
/shop        2     1     2/4        shop  /db,/mq  2026-11-24T13:06:16.156Z
/shop/own    1     0     0/2                       2026-01-01T00:00:00.000Z
/shop/empty  0     0     0/0                       2026-01-01T00:00:00.000Z
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), r.stdout); diff != "" {
		t.Error(diff)
	}
}

func TestAGroupIsScaledByAFactor(t *testing.T) {
	for _, factor := range []string{"x", "-1", "NaN"} {
		f := newFake(t, nil)
		if r := pacer(t.Context(), "", "group", "scale", "--server", f.url, "--", "/shop", factor); r.code != 2 || len(f.asked) != 0 {
			t.Errorf("%s: want it refused here, got %d, %s", factor, r.code, r.stderr)
		}
	}
}
