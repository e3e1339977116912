package agent

import (
	"context"
	"io"
	"time"

	"pacer/apps"
)

// A Container is one container of ours as the engine shows it. What it is is read
// from its labels alone: the engine is the agent's only database.
type Container struct {
	Instance string       // label: the instance's id
	App      apps.ID      // label
	Version  apps.Version // label
	Epoch    uint64       // label: the leader that had it started
	Claim    string       // label: of its persistent volumes
	Needs    apps.Resources
	Ports    []int         // label: host ports in the order of App.Ports
	Grace    time.Duration // label: SIGTERM to SIGKILL
	Running  bool
	Started  time.Time // zero: it was made but never ran
	ExitCode int       // where not Running
	OOM      bool      // where not Running: killed for its memory limit
	MemMax   int64     // that limit, MiB; 0 is Needs.Mem, apps.Unlimited is none
	IP       string    // of the container; empty with host networking
	IP6      string    // the same of IPv6
	// Of a pod: its containers, in order, and whether some of them still run though it
	// has ended, or run already though not all do.
	Parts []apps.Part
	Rest  bool
}

// A Runtime drives a Docker engine. Every call has a deadline of its own. A pod's
// instance is one Container, whatever it is made of: it runs when all its containers
// run, and has ended when one of them has. Exec and Logs take apps.PartID for one of
// them; without, Exec takes the first and Logs tells of all.
type Runtime interface {
	// Info is what the engine is and has: cores, memory, disk, version.
	Info(ctx context.Context) (apps.Host, error)
	// List returns all containers of ours, running or not.
	List(ctx context.Context) ([]Container, error)
	// Watch calls changed with each container of ours that changes, until ctx ends
	// or the engine's event stream breaks; it returns why. connected is called once
	// the stream stands: what changed before has to be listed.
	Watch(ctx context.Context, connected func(), changed func(Container)) error
	// Start pulls, creates and starts. A container of that instance that exists
	// already is started if it never ran, else taken as it is, even ended. retry: the
	// engine is at fault, not the instance.
	Start(ctx context.Context, l Launch) (c Container, retry bool, err error)
	// Stop sends SIGTERM, waits, sends SIGKILL. No such container is success.
	Stop(ctx context.Context, instance string, grace time.Duration) error
	// Remove removes a container and its sandbox. No such container is success.
	Remove(ctx context.Context, instance string) error
	// Wipe deletes the volumes of a claim. No such claim is success.
	Wipe(ctx context.Context, claim string) error
	// Exec runs a shell command in the container and returns its exit code and up
	// to 4 KiB of what it printed.
	Exec(ctx context.Context, instance, command string) (code int, output string, err error)
	// Logs copies what the instance printed: the last tail lines (0: all), then, with
	// follow, what comes, until ctx ends or the container does.
	Logs(ctx context.Context, instance string, tail int, follow bool, stdout, stderr io.Writer) error
}
