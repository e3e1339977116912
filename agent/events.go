package agent

import (
	"time"

	"pacer/apps"
)

// An Event is what reaches the machine.
type Event interface{ event() }

type (
	// Assigned is the leader's letter.
	Assigned struct{ apps.Assignment }
	// Listed is everything the engine has of ours, or why it could not be asked: the
	// one answer to one List.
	Listed struct {
		Containers []Container
		Err        string
	}
	// Changed is one container as the engine's event stream shows it now.
	Changed struct{ Container Container }
	// Did is the outcome of an Op.
	Did struct {
		Op        OpKind
		Instance  string
		Container Container // of a Start that worked
		Err       string    // empty: it worked
		Retry     bool      // Err is the engine's trouble, not the instance's: try again
		Log       string    // of an Evidence: what the instance printed last, as far as it could be had
	}
	// Probed is one answer of a check (index into App.Checks), of the readiness check
	// (index ReadyCheckIndex) or of the gauge (index GaugeIndex).
	Probed struct {
		Instance string
		Check    int
		OK       bool
		Cause    string // where not OK
		Ignore   bool   // neither success nor failure (ignoreHttp1xx)
		Status   int    // of HTTP; 0: there was none
		Type     string // of HTTP: of its body
		ExitCode int    // of a command
		Body     string // the start of it, or of what a command printed
		Took     time.Duration
	}
	// Engine is what the host is and has. It comes whenever the engine can be
	// watched (again): what happened before has to be listed.
	Engine struct {
		Host  apps.Host
		Cores int // of the machine itself, whatever Host.Total offers; 0: as Host.Total
	}
	// Unwatched is the engine's event stream having broken. Whether the engine is
	// away, the next list tells.
	Unwatched struct{ Cause string }
)

// What is asked where it is none of App.Checks: the Check of a Probe for
// App.Readiness[0], and for App.Gauge.
const (
	ReadyCheckIndex = -1
	GaugeIndex      = -2
)

func (Assigned) event()  {}
func (Listed) event()    {}
func (Changed) event()   {}
func (Did) event()       {}
func (Probed) event()    {}
func (Engine) event()    {}
func (Unwatched) event() {}

// Effects is what the host has to do because of one Step, in any order. Each may
// fail; a Did or a List tells.
type Effects struct {
	Start  []Launch
	Cancel []string // instances whose Start is to be given up; its Did comes all the same
	Stop   []Halt
	Remove []string // instances whose container is to go; it does not run
	Wipe   []string // claims whose volumes are to be deleted
	// Evidence is instances that failed, whose logs are wanted before their containers
	// are removed.
	Evidence []string
	Probe    []Probe
	List     bool         // ask the engine for everything
	Report   *apps.Report // to the leader
}

// Empty reports whether there is nothing to do.
func (fx *Effects) Empty() bool {
	return len(fx.Start) == 0 && len(fx.Cancel) == 0 && len(fx.Stop) == 0 && len(fx.Remove) == 0 && len(fx.Wipe) == 0 &&
		len(fx.Evidence) == 0 && len(fx.Probe) == 0 && !fx.List && fx.Report == nil
}

// OpKind names an operation on a container.
type OpKind string

// The operations.
const (
	OpStart  OpKind = "start"
	OpStop   OpKind = "stop"
	OpRemove OpKind = "remove"
	OpWipe   OpKind = "wipe" // of a claim: its Did names that as the instance
	// OpEvidence fails with nothing but a log less.
	OpEvidence OpKind = "evidence"
)

// A Launch is one instance to pull, create and start.
type Launch struct {
	Instance string
	App      *apps.App
	Ports    []int
	Epoch    uint64
	Claim    string // of its persistent volumes; empty: it has none
	Made     bool   // their directories must exist
	Enforced bool   // its group enforces its role
}

// A Halt is one instance to stop: SIGTERM, Grace, SIGKILL.
type Halt struct {
	Instance string
	Grace    time.Duration
}

// A Probe is one question to ask an instance.
type Probe struct {
	Instance string
	Check    int
	App      *apps.App
	Ports    []int
	IP       string // of the container
	IP6      string
}
