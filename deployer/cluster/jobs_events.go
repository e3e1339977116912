package cluster

import "pacer/apps"

// A JobEvent is a request about jobs and their runs.
type JobEvent interface {
	Event
	jobEvent()
}

type (
	// PutJob makes a job, or changes one: its runs go on as they were begun.
	PutJob struct {
		Request string
		// Job is complete but for what the core keeps: version and history. Schedules
		// that are nil stay as they are.
		Job *apps.Job
		// New: it must not exist yet. Otherwise it must.
		New bool
	}

	// DropJob forgets a job with its schedules and its history. It must have no active
	// run, unless those are to be stopped.
	DropJob struct {
		Request string
		Job     apps.JobID
		Stop    bool
	}

	// PutSchedule adds a schedule to a job, or changes one.
	PutSchedule struct {
		Request  string
		Job      apps.JobID
		Schedule apps.Schedule
		New      bool // it must not exist yet. Otherwise it must.
	}

	// DropSchedule takes a schedule away.
	DropSchedule struct {
		Request  string
		Job      apps.JobID
		Schedule string
	}

	// StartRun runs a job now.
	StartRun struct {
		Request string
		Job     apps.JobID
		Key     *Key // of a request that may come again; nil: it has none
	}

	// StopRun stops a run. It has failed as soon as nothing of it runs any more.
	StopRun struct {
		Request string
		Job     apps.JobID
		Run     string
	}
)

func (PutJob) event()       {}
func (DropJob) event()      {}
func (PutSchedule) event()  {}
func (DropSchedule) event() {}
func (StartRun) event()     {}
func (StopRun) event()      {}

func (PutJob) jobEvent()       {}
func (DropJob) jobEvent()      {}
func (PutSchedule) jobEvent()  {}
func (DropSchedule) jobEvent() {}
func (StartRun) jobEvent()     {}
func (StopRun) jobEvent()      {}
