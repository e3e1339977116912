package wire

import (
	"encoding/json"
	"fmt"
)

// An App is an app as Marathon writes it (marathon 1.5 and later, and the older
// forms on the way in). The rule tags are the bounds of Marathon's schema; see Read.
type App struct {
	ID string `json:"id,omitzero"`

	Cmd  *string           `json:"cmd,omitzero" rule:"minLength=1"`
	Args []string          `json:"args,omitzero"`
	User *string           `json:"user,omitzero"`
	Env  map[string]EnvVar `json:"env,omitzero"`

	Instances *int     `json:"instances,omitzero" rule:"min=0 max=100000"`
	Cpus      *float64 `json:"cpus,omitzero" rule:"min=0.001 max=1000000"`
	Mem       *float64 `json:"mem,omitzero" rule:"min=0 max=1000000000000"`
	Disk      *float64 `json:"disk,omitzero" rule:"min=0 max=1000000000000"`
	GPUs      *int     `json:"gpus,omitzero" rule:"min=0 max=100000"`

	Executor          *string            `json:"executor,omitzero" rule:"pattern=executor"`
	ExecutorResources *ExecutorResources `json:"executorResources,omitzero"`
	ResourceLimits    *ResourceLimits    `json:"resourceLimits,omitzero"`

	Constraints           [][]string `json:"constraints,omitzero"`
	AcceptedResourceRoles []string   `json:"acceptedResourceRoles,omitzero"`
	Role                  *string    `json:"role,omitzero"`

	Fetch []Artifact `json:"fetch,omitzero"`
	URIs  []string   `json:"uris,omitzero"` // old form of Fetch

	Container       *Container       `json:"container,omitzero"`
	Networks        []Network        `json:"networks,omitzero"`
	PortDefinitions []PortDefinition `json:"portDefinitions,omitzero"`
	Ports           []int            `json:"ports,omitzero" rule:"min=0 max=65535"` // old form of PortDefinitions
	RequirePorts    *bool            `json:"requirePorts,omitzero"`
	IPAddress       *IPAddress       `json:"ipAddress,omitzero"` // old form of Networks

	BackoffSeconds        *int     `json:"backoffSeconds,omitzero" rule:"min=0"`
	BackoffFactor         *float64 `json:"backoffFactor,omitzero" rule:"min=1 max=1000000"`
	MaxLaunchDelaySeconds *int     `json:"maxLaunchDelaySeconds,omitzero" rule:"min=0"`

	TaskKillGracePeriodSeconds *int `json:"taskKillGracePeriodSeconds,omitzero" rule:"min=0"`

	HealthChecks    []HealthCheck    `json:"healthChecks,omitzero"`
	ReadinessChecks []ReadinessCheck `json:"readinessChecks,omitzero" rule:"maxItems=1"`
	Check           *AppCheck        `json:"check,omitzero"`

	Dependencies        []string             `json:"dependencies,omitzero"`
	UpgradeStrategy     *UpgradeStrategy     `json:"upgradeStrategy,omitzero"`
	UnreachableStrategy *UnreachableStrategy `json:"unreachableStrategy,omitzero"`
	KillSelection       *string              `json:"killSelection,omitzero" rule:"enum=YOUNGEST_FIRST|OLDEST_FIRST"`
	Labels              map[string]string    `json:"labels,omitzero"`
	Secrets             map[string]Secret    `json:"secrets,omitzero"`
	Residency           *Residency           `json:"residency,omitzero"`
	TTY                 *bool                `json:"tty,omitzero"`

	Version     *string      `json:"version,omitzero"`
	VersionInfo *VersionInfo `json:"versionInfo,omitzero"`
}

// ignored are keys that Marathon writes into an app, or read from one up to 1.4:
// they are accepted and mean nothing, so that an answer can be sent back.
func (App) ignored() []string {
	return []string{
		"tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy", "tasks", "deployments", "lastTaskFailure",
		"readinessCheckResults", "tasksStats", "taskStats", "storeUrls", "taskRateLimit",
	}
}

// An EnvVar is the value of an environment variable: a string, or the name of a secret.
type EnvVar struct {
	Value  string
	Secret string // where not empty, the value is {"secret": Secret}
}

