package wire

import (
	"encoding/json"
	"time"

	"pacer/apps"
)

// A Job is a job as Metronome writes it. The rule tags are the bounds of Metronome's
// schema; see Read.
type Job struct {
	ID           string            `json:"id,omitzero" rule:"pattern=jobID maxLength=200"`
	Description  *string           `json:"description,omitzero" rule:"maxLength=10000"`
	Labels       map[string]string `json:"labels,omitzero"`
	Dependencies []JobRef          `json:"dependencies,omitzero" rule:"maxItems=100"`
	Run          *JobSpec          `json:"run,omitzero" rule:"required"`
	Schedules    []Schedule        `json:"schedules,omitzero" rule:"maxItems=20"`
}

// ignored are keys that are answers: they mean nothing when they are sent back.
func (Job) ignored() []string { return []string{"activeRuns", "history", "historySummary"} }

// A JobRef names a job.
type JobRef struct {
	ID string `json:"id" rule:"required pattern=jobID"`
}

// A JobSpec is what each run of a job is made of.
type JobSpec struct {
	Cpus *float64 `json:"cpus,omitzero" rule:"required min=0.01 max=1000000"`
	Mem  *float64 `json:"mem,omitzero" rule:"required min=32 max=1000000000000"`
	Disk *float64 `json:"disk,omitzero" rule:"required min=0 max=1000000000000"`
	GPUs *int     `json:"gpus,omitzero" rule:"min=0 max=100000"`

	Cmd  *string           `json:"cmd,omitzero" rule:"minLength=1"`
	Args []string          `json:"args,omitzero"`
	User *string           `json:"user,omitzero"`
	Env  map[string]EnvVar `json:"env,omitzero"`

	Docker    *JobDocker        `json:"docker,omitzero"`
	UCR       *UCR              `json:"ucr,omitzero"`
	Volumes   []JobVolume       `json:"volumes,omitzero"`
	Networks  []Network         `json:"networks,omitzero"`
	Artifacts []Artifact        `json:"artifacts,omitzero"`
	Secrets   map[string]Secret `json:"secrets,omitzero"`
	Placement *JobPlacement     `json:"placement,omitzero"`

	MaxLaunchDelay             *int        `json:"maxLaunchDelay,omitzero" rule:"min=1"`
	TaskKillGracePeriodSeconds *int        `json:"taskKillGracePeriodSeconds,omitzero" rule:"min=0"`
	Restart                    *JobRestart `json:"restart,omitzero"`
}

// A JobDocker is an image, and how it is run.
type JobDocker struct {
	Image          string      `json:"image" rule:"required minLength=1"`
	ForcePullImage *bool       `json:"forcePullImage,omitzero"`
	Privileged     *bool       `json:"privileged,omitzero"`
	Parameters     []Parameter `json:"parameters,omitzero"`
}

// A UCR is an image for Mesos' own containerizer; Pacer runs it as any other.
type UCR struct {
	Image      UCRImage `json:"image" rule:"required"`
	Privileged *bool    `json:"privileged,omitzero"`
}

// A UCRImage names an image.
type UCRImage struct {
	ID        string  `json:"id" rule:"required minLength=1"`
	Kind      *string `json:"kind,omitzero" rule:"enum=docker|appc"`
	ForcePull *bool   `json:"forcePull,omitzero"`
}

// A JobVolume is a directory of the host, or a secret.
type JobVolume struct {
	ContainerPath string  `json:"containerPath" rule:"required minLength=1"`
	HostPath      *string `json:"hostPath,omitzero" rule:"minLength=1"`
	Mode          *string `json:"mode,omitzero" rule:"enum=RO|RW"`
	Secret        *string `json:"secret,omitzero" rule:"minLength=1"`
}

// A JobPlacement restricts the hosts of a job.
type JobPlacement struct {
	Constraints []JobConstraint `json:"constraints" rule:"maxItems=100"`
}

// A JobConstraint is one restriction.
type JobConstraint struct {
	Attribute string  `json:"attribute" rule:"required minLength=1"`
	Operator  string  `json:"operator" rule:"required enum=IS|EQ|LIKE|UNLIKE"`
	Value     *string `json:"value,omitzero"`
}

// A JobRestart says whether a run that failed is tried again.
type JobRestart struct {
	Policy                *string `json:"policy,omitzero" rule:"enum=NEVER|ON_FAILURE"`
	ActiveDeadlineSeconds *int    `json:"activeDeadlineSeconds,omitzero" rule:"min=1"`
}

