package lb

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacer/apps"
)

// A ledger is a target that records, and checks that letters reach it in order.
type ledger struct {
	has  map[apps.ID]apps.Service
	busy []string
	news int
}

func newLedger() *ledger { return &ledger{has: map[apps.ID]apps.Service{}} }

func (l *ledger) Apply(s apps.Service) bool {
	old, ok := l.has[s.App]
	if ok && !s.After(old.Stamp) {
		return false
	}
	l.news++
	if s.Gone {
		delete(l.has, s.App)
	} else {
		l.has[s.App] = s
	}
	return true
}

func (l *ledger) Busy() []string { return l.busy }

func stamp(epoch, revision uint64) apps.Stamp { return apps.Stamp{Epoch: epoch, Revision: revision} }

func letter(id apps.ID, epoch, revision uint64) apps.Service {
	return apps.Service{Stamp: stamp(epoch, revision), App: id}
}

func gone(id apps.ID, epoch, revision uint64) apps.Service {
	return apps.Service{Stamp: stamp(epoch, revision), App: id, Gone: true}
}

func roster(epoch, revision uint64, all ...apps.Service) apps.Roster {
	r := apps.Roster{Stamp: stamp(epoch, revision), Apps: map[apps.ID]apps.Stamp{}}
	for _, s := range all {
		r.Apps[s.App] = s.Stamp
	}
	return r
}

func (l *ledger) want(t *testing.T, want map[apps.ID]apps.Stamp) {
	t.Helper()
	got := map[apps.ID]apps.Stamp{}
	for id, s := range l.has {
		got[id] = s.Stamp
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("the target's table: %s", diff)
	}
}

type stamps = map[apps.ID]apps.Stamp

func TestTheFollowerGivesReceiptsAndRepeatsThemWhenAsked(t *testing.T) {
	l := newLedger()
	f := NewFollower("lb1", l)
	f.Service(letter("/a", 1, 1))
	f.Service(letter("/b", 1, 2))
	f.Service(letter("/a", 1, 3))

	got := f.Serving()
	want := apps.Serving{Balancer: "lb1", Revision: 1, Served: stamps{"/a": stamp(1, 3), "/b": stamp(1, 2)},
		Digest: apps.Digest("/a", stamp(1, 3)) + apps.Digest("/b", stamp(1, 2))}
	if diff := gocmp.Diff(want, got, cmpEmpty()); diff != "" {
		t.Fatal(diff)
	}
	if again := f.Serving(); len(again.Served) != 0 || again.Revision != 2 || again.Digest != want.Digest {
		t.Fatalf("receipts are given once, got %+v", again)
	}
	f.Service(letter("/a", 1, 3)) // its receipt was lost
	if again := f.Serving(); again.Served["/a"] != stamp(1, 3) || l.news != 3 {
		t.Fatalf("want the receipt again and nothing applied, got %+v, %d applied", again, l.news)
	}
	f.Service(letter("/a", 1, 1)) // an old letter, late
	if again := f.Serving(); len(again.Served) != 0 {
		t.Fatalf("want no receipt for an old letter, got %+v", again)
	}
	f.Service(gone("/a", 1, 4))
	got = f.Serving()
	if got.Served["/a"] != stamp(1, 4) || got.Digest != apps.Digest("/b", stamp(1, 2)) {
		t.Fatalf("want a receipt for the end of /a, got %+v", got)
	}
	l.want(t, stamps{"/b": stamp(1, 2)})
}

func cmpEmpty() gocmp.Option {
	return gocmp.FilterValues(func(x, y []apps.ID) bool { return len(x)+len(y) == 0 }, gocmp.Ignore())
}

