package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pacer/apps"
)

// A jobWorld is a store, and leaders that come and go.
type jobWorld struct {
	jobs map[apps.JobID]*apps.Job
	runs map[string]apps.Run
	apps map[apps.ID]*apps.App
	rows map[string]apps.Instance

	serial, seq, epoch uint64

	s   *State
	now time.Time
}

func (w *jobWorld) lead() {
	w.epoch++
	stored := Stored{Cluster: 7, Serial: w.serial, Seq: w.seq}
	for _, id := range sortedKeys(w.apps) {
		stored.Apps = append(stored.Apps, w.apps[id])
	}
	for _, id := range sortedKeys(w.jobs) {
		stored.Jobs = append(stored.Jobs, w.jobs[id])
	}
	for _, id := range sortedKeys(w.runs) {
		stored.Runs = append(stored.Runs, w.runs[id])
	}
	for _, id := range sortedKeys(w.rows) {
		stored.Instances = append(stored.Instances, w.rows[id])
	}
	w.s = New(stored, w.epoch, w.now)
}

// commit stores what a step changed.
func (w *jobWorld) commit(c *Changes) {
	for _, id := range c.GoneApps {
		delete(w.apps, id)
	}
	for _, spec := range c.Apps {
		w.apps[spec.ID] = spec
	}
	for _, in := range c.Instances {
		w.rows[in.ID] = *in
	}
	for _, f := range c.Finished {
		delete(w.rows, f.ID)
	}
	for _, id := range c.GoneJobs {
		delete(w.jobs, id)
	}
	for _, j := range c.Jobs {
		w.jobs[j.ID] = j
	}
	for _, r := range c.Runs {
		w.runs[r.ID] = r
	}
	for _, id := range c.GoneRuns {
		delete(w.runs, id)
	}
	w.serial, w.seq = max(w.serial, c.Serial), w.seq+uint64(c.Notices.Len())
}

func newJobWorld(now time.Time) *jobWorld {
	w := &jobWorld{jobs: map[apps.JobID]*apps.Job{}, runs: map[string]apps.Run{}, apps: map[apps.ID]*apps.App{}, rows: map[string]apps.Instance{}, now: now}
	w.lead()
	return w
}

func (w *jobWorld) step(t interface {
	Helper()
	Fatal(...any)
}, events ...Event) Effects {
	t.Helper()
	fx, _ := w.s.Step(w.now, events)
	if err := w.s.Check(); err != nil {
		t.Fatal(err)
	}
	return fx
}

// Leaders change, their clocks differ, their commits get lost or are the last that they
// do: every slot has one run at most, and one that a leader was there for has one.
func TestASlotRunsOnceWhoeverLeads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 3, 28, 22, 0, 30, 0, time.UTC)
		w := newJobWorld(start)
		schedule := apps.Schedule{
			ID: "often", Cron: rapid.SampledFrom([]string{"*/5 * * * *", "0,20,40 0-6 * * *", "30 2 * * *", "7 * * * *"}).Draw(t, "cron"),
			Zone: "Europe/Berlin", Enabled: true, Deadline: time.Duration(rapid.IntRange(1, 30).Draw(t, "deadline")) * time.Minute,
		}
		job := &apps.Job{ID: "j", Spec: apps.App{Network: apps.NetworkHost, Needs: apps.Resources{CPU: 100, Mem: 32}}, Schedules: []apps.Schedule{schedule}}
		fx := w.step(t, PutJob{Job: job, New: true})
		w.commit(&fx.Save)
		slots := map[time.Time]string{}
		done := start // slots up to here are over and done with
		for range rapid.IntRange(10, 80).Draw(t, "turns") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 900).Draw(t, "seconds")) * time.Second)
			fx := w.step(t)
			what := rapid.SampledFrom([]string{"goes on", "goes on", "goes on", "is lost", "dies after it", "steps down"}).Draw(t, "leader")
			if what != "is lost" {
				w.commit(&fx.Save)
				for _, r := range fx.Save.Runs {
					if r.Slot.IsZero() || r.State != apps.RunActive || slots[r.Slot] == r.ID {
						continue
					}
					if other := slots[r.Slot]; other != "" {
						t.Fatalf("the slot %v has the runs %s and %s", r.Slot, other, r.ID)
					}
					if late := w.now.Sub(r.Slot); late < 0 || late >= schedule.Deadline {
						t.Fatalf("the slot %v was run %v late", r.Slot, late)
					}
					slots[r.Slot] = r.ID
				}
				// the newest slot that is not too old was run, now or before
				cron, _ := apps.ParseCron(schedule.Cron)
				zone, _ := apps.Zone(schedule.Zone)
				if last := cron.Last(later(done, w.now.Add(-schedule.Deadline)), w.now, zone); !last.IsZero() && slots[last] == "" {
					t.Fatalf("at %v the slot %v has no run", w.now, last)
				}
				done = later(done, w.now)
			}
			if what != "goes on" {
				if rapid.Bool().Draw(t, "its clock is behind") {
					back := w.now.Add(-time.Duration(rapid.IntRange(1, 20).Draw(t, "skew")) * time.Second)
					w.now = later(start, back)
				}
				w.lead()
			}
		}
	})
}

