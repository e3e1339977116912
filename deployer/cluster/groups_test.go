package cluster

import (
	"fmt"
	"testing"

	"pacer/apps"
)

// crowd is a state with a chain of dependencies through groups, and n apps beside it.
func crowd(n int) *State {
	stored := Stored{Cluster: 7, Groups: []*apps.Group{{ID: "/chain", Version: 1, Dependencies: []apps.ID{"/end"}}}}
	for i := range 10 {
		stored.Apps = append(stored.Apps, &apps.App{ID: apps.ID(fmt.Sprint("/chain/a", i)), Version: 1}, &apps.App{ID: apps.ID(fmt.Sprint("/end/b", i)), Version: 1})
	}
	for i := range n {
		stored.Apps = append(stored.Apps, &apps.App{ID: apps.ID(fmt.Sprintf("/other%d/app", i)), Version: 1, Dependencies: []apps.ID{"/end"}})
	}
	return New(stored, 1, noon)
}

// What a change of dependencies costs depends on what can be come to from it alone.
func TestACircleIsLookedForWhereDependenciesAreNew(t *testing.T) {
	cost := func(n int) (float64, float64) {
		s := crowd(n)
		target := []*apps.App{{ID: "/chain/a1", Version: 1, Dependencies: []apps.ID{"/end/b1"}}, {ID: "/new", Dependencies: []apps.ID{"/chain"}}}
		groups, err := s.regroup(Change{PutGroups: []PutGroup{{ID: "/chain", Dependencies: []apps.ID{"/end/b2"}}}}, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		accepted := map[apps.ID]*apps.App{"/chain/a1": target[0], "/new": target[1]}
		circles := testing.AllocsPerRun(5, func() {
			if err := s.checkCircles(target, groups); err != nil {
				t.Fatal(err)
			}
		})
		return circles, testing.AllocsPerRun(5, func() { s.depths(accepted, groups.rows) })
	}
	circles, depths := cost(10)
	manyCircles, manyDepths := cost(20_000)
	if manyCircles > circles*1.2 || manyDepths > depths*1.2 {
		t.Errorf("with 10 other apps %v and %v allocations, with 20,000 %v and %v", circles, depths, manyCircles, manyDepths)
	}
}

// A store that is older than groups has none: the first step makes them of the apps.
func TestGroupsOfAnOlderStoreAreMade(t *testing.T) {
	s := New(Stored{Cluster: 7, Apps: []*apps.App{{ID: "/a/b/c", Version: 5}, {ID: "/a/d", Version: 7}, {ID: "/top", Version: 1}}}, 1, noon)
	fx, _ := s.Step(noon, nil)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	got := map[apps.ID]apps.Version{}
	for _, row := range fx.Save.Groups {
		got[row.ID] = row.Version
	}
	if len(got) != 2 || got["/a"] == 0 || got["/a/b"] != 5 {
		t.Errorf("want /a and /a/b, got %v", got)
	}
	if fx, _ = s.Step(noon, nil); len(fx.Save.Groups) > 0 {
		t.Errorf("they are made once, not again: %v", fx.Save.Groups)
	}
}

// A group that is deleted and made again, even at once, never has a version twice: what it
// was can be asked for.
func TestVersionsOfAGroupOnlyGrow(t *testing.T) {
	s := New(Stored{Cluster: 7, GroupsAt: apps.VersionAt(noon) + 100}, 1, noon)
	var last apps.Version
	for range 3 {
		fx, _ := s.Step(noon, []Event{
			Change{Request: "r", Deployment: "d1", PutGroups: []PutGroup{{ID: "/g", New: true}}},
			Change{Request: "r", Deployment: "d2", DropGroups: []apps.ID{"/g"}},
		})
		for _, reply := range fx.Reply {
			if reply.Err != nil {
				t.Fatal(reply.Err)
			}
		}
		if len(fx.Save.Groups) < 2 {
			t.Fatalf("got %v", fx.Save.Groups)
		}
		for _, row := range fx.Save.Groups {
			if row.ID != "/g" {
				continue
			}
			if row.Version <= last || row.Version <= apps.VersionAt(noon)+100 {
				t.Errorf("version %d follows %d", row.Version, last)
			}
			last = row.Version
		}
	}
}

// What starts is told whether its group enforces its role then; what runs is left alone.
func TestALetterSaysWhoseGroupEnforcesItsRole(t *testing.T) {
	w := newWorld(t, "h1")
	yes := true
	app := web(1)
	app.Role = "shop"
	w.step(Change{Request: "r", Deployment: "d1", Put: []PutApp{{App: app}}, PutGroups: []PutGroup{{ID: "/shop", EnforceRole: &yes}}})
	free := web(1)
	free.ID = "/free"
	w.step(Change{Request: "r", Deployment: "d2", Put: []PutApp{{App: free}}})
	letters := w.fx.Assign
	if len(letters) != 1 || len(letters[0].Specs) != 2 || len(letters[0].Enforced) != 1 || letters[0].Enforced[0] != "/shop/web" {
		t.Errorf("want /shop/web alone, got %+v", letters)
	}
	no := false
	if w.step(PatchGroup{Request: "r", Group: "/shop", EnforceRole: &no}); len(w.fx.Assign) > 0 {
		t.Errorf("nothing changes for what runs, but %+v", w.fx.Assign)
	}
}
