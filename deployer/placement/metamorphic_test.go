package placement

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"pacer/apps"
)

// Metamorphic tests (Chen et al., 1998): nobody has to know the right answer to say how it
// may change when the question does.

// decided is who got which host with which ports, in the order of the decisions, and who
// was refused.
func (w *drawn) decided(roles []Role) (out []string) {
	b := w.board()
	for _, r := range roles {
		b.SetRole(r)
	}
	placed, refused := b.Place(slices.Clone(w.asks))
	for _, p := range placed {
		out = append(out, fmt.Sprint(p.Instance, " on ", p.Host, " ", p.Ports))
	}
	for _, r := range refused {
		out = append(out, fmt.Sprint("not ", r.App))
	}
	return out
}

func drawTreatment(t *rapid.T) (roles []Role) {
	for _, name := range []string{"a", "b", "c"} {
		r := Role{Name: name, Weight: int64(rapid.IntRange(1, 4).Draw(t, "weight")) * WeightOne}
		if rapid.IntRange(0, 2).Draw(t, "guaranteed") == 0 {
			r.Guarantee = apps.Resources{CPU: int64(rapid.IntRange(0, 10).Draw(t, "guarantee")) * 100}
		}
		if rapid.IntRange(0, 2).Draw(t, "limited") == 0 {
			most := int64(rapid.IntRange(0, 20).Draw(t, "limit")) * 100
			r.Limit.Mem = &most
		}
		roles = append(roles, r)
	}
	return roles
}

// mapped is the world with every spec, host, role and resource changed by f's.
func (w *drawn) mapped(spec func(apps.App) apps.App, o func(Offer) Offer) *drawn {
	out := &drawn{}
	specs := map[*apps.App]*apps.App{}
	change := func(a *apps.App) *apps.App {
		if specs[a] == nil {
			next := spec(*a)
			specs[a] = &next
		}
		return specs[a]
	}
	names := map[string]string{}
	for _, offer := range w.offers {
		next := o(offer)
		names[offer.Host.Name] = next.Host.Name
		out.offers = append(out.offers, next)
	}
	for _, h := range w.holds {
		h.App, h.Host = change(h.App), names[h.Host]
		h.Needs, h.Role = h.App.Needs, h.App.FairRole()
		out.holds = append(out.holds, h)
	}
	for _, a := range w.asks {
		a.App = change(a.App)
		a.Role = a.App.FairRole()
		out.asks = append(out.asks, a)
	}
	return out
}

func times(r apps.Resources, k int64) apps.Resources {
	return apps.Resources{CPU: r.CPU * k, Mem: r.Mem * k, Disk: r.Disk * k, GPU: r.GPU * k}
}

// Measured in other units, all is decided as before.
func TestTheUnitDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, roles := drawWorld(t), drawTreatment(t)
		k, weight := int64(rapid.IntRange(2, 9).Draw(t, "unit")), int64(rapid.IntRange(2, 9).Draw(t, "unit of weight"))
		other := w.mapped(
			func(a apps.App) apps.App { a.Needs = times(a.Needs, k); return a },
			func(o Offer) Offer { o.Host.Total = times(o.Host.Total, k); return o })
		var scaled []Role
		for _, r := range roles {
			r.Weight *= weight
			r.Guarantee = times(r.Guarantee, k)
			if r.Limit.Mem != nil {
				most := *r.Limit.Mem * k
				r.Limit.Mem = &most
			}
			scaled = append(scaled, r)
		}
		if diff := cmp.Diff(w.decided(roles), other.decided(scaled)); diff != "" {
			t.Fatalf("in units %d times as small, weights in units %d times:\n%s", k, weight, diff)
		}
	})
}

