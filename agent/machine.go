// Package agent makes one host run what it was assigned, and reports what it runs.
package agent

import (
	"context"
	"io"
	"time"

	"pacer/apps"
)

// SKETCH of the seams; the bodies come in the next commits.

// A Container is one container of ours as the engine shows it. What it is is read
// from its labels alone: the engine is the agent's only database.
type Container struct {
	Instance string       // label: the instance's id
	App      apps.ID      // label
	Version  apps.Version // label
	Epoch    uint64       // label: the leader that had it started
	Needs    apps.Resources
	Ports    []int         // label: host ports in the order of App.Ports
	Grace    time.Duration // label: SIGTERM to SIGKILL
	Running  bool
	Started  time.Time
	ExitCode int    // where not Running
	OOM      bool   // where not Running: killed for its memory limit
	IP       string // of the container; empty with host networking
}

// An Event is what reaches the machine.
type Event interface{ event() }

type (
	// Assigned is the leader's letter.
	Assigned struct{ apps.Assignment }
	// Listed is everything the engine has of ours, or why it could not be asked.
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
	}
	// Probed is one answer of a check (index into App.Checks), or of the readiness
	// check (index ReadyCheckIndex).
	Probed struct {
		Instance string
		Check    int
		OK       bool
		Cause    string // where not OK
		Ignore   bool   // neither success nor failure (ignoreHttp1xx)
	}
	// Engine is what the host is and has.
	Engine struct{ Host apps.Host }
)

// ReadyCheckIndex is the Check of a Probe for App.Readiness[0].
const ReadyCheckIndex = -1

func (Assigned) event() {}
func (Listed) event()   {}
func (Changed) event()  {}
func (Did) event()      {}
func (Probed) event()   {}
func (Engine) event()   {}

// Effects is what the host has to do because of one Step, in any order. Each may
// fail; a Did or a List tells.
type Effects struct {
	Start  []Launch
	Stop   []Halt
	Remove []string // instances whose container is to go; it does not run
	Probe  []Probe
	List   bool         // ask the engine for everything
	Report *apps.Report // to the leader
}

// OpKind names an operation on a container.
type OpKind string

// The operations.
const (
	OpStart  OpKind = "start"
	OpStop   OpKind = "stop"
	OpRemove OpKind = "remove"
)

// A Launch is one instance to pull, create and start.
type Launch struct {
	Instance string
	App      *apps.App
	Ports    []int
	Epoch    uint64
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
}

// A Runtime drives a Docker engine. Every call has a deadline of its own.
type Runtime interface {
	// Info is what the engine is and has: cores, memory, disk, version.
	Info(ctx context.Context) (apps.Host, error)
	// List returns all containers of ours, running or not.
	List(ctx context.Context) ([]Container, error)
	// Watch calls changed with each container of ours that changes, until ctx ends
	// or the engine's event stream breaks; it returns why. connected is called once
	// the stream stands: what changed before has to be listed.
	Watch(ctx context.Context, connected func(), changed func(Container)) error
	// Start pulls, creates and starts; a container of that instance that exists
	// already is started or taken as it is. retry: the engine is at fault, not the
	// instance.
	Start(ctx context.Context, l Launch) (c Container, retry bool, err error)
	// Stop sends SIGTERM, waits, sends SIGKILL. No such container is success.
	Stop(ctx context.Context, instance string, grace time.Duration) error
	// Remove removes a container and its sandbox. No such container is success.
	Remove(ctx context.Context, instance string) error
	// Exec runs a shell command in the container and returns its exit code and up
	// to 4 KiB of what it printed.
	Exec(ctx context.Context, instance, command string) (code int, output string, err error)
	// Logs copies what the instance printed: the last tail lines (0: all), then, with
	// follow, what comes, until ctx ends or the container does.
	Logs(ctx context.Context, instance string, tail int, follow bool, stdout, stderr io.Writer) error
}
