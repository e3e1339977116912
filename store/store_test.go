package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// engines runs a test on every engine, each time on an empty store. open opens
// the same one again.
func engines(t *testing.T, f func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); f(t, "sqlite:"+filepath.Join(t.TempDir(), "a b?#%.db")) })
	t.Run("memory", func(t *testing.T) { t.Parallel(); f(t, "sqlite::memory:") })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); f(t, newDatabase(t)) })
}

// open opens a store until the end of the test.
func open(tb testing.TB, url string) *DB {
	tb.Helper()
	d, err := Open(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return d
}

const ttl = 2 * time.Second

// lead takes the lease until the end of the test.
func lead(tb testing.TB, d *DB) *Lease {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	l, err := d.Lead(ctx, "server-1", "http://127.0.0.1:8080", ttl)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Release(context.Background()) })
	return l
}

func commit(tb testing.TB, d *DB, l *Lease, c cluster.Changes) {
	tb.Helper()
	if err := d.Commit(tb.Context(), l.Epoch, c); err != nil {
		tb.Fatal(err)
	}
}

func load(tb testing.TB, d *DB) cluster.Stored {
	tb.Helper()
	s, err := d.Load(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

func diff(tb testing.TB, what string, want, got any) {
	tb.Helper()
	if d := cmp.Diff(want, got); d != "" {
		tb.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func kindOf(err error) apps.Kind {
	if e, ok := errors.AsType[*apps.Error](err); ok {
		return e.Kind
	}
	return apps.Internal
}

// everything is a change of each kind, with every field set, and keys as they are
// in life.
func everything() cluster.Changes {
	var f filler
	app, in, gone := filled[apps.App](&f), filled[apps.Instance](&f), filled[apps.Finished](&f)
	running, ended, host := filled[apps.Deployment](&f), filled[apps.Deployment](&f), filled[apps.Host](&f)
	first, second := filled[apps.Notice](&f), filled[apps.Notice](&f)
	evidence, claim := filled[apps.Evidence](&f), filled[apps.Claim](&f)
	role, settings := filled[apps.Role](&f), filled[apps.Settings](&f)
	role.Name = "shop"
	app.ID, in.App, gone.App, evidence.App = "/shop/web", "/shop/web", "/shop/web", "/shop/web"
	in.ID, in.Host, gone.ID = "shop_web.instance-1", "h1", "shop_web.instance-0"
	evidence.Instance = gone.ID
	job, run := filled[apps.Job](&f), filled[apps.Run](&f)
	job.ID, run.ID, run.Job = "nightly.backup", "20260105000000abcde", "nightly.backup"
	answer := filled[apps.Answer](&f)
	answer.Key = "a key"
	callback := filled[apps.Callback](&f)
	callback.URL = "http://127.0.0.1/events"
	group := filled[apps.Group](&f)
	group.ID, group.Deleted = "/shop", false
	claim.ID, claim.App, claim.Host = in.ID, in.App, in.Host
	running.ID, ended.ID, ended.State, host.Name = "d1", "d0", apps.DeploymentSucceeded, "h1"
	first.Seq, first.Type, second.Seq, second.Type = 1, "status_update_event", 2, "deployment_success"
	return cluster.Changes{
		Apps: []*apps.App{&app}, Instances: []*apps.Instance{&in}, Finished: []apps.Finished{gone}, Evidence: []apps.Evidence{evidence},
		Deployments: []apps.Deployment{running, ended}, Hosts: []apps.Host{host}, Claims: []apps.Claim{claim}, Roles: []apps.Role{role},
		Jobs: []*apps.Job{&job}, Runs: []apps.Run{run}, Answers: []apps.Answer{answer}, Settings: &settings, Callbacks: []apps.Callback{callback},
		Notices: cluster.NoticesOf(first, second), Serial: 7, Groups: []*apps.Group{&group},
	}
}

func TestWhatIsCommittedIsLoadedAgain(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		empty := load(t, d)
		if empty.Cluster == 0 {
			t.Error("a new store drew no number for its cluster")
		}
		diff(t, "a new store", cluster.Stored{Cluster: empty.Cluster}, empty)
		c := everything()

		commit(t, d, lead(t, d), c)

		diff(t, "loaded", cluster.Stored{
			Cluster: empty.Cluster, Serial: 7, Seq: 2, Apps: c.Apps, Groups: c.Groups, GroupsAt: c.Groups[0].Version, Instances: []apps.Instance{*c.Instances[0]},
			Deployments: c.Deployments[:1], Hosts: c.Hosts, Claims: c.Claims, Roles: c.Roles, Jobs: c.Jobs, Runs: c.Runs, Answers: c.Answers, Settings: *c.Settings, Callbacks: c.Callbacks,
		}, load(t, d))
		ctx := t.Context()
		diff(t, "versions", []apps.Version{c.Apps[0].Version}, must(d.Versions(ctx, "/shop/web"))(t))
		diff(t, "version", c.Apps[0], must(d.AppVersion(ctx, "/shop/web", c.Apps[0].Version))(t))
		diff(t, "notices", slices.Collect(c.Notices.All()), must(d.Notices(ctx, 0, 10))(t))
		diff(t, "notices after 1", slices.Collect(c.Notices.Newest(1).All()), must(d.Notices(ctx, 1, 10))(t))
		diff(t, "one notice", slices.Collect(c.Notices.All())[:1], must(d.Notices(ctx, 0, 1))(t))
		diff(t, "finished", c.Finished, must(d.Finished(ctx, "/shop/web", 10))(t))
		diff(t, "failures", []apps.Failure{{Finished: c.Finished[0], Evidence: &c.Evidence[0]}}, must(d.Failures(ctx, "/shop/web", 10))(t))
		diff(t, "running deployment", c.Deployments[0], must(d.Deployment(ctx, "d1"))(t))
		diff(t, "ended deployment", c.Deployments[1], must(d.Deployment(ctx, "d0"))(t))
		diff(t, "ended deployments", c.Deployments[1:], must(d.Deployments(ctx, 10))(t))
		if err := d.Ping(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestTheSpecsOfOldInstancesAreLoadedEachOnce(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		spec := func(v apps.Version) *apps.App {
			return &apps.App{ID: "/web", Version: v, ConfigAt: v, Cmd: fmt.Sprintf("run %d", v)}
		}
		instance := func(id string, v apps.Version) *apps.Instance {
			return &apps.Instance{ID: id, App: "/web", Version: v, State: apps.Running, Host: "h1"}
		}
		for v := apps.Version(1); v <= 3; v++ {
			commit(t, d, l, cluster.Changes{Apps: []*apps.App{spec(v)}})
		}

		commit(t, d, l, cluster.Changes{Instances: []*apps.Instance{instance("a", 1), instance("b", 1), instance("c", 3)}})

		s := load(t, d)
		diff(t, "present", []*apps.App{spec(3)}, s.Apps)
		diff(t, "of old instances", []*apps.App{spec(1)}, s.Specs)
	})
}

func TestWhatIsCommittedOutlivesTheProcess(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			url := "file:" + filepath.Join(t.TempDir(), "deep", "er", "pacer.db")
			if engine == "postgres" {
				url = newDatabase(t)
			}
			d, err := Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			l := lead(t, d)
			commit(t, d, l, everything())
			before := load(t, d)
			if err := errors.Join(l.Release(t.Context()), d.Close()); err != nil {
				t.Fatal(err)
			}

			d = open(t, url)

			diff(t, "loaded", before, load(t, d))
			if next := lead(t, d); next.Epoch != l.Epoch+1 {
				t.Errorf("the epoch after %d is %d", l.Epoch, next.Epoch)
			}
		})
	}
}

func TestRowsThatFallOut(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		c := everything()
		commit(t, d, l, c)
		in, dep := c.Instances[0], c.Deployments[0]
		end := apps.Finished{Instance: *in, End: apps.EndStopped, At: today.Add(time.Hour)}
		dep.State, dep.Ended = apps.DeploymentCancelled, end.At

		commit(t, d, l, cluster.Changes{Finished: []apps.Finished{end}, Deployments: []apps.Deployment{dep}, GoneHosts: []string{"h1", "h2"},
			GoneClaims: []string{in.ID, "unknown"}, GoneRoles: []string{"shop", "unknown"}, GoneAnswers: []string{"a key", "unknown"}, GoneCallbacks: []string{c.Callbacks[0].URL, "unknown"}})

		s := load(t, d)
		diff(t, "loaded", cluster.Stored{Cluster: s.Cluster, Serial: 7, Seq: 2, Apps: c.Apps, Groups: c.Groups, GroupsAt: c.Groups[0].Version, Jobs: c.Jobs, Runs: c.Runs, Settings: *c.Settings}, s)
		diff(t, "what the role was", c.Roles, must(d.RoleVersions(t.Context(), "shop"))(t))
		diff(t, "finished, newest first", []apps.Finished{end, c.Finished[0]}, must(d.Finished(t.Context(), "/shop/web", 10))(t))
		diff(t, "the cancelled deployment", dep, must(d.Deployment(t.Context(), "d1"))(t))

		commit(t, d, l, cluster.Changes{GoneApps: []apps.ID{"/shop/web"}})

		if s := load(t, d); len(s.Apps) != 0 {
			t.Errorf("deleted, but loaded: %v", s.Apps[0].ID)
		}
		diff(t, "versions of a deleted app", []apps.Version(nil), must(d.Versions(t.Context(), "/shop/web"))(t))
	})
}

