package cluster

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"time"

	"pacer/apps"
)

// Types of the notices about jobs.
const (
	noticeJobChanged   = "pacer_job_changed"
	noticeJobRemoved   = "pacer_job_removed"
	noticeRunStarted   = "pacer_run_started"
	noticeRunSucceeded = "pacer_run_succeeded"
	noticeRunFailed    = "pacer_run_failed"
	noticeTaskStatus   = "pacer_task_status" // status_update_event, of a run's instance
	noticeSlotSkipped  = "pacer_slot_skipped"
)

// A job and its runs. A run's instances belong to an app of its own, which lives as
// long as the run is active (see runs.go).
type job struct {
	spec  *apps.Job
	ended []apps.Run // oldest first; at most RunHistoryMax of each kind
	due   time.Time  // its earliest date; zero: none
}

// loadJobs takes over what is stored; every job is looked at in the first step, so
// that slots which nobody was there to run are run now.
func (s *State) loadJobs(stored Stored) {
	s.jobs, s.runs, s.runsOf = map[apps.JobID]*job{}, map[string]*run{}, map[apps.JobID][]*run{}
	s.dueJobs, s.changedJobs, s.changedRuns = map[apps.JobID]*job{}, map[apps.JobID]*job{}, map[string]*run{}
	s.followers = map[apps.JobID]map[apps.JobID]bool{}
	for _, spec := range stored.Jobs {
		s.jobs[spec.ID] = &job{spec: spec}
		s.follow(nil, spec)
		s.dueJobs[spec.ID] = s.jobs[spec.ID]
	}
	for _, r := range stored.Runs {
		switch j := s.jobs[r.Job]; {
		case r.State == apps.RunActive:
			s.loadRun(r)
		case j != nil:
			j.ended = append(j.ended, r)
		}
	}
	for _, j := range s.jobs {
		slices.SortFunc(j.ended, func(a, b apps.Run) int { return cmp.Or(a.Ended.Compare(b.Ended), cmp.Compare(a.ID, b.ID)) })
	}
}

func (s *State) foldJobEvent(ev JobEvent) {
	switch ev := ev.(type) {
	case PutJob:
		s.foldPutJob(ev)
	case DropJob:
		s.foldDropJob(ev)
	case PutSchedule:
		s.foldPutSchedule(ev)
	case DropSchedule:
		s.foldDropSchedule(ev)
	case StartRun:
		s.foldStartRun(ev)
	case StopRun:
		s.foldStopRun(ev)
	default:
		panic(fmt.Sprintf("cluster: no case for %T", ev))
	}
}

func noSuchJob(id apps.JobID) error { return apps.Errorf(apps.NotFound, "Job '%s' does not exist", id) }

func noSuchSchedule(id string) error {
	return apps.Errorf(apps.NotFound, "Schedule '%s' does not exist", id)
}

func (s *State) foldPutJob(p PutJob) {
	j := s.jobs[p.Job.ID]
	switch {
	case p.New && j != nil:
		s.refuse(p.Request, apps.Errorf(apps.Conflict, "Job with this id already exists"))
		return
	case !p.New && j == nil:
		s.refuse(p.Request, noSuchJob(p.Job.ID))
		return
	case p.New && len(s.jobs) >= apps.JobsMax:
		s.refuse(p.Request, apps.Errorf(apps.Forbidden, "There are %d jobs already: remove one that is not needed", apps.JobsMax))
		return
	}
	if err := s.checkDependencies(p.Job); err != nil {
		s.refuse(p.Request, err)
		return
	}
	spec := *p.Job
	spec.Version, spec.Followed = apps.VersionAt(s.now), s.now
	if j == nil {
		j = &job{}
		s.jobs[spec.ID] = j
	} else {
		old := j.spec
		spec.Version = max(spec.Version, old.Version+1)
		spec.Successes, spec.Failures, spec.LastSuccess, spec.LastFailure = old.Successes, old.Failures, old.LastSuccess, old.LastFailure
		if len(old.Dependencies) > 0 {
			spec.Followed = old.Followed
		}
		if p.Job.Schedules == nil {
			spec.Schedules = old.Schedules
		}
	}
	if p.Job.Schedules != nil {
		spec.Schedules = make([]apps.Schedule, 0, len(p.Job.Schedules))
		for _, schedule := range p.Job.Schedules {
			spec.Schedules = append(spec.Schedules, s.marked(schedule, j))
		}
		sortSchedules(spec.Schedules)
	}
	s.setJob(j, &spec)
	s.tell(apps.Notice{Type: noticeJobChanged, Job: spec.ID, Version: spec.Version})
	s.reply(Reply{Request: p.Request, Job: j.spec})
}

// checkDependencies refuses what is only wrong beside other jobs.
func (s *State) checkDependencies(spec *apps.Job) error {
	for i, id := range spec.Dependencies {
		if id != spec.ID && s.jobs[id] == nil {
			return wrongDependency(i, fmt.Sprintf("Job '%s' does not exist", id))
		}
		if s.follows(id, spec.ID, map[apps.JobID]bool{}) {
			return wrongDependency(i, "Dependencies have a cycle")
		}
	}
	return nil
}

