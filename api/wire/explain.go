package wire

// A FailureList is the ends of an app's instances that nobody asked for, newest first:
// GET /pacer/v1/apps/{id}/failures.
type FailureList struct {
	Failures []Failure `json:"failures"`
}

// A Failure is an instance that ended by itself, could not start, was killed for its
// health checks or was lost.
type Failure struct {
	Instance  string `json:"instance"`
	Version   string `json:"version"`
	Host      string `json:"host,omitzero"`
	End       string `json:"end"` // failed, unhealthy, lost, or finished: exit code 0
	ExitCode  int    `json:"exitCode"`
	Message   string `json:"message"`
	StartedAt string `json:"startedAt,omitzero"`
	At        string `json:"at"`
	// Log is its last 100 lines, of at most 16 KiB. It comes a moment after the end; of
	// old failures it is not kept.
	Log    string        `json:"log"`
	Health []CheckReport `json:"health"` // in the order of the app's health checks
}

// EndedTasks are instances that are gone, newest first: GET /pacer/v1/tasks.
type EndedTasks struct {
	Tasks []EndedTask `json:"tasks"`
}

// An EndedTask is an instance that is gone: where and how long it ran, how it ended and
// why.
type EndedTask struct {
	ID        string  `json:"id"`
	Instance  string  `json:"instance"`
	App       string  `json:"app"`
	Version   string  `json:"version"`
	Host      string  `json:"host,omitzero"` // absent: it never had one
	End       string  `json:"end"`           // stopped: as was wanted; finished: exit code 0; failed, unhealthy or lost
	ExitCode  int     `json:"exitCode"`
	Message   string  `json:"message,omitzero"`
	StagedAt  string  `json:"stagedAt,omitzero"`
	StartedAt string  `json:"startedAt,omitzero"`
	ReadyAt   string  `json:"readyAt,omitzero"`
	At        string  `json:"at"`
	Seconds   float64 `json:"seconds"` // from its start to its end
}

// A CheckReport is what one health check says of an instance, with its last answer.
type CheckReport struct {
	Alive    bool         `json:"alive"`
	Failures int          `json:"failures"` // consecutive
	Cause    string       `json:"cause,omitzero"`
	Last     *CheckAnswer `json:"last,omitzero"`
}

// A CheckAnswer is what one question of a health check brought.
type CheckAnswer struct {
	At        string `json:"at"`
	OK        bool   `json:"ok"`
	Status    int    `json:"status,omitzero"` // of HTTP
	Body      string `json:"body,omitzero"`   // the first KiB of it, or of what a command printed
	Error     string `json:"error,omitzero"`
	LatencyMs int64  `json:"latencyMs"`
}

// An Explanation says why an app is not as it should be: GET /pacer/v1/apps/{id}/explain.
type Explanation struct {
	AppWait          // of the instances that have no host yet
	Instances int    `json:"instances"` // wanted
	Running   int    `json:"running"`
	Ready     int    `json:"ready"`
	Summary   string `json:"summary"` // all in one sentence

	NoHost      []WaitingInstance  `json:"noHost"`
	NotReady    []UnreadyInstance  `json:"notReady"`
	Deployment  *DeploymentTrouble `json:"deployment,omitzero"` // that has the app now
	LastFailure *Failure           `json:"lastFailure,omitzero"`
}

// A WaitingInstance is one that waits for a host. The reasons are those of its app.
type WaitingInstance struct {
	Instance  string `json:"instance"`
	Version   string `json:"version"`
	Since     string `json:"since"`
	NotBefore string `json:"notBefore,omitzero"` // backing off until then
}

// An UnreadyInstance has a host and gets no traffic yet, or none any more.
type UnreadyInstance struct {
	Instance string        `json:"instance"`
	Version  string        `json:"version"`
	Host     string        `json:"host"`
	State    string        `json:"state"`
	Since    string        `json:"since"`
	Message  string        `json:"message,omitzero"`
	Health   []CheckReport `json:"health"`
}

// A DeploymentTrouble is how far a running deployment is, and what it fights with.
type DeploymentTrouble struct {
	ID            string `json:"id"`
	CurrentStep   int    `json:"currentStep"` // from 1
	TotalSteps    int    `json:"totalSteps"`
	StepStartedAt string `json:"stepStartedAt,omitzero"`
	Trouble       string `json:"trouble,omitzero"`
	Cause         string `json:"cause,omitzero"`
	Failures      int    `json:"failures"` // of the app's new instances
	Rollback      bool   `json:"rollback"`
}

// A DeploymentList is deployments that have ended, newest first: GET /pacer/v1/deployments.
type DeploymentList struct {
	Deployments []DeploymentStatus `json:"deployments"`
}