func TestAnAppDeletedAndMadeAnewInOneStepIsThere(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		commit(t, d, l, cluster.Changes{Apps: []*apps.App{{ID: "/a", Version: 1}}})

		commit(t, d, l, cluster.Changes{GoneApps: []apps.ID{"/a"}, Apps: []*apps.App{{ID: "/a", Version: 2}, {ID: "/a", Version: 3}}})

		diff(t, "versions", []apps.Version{3, 2}, must(d.Versions(t.Context(), "/a"))(t))
		diff(t, "apps", []*apps.App{{ID: "/a", Version: 3}}, load(t, d).Apps)
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		_, noVersion := d.AppVersion(t.Context(), "/a", 1)
		_, noDeployment := d.Deployment(t.Context(), "d")
		if kindOf(noVersion) != apps.NotFound || kindOf(noDeployment) != apps.NotFound {
			t.Errorf("got %v and %v, expected NotFound", noVersion, noDeployment)
		}
	})
}

func TestTheNewestFiftyVersionsAreKept(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		commit(t, d, l, cluster.Changes{Apps: []*apps.App{{ID: "/other", Version: 1}}})
		for v := range 53 {
			commit(t, d, l, cluster.Changes{Apps: []*apps.App{{ID: "/a", Version: apps.Version(v + 1), Instances: v}}})
		}

		versions := must(d.Versions(t.Context(), "/a"))(t)

		if len(versions) != 50 || versions[0] != 53 || versions[49] != 4 {
			t.Errorf("kept %v, expected 53 down to 4", versions)
		}
		diff(t, "the other app's", []apps.Version{1}, must(d.Versions(t.Context(), "/other"))(t))
		diff(t, "an old one", &apps.App{ID: "/a", Version: 10, Instances: 9}, must(d.AppVersion(t.Context(), "/a", 10))(t))
	})
}