// Under other names in the same order, all is decided as before.
func TestNamesOnlyDecideTies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, roles := drawWorld(t), drawTreatment(t)
		for _, a := range w.asks { // h1 … by name is about names
			if slices.ContainsFunc(a.App.Constraints, func(c apps.Constraint) bool { return c.Field == "hostname" && c.Operator == "LIKE" }) {
				t.Skip("a constraint names hosts")
			}
			if len(a.App.AcceptedRoles) > 0 {
				t.Skip("an app names roles")
			}
		}
		for i := range w.offers {
			w.offers[i].Host.Role = ""
		}
		other := w.mapped(
			func(a apps.App) apps.App {
				a.ID = apps.ID("/x" + strings.Replace(string(a.ID[1:]), "/", "/y", 1))
				return a
			},
			func(o Offer) Offer { o.Host.Name = "x" + o.Host.Name; return o })
		var renamed []Role
		for _, r := range roles {
			r.Name = "x" + r.Name
			renamed = append(renamed, r)
		}
		want := w.decided(roles)
		for i := range want {
			want[i] = strings.NewReplacer(" on ", " on x", "not /a/", "not /xa/y", "not /b/", "not /xb/y", "not /c/", "not /xc/y").Replace(want[i])
		}
		if diff := cmp.Diff(want, other.decided(renamed)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A host that has nothing, and one that is not asked for, change nothing for others.
func TestWhatGivesNothingChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, roles := drawWorld(t), drawTreatment(t)
		for _, a := range w.asks {
			if a.App.Needs == (apps.Resources{}) {
				t.Skip("an app that needs nothing goes to a host that has nothing")
			}
		}
		before := w.decided(roles)
		none := offer(rapid.SampledFrom([]string{"a0", "h33", "z9"}).Draw(t, "name"), 0, 0)
		w.offers = append(w.offers, none)
		if diff := cmp.Diff(before, w.decided(roles)); diff != "" {
			t.Fatalf("with a host that has nothing:\n%s", diff)
		}
		giant := &apps.App{ID: "/d/giant", ConfigAt: 1, Network: apps.NetworkHost, Needs: apps.Resources{CPU: 1 << 30}}
		w.asks = append(w.asks, Ask{Instance: "giant", Serial: 1000, App: giant, Role: "d"})
		after := w.decided(roles)
		giantAt := slices.Index(after, "not /d/giant")
		if giantAt < 0 {
			t.Fatal("a giant is placed")
		}
		if diff := cmp.Diff(before, slices.Delete(after, giantAt, giantAt+1), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("with an app that no host takes:\n%s", diff)
		}
	})
}

// What is decided depends on what is held and who waits, not on how it came to that: a
// part may be decided before. (Where somebody is refused it is found out only when it is
// its turn; until then its app counts as one that can be served, so it is left out here.)
func TestDecidingInPartsDecidesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		whole, refused := w.board().Place(slices.Clone(w.asks))
		for len(refused) > 0 {
			w.asks = slices.DeleteFunc(w.asks, func(a Ask) bool {
				return slices.ContainsFunc(refused, func(r Refusal) bool { return r.App == a.App.ID })
			})
			whole, refused = w.board().Place(slices.Clone(w.asks))
		}
		n := rapid.IntRange(0, len(whole)).Draw(t, "decided before")
		for _, p := range whole[:n] {
			i := slices.IndexFunc(w.asks, func(a Ask) bool { return a.Instance == p.Instance })
			a := w.asks[i]
			w.holds = append(w.holds, Hold{App: a.App, Host: p.Host, Role: a.Role, Needs: a.App.Needs, Ports: p.Ports})
			w.asks = slices.Delete(w.asks, i, i+1)
		}
		rest, _ := w.board().Place(slices.Clone(w.asks))
		if d := cmp.Diff(hosts(whole[n:]), hosts(rest)); d != "" {
			t.Fatalf("%d were decided before:\n%s", n, d)
		}
	})
}

func hosts(placed []Allocation) (out []string) {
	for _, p := range placed {
		out = append(out, p.Instance+" on "+p.Host)
	}
	return out
}
