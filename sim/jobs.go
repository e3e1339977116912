package sim

import (
	"slices"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// jobs are the wishes of users who have work done, in a world that was made with
// NewWithJobs; in others there are none, and their dice fall as ever.
type jobs struct {
	w *World
}

var jobIDs = []apps.JobID{"lone", "shop.import", "shop.report"}

// NewWithJobs is the world of a seed in which jobs run, too.
func NewWithJobs(seed uint64) *World {
	w := New(seed)
	w.jobs = &jobs{w}
	return w
}

// LiveWithJobs lives the history of a seed twice; both must be the same.
func LiveWithJobs(seed uint64) (Result, error) {
	return twice(seed, NewWithJobs)
}

func (j *jobs) begin() { j.ask() }

// ask asks for something until the world heals; then for the end of all jobs, until
// they have ended.
func (j *jobs) ask() {
	w := j.w
	if w.healed {
		j.clear()
		return
	}
	w.users.submit(j.request())
	w.after(w.exp(2*time.Second), j.ask)
}

func (j *jobs) clear() {
	w := j.w
	for _, id := range sorted(w.store.jobs) {
		w.users.submit(cluster.DropJob{Request: w.users.name(), Job: id, Stop: true})
	}
	w.after(time.Second, j.clear)
}

func (j *jobs) request() cluster.Event {
	w, st := j.w, j.w.store
	name, id := w.users.name(), jobIDs[w.rng.IntN(len(jobIDs))]
	switch w.rng.IntN(12) {
	case 0, 1, 2, 3:
		job := &apps.Job{ID: id, Spec: apps.App{Cmd: "work", Network: apps.NetworkHost, Needs: apps.Resources{CPU: 500, Mem: 64}, Backoff: apps.Backoff{Max: 10 * time.Second}}}
		job.Restart.OnFailure = w.chance(0.5)
		if w.chance(0.5) {
			job.Restart.Deadline = w.between(time.Second, time.Minute)
		}
		if id == "shop.report" && w.chance(0.5) {
			job.Dependencies = []apps.JobID{"shop.import"}
		}
		return cluster.PutJob{Request: name, Job: job, New: st.jobs[id] == nil}
	case 4, 5, 6:
		known := st.jobs[id]
		return cluster.PutSchedule{Request: name, Job: id, New: known == nil || known.Schedule("minutely") == nil, Schedule: apps.Schedule{
			ID: "minutely", Cron: "* * * * *", Enabled: w.chance(0.8), Forbid: w.chance(0.5), Deadline: w.between(10*time.Second, 5*time.Minute),
		}}
	case 7, 8, 9:
		return cluster.StartRun{Request: name, Job: id}
	case 10:
		ids := sorted(st.jobRuns)
		if len(ids) == 0 {
			return nil
		}
		r := st.jobRuns[ids[w.rng.IntN(len(ids))]]
		return cluster.StopRun{Request: name, Job: r.Job, Run: r.ID}
	default:
		return cluster.DropJob{Request: name, Job: id, Stop: w.chance(0.5)}
	}
}

// works lets a run's container end by itself after a while.
func (j *jobs) works(e *engine, b *box) {
	code := 0
	if j.w.chance(0.3) {
		code = 1
	}
	j.w.after(j.w.between(0, 20*time.Second), func() { e.dies(b, code) })
}

// A slotKey names a slot of a schedule of a job, as it was made at a time.
type slotKey struct {
	job      apps.JobID
	schedule string
	at       time.Time
}

// applyJobs stores jobs and runs, and holds them against the promises:
//
//   - a slot has one run at most, for ever;
//   - a run that has ended stays so, and none is made twice;
//   - of a run there is never more than one instance, and without it none.
func (st *store) applyJobs(c *cluster.Changes) {
	w := st.w
	for _, id := range c.GoneJobs {
		delete(st.jobs, id)
	}
	for _, job := range c.Jobs {
		st.jobs[job.ID] = job
	}
	for _, r := range c.Runs {
		if st.over[r.ID] {
			w.fail("the run %s has ended, and is stored again as %s", r.ID, r.State)
		}
		if key := (slotKey{r.Job, r.Schedule, r.Slot}); !r.Slot.IsZero() {
			if other := st.slots[key]; other != "" && other != r.ID {
				w.fail("the slot %v of %s has the runs %s and %s", r.Slot, r.Job, other, r.ID)
			}
			st.slots[key] = r.ID
		}
		w.tracef("row   run %s of %s %s %s", r.ID, r.Job, r.State, r.Message)
		st.jobRuns[r.ID] = r
		if r.State != apps.RunActive {
			st.over[r.ID] = true
			w.hours.Runs++
		}
	}
	for _, id := range c.GoneRuns {
		delete(st.jobRuns, id)
		st.over[id] = true
	}
	for _, spec := range c.Apps {
		if r, ok := st.jobRuns[spec.Run]; spec.Run != "" && (!ok || r.State != apps.RunActive) {
			w.fail("%s is stored for the run %s, which is not active", spec.ID, spec.Run)
		}
	}
	for _, in := range c.Instances {
		if !in.App.OfRun() {
			continue
		}
		if n := len(st.byApp[in.App]); n > 1 {
			w.fail("a run has %d instances at a time:%s", n, st.list(in.App))
		}
		if spec := st.apps[in.App]; spec == nil || st.jobRuns[spec.Run].State != apps.RunActive {
			w.fail("%s is stored, but its run is not active", in.ID)
		}
	}
}

// storedJobs is what a leader starts from.
func (st *store) storedJobs(out *cluster.Stored) {
	for _, id := range sorted(st.jobs) {
		out.Jobs = append(out.Jobs, st.jobs[id])
	}
	for _, id := range sorted(st.jobRuns) {
		r := st.jobRuns[id]
		r.Tasks = slices.Clone(r.Tasks)
		out.Runs = append(out.Runs, r)
	}
}

// lackOfJobs is what has not come true yet of the end of all jobs.
func (w *World) lackOfJobs() string {
	for _, id := range sorted(w.store.jobs) {
		return "the job " + string(id) + " is not removed"
	}
	for _, id := range sorted(w.store.jobRuns) {
		return "the run " + id + " has not ended"
	}
	return ""
}
