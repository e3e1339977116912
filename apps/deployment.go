package apps

import "time"

// An ActionKind is what a step of a deployment does to an app (Marathon's words).
type ActionKind string

// The kinds of action.
const (
	StartApplication   ActionKind = "StartApplication"
	ScaleApplication   ActionKind = "ScaleApplication"
	RestartApplication ActionKind = "RestartApplication"
	StopApplication    ActionKind = "StopApplication"
)

// An Action is one app's part in a step.
type Action struct {
	Kind ActionKind `json:"action"`
	App  ID         `json:"app"`
	Pod  bool       `json:"pod,omitempty"` // the app is a pod
}

// A Step is a stage of a deployment; its actions run side by side.
type Step struct {
	Actions []Action `json:"actions"`
}

// A DeploymentState is how a deployment stands or ended.
type DeploymentState string

// The states of a deployment.
const (
	DeploymentRunning   DeploymentState = "running"
	DeploymentSucceeded DeploymentState = "succeeded"
	DeploymentCancelled DeploymentState = "cancelled"
	DeploymentFailed    DeploymentState = "failed"
)

// A Deployment is the way from one set of specs to the next. Step is a mark of
// progress only: what is done at any moment follows from comparing the specs with
// the instances, so a deployment survives any change of leader.
type Deployment struct {
	ID      string  `json:"id"` // UUID
	Version Version `json:"version"`
	Steps   []Step  `json:"steps"`
	Step    int     `json:"step"` // 0 <= Step <= len(Steps); the one being worked on
	// StepStarted is when each step began, up to the one being worked on; the end of one
	// is the start of the next. Zero where it is not known.
	StepStarted []time.Time `json:"stepStarted,omitempty"`
	Old         map[ID]*App `json:"old"` // the specs before; nil where the app is new
	// OldGroups are the groups before that it made, changed or deleted; nil where it made one.
	OldGroups map[ID]*Group   `json:"oldGroups,omitempty"`
	Kill      []string        `json:"kill,omitempty"` // instances named as the victims of a scale-down
	Started   time.Time       `json:"started"`
	Ended     time.Time       `json:"ended,omitzero"`
	State     DeploymentState `json:"state"`
	Reason    string          `json:"reason,omitempty"` // why it failed or was cancelled
	By        string          `json:"by,omitempty"`     // who asked: a client's address, or what of the platform

	// Rollback: when it cannot succeed it fails by itself, and another deployment
	// goes back to the specs before. Otherwise it tries on for ever, as Marathon's do.
	Rollback bool       `json:"rollback,omitempty"`
	Failures map[ID]int `json:"failures,omitempty"` // instances of the new specs that failed
	Trouble  string     `json:"trouble,omitempty"`  // why it does not get on, in words; may pass
	Cause    Cause      `json:"cause,omitempty"`    // of Trouble
	Next     string     `json:"next,omitempty"`     // the deployment that goes back, when it failed

	// Paused: it stays where it is until it is resumed; Frozen is what the apps that it
	// was at had then.
	Paused bool          `json:"paused,omitempty"`
	Frozen map[ID]Frozen `json:"frozen,omitempty"`
}

// Frozen is how many instances an app has while its deployment is paused.
type Frozen struct {
	Current int `json:"current"` // of the new configuration
	Old     int `json:"old"`     // of older ones
}

// A Cause is the kind of trouble that a deployment is in.
type Cause string

// The causes of trouble.
const (
	CauseFailing     Cause = "failing"     // instances of the new specs fail again and again
	CauseUnplaceable Cause = "unplaceable" // no host takes them
)

// Affects reports whether the deployment has an action on the app, and in which
// step the last one is.
func (d *Deployment) Affects(app ID) (step int, ok bool) {
	for i := len(d.Steps) - 1; i >= 0; i-- {
		for _, a := range d.Steps[i].Actions {
			if a.App == app {
				return i, true
			}
		}
	}
	return 0, false
}

// Action is what the step being worked on does to the app.
func (d *Deployment) Action(app ID) (ActionKind, bool) {
	if d.Step < len(d.Steps) {
		for _, a := range d.Steps[d.Step].Actions {
			if a.App == app {
				return a.Kind, true
			}
		}
	}
	return "", false
}

// A Notice is what the platform tells the world: on Marathon's wire, an event.
// Seq is dense: n+1 follows n, across changes of leader.
type Notice struct {
	Seq        uint64      `json:"seq"`
	At         time.Time   `json:"at"`
	Type       string      `json:"type"` // Marathon's eventType
	App        ID          `json:"app,omitempty"`
	Version    Version     `json:"version,omitempty"`
	Instance   *Instance   `json:"instance,omitempty"`  // as it was then
	Status     string      `json:"status,omitempty"`    // TASK_…, or a condition like Running
	Container  string      `json:"container,omitempty"` // of a pod's instance: which one it is about
	Healthy    *bool       `json:"healthy,omitempty"`
	Check      *Check      `json:"check,omitempty"`
	Spec       *App        `json:"spec,omitempty"`
	Deployment *Deployment `json:"deployment,omitempty"`
	Job        JobID       `json:"job,omitempty"`
	Run        *Run        `json:"run,omitempty"` // as it was then
	Role       *Role       `json:"role,omitempty"`
	Settings   *Settings   `json:"settings,omitempty"`
	Host       string      `json:"host,omitempty"`
	Message    string      `json:"message,omitempty"`
	ClientIP   string      `json:"clientIp,omitempty"`
	URI        string      `json:"uri,omitempty"`
}