func wrongDependency(i int, fault string) error {
	return &apps.Error{Kind: apps.Invalid, Message: "Object is not valid", Details: []apps.FieldErrors{
		{Path: fmt.Sprintf("/dependencies(%d)", i), Errors: []string{fault}},
	}}
}

// follows reports whether a job is another, or waits for it in the end.
func (s *State) follows(id, other apps.JobID, met map[apps.JobID]bool) bool {
	if id == other {
		return true
	}
	j := s.jobs[id]
	if j == nil || met[id] {
		return false
	}
	met[id] = true
	return slices.ContainsFunc(j.spec.Dependencies, func(d apps.JobID) bool { return s.follows(d, other, met) })
}

// marked is a schedule that starts with the next slot. One that is changed in
// nothing that says when goes on where it was.
func (s *State) marked(schedule apps.Schedule, j *job) apps.Schedule {
	schedule.Mark = s.now
	if j.spec != nil {
		old := j.spec.Schedule(schedule.ID)
		if old != nil && old.Enabled && old.Cron == schedule.Cron && old.Zone == schedule.Zone {
			schedule.Mark = old.Mark
		}
	}
	return schedule
}

func sortSchedules(list []apps.Schedule) {
	slices.SortFunc(list, func(a, b apps.Schedule) int { return cmp.Compare(a.ID, b.ID) })
}

func (s *State) foldDropJob(d DropJob) {
	j := s.jobs[d.Job]
	if j == nil {
		s.refuse(d.Request, noSuchJob(d.Job))
		return
	}
	for _, id := range sortedKeys(s.followers[d.Job]) {
		s.refuse(d.Request, apps.Errorf(apps.Conflict, "Job '%s' depends on this one: change that first", id))
		return
	}
	active := slices.Clone(s.runsOf[d.Job])
	if len(active) > 0 && !d.Stop {
		s.refuse(d.Request, apps.Errorf(apps.Conflict, "There are active job runs. Override with stopCurrentJobRuns=true"))
		return
	}
	for _, r := range active {
		s.stopRun(r, "its job was removed")
	}
	for _, r := range j.ended {
		s.fx.Save.GoneRuns = append(s.fx.Save.GoneRuns, r.ID)
		delete(s.changedRuns, r.ID)
	}
	s.follow(j.spec, nil)
	delete(s.jobs, d.Job)
	delete(s.changedJobs, d.Job)
	s.fx.Save.GoneJobs = append(s.fx.Save.GoneJobs, d.Job)
	s.tell(apps.Notice{Type: noticeJobRemoved, Job: d.Job})
	s.reply(Reply{Request: d.Request, Job: j.spec})
}

func (s *State) foldPutSchedule(p PutSchedule) {
	j := s.jobs[p.Job]
	if j == nil {
		s.refuse(p.Request, noSuchJob(p.Job))
		return
	}
	switch old := j.spec.Schedule(p.Schedule.ID); {
	case p.New && old != nil:
		s.refuse(p.Request, apps.Errorf(apps.Conflict, "A schedule with id %s already exists", p.Schedule.ID))
		return
	case !p.New && old == nil:
		s.refuse(p.Request, noSuchSchedule(p.Schedule.ID))
		return
	case p.New && len(j.spec.Schedules) >= apps.SchedulesMax:
		s.refuse(p.Request, apps.Errorf(apps.Forbidden, "A job has at most %d schedules", apps.SchedulesMax))
		return
	}
	spec := *j.spec
	spec.Schedules = slices.DeleteFunc(slices.Clone(spec.Schedules), func(o apps.Schedule) bool { return o.ID == p.Schedule.ID })
	spec.Schedules = append(spec.Schedules, s.marked(p.Schedule, j))
	sortSchedules(spec.Schedules)
	s.setJob(j, &spec)
	s.tell(apps.Notice{Type: noticeJobChanged, Job: spec.ID, Version: spec.Version})
	s.reply(Reply{Request: p.Request, Job: j.spec})
}

func (s *State) foldDropSchedule(d DropSchedule) {
	j := s.jobs[d.Job]
	if j == nil {
		s.refuse(d.Request, noSuchJob(d.Job))
		return
	}
	if j.spec.Schedule(d.Schedule) == nil {
		s.refuse(d.Request, noSuchSchedule(d.Schedule))
		return
	}
	spec := *j.spec
	spec.Schedules = slices.DeleteFunc(slices.Clone(spec.Schedules), func(o apps.Schedule) bool { return o.ID == d.Schedule })
	s.setJob(j, &spec)
	s.tell(apps.Notice{Type: noticeJobChanged, Job: spec.ID, Version: spec.Version})
	s.reply(Reply{Request: d.Request, Job: j.spec})
}

