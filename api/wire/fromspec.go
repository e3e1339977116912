package wire

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"pacer/apps"
)

// FromSpec writes an app in Marathon's newest form. What it returns can be read
// again and gives an equal spec.
func FromSpec(app *apps.App) App {
	a := App{
		ID:        string(app.ID),
		Cmd:       optional(app.Cmd),
		Args:      app.Args,
		User:      optional(app.User),
		Instances: new(app.Instances),
		Cpus:      new(float64(app.Needs.CPU) / 1000),
		Mem:       new(float64(app.Needs.Mem)),
		Disk:      new(float64(app.Needs.Disk - app.VolumeSize())),
		GPUs:      new(int(app.Needs.GPU)),
		Executor:  new(""),
		Role:      new(orDefault(app.Role, "*")),

		AcceptedResourceRoles: app.AcceptedRoles,
		BackoffSeconds:        inSeconds(app.Backoff.First),
		BackoffFactor:         new(app.Backoff.Factor),
		MaxLaunchDelaySeconds: inSeconds(app.Backoff.Max),
		UpgradeStrategy:       &UpgradeStrategy{MinimumHealthCapacity: app.Upgrade.HealthyMin, MaximumOverCapacity: app.Upgrade.OverMax},
		UnreachableStrategy: &UnreachableStrategy{
			Disabled:             app.Unreachable.Disabled,
			InactiveAfterSeconds: int(app.Unreachable.InactiveAfter / time.Second),
			ExpungeAfterSeconds:  int(app.Unreachable.ExpungeAfter / time.Second),
		},
		KillSelection:  new("YOUNGEST_FIRST"),
		Labels:         orEmpty(app.Labels),
		ResourceLimits: fromLimits(app.Limits),
		Check:          fromGauge(app.Gauge),
	}
	if app.TTY {
		a.TTY = new(true)
	}
	if app.KillOldest {
		a.KillSelection = new("OLDEST_FIRST")
	}
	if app.KillGrace > 0 {
		a.TaskKillGracePeriodSeconds = inSeconds(app.KillGrace)
	}
	if app.Version != 0 {
		a.Version = new(app.Version.String())
		a.VersionInfo = &VersionInfo{LastScalingAt: app.ScaledAt.String(), LastConfigChangeAt: app.ConfigAt.String()}
	}
	if len(app.Env) > 0 {
		a.Env = make(map[string]EnvVar, len(app.Env))
		for name, v := range app.Env {
			a.Env[name] = EnvVar{Value: v}
		}
	}
	for _, id := range app.Dependencies {
		a.Dependencies = append(a.Dependencies, string(id))
	}
	for _, c := range app.Constraints {
		constraint := []string{c.Field, c.Operator}
		if c.Value != "" || c.Operator == "IS" {
			constraint = append(constraint, c.Value)
		}
		a.Constraints = append(a.Constraints, constraint)
	}
	for _, f := range app.Fetch {
		a.Fetch = append(a.Fetch, Artifact{
			URI: f.URI, Extract: new(f.Extract), Executable: new(f.Executable), Cache: new(f.Cache), DestPath: optional(f.DestPath),
		})
	}
	a.fromContainer(app)
	a.fromPorts(app)
	for _, c := range app.Checks {
		a.HealthChecks = append(a.HealthChecks, FromCheck(c))
	}
	for _, c := range app.Readiness {
		a.ReadinessChecks = append(a.ReadinessChecks, ReadinessCheck{
			Name: new(c.Name), Protocol: new(c.Protocol), Path: new(c.Path), PortName: new(c.PortName),
			IntervalSeconds: inSeconds(c.Interval), TimeoutSeconds: inSeconds(c.Timeout),
			HTTPStatusCodesForReady: slices.Clone(c.StatusCodes), PreserveLastResponse: new(c.KeepResponse),
		})
	}
	a.fromEcho(app)
	return a
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func inSeconds(d time.Duration) *int { return new(int(d / time.Second)) }

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func (a *App) fromContainer(app *apps.App) {
	c := app.Container
	if c == nil {
		return
	}
	a.Container = &Container{Type: new(c.Type), Volumes: []Volume{}, LinuxInfo: fromLinux(c.Linux)}
	if c.Image != "" {
		a.Container.Docker = &Docker{
			Image: c.Image, ForcePullImage: new(c.ForcePull), Privileged: new(c.Privileged),
			Parameters: []Parameter{},
		}
		for _, p := range c.Parameters {
			a.Container.Docker.Parameters = append(a.Container.Docker.Parameters, Parameter(p))
		}
	}
	for _, v := range c.Volumes {
		volume := Volume{ContainerPath: v.ContainerPath, HostPath: optional(v.HostPath), Mode: new("RW")}
		if v.ReadOnly {
			volume.Mode = new("RO")
		}
		if v.Echo != nil { // as it came; raw wrote it from a Volume
			volume = Volume{}
			_ = json.Unmarshal(v.Echo, &volume)
		}
		a.Container.Volumes = append(a.Container.Volumes, volume)
	}
}

func (a *App) fromPorts(app *apps.App) {
	if app.Network == apps.NetworkHost {
		a.Networks = []Network{{Mode: new(string(app.Network))}}
		a.RequirePorts = new(app.RequirePorts)
		a.PortDefinitions = make([]PortDefinition, len(app.Ports))
		for i, p := range app.Ports {
			a.PortDefinitions[i] = PortDefinition{Port: new(p.Service), Protocol: new(p.Protocol), Name: optional(p.Name), Labels: p.Labels}
		}
		return
	}
	for _, name := range app.Networks {
		a.Networks = append(a.Networks, Network{Mode: new(string(app.Network)), Name: new(name)})
	}
	if len(a.Networks) == 0 {
		a.Networks = []Network{{Mode: new(string(app.Network))}}
	}
	a.RequirePorts = new(false)
	if a.Container == nil { // only a spec that was not made by Spec
		a.Container = &Container{Type: new("MESOS"), Volumes: []Volume{}}
	}
	a.Container.PortMappings = make([]PortMapping, len(app.Ports))
	for i, p := range app.Ports {
		m := PortMapping{
			ContainerPort: new(p.Container), ServicePort: new(p.Service), Protocol: new(p.Protocol), Name: optional(p.Name),
			Labels: orEmpty(p.Labels), NetworkNames: p.NetworkNames,
		}
		if p.Host != apps.NoHostPort {
			m.HostPort = new(p.Host)
		}
		a.Container.PortMappings[i] = m
	}
}

// FromCheck writes a health check; events carry single ones.
func FromCheck(c apps.Check) HealthCheck {
	h := HealthCheck{
		Protocol: new(c.Protocol), Path: optional(c.Path),
		GracePeriodSeconds: inSeconds(c.Grace), IntervalSeconds: inSeconds(c.Interval), TimeoutSeconds: inSeconds(c.Timeout),
		MaxConsecutiveFailures: new(c.FailuresMax), IPProtocol: new(orDefault(c.IPProtocol, "IPv4")),
	}
	if c.Port > 0 {
		h.Port = new(c.Port)
	}
	if c.PortIndex >= 0 && c.Protocol != "COMMAND" {
		h.PortIndex = new(c.PortIndex)
	}
	if c.Command != "" {
		h.Command = &Command{Value: c.Command}
	}
	if strings.HasPrefix(c.Protocol, "MESOS_") {
		h.DelaySeconds = inSeconds(c.Delay)
	}
	if c.IgnoreHTTP1xx {
		h.IgnoreHTTP1xx = new(true)
	}
	return h
}

func (a *App) fromEcho(app *apps.App) {
	fields := map[string]any{
		"executor": &a.Executor, "executorResources": &a.ExecutorResources,
		"secrets": &a.Secrets, "residency": &a.Residency, "networks": &a.Networks, "env": &a.Env,
	}
	for name, v := range app.Echo {
		if field, ok := fields[name]; ok {
			_ = json.Unmarshal(v, field) // written by raw from that very field
		}
	}
}
