package apps

import "time"

// An Answer is how a request with an Idempotency-Key was answered, kept so that the
// same request, sent again because its answer was lost, gets it and changes nothing.
type Answer struct {
	Key        string  `json:"key"`
	Digest     string  `json:"digest"` // of the request: the same key for another is refused
	Deployment string  `json:"deployment"`
	Version    Version `json:"version"`
	Created    ID      `json:"created,omitempty"` // what was made by it; empty: nothing

	Killed []Instance `json:"killed,omitempty"` // where it killed: those that were stopped, as they were
	Run    *Run       `json:"run,omitempty"`    // where it started a run
	At     time.Time  `json:"at"`
}