// setJob puts a changed job in the place of what it was, and has it looked at.
func (s *State) setJob(j *job, spec *apps.Job) {
	s.follow(j.spec, spec)
	j.spec = spec
	s.changedJobs[spec.ID] = j
	s.dueJobs[spec.ID] = j
}

// follow keeps note of who depends on whom, when a job takes the place of what it was;
// nil is none.
func (s *State) follow(old, next *apps.Job) {
	if old != nil {
		for _, id := range old.Dependencies {
			if delete(s.followers[id], old.ID); len(s.followers[id]) == 0 {
				delete(s.followers, id)
			}
		}
	}
	if next != nil {
		for _, id := range next.Dependencies {
			if s.followers[id] == nil {
				s.followers[id] = map[apps.JobID]bool{}
			}
			s.followers[id][next.ID] = true
		}
	}
}

// fireSlots starts the runs that are due. That a slot was come to is stored in the job
// by the same commit that stores its run, so no slot is run twice.
func (s *State) fireSlots() {
	for len(s.dueJobs) > 0 { // a run that cannot start may have others follow
		due := s.dueJobs
		s.dueJobs = map[apps.JobID]*job{}
		for _, id := range sortedKeys(due) {
			if j := due[id]; s.jobs[id] == j {
				s.fire(j)
				s.followSuccess(j)
			}
		}
	}
}

func (s *State) fire(j *job) {
	var next time.Time
	for i := range j.spec.Schedules {
		schedule := &j.spec.Schedules[i]
		slot, missed := schedule.Due(s.now)
		if missed {
			s.skip(j, schedule, "nobody was there to run it in time")
		}
		if !slot.IsZero() {
			s.fireSlot(j, *schedule, slot)
			schedule = &j.spec.Schedules[i]
		} else if missed {
			s.mark(j, schedule.ID, s.now)
			schedule = &j.spec.Schedules[i]
		}
		if at := schedule.Next(later(s.now, schedule.Mark)); !at.IsZero() {
			next = sooner(next, at)
		}
	}
	if !next.IsZero() {
		s.atJob(j, next)
	}
}

// fireSlot runs a slot, or says why not; either way it is over and done with.
func (s *State) fireSlot(j *job, schedule apps.Schedule, slot time.Time) {
	s.mark(j, schedule.ID, slot)
	if schedule.Forbid && len(s.runsOf[j.spec.ID]) > 0 {
		s.skip(j, &schedule, "another run is active, and the schedule forbids two at a time")
		return
	}
	r := apps.Run{Schedule: schedule.ID, Slot: slot, StartBy: slot.Add(schedule.Deadline)}
	if _, err := s.startRun(j, r); err != nil {
		s.skip(j, &schedule, err.Error())
	}
}

// mark notes up to where a schedule's slots are done with.
func (s *State) mark(j *job, schedule string, at time.Time) {
	spec := *j.spec
	spec.Schedules = slices.Clone(spec.Schedules)
	spec.Schedule(schedule).Mark = at
	j.spec = &spec
	s.changedJobs[spec.ID] = j
}

func (s *State) skip(j *job, schedule *apps.Schedule, why string) {
	s.tell(apps.Notice{Type: noticeSlotSkipped, Job: j.spec.ID, Message: fmt.Sprintf("schedule %s: %s", schedule.ID, why)})
}

// followSuccess runs a job whose dependencies have all succeeded since it was run for
// that last.
func (s *State) followSuccess(j *job) {
	if len(j.spec.Dependencies) == 0 {
		return
	}
	for _, id := range j.spec.Dependencies {
		if d := s.jobs[id]; d == nil || !d.spec.LastSuccess.After(j.spec.Followed) {
			return
		}
	}
	spec := *j.spec
	spec.Followed = s.now
	j.spec = &spec
	s.changedJobs[spec.ID] = j
	if _, err := s.startRun(j, apps.Run{}); err != nil {
		s.tell(apps.Notice{Type: noticeSlotSkipped, Job: spec.ID, Message: "after its dependencies: " + err.Error()})
	}
}

// atJob has the job looked at then, or earlier.
func (s *State) atJob(j *job, t time.Time) {
	if j.due.IsZero() || t.Before(j.due) {
		j.due = t
		heap.Push(&s.due, date{at: t, job: j.spec.ID})
	}
}

func (s *State) jobDue(d date) {
	if j := s.jobs[d.job]; j != nil && j.due.Equal(d.at) {
		j.due = time.Time{}
		s.dueJobs[d.job] = j
	}
}

// writeJobs turns what was touched into rows.
func (s *State) writeJobs() {
	for _, id := range sortedKeys(s.changedJobs) {
		s.fx.Save.Jobs = append(s.fx.Save.Jobs, s.changedJobs[id].spec)
	}
	for _, id := range sortedKeys(s.changedRuns) {
		s.fx.Save.Runs = append(s.fx.Save.Runs, s.changedRuns[id].snapshot())
	}
	clear(s.changedJobs)
	clear(s.changedRuns)
}
