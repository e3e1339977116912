package wire

import "encoding/json"

// Hosts is the answer to GET /pacer/v1/hosts.
type Hosts struct {
	Hosts []Host `json:"hosts"`
}

// A Host is a machine with a Docker engine and an agent.
type Host struct {
	Name       string            `json:"name"`
	Addr       string            `json:"addr"`
	Role       string            `json:"role,omitzero"` // that its resources belong to; absent: to all
	Zone       string            `json:"zone,omitzero"`
	Region     string            `json:"region,omitzero"`
	Engine     string            `json:"engine,omitzero"` // version of the Docker engine
	Agent      string            `json:"agent,omitzero"`  // version of the agent
	Total      Resources         `json:"total"`
	Used       Resources         `json:"used"` // by the instances placed on it
	Ports      string            `json:"ports"`
	Attributes map[string]string `json:"attributes"`
	Instances  int               `json:"instances"`
	State      string            `json:"state"` // up, silent, cordoned, draining, drained or lost
	Cordoned   bool              `json:"cordoned"`
	Draining   bool              `json:"draining"` // what runs on it is moved away; drained once Instances is 0
	Lost       bool              `json:"lost"`
	Since      string            `json:"since,omitzero"`
	Message    string            `json:"message,omitzero"`
}

// Resources as Marathon writes them: cores, MiB, MiB, pieces.
type Resources struct {
	Cpus float64 `json:"cpus"`
	Mem  int64   `json:"mem"`
	Disk int64   `json:"disk"`
	GPUs int64   `json:"gpus"`
}

// A HostUpdate is the body of PUT /pacer/v1/hosts/{name}.
type HostUpdate struct {
	Cordoned *bool `json:"cordoned,omitzero"` // takes nothing new
	Draining *bool `json:"draining,omitzero"` // and what runs on it is moved away
}

// A Discovered says where an app answers: GET /pacer/v1/discovery/{app}.
type Discovered struct {
	App       string        `json:"app"`
	Ports     []ServicePort `json:"ports"`
	Endpoints []Endpoint    `json:"endpoints"` // ready ones
}

// A ServicePort is one port of an app as clients see it.
type ServicePort struct {
	Name     string  `json:"name,omitzero"`
	Protocol string  `json:"protocol"`
	Port     int     `json:"port"` // on the load balancer; 0 is none
	HTTP     bool    `json:"http"`
	Routes   []Route `json:"routes"`
}

// Routes is what load balancers send where: GET /pacer/v1/routes.
type Routes struct {
	Routes []AppRoute `json:"routes"`
}

// An AppRoute is a virtual host, and a path prefix where there is one, or a service port
// without any, with the port of an app that it leads to.
type AppRoute struct {
	Host      string `json:"host,omitzero"`
	Path      string `json:"path,omitzero"`
	App       string `json:"app"`
	Name      string `json:"name,omitzero"` // of the app's port
	Port      int    `json:"port"`          // on the load balancer; 0 is none
	Protocol  string `json:"protocol"`
	HTTP      bool   `json:"http"`
	Endpoints int    `json:"endpoints"` // ready instances
}

// A Route sends a virtual host, and a path prefix where there is one, to a port.
type Route struct {
	Host string `json:"host"`
	Path string `json:"path,omitzero"`
}

// An Endpoint is where one instance answers.
type Endpoint struct {
	Instance string `json:"instance"`
	Version  string `json:"version"`
	Host     string `json:"host"`
	Addr     string `json:"addr"`
	Ports    []int  `json:"ports"` // in the order of Discovered.Ports; 0 is none
	Suspect  bool   `json:"suspect,omitzero"`
}