// A Schedule says when a job runs.
type Schedule struct {
	ID                      string  `json:"id,omitzero" rule:"pattern=jobID maxLength=200"`
	Cron                    string  `json:"cron" rule:"required maxLength=1000"`
	TimeZone                *string `json:"timezone,omitzero" rule:"maxLength=100"`
	StartingDeadlineSeconds *int    `json:"startingDeadlineSeconds,omitzero" rule:"min=1"`
	ConcurrencyPolicy       *string `json:"concurrencyPolicy,omitzero" rule:"enum=ALLOW|FORBID"`
	Enabled                 *bool   `json:"enabled,omitzero"`
	NextRunAt               *string `json:"nextRunAt,omitzero"` // of an answer
}

// A JobInfo is a job with what is known of it. What was not asked for is absent.
type JobInfo struct {
	Job
	ActiveRuns     []Run          `json:"activeRuns,omitzero"`
	History        *History       `json:"history,omitzero"`
	HistorySummary *HistoryCounts `json:"historySummary,omitzero"`
}

// HistoryCounts are how often a job succeeded and failed.
type HistoryCounts struct {
	SuccessCount  int     `json:"successCount"`
	FailureCount  int     `json:"failureCount"`
	LastSuccessAt *string `json:"lastSuccessAt"`
	LastFailureAt *string `json:"lastFailureAt"`
}

// A History has the newest runs that ended, too, the newest first.
type History struct {
	HistoryCounts
	Succeeded []FinishedRun `json:"successfulFinishedRuns"`
	Failed    []FinishedRun `json:"failedFinishedRuns"`
}

// A FinishedRun is a run that ended.
type FinishedRun struct {
	ID         string   `json:"id"`
	CreatedAt  string   `json:"createdAt"`
	FinishedAt string   `json:"finishedAt"`
	Tasks      []string `json:"tasks"`
}

// A Run is a run that is active, or was.
type Run struct {
	ID          string    `json:"id"`
	JobID       string    `json:"jobId"`
	Status      string    `json:"status"` // INITIAL, STARTING, ACTIVE, SUCCESS or FAILED
	CreatedAt   string    `json:"createdAt"`
	CompletedAt *string   `json:"completedAt"`
	Tasks       []RunTask `json:"tasks"`
}

// A RunTask is an instance of a run.
type RunTask struct {
	ID          string  `json:"id"`
	StartedAt   string  `json:"startedAt,omitzero"`
	CompletedAt *string `json:"completedAt,omitzero"`
	Status      string  `json:"status"` // TASK_…
}

// QueuedRuns are the runs of a job that wait for a host.
type QueuedRuns struct {
	JobID string   `json:"jobId"`
	Runs  []RunRef `json:"runs"`
}

// A RunRef names a run.
type RunRef struct {
	RunID string `json:"runId"`
}

// A RunStory is a run with what explains it; Pacer's own.
type RunStory struct {
	Run
	Schedule string    `json:"schedule,omitzero"` // that began it; empty: a request or a dependency did
	Slot     string    `json:"slot,omitzero"`     // of the schedule
	Stopping string    `json:"stopping,omitzero"` // why it is being stopped
	Message  string    `json:"message,omitzero"`  // why it failed, or what it waits for
	Attempts int       `json:"attempts"`          // instances that ended
	Endings  []TaskEnd `json:"endings"`           // of the last of them, the oldest first
}

// A TaskEnd is how an instance of a run ended.
type TaskEnd struct {
	ID       string `json:"id"`
	Host     string `json:"host,omitzero"`
	End      string `json:"end"` // finished, failed, lost or stopped
	ExitCode int    `json:"exitCode"`
	Message  string `json:"message,omitzero"`
	At       string `json:"at"`
	// Log is its last 100 lines, of at most 16 KiB, where one run is asked for. It comes a
	// moment after the end; of old runs, and of what was stopped, it is not kept.
	Log string `json:"log,omitzero"`
}

// RunStories is the answer to GET /pacer/v1/jobs/{id}/runs, the newest first.
type RunStories struct {
	Runs []RunStory `json:"runs"`
}

// JobTime is Metronome's form of a time: 2016-07-15T13:02:59.735+0000.
func JobTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000+0000") }

// FromJob is a job on the wire, without its schedules.
func FromJob(j *apps.Job) Job {
	out := Job{ID: string(j.ID), Description: new(j.Description), Labels: orEmpty(j.Labels), Dependencies: []JobRef{}, Run: fromJobSpec(j)}
	for _, id := range j.Dependencies {
		out.Dependencies = append(out.Dependencies, JobRef{string(id)})
	}
	return out
}