func TestTheHistoryOfAJobIsBounded(t *testing.T) {
	w := newJobWorld(noon)
	fx := w.step(t, PutJob{Job: &apps.Job{ID: "j"}, New: true})
	w.commit(&fx.Save)
	for range 3 * apps.RunHistoryMax {
		fx = w.step(t, StartRun{Job: "j"})
		w.commit(&fx.Save)
		w.now = w.now.Add(time.Second)
		for _, id := range sortedKeys(w.runs) {
			if w.runs[id].State == apps.RunActive {
				fx = w.step(t, StopRun{Job: "j", Run: id})
				w.commit(&fx.Save)
			}
		}
		if len(w.runs)%7 == 0 {
			w.lead()
		}
	}
	if len(w.runs) != apps.RunHistoryMax || w.jobs["j"].Failures != 3*apps.RunHistoryMax || len(w.apps)+len(w.rows) != 0 {
		t.Fatalf("want the newest %d of %d runs and nothing else, got %d of %d, and %d apps", apps.RunHistoryMax, 3*apps.RunHistoryMax, len(w.runs), w.jobs["j"].Failures, len(w.apps))
	}
}

func TestActiveRunsAreBounded(t *testing.T) {
	w := newJobWorld(noon)
	w.step(t, PutJob{Job: &apps.Job{ID: "j"}, New: true})
	for n := range apps.JobRunsMax + 1 {
		fx := w.step(t, StartRun{Request: "r", Job: "j"})
		if err := fx.Reply[0].Err; (err != nil) != (n == apps.JobRunsMax) {
			t.Fatalf("run %d: %v", n, err)
		}
	}
}

func TestARunThatIsRemovedWithItsJobLeavesNothing(t *testing.T) {
	w := newJobWorld(noon)
	var fx Effects
	for _, ev := range []Event{PutJob{Job: &apps.Job{ID: "j"}, New: true}, StartRun{Job: "j"}, DropJob{Job: "j", Stop: true}} {
		fx = w.step(t, ev)
		w.commit(&fx.Save)
	}
	if n := len(w.jobs) + len(w.runs) + len(w.apps) + len(w.rows); n != 0 {
		t.Fatalf("left: %v %v %v %v", w.jobs, w.runs, w.apps, w.rows)
	}
}

func TestUsersDoNotReachTheAppOfARun(t *testing.T) {
	w := newJobWorld(noon)
	w.step(t, PutJob{Job: &apps.Job{ID: "j"}, New: true})
	fx := w.step(t, StartRun{Request: "r", Job: "j"})
	id := fx.Reply[0].Run.App
	for _, ev := range []Event{
		Change{Request: "r", Deployment: "d", Delete: []apps.ID{id}}, Change{Request: "r", Deployment: "d", Restart: []apps.ID{id}}, ResetDelay{Request: "r", App: id},
	} {
		fx := w.step(t, ev)
		if e, ok := fx.Reply[0].Err.(*apps.Error); !ok || e.Kind != apps.NotFound {
			t.Errorf("%T: got %v, want NotFound", ev, fx.Reply[0].Err)
		}
	}
	for n := range fx.Save.Notices.All() {
		if !slices.Contains([]string{noticeRunStarted, noticeTaskStatus}, n.Type) {
			t.Errorf("Marathon's clients would hear of it: %s", n.Type)
		}
	}
}

func TestARunHasItsOwnSpec(t *testing.T) {
	w := newJobWorld(noon)
	env := map[string]string{"A": "1"}
	w.step(t, PutJob{Job: &apps.Job{ID: "team.j", Spec: apps.App{Cmd: "old", Env: env}}, New: true})
	fx := w.step(t, StartRun{Request: "r", Job: "team.j"})
	run := fx.Reply[0].Run
	spec := fx.Save.Apps[0]
	w.step(t, PutJob{Job: &apps.Job{ID: "team.j", Spec: apps.App{Cmd: "new"}}})

	if got := w.s.apps[run.App].spec; got != spec || got.Cmd != "old" || got.FairRole() != "team" || got.Env["METRONOME_RUN_ID"] != run.ID || got.Env["A"] != "1" {
		t.Errorf("got %+v", got)
	}
	if len(env) != 1 {
		t.Errorf("the job's own environment was changed: %v", env)
	}
	if fmt.Sprint(sortedKeys(w.s.runs)) != "["+run.ID+"]" {
		t.Errorf("got runs %v", sortedKeys(w.s.runs))
	}
}

// manyJobs is a world of jobs with a schedule each; the first is due every minute.
func manyJobs(b *testing.B, n int, others string) *jobWorld {
	w := newJobWorld(noon.Add(time.Second))
	for i := range n {
		cron := others
		if i == 0 {
			cron = "* * * * *"
		}
		job := &apps.Job{ID: apps.JobID(fmt.Sprintf("team%d.job%d", i%20, i)), Schedules: []apps.Schedule{{ID: "s", Cron: cron, Zone: "Europe/Berlin", Enabled: true, Deadline: 15 * time.Minute}}}
		w.s.Step(w.now, []Event{PutJob{Job: job, New: true}})
	}
	b.ResetTimer()
	return w
}

// One slot among many jobs costs what it costs among few.
func BenchmarkOneSlot(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint("jobs=", n), func(b *testing.B) {
			w := manyJobs(b, n, "0 0 1 1 *")
			for range b.N {
				w.now = w.now.Add(time.Minute)
				fx, _ := w.s.Step(w.now, nil)
				if len(fx.Save.Runs) != 1 {
					b.Fatalf("%d runs", len(fx.Save.Runs))
				}
				for _, r := range fx.Save.Runs {
					w.s.Step(w.now, []Event{StopRun{Job: r.Job, Run: r.ID}})
				}
			}
		})
	}
}

// All jobs are due at once: the time of the one step.
func BenchmarkTenThousandSlotsAtOnce(b *testing.B) {
	for range b.N {
		b.StopTimer()
		w := manyJobs(b, 10_000, "0 * * * *")
		w.now = w.now.Add(time.Hour - time.Second)
		b.StartTimer()
		fx, _ := w.s.Step(w.now, nil)
		if len(fx.Save.Runs) != 10_000 {
			b.Fatalf("%d runs", len(fx.Save.Runs))
		}
	}
}