func TestWhatIsGoneStaysGone(t *testing.T) {
	l := newLedger()
	f := NewFollower("lb1", l)
	f.Service(letter("/a", 1, 1))
	f.Service(gone("/a", 1, 5))
	f.Service(letter("/a", 1, 3)) // late
	l.want(t, stamps{})
	f.Roster(roster(1, 7)) // the roster remembers from here on
	f.Service(letter("/a", 1, 4))
	l.want(t, stamps{})
	f.Service(letter("/a", 1, 8)) // a new app of that name
	l.want(t, stamps{"/a": stamp(1, 8)})
	if len(f.gone) != 0 {
		t.Errorf("nothing needs to be remembered, but %v is", f.gone)
	}
}

func TestLettersOfAnOlderLeaderAreDropped(t *testing.T) {
	l := newLedger()
	f := NewFollower("lb1", l)
	f.Service(letter("/a", 2, 1))
	f.Service(letter("/b", 1, 99))
	f.Roster(roster(1, 100))
	l.want(t, stamps{"/a": stamp(2, 1)})
	f.Roster(roster(3, 1, letter("/a", 3, 1), letter("/c", 3, 1)))
	f.Service(letter("/c", 2, 50))
	l.want(t, stamps{"/a": stamp(2, 1)}) // served on until the new leader's letter comes
	if got := f.Serving(); !slices.Equal(got.Want, []apps.ID{"/a", "/c"}) {
		t.Errorf("want both asked for, got %v", got.Want)
	}
}

func TestTheRosterSaysWhatIsMissingAndWhatIsTooMuch(t *testing.T) {
	l := newLedger()
	f := NewFollower("lb1", l)
	f.Service(letter("/stays", 1, 1))
	f.Service(letter("/old", 1, 2))
	f.Service(letter("/dropped", 1, 3))
	f.Service(letter("/newer", 1, 9))
	f.Serving()
	drainSignal(f)

	f.Roster(roster(1, 8, letter("/stays", 1, 1), letter("/old", 1, 7), letter("/missing", 1, 4)))

	l.want(t, stamps{"/stays": stamp(1, 1), "/old": stamp(1, 2), "/newer": stamp(1, 9)})
	if !signalled(f) {
		t.Error("want a letter at once: something is missing")
	}
	got := f.Serving()
	if !slices.Equal(got.Want, []apps.ID{"/missing", "/old"}) {
		t.Fatalf("want the missing and the outdated one asked for, got %v", got.Want)
	}
	f.Roster(roster(1, 6, letter("/dropped", 1, 3))) // an older roster, late
	f.Service(letter("/missing", 1, 4))
	f.Service(letter("/old", 1, 5)) // newer than ours, but the roster knows a newer one
	f.Service(letter("/old", 1, 7))
	got = f.Serving()
	if len(got.Want) != 0 || got.Served["/missing"] != stamp(1, 4) || got.Served["/old"] != stamp(1, 7) {
		t.Fatalf("want nothing missing and both received, got %+v", got)
	}
}

func drainSignal(f *Follower) {
	select {
	case <-f.Changed():
	default:
	}
}

func signalled(f *Follower) bool {
	select {
	case <-f.Changed():
		return true
	default:
		return false
	}
}

func TestChangedSaysThatALetterShouldGoOut(t *testing.T) {
	e := newEnv(t, Config{})
	f := NewFollower("lb1", e.Balancer)
	begun, finish := make(chan bool), make(chan bool)
	s := web("/web", "example.com")
	s.Stamp = stamp(1, 1)
	s.Endpoints = []apps.Endpoint{backendOf(t, "old", func(w http.ResponseWriter, r *http.Request) { begun <- true; <-finish })}
	f.Service(s)
	if !signalled(f) {
		t.Fatal("something was applied: want a signal")
	}
	f.Serving()
	done := make(chan reply)
	go func() { done <- e.get(t, "example.com", "/") }()
	<-begun
	if signalled(f) {
		t.Fatal("a request is no news")
	}
	s.Stamp, s.Endpoints = stamp(1, 2), nil
	f.Service(s)
	<-f.Changed()
	if got := f.Serving(); !slices.Equal(got.Busy, []string{"old"}) || got.Served["/web"] != stamp(1, 2) {
		t.Fatalf("want the receipt, and old busy, got %+v", got)
	}
	finish <- true
	<-done
	<-f.Changed()
	if got := f.Serving(); len(got.Busy) != 0 {
		t.Fatalf("want nobody busy, got %+v", got)
	}
}