func fromJobSpec(j *apps.Job) *JobSpec {
	s := &j.Spec
	out := &JobSpec{
		Cpus: new(float64(s.Needs.CPU) / 1000), Mem: new(float64(s.Needs.Mem)), Disk: new(float64(s.Needs.Disk)), GPUs: new(int(s.Needs.GPU)),
		Args: s.Args, Env: map[string]EnvVar{}, Artifacts: []Artifact{}, Volumes: []JobVolume{}, Secrets: map[string]Secret{},
		Placement: &JobPlacement{Constraints: []JobConstraint{}}, MaxLaunchDelay: new(int(s.Backoff.Max / time.Second)),
		Restart: &JobRestart{Policy: new("NEVER")},
	}
	if s.Cmd != "" {
		out.Cmd = new(s.Cmd)
	}
	if s.User != "" {
		out.User = new(s.User)
	}
	if s.KillGrace > 0 {
		out.TaskKillGracePeriodSeconds = new(int(s.KillGrace / time.Second))
	}
	if j.Restart.OnFailure {
		out.Restart.Policy = new("ON_FAILURE")
	}
	if j.Restart.Deadline > 0 {
		out.Restart.ActiveDeadlineSeconds = new(int(j.Restart.Deadline / time.Second))
	}
	for name, v := range s.Env {
		out.Env[name] = EnvVar{Value: v}
	}
	if kept := s.Echo["env"]; kept != nil {
		_ = json.Unmarshal(kept, &out.Env) // ours
	}
	if kept := s.Echo["secrets"]; kept != nil {
		_ = json.Unmarshal(kept, &out.Secrets)
	}
	for _, f := range s.Fetch {
		out.Artifacts = append(out.Artifacts, Artifact{URI: f.URI, Extract: new(f.Extract), Executable: new(f.Executable), Cache: new(f.Cache)})
	}
	for _, c := range s.Constraints {
		constraint := JobConstraint{Attribute: c.Field, Operator: c.Operator}
		if c.Value != "" {
			constraint.Value = new(c.Value)
		}
		out.Placement.Constraints = append(out.Placement.Constraints, constraint)
	}
	out.fromContainer(s)
	return out
}

func (out *JobSpec) fromContainer(s *apps.App) {
	switch {
	case len(s.Networks) > 0:
		for _, name := range s.Networks {
			out.Networks = append(out.Networks, Network{Mode: new(string(s.Network)), Name: new(name)})
		}
	case s.Network != apps.NetworkHost:
		out.Networks = []Network{{Mode: new(string(s.Network))}}
	}
	c := s.Container
	if c == nil {
		return
	}
	for _, v := range c.Volumes {
		mode := "RW"
		if v.ReadOnly {
			mode = "RO"
		}
		volume := JobVolume{ContainerPath: v.ContainerPath, HostPath: new(v.HostPath), Mode: &mode}
		if v.Echo != nil {
			volume = JobVolume{}
			_ = json.Unmarshal(v.Echo, &volume) // ours
		}
		out.Volumes = append(out.Volumes, volume)
	}
	switch {
	case c.Image == "":
	case c.Type == "DOCKER":
		out.Docker = &JobDocker{Image: c.Image, ForcePullImage: new(c.ForcePull), Privileged: new(c.Privileged), Parameters: []Parameter{}}
		for _, p := range c.Parameters {
			out.Docker.Parameters = append(out.Docker.Parameters, Parameter(p))
		}
	default:
		out.UCR = &UCR{Image: UCRImage{ID: c.Image, Kind: new("docker"), ForcePull: new(c.ForcePull)}, Privileged: new(c.Privileged)}
	}
}

// FromSchedule is a schedule on the wire, with its next slot after now.
func FromSchedule(s apps.Schedule, now time.Time) Schedule {
	out := Schedule{
		ID: s.ID, Cron: s.Cron, TimeZone: new(s.Zone), StartingDeadlineSeconds: new(int(s.Deadline / time.Second)),
		ConcurrencyPolicy: new("ALLOW"), Enabled: new(s.Enabled),
	}
	if s.Zone == "" {
		out.TimeZone = new("UTC")
	}
	if s.Forbid {
		out.ConcurrencyPolicy = new("FORBID")
	}
	if next := s.Next(now); !next.IsZero() {
		out.NextRunAt = new(JobTime(next))
	}
	return out
}