// MarshalJSON writes a string or {"secret": name}.
func (v EnvVar) MarshalJSON() ([]byte, error) {
	if v.Secret != "" {
		return json.Marshal(map[string]string{"secret": v.Secret})
	}
	return json.Marshal(v.Value)
}

// UnmarshalJSON reads either form.
func (v *EnvVar) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var ref struct {
			Secret string `json:"secret"`
		}
		err := json.Unmarshal(b, &ref)
		*v = EnvVar{Secret: ref.Secret}
		return err
	}
	*v = EnvVar{}
	return json.Unmarshal(b, &v.Value)
}

func (v *EnvVar) read(value any, at string, r *reader) {
	switch value := value.(type) {
	case string:
		v.Value = r.text(value, at)
	case map[string]any:
		secret, ok := value["secret"].(string)
		if !ok || secret == "" {
			r.fail(at+"/secret", "error.expected.jsstring")
		}
		v.Secret = secret
	default:
		r.fail(at, "error.expected.jsstring")
	}
}

// A Secret names where the value of a secret is kept.
type Secret struct {
	Source string `json:"source" rule:"required"`
}

// ExecutorResources is what Mesos' executor was given; Pacer has none and gives it back.
type ExecutorResources struct {
	Cpus *float64 `json:"cpus,omitzero" rule:"min=0.1"`
	Mem  *float64 `json:"mem,omitzero" rule:"min=32"`
	Disk *float64 `json:"disk,omitzero" rule:"min=10"`
}

// ResourceLimits is how far an instance may go beyond what it asked for.
type ResourceLimits struct {
	Cpus *Limit `json:"cpus,omitzero"`
	Mem  *Limit `json:"mem,omitzero"`
}

// A Limit is a number, or "unlimited".
type Limit struct {
	Unlimited bool
	Value     float64
}

// MarshalJSON writes a number or "unlimited".
func (l Limit) MarshalJSON() ([]byte, error) {
	if l.Unlimited {
		return []byte(`"unlimited"`), nil
	}
	return json.Marshal(l.Value)
}

// UnmarshalJSON reads either form.
func (l *Limit) UnmarshalJSON(b []byte) error {
	*l = Limit{Unlimited: string(b) == `"unlimited"`}
	if l.Unlimited {
		return nil
	}
	return json.Unmarshal(b, &l.Value)
}

func (l *Limit) read(value any, at string, r *reader) {
	switch value := value.(type) {
	case string:
		if l.Unlimited = value == "unlimited"; !l.Unlimited {
			r.fail(at, "error.unknown.enum.literal")
		}
	case json.Number:
		l.Value, _ = r.float(value, at)
	default:
		r.fail(at, "error.expected.jsnumber")
	}
}

// A Container is the image of an app.
type Container struct {
	Type         *string       `json:"type,omitzero" rule:"enum=DOCKER|MESOS"`
	Docker       *Docker       `json:"docker,omitzero"`
	Volumes      []Volume      `json:"volumes,omitzero"`
	PortMappings []PortMapping `json:"portMappings,omitzero"`
	LinuxInfo    *LinuxInfo    `json:"linuxInfo,omitzero"`
}

// A Docker names an image and how it is run.
type Docker struct {
	Image          string          `json:"image" rule:"required minLength=1"`
	ForcePullImage *bool           `json:"forcePullImage,omitzero"`
	Privileged     *bool           `json:"privileged,omitzero"`
	Parameters     []Parameter     `json:"parameters,omitzero"`
	PullConfig     json.RawMessage `json:"pullConfig,omitzero" rule:"object"` // refused: it names a secret

	Network      *string         `json:"network,omitzero" rule:"enum=BRIDGE|HOST|USER|NONE"` // old form of App.Networks
	PortMappings []PortMapping   `json:"portMappings,omitzero"`                              // old form of Container.PortMappings
	Credential   json.RawMessage `json:"credential,omitzero" rule:"object"`                  // refused, as in Marathon
}

// A Parameter is one option of docker run, without its dashes.
type Parameter struct {
	Key   string `json:"key" rule:"required minLength=1"`
	Value string `json:"value" rule:"required"`
}

