package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pacer/apps"
)

// The hosts' memory changes while five apps wait for more than there is, and only one of
// them at a time is told why anew.
func TestReasonsAreBroughtUpToDateByTurns(t *testing.T) {
	w := newWorld(t, "h1", "h2")
	w.s.looksMax = 2 // hosts: one app
	for i := range 5 {
		big := web(1)
		big.ID, big.Needs.Mem = apps.ID(fmt.Sprint("/big", i)), 10_000
		w.now = w.now.Add(time.Millisecond)
		w.put(big)
		if a := w.s.apps[big.ID]; len(a.wait.Reasons) != 1 || a.wait.Reasons[0].Hosts != 2 {
			t.Fatalf("%s waits for the first time and is told %+v", big.ID, a.wait)
		}
	}
	told := func(most string) (n int) {
		for i := range 5 {
			for _, r := range w.s.apps[apps.ID(fmt.Sprint("/big", i))].wait.Reasons {
				if strings.Contains(r.Text, "most free "+most) {
					n++
				}
			}
		}
		return n
	}

	for _, name := range []string{"h1", "h2"} {
		w.hosts[name].Host.Total.Mem = 4000
		w.report(name)
	}

	if n := told("8192"); n < 4 {
		t.Errorf("one app was to be told anew at once, %d kept what they knew", n)
	}
	for n := told("4000"); n < 5; n = told("4000") {
		before := n
		w.turns(1)
		if n = told("4000"); n != before+1 {
			t.Fatalf("%d of 5 apps know that hosts have become smaller, then %d", before, n)
		}
	}
	w.hosts["h1"].Host.Total.Mem = 20_000
	w.turns(3)
	if n := w.count(apps.Waiting); n != 3 {
		t.Errorf("a host has room for two, and %d of 5 wait", n)
	}
}
