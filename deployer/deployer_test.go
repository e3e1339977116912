package deployer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
	"pacer/deployer/cluster"
	"pacer/store"
)

// A mailbox keeps the letters that a leader sends.
type mailbox struct {
	mu      sync.Mutex
	assign  []apps.Assignment
	service []apps.Service
	places  []apps.Addresses
	greeted []apps.Server
}

func (m *mailbox) SendAssign(a apps.Assignment) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.assign = append(m.assign, a)
	return nil
}

func (m *mailbox) SendService(s apps.Service) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.service = append(m.service, s)
	return nil
}

func (m *mailbox) SendRoster(apps.Roster) error { return nil }

func (m *mailbox) SendAddresses(a apps.Addresses) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.places = append(m.places, a)
	return nil
}

func (m *mailbox) SendServer(s apps.Server) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.greeted = append(m.greeted, s)
	return nil
}

func (m *mailbox) lastAssigned() (instances int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.assign) == 0 {
		return 0
	}
	return len(m.assign[len(m.assign)-1].Instances)
}

// lead runs a deployer on a store of its own until the end of the test.
func lead(t *testing.T) (*Deployer, *store.DB, *mailbox) {
	t.Helper()
	post := &mailbox{}
	d := leadWith(t, Config{Post: post})
	return d, d.cfg.Store, post
}

func leadWith(t *testing.T, c Config) *Deployer {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "pacer.db"))
	if err != nil {
		t.Fatal(err)
	}
	c.Name, c.URL, c.Store, c.Log = "s1", "http://s1", db, slog.New(slog.DiscardHandler)
	if c.Post == nil {
		c.Post = &mailbox{}
	}
	d := New(c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "leadership", func() bool { return d.View() != nil })
	return d
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func web(instances int) *apps.App {
	return &apps.App{ID: "/web", Instances: instances, Needs: apps.Resources{CPU: 100, Mem: 32}, Cmd: "sleep 100", Network: apps.NetworkHost, Upgrade: apps.Upgrade{HealthyMin: 1, OverMax: 1}}
}

