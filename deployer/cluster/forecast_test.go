package cluster

import (
	"reflect"
	"strings"
	"testing"

	"pacer/apps"
)

func TestAForecastSaysWhatTheDeploymentThenDoes(t *testing.T) {
	w := newWorld(t, "h1", "h2")
	w.put(web(4))
	w.settle()
	next := web(4)
	next.Env = map[string]string{"V": "2"}
	next.Upgrade = apps.Upgrade{HealthyMin: 0.75, OverMax: 0.25}
	change := Change{Deployment: "d9", Put: []PutApp{{App: next}}}
	before := w.s.stored()

	f, err := Foresee(before, change, w.now)

	if err != nil || !f.Changes || f.Stalls || len(f.Apps) != 1 {
		t.Fatalf("want a deployment that ends, got %+v, %v", f, err)
	}
	if a := f.Apps[0]; a.Least < 3 || a.Most > 5 || a.ReadyMin < 3 || len(a.Placed) != 4 || a.Old.Env["V"] != "" || a.New.Env["V"] != "2" {
		t.Fatalf("want 3 to 5 live and 4 placed, got %+v", a)
	}
	if !reflect.DeepEqual(before, w.s.stored()) {
		t.Fatal("looking ahead changed what is")
	}
	placed := map[string]int{}
	w.step(change)
	w.settle()
	for in := range w.s.instances.all() {
		placed[in.Host]++
	}
	for _, p := range f.Apps[0].Placed {
		placed[p.Host]--
	}
	for host, n := range placed {
		if n != 0 {
			t.Errorf("%s got %d more than foreseen", host, n)
		}
	}
}

func TestAForecastOfWhatFitsNowhereSaysWhy(t *testing.T) {
	w := newWorld(t, "h1", "h2")
	big := web(1)
	big.Needs.CPU = 9000

	f, err := Foresee(w.s.stored(), Change{Put: []PutApp{{App: big}}}, w.now)

	if err != nil || !f.Stalls || !strings.Contains(f.Reason, "2 hosts: 2 too little cpu (needs 9, most free 4)") {
		t.Fatalf("want a stall with its reason, got %+v, %v", f, err)
	}
}

func TestAForecastOfNoDifferenceSaysSo(t *testing.T) {
	w := newWorld(t, "h1")
	w.put(web(1))
	w.settle()

	f, err := Foresee(w.s.stored(), Change{Put: []PutApp{{App: web(1)}}}, w.now)

	if err != nil || f.Changes || f.Stalls {
		t.Fatalf("want no change, got %+v, %v", f, err)
	}
}