func notices(from, to uint64) (n []apps.Notice) {
	for seq := from; seq <= to; seq++ {
		n = append(n, apps.Notice{Seq: seq, Type: "api_post_event", At: today.Add(time.Duration(seq) * time.Millisecond)})
	}
	return n
}

func TestNoticesAreDense(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		commit(t, d, l, cluster.Changes{Notices: cluster.NoticesOf(notices(1, 3)...)})
		for name, wrong := range map[string][]apps.Notice{
			"a gap":        notices(5, 6),
			"a repetition": notices(3, 4),
			"from zero":    notices(0, 1),
		} {
			if err := d.Commit(t.Context(), l.Epoch, cluster.Changes{Notices: cluster.NoticesOf(wrong...), Serial: 99}); err == nil || errors.Is(err, ErrUnknown) || errors.Is(err, ErrFenced) {
				t.Errorf("%s: got %v, expected a plain refusal", name, err)
			}
		}
		commit(t, d, l, cluster.Changes{Notices: cluster.NoticesOf(notices(4, 4)...)})

		diff(t, "notices", notices(1, 4), must(d.Notices(t.Context(), 0, 100))(t))
		if s := load(t, d); s.Seq != 4 || s.Serial != 0 {
			t.Errorf("seq %d, serial %d: expected 4, and nothing of what was refused", s.Seq, s.Serial)
		}
	})
}

