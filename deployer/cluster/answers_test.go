package cluster

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
)

// asked is the reply to one event, and what was to be stored.
func asked(t *testing.T, s *State, now time.Time, ev Event) (Reply, Changes) {
	t.Helper()
	fx, _ := s.Step(now, []Event{ev})
	if len(fx.Reply) != 1 {
		t.Fatalf("want one reply to %+v, got %+v", ev, fx.Reply)
	}
	return fx.Reply[0], fx.Save
}

func kindOf(err error) apps.Kind {
	if e := (*apps.Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return apps.Internal
}

func keyed(deployment string, key *Key) Change {
	return Change{Request: "r", Deployment: deployment, Created: "/web", Key: key,
		Put: []PutApp{{App: &apps.App{ID: "/web", Instances: 1, Needs: apps.Resources{CPU: 100}}, New: true}}}
}

func TestARequestSentAgainChangesNothing(t *testing.T) {
	s := New(Stored{Cluster: 1}, 1, noon)
	key := &Key{Name: "k", Digest: "1"}
	if r, _ := asked(t, s, noon, Recall{Request: "r", Key: *key}); r.Err != nil || r.Answer != nil {
		t.Fatalf("nothing was asked yet, got %+v", r)
	}
	first, saved := asked(t, s, noon, keyed("d1", key))
	if first.Err != nil || first.Answer != nil || len(saved.Answers) != 1 {
		t.Fatalf("want it done and its answer kept, got %+v, %+v", first, saved.Answers)
	}
	for i, leader := range []*State{s, New(Stored{Cluster: 1, Apps: saved.Apps, Instances: rows(saved.Instances), Deployments: saved.Deployments, Serial: saved.Serial, Answers: saved.Answers}, 2, noon)} {
		for _, ev := range []Event{keyed("d2", key), Recall{Request: "r", Key: *key}} {
			r, again := asked(t, leader, noon.Add(time.Second), ev)
			if r.Err != nil || r.Deployment != "d1" || r.Version != first.Version || r.Answer == nil || r.Answer.Created != "/web" || len(r.Apps) != 1 || len(again.Apps) > 0 || len(again.Deployments) > 0 {
				t.Errorf("leader %d: %T sent again: %+v", i+1, ev, r)
			}
		}
		for _, ev := range []Event{keyed("d2", &Key{"k", "2"}), Recall{Request: "r", Key: Key{"k", "2"}}} {
			if r, _ := asked(t, leader, noon.Add(time.Second), ev); kindOf(r.Err) != apps.Invalid {
				t.Errorf("leader %d: the key for another request: %+v", i+1, r)
			}
		}
	}
	if r, _ := asked(t, s, noon.Add(answersAge), Recall{Request: "r", Key: *key}); r.Answer != nil {
		t.Errorf("after a day a key is free again, got %+v", r)
	}
	restart := Change{Request: "r", Deployment: "d3", Restart: []apps.ID{"/web"}, Force: true, Key: &Key{"k", "3"}}
	r, saved := asked(t, s, noon.Add(answersAge), restart)
	if r.Err != nil || r.Deployment != "d3" {
		t.Errorf("after a day a key is free again, got %+v", r)
	}
	if diff := cmp.Diff([]string{"k"}, saved.GoneAnswers); diff != "" || len(saved.Answers) != 1 {
		t.Errorf("the new answer takes the place of the old one (-want +got):\n%s", diff)
	}
}

func TestRefusedRequestsAreNotRemembered(t *testing.T) {
	s := New(Stored{Cluster: 1}, 1, noon)
	key := &Key{Name: "k", Digest: "1"}
	edit := Change{Request: "r", Deployment: "d1", Delete: []apps.ID{"/web"}, Key: key}
	if r, saved := asked(t, s, noon, edit); kindOf(r.Err) != apps.NotFound || len(saved.Answers) > 0 {
		t.Fatalf("got %+v, %+v", r, saved.Answers)
	}
	if r, _ := asked(t, s, noon, Recall{Request: "r", Key: *key}); r.Err != nil || r.Answer != nil {
		t.Errorf("it may be tried again, got %+v", r)
	}
}

func TestAnswersKeptAreBounded(t *testing.T) {
	s := New(Stored{Cluster: 1}, 1, noon)
	asked(t, s, noon, keyed("d", nil))
	gone := 0
	for i := range answersMax + 5 {
		r, saved := asked(t, s, noon, Change{Request: "r", Deployment: "d", Restart: []apps.ID{"/web"}, Force: true, Key: &Key{Name: fmt.Sprint(i)}})
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		gone += len(saved.GoneAnswers)
	}
	if len(s.answers) != answersMax || len(s.answersOrder) != answersMax || gone != 5 || s.answers["4"] != nil || s.answers["5"] == nil {
		t.Errorf("%d answers kept in the order of %d, %d gone", len(s.answers), len(s.answersOrder), gone)
	}
}

func TestAChangeForAnotherVersionIsStale(t *testing.T) {
	s := New(Stored{Cluster: 1}, 1, noon)
	made, _ := asked(t, s, noon, Change{Request: "r", Deployment: "d", Put: []PutApp{
		{App: &apps.App{ID: "/g/a", Instances: 0}}, {App: &apps.App{ID: "/g/b", Instances: 0}}}})
	scale := func(n int, m ...Match) Reply {
		r, _ := asked(t, s, noon.Add(time.Second), Change{Request: "r", Deployment: "d", Force: true, Match: m, Edit: []EditApp{{App: "/g/a", Edit: func(old *apps.App) (*apps.App, error) {
			next := *old
			next.Instances = n
			return &next, nil
		}}}})
		return r
	}
	if r := scale(1, Match{"/g/a", made.Version - 1}); kindOf(r.Err) != apps.Stale || s.apps["/g/a"].spec.Instances != 0 {
		t.Errorf("for an older version: %+v", r)
	}
	first := scale(1, Match{"/g/a", made.Version})
	if first.Err != nil {
		t.Errorf("for the present version: %v", first.Err)
	}
	if r := scale(2, Match{"/g/a", made.Version}); kindOf(r.Err) != apps.Stale {
		t.Errorf("whoever comes second has to look again: %+v", r)
	}
	if r := scale(2, Match{"/g", made.Version}); kindOf(r.Err) != apps.Stale {
		t.Errorf("a group is as new as its newest app: %+v", r)
	}
	if r := scale(2, Match{"/g", first.Version}, Match{ID: "/g/b"}); r.Err != nil {
		t.Errorf("for the present version of the group: %+v", r)
	}
	if r := scale(3, Match{ID: "/nope"}); kindOf(r.Err) != apps.Stale {
		t.Errorf("for what is not there: %+v", r)
	}
}
