package wire

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"pacer/apps"
)

// A Pod is a pod as Marathon writes it.
type Pod struct {
	ID                string            `json:"id" rule:"required"`
	Labels            map[string]string `json:"labels,omitzero"`
	Version           *string           `json:"version,omitzero"`
	User              *string           `json:"user,omitzero"`
	Environment       map[string]EnvVar `json:"environment,omitzero"`
	Containers        []PodContainer    `json:"containers" rule:"required minItems=1"`
	Secrets           map[string]Secret `json:"secrets,omitzero"`
	Volumes           []PodVolume       `json:"volumes,omitzero"`
	Networks          []Network         `json:"networks,omitzero"`
	Scaling           *PodScaling       `json:"scaling,omitzero"`
	Scheduling        *PodScheduling    `json:"scheduling,omitzero"`
	ExecutorResources *PodResources     `json:"executorResources,omitzero"`
	Role              *string           `json:"role,omitzero"`
	LinuxInfo         *LinuxInfo        `json:"linuxInfo,omitzero"`
	SharedCgroups     *bool             `json:"legacySharedCgroups,omitzero"` // true is refused: each container has limits of its own
}

// A PodContainer is one container of each of a pod's instances.
type PodContainer struct {
	Name        string            `json:"name" rule:"required minLength=1 maxLength=63 pattern=portName"`
	Exec        *PodExec          `json:"exec,omitzero"`
	Resources   PodResources      `json:"resources" rule:"required"`
	Limits      *ResourceLimits   `json:"resourceLimits,omitzero"`
	Endpoints   []PodEndpoint     `json:"endpoints,omitzero"`
	Image       *PodImage         `json:"image,omitzero"`
	Environment map[string]EnvVar `json:"environment,omitzero"`
	User        *string           `json:"user,omitzero"`
	HealthCheck *PodCheck         `json:"healthCheck,omitzero"`
	Check       json.RawMessage   `json:"check,omitzero" rule:"object"` // refused: a pod's status has no place for its result
	Mounts      []PodMount        `json:"volumeMounts,omitzero"`
	Artifacts   []Artifact        `json:"artifacts,omitzero"`
	Labels      map[string]string `json:"labels,omitzero"`
	Lifecycle   *PodLifecycle     `json:"lifecycle,omitzero"`
	TTY         *bool             `json:"tty,omitzero"`
	LinuxInfo   *LinuxInfo        `json:"linuxInfo,omitzero"`
}

// A PodExec is what a container runs.
type PodExec struct {
	Command            PodCommand `json:"command" rule:"required"`
	OverrideEntrypoint *bool      `json:"overrideEntrypoint,omitzero"`
}

// A PodCommand is one of a shell's and a list of arguments.
type PodCommand struct {
	Shell *string  `json:"shell,omitzero" rule:"minLength=1"`
	Argv  []string `json:"argv,omitzero" rule:"minItems=1"`
}

// PodResources are of one container.
type PodResources struct {
	Cpus *float64 `json:"cpus,omitzero" rule:"min=0.001 max=1000000"`
	Mem  *float64 `json:"mem,omitzero" rule:"min=0 max=1000000000000"`
	Disk *float64 `json:"disk,omitzero" rule:"min=0 max=1000000000000"`
	GPUs *int     `json:"gpus,omitzero" rule:"min=0 max=0"`
}

// A PodEndpoint is a port of a container.
type PodEndpoint struct {
	Name          string            `json:"name" rule:"required minLength=1 maxLength=63 pattern=portName"`
	ContainerPort *int              `json:"containerPort,omitzero" rule:"min=0 max=65535"`
	HostPort      *int              `json:"hostPort,omitzero" rule:"min=0 max=65535"`
	Protocol      []string          `json:"protocol,omitzero" rule:"enum=tcp|udp"`
	Labels        map[string]string `json:"labels,omitzero"`
	NetworkNames  []string          `json:"networkNames,omitzero"`
}

