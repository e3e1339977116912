package apps

import (
	"fmt"
	"slices"
	"time"
)

// A State is where an instance stands. It only ever moves forward.
//
//	Waiting → Starting → Running → Draining → Stopping → Gone
//
// Any state may be left for Gone: the container died, or never lived.
type State uint8

// The states of an instance.
const (
	Waiting  State = iota // wanted; no host yet
	Starting              // has a host; its container is coming up
	Running               // its container runs; Ready says whether it may get traffic
	Draining              // leaving the load balancers, finishing its requests
	Stopping              // its host was told to stop it
	Gone                  // its container is known not to exist any more
)

var stateNames = [...]string{"waiting", "starting", "running", "draining", "stopping", "gone"}

func (s State) String() string { return stateNames[s] }

// MarshalText writes the word for the state.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word for a state.
func (s *State) UnmarshalText(b []byte) error {
	i := slices.Index(stateNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is no state of an instance", b)
	}
	*s = State(i)
	return nil
}

// An Instance is one container of one version of one app.
type Instance struct {
	ID      string    `json:"id"` // Marathon's instance id: "shop_web.instance-<uuid>"; never reused
	Serial  uint64    `json:"serial"`
	App     ID        `json:"app"`
	Version Version   `json:"version"`
	Role    string    `json:"role"` // App.FairRole when it was made
	Needs   Resources `json:"needs"`

	// Claim is the persistent volumes it has, or waits for; empty: none.
	Claim string `json:"claim,omitempty"`

	Host  string `json:"host,omitempty"`  // empty while Waiting
	Addr  string `json:"addr,omitempty"`  // the host's address, for clients
	Ports []int  `json:"ports,omitempty"` // host ports in the order of App.Ports; 0 is none
	IP    string `json:"ip,omitempty"`    // of the container; the host's with NetworkHost

	MoveTo   string `json:"moveTo,omitempty"`   // the host that it is being moved to; empty: none
	MoveNo   int    `json:"moveNo,omitempty"`   // its turn among those that are being moved
	Replaces string `json:"replaces,omitempty"` // the instance that is being moved, whose place it takes; empty: none

	Preempted bool `json:"preempted,omitempty"` // it goes to make way for a role below its guarantee

	State       State     `json:"state"`
	Ready       bool      `json:"ready,omitempty"`       // Running and all checks pass
	WasReady    bool      `json:"wasReady,omitempty"`    // Ready at least once
	Unreachable bool      `json:"unreachable,omitempty"` // its host is silent
	Health      []Health  `json:"health,omitempty"`      // in the order of App.Checks
	Since       time.Time `json:"since"`                 // State was entered
	Staged      time.Time `json:"staged,omitzero"`       // placed
	Started     time.Time `json:"started,omitzero"`      // its container ran
	ReadyAt     time.Time `json:"readyAt,omitzero"`      // Ready for the first time
	NotBefore   time.Time `json:"notBefore,omitzero"`    // Waiting: backing off until then
	Message     string    `json:"message,omitempty"`     // why it is as it is, for people
	Parts       []Part    `json:"parts,omitempty"`       // of a pod: its containers

	Reading   *Reading     `json:"reading,omitempty"`   // of App.Gauge; nil: none yet
	LastReady *ReadyAnswer `json:"lastReady,omitempty"` // to App.Readiness, where that keeps it
}

// PartTaskID is the id of one container of a pod's instance.
func (in *Instance) PartTaskID(container string) string { return in.ID + "." + container + ".1" }

// TaskID is the id on Marathon's wire: one container, first incarnation.
func (in *Instance) TaskID() string { return in.ID + "._app.1" }

// InstanceOfTask is the instance id in a Marathon task id: of an app, or of a container
// of a pod.
func InstanceOfTask(task string) string {
	instance, _ := SplitPart(task)
	return instance
}

// Health is what one check says about an instance. It travels when Alive flips
// and with its first failure, not with every probe.
type Health struct {
	Alive        bool      `json:"alive"`
	Known        bool      `json:"known"` // at least one probe has been answered for or counted
	Failures     int       `json:"failures,omitempty"`
	FirstSuccess time.Time `json:"firstSuccess,omitzero"`
	LastSuccess  time.Time `json:"lastSuccess,omitzero"`
	LastFailure  time.Time `json:"lastFailure,omitzero"`
	Cause        string    `json:"cause,omitempty"` // of the last failure
	Kill         bool      `json:"kill,omitempty"`  // failed as often as the check allows
	// Last is the last answer of all. Of a check that is alive it travels in Evidence
	// alone.
	Last *CheckAnswer `json:"last,omitempty"`
}

// A CheckAnswer is what one question of a check brought, for people.
type CheckAnswer struct {
	At      time.Time `json:"at"`
	OK      bool      `json:"ok,omitempty"`
	Status  int       `json:"status,omitempty"` // of HTTP; 0: there was none
	Body    string    `json:"body,omitempty"`   // or what a command printed; at most 1 KiB
	Error   string    `json:"error,omitempty"`  // why it is no success
	Latency int64     `json:"latency"`          // until it came or was given up, ms
}

// An End is why and how an instance is gone.
type End string

// The ways an instance ends.
const (
	EndStopped   End = "stopped"   // we told it to
	EndFinished  End = "finished"  // exit code 0
	EndFailed    End = "failed"    // exit code not 0, or it never came up
	EndUnhealthy End = "unhealthy" // killed for its health checks
	EndLost      End = "lost"      // its host or container vanished
	EndPreempted End = "preempted" // it made way for a role below its guarantee
)

// A Finished is an instance that is gone, for the history.
type Finished struct {
	Instance
	End      End       `json:"end"`
	ExitCode int       `json:"exitCode,omitempty"`
	At       time.Time `json:"at"`
}

// What is kept of a log as Evidence.
const (
	EvidenceLines = 100
	EvidenceBytes = 16 << 10
)

// Evidence is what is left of an instance that ended by itself, could not start or was
// killed for its health checks. Its host gathers it before it removes the container,
// and tells it a few times, without a receipt: it may be lost in a crash, or while
// nobody leads.
type Evidence struct {
	Instance string    `json:"instance"`
	App      ID        `json:"app"`
	At       time.Time `json:"at"`               // when the leader heard of it; the host leaves it empty
	Log      string    `json:"log,omitempty"`    // the last EvidenceLines lines, at most EvidenceBytes bytes
	Health   []Health  `json:"health,omitempty"` // in the order of App.Checks, each with its last answer
}

// A Failure is an end that nobody asked for, with what is left to explain it.
type Failure struct {
	Finished
	Evidence *Evidence `json:"evidence,omitempty"` // nil: there is none, or not yet
}
