package wire

import "encoding/json"

// An AppInfo is an app with what is known of it now. What was not asked for is absent.
type AppInfo struct {
	App
	TasksStaged    *int `json:"tasksStaged,omitzero"`
	TasksRunning   *int `json:"tasksRunning,omitzero"`
	TasksHealthy   *int `json:"tasksHealthy,omitzero"`
	TasksUnhealthy *int `json:"tasksUnhealthy,omitzero"`

	Tasks                 []Task            `json:"tasks,omitzero"`
	Deployments           []Ref             `json:"deployments,omitzero"`
	LastTaskFailure       *TaskFailure      `json:"lastTaskFailure,omitzero"`
	ReadinessCheckResults []ReadinessResult `json:"readinessCheckResults,omitzero"`
	TasksStats            *TasksStats       `json:"tasksStats,omitzero"`
}

// A Ref names a deployment.
type Ref struct {
	ID string `json:"id"`
}

// Apps is the answer to GET /v2/apps.
type Apps struct {
	Apps []AppInfo `json:"apps"`
}

// OneApp is the answer to GET /v2/apps/{id}.
type OneApp struct {
	App AppInfo `json:"app"`
}

// Versions is the answer to GET /v2/apps/{id}/versions, newest first.
type Versions struct {
	Versions []string `json:"versions"`
}

// A DeploymentResult names the deployment that a change started.
type DeploymentResult struct {
	Version      string `json:"version"`
	DeploymentID string `json:"deploymentId"`
}

// A Task is an instance on Marathon's wire.
type Task struct {
	ID                 string         `json:"id"`
	AppID              string         `json:"appId"`
	Host               string         `json:"host"`    // an address that its ports answer on
	SlaveID            string         `json:"slaveId"` // the name of the host
	State              string         `json:"state"`   // TASK_…
	StagedAt           string         `json:"stagedAt,omitzero"`
	StartedAt          string         `json:"startedAt,omitzero"`
	Version            string         `json:"version,omitzero"`
	Ports              []int          `json:"ports"`
	ServicePorts       []int          `json:"servicePorts"` // filled by GET /v2/tasks only
	IPAddresses        []IP           `json:"ipAddresses"`
	HealthCheckResults []HealthResult `json:"healthCheckResults"`
	LocalVolumes       []LocalVolume  `json:"localVolumes"`
	Region             string         `json:"region,omitzero"`
	Zone               string         `json:"zone,omitzero"`
	Role               string         `json:"role"`
	CheckResult        *CheckResult   `json:"checkResult,omitzero"`
}

// An IP is one address of a task.
type IP struct {
	IPAddress string `json:"ipAddress"`
	Protocol  string `json:"protocol"` // IPv4 or IPv6
}

// A HealthResult is what one check says of a task.
type HealthResult struct {
	Alive               bool   `json:"alive"`
	ConsecutiveFailures int    `json:"consecutiveFailures"`
	FirstSuccess        string `json:"firstSuccess,omitzero"`
	LastSuccess         string `json:"lastSuccess,omitzero"`
	LastFailure         string `json:"lastFailure,omitzero"`
	LastFailureCause    string `json:"lastFailureCause,omitzero"`
	InstanceID          string `json:"instanceId"`
}

// A LocalVolume is a persistent volume of a task.
type LocalVolume struct {
	RunSpecID     string `json:"runSpecId"`
	ContainerPath string `json:"containerPath"`
	UUID          string `json:"uuid"`
	PersistenceID string `json:"persistenceId"`
}

// Tasks is a list of tasks.
type Tasks struct {
	Tasks []Task `json:"tasks"`
}

// OneTask is one task.
type OneTask struct {
	Task Task `json:"task"`
}

// TaskIDs is the body of POST /v2/tasks/delete.
type TaskIDs struct {
	IDs []string `json:"ids" rule:"required maxItems=100000"`
}

// A TaskFailure is the last end of an instance that nobody asked for.
type TaskFailure struct {
	AppID     string `json:"appId"`
	Host      string `json:"host"`
	Message   string `json:"message"`
	State     string `json:"state"`
	TaskID    string `json:"taskId"`
	Timestamp string `json:"timestamp"`
	Version   string `json:"version"`
	SlaveID   string `json:"slaveId,omitzero"`
}

// A ReadinessResult is what a readiness check says of a new task.
type ReadinessResult struct {
	Name   string `json:"name"`
	TaskID string `json:"taskId"`
	Ready  bool   `json:"ready"`
	// LastResponse is there where the check preserves it.
	LastResponse *ReadinessResponse `json:"lastResponse,omitzero"`
}