// A PodImage is the image of a container.
type PodImage struct {
	Kind       *string           `json:"kind,omitzero" rule:"required enum=DOCKER"`
	ID         string            `json:"id" rule:"required minLength=1"`
	ForcePull  *bool             `json:"forcePull,omitzero"`
	PullConfig json.RawMessage   `json:"pullConfig,omitzero" rule:"object"` // refused: it names a secret
	Labels     map[string]string `json:"labels,omitzero"`                   // given back
}

// A PodCheck is a container's health check, of one of three kinds.
type PodCheck struct {
	HTTP                   *PodHTTPCheck `json:"http,omitzero"`
	TCP                    *PodTCPCheck  `json:"tcp,omitzero"`
	Exec                   *PodExecCheck `json:"exec,omitzero"`
	GracePeriodSeconds     *int          `json:"gracePeriodSeconds,omitzero" rule:"min=0"`
	IntervalSeconds        *int          `json:"intervalSeconds,omitzero" rule:"min=1"`
	MaxConsecutiveFailures *int          `json:"maxConsecutiveFailures,omitzero" rule:"min=0"`
	TimeoutSeconds         *int          `json:"timeoutSeconds,omitzero" rule:"min=1"`
	DelaySeconds           *int          `json:"delaySeconds,omitzero" rule:"min=0"`
}

// A PodHTTPCheck asks an endpoint by HTTP.
type PodHTTPCheck struct {
	Endpoint string  `json:"endpoint" rule:"required"`
	Path     *string `json:"path,omitzero"`
	Scheme   *string `json:"scheme,omitzero" rule:"enum=HTTP|HTTPS"`
}

// A PodTCPCheck connects to an endpoint.
type PodTCPCheck struct {
	Endpoint string `json:"endpoint" rule:"required"`
}

// A PodExecCheck runs a command in the container.
type PodExecCheck struct {
	Command PodCommand `json:"command" rule:"required"`
}

// A PodMount is where a container sees a volume.
type PodMount struct {
	Name      string `json:"name" rule:"required"`
	MountPath string `json:"mountPath" rule:"required minLength=1"`
	ReadOnly  *bool  `json:"readOnly,omitzero"`
}

// A PodLifecycle says how a container ends.
type PodLifecycle struct {
	KillGracePeriodSeconds *float64 `json:"killGracePeriodSeconds,omitzero" rule:"min=0"`
}

// A PodVolume is ephemeral, or with Host a directory of the host.
type PodVolume struct {
	Name       string          `json:"name" rule:"required minLength=1 maxLength=63 pattern=portName"`
	Host       *string         `json:"host,omitzero" rule:"minLength=1"`
	Persistent json.RawMessage `json:"persistent,omitzero" rule:"object"` // refused
	Secret     *string         `json:"secret,omitzero"`                   // refused
}

// PodScaling is how many instances are wanted.
type PodScaling struct {
	Kind      *string `json:"kind,omitzero" rule:"enum=fixed"`
	Instances *int    `json:"instances,omitzero" rule:"min=0 max=100000"`
}

// PodScheduling is where and how instances come and go.
type PodScheduling struct {
	Backoff             *PodBackoff          `json:"backoff,omitzero"`
	Upgrade             *UpgradeStrategy     `json:"upgrade,omitzero"`
	Placement           *PodPlacement        `json:"placement,omitzero"`
	KillSelection       *string              `json:"killSelection,omitzero" rule:"enum=YOUNGEST_FIRST|OLDEST_FIRST"`
	UnreachableStrategy *UnreachableStrategy `json:"unreachableStrategy,omitzero"`
}

// PodBackoff is the pause before an instance that failed is tried again.
type PodBackoff struct {
	Backoff        *float64 `json:"backoff,omitzero" rule:"min=0"`
	BackoffFactor  *float64 `json:"backoffFactor,omitzero" rule:"min=1"`
	MaxLaunchDelay *float64 `json:"maxLaunchDelay,omitzero" rule:"min=0"`
}

// PodPlacement restricts the hosts.
type PodPlacement struct {
	Constraints           []PodConstraint `json:"constraints,omitzero"`
	AcceptedResourceRoles []string        `json:"acceptedResourceRoles,omitzero"`
}

