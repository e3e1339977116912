package placement

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"pacer/apps"
)

// A hall is a cluster to measure: hosts of four sizes in ten zones, half of them with
// SSDs.
func hall(hosts int) *Board {
	b := NewBoard()
	for i := range hosts {
		size := int64(1 + i%4)
		b.SetHost(Offer{Host: apps.Host{Name: fmt.Sprintf("host%06d", i), Zone: fmt.Sprintf("z%d", i%10), Ports: []apps.Range{{First: 31000, Last: 32999}},
			Total:      apps.Resources{CPU: size * 16_000, Mem: size * 64 << 10, Disk: 1 << 20},
			Attributes: map[string]string{"disk": []string{"ssd", "hdd"}[i/4%2]}}})
	}
	return b
}

// crowdsOf is apps by turns: without constraints, UNIQUE, GROUP_BY zone, MAX_PER, LIKE a
// class; one for each role.
func crowdsOf(roles int) (all []*apps.App) {
	for i := range roles {
		app := &apps.App{ID: apps.ID(fmt.Sprintf("/role%04d/app", i)), ConfigAt: 1, Needs: apps.Resources{CPU: int64(50 + i%4*50), Mem: int64(64 << (i % 4))}}
		switch i % 5 {
		case 1:
			app.Constraints = []apps.Constraint{{Field: "hostname", Operator: "UNIQUE"}}
		case 2:
			app.Constraints = []apps.Constraint{{Field: "@zone", Operator: "GROUP_BY"}}
		case 3:
			app.Constraints = []apps.Constraint{{Field: "hostname", Operator: "MAX_PER", Value: "3"}}
		case 4:
			app.Constraints = []apps.Constraint{{Field: "disk", Operator: "LIKE", Value: "s.d"}}
		}
		all = append(all, app)
	}
	return all
}

func asksOf(all []*apps.App, each int) []Ask {
	out := make([]Ask, 0, len(all)*each)
	for i := range each {
		for _, app := range all {
			out = append(out, Ask{Instance: "i", Serial: uint64(i), App: app, Role: app.FairRole()})
		}
	}
	return out
}

// BenchmarkPlace fills 10,000 hosts, for 1,000 roles, with a million instances; each
// fifth app has no constraint, UNIQUE, GROUP_BY zone, MAX_PER or LIKE; and then with
// another million of the same apps. Placements for each second, of the first and of the
// second million, and in the same run for the same cluster, the peer: a scan that filters
// and scores all hosts for each.
func BenchmarkPlace(b *testing.B) {
	const hosts, roles, each = 10_000, 1_000, 1_000
	all := crowdsOf(roles)
	asks := asksOf(all, each)
	var took, again time.Duration
	placed := 0
	var board *Board
	for range b.N {
		board = hall(hosts)
		for i := range all {
			board.SetRole(Role{Name: all[i].FairRole(), Weight: int64(1+i%4) * WeightOne})
		}
		begun := time.Now()
		out, refused := board.Place(asks)
		took += time.Since(begun)
		placed += len(out)
		if len(refused) > 0 || len(out) != len(asks) {
			b.Fatalf("placed %d of %d; %+v", len(out), len(asks), refused[0])
		}
		begun = time.Now()
		board.Place(asks)
		again += time.Since(begun)
	}
	b.ReportMetric(float64(placed)/took.Seconds(), "first-placements/s")
	b.ReportMetric(float64(placed)/again.Seconds(), "placements/s")

	const some = 2_000
	begun := time.Now()
	for i := range some {
		app := all[i%len(all)]
		h, _ := board.scan(app, board.peek(app), &app.Needs)
		if h == nil {
			b.Fatal("the peer finds no host")
		}
		board.Hold(Hold{App: app, Host: h.name, Role: app.FairRole(), Needs: app.Needs})
	}
	b.ReportMetric(some/time.Since(begun).Seconds(), "scan-placements/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPlaceOne is single decisions in a cluster that is full of a million
// instances: one is released, one is asked for and placed. Each Place is timed.
func BenchmarkPlaceOne(b *testing.B) {
	all := crowdsOf(1_000)
	board := hall(10_000)
	asks := asksOf(all, 1_000)
	placed, _ := board.Place(asks)
	placed = slices.Clone(placed)
	one := make([]Ask, 1)
	turn := func(i int) time.Duration {
		i = i * 7919 % len(placed)
		p := &placed[i]
		ask := asks[p.Ask]
		board.Release(Hold{App: ask.App, Host: p.Host, Role: ask.Role, Needs: ask.App.Needs, Ports: p.Ports})
		one[0] = ask
		begun := time.Now()
		out, _ := board.Place(one)
		took := time.Since(begun)
		p.Host, p.Ports = out[0].Host, out[0].Ports
		return took
	}
	for i := range 10_000 {
		turn(i)
	}
	took := make([]time.Duration, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		took[i] = turn(i)
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[b.N/2]), "p50-ns")
	b.ReportMetric(float64(took[b.N*99/100]), "p99-ns")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPlaceHuge holds five million instances on 100,000 hosts, and places the next
// app of 10,000.
func BenchmarkPlaceHuge(b *testing.B) {
	all := crowdsOf(500)
	board := hall(100_000)
	for i := range all {
		board.Place(asksOf(all[i:i+1], 10_000))
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "board-MiB")
	var took []time.Duration
	for i := range b.N {
		next := &apps.App{ID: apps.ID(fmt.Sprintf("/next%d/app", i)), Needs: apps.Resources{CPU: 50, Mem: 64}, Constraints: []apps.Constraint{{Field: "@zone", Operator: "GROUP_BY"}}}
		asks := asksOf([]*apps.App{next}, 10_000)
		begun := time.Now()
		placed, refused := board.Place(asks)
		took = append(took, time.Since(begun))
		if len(placed) != len(asks) {
			b.Fatalf("placed %d: %+v", len(placed), refused)
		}
		for _, p := range placed {
			board.Release(Hold{App: next, Host: p.Host, Role: next.FairRole(), Needs: next.Needs, Ports: p.Ports})
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "next-10000-ns")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRefuse is what it costs to tell an app that no host takes one more of it, with
// the reasons host by host and what would make it fit; on a full cluster, each time some
// room has grown.
func BenchmarkRefuse(b *testing.B) {
	for _, hosts := range []int{100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(hosts), func(b *testing.B) {
			board := hall(hosts)
			big := &apps.App{ID: "/big/app", ConfigAt: 1, Needs: apps.Resources{CPU: 1_000_000, Mem: 64}, Constraints: []apps.Constraint{{Field: "disk", Operator: "LIKE", Value: "s.d"}}}
			asks := []Ask{{Instance: "i", Serial: 1, App: big, Role: big.FairRole()}}
			b.ResetTimer()
			for range b.N {
				if _, refused := board.Place(asks); len(refused) != 1 {
					b.Fatal(refused)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*hosts), "ns/host")
		})
	}
}