// TasksStats counts tasks by how old they are; a part without tasks is absent.
type TasksStats struct {
	StartedAfterLastScaling *StatsOf `json:"startedAfterLastScaling,omitzero"`
	WithLatestConfig        *StatsOf `json:"withLatestConfig,omitzero"`
	WithOutdatedConfig      *StatsOf `json:"withOutdatedConfig,omitzero"`
	TotalSummary            *StatsOf `json:"totalSummary,omitzero"`
}

// StatsOf wraps the numbers of one part, as Marathon does.
type StatsOf struct {
	Stats Stats `json:"stats"`
}

// Stats are counts, and how long the tasks have run.
type Stats struct {
	Counts   Counts    `json:"counts"`
	LifeTime *LifeTime `json:"lifeTime,omitzero"`
}

// Counts are tasks by state.
type Counts struct {
	Staged    int `json:"staged"`
	Running   int `json:"running"`
	Healthy   int `json:"healthy"`
	Unhealthy int `json:"unhealthy"`
}

// A LifeTime is how long the tasks of a part have run.
type LifeTime struct {
	AverageSeconds float64 `json:"averageSeconds"`
	MedianSeconds  float64 `json:"medianSeconds"`
}

// A Deployment is a running deployment (Marathon's DeploymentStepInfo).
type Deployment struct {
	ID             string   `json:"id"`
	Version        string   `json:"version"`
	AffectedApps   []string `json:"affectedApps"`
	AffectedPods   []string `json:"affectedPods"`
	Steps          []Step   `json:"steps"`
	CurrentActions []Action `json:"currentActions"`
	CurrentStep    int      `json:"currentStep"` // from 1; 0 before the first
	TotalSteps     int      `json:"totalSteps"`
}

// A Step is a stage of a deployment.
type Step struct {
	Actions []Action `json:"actions"`
	// When it began and, once it is over, how long it took: under /pacer/v1 only.
	StartedAt string   `json:"startedAt,omitzero"`
	Seconds   *float64 `json:"seconds,omitzero"`
}

// An Action is one app's part in a step.
type Action struct {
	Action                string            `json:"action"`
	Pod                   string            `json:"pod,omitzero"`
	App                   string            `json:"app,omitzero"`
	ReadinessCheckResults []ReadinessResult `json:"readinessCheckResults,omitzero"` // in currentActions only
}

// A Plan is a deployment inside an event.
type Plan struct {
	ID       string       `json:"id"`
	Steps    []Step       `json:"steps"`
	Version  string       `json:"version"`
	Original *GroupUpdate `json:"original,omitzero"` // an empty group, for clients that insist; absent with plan-format=light
	Target   *GroupUpdate `json:"target,omitzero"`
}

// Queue is the answer to GET /v2/queue.
type Queue struct {
	Queue []QueueItem `json:"queue"`
}

// A QueueItem is an app with instances still to launch, and why they wait.
type QueueItem struct {
	App                    App           `json:"app,omitzero"`
	Pod                    *Pod          `json:"pod,omitzero"`
	Count                  int           `json:"count"`
	Delay                  Delay         `json:"delay"`
	Since                  string        `json:"since"`
	ProcessedOffersSummary OffersSummary `json:"processedOffersSummary"`
	LastUnusedOffers       []UnusedOffer `json:"lastUnusedOffers,omitzero"`
}

// A Delay is how long an app still backs off. Overdue: it does not; it waits for a host.
type Delay struct {
	TimeLeftSeconds int  `json:"timeLeftSeconds"`
	Overdue         bool `json:"overdue"`
}

// An OffersSummary says why hosts were not taken. An offer is a host considered.
type OffersSummary struct {
	ProcessedOffersCount       int            `json:"processedOffersCount"`
	UnusedOffersCount          int            `json:"unusedOffersCount"`
	LastUnusedOfferAt          string         `json:"lastUnusedOfferAt,omitzero"`
	LastUsedOfferAt            string         `json:"lastUsedOfferAt,omitzero"`
	RejectSummaryLastOffers    []RejectReason `json:"rejectSummaryLastOffers"`
	RejectSummaryLaunchAttempt []RejectReason `json:"rejectSummaryLaunchAttempt"`
}

