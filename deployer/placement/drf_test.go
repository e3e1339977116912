package placement

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// The table of DRF: 9 CPUs and 18 GB, framework 1 wants <1 CPU, 4 GB>, framework 2
// <3 CPU, 1 GB>. The names let framework 2 win the first tie, as the table has it.
func TestTheTableOfDRF(t *testing.T) {
	b := NewBoard()
	b.Record(10)
	b.SetHost(offer("h1", 9_000, 18<<10))
	one := &apps.App{ID: "/second/framework-1", Needs: apps.Resources{CPU: 1_000, Mem: 4 << 10}}
	two := &apps.App{ID: "/first/framework-2", Needs: apps.Resources{CPU: 3_000, Mem: 1 << 10}}

	placed, _ := b.Place(append(asks(one, 10), asks(two, 10)...))

	var held [2]apps.Resources
	var got []string
	for _, p := range placed {
		app, i := one, 0
		if p.Ask >= 10 {
			app, i = two, 1
		}
		held[i] = held[i].Plus(app.Needs)
		used := held[0].Plus(held[1])
		got = append(got, fmt.Sprintf("%d: %.0f %% %.0f %%, used %d CPU %d GB", i+1, 100*DominantShare(held[0], b.Total()), 100*DominantShare(held[1], b.Total()), used.CPU/1000, used.Mem>>10))
	}
	want := []string{
		"2: 0 % 33 %, used 3 CPU 1 GB",
		"1: 22 % 33 %, used 4 CPU 5 GB",
		"1: 44 % 33 %, used 5 CPU 9 GB",
		"2: 44 % 67 %, used 8 CPU 10 GB",
		"1: 67 % 67 %, used 9 CPU 14 GB",
	}
	if !slices.Equal(got, want) {
		t.Errorf("want, row by row\n%q, got\n%q", want, got)
	}
	why := b.Decisions()
	if len(why) != 7 || why[3].String() != "role first was next, with a share of 33.33 % (then second, with 44.44 %); /first/framework-2.2 went to host h1 (1 of 1 looked at)" || why[6].Host != "" {
		t.Errorf("seven decisions, the last two of them refusals, each with its reason; got %d: %v", len(why), why)
	}
}

// The table of max-min fairness: ten slices, wishes 1, 2, 5 and 6. Half a slice is one
// instance.
func TestTheTableOfMaxMinFairness(t *testing.T) {
	b := NewBoard()
	b.SetHost(offer("h1", 10_000, 0))
	var all []Ask
	wishes := map[string]int{"a": 1, "b": 2, "c": 5, "d": 6}
	for name, wish := range wishes {
		all = append(all, asks(&apps.App{ID: apps.ID("/" + name + "/task"), Needs: apps.Resources{CPU: 500}}, 2*wish)...)
	}
	b.Place(all)
	for name, want := range map[string]int64{"a": 1000, "b": 2000, "c": 3500, "d": 3500} {
		if got := b.Held()[name].CPU; got != want {
			t.Errorf("%s wishes %d slices: want %d thousandths, got %d", name, wishes[name], want, got)
		}
	}
}

// The example of H-DRF (Bhattacharya et al., SoCC 2013): 100 CPUs and 100 GPUs; of role
// a, a1 wants CPUs and a2 GPUs, of role b, b1 wants CPUs; all want more than there is.
// Tasks on CPUs end at random. Who adds up what a role's apps hold lets a1 starve.
func TestASiblingDoesNotStarve(t *testing.T) {
	b := NewBoard()
	b.SetHost(Offer{Host: apps.Host{Name: "h", Total: apps.Resources{CPU: 100, GPU: 100}}})
	a1, a2, b1 := &apps.App{ID: "/a/a1", Needs: apps.Resources{CPU: 1}}, &apps.App{ID: "/a/a2", Needs: apps.Resources{GPU: 1}}, &apps.App{ID: "/b/b1", Needs: apps.Resources{CPU: 1}}
	hold := func(app *apps.App) Hold {
		return Hold{App: app, Host: "h", Role: app.FairRole(), Needs: app.Needs}
	}
	for range 100 {
		b.Hold(hold(a2))
		b.Hold(hold(b1))
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		for range 1 + r.IntN(3) {
			app := b1
			if n := b.roles["a"].app("/a/a1").n; r.IntN(100) < n {
				app = a1
			}
			if b.roles[app.FairRole()].app(app.ID).n > 0 {
				b.Release(hold(app))
			}
		}
		b.Place(slices.Concat(asks(a1, 5), asks(a2, 5), asks(b1, 5)))
	}
	for app, want := range map[*apps.App]int{a1: 50, a2: 100, b1: 50} {
		if got := b.roles[app.FairRole()].app(app.ID).n; got != want {
			t.Errorf("want %d of %s, got %d", want, app.ID, got)
		}
	}
}

// What an app holds that waits for nothing counts for its role in full: a role cannot
// look poor by keeping what it has in one app and asking with another.
func TestAContentAppCounts(t *testing.T) {
	b := NewBoard()
	b.SetHost(offer("h1", 10_000, 1000))
	big, next, other := &apps.App{ID: "/a/big", Needs: apps.Resources{CPU: 1000}}, &apps.App{ID: "/a/next", Needs: apps.Resources{CPU: 1000}}, &apps.App{ID: "/b/app", Needs: apps.Resources{CPU: 1000}}
	b.Place(asks(big, 6))
	b.Place(append(asks(next, 10), asks(other, 10)...))
	if got := b.Held()["b"].CPU; got != 4000 {
		t.Errorf("a holds six of ten already: want all four for b, got %d", got/1000)
	}
}