func TestALetterIsBoundedAndTheRestFollows(t *testing.T) {
	f := NewFollower("lb1", newLedger())
	var all []apps.Service
	for i := range servedMax + 10 {
		s := letter(apps.ID(unique("/app")), 1, uint64(i+1))
		all = append(all, s)
		f.Service(s)
	}
	drainSignal(f)
	first := f.Serving()
	if len(first.Served) != servedMax || !signalled(f) {
		t.Fatalf("want %d receipts and a signal for the rest, got %d", servedMax, len(first.Served))
	}
	second := f.Serving()
	if len(second.Served) != 10 || signalled(f) {
		t.Fatalf("want the other 10, got %d", len(second.Served))
	}
	f = NewFollower("lb2", newLedger())
	f.Roster(roster(1, 99999, all...))
	if got := f.Serving(); len(got.Want) != wantMax {
		t.Fatalf("want %d asked for, got %d", wantMax, len(got.Want))
	}
}

// However a leader's letters are shuffled, lost and repeated, followers that have
// heard the last roster and got what they asked for serve the same table.
func TestAnyOrderOfLettersEndsInTheSameTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// A history: two leaders, each change of an app one letter, now and then a roster.
		var services []apps.Service
		var rosters []apps.Roster
		now := map[apps.ID]apps.Service{}
		ids := rapid.SampledFrom([]apps.ID{"/a", "/b", "/c", "/d"})
		for epoch := uint64(1); epoch <= 2; epoch++ {
			revision := uint64(0)
			for _, id := range slices.Sorted(maps.Keys(now)) { // the new leader tells all
				revision++
				now[id] = letter(id, epoch, revision)
				services = append(services, now[id])
			}
			for range rapid.IntRange(0, 12).Draw(t, "changes") {
				revision++
				switch id := ids.Draw(t, "app"); {
				case rapid.IntRange(0, 2).Draw(t, "gone") == 0 && now[id].App != "":
					services = append(services, gone(id, epoch, revision))
					delete(now, id)
				default:
					now[id] = letter(id, epoch, revision)
					services = append(services, now[id])
				}
				if rapid.Bool().Draw(t, "roster") {
					rosters = append(rosters, roster(epoch, revision, slices.Collect(maps.Values(now))...))
				}
			}
			rosters = append(rosters, roster(epoch, revision, slices.Collect(maps.Values(now))...))
		}
		final := rosters[len(rosters)-1]
		want := uint64(0)
		for id, s := range final.Apps {
			want += apps.Digest(id, s)
		}

		l := newLedger()
		f := NewFollower("lb1", l)
		var post []func()
		for _, s := range services {
			for range rapid.IntRange(0, 2).Draw(t, "copies") {
				post = append(post, func() { f.Service(s) })
			}
		}
		for _, r := range rosters {
			for range rapid.IntRange(0, 2).Draw(t, "copies") {
				post = append(post, func() { f.Roster(r) })
			}
		}
		for _, deliver := range rapid.Permutation(post).Draw(t, "order") {
			deliver()
			f.Serving() // lost
		}
		f.Roster(final)
		for _, id := range f.Serving().Want {
			f.Service(now[id])
		}
		got := f.Serving()
		if got.Digest != want || len(got.Want) != 0 {
			t.Fatalf("want digest %x and nothing asked for, got %x and %v", want, got.Digest, got.Want)
		}
		if len(l.has) != len(now) {
			t.Fatalf("want %v, got %v", now, l.has)
		}
		for id, s := range now {
			if cmp.Compare(l.has[id].Revision, s.Revision) != 0 || l.has[id].Epoch != s.Epoch {
				t.Fatalf("want %+v, got %+v", s, l.has[id])
			}
		}
	})
}
