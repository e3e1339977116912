package placement

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pacer/apps"
)

func offer(name string, cpu, mem int64) Offer {
	return Offer{Host: apps.Host{Name: name, Addr: "10.0.0.1", Total: apps.Resources{CPU: cpu, Mem: mem}, Ports: []apps.Range{{First: 31000, Last: 31999}}}}
}

func asks(app *apps.App, n int) (out []Ask) {
	for i := range n {
		out = append(out, Ask{Instance: fmt.Sprintf("%s.%d", app.ID, i+1), Serial: uint64(i), App: app, Role: app.FairRole()})
	}
	return out
}

// The example of the paper (DRF, Ghodsi et al., NSDI 2011, section 4.1): 9 CPU and
// 18 GB; tasks of A need <1 CPU, 4 GB>, those of B <3 CPU, 1 GB>. A gets three, B two,
// and both have two thirds of what they want most.
func TestTheExampleOfThePaper(t *testing.T) {
	b := NewBoard()
	b.SetHost(offer("h1", 9_000, 18<<10))
	a := &apps.App{ID: "/a/task", Needs: apps.Resources{CPU: 1_000, Mem: 4 << 10}}
	c := &apps.App{ID: "/b/task", Needs: apps.Resources{CPU: 3_000, Mem: 1 << 10}}

	placed, refused := b.Place(append(asks(a, 10), asks(c, 10)...))

	// Row by row: who is served, and both dominant shares after it, in 18ths. The paper
	// breaks the first tie for B, we by name.
	want := []string{
		"/a/task.1: A 4 B 0",
		"/b/task.1: A 4 B 6",
		"/a/task.2: A 8 B 6",
		"/b/task.2: A 8 B 12",
		"/a/task.3: A 12 B 12",
	}
	var held [2]apps.Resources
	var got []string
	for _, p := range placed {
		if i, app := 0, a; p.Instance[1] == 'a' {
			held[i] = held[i].Plus(app.Needs)
		} else {
			held[1] = held[1].Plus(c.Needs)
		}
		got = append(got, fmt.Sprintf("%s: A %.0f B %.0f", p.Instance, 18*DominantShare(held[0], b.Total()), 18*DominantShare(held[1], b.Total())))
	}
	if !slices.Equal(got, want) {
		t.Errorf("want, row by row\n%q, got\n%q", want, got)
	}
	if len(refused) != 2 || b.Held()["a"] != held[0] || b.Held()["b"] != held[1] {
		t.Errorf("both are refused in the end, and the board holds what was placed; got %+v and %+v", refused, b.Held())
	}
}

// Zero of a resource in the cluster does not divide by zero, nor does it count.
func TestWhatNobodyHasDoesNotCount(t *testing.T) {
	held, total := apps.Resources{CPU: 500, GPU: 3}, apps.Resources{CPU: 1000}
	if got := DominantShare(held, total); got != 0.5 {
		t.Errorf("half of the CPU and GPUs that do not exist: want 0.5, got %v", got)
	}
}

// Shares differ by less than a float can tell, and are still told apart.
func TestSharesAreComparedExactly(t *testing.T) {
	const big = 1 << 60
	a, b := share{big + 1, big + 2}, share{big, big + 1}
	if float64(a.held)/float64(a.total) != float64(b.held)/float64(b.total) {
		t.Fatal("the example is badly chosen")
	}
	if a.compare(b) <= 0 || b.compare(a) >= 0 || a.compare(a) != 0 {
		t.Errorf("%v is the greater one", a)
	}
}

// Whoever is served has the smallest share of all that are served later (what the
// greedy rule promises at every moment).
func TestNobodyIsServedBeforeThePoorer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		b := w.board()
		held := b.Held()
		total := b.Total()
		placed, _ := b.Place(w.asks)

		byID := map[string]Ask{}
		for _, a := range w.asks {
			byID[a.Instance] = a
		}
		for i, p := range placed {
			me := byID[p.Instance]
			for _, later := range placed[i+1:] {
				other := byID[later.Instance]
				mine, theirs := dominantShare(held[me.Role], total), dominantShare(held[other.Role], total)
				if theirs.compare(mine) < 0 {
					t.Fatalf("%s of %s (share %v) is served before %s of %s (share %v)", me.Instance, me.Role, mine, other.Instance, other.Role, theirs)
				}
			}
			held[me.Role] = held[me.Role].Plus(me.App.Needs)
		}
	})
}