func put(t *testing.T, d *Deployer, id string, spec *apps.App) cluster.Reply {
	t.Helper()
	r, err := d.Submit(t.Context(), func(request string) cluster.Event {
		return cluster.Change{Request: request, Deployment: id, Put: []cluster.PutApp{{App: spec}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARequestIsAnsweredAfterItsCommit(t *testing.T) {
	d, db, _ := lead(t)

	r := put(t, d, "d1", web(2))

	stored, err := db.Load(t.Context())
	if err != nil || len(stored.Apps) != 1 || len(stored.Instances) != 2 || stored.Apps[0].Version != r.Version {
		t.Fatalf("what was answered should be stored, got %+v, %v", stored, err)
	}
	if app, ok := d.View().App("/web"); !ok || app.Version != r.Version {
		t.Fatalf("and be seen: %+v", app)
	}
}

func TestARefusalReachesTheCaller(t *testing.T) {
	d, _, _ := lead(t)

	_, err := d.Submit(t.Context(), func(request string) cluster.Event {
		return cluster.Change{Request: request, Deployment: "d1", Delete: []apps.ID{"/nobody"}}
	})

	if e, ok := errors.AsType[*apps.Error](err); !ok || e.Kind != apps.NotFound {
		t.Fatalf("want NotFound, got %v", err)
	}
}

func TestAHostThatReportsIsAssignedWhatWaits(t *testing.T) {
	d, _, post := lead(t)
	put(t, d, "d1", web(3))

	d.Tell(cluster.Reported{Report: apps.Report{Boot: 1, Revision: 1, Host: apps.Host{
		Name: "h1", Addr: "127.0.0.1", Total: apps.Resources{CPU: 4000, Mem: 4096}, Ports: []apps.Range{{First: 31000, Last: 31010}},
	}}})

	eventually(t, "3 instances in an assignment", func() bool { return post.lastAssigned() == 3 })
}

func TestASubscriberHearsEveryNoticeInOrder(t *testing.T) {
	d, db, _ := lead(t)
	notices, cancel := d.Subscribe()
	defer cancel()

	put(t, d, "d1", web(1))
	put(t, d, "d2", &apps.App{ID: "/other", Cmd: "sleep 1"})

	last, err := db.LastSeq(t.Context())
	if err != nil || last == 0 {
		t.Fatalf("%d, %v", last, err)
	}
	for want := uint64(1); want <= last; want++ {
		if n := <-notices; n.Seq != want {
			t.Fatalf("want notice %d, got %d", want, n.Seq)
		}
	}
}

func TestTheNextTermGoesOnWhereTheLastEnded(t *testing.T) {
	d, _, _ := lead(t)
	put(t, d, "d1", web(2))
	before, _ := d.Leader()
	notices, _ := d.Subscribe()

	if !d.Abdicate() {
		t.Fatal("a leader should be able to abdicate")
	}
	for range notices { // the subscriber is told by the end of its channel
	}
	eventually(t, "the next term", func() bool {
		l, ok := d.Leader()
		return ok && l.Epoch > before.Epoch && d.View() != nil
	})

	if app, ok := d.View().App("/web"); !ok || app.Instances != 2 || len(d.View().InstancesOf("/web")) != 2 || len(d.View().Deployments()) != 1 {
		t.Fatalf("want the app, its instances and its deployment, got %+v", app)
	}
}

func TestGroupsAreThereInTheNextTerm(t *testing.T) {
	d, db, _ := lead(t)
	change := func(id string, c cluster.Change) {
		t.Helper()
		reply, err := d.Submit(t.Context(), func(request string) cluster.Event {
			c.Request, c.Deployment = request, id
			return c
		})
		if err = errors.Join(err, reply.Err); err != nil {
			t.Fatal(err)
		}
	}
	yes := true
	change("d1", cluster.Change{PutGroups: []cluster.PutGroup{{ID: "/g/empty", Dependencies: []apps.ID{"/db"}}, {ID: "/g", EnforceRole: &yes}, {ID: "/gone"}}})
	change("d2", cluster.Change{DropGroups: []apps.ID{"/gone"}})
	seen := d.View().Groups("/g")
	before, _ := d.Leader()
	d.Abdicate()
	eventually(t, "the next term", func() bool {
		l, ok := d.Leader()
		return ok && l.Epoch > before.Epoch && d.View() != nil
	})

	if diff := cmp.Diff(seen, d.View().Groups("/g")); diff != "" || len(seen) != 2 || len(seen[1].Dependencies) != 1 || !seen[0].EnforceRole {
		t.Errorf("want both groups as they were, got %+v %s", seen, diff)
	}
	if _, there := d.View().Group("/gone"); there {
		t.Error("a deleted group came back")
	}
	change("d3", cluster.Change{PutGroups: []cluster.PutGroup{{ID: "/gone", New: true}}})
	versions, err := db.GroupVersions(t.Context(), "/gone")
	if err != nil || len(versions) != 2 || versions[0] <= versions[1] {
		t.Errorf("want both times that it was made, got %v %v", versions, err)
	}
}

func TestWithoutLeadershipNothingIsTaken(t *testing.T) {
	d := New(Config{Name: "s1"})

	_, err := d.Submit(t.Context(), func(request string) cluster.Event { return cluster.Kill{Request: request} })

	if e, ok := errors.AsType[*apps.Error](err); !ok || e.Kind != apps.Unavailable {
		t.Fatalf("want Unavailable, got %v", err)
	}
	if d.View() != nil || d.Abdicate() {
		t.Error("there is nothing to see and nothing to give up")
	}
	if notices, _ := d.Subscribe(); notices != nil {
		if _, open := <-notices; open {
			t.Error("a subscription should be over at once")
		}
	}
}

func TestTheViewIsWhatIsStored(t *testing.T) {
	d, db, _ := lead(t)
	put(t, d, "d1", web(2))
	put(t, d, "d2", &apps.App{ID: "/other", Cmd: "sleep 1", Instances: 1})
	if _, err := d.Submit(t.Context(), func(request string) cluster.Event {
		return cluster.Change{Request: request, Deployment: "d3", Delete: []apps.ID{"/other"}, Force: true}
	}); err != nil {
		t.Fatal(err)
	}

	stored, err := db.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fresh := newView(stored)
	if diff := cmp.Diff(fresh.Apps(), d.View().Apps()); diff != "" {
		t.Errorf("apps: %s", diff)
	}
	if diff := cmp.Diff(fresh.InstancesOf("/web"), d.View().InstancesOf("/web")); diff != "" {
		t.Errorf("instances: %s", diff)
	}
	if _, ok := d.View().App("/other"); ok {
		t.Error("a deleted app is still seen")
	}
}

// A new leader in the middle of a rolling update must not give old instances the new
// spec: their ports and checks are those of the spec they were made of.
func TestANewTermKeepsOldInstancesOnTheirOwnSpec(t *testing.T) {
	d, _, post := lead(t)
	report := apps.Report{Boot: 1, Host: apps.Host{
		Name: "h1", Addr: "127.0.0.1", Total: apps.Resources{CPU: 4000, Mem: 4096}, Ports: []apps.Range{{First: 31000, Last: 31010}},
	}}
	// tell lets the host say that it runs, ready, all that its newest letter assigns.
	tell := func() {
		post.mu.Lock()
		if n := len(post.assign); n > 0 {
			letter := post.assign[n-1]
			report.Applied, report.Runs = letter.Stamp, nil
			for _, in := range letter.Instances {
				report.Runs = append(report.Runs, apps.InstanceReport{ID: in.ID, Phase: apps.PhaseRunning, Ready: true})
			}
		}
		post.mu.Unlock()
		report.Revision++
		d.Tell(cluster.Reported{Report: report})
	}
	old := web(1)
	old.Cmd = "the old one"
	put(t, d, "d1", old)
	eventually(t, "the first version to run", func() bool { tell(); return len(d.View().Deployments()) == 0 })
	next := web(1)
	next.Cmd, next.Needs = "the new one", apps.Resources{CPU: 100_000} // fits nowhere: the old one stays
	put(t, d, "d2", next)
	before, _ := d.Leader()

	d.Abdicate()

	eventually(t, "the next term", func() bool { l, ok := d.Leader(); return ok && l.Epoch > before.Epoch && d.View() != nil })
	assigned := ""
	eventually(t, "its assignment", func() bool {
		tell()
		post.mu.Lock()
		defer post.mu.Unlock()
		letter := post.assign[len(post.assign)-1]
		if letter.Epoch <= before.Epoch || len(letter.Specs) != 1 {
			return false
		}
		assigned = letter.Specs[0].Cmd
		return true
	})
	if assigned != "the old one" {
		t.Fatalf("the old instance was assigned %q", assigned)
	}
}

func TestNoMoreDeploymentsRunThanMay(t *testing.T) {
	for at, max := range map[string]int{"the default": 0, "another number": 3} {
		want := max
		if max == 0 {
			want = 100
		}
		d := leadWith(t, Config{DeploymentsMax: max})
		started := 0
		var err error
		for ; err == nil && started <= want; started++ {
			_, err = d.Submit(t.Context(), func(request string) cluster.Event {
				app := web(1)
				app.ID = apps.ID(fmt.Sprintf("/web%d", started))
				return cluster.Change{Request: request, Deployment: fmt.Sprint("d", started), Put: []cluster.PutApp{{App: app}}}
			})
		}
		var refused *apps.Error
		if started != want+1 || !errors.As(err, &refused) || refused.Kind != apps.Forbidden {
			t.Errorf("%s: want %d deployments and the next one refused, got %d and %v", at, want, started-1, err)
		}
	}
}
