package placement

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacer/apps"
)

// A drawn is a cluster at random: hosts, some of them closed, what they run, and who
// waits.
type drawn struct {
	offers []Offer
	holds  []Hold
	asks   []Ask
}

func (w *drawn) board() *Board {
	b := NewBoard()
	for _, o := range w.offers {
		b.SetHost(o)
	}
	for _, h := range w.holds {
		b.Hold(h)
	}
	return b
}

var operators = []apps.Constraint{
	{Field: "hostname", Operator: "UNIQUE"}, {Field: "hostname", Operator: "MAX_PER", Value: "2"}, {Field: "rack", Operator: "GROUP_BY"},
	{Field: "@zone", Operator: "GROUP_BY", Value: "3"}, {Field: "rack", Operator: "CLUSTER"}, {Field: "rack", Operator: "CLUSTER", Value: "r1"},
	{Field: "hostname", Operator: "LIKE", Value: "h[1-3]"}, {Field: "rack", Operator: "UNLIKE", Value: "r2"}, {Field: "level", Operator: "IS", Value: "2.0"},
	{Field: "@region", Operator: "LIKE", Value: ".*"},
}

// drawRoles is an app's accepted roles, mostly none.
func drawRoles(t *rapid.T) []string {
	return rapid.SampledFrom([][]string{nil, nil, nil, {"*"}, {"public"}, {"public", "*"}, {"a"}}).Draw(t, "accepted roles")
}

func drawWorld(t *rapid.T) *drawn {
	w := &drawn{}
	for i := range rapid.IntRange(0, 6).Draw(t, "hosts") {
		o := offer(fmt.Sprintf("h%d", i+1), int64(rapid.IntRange(0, 20).Draw(t, "cpu"))*100, int64(rapid.IntRange(0, 20).Draw(t, "mem"))*100)
		o.Host.Ports = []apps.Range{{First: 31000, Last: 31000 + rapid.IntRange(0, 5).Draw(t, "ports")}}
		o.Host.Zone = rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "zone")
		o.Host.Role = rapid.SampledFrom([]string{"", "", "", "a", "public"}).Draw(t, "host's role")
		o.Host.Attributes = map[string]string{"rack": rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "rack"), "level": "2"}
		if rapid.IntRange(0, 4).Draw(t, "closed") == 0 {
			o.Closed = "cordoned"
			delete(o.Host.Attributes, "level")
		}
		w.offers = append(w.offers, o)
	}
	var all []*apps.App
	for i := range rapid.IntRange(1, 5).Draw(t, "apps") {
		a := &apps.App{
			ID: apps.ID(fmt.Sprintf("/%s/app%d", rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "role"), i)), ConfigAt: 1,
			Needs:   apps.Resources{CPU: int64(rapid.IntRange(0, 6).Draw(t, "needs cpu")) * 100, Mem: int64(rapid.IntRange(0, 6).Draw(t, "needs mem")) * 100},
			Network: apps.NetworkBridge,
		}
		for range rapid.IntRange(0, 2).Draw(t, "app's ports") {
			a.Ports = append(a.Ports, apps.Port{Protocol: "tcp", Host: rapid.SampledFrom([]int{0, 0, 0, 31001, 80, apps.NoHostPort}).Draw(t, "host port")})
		}
		if rapid.Bool().Draw(t, "constrained") {
			a.Constraints = []apps.Constraint{rapid.SampledFrom(operators).Draw(t, "constraint")}
		}
		a.AcceptedRoles = drawRoles(t)
		all = append(all, a)
	}
	// What runs already was placed by the same rules.
	b := NewBoard()
	for _, o := range w.offers {
		b.SetHost(o)
	}
	draw := func(n int, first uint64) (out []Ask) {
		for i := range n {
			a := rapid.SampledFrom(all).Draw(t, "app")
			out = append(out, Ask{Instance: fmt.Sprintf("i%03d", first+uint64(i)), Serial: first + uint64(i), App: a, Role: a.FairRole()})
		}
		return out
	}
	running := draw(rapid.IntRange(0, 8).Draw(t, "running"), 0)
	placed, _ := b.Place(running)
	for _, p := range placed {
		i := slices.IndexFunc(running, func(a Ask) bool { return a.Instance == p.Instance })
		w.holds = append(w.holds, Hold{App: running[i].App, Host: p.Host, Role: running[i].Role, Needs: running[i].App.Needs, Ports: p.Ports})
	}
	w.asks = draw(rapid.IntRange(0, 12).Draw(t, "waiting"), 100)
	return w
}

func (w *drawn) booked(placed []Allocation) []Hold {
	holds := slices.Clone(w.holds)
	for _, p := range placed {
		i := slices.IndexFunc(w.asks, func(a Ask) bool { return a.Instance == p.Instance })
		holds = append(holds, Hold{App: w.asks[i].App, Host: p.Host, Role: w.asks[i].Role, Needs: w.asks[i].App.Needs, Ports: p.Ports})
	}
	return holds
}

func TestNoHostIsGivenMoreThanItHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		b := w.board()
		placed, _ := b.Place(w.asks)
		if err := b.Check(w.booked(placed)); err != nil { // recomputes sums and ports from scratch
			t.Fatal(err)
		}
		for _, p := range placed {
			i := slices.IndexFunc(w.offers, func(o Offer) bool { return o.Host.Name == p.Host })
			if w.offers[i].Closed != "" {
				t.Fatalf("%s is placed on %s, which is %s", p.Instance, p.Host, w.offers[i].Closed)
			}
		}
	})
}

func TestTheOrderOfTheInputDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		placed, refused := w.board().Place(slices.Clone(w.asks))
		other := &drawn{offers: rapid.Permutation(w.offers).Draw(t, "offers"), holds: rapid.Permutation(w.holds).Draw(t, "holds"), asks: rapid.Permutation(w.asks).Draw(t, "asks")}
		again, refusedAgain := other.board().Place(slices.Clone(other.asks))
		for _, list := range [][]Allocation{placed, again} {
			for i := range list {
				list[i].Ask = 0 // this one does
			}
		}
		if diff := cmp.Diff(placed, again) + cmp.Diff(refused, refusedAgain); diff != "" {
			t.Fatalf("the same cluster in another order gives other answers:\n%s", diff)
		}
	})
}

func TestARefusalIsTrueAndItsReasonsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		b := w.board()
		placed, refused := b.Place(w.asks)
		for _, r := range refused {
			sum := 0
			for _, reason := range r.Reasons {
				sum += reason.Hosts
			}
			if sum != r.Hosts || r.Hosts != len(w.offers) {
				t.Fatalf("%s is refused for %d of %d hosts, of which there are %d: %+v", r.App, sum, r.Hosts, len(w.offers), r.Reasons)
			}
			i := slices.IndexFunc(w.asks, func(a Ask) bool { return a.App.ID == r.App })
			if h, _ := b.scan(w.asks[i].App, b.peek(w.asks[i].App), &w.asks[i].App.Needs); h != nil {
				t.Fatalf("%s is refused, but %s would take it", r.App, h.name)
			}
		}
		done := len(placed)
		for _, a := range w.asks { // who was not placed is refused
			if slices.ContainsFunc(refused, func(r Refusal) bool { return r.App == a.App.ID }) && !slices.ContainsFunc(placed, func(p Allocation) bool { return p.Instance == a.Instance }) {
				done++
			}
		}
		if done != len(w.asks) {
			t.Fatalf("%d of %d asks got an answer", done, len(w.asks))
		}
	})
}

// Whatever is held, released and offered, in any order: the books kept on the way are
// those that are made from scratch at the end.
func TestTheBooksAreTheSameFromScratch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		b := w.board()
		placed, _ := b.Place(w.asks)
		holds := w.booked(placed)
		for range rapid.IntRange(0, 20).Draw(t, "changes") {
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				if len(holds) > 0 {
					i := rapid.IntRange(0, len(holds)-1).Draw(t, "which")
					b.Release(holds[i])
					holds = slices.Delete(holds, i, i+1)
				}
			case 1:
				if len(w.offers) > 0 {
					o := rapid.SampledFrom(w.offers).Draw(t, "host")
					o.Host.Zone = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "its new zone")
					b.SetHost(o)
				}
			case 2:
				if len(w.offers) > 0 {
					o := rapid.SampledFrom(w.offers).Draw(t, "host that leaves")
					b.RemoveHost(o.Host.Name)
					if rapid.Bool().Draw(t, "and returns") {
						b.SetHost(o)
					}
				}
			}
			if err := b.Check(holds); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Marathon's operators, host by host: an app that runs once on each host of where is
// asked for once more.
func TestConstraints(t *testing.T) {
	hosts := map[string]apps.Host{
		"h1": {Name: "h1", Zone: "a", Attributes: map[string]string{"rack": "r1", "level": "2.0004"}},
		"h2": {Name: "h2", Zone: "a", Attributes: map[string]string{"rack": "r2", "level": "3"}},
		"h3": {Name: "h3", Zone: "b", Attributes: map[string]string{"rack": "r1"}},
		"h4": {Name: "h4"},
	}
	for _, test := range []struct {
		constraint string
		where      []string
		want       []string // hosts that would take one more
	}{
		{"hostname UNIQUE", []string{"h1", "h3"}, []string{"h2", "h4"}},
		{"rack UNIQUE", []string{"h1"}, []string{"h2"}},
		{"hostname MAX_PER 1", []string{"h4"}, []string{"h1", "h2", "h3"}},
		{"rack MAX_PER 2", []string{"h1", "h3"}, []string{"h2"}},
		{"hostname CLUSTER h3", nil, []string{"h3"}},
		{"rack CLUSTER", []string{"h2"}, []string{"h2"}},
		{"rack CLUSTER", nil, []string{"h1", "h2", "h3"}},
		{"hostname LIKE h[12]", nil, []string{"h1", "h2"}},
		{"hostname LIKE h", nil, nil}, // the whole of it
		{"hostname UNLIKE h[12]", nil, []string{"h3", "h4"}},
		{"rack UNLIKE r1", nil, []string{"h2", "h4"}}, // no attribute passes UNLIKE, and nothing else
		{"level IS 2", nil, []string{"h1"}},           // numbers to three decimals
		{"rack IS r2", nil, []string{"h2"}},
		{"@zone GROUP_BY", []string{"h1", "h1", "h3"}, []string{"h3"}},
		{"@zone GROUP_BY", []string{"h1"}, []string{"h1", "h2", "h3"}}, // one group so far; a new one is welcome
		{"@zone GROUP_BY 2", []string{"h1"}, []string{"h3"}},           // there must be two
		{"@zone GROUP_BY 3", []string{"h1", "h3"}, nil},
	} {
		b := NewBoard()
		var con apps.Constraint
		_, _ = fmt.Sscan(test.constraint, &con.Field, &con.Operator, &con.Value)
		app := &apps.App{ID: "/app", Constraints: []apps.Constraint{con}}
		for _, h := range hosts {
			b.SetHost(Offer{Host: h})
		}
		for _, name := range test.where {
			b.Hold(Hold{App: app, Host: name, Role: "*"})
		}
		var got []string
		for _, h := range b.hosts {
			if why, _ := b.refuses(app, b.peek(app), h); why.code == "" {
				got = append(got, h.name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s, running on %v: want %v, got %v", test.constraint, test.where, test.want, got)
		}
	}
}