func TestAGuaranteeIsServedFirst(t *testing.T) {
	b := NewBoard()
	b.SetHost(offer("h1", 10_000, 10_000))
	b.SetRole(Role{Name: "late", Guarantee: apps.Resources{CPU: 3500}})
	b.SetRole(Role{Name: "big", Weight: 100 * WeightOne})
	late, big := &apps.App{ID: "/late/app", Needs: apps.Resources{CPU: 1000, Mem: 10}}, &apps.App{ID: "/big/app", Needs: apps.Resources{CPU: 1000, Mem: 10}}
	b.Record(3)
	placed, _ := b.Place(append(asks(late, 2), asks(big, 1)...))
	if placed[0].Ask > 1 || placed[1].Ask > 1 {
		t.Errorf("want both of late before big, got %+v", placed)
	}
	if d := b.Decisions()[1]; !d.Guaranteed || d.String() != "role late was next, below its guarantee (then big, with 0 %); /late/app.2 went to host h1 (1 of 1 looked at)" {
		t.Errorf("want the decision to name the guarantee, got %s", d)
	}
	b.Place(append(asks(late, 20), asks(big, 20)...))
	if got := b.Held()["late"].CPU; got != 3000 {
		t.Errorf("a guarantee of 3.5 cpus is three instances; the rest goes by weight; got %d", got)
	}
}

func TestALimitIsNeverExceeded(t *testing.T) {
	b := NewBoard()
	b.SetHost(offer("h1", 10_000, 10_000))
	most := int64(2500)
	b.SetRole(Role{Name: "a", Limit: Limit{CPU: &most}})
	app := &apps.App{ID: "/a/app", Needs: apps.Resources{CPU: 1000, Mem: 10}}
	placed, refused := b.Place(asks(app, 4))
	if len(placed) != 2 || len(refused) != 1 {
		t.Fatalf("want two placed and a refusal, got %v and %v", placed, refused)
	}
	want := Refusal{App: "/a/app", Hosts: 1, Hint: "raise the limit of cpus of role a",
		Reasons: []Reason{{Code: UnfulfilledRole, Text: "limit of role a reached (2.5 cpus, of which it holds 2 cpus and needs 1 cpus more)", Hosts: 1, Names: []string{"h1"}}}}
	if diff := cmp.Diff(want, refused[0]) + cmp.Diff(want.Reasons, b.Explain(app).Reasons); diff != "" {
		t.Error(diff)
	}
	free := &apps.App{ID: "/a/free", Needs: apps.Resources{Mem: 10}}
	if placed, _ := b.Place(asks(free, 4)); len(placed) != 4 {
		t.Errorf("what needs nothing of what is limited is not stopped; got %v", placed)
	}
	b.RemoveRole("a")
	if placed, _ := b.Place(asks(app, 1)); len(placed) != 1 {
		t.Errorf("without the limit there is room, got %v", placed)
	}
}

// By task shares a role is as rich as the part of its app that runs, of what would if it
// had all hosts alone.
func TestTaskShares(t *testing.T) {
	b := NewBoard()
	b.SetFairness(TaskShare)
	b.SetHost(offer("h1", 12_000, 24_000))
	b.SetHost(offer("h2", 10, 24_000)) // alone it takes none
	// Alone, 12 instances of a would run, and 3 of b.
	a, c := &apps.App{ID: "/a/app", Needs: apps.Resources{CPU: 1000, Mem: 1000}}, &apps.App{ID: "/b/app", Needs: apps.Resources{CPU: 1000, Mem: 8000}}
	placed, _ := b.Place(append(asks(a, 9), asks(c, 2)...))
	var order []byte
	for _, p := range placed {
		order = append(order, p.Instance[1])
	}
	if want := "abaaaabaaa"; want != string(order) {
		t.Errorf("want %s, got %s", want, order)
	}
}

// Of one app for each role, whoever is served has the smallest share of all that are
// served later (what the greedy rule promises at every moment).
func TestNobodyIsServedBeforeThePoorer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		b := w.board()
		held := b.Held()
		total := b.Total()
		for i := range w.asks { // everybody needs both
			app := *w.asks[i].App
			app.Needs = app.Needs.Plus(apps.Resources{CPU: 1, Mem: 1})
			app.ID += "-more"
			w.asks[i].App, w.asks[i].Role = &app, string(app.ID)
		}
		placed, _ := b.Place(w.asks)
		for i, p := range placed {
			me := w.asks[p.Ask]
			for _, later := range placed[i+1:] {
				other := w.asks[later.Ask]
				mine, theirs := dominantShare(held[me.Role], total), dominantShare(held[other.Role], total)
				if theirs.compare(mine) < 0 {
					t.Fatalf("%s of %s (share %v) is served before %s of %s (share %v)", me.Instance, me.Role, mine, other.Instance, other.Role, theirs)
				}
			}
			held[me.Role] = held[me.Role].Plus(me.App.Needs)
		}
	})
}