func TestAnOldEpochIsFenced(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		old := lead(t, d)
		commit(t, d, old, cluster.Changes{Serial: 1})
		if err := old.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		next := lead(t, d)

		err := d.Commit(t.Context(), old.Epoch, everything())

		if !errors.Is(err, ErrFenced) {
			t.Errorf("got %v, expected ErrFenced", err)
		}
		if err := d.Commit(t.Context(), next.Epoch+1, everything()); !errors.Is(err, ErrFenced) {
			t.Errorf("an epoch of the future: got %v, expected ErrFenced", err)
		}
		if s := load(t, d); s.Serial != 1 || len(s.Apps) != 0 {
			t.Errorf("what was fenced off was stored: %+v", s)
		}
		commit(t, d, next, cluster.Changes{Serial: 2})
	})
}

func TestALoadSeesWholeCommits(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		const steps = 40
		var writer sync.WaitGroup
		writer.Go(func() {
			for n := uint64(1); n <= steps; n++ {
				c := cluster.Changes{Serial: n, Notices: cluster.NoticesOf(notices(n, n)...)}
				for i := range 20 {
					c.Instances = append(c.Instances, &apps.Instance{ID: fmt.Sprintf("a.instance-%d", i), Serial: n})
				}
				c.Hosts = []apps.Host{{Name: "h1", Message: fmt.Sprint(n)}}
				if err := d.Commit(t.Context(), l.Epoch, c); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for range 3 {
			for last := uint64(0); last < steps && !t.Failed(); {
				s := load(t, d)
				if s.Seq < last || s.Serial != s.Seq {
					t.Fatalf("after %d: seq %d, serial %d", last, s.Seq, s.Serial)
				}
				last = s.Seq
				for _, in := range s.Instances {
					if in.Serial != s.Seq {
						t.Fatalf("a torn snapshot: %+v at seq %d", in, s.Seq)
					}
				}
				if last > 0 && (len(s.Instances) != 20 || s.Hosts[0].Message != fmt.Sprint(last)) {
					t.Fatalf("a torn snapshot at seq %d: %d instances, host %+v", last, len(s.Instances), s.Hosts)
				}
			}
		}
		writer.Wait()
	})
}

func TestALargeCommitIsOneCommit(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		c := manyInstances(12_345)

		commit(t, d, l, c)

		for i, in := range load(t, d).Instances {
			diff(t, "an instance", *c.Instances[i], in)
		}
		gone := cluster.Changes{}
		for _, in := range c.Instances {
			gone.Finished = append(gone.Finished, apps.Finished{Instance: *in, End: apps.EndStopped})
		}
		commit(t, d, l, gone)
		if n := len(load(t, d).Instances); n != 0 {
			t.Errorf("%d instances are still there", n)
		}
	})
}