// A Volume is one of four kinds: of the host, persistent, external or a secret.
type Volume struct {
	ContainerPath string          `json:"containerPath" rule:"required minLength=1"`
	HostPath      *string         `json:"hostPath,omitzero" rule:"minLength=1"`
	Mode          *string         `json:"mode,omitzero" rule:"enum=RO|RW"`
	Persistent    json.RawMessage `json:"persistent,omitzero" rule:"object"`
	External      json.RawMessage `json:"external,omitzero" rule:"object"`
	Secret        *string         `json:"secret,omitzero" rule:"minLength=1"`
}

// A PortMapping is a port inside the container and where it is published.
type PortMapping struct {
	ContainerPort *int              `json:"containerPort,omitzero" rule:"min=0 max=65535"`
	HostPort      *int              `json:"hostPort,omitzero" rule:"min=0 max=65535"`
	ServicePort   *int              `json:"servicePort,omitzero" rule:"min=0 max=65535"`
	Protocol      *string           `json:"protocol,omitzero" rule:"enum=tcp|udp|udp,tcp"`
	Name          *string           `json:"name,omitzero" rule:"pattern=portName"`
	Labels        map[string]string `json:"labels,omitzero"`
	NetworkNames  []string          `json:"networkNames,omitzero"`
}

// A PortDefinition is a port of an app that uses its host's network.
type PortDefinition struct {
	Port     *int              `json:"port,omitzero" rule:"min=0 max=65535"`
	Protocol *string           `json:"protocol,omitzero" rule:"enum=tcp|udp|udp,tcp"`
	Name     *string           `json:"name,omitzero" rule:"pattern=portName"`
	Labels   map[string]string `json:"labels,omitzero"`
}

// A Network is one network an app joins.
type Network struct {
	Mode   *string           `json:"mode,omitzero" rule:"enum=host|container|container/bridge"`
	Name   *string           `json:"name,omitzero" rule:"pattern=networkName"`
	Labels map[string]string `json:"labels,omitzero"`
}

// An IPAddress is the form that networks had up to Marathon 1.4.
type IPAddress struct {
	NetworkName *string           `json:"networkName,omitzero" rule:"pattern=networkName"`
	Groups      []string          `json:"groups,omitzero"`
	Labels      map[string]string `json:"labels,omitzero"`
	Discovery   *Discovery        `json:"discovery,omitzero"`
}

// Discovery are the ports of an IPAddress.
type Discovery struct {
	Ports []DiscoveryPort `json:"ports,omitzero"`
}

// A DiscoveryPort is one port of an IPAddress.
type DiscoveryPort struct {
	Number   int               `json:"number" rule:"required min=0 max=65535"`
	Name     string            `json:"name" rule:"required pattern=portName"`
	Protocol *string           `json:"protocol,omitzero" rule:"enum=tcp|udp|udp,tcp"`
	Labels   map[string]string `json:"labels,omitzero"`
}

// An Artifact is fetched into an instance's sandbox before it starts.
type Artifact struct {
	URI        string  `json:"uri" rule:"required minLength=1 maxLength=1024"`
	Extract    *bool   `json:"extract,omitzero"`
	Executable *bool   `json:"executable,omitzero"`
	Cache      *bool   `json:"cache,omitzero"`
	DestPath   *string `json:"destPath,omitzero"`
}

// A HealthCheck asks, for as long as an instance lives, whether it is well.
type HealthCheck struct {
	Protocol               *string  `json:"protocol,omitzero" rule:"enum=HTTP|HTTPS|TCP|COMMAND|MESOS_HTTP|MESOS_HTTPS|MESOS_TCP"`
	Path                   *string  `json:"path,omitzero"`
	Port                   *int     `json:"port,omitzero" rule:"min=0 max=65535"`
	PortIndex              *int     `json:"portIndex,omitzero" rule:"min=0 max=65535"`
	Command                *Command `json:"command,omitzero"`
	GracePeriodSeconds     *int     `json:"gracePeriodSeconds,omitzero" rule:"min=0"`
	IntervalSeconds        *int     `json:"intervalSeconds,omitzero" rule:"min=1"`
	TimeoutSeconds         *int     `json:"timeoutSeconds,omitzero" rule:"min=1"`
	MaxConsecutiveFailures *int     `json:"maxConsecutiveFailures,omitzero" rule:"min=0"`
	DelaySeconds           *int     `json:"delaySeconds,omitzero" rule:"min=0"`
	IgnoreHTTP1xx          *bool    `json:"ignoreHttp1xx,omitzero"`
	IPProtocol             *string  `json:"ipProtocol,omitzero" rule:"enum=IPv4|IPv6"`
}

