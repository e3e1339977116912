package apps

import "time"

// A Host is a machine with a Docker engine and an agent.
type Host struct {
	Name       string            `json:"name"`
	Addr       string            `json:"addr"` // where its published ports answer
	Total      Resources         `json:"total"`
	Ports      []Range           `json:"ports"`                // host ports that may be given out
	Attributes map[string]string `json:"attributes,omitempty"` // Mesos text form of each value
	Role       string            `json:"role,omitempty"`       // that its resources belong to; empty: to all
	Zone       string            `json:"zone,omitempty"`
	Region     string            `json:"region,omitempty"`
	Engine     string            `json:"engine,omitempty"` // version of the Docker engine
	Agent      string            `json:"agent,omitempty"`  // version of the agent

	Cordoned bool      `json:"cordoned,omitempty"` // gets nothing new
	Draining bool      `json:"draining,omitempty"` // what runs on it is moved away, within the apps' capacity rules
	Silent   bool      `json:"silent,omitempty"`   // not heard for some beats: it gets nothing new; what runs there may run well
	Lost     bool      `json:"lost,omitempty"`     // silent for too long, or its engine is away
	Since    time.Time `json:"since,omitzero"`     // Lost or up since then
	Message  string    `json:"message,omitempty"`
}

// A Range is an inclusive range of port numbers.
type Range struct {
	First int `json:"first"`
	Last  int `json:"last"`
}
