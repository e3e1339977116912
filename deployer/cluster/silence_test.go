package cluster

import (
	"testing"
	"time"
)

// A host that a new leader has heard once is silent as soon as any other: the time that
// the leader gives to those it has not heard does not count for it.
func TestANewLeaderNoticesWhoFallsSilentAfterItsFirstWord(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.s = New(w.s.stored(), 2, w.now)
	w.step()
	w.now = w.now.Add(100 * time.Millisecond)
	w.report("h1")

	for began := w.now; !w.s.hosts["h1"].Silent; w.now = w.now.Add(100 * time.Millisecond) {
		w.report("h2")
		w.report("h3")
		if took := w.now.Sub(began); took > hostQuiet+200*time.Millisecond || w.s.hosts["h1"].Lost {
			t.Fatalf("h1 said one word, and is not known to be silent after %v", took)
		}
	}
}
