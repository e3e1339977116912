package placement

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacer/apps"
)

// What is placed in many small rounds, of which each knows only the next asks of every
// app, is what one big round places: in the same order and on the same hosts.
func TestManyRoundsPlaceWhatOneDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cluster := func() *Board {
			b := NewBoard()
			for i := range 6 {
				o := offer(fmt.Sprintf("h%d", i+1), 100_000, 100_000)
				o.Host.Zone = fmt.Sprint("z", i%2)
				b.SetHost(o)
			}
			return b
		}
		weight := rapid.Int64Range(1, 5).Draw(t, "weight") * WeightOne
		guarantee := apps.Resources{CPU: rapid.Int64Range(0, 3000).Draw(t, "guarantee")}
		whole, rounds := cluster(), cluster()
		for _, b := range []*Board{whole, rounds} {
			b.SetRole(Role{Name: "r1", Weight: weight})
			b.SetRole(Role{Name: "r2", Guarantee: guarantee})
		}
		waits := map[apps.ID][]Ask{}
		var all []Ask
		for i := range rapid.IntRange(1, 6).Draw(t, "apps") {
			spec := &apps.App{ID: apps.ID(fmt.Sprintf("/a%d", i)), ConfigAt: 1, Needs: apps.Resources{
				CPU: rapid.Int64Range(1, 5).Draw(t, "cpu") * 100, Mem: rapid.Int64Range(0, 5).Draw(t, "mem") * 100}}
			role := fmt.Sprint("r", rapid.IntRange(1, 3).Draw(t, "role"))
			for n := range rapid.IntRange(1, 20).Draw(t, "instances") {
				ask := Ask{Instance: fmt.Sprint(spec.ID, " ", n), Serial: uint64(i*100 + n), App: spec, Role: role}
				waits[spec.ID], all = append(waits[spec.ID], ask), append(all, ask)
			}
		}
		want, refused := whole.Place(all)
		if len(refused) > 0 {
			t.Fatalf("there is room for all, but: %+v", refused)
		}
		share, most := rapid.IntRange(1, 8).Draw(t, "share"), rapid.IntRange(1, 12).Draw(t, "most")
		var got []Allocation
		for again := true; again; {
			var asks []Ask
			more := false
			for _, id := range slices.Sorted(keysOf(waits)) {
				next := slices.Clone(waits[id][:min(share, len(waits[id]))])
				for i := range next {
					next[i].More = len(waits[id]) > share
					more = more || next[i].More
				}
				asks = append(asks, next...)
			}
			placed, refused, cut := rounds.PlaceSome(asks, most)
			if len(refused) > 0 || len(placed) == 0 || len(placed) > most {
				t.Fatalf("%d placed of %d, refused %+v", len(placed), len(asks), refused)
			}
			if undecided := len(placed) < len(asks) || more; cut != undecided {
				t.Fatalf("cut is %v, with %d placed of %d, more to come: %v", cut, len(placed), len(asks), more)
			}
			for _, p := range placed {
				id := asks[p.Ask].App.ID
				waits[id] = waits[id][1:]
				p.Ask = 0
				got = append(got, p)
			}
			again = cut
		}
		for i := range want {
			want[i].Ask = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("one round (-), many (+):\n%s", diff)
		}
	})
}

func keysOf(waits map[apps.ID][]Ask) func(func(apps.ID) bool) {
	return func(yield func(apps.ID) bool) {
		for id, left := range waits {
			if len(left) > 0 && !yield(id) {
				return
			}
		}
	}
}
