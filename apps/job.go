package apps

import (
	"slices"
	"strings"
	"time"
)

// Bounds of jobs.
const (
	JobsMax       = 10_000
	SchedulesMax  = 20     // of one job
	JobRunsMax    = 100    // active ones of one job
	RunsMax       = 10_000 // active ones of all jobs
	RunHistoryMax = 10     // of each job: so many that succeeded, and as many that failed
	RunTasksMax   = 20     // of one run, the newest
)

// A JobID names a job by a dotted path, like "nightly.backup".
type JobID string

// Role is the user that DRF counts the job's instances for: the first element of the
// path; "*" where it has but one.
func (id JobID) Role() string {
	if first, _, deeper := strings.Cut(string(id), "."); deeper {
		return first
	}
	return "*"
}

// A Job is work that is done and over, whenever a schedule or somebody says so. An
// accepted Job is immutable and may be shared between goroutines.
type Job struct {
	ID           JobID             `json:"id"`
	Version      Version           `json:"version"`
	Description  string            `json:"description,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Dependencies []JobID           `json:"dependencies,omitempty"` // it runs when all of them have succeeded anew
	// Spec is what each run is made of. Its ID, Version, Instances, Labels, Role, Ports
	// and checks are not looked at.
	Spec      App        `json:"spec"`
	Restart   Restart    `json:"restart"`
	Schedules []Schedule `json:"schedules,omitempty"` // ordered by id

	Successes   int       `json:"successes,omitempty"`
	Failures    int       `json:"failures,omitempty"`
	LastSuccess time.Time `json:"lastSuccess,omitzero"`
	LastFailure time.Time `json:"lastFailure,omitzero"`
	// Followed: successes of its dependencies up to here have been answered by a run.
	Followed time.Time `json:"followed,omitzero"`
}

// Schedule is the one of that id; nil where there is none.
func (j *Job) Schedule(id string) *Schedule {
	if i := slices.IndexFunc(j.Schedules, func(s Schedule) bool { return s.ID == id }); i >= 0 {
		return &j.Schedules[i]
	}
	return nil
}

// Restart says whether a run that failed is tried again.
type Restart struct {
	OnFailure bool          `json:"onFailure,omitempty"`
	Deadline  time.Duration `json:"deadline,omitempty"` // since the run was made: then not any more; 0: for ever
}

// A Schedule says when a job runs.
type Schedule struct {
	ID      string `json:"id"`
	Cron    string `json:"cron"`           // see ParseCron
	Zone    string `json:"zone,omitempty"` // see Zone
	Enabled bool   `json:"enabled"`
	Forbid  bool   `json:"forbid,omitempty"` // no run while another one of the job is active
	// Deadline is how late a run may start. A slot that is older when a leader comes to
	// it is not run at all.
	Deadline time.Duration `json:"deadline"`
	// Mark: slots up to here are over and done with, whether they ran or not. It is
	// stored together with the run, so that a slot is run once, whoever leads.
	Mark time.Time `json:"mark"`
}

// Next is the first slot after t; the zero time where there is none, or the schedule
// is not enabled.
func (s *Schedule) Next(t time.Time) time.Time {
	cron, zone, ok := s.read()
	if !ok {
		return time.Time{}
	}
	return cron.Next(t, zone)
}

// Due is the slot to be run at now: the newest since Mark, if it is not too old; the
// zero time where there is none. missed: slots were passed over because they are
// too old.
func (s *Schedule) Due(now time.Time) (slot time.Time, missed bool) {
	cron, zone, ok := s.read()
	if !ok {
		return time.Time{}, false
	}
	first := cron.Next(s.Mark, zone)
	if first.IsZero() || first.After(now) {
		return time.Time{}, false
	}
	slot = cron.Last(s.Mark, now, zone)
	if now.Sub(slot) >= s.Deadline {
		return time.Time{}, true
	}
	return slot, now.Sub(first) >= s.Deadline
}

// read is what Next and Due need. What was accepted can be read, unless a zone was
// abolished since.
func (s *Schedule) read() (Cron, *time.Location, bool) {
	cron, err := ParseCron(s.Cron)
	if err != nil || !s.Enabled {
		return Cron{}, nil, false
	}
	zone, err := Zone(s.Zone)
	return cron, zone, err == nil
}

// A RunState is how a run stands or ended.
type RunState string

// The states of a run.
const (
	RunActive    RunState = "active"
	RunSucceeded RunState = "succeeded"
	RunFailed    RunState = "failed"
)

// A Run is a job being done once: one instance after another, never two at a time,
// until one succeeds or no other is to be tried.
type Run struct {
	ID       string    `json:"id"` // Metronome's: the time and five letters or digits
	Job      JobID     `json:"job"`
	App      ID        `json:"app"`                // the app that its instances belong to; see RunApp
	Schedule string    `json:"schedule,omitempty"` // that made it; empty: a request or a dependency did
	Slot     time.Time `json:"slot,omitzero"`      // of the schedule
	Created  time.Time `json:"created"`
	StartBy  time.Time `json:"startBy,omitzero"` // it fails where it has not come to run by then; zero: it waits for ever
	Restart  Restart   `json:"restart"`          // the job's, when it was made

	State    RunState  `json:"state"`
	Stopping string    `json:"stopping,omitempty"` // why it is being stopped
	Ended    time.Time `json:"ended,omitzero"`
	Message  string    `json:"message,omitempty"`  // why it failed
	Attempts int       `json:"attempts,omitempty"` // instances that ended
	Tasks    []RunTask `json:"tasks,omitempty"`    // the last of them, the newest last
}

// A RunTask is an instance of a run that ended.
type RunTask struct {
	Instance string    `json:"instance"`
	Host     string    `json:"host,omitempty"` // empty: it had none
	Started  time.Time `json:"started,omitzero"`
	At       time.Time `json:"at"`
	End      End       `json:"end"`
	ExitCode int       `json:"exitCode,omitempty"`
	Message  string    `json:"message,omitempty"`
}

// RunApp is the id of the app that a run's instances belong to. No user's app can have
// it: ids of theirs have no underscore.
func RunApp(job JobID, run string) ID { return ID("/" + string(job) + "_" + run) }

// OfRun reports whether it is the app of a run.
func (id ID) OfRun() bool { return strings.ContainsRune(string(id), '_') }

const runLetters = "0123456789abcdefghijklmnopqrstuvwxyz"

// RunID makes the id of the run with the serial-th number of a cluster, in Metronome's
// form. The last five signs are the serial, mixed one to one: ids of one second differ.
func RunID(now time.Time, serial uint64) string {
	const all = 36 * 36 * 36 * 36 * 36
	x := serial % all * 25_214_903 % all // no common divisor: one to one
	tail := make([]byte, 5)
	for i := range tail {
		tail[i] = runLetters[x%36]
		x /= 36
	}
	return now.UTC().Format("20060102150405") + string(tail)
}