// A PodConstraint restricts the hosts by a field.
type PodConstraint struct {
	FieldName string  `json:"fieldName" rule:"required minLength=1"`
	Operator  string  `json:"operator" rule:"required"`
	Value     *string `json:"value,omitzero"`
}

func orValue[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}

func span(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// Spec judges a pod by Marathon's rules and makes the app of it. It fails with Invalid
// and every fault with its path.
func (p *Pod) Spec(s Settings) (*apps.App, error) {
	var f faults
	f.checkID(p.ID, "/id")
	a := &apps.App{
		ID: Absolute("/", p.ID), Labels: orNone(p.Labels), User: value(p.User, ""), Instances: 1,
		Env: p.env(&f, "/environment", p.Environment), Network: apps.NetworkHost, Pod: &apps.Pod{},
		Upgrade: apps.Upgrade{HealthyMin: 1, OverMax: 1}, Backoff: apps.Backoff{First: time.Second, Factor: 1.15, Max: 300 * time.Second},
	}
	if r := value(p.Role, "*"); r != "*" {
		a.Role = r
		if !apps.ValidRole(r) {
			f.fail("/role", noRole)
		}
	}
	if len(p.Secrets) > 0 {
		f.need(s, "secrets", "/secrets")
	}
	if p.Scaling != nil {
		a.Instances = orValue(p.Scaling.Instances, 1)
	}
	e := orValue(p.ExecutorResources, PodResources{})
	a.Pod.Executor = podNeeds(PodResources{Cpus: new(orValue(e.Cpus, 0.1)), Mem: new(orValue(e.Mem, 32)), Disk: new(orValue(e.Disk, 10))})
	a.Needs = a.Pod.Executor
	p.LinuxInfo.check(&f, "/linuxInfo", byEngine)
	a.Pod.Linux = p.LinuxInfo.spec()
	if value(p.SharedCgroups, false) {
		f.fail("/legacySharedCgroups", "containers of a pod do not share their limits: give each what it needs, and resourceLimits above that")
	}
	p.specNetworks(a, s, &f)
	p.specVolumes(a, &f)
	for i := range p.Containers {
		p.specContainer(a, i, &f)
	}
	for i, v := range a.Pod.Volumes {
		if !slices.ContainsFunc(a.Pod.Containers, func(c apps.PodContainer) bool {
			return slices.ContainsFunc(c.Mounts, func(m apps.PodMount) bool { return m.Volume == v.Name })
		}) {
			f.fail(index("/volumes", i), "volume with name "+v.Name+" is not referenced by any container")
		}
	}
	p.specScheduling(a, &f)
	return a, f.err(notValid)
}

func podNeeds(r PodResources) apps.Resources {
	return apps.Resources{
		CPU: int64(math.Round(orValue(r.Cpus, 0.1) * 1000)), Mem: int64(math.Ceil(orValue(r.Mem, 32))), Disk: int64(math.Ceil(orValue(r.Disk, 0))),
	}
}

func (p *Pod) env(f *faults, at string, vars map[string]EnvVar) map[string]string {
	var env map[string]string
	for name, v := range vars {
		switch {
		case !strictName.MatchString(name):
			f.fail(at+"/"+name, "must fully match regular expression '"+strictNamePattern+"'")
		case v.Secret != "":
			f.fail(at+"/"+name, "references an undefined secret named '"+v.Secret+"'")
		default:
			if env == nil {
				env = map[string]string{}
			}
			env[name] = v.Value
		}
	}
	return env
}

func (p *Pod) specNetworks(a *apps.App, s Settings, f *faults) {
	for i, n := range p.Networks {
		mode := apps.NetworkMode(orValue(n.Mode, "container"))
		at := index("/networks", i)
		switch {
		case mode == apps.NetworkHost && (n.Name != nil || len(n.Labels) > 0):
			f.fail(at, "Host networks may not have names or labels")
		case mode == apps.NetworkBridge && n.Name != nil:
			f.fail(at, "Bridge networks may not have names")
		case i > 0 && (mode != a.Network || mode != apps.NetworkContainer):
			f.fail("/networks", "May specify a single host network, single bridge network, or else 1-to-n container networks")
		}
		a.Network = mode
		if len(n.Labels) > 0 {
			a.Echo = map[string]apps.Raw{"networks": raw(p.Networks)}
		}
		if mode != apps.NetworkContainer {
			continue
		}
		name := orValue(n.Name, s.DefaultNetwork)
		switch {
		case name == "":
			f.fail("/networks", "Network name must be specified when container network is selected.")
		case slices.Contains(a.Networks, name):
			f.fail("/networks", "Duplicate networks are not allowed")
		default:
			a.Networks = append(a.Networks, name)
		}
	}
}

func (p *Pod) specVolumes(a *apps.App, f *faults) {
	for i, v := range p.Volumes {
		at := index("/volumes", i)
		switch {
		case slices.ContainsFunc(a.Pod.Volumes, func(o apps.PodVolume) bool { return o.Name == v.Name }):
			f.fail("/volumes", "volume names are unique")
		case v.Persistent != nil:
			f.fail(at+"/persistent", "pods cannot have persistent volumes yet: use a host volume, or an app")
		case v.Secret != nil:
			f.fail(at+"/secret", "pods cannot have secret volumes yet: use a host volume")
		case v.Host != nil && !strings.HasPrefix(*v.Host, "/"):
			f.fail(at+"/host", "must be an absolute path")
		}
		a.Pod.Volumes = append(a.Pod.Volumes, apps.PodVolume{Name: v.Name, HostPath: value(v.Host, "")})
	}
}

func (p *Pod) specContainer(a *apps.App, i int, f *faults) {
	c, at := &p.Containers[i], index("/containers", i)
	if slices.Contains(a.Pod.Names(), c.Name) {
		f.fail("/containers", "container names are unique")
	}
	out := apps.PodContainer{
		Name: c.Name, Needs: podNeeds(c.Resources), User: value(c.User, ""), Labels: orNone(c.Labels), Env: p.env(f, at+"/environment", c.Environment),
		Ports: len(c.Endpoints), TTY: orValue(c.TTY, false),
	}
	for name, v := range map[string]bool{"cpus": c.Resources.Cpus != nil, "mem": c.Resources.Mem != nil} {
		if !v {
			f.fail(at+"/resources/"+name, "error.path.missing")
		}
	}
	a.Needs = a.Needs.Plus(out.Needs)
	c.Limits.check(f, at+"/resourceLimits", orValue(c.Resources.Cpus, 0), orValue(c.Resources.Mem, 0))
	c.LinuxInfo.check(f, at+"/linuxInfo", byEngine)
	out.Limits, out.Linux = c.Limits.spec(), c.LinuxInfo.spec()
	if c.Check != nil {
		f.fail(at+"/check", "the status of a pod has no place for the result of a check: use healthCheck")
	}
	if c.Image != nil {
		out.Image, out.ForcePull, out.ImageLabels = c.Image.ID, orValue(c.Image.ForcePull, false), orNone(c.Image.Labels)
		if c.Image.PullConfig != nil {
			f.fail(at+"/image/pullConfig", noPullConfig)
		}
	}
	switch {
	case c.Exec != nil:
		out.Shell, out.Argv, out.Override = value(c.Exec.Command.Shell, ""), orNil(c.Exec.Command.Argv), orValue(c.Exec.OverrideEntrypoint, false)
		c.Exec.Command.check(at+"/exec/command", f)
	case c.Image == nil:
		f.fail(at, "must have an image or something to execute")
	}
	if c.Lifecycle != nil {
		out.KillGrace = span(orValue(c.Lifecycle.KillGracePeriodSeconds, 0))
	}
	a.KillGrace = max(a.KillGrace, out.KillGrace)
	for _, e := range c.Artifacts {
		out.Fetch = append(out.Fetch, apps.Artifact{URI: e.URI, Extract: orValue(e.Extract, true), Executable: orValue(e.Executable, false), Cache: orValue(e.Cache, false), DestPath: value(e.DestPath, "")})
	}
	for k, m := range c.Mounts {
		if !slices.ContainsFunc(a.Pod.Volumes, func(v apps.PodVolume) bool { return v.Name == m.Name }) {
			f.fail(index(at+"/volumeMounts", k), "volume with name "+m.Name+" does not exist")
		}
		out.Mounts = append(out.Mounts, apps.PodMount{Volume: m.Name, Path: m.MountPath, ReadOnly: orValue(m.ReadOnly, false)})
	}
	first := len(a.Ports)
	for k, e := range c.Endpoints {
		p.specEndpoint(a, e, index(at+"/endpoints", k), f)
	}
	a.Pod.Containers = append(a.Pod.Containers, out)
	if c.HealthCheck != nil {
		specPodCheck(a, c, first, at+"/healthCheck", f)
	}
}

func (p *Pod) specEndpoint(a *apps.App, e PodEndpoint, at string, f *faults) {
	protocol := "tcp"
	switch udp := slices.Contains(e.Protocol, "udp"); {
	case udp && slices.Contains(e.Protocol, "tcp"):
		protocol = "udp,tcp"
	case udp:
		protocol = "udp"
	}
	port := apps.Port{Name: e.Name, Protocol: protocol, Container: value(e.ContainerPort, 0), Host: orValue(e.HostPort, apps.NoHostPort), Labels: orNone(e.Labels), NetworkNames: orNil(e.NetworkNames)}
	if a.Network != apps.NetworkContainer && e.HostPort == nil {
		port.Host = 0
	}
	switch {
	case a.Network == apps.NetworkHost && e.ContainerPort != nil:
		f.fail(at+"/containerPort", "must be empty")
	case a.Network != apps.NetworkHost && e.ContainerPort == nil:
		f.fail(at+"/containerPort", "must not be empty")
	}
	for _, o := range a.Ports {
		switch {
		case o.Name == port.Name:
			f.fail("/containers", "endpoint names are unique across all containers")
		case o.Container == port.Container && o.Container > 0 && sharesProtocol(o, port):
			f.fail("/containers", "container ports are unique across all containers")
		case o.Host == port.Host && o.Host > 0 && sharesProtocol(o, port):
			f.fail("/containers", "host ports are unique across all containers")
		}
	}
	a.Ports = append(a.Ports, port)
}

func (c PodCommand) check(at string, f *faults) {
	if (c.Shell == nil) == (len(c.Argv) == 0) {
		f.fail(at, "must be one of shell and argv")
	}
}

func sharesProtocol(a, b apps.Port) bool { return a.TCP() && b.TCP() || a.UDP() && b.UDP() }

func specPodCheck(a *apps.App, c *PodContainer, first int, at string, f *faults) {
	h := c.HealthCheck
	check := apps.Check{
		Container: c.Name, PortIndex: -1, IPProtocol: "IPv4",
		Grace: seconds(new(orValue(h.GracePeriodSeconds, 300))), Interval: seconds(new(orValue(h.IntervalSeconds, 60))),
		Timeout: seconds(new(orValue(h.TimeoutSeconds, 20))), Delay: seconds(new(orValue(h.DelaySeconds, 15))), FailuresMax: orValue(h.MaxConsecutiveFailures, 3),
	}
	endpoint := func(name, at string) {
		i := slices.IndexFunc(c.Endpoints, func(e PodEndpoint) bool { return e.Name == name })
		if i < 0 {
			f.fail(at, "contained in an endpoint")
		}
		check.PortIndex = first + i
	}
	kinds := 0
	if h.HTTP != nil {
		kinds++
		check.Protocol, check.Path = "MESOS_"+orValue(h.HTTP.Scheme, "HTTP"), value(h.HTTP.Path, "")
		endpoint(h.HTTP.Endpoint, at+"/http/endpoint")
	}
	if h.TCP != nil {
		kinds++
		check.Protocol = "MESOS_TCP"
		endpoint(h.TCP.Endpoint, at+"/tcp/endpoint")
	}
	if h.Exec != nil {
		kinds++
		h.Exec.Command.check(at+"/exec/command", f)
		check.Protocol, check.Command = "COMMAND", value(h.Exec.Command.Shell, "")
		if len(h.Exec.Command.Argv) > 0 {
			check.Command = quoteAll(h.Exec.Command.Argv)
		}
	}
	if kinds != 1 {
		f.fail(at, "expected exactly one health check kind: http, tcp or exec")
	}
	if check.Timeout >= check.Interval {
		f.fail(at+"/timeoutSeconds", "must be less than intervalSeconds")
	}
	a.Checks = append(a.Checks, check)
}

// quoteAll is a shell's command of arguments.
func quoteAll(argv []string) string {
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

func (p *Pod) specScheduling(a *apps.App, f *faults) {
	s := orValue(p.Scheduling, PodScheduling{})
	if b := s.Backoff; b != nil {
		a.Backoff = apps.Backoff{First: span(orValue(b.Backoff, 1)), Factor: orValue(b.BackoffFactor, 1.15), Max: span(orValue(b.MaxLaunchDelay, 300))}
	}
	if u := s.Upgrade; u != nil {
		a.Upgrade = apps.Upgrade{HealthyMin: u.MinimumHealthCapacity, OverMax: u.MaximumOverCapacity}
	}
	if u := s.UnreachableStrategy; u != nil {
		a.Unreachable = apps.Unreachable{Disabled: u.Disabled, InactiveAfter: time.Duration(u.InactiveAfterSeconds) * time.Second, ExpungeAfter: time.Duration(u.ExpungeAfterSeconds) * time.Second}
	}
	a.KillOldest = value(s.KillSelection, "") == "OLDEST_FIRST"
	if s.Placement == nil {
		return
	}
	a.AcceptedRoles = orNil(s.Placement.AcceptedResourceRoles)
	f.checkAccepted(a.AcceptedRoles, "/scheduling/placement/acceptedResourceRoles")
	for i, c := range s.Placement.Constraints {
		line := []string{c.FieldName, strings.ToUpper(c.Operator)}
		if c.Value != nil {
			line = append(line, *c.Value)
		}
		f.checkConstraint(line, index("/scheduling/placement/constraints", i))
		a.Constraints = append(a.Constraints, apps.Constraint{Field: line[0], Operator: line[1], Value: value(c.Value, "")})
	}
}

// FromPod writes a pod in Marathon's form. What it returns can be read again and gives an
// equal spec.
func FromPod(a *apps.App) Pod {
	p := Pod{
		ID: string(a.ID), Labels: a.Labels, User: optional(a.User), Environment: podVars(a.Env), Role: new(orDefault(a.Role, "*")),
		Scaling: &PodScaling{Kind: new("fixed"), Instances: new(a.Instances)}, ExecutorResources: PodNeeds(a.Pod.Executor), LinuxInfo: fromLinux(a.Pod.Linux),
		Scheduling: &PodScheduling{
			Backoff: &PodBackoff{Backoff: new(a.Backoff.First.Seconds()), BackoffFactor: new(a.Backoff.Factor), MaxLaunchDelay: new(a.Backoff.Max.Seconds())},
			Upgrade: &UpgradeStrategy{MinimumHealthCapacity: a.Upgrade.HealthyMin, MaximumOverCapacity: a.Upgrade.OverMax}, KillSelection: new("YOUNGEST_FIRST"),
			UnreachableStrategy: &UnreachableStrategy{Disabled: a.Unreachable.Disabled, InactiveAfterSeconds: int(a.Unreachable.InactiveAfter.Seconds()), ExpungeAfterSeconds: int(a.Unreachable.ExpungeAfter.Seconds())},
			Placement:           &PodPlacement{AcceptedResourceRoles: a.AcceptedRoles},
		},
	}
	if a.KillOldest {
		p.Scheduling.KillSelection = new("OLDEST_FIRST")
	}
	if a.Version != 0 {
		p.Version = new(a.Version.String())
	}
	for _, c := range a.Constraints {
		p.Scheduling.Placement.Constraints = append(p.Scheduling.Placement.Constraints, PodConstraint{FieldName: c.Field, Operator: c.Operator, Value: optional(c.Value)})
	}
	for _, v := range a.Pod.Volumes {
		p.Volumes = append(p.Volumes, PodVolume{Name: v.Name, Host: optional(v.HostPath)})
	}
	switch {
	case len(a.Networks) > 0:
		for _, name := range a.Networks {
			p.Networks = append(p.Networks, Network{Mode: new(string(a.Network)), Name: new(name)})
		}
	default:
		p.Networks = []Network{{Mode: new(string(a.Network))}}
	}
	if echo := a.Echo["networks"]; echo != nil { // with their labels
		_ = json.Unmarshal(echo, &p.Networks) // written by raw from that very field
	}
	for i := range a.Pod.Containers {
		p.Containers = append(p.Containers, fromPodContainer(a, i))
	}
	return p
}

// PodNeeds writes what a container or an instance needs.
func PodNeeds(r apps.Resources) *PodResources {
	return &PodResources{Cpus: new(float64(r.CPU) / 1000), Mem: new(float64(r.Mem)), Disk: new(float64(r.Disk))}
}

func podVars(env map[string]string) map[string]EnvVar {
	var vars map[string]EnvVar
	for name, v := range env {
		if vars == nil {
			vars = map[string]EnvVar{}
		}
		vars[name] = EnvVar{Value: v}
	}
	return vars
}

func fromPodContainer(a *apps.App, i int) PodContainer {
	c := &a.Pod.Containers[i]
	out := PodContainer{
		Name: c.Name, Resources: *PodNeeds(c.Needs), Limits: fromLimits(c.Limits), LinuxInfo: fromLinux(c.Linux),
		Environment: podVars(c.Env), User: optional(c.User), Labels: c.Labels,
	}
	if c.Shell != "" || len(c.Argv) > 0 {
		out.Exec = &PodExec{Command: PodCommand{Shell: optional(c.Shell), Argv: c.Argv}}
		if c.Override {
			out.Exec.OverrideEntrypoint = new(true)
		}
	}
	if c.Image != "" {
		out.Image = &PodImage{Kind: new("DOCKER"), ID: c.Image, ForcePull: new(c.ForcePull), Labels: c.ImageLabels}
	}
	if c.KillGrace > 0 {
		out.Lifecycle = &PodLifecycle{KillGracePeriodSeconds: new(c.KillGrace.Seconds())}
	}
	if c.TTY {
		out.TTY = new(true)
	}
	for _, m := range c.Mounts {
		out.Mounts = append(out.Mounts, PodMount{Name: m.Volume, MountPath: m.Path, ReadOnly: new(m.ReadOnly)})
	}
	for _, x := range c.Fetch {
		out.Artifacts = append(out.Artifacts, Artifact{URI: x.URI, Extract: new(x.Extract), Executable: new(x.Executable), Cache: new(x.Cache), DestPath: optional(x.DestPath)})
	}
	first, end := a.Pod.PortsOf(i)
	for _, p := range a.Ports[first:end] {
		e := PodEndpoint{Name: p.Name, Protocol: strings.Split(p.Protocol, ","), Labels: p.Labels, NetworkNames: p.NetworkNames}
		if a.Network != apps.NetworkHost {
			e.ContainerPort = new(p.Container)
		}
		if p.Host != apps.NoHostPort {
			e.HostPort = new(p.Host)
		}
		out.Endpoints = append(out.Endpoints, e)
	}
	for _, h := range a.Checks {
		if h.Container == c.Name {
			out.HealthCheck = fromPodCheck(a, h)
		}
	}
	return out
}

func fromPodCheck(a *apps.App, c apps.Check) *PodCheck {
	h := &PodCheck{
		GracePeriodSeconds: inSeconds(c.Grace), IntervalSeconds: inSeconds(c.Interval), TimeoutSeconds: inSeconds(c.Timeout),
		DelaySeconds: inSeconds(c.Delay), MaxConsecutiveFailures: new(c.FailuresMax),
	}
	switch scheme := strings.TrimPrefix(c.Protocol, "MESOS_"); scheme {
	case "COMMAND":
		h.Exec = &PodExecCheck{Command: PodCommand{Shell: new(c.Command)}}
	case "TCP":
		h.TCP = &PodTCPCheck{Endpoint: a.Ports[c.PortIndex].Name}
	default:
		h.HTTP = &PodHTTPCheck{Endpoint: a.Ports[c.PortIndex].Name, Path: optional(c.Path), Scheme: new(scheme)}
	}
	return h
}