// A DeploymentStatus is a deployment that runs or has ended: GET /pacer/v1/deployments/{id}.
type DeploymentStatus struct {
	ID           string   `json:"id"`
	Version      string   `json:"version"`
	State        string   `json:"state"`           // running, succeeded, cancelled or failed
	Reason       string   `json:"reason,omitzero"` // why it failed or was cancelled
	AffectedApps []string `json:"affectedApps"`
	Steps        []Step   `json:"steps"`
	CurrentStep  int      `json:"currentStep"`      // from 1; 0 before the first
	Rollback     bool     `json:"rollback"`         // it goes back by itself when it cannot succeed
	Trouble      string   `json:"trouble,omitzero"` // why it does not get on; may pass
	Cause        string   `json:"cause,omitzero"`   // of the trouble: failing or unplaceable
	Next         string   `json:"next,omitzero"`    // the deployment that goes back, when this one failed
	Paused       bool     `json:"paused,omitzero"`  // it stays where it is until it is resumed
	By           string   `json:"by,omitzero"`      // who asked: a client's address, or what of the platform
	StartedAt    string   `json:"startedAt"`
	EndedAt      string   `json:"endedAt,omitzero"`
	Seconds      float64  `json:"seconds,omitzero"` // from the start to the end
	// Waiting says why instances of the affected apps have no host yet.
	Waiting []AppWait `json:"waiting"`
}

// Ended reports whether the deployment is over.
func (d *DeploymentStatus) Ended() bool { return d.State != "running" }

// An AppWait says why instances of an app wait.
type AppWait struct {
	App     string       `json:"app"`
	Waiting int          `json:"waiting"`
	Since   string       `json:"since,omitzero"`
	Until   string       `json:"until,omitzero"` // backing off until then
	Hosts   int          `json:"hosts"`          // hosts that were considered
	Reasons []WaitReason `json:"reasons"`
	// Sentence is why, in one line; Hint is what would make them fit.
	Sentence string `json:"sentence,omitzero"`
	Hint     string `json:"hint,omitzero"`
}

// A WaitReason is how many hosts refused for one reason.
type WaitReason struct {
	Reason string `json:"reason"` // Marathon's word
	Text   string `json:"text"`   // for people
	Hosts  int    `json:"hosts"`
}

// A LeaderInfo says who leads: GET /pacer/v1/leader.
type LeaderInfo struct {
	Name  string `json:"name"`
	URL   string `json:"url"`
	Epoch uint64 `json:"epoch"`
	Self  bool   `json:"self"` // the server that was asked leads; always, where a follower passed the question on
}

// A Forecast is what a change would do: POST /pacer/v1/plan.
type Forecast struct {
	Changes     bool      `json:"changes"` // false: there is no difference
	Stalls      bool      `json:"stalls"`  // the deployment would not end
	Reason      string    `json:"reason,omitzero"`
	TookSeconds float64   `json:"tookSeconds"` // at a second for each start
	Steps       []Step    `json:"steps"`
	Apps        []AppPlan `json:"apps"`

	Groups []GroupPlan `json:"groups"`
}

// A GroupPlan is a group's part of a Forecast.
type GroupPlan struct {
	Group  string        `json:"group"`
	Action string        `json:"action"` // CreateGroup, ChangeGroup or DeleteGroup
	Diff   []FieldChange `json:"diff"`   // of its own fields
}

// An AppPlan is one app's part of a Forecast.
type AppPlan struct {
	App        string        `json:"app"`
	Action     string        `json:"action"`
	Diff       []FieldChange `json:"diff"`
	Least      int           `json:"least"` // live instances, over the time of the deployment
	Most       int           `json:"most"`
	ReadyMin   int           `json:"readyMin"`
	Placements []Placement   `json:"placements"` // of new instances
}

// A FieldChange is one field of an app's JSON that changes; an absent side is absent.
type FieldChange struct {
	Field string          `json:"field"`
	Old   json.RawMessage `json:"old,omitempty"`
	New   json.RawMessage `json:"new,omitempty"`
}

// A Placement is how many new instances a host would get.
type Placement struct {
	Host      string `json:"host"`
	Instances int    `json:"instances"`
}