// manyInstances are as they are in life, ordered by id.
func manyInstances(n int) (c cluster.Changes) {
	for i := range n {
		c.Instances = append(c.Instances, &apps.Instance{
			ID: fmt.Sprintf("shop_web.instance-%08x-1b7c-8000-8000-1c5f5dfd0b4c", i), Serial: uint64(i + 1), App: "/shop/web",
			Version: 1_700_000_000_000, Role: "shop", Needs: apps.Resources{CPU: 100, Mem: 128}, Host: fmt.Sprintf("host-%d", i%1000),
			Addr: "10.0.0.1", Ports: []int{31000 + i%1000}, State: apps.Running, Ready: true, Since: time.UnixMilli(1_700_000_000_000).UTC(),
		})
	}
	return c
}

func TestHistoriesAreBounded(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		now := today
		var c cluster.Changes
		for i := range 10_350 {
			at := now.Add(time.Duration(i) * time.Second)
			app := apps.ID(fmt.Sprintf("/a%d", i%150))
			if i < 250 {
				app = "/busy"
			}
			c.Finished = append(c.Finished, apps.Finished{Instance: apps.Instance{ID: fmt.Sprint(i), App: app}, At: at})
		}
		for i := range 1_100 {
			c.Deployments = append(c.Deployments, apps.Deployment{ID: fmt.Sprint(i), State: apps.DeploymentSucceeded, Ended: now.Add(time.Duration(i) * time.Second)})
		}
		c.Deployments = append(c.Deployments, apps.Deployment{ID: "running", State: apps.DeploymentRunning})
		var told []apps.Notice
		for i := range 5_000 {
			at := now
			if i < 4_500 {
				at = now.Add(-noticesAge - time.Minute)
			}
			told = append(told, apps.Notice{Seq: uint64(i + 1), At: at})
		}
		c.Notices = cluster.NoticesOf(told...)
		commit(t, d, l, c)

		if err := d.pruneOnce(t.Context(), now); err != nil {
			t.Fatal(err)
		}

		var n int
		if err := d.read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM finished`).Scan(&n); err != nil || n != 10_000 {
			t.Errorf("%d finished instances are kept (%v), expected 10,000", n, err)
		}
		if busy := must(d.Finished(t.Context(), "/busy", 1000))(t); len(busy) != 0 {
			t.Errorf("%d of the oldest finished instances are kept", len(busy))
		}
		if of := must(d.Finished(t.Context(), "/a1", 1000))(t); len(of) != 66 {
			t.Errorf("%d finished instances of /a1 are kept, expected 66: of 67 the oldest is beyond the newest 10,000", len(of))
		}
		if kept := must(d.Deployments(t.Context(), 5000))(t); len(kept) != 1000 || kept[0].ID != "1099" || kept[999].ID != "100" {
			t.Errorf("%d ended deployments are kept", len(kept))
		}
		if running := load(t, d).Deployments; len(running) != 1 {
			t.Errorf("running deployments: %v", running)
		}
		if first, last := must(d.FirstSeq(t.Context()))(t), must(d.LastSeq(t.Context()))(t); first > 4_501 || first <= 4_501-eventsPaged || last != 5_000 {
			t.Errorf("notices %d to %d are kept, expected 4501 to 5000, and what is in one page with them", first, last)
		}

		// All too old: the numbers go on where they were.
		if err := d.pruneOnce(t.Context(), now.Add(noticesAge+time.Hour)); err != nil {
			t.Fatal(err)
		}
		if first := must(d.FirstSeq(t.Context()))(t); first != 5_001 {
			t.Errorf("the first notice is %d, expected the next to come, 5001", first)
		}
		commit(t, d, l, cluster.Changes{Notices: cluster.NoticesOf(notices(5_001, 5_001)...)})
	})
}

func TestTheHistoryOfOneAppIsBounded(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		var c cluster.Changes
		for i := range 130 {
			c.Finished = append(c.Finished, apps.Finished{Instance: apps.Instance{ID: fmt.Sprintf("%03d", i), App: "/a"}, At: time.UnixMilli(int64(i))})
		}
		c.Finished = append(c.Finished, apps.Finished{Instance: apps.Instance{ID: "b", App: "/b"}})
		commit(t, d, lead(t, d), c)

		if err := d.pruneOnce(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}

		if kept := must(d.Finished(t.Context(), "/a", 1000))(t); len(kept) != 100 || kept[0].ID != "129" || kept[99].ID != "030" {
			t.Errorf("%d are kept, expected the newest 100", len(kept))
		}
		if kept := must(d.Finished(t.Context(), "/b", 1000))(t); len(kept) != 1 {
			t.Errorf("%d of the other app are kept", len(kept))
		}
	})
}

func TestFailuresAreNewestFirstWithTheirEvidence(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		var c cluster.Changes
		for i, end := range []apps.End{apps.EndFailed, apps.EndStopped, apps.EndUnhealthy, apps.EndLost, apps.EndFinished} {
			id := fmt.Sprint("a", i)
			c.Finished = append(c.Finished, apps.Finished{Instance: apps.Instance{ID: id, App: "/a"}, End: end, At: today.Add(time.Duration(i) * time.Second)})
		}
		c.Finished = append(c.Finished, apps.Finished{Instance: apps.Instance{ID: "b1", App: "/b"}, End: apps.EndStopped, At: today.Add(time.Hour)})
		commit(t, d, l, c)
		for _, log := range []string{"old", "something broke"} { // it comes later, and may come again from another leader's term
			commit(t, d, l, cluster.Changes{Evidence: []apps.Evidence{{Instance: "a2", App: "/a", Log: log, At: today}}})
		}

		got := must(d.Failures(t.Context(), "/a", 3))(t)

		var ids []string
		for _, f := range got {
			ids = append(ids, f.ID)
			if (f.Evidence != nil) != (f.ID == "a2") {
				t.Errorf("%s has the evidence %+v", f.ID, f.Evidence)
			}
		}
		var all []string
		for _, f := range must(d.Finished(t.Context(), "", 3))(t) {
			all = append(all, f.ID)
		}
		diff(t, "the newest of all apps", []string{"b1", "a4", "a3"}, all)
		diff(t, "newest first, without who was stopped", []string{"a4", "a3", "a2"}, ids)
		diff(t, "evidence", &apps.Evidence{Instance: "a2", App: "/a", Log: "something broke", At: today}, got[2].Evidence)
	})
}

func TestEvidenceIsBounded(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		var c cluster.Changes
		for i := range 2_100 {
			app := apps.ID(fmt.Sprintf("/a%d", i%150))
			if i >= 2_070 {
				app = "/busy"
			}
			c.Evidence = append(c.Evidence, apps.Evidence{Instance: fmt.Sprintf("%04d", i), App: app, At: today.Add(time.Duration(i) * time.Second)})
			c.Finished = append(c.Finished, apps.Finished{Instance: apps.Instance{ID: fmt.Sprintf("%04d", i), App: app}, End: apps.EndFailed, At: today.Add(time.Duration(i) * time.Second)})
		}
		commit(t, d, lead(t, d), c)

		if err := d.pruneOnce(t.Context(), today); err != nil {
			t.Fatal(err)
		}

		var n int
		if err := d.read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM evidence`).Scan(&n); err != nil || n != evidenceMax-10 {
			t.Errorf("%d pieces are kept (%v), expected the newest 2,000 without 10 of the busy app", n, err)
		}
		for i, f := range must(d.Failures(t.Context(), "/busy", 100))(t) {
			if (f.Evidence != nil) != (i < evidencePerApp) {
				t.Errorf("%d. %s has the evidence %+v", i, f.ID, f.Evidence)
			}
		}
	})
}

func TestOpenRefusesWhatIsNoStore(t *testing.T) {
	for _, url := range []string{"", "pacer.db", "mysql://x", "sqlite:", "postgres://%zz", "sqlite:/dev/null/x.db"} {
		if d, err := Open(t.Context(), url); err == nil {
			t.Errorf("%q was opened", url)
			_ = d.Close()
		}
	}
}