// A Command is what a COMMAND check runs.
type Command struct {
	Value string `json:"value" rule:"required minLength=1"`
}

// A ReadinessCheck asks, during a deployment, whether a new instance may count.
type ReadinessCheck struct {
	Name                    *string `json:"name,omitzero" rule:"minLength=1"`
	Protocol                *string `json:"protocol,omitzero" rule:"enum=HTTP|HTTPS"`
	Path                    *string `json:"path,omitzero"`
	PortName                *string `json:"portName,omitzero" rule:"pattern=portName"`
	IntervalSeconds         *int    `json:"intervalSeconds,omitzero" rule:"min=1"`
	TimeoutSeconds          *int    `json:"timeoutSeconds,omitzero" rule:"min=1"`
	HTTPStatusCodesForReady []int   `json:"httpStatusCodesForReady,omitzero" rule:"min=100 max=999"`
	PreserveLastResponse    *bool   `json:"preserveLastResponse,omitzero"`
}

// An UpgradeStrategy says how far a deployment may go below and above the wanted count.
type UpgradeStrategy struct {
	MinimumHealthCapacity float64 `json:"minimumHealthCapacity" rule:"required min=0 max=1"`
	MaximumOverCapacity   float64 `json:"maximumOverCapacity" rule:"required min=0 max=1"`
}

// An UnreachableStrategy says what happens to instances whose host went silent.
type UnreachableStrategy struct {
	Disabled             bool // written as the string "disabled"
	InactiveAfterSeconds int
	ExpungeAfterSeconds  int
}

type unreachable struct {
	InactiveAfterSeconds int `json:"inactiveAfterSeconds" rule:"min=0"`
	ExpungeAfterSeconds  int `json:"expungeAfterSeconds" rule:"min=0"`
}

// MarshalJSON writes an object or "disabled".
func (u UnreachableStrategy) MarshalJSON() ([]byte, error) {
	if u.Disabled {
		return []byte(`"disabled"`), nil
	}
	return json.Marshal(unreachable{u.InactiveAfterSeconds, u.ExpungeAfterSeconds})
}

// UnmarshalJSON reads either form.
func (u *UnreachableStrategy) UnmarshalJSON(b []byte) error {
	if string(b) == `"disabled"` {
		*u = UnreachableStrategy{Disabled: true}
		return nil
	}
	var o unreachable
	if err := json.Unmarshal(b, &o); err != nil {
		return fmt.Errorf("unreachableStrategy: %w", err)
	}
	*u = UnreachableStrategy{InactiveAfterSeconds: o.InactiveAfterSeconds, ExpungeAfterSeconds: o.ExpungeAfterSeconds}
	return nil
}

func (u *UnreachableStrategy) read(value any, at string, r *reader) {
	switch value := value.(type) {
	case string:
		if u.Disabled = value == "disabled"; !u.Disabled {
			r.fail(at, "error.unknown.enum.literal")
		}
	default:
		var o unreachable
		r.into(value, &o, at)
		u.InactiveAfterSeconds, u.ExpungeAfterSeconds = o.InactiveAfterSeconds, o.ExpungeAfterSeconds
	}
}

// A Residency belonged to persistent volumes; it has no effect and is given back.
type Residency struct {
	RelaunchEscalationTimeoutSeconds *int    `json:"relaunchEscalationTimeoutSeconds,omitzero" rule:"min=0"`
	TaskLostBehavior                 *string `json:"taskLostBehavior,omitzero" rule:"enum=WAIT_FOREVER|RELAUNCH_AFTER_TIMEOUT"`
}

// A VersionInfo says when what was changed last.
type VersionInfo struct {
	LastScalingAt      string `json:"lastScalingAt"`
	LastConfigChangeAt string `json:"lastConfigChangeAt"`
}
