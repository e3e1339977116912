package apps

import "time"

// A Gauge asks an instance something again and again, and the last answer is told with
// its task; nothing follows from it (Marathon's check).
type Gauge struct {
	Protocol  string        `json:"protocol"` // HTTP, HTTPS, TCP or COMMAND
	Path      string        `json:"path,omitempty"`
	PortIndex int           `json:"portIndex,omitempty"` // into App.Ports
	Command   string        `json:"command,omitempty"`
	Interval  time.Duration `json:"interval"`
	Timeout   time.Duration `json:"timeout"`
	Delay     time.Duration `json:"delay,omitempty"` // after the start
}

// Check is the gauge as a health check asks.
func (g *Gauge) Check() Check {
	return Check{Protocol: g.Protocol, Path: g.Path, PortIndex: g.PortIndex, Command: g.Command, Timeout: g.Timeout}
}

// A Reading is the last answer to a Gauge. Which part of it counts, its protocol says.
type Reading struct {
	Status   int  `json:"status,omitempty"` // of HTTP; 0: nothing answered
	Open     bool `json:"open,omitempty"`   // TCP: somebody took the connection
	ExitCode int  `json:"exitCode,omitempty"`
}

// A ReadyAnswer is the last answer to a readiness check that keeps it.
type ReadyAnswer struct {
	Status      int    `json:"status"`
	ContentType string `json:"contentType,omitempty"`
	Body        string `json:"body,omitempty"` // at most 1 KiB
}

// Same reports whether two pointers are at equal values, or both at none.
func Same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }
