package apps

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// An ID names an app by its absolute path, like "/shop/web".
type ID string

// Elements are the parts of the path: "/shop/web" has "shop" and "web".
func (id ID) Elements() []string {
	return strings.FieldsFunc(string(id), func(r rune) bool { return r == '/' })
}

// Name is the last element of the path.
func (id ID) Name() string { return string(id[strings.LastIndexByte(string(id), '/')+1:]) }

// Parent is the path of the group the app is in; "/" for an app at the root.
func (id ID) Parent() ID {
	if i := strings.LastIndexByte(string(id), '/'); i > 0 {
		return id[:i]
	}
	return "/"
}

// Within reports whether id is group or lies below it.
func (id ID) Within(group ID) bool {
	return group == "/" || id == group || strings.HasPrefix(string(id), string(group)+"/")
}

// Flat is the path without slashes, as Marathon writes it in task ids:
// "/shop/web" is "shop_web".
func (id ID) Flat() string {
	return strings.ReplaceAll(strings.TrimPrefix(string(id), "/"), "/", "_")
}

// DNSName is the path read from the leaf: "/shop/web" is "web.shop".
func (id ID) DNSName() string {
	el := id.Elements()
	for i, j := 0, len(el)-1; i < j; i, j = i+1, j-1 {
		el[i], el[j] = el[j], el[i]
	}
	return strings.Join(el, ".")
}

// A Version is one accepted spec of an app: the moment it was accepted, in
// milliseconds since 1970 UTC. Versions of one app are unique and only grow.
type Version int64

const versionLayout = "2006-01-02T15:04:05.000Z"

// VersionAt is the version accepted at t.
func VersionAt(t time.Time) Version { return Version(t.UnixMilli()) }

// ParseVersion reads what String writes, or any ISO 8601 time with an offset.
func ParseVersion(s string) (Version, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, &Error{Kind: Invalid, Message: fmt.Sprintf("%q is not a version: write a time like 2015-09-25T15:13:48.343Z", s)}
	}
	return VersionAt(t), nil
}

// Time is the moment the version was accepted, in UTC.
func (v Version) Time() time.Time { return time.UnixMilli(int64(v)).UTC() }

// String is Marathon's form, with exactly three digits: 2015-09-25T15:13:48.343Z.
func (v Version) String() string { return v.Time().Format(versionLayout) }

// An App is what a user asked for. The platform honours it and never edits it:
// an accepted App is immutable and may be shared between goroutines.
type App struct {
	ID       ID      `json:"id"`
	Version  Version `json:"version"`
	Deleted  bool    `json:"deleted,omitempty"` // its last instances are being stopped; readers do not see it
	ConfigAt Version `json:"configAt"`          // last change of anything but Instances
	ScaledAt Version `json:"scaledAt"`          // last change of Instances

	Instances int       `json:"instances"` // wanted; 0 is suspended
	Needs     Resources `json:"needs"`     // of each instance
	Limits    *Limits   `json:"limits,omitempty"`
	Role      string    `json:"role,omitempty"`

	Cmd  string            `json:"cmd,omitempty"`  // run as /bin/sh -c; exclusive with Args
	Args []string          `json:"args,omitempty"` // to the image's entrypoint
	User string            `json:"user,omitempty"`
	TTY  bool              `json:"tty,omitempty"` // it prints to a terminal
	Env  map[string]string `json:"env,omitempty"`

	Container *Container  `json:"container,omitempty"` // nil: Cmd in the command image or on the host's userland
	Network   NetworkMode `json:"network"`
	Networks  []string    `json:"networks,omitempty"` // names, with NetworkContainer
	Ports     []Port      `json:"ports,omitempty"`
	// RequirePorts: with NetworkHost, take exactly the ports' Service numbers on the host.
	RequirePorts bool `json:"requirePorts,omitempty"`

	Checks    []Check      `json:"checks,omitempty"`
	Readiness []ReadyCheck `json:"readiness,omitempty"`
	Gauge     *Gauge       `json:"gauge,omitempty"`

	Constraints   []Constraint      `json:"constraints,omitempty"`
	AcceptedRoles []string          `json:"acceptedRoles,omitempty"` // of hosts; none: "*" and its own, see Takes
	Dependencies  []ID              `json:"dependencies,omitempty"`  // absolute
	Labels        map[string]string `json:"labels,omitempty"`

	Upgrade     Upgrade       `json:"upgrade"`
	Backoff     Backoff       `json:"backoff"`
	KillGrace   time.Duration `json:"killGrace,omitempty"` // SIGTERM to SIGKILL; 0 is DefaultKillGrace
	KillOldest  bool          `json:"killOldest,omitempty"`
	Unreachable Unreachable   `json:"unreachable"`
	Fetch       []Artifact    `json:"fetch,omitempty"`

	// Pod makes the app a pod: Cmd, Args, Container and Fetch are those of its containers.
	Pod *Pod `json:"pod,omitempty"`

	// Run is the run of a job whose instances belong to this app; empty: it is an app
	// of a user's.
	Run string `json:"run,omitempty"`

	// Echo holds fields of Marathon's JSON that Pacer gives back as they came
	// but does not act on, by their JSON name.
	Echo map[string]Raw `json:"echo,omitempty"`
}

// DefaultKillGrace is how long an instance may take to obey SIGTERM where its
// app does not say (Docker's own default).
const DefaultKillGrace = 10 * time.Second

// Grace is how long an instance may take between SIGTERM and SIGKILL.
func (a *App) Grace() time.Duration {
	if a.KillGrace > 0 {
		return a.KillGrace
	}
	return DefaultKillGrace
}

// FairRole is the user that DRF counts the app's instances for: the role that is
// set, else the first element of the path; "*" for an app at the root.
func (a *App) FairRole() string {
	if a.Role != "" && a.Role != "*" {
		return a.Role
	}
	if el := a.ID.Elements(); len(el) > 1 {
		return el[0]
	}
	return "*"
}

// Takes reports whether an app may use what a host of that role has (Marathon's
// acceptedResourceRoles): if the app does not say, what belongs to all, and to its own
// role.
func (a *App) Takes(hostRole string) bool {
	switch hostRole = cmp.Or(hostRole, "*"); {
	case len(a.AcceptedRoles) > 0:
		return slices.Contains(a.AcceptedRoles, hostRole)
	case hostRole == "*":
		return true
	}
	return hostRole == a.FairRole()
}

// HealthyMin is the number of ready instances that a deployment keeps: n ×
// minimumHealthCapacity, rounded up (Marathon's rule). Of a resident app one may always
// go: nothing could take its place before.
func (a *App) HealthyMin() int {
	least := int(math.Ceil(float64(a.Instances)*a.Upgrade.HealthyMin - 1e-9))
	if a.Resident() {
		least = max(min(least, a.Instances-1), 0)
	}
	return least
}

// LiveMax is the number of instances that a deployment never exceeds: n × (1 +
// maximumOverCapacity), rounded down; one more where that would leave no room to
// move at all (Marathon's rule: minimumHealthCapacity 1 with maximumOverCapacity 0). A
// resident app never has more than are wanted.
func (a *App) LiveMax() int {
	if a.Resident() {
		return a.Instances
	}
	most := int(math.Floor(float64(a.Instances)*(1+a.Upgrade.OverMax) + 1e-9))
	if most == a.HealthyMin() {
		most++
	}
	return most
}

// Current reports whether an instance of version v has the app's present
// configuration: scaling alone makes nothing old.
func (a *App) Current(v Version) bool { return v >= a.ConfigAt }

// Resources is an amount of what hosts have and instances need. Whole numbers,
// so sums are exact and rounding can never over-commit a host.
type Resources struct {
	CPU  int64 `json:"cpu"`            // thousandths of a core
	Mem  int64 `json:"mem"`            // MiB
	Disk int64 `json:"disk,omitempty"` // MiB
	GPU  int64 `json:"gpu,omitempty"`
}

// Plus is the sum.
func (r Resources) Plus(o Resources) Resources {
	return Resources{r.CPU + o.CPU, r.Mem + o.Mem, r.Disk + o.Disk, r.GPU + o.GPU}
}

// Minus is the difference; it may be negative.
func (r Resources) Minus(o Resources) Resources {
	return Resources{r.CPU - o.CPU, r.Mem - o.Mem, r.Disk - o.Disk, r.GPU - o.GPU}
}

// Fits reports whether r can be carved out of free.
func (r Resources) Fits(free Resources) bool {
	return r.CPU <= free.CPU && r.Mem <= free.Mem && r.Disk <= free.Disk && r.GPU <= free.GPU
}

// A Container is the image an app runs in and how.
type Container struct {
	Type       string      `json:"type"`            // "DOCKER" or "MESOS": as the user wrote it
	Image      string      `json:"image,omitempty"` // empty: no image (type MESOS with a Cmd)
	ForcePull  bool        `json:"forcePull,omitempty"`
	Privileged bool        `json:"privileged,omitempty"`
	Parameters []Parameter `json:"parameters,omitempty"` // options of docker run, in order
	Volumes    []Volume    `json:"volumes,omitempty"`
	Linux      *Linux      `json:"linux,omitempty"`
}

// A Parameter is one option of `docker run`, without its dashes.
type Parameter struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// A Volume is a directory of the host inside the container.
type Volume struct {
	ContainerPath string `json:"containerPath"`
	HostPath      string `json:"hostPath,omitempty"`
	ReadOnly      bool   `json:"readOnly,omitempty"`
	Size          int64  `json:"size,omitempty"` // of a persistent one, MiB; 0: it is none
	Echo          Raw    `json:"echo,omitempty"` // persistent, external, secret: as it came
}

// A NetworkMode says whose network an instance uses.
type NetworkMode string

// Marathon's three network modes.
const (
	NetworkHost      NetworkMode = "host"
	NetworkBridge    NetworkMode = "container/bridge"
	NetworkContainer NetworkMode = "container"
)

// NoHostPort is a port that is not published on the host.
const NoHostPort = -1

