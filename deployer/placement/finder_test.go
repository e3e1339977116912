package placement

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pacer/apps"
)

// Whatever is placed, released, cordoned, changed, lost and found, in any order: the
// index answers what looking at every host answers, and its books are those made from
// scratch. So a placeable instance is never refused.
func TestTheIndexAnswersWhatAFullScanAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for i := range w.offers {
			o := &w.offers[i]
			o.Host.Total.CPU, o.Host.Total.Mem = o.Host.Total.CPU*3, o.Host.Total.Mem*3
		}
		b := w.board()
		b.SetPolicy(rapid.SampledFrom([]Policy{Spread, Pack}).Draw(t, "policy"))
		var all []*apps.App
		for i := range rapid.IntRange(1, 3).Draw(t, "apps") {
			app := *drawApp(t, apps.ID(fmt.Sprintf("/r/%d", i)))
			app.AcceptedRoles = drawRoles(t)
			app.Labels = rapid.SampledFrom([]map[string]string{nil, nil, {PolicyLabel: "pack"}, {PolicyLabel: "spread"}}).Draw(t, "label")
			for range rapid.IntRange(0, 2).Draw(t, "more constraints") {
				app.Constraints = append(slices.Clip(app.Constraints), rapid.SampledFrom(append(operators, apps.Constraint{Field: "@zone", Operator: "UNIQUE"}, apps.Constraint{Field: "@zone", Operator: "MAX_PER", Value: "2"},
					apps.Constraint{Field: "@zone", Operator: "CLUSTER"}, apps.Constraint{Field: "@zone", Operator: "GROUP_BY"}, apps.Constraint{Field: "hostname", Operator: "GROUP_BY"}, apps.Constraint{Field: "hostname", Operator: "GROUP_BY", Value: "3"})).Draw(t, "constraint"))
			}
			all = append(all, &app)
		}
		holds := slices.Clone(w.holds)
		for range rapid.IntRange(1, 30).Draw(t, "turns") {
			switch rapid.IntRange(0, 9).Draw(t, "turn") {
			case 0:
				if len(holds) > 0 {
					i := rapid.IntRange(0, len(holds)-1).Draw(t, "which")
					b.Release(holds[i])
					holds = slices.Delete(holds, i, i+1)
				}
			case 1, 2:
				if len(w.offers) > 0 {
					o := &w.offers[rapid.IntRange(0, len(w.offers)-1).Draw(t, "host")]
					switch rapid.IntRange(0, 6).Draw(t, "change") {
					case 0, 1, 2:
						o.Closed = rapid.SampledFrom([]string{"", "cordoned"}).Draw(t, "closed")
					case 3:
						o.Host.Zone = rapid.SampledFrom([]string{"", "a", "b", "d"}).Draw(t, "zone")
					case 4:
						o.Host.Attributes = map[string]string{"rack": rapid.SampledFrom([]string{"r1", "r2", "r3"}).Draw(t, "rack")}
					case 5:
						o.Host.Role = rapid.SampledFrom([]string{"", "a", "public", "r"}).Draw(t, "role")
					case 6:
						b.RemoveHost(o.Host.Name)
					}
					b.SetHost(*o)
				}
			default:
				app := rapid.SampledFrom(all).Draw(t, "app")
				want, _ := b.scan(app, b.peek(app), &app.Needs)
				c := b.crowdFor(app)
				got, _ := b.find(c, &app.Needs)
				if name(got) != name(want) {
					t.Fatalf("%+v of %s: a full scan finds %s, the index %s", app.Constraints, app.ID, name(want), name(got))
				}
				placed, _ := b.Place([]Ask{{Instance: "one", App: app, Role: "r"}})
				if len(placed) != 0 != (want != nil) {
					t.Fatalf("a full scan finds %s for %s, and %v is placed", name(want), app.ID, placed)
				}
				for _, p := range placed {
					if p.Host != want.name {
						t.Fatalf("placed on %s, a full scan finds %s", p.Host, want.name)
					}
					holds = append(holds, Hold{App: app, Host: p.Host, Role: "r", Needs: app.Needs, Ports: p.Ports})
				}
			}
			if err := b.Check(holds); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func name(h *host) string {
	if h == nil {
		return "none"
	}
	return h.name
}

// Many hosts of one zone take more than one word of the index, and many classes are more
// than it keeps apart.
func TestTheIndexOfManyHosts(t *testing.T) {
	for _, racks := range []int{1, 7, 500} {
		b := NewBoard()
		for i := range 9000 {
			o := offer(fmt.Sprintf("h%05d", i*7919%9000), int64(1000+i%3*1000), 4000)
			o.Host.Zone, o.Host.Attributes = string(rune('a'+i%2)), map[string]string{"rack": fmt.Sprint(i % racks)}
			b.SetHost(o)
		}
		for i, con := range []apps.Constraint{{Field: "rack", Operator: "LIKE", Value: "0|3"}, {Field: "hostname", Operator: "UNIQUE"}, {Field: "rack", Operator: "GROUP_BY"}, {Field: "hostname", Operator: "LIKE", Value: ".*77"}} {
			app := &apps.App{ID: apps.ID(fmt.Sprintf("/app%d", i)), Needs: apps.Resources{CPU: 300, Mem: 100}, Constraints: []apps.Constraint{con}}
			for range 60 {
				want, _ := b.scan(app, b.peek(app), &app.Needs)
				placed, _ := b.Place(asks(app, 1))
				if len(placed) > 0 != (want != nil) || want != nil && placed[0].Host != want.name {
					t.Fatalf("%v with %d racks: a full scan finds %s, placed %v", con, racks, name(want), placed)
				}
				b.Place(asks(app, 20))
			}
		}
	}
}

func TestPackingKeepsHostsFree(t *testing.T) {
	b := NewBoard()
	for i := range 10 {
		b.SetHost(offer(fmt.Sprintf("h%d", i), 4000, 4000))
	}
	app := &apps.App{ID: "/batch", Needs: apps.Resources{CPU: 1000, Mem: 100}, Labels: map[string]string{PolicyLabel: "pack"}}
	placed, _ := b.Place(asks(app, 9))
	used := map[string]int{}
	for _, p := range placed {
		used[p.Host]++
	}
	if len(used) != 3 || used["h0"] != 4 || used["h1"] != 4 {
		t.Errorf("nine go to three hosts that take four each, got %v", used)
	}
}

// Once its slices have grown, a board places and releases without allocating.
func TestPlacingAllocatesNothing(t *testing.T) {
	b := NewBoard()
	for i := range 200 {
		o := offer(fmt.Sprintf("h%03d", i), 64_000, 64_000)
		o.Host.Zone = string(rune('a' + i%3))
		b.SetHost(o)
	}
	var all []Ask
	for i := range 20 {
		app := &apps.App{ID: apps.ID(fmt.Sprintf("/r%d/app", i%7)), Needs: apps.Resources{CPU: 100, Mem: 100}, Constraints: []apps.Constraint{{Field: "@zone", Operator: "GROUP_BY"}, {Field: "hostname", Operator: "MAX_PER", Value: "5"}}}
		app.ID += apps.ID(fmt.Sprint(i))
		all = append(all, asks(app, 50)...)
		b.Place(asks(app, 50)) // stays
	}
	turn := func() {
		placed, _ := b.Place(all)
		for _, p := range placed {
			ask := all[p.Ask]
			b.Release(Hold{App: ask.App, Host: p.Host, Role: ask.Role, Needs: ask.App.Needs, Ports: p.Ports})
		}
	}
	turn()
	if n := testing.AllocsPerRun(10, turn); n > 1 {
		t.Errorf("placing %d and releasing them allocates %v times", len(all), n)
	}
}