// A RejectReason is one stage of the funnel: of Processed hosts that passed the
// stages before, Declined did not pass this one.
type RejectReason struct {
	Reason    string `json:"reason"`
	Declined  int    `json:"declined"`
	Processed int    `json:"processed"`
}

// An UnusedOffer is a host that was considered and not taken.
type UnusedOffer struct {
	Offer     Offer    `json:"offer"`
	Reason    []string `json:"reason"`
	Timestamp string   `json:"timestamp"`
}

// An Offer is what a host has left to give.
type Offer struct {
	ID         string           `json:"id"`
	Hostname   string           `json:"hostname"`
	AgentID    string           `json:"agentId"`
	Resources  []OfferResource  `json:"resources"`
	Attributes []OfferAttribute `json:"attributes"`
}

// An OfferResource has an amount or, for ports, ranges.
type OfferResource struct {
	Name   string      `json:"name"`
	Role   string      `json:"role"`
	Scalar *float64    `json:"scalar,omitzero"`
	Ranges []PortRange `json:"ranges,omitzero"`
}

// An OfferAttribute has one of Mesos' three kinds of value.
type OfferAttribute struct {
	Name   string      `json:"name"`
	Text   *string     `json:"text,omitzero"`
	Scalar *float64    `json:"scalar,omitzero"`
	Ranges []PortRange `json:"ranges,omitzero"`
}

// A PortRange has both its ends.
type PortRange struct {
	Begin int64 `json:"begin"`
	End   int64 `json:"end"`
}

// An Info is the answer to GET /v2/info. Clients refuse keys that Marathon does
// not have: what is Pacer's own is never here.
type Info struct {
	Name            string         `json:"name"`
	Version         string         `json:"version"`
	BuildRef        string         `json:"buildref"`
	Elected         bool           `json:"elected"`
	Leader          string         `json:"leader,omitzero"`
	FrameworkID     string         `json:"frameworkId"`
	MarathonConfig  map[string]any `json:"marathon_config"`
	ZookeeperConfig map[string]any `json:"zookeeper_config"`
	HTTPConfig      HTTPConfig     `json:"http_config"`
}

// HTTPConfig are the ports of the API.
type HTTPConfig struct {
	HTTPPort  int `json:"http_port"`
	HTTPSPort int `json:"https_port"`
}

// A Leader is the answer to GET /v2/leader.
type Leader struct {
	Leader string `json:"leader"` // host:port
}

// Plugins is the answer to GET /v2/plugins.
type Plugins struct {
	Plugins []json.RawMessage `json:"plugins"`
}

// An Error is the body of every answer that is not a success.
type Error struct {
	Message     string          `json:"message"`
	Details     json.RawMessage `json:"details,omitzero"` // a list of FieldErrors, or a string
	Deployments []Ref           `json:"deployments,omitzero"`
}

// FieldErrors is all that is wrong with one field.
type FieldErrors struct {
	Path   string   `json:"path"`
	Errors []string `json:"errors"`
}

// A Message is an answer that only says something.
type Message struct {
	Message string `json:"message"`
}

// An Event is one event of the stream: its name, its number, and its JSON.
type Event struct {
	ID   uint64          // number in the log; 0 for events of the connection itself
	Type string          // Marathon's eventType
	Data json.RawMessage // with eventType and timestamp
}

// A GroupInfo is a folder of apps.
type GroupInfo struct {
	ID           string      `json:"id"`
	Apps         []AppInfo   `json:"apps,omitzero"`
	Groups       []GroupInfo `json:"groups,omitzero"`
	Pods         []PodStatus `json:"pods,omitzero"`
	Dependencies []string    `json:"dependencies"`
	Version      string      `json:"version"`
	EnforceRole  *bool       `json:"enforceRole,omitzero"` // where it is true: some clients fail on what they do not know
}

// A GroupUpdate is the body of POST and PUT /v2/groups.
type GroupUpdate struct {
	ID           string            `json:"id,omitzero"`
	Apps         []App             `json:"apps,omitzero"`
	Groups       []GroupUpdate     `json:"groups,omitzero"`
	Pods         []json.RawMessage `json:"pods,omitzero"`
	Dependencies []string          `json:"dependencies,omitzero"`
	ScaleBy      *float64          `json:"scaleBy,omitzero" rule:"min=0 max=100000"`
	Version      *string           `json:"version,omitzero"`
	EnforceRole  *bool             `json:"enforceRole,omitzero"`
}

// GroupSteps is what a group change would do (dryRun).
type GroupSteps struct {
	Steps []Step `json:"steps"`
}