// A Port is one port of an app: a portDefinition with NetworkHost, else a portMapping.
type Port struct {
	Name         string            `json:"name,omitempty"`
	Protocol     string            `json:"protocol"`  // "tcp", "udp" or "udp,tcp"
	Container    int               `json:"container"` // inside the container; 0 is the same as the host port
	Host         int               `json:"host"`      // 0 is any of the host's range, n is exactly n, NoHostPort is none
	Service      int               `json:"service"`   // on the load balancer; an accepted app has it > 0
	Labels       map[string]string `json:"labels,omitempty"`
	NetworkNames []string          `json:"networkNames,omitempty"`
}

// TCP reports whether the port carries TCP.
func (p Port) TCP() bool { return p.Protocol != "udp" }

// UDP reports whether the port carries UDP.
func (p Port) UDP() bool { return strings.HasPrefix(p.Protocol, "udp") }

// HostPort is the number that the port must have on its host; 0 is any of the
// host's range, NoHostPort is none.
func (a *App) HostPort(i int) int {
	if a.Pod != nil {
		return a.Ports[i].Host
	}
	if a.Network == NetworkHost {
		if a.RequirePorts {
			return a.Ports[i].Service
		}
		return 0
	}
	return a.Ports[i].Host
}

// A Check is one health check (Marathon's healthChecks).
type Check struct {
	Protocol      string        `json:"protocol"` // HTTP, HTTPS, TCP, COMMAND, MESOS_HTTP, MESOS_HTTPS, MESOS_TCP
	Path          string        `json:"path,omitempty"`
	Port          int           `json:"port,omitempty"`      // a number wins over PortIndex
	PortIndex     int           `json:"portIndex,omitempty"` // into App.Ports; -1 is none
	Command       string        `json:"command,omitempty"`   // exit code 0 is healthy
	Container     string        `json:"container,omitempty"` // of a pod: whose check it is
	Grace         time.Duration `json:"grace"`               // failures before the first success do not count so long
	Interval      time.Duration `json:"interval"`
	Timeout       time.Duration `json:"timeout"`
	Delay         time.Duration `json:"delay,omitempty"`
	FailuresMax   int           `json:"failuresMax"` // consecutive; 0 never kills
	IgnoreHTTP1xx bool          `json:"ignoreHttp1xx,omitempty"`
	IPProtocol    string        `json:"ipProtocol,omitempty"`
}

// A ReadyCheck asks, during a deployment only, whether a new instance may count
// (Marathon's readinessChecks).
type ReadyCheck struct {
	Name         string        `json:"name"`
	Protocol     string        `json:"protocol"` // HTTP or HTTPS
	Path         string        `json:"path"`
	PortName     string        `json:"portName"`
	Interval     time.Duration `json:"interval"`
	Timeout      time.Duration `json:"timeout"`
	StatusCodes  []int         `json:"statusCodes"`
	KeepResponse bool          `json:"keepResponse,omitempty"`
}

// A Constraint restricts the hosts of an app (Marathon's constraints).
type Constraint struct {
	Field    string `json:"field"`    // hostname, @hostname, @zone, @region or an attribute
	Operator string `json:"operator"` // UNIQUE, CLUSTER, GROUP_BY, LIKE, UNLIKE, MAX_PER or IS
	Value    string `json:"value,omitempty"`
}

// Upgrade says how far a deployment may go below and above the wanted count.
type Upgrade struct {
	HealthyMin float64 `json:"healthyMin"` // minimumHealthCapacity, 0 to 1
	OverMax    float64 `json:"overMax"`    // maximumOverCapacity, 0 to 1
}

// Backoff is the pause before an instance that failed is tried again.
type Backoff struct {
	First  time.Duration `json:"first"`
	Factor float64       `json:"factor"` // >= 1
	Max    time.Duration `json:"max"`
}

// Next is the pause after one more failure.
func (b Backoff) Next(pause time.Duration) time.Duration {
	if pause <= 0 {
		return min(b.First, b.Max)
	}
	return min(time.Duration(float64(pause)*max(b.Factor, 1)), b.Max)
}

// Unreachable says what happens to the instances of a host that went silent.
type Unreachable struct {
	Disabled      bool          `json:"disabled,omitempty"` // wait for ever
	InactiveAfter time.Duration `json:"inactiveAfter"`      // start a replacement
	ExpungeAfter  time.Duration `json:"expungeAfter"`       // forget it, and stop it if it returns
}

// An Artifact is fetched into an instance's sandbox before it starts.
type Artifact struct {
	URI        string `json:"uri"`
	Extract    bool   `json:"extract"`
	Executable bool   `json:"executable,omitempty"`
	Cache      bool   `json:"cache,omitempty"`
	DestPath   string `json:"destPath,omitempty"`
}

// Raw is JSON that Pacer keeps without reading it.
type Raw []byte

// MarshalJSON writes the bytes as they are.
func (r Raw) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON keeps a copy of the bytes.
func (r *Raw) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*r = nil
		return nil
	}
	*r = append((*r)[:0], b...)
	return nil
}
