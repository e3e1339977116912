package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"pacer/apps"
)

// How a run's instances are looked after. A host that is silent may still be at work:
// the run is not given up, or tried elsewhere, before that long.
const runUnreachable = 5 * time.Minute

var runBackoff = apps.Backoff{First: time.Second, Factor: 2}

// A run is active. Its app is hidden from users, wants one instance at a time, and is
// gone with it.
type run struct {
	apps.Run
	app *app
}

// snapshot is the run as it is now.
func (r *run) snapshot() apps.Run {
	c := r.Run
	c.Tasks = slices.Clone(r.Tasks)
	return c
}

// loadRun takes over a run that is active. Its app is stored together with it.
func (s *State) loadRun(stored apps.Run) {
	a := s.apps[stored.App]
	if a == nil {
		panic(fmt.Sprintf("cluster: run %s of job %s has no app", stored.ID, stored.Job))
	}
	r := &run{Run: stored, app: a}
	a.run = r
	s.addRun(r)
}

func (s *State) addRun(r *run) {
	s.runs[r.ID] = r
	s.runsOf[r.Job] = append(s.runsOf[r.Job], r)
	slices.SortFunc(s.runsOf[r.Job], func(a, b *run) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
}

// word puts a notice about an instance of a run into a word of its own: Marathon's
// clients know of no such app. It reports whether there is something to tell.
func (r *run) word(n *apps.Notice) bool {
	if n.Type != "status_update_event" { // the other words say the same once more
		return false
	}
	n.Type, n.Job, n.Run = noticeTaskStatus, r.Job, &apps.Run{ID: r.ID, Job: r.Job, State: r.State}
	return true
}

// withoutSchedules is what is stored, but nothing becomes due by itself.
func withoutSchedules(stored Stored) Stored {
	still := stored
	still.Jobs = nil
	for _, j := range stored.Jobs {
		c := *j
		c.Schedules = nil
		still.Jobs = append(still.Jobs, &c)
	}
	return still
}

func (s *State) foldStartRun(e StartRun) {
	if s.settledBefore(e.Request, e.Key) {
		return
	}
	j := s.jobs[e.Job]
	if j == nil {
		s.refuse(e.Request, noSuchJob(e.Job))
		return
	}
	r, err := s.startRun(j, apps.Run{})
	if err != nil {
		s.refuse(e.Request, err)
		return
	}
	snapshot := r.snapshot()
	s.keep(e.Key, apps.Answer{Run: &snapshot})
	s.reply(Reply{Request: e.Request, Job: j.spec, Run: &snapshot})
}

func (s *State) foldStopRun(e StopRun) {
	if s.jobs[e.Job] == nil {
		s.refuse(e.Request, noSuchJob(e.Job))
		return
	}
	r := s.runs[e.Run]
	if r == nil || r.Job != e.Job {
		s.refuse(e.Request, apps.Errorf(apps.NotFound, "Job Run '%s' does not exist", e.Run))
		return
	}
	s.stopRun(r, "stopped on request")
	snapshot := r.snapshot()
	s.reply(Reply{Request: e.Request, Run: &snapshot})
}

// startRun makes a run and the app of its instances. It fails where there are too many.
func (s *State) startRun(j *job, r apps.Run) (*run, error) {
	if n := len(s.runsOf[j.spec.ID]); n >= apps.JobRunsMax {
		return nil, apps.Errorf(apps.Forbidden, "Job '%s' has %d active runs already: stop one, or wait", j.spec.ID, n)
	}
	if n := len(s.runs); n >= apps.RunsMax {
		return nil, apps.Errorf(apps.Forbidden, "There are %d active runs already: stop one, or wait", n)
	}
	s.serial++
	s.fx.Save.Serial = s.serial
	r.ID, r.Job, r.Created, r.State, r.Restart = apps.RunID(s.now, s.serial), j.spec.ID, s.now, apps.RunActive, j.spec.Restart
	r.App = apps.RunApp(r.Job, r.ID)
	spec := runSpec(j.spec, &r, apps.VersionAt(s.now))
	made := &run{Run: r, app: &app{spec: spec}}
	made.app.run = made
	s.addRun(made)
	s.apps[r.App] = made.app
	s.fx.Save.Apps = append(s.fx.Save.Apps, spec)
	s.changedRuns[r.ID] = made
	s.touch(made.app)
	s.tellRun(noticeRunStarted, made, "")
	return made, nil
}

// runSpec is the app that a run's instances belong to.
func runSpec(j *apps.Job, r *apps.Run, version apps.Version) *apps.App {
	spec := j.Spec
	spec.ID, spec.Run, spec.Instances, spec.Role, spec.Labels = r.App, r.ID, 1, j.ID.Role(), j.Labels
	spec.Version, spec.ConfigAt, spec.ScaledAt = version, version, version
	spec.Ports, spec.Checks, spec.Readiness, spec.Dependencies = nil, nil, nil, nil
	spec.Env = maps.Clone(spec.Env)
	if spec.Env == nil {
		spec.Env = map[string]string{}
	}
	spec.Env["METRONOME_JOB_ID"], spec.Env["METRONOME_RUN_ID"] = string(j.ID), r.ID
	spec.Backoff.First, spec.Backoff.Factor = runBackoff.First, runBackoff.Factor
	spec.Unreachable = apps.Unreachable{InactiveAfter: runUnreachable, ExpungeAfter: runUnreachable}
	return &spec
}

// stopRun has a run end. It is active until nothing of it runs any more.
func (s *State) stopRun(r *run, why string) {
	if r.Stopping != "" {
		return
	}
	r.Stopping = why
	s.changedRuns[r.ID] = r
	s.touch(r.app)
}

// reconcileRun compares what a run wants, one instance until it is over, with what is
// there. A host that is drained keeps what is at work until it is done: a run is
// nothing to be begun again elsewhere without need.
func (s *State) reconcileRun(a *app) {
	r := a.run
	if !r.StartBy.IsZero() && r.Stopping == "" && !slices.ContainsFunc(a.instances, begun) && !slices.ContainsFunc(r.Tasks, ran) {
		if s.now.Before(r.StartBy) {
			s.atApp(a, r.StartBy)
		} else {
			s.stopRun(r, "no instance came to run before the starting deadline")
		}
	}
	if r.Stopping != "" {
		for _, in := range slices.Clone(a.instances) {
			if in.State < apps.Draining {
				s.leave(in, r.Stopping)
			}
		}
		if len(a.instances) == 0 {
			s.endRun(r, apps.RunFailed, r.Stopping)
		}
		return
	}
	if len(a.instances) == 0 {
		s.create(a, a.spec, 1)
	}
	for _, in := range a.instances {
		if in.State == apps.Waiting && in.NotBefore.After(s.now) {
			s.atApp(a, in.NotBefore)
		}
	}
}

func begun(in *instance) bool { return !in.Started.IsZero() }

func ran(t apps.RunTask) bool { return !t.Started.IsZero() }

// attempted notes that an instance of a run has ended, and decides what that means.
func (s *State) attempted(in *instance, end apps.End, code int, why string) {
	r := in.app.run
	if in.Host != "" || end != apps.EndStopped { // it was more than a wish
		r.Attempts++
		r.Tasks = append(slices.Clone(r.Tasks), apps.RunTask{
			Instance: in.ID, Host: in.Host, Started: in.Started, At: s.now, End: end, ExitCode: code, Message: why,
		})
		r.Tasks = r.Tasks[max(0, len(r.Tasks)-apps.RunTasksMax):]
	}
	s.changedRuns[r.ID] = r
	switch {
	case r.Stopping != "": // reconcile ends it
	case end == apps.EndFinished:
		s.endRun(r, apps.RunSucceeded, "")
	case !r.Restart.OnFailure:
		s.endRun(r, apps.RunFailed, why)
	case r.Restart.Deadline > 0 && s.now.Sub(r.Created) >= r.Restart.Deadline:
		s.endRun(r, apps.RunFailed, fmt.Sprintf("%s; it is not tried again: %s are over since it was made", why, r.Restart.Deadline))
	}
}

// endRun closes a run: its app goes, its job's history grows, and jobs that depend on
// this one are looked at.
func (s *State) endRun(r *run, state apps.RunState, why string) {
	r.State, r.Ended, r.Message = state, s.now, why
	delete(s.runs, r.ID)
	if s.runsOf[r.Job] = slices.DeleteFunc(s.runsOf[r.Job], func(o *run) bool { return o == r }); len(s.runsOf[r.Job]) == 0 {
		delete(s.runsOf, r.Job)
	}
	s.changedRuns[r.ID] = r
	s.removeRunApp(r.app)
	kind := noticeRunSucceeded
	if state == apps.RunFailed {
		kind = noticeRunFailed
	}
	s.tellRun(kind, r, why)
	j := s.jobs[r.Job]
	if j == nil { // it was removed
		delete(s.changedRuns, r.ID)
		s.fx.Save.GoneRuns = append(s.fx.Save.GoneRuns, r.ID)
		return
	}
	spec := *j.spec
	if state == apps.RunSucceeded {
		spec.Successes, spec.LastSuccess = spec.Successes+1, s.now
		for id := range s.followers[r.Job] {
			s.dueJobs[id] = s.jobs[id]
		}
	} else {
		spec.Failures, spec.LastFailure = spec.Failures+1, s.now
	}
	j.spec = &spec
	s.changedJobs[r.Job] = j
	s.remember(j, r.snapshot())
}

// remember keeps the newest of a job's runs that ended, and forgets what is older.
func (s *State) remember(j *job, r apps.Run) {
	j.ended = append(j.ended, r)
	alike := 0
	for i := len(j.ended) - 1; i >= 0; i-- {
		if j.ended[i].State != r.State {
			continue
		}
		if alike++; alike > apps.RunHistoryMax {
			s.fx.Save.GoneRuns = append(s.fx.Save.GoneRuns, j.ended[i].ID)
			delete(s.changedRuns, j.ended[i].ID)
			j.ended = slices.Delete(j.ended, i, i+1)
		}
	}
}

// removeRunApp forgets the app of a run that has ended. Nobody balances it.
func (s *State) removeRunApp(a *app) {
	id := a.spec.ID
	delete(s.apps, id)
	s.fx.Save.Apps = slices.DeleteFunc(s.fx.Save.Apps, func(o *apps.App) bool { return o.ID == id })
	s.fx.Save.GoneApps = append(s.fx.Save.GoneApps, id)
	s.fx.Waits = append(s.fx.Waits, Wait{App: id})
}

func (s *State) tellRun(kind string, r *run, message string) {
	snapshot := r.snapshot()
	s.tell(apps.Notice{Type: kind, Job: r.Job, Run: &snapshot, Message: message})
}
