package cluster

import (
	"testing"
	"time"

	"pacer/apps"
)

// A host was lost, and what it ran was given up. Before it comes back:
//
//  1. an old letter to it, with an instance that is given up, is still on its way;
//  2. it reports that it runs nothing, and would get something new;
//  3. the old letter arrives first and starts what was given up, in the same place.
//
// So it gets nothing new before it has taken over a letter from after the loss.
func TestALostHostTakesNothingNewBeforeItLetGoOfThePast(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.put(web(3))
	w.settle()
	h3 := w.hosts["h3"]
	delete(w.hosts, "h3")
	for range 8 {
		w.now = w.now.Add(time.Second)
		w.settle()
	}
	h3.runs = map[string]apps.InstanceReport{} // it ran down meanwhile
	w.step(Cordon{Host: "h1", On: true})
	w.step(Cordon{Host: "h2", On: true})
	scaled := web(4)

	w.put(scaled)
	h3.Revision++
	w.step(Reported{h3.Report})

	if n := len(w.s.hosts["h3"].runs); n != 0 || w.count(apps.Waiting) != 1 {
		t.Fatalf("h3 has applied %+v, but gets %d instances", h3.Applied, n)
	}
	w.hosts["h3"] = h3
	w.now = w.now.Add(resendPause)
	w.report("h3") // the letter comes
	w.report("h3") // and its receipt
	if n := len(w.s.hosts["h3"].runs); n != 1 || w.count(apps.Waiting) != 0 {
		t.Fatalf("h3 has taken over the newest letter (%+v), but gets %d instances", h3.Applied, n)
	}
}
