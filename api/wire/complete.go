package wire

import (
	"strings"

	"pacer/apps"
)

// Complete fills in what Marathon assumes where an app in new form is silent
// (see Migrate), and drops what its network mode has no use for.
// It fails with Invalid where nothing can be assumed.
func (a *App) Complete(s Settings) error {
	var f faults
	a.completeNetworks(s, &f)
	a.completeContainer()
	a.completePorts(&f)
	a.completeChecks()
	a.completeStrategies()

	setDefault(&a.Instances, 1)
	setDefault(&a.Cpus, 1)
	setDefault(&a.Mem, 128)
	setDefault(&a.Disk, 0)
	setDefault(&a.GPUs, 0)
	setDefault(&a.Executor, "")
	setDefault(&a.Role, "*")
	setDefault(&a.BackoffSeconds, 1)
	setDefault(&a.BackoffFactor, 1.15)
	setDefault(&a.MaxLaunchDelaySeconds, 300)
	setDefault(&a.KillSelection, "YOUNGEST_FIRST")
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	for _, c := range a.Constraints {
		if len(c) > 1 {
			c[1] = strings.ToUpper(c[1])
		}
	}
	for i := range a.Fetch {
		setDefault(&a.Fetch[i].Extract, true)
		setDefault(&a.Fetch[i].Executable, false)
		setDefault(&a.Fetch[i].Cache, false)
	}
	group := Absolute("/", a.ID).Parent()
	for i, id := range a.Dependencies {
		a.Dependencies[i] = string(Absolute(group, id))
	}
	return f.err(notValid)
}

// setDefault sets *p where it is absent.
func setDefault[T any](p **T, v T) {
	if *p == nil {
		*p = &v
	}
}

// mode is the network mode of a completed app.
func (a *App) mode() apps.NetworkMode {
	return apps.NetworkMode(value(a.Networks[0].Mode, "container"))
}

func (a *App) completeNetworks(s Settings, f *faults) {
	if len(a.Networks) == 0 {
		a.Networks = []Network{{Mode: new("host")}}
	}
	for i := range a.Networks {
		n := &a.Networks[i]
		setDefault(&n.Mode, "container")
		if *n.Mode != "container" || n.Name != nil {
			continue
		}
		if s.DefaultNetwork == "" {
			f.fail("/networks", "Network name must be specified when container network is selected.")
		} else {
			n.Name = new(s.DefaultNetwork)
		}
	}
	if a.Container == nil && a.mode() != apps.NetworkHost {
		a.Container = &Container{Type: new("MESOS")}
	}
}

func (a *App) completeContainer() {
	c := a.Container
	if c == nil {
		return
	}
	if c.isDocker() {
		setDefault(&c.Type, "DOCKER")
	} else {
		setDefault(&c.Type, "MESOS")
	}
	if c.Volumes == nil {
		c.Volumes = []Volume{}
	}
	for i := range c.Volumes {
		if v := &c.Volumes[i]; v.Persistent != nil || v.External != nil {
			setDefault(&v.Mode, "RW")
		}
	}
	if d := c.Docker; d != nil {
		setDefault(&d.ForcePullImage, false)
		setDefault(&d.Privileged, false)
		if d.Parameters == nil {
			d.Parameters = []Parameter{}
		}
	}
}

func (a *App) completePorts(f *faults) {
	if a.mode() == apps.NetworkHost {
		if c := a.Container; c != nil {
			if len(c.PortMappings) > 0 {
				f.fail("/", "portMappings are not allowed with host-networking")
			}
			c.PortMappings = nil
		}
		if a.PortDefinitions == nil {
			a.PortDefinitions = []PortDefinition{{Name: new("default")}}
		}
		for i := range a.PortDefinitions {
			setDefault(&a.PortDefinitions[i].Port, 0)
			setDefault(&a.PortDefinitions[i].Protocol, "tcp")
		}
		setDefault(&a.RequirePorts, false)
		return
	}
	c := a.Container
	if c.PortMappings == nil {
		c.PortMappings = []PortMapping{{Name: new("default")}}
	}
	for len(c.PortMappings) < len(a.PortDefinitions) {
		c.PortMappings = append(c.PortMappings, PortMapping{})
	}
	a.PortDefinitions = nil
	a.RequirePorts = new(false)
	for i := range c.PortMappings {
		m := &c.PortMappings[i]
		setDefault(&m.ContainerPort, 0)
		setDefault(&m.ServicePort, 0)
		setDefault(&m.Protocol, "tcp")
		if a.mode() == apps.NetworkBridge {
			setDefault(&m.HostPort, 0)
		}
		if m.Labels == nil {
			m.Labels = map[string]string{}
		}
	}
}

// ports is how many ports a completed app has.
func (a *App) ports() int {
	if a.mode() == apps.NetworkHost {
		return len(a.PortDefinitions)
	}
	return len(a.Container.PortMappings)
}

func (a *App) completeChecks() {
	for i := range a.HealthChecks {
		c := &a.HealthChecks[i]
		setDefault(&c.Protocol, "HTTP")
		setDefault(&c.GracePeriodSeconds, 300)
		setDefault(&c.IntervalSeconds, 60)
		setDefault(&c.TimeoutSeconds, 20)
		setDefault(&c.MaxConsecutiveFailures, 3)
		setDefault(&c.IPProtocol, "IPv4")
		if strings.HasPrefix(*c.Protocol, "MESOS_") {
			setDefault(&c.DelaySeconds, 15)
		} else {
			c.DelaySeconds = nil
		}
		if value(c.Port, 0) == 0 {
			c.Port = nil // no port has that number
		}
		if *c.Protocol != "COMMAND" && c.Port == nil && a.ports() > 0 {
			setDefault(&c.PortIndex, 0)
		}
	}
	for i := range a.ReadinessChecks {
		c := &a.ReadinessChecks[i]
		setDefault(&c.Name, "readinessCheck")
		setDefault(&c.Protocol, "HTTP")
		setDefault(&c.Path, "/")
		setDefault(&c.PortName, "http-api")
		setDefault(&c.IntervalSeconds, 30)
		setDefault(&c.TimeoutSeconds, 10)
		setDefault(&c.PreserveLastResponse, false)
		if len(c.HTTPStatusCodesForReady) == 0 {
			c.HTTPStatusCodesForReady = []int{200}
		}
	}
}

func (a *App) completeStrategies() {
	persistent, external := a.keepsData()
	if a.UpgradeStrategy == nil {
		a.UpgradeStrategy = &UpgradeStrategy{MinimumHealthCapacity: 1, MaximumOverCapacity: 1}
		if persistent || external {
			a.UpgradeStrategy = &UpgradeStrategy{MinimumHealthCapacity: 0.5}
		}
	}
	if a.UnreachableStrategy == nil {
		a.UnreachableStrategy = &UnreachableStrategy{Disabled: persistent}
	}
	if persistent && a.Residency == nil {
		a.Residency = &Residency{}
	}
	if a.Residency != nil {
		setDefault(&a.Residency.RelaunchEscalationTimeoutSeconds, 3600)
		setDefault(&a.Residency.TaskLostBehavior, "WAIT_FOREVER")
	}
}

// keepsData reports whether the app has persistent and external volumes.
func (a *App) keepsData() (persistent, external bool) {
	if a.Container != nil {
		for _, v := range a.Container.Volumes {
			persistent = persistent || v.Persistent != nil
			external = external || v.External != nil
		}
	}
	return persistent, external
}
