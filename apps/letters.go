package apps

import (
	"slices"
	"time"
)

// A Stamp orders the letters of one sender: a later epoch is a newer leader, a
// later revision a newer letter of the same leader.
type Stamp struct {
	Epoch    uint64 `json:"epoch"`
	Revision uint64 `json:"revision"`
}

// After reports whether s is newer than o; receivers drop what is not.
func (s Stamp) After(o Stamp) bool {
	return s.Epoch > o.Epoch || s.Epoch == o.Epoch && s.Revision > o.Revision
}

// An Assignment is everything one host shall run: the whole set, not a change,
// so that a lost letter is healed by the next one and a repeated one is harmless.
// What the host runs of ours that is not in it is to be stopped and removed.
type Assignment struct {
	Stamp
	Host string `json:"host"`
	// Boot is that of the report which this letter answers; 0, of older servers, is any. An agent drops
	// letters to an earlier life of its own: it has forgotten their successors, so a
	// late one would start again what has long ended.
	Boot      int64      `json:"boot,omitempty"`
	Specs     []*App     `json:"specs"` // once per (app, version) that Instances name
	Instances []Assigned `json:"instances"`
	// Wipe names the claims whose directories are to be deleted. What is on neither
	// list stays as it is.
	Wipe []string `json:"wipe,omitempty"`
	// Enforced names those apps of Specs whose group enforces its role: what starts now is
	// told so.
	Enforced []ID `json:"enforced,omitempty"`
}

// Assigned is one instance of an Assignment.
type Assigned struct {
	ID      string  `json:"id"`
	App     ID      `json:"app"`
	Version Version `json:"version"`
	Ports   []int   `json:"ports,omitempty"` // host ports in the order of App.Ports; 0 is none
	// Ran: the leader has seen it run. An agent that does not find its container then
	// reports it Lost instead of starting it.
	Ran bool `json:"ran,omitempty"`
	// Claim is its persistent volumes. It starts only when nothing else on the host has
	// them.
	Claim string `json:"claim,omitempty"`
	Made  bool   `json:"made,omitempty"` // their directories must exist
}

// A Report is everything one host runs, as its agent sees it. It is the only
// receipt for an Assignment.
type Report struct {
	Host     Host             `json:"host"`           // what it is and has; the agent leaves the leader's fields empty
	Boot     int64            `json:"boot"`           // start of the agent, ms; a later boot is a newer agent
	Revision uint64           `json:"revision"`       // of this agent's reports; grows when anything below changes
	Applied  Stamp            `json:"applied"`        // the newest assignment it has taken over
	Down     string           `json:"down,omitempty"` // why its engine cannot be driven; empty when it can
	Runs     []InstanceReport `json:"runs"`           // all of ours, assigned or not
	// Beat: nothing changed since Revision, so Runs is left out. A leader that does
	// not have Revision sends the assignment again: an agent answers every
	// assignment, new or repeated, with a full report.
	Beat bool `json:"beat,omitempty"`
	// Evidence is about instances that failed, a few at a time and each a few times. It
	// is no part of the state that Revision numbers.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Wiped are the claims of the applied assignment's Wipe that are deleted.
	Wiped []string `json:"wiped,omitempty"`
}

// A Phase is how far a host has come with an instance.
type Phase string

// The phases of an instance on its host.
const (
	PhaseQueued   Phase = "queued"   // waits for its turn to start
	PhaseStarting Phase = "starting" // pulling, creating, starting
	PhaseRunning  Phase = "running"
	PhaseStopping Phase = "stopping" // no longer assigned; being stopped and removed
	PhaseExited   Phase = "exited"   // it ran and ended; kept until it is no longer assigned
	PhaseFailed   Phase = "failed"   // could not be started
)

// An InstanceReport is what a host says of one instance.
type InstanceReport struct {
	ID    string `json:"id"`
	Phase Phase  `json:"phase"`
	Ready bool   `json:"ready,omitempty"` // running, and every check passes
	// Unknown: it runs, but this agent is new and its checks have not answered yet.
	// Ready and Health say nothing; the leader keeps what it had.
	Unknown  bool      `json:"unknown,omitempty"`
	Lost     bool      `json:"lost,omitempty"` // exited: its container vanished, nobody knows how it ended
	IP       string    `json:"ip,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Health   []Health  `json:"health,omitempty"`
	ExitCode int       `json:"exitCode,omitempty"`
	Message  string    `json:"message,omitempty"` // why it failed, or what it waits for
	Needs    Resources `json:"needs"`             // what it holds, from its container's labels
	Parts    []Part    `json:"parts,omitempty"`   // of a pod: its containers
	// What App.Gauge and App.Readiness heard last; nil: nothing yet.
	Reading   *Reading     `json:"reading,omitempty"`
	LastReady *ReadyAnswer `json:"lastReady,omitempty"`
}

// A Service is the public face of an app: the traffic that is meant for it and
// the endpoints that may receive it now.
type Service struct {
	Stamp
	App       ID            `json:"app"`
	Gone      bool          `json:"gone,omitempty"`      // the app was deleted
	Ports     []ServicePort `json:"ports,omitempty"`     // in the order of App.Ports
	Endpoints []Endpoint    `json:"endpoints,omitempty"` // ready ones, ordered by instance
	BlueGreen *BlueGreen    `json:"blueGreen,omitempty"` // nil: the app stands for itself
}

// A BlueGreen says that apps share their traffic while the newest of them takes it
// over: for each instance that it has ready, one of the older ones gets no new
// requests, as long as Target instances are left.
type BlueGreen struct {
	Group   string `json:"group"`
	Started string `json:"started,omitempty"` // a time; the newest is the one that sorts last
	Target  int    `json:"target"`
}

// Same reports whether two say the same; nil is the same as nil.
func (b *BlueGreen) Same(o *BlueGreen) bool {
	return b == o || b != nil && o != nil && *b == *o
}

// A ServicePort is one port of an app as clients see it.
type ServicePort struct {
	Name     string  `json:"name,omitempty"`
	Protocol string  `json:"protocol"`       // "tcp", "udp" or "udp,tcp"
	Port     int     `json:"port"`           // on the load balancer; 0 is none
	HTTP     bool    `json:"http,omitempty"` // speaks HTTP: the balancer may read and retry requests
	Routes   []Route `json:"routes,omitempty"`
	// Sticky: a client stays with the instance that answered it first, by a cookie.
	Sticky bool `json:"sticky,omitempty"`
	// ToHTTPS: who comes to a route over plain HTTP is sent to HTTPS.
	ToHTTPS bool `json:"toHTTPS,omitempty"`
	// Hidden: no balancer serves it; its endpoints are told all the same.
	Hidden bool `json:"hidden,omitempty"`
	// Groups: balancers that are in groups themselves serve it only if they share one.
	Groups []string `json:"groups,omitempty"`
}

// Same reports whether two ports are served in the same way.
func (p ServicePort) Same(o ServicePort) bool {
	return p.Name == o.Name && p.Protocol == o.Protocol && p.Port == o.Port && p.HTTP == o.HTTP &&
		p.Sticky == o.Sticky && p.ToHTTPS == o.ToHTTPS && p.Hidden == o.Hidden &&
		slices.Equal(p.Routes, o.Routes) && slices.Equal(p.Groups, o.Groups)
}

// A Route sends requests of a virtual host, and of a path prefix where one is
// given, to a port of an app.
type Route struct {
	Host string `json:"host"`
	Path string `json:"path,omitempty"`
}

// An Endpoint is where one instance answers.
type Endpoint struct {
	Instance string  `json:"instance"`
	Version  Version `json:"version"`
	Host     string  `json:"host"`  // the host's name
	Addr     string  `json:"addr"`  // the host's address, or the container's where no host port is published
	Ports    []int   `json:"ports"` // in the order of Service.Ports; 0 is none
	// Suspect: its host is silent. To be used only where nothing better is left.
	Suspect bool `json:"suspect,omitempty"`
}

// A Roster names every app that has a Service, so that a balancer can tell what
// it lacks and what it must forget.
type Roster struct {
	Stamp
	Apps map[ID]Stamp `json:"apps"`
}

// Addresses says where the cluster's own parts answer, for those who give names to
// them.
type Addresses struct {
	Stamp
	Leader  string   `json:"leader,omitempty"`  // IP:PORT of its API; empty: it has told none
	Servers []string `json:"servers,omitempty"` // IP:PORT of all servers' APIs, in order
	Hosts   []string `json:"hosts,omitempty"`   // IP addresses of all hosts that are not lost, each once, in order
}

// Same reports whether two say the same, whenever they were written.
func (a Addresses) Same(o Addresses) bool {
	return a.Leader == o.Leader && slices.Equal(a.Servers, o.Servers) && slices.Equal(a.Hosts, o.Hosts)
}

// A Server is the letter of a server that does not lead to the one that does: that it
// lives, and where.
type Server struct {
	Name string `json:"name"` // one name per process, never reused
	Addr string `json:"addr"` // IP:PORT of its API
}

// Serving is the letter of a load balancer to the leader: that it lives, and
// what it serves.
type Serving struct {
	Balancer string       `json:"balancer"`         // one name per process, never reused
	Revision uint64       `json:"revision"`         // of this balancer's letters; grows with each, the newest wins
	Served   map[ID]Stamp `json:"served,omitempty"` // receipts: it serves these revisions, and none older
	Busy     []string     `json:"busy,omitempty"`   // instances out of its table with requests still in flight
	Digest   uint64       `json:"digest"`           // Digest over all that it serves
	Want     []ID         `json:"want,omitempty"`   // services it lacks; the leader sends them
	Leaving  bool         `json:"leaving,omitempty"`
}

// Digest adds one service to the digest of a table; the sum over all services, in
// any order, is equal exactly (but for chance) when the tables are.
func Digest(app ID, s Stamp) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(app) {
		h = (h ^ uint64(app[i])) * 1099511628211
	}
	h ^= s.Epoch*0x9E3779B97F4A7C15 + s.Revision*0xC2B2AE3D27D4EB4F
	h ^= h >> 32
	return h * 0xD6E8FEB86659FD93
}
