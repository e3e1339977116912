package wire

import (
	"slices"
	"strings"
)

// Settings are what an operator may choose about the wire.
type Settings struct {
	DefaultNetwork string   // for container networks without a name; empty: they are refused
	BridgeName     string   // the ipAddress.networkName that means the bridge; empty: "mesos-bridge"
	Features       []string // enabled: secrets, gpu_resources, external_volumes
}

// mesosBridge is Marathon's default of mesos_bridge_name.
const mesosBridge = "mesos-bridge"

// notValid is Marathon's message for a body whose form is right and whose meaning is not.
const notValid = "Object is not valid"

// Migrate turns the forms of Marathon up to 1.4 into those of 1.5 and later: uris,
// ports, ipAddress, container.docker.network and container.docker.portMappings are
// gone afterwards. It works on whole apps and on partial updates alike, so what is
// absent stays absent. It fails with Invalid where forms contradict each other.
func (a *App) Migrate(s Settings) error {
	var f faults
	a.migrateURIs(&f)
	a.migratePorts(&f)
	a.migrateNetworks(s, &f)
	a.migrateMappings(&f)
	a.IPAddress = nil
	if a.Container != nil && a.Container.Docker != nil {
		a.Container.Docker.Network = nil
	}
	return f.err(notValid)
}

func (a *App) migrateURIs(f *faults) {
	if len(a.URIs) > 0 && len(a.Fetch) > 0 {
		f.fail("/", "cannot specify both uris and fetch fields")
	}
	if a.URIs != nil && len(a.Fetch) == 0 {
		a.Fetch = make([]Artifact, len(a.URIs))
		for i, uri := range a.URIs {
			a.Fetch[i] = Artifact{URI: uri, Extract: new(isArchive(uri))}
		}
	}
	a.URIs = nil
}

// archives are the suffixes that Mesos' fetcher unpacks.
var archives = []string{".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".gz", ".tgz", ".tbz2", ".txz", ".zip"}

func isArchive(uri string) bool {
	return slices.ContainsFunc(archives, func(suffix string) bool { return strings.HasSuffix(uri, suffix) })
}

func (a *App) migratePorts(f *faults) {
	if repeats(a.Ports) {
		f.fail("/", "ports must be unique")
	}
	if a.IPAddress != nil && len(a.Ports)+len(a.PortDefinitions) > 0 {
		f.fail("/", "cannot specify both an IP address and port")
	}
	if a.Ports != nil && a.PortDefinitions != nil {
		same := slices.EqualFunc(a.Ports, a.PortDefinitions, func(n int, d PortDefinition) bool {
			return n == value(d.Port, 0)
		})
		if !same {
			f.fail("/", "cannot specify both ports and port definitions")
		}
	}
	if a.Ports != nil && a.PortDefinitions == nil {
		a.PortDefinitions = make([]PortDefinition, len(a.Ports))
		for i, n := range a.Ports {
			a.PortDefinitions[i].Port = &n
		}
	}
	a.Ports = nil
}

// repeats reports whether a number other than 0 is there twice.
func repeats(ports []int) bool {
	seen := make(map[int]bool, len(ports))
	for _, n := range ports {
		if n != 0 && seen[n] {
			return true
		}
		seen[n] = true
	}
	return false
}

func (a *App) migrateNetworks(s Settings, f *faults) {
	var docker string
	if a.Container != nil && a.Container.Docker != nil {
		docker = value(a.Container.Docker.Network, "")
		if len(a.Container.Docker.Credential) > 0 {
			f.fail("/container/docker/credential", "credential is not supported: use pullConfig")
		}
	}
	switch {
	case docker == "" && a.IPAddress == nil:
		return
	case docker == "NONE":
		f.fail("/container/docker/network", "unsupported docker network type NONE")
		return
	case len(a.Networks) > 0 && docker != "":
		f.fail("/", "must not specify both container.docker.network and networks")
		return
	case len(a.Networks) > 0:
		f.fail("/", "must not specify both networks and ipAddress")
		return
	}
	var n Network
	if a.IPAddress != nil {
		n.Name, n.Labels = a.IPAddress.NetworkName, a.IPAddress.Labels
	}
	switch {
	case docker == "HOST":
		n = Network{Mode: new("host")}
	case docker == "BRIDGE":
		n.Mode, n.Name = new("container/bridge"), nil
	case docker == "" && n.Name != nil && *n.Name == orDefault(s.BridgeName, mesosBridge):
		n.Mode, n.Name = new("container/bridge"), nil
	default: // USER, or an ipAddress alone
		n.Mode = new("container")
	}
	a.Networks = []Network{n}
}

func (a *App) migrateMappings(f *faults) {
	if c := a.Container; c != nil && c.Docker != nil {
		if len(c.Docker.PortMappings) > 0 && len(c.PortMappings) > 0 {
			f.fail("/container", "cannot specify both container.docker.portMappings and container.portMappings")
		}
		host := value(c.Docker.Network, "") == "HOST"
		if len(c.PortMappings) == 0 && c.Docker.PortMappings != nil && !host {
			c.PortMappings = c.Docker.PortMappings
		}
		if host { // the old form had them, and they meant nothing
			c.PortMappings = nil
		}
		c.Docker.PortMappings = nil
	}
	if a.IPAddress == nil || a.IPAddress.Discovery == nil || len(a.IPAddress.Discovery.Ports) == 0 {
		return
	}
	if a.Container == nil {
		a.Container = &Container{Type: new("MESOS")}
	}
	if a.Container.isDocker() {
		f.fail("/ipAddress/discovery/ports", "discovery ports only work with the Mesos containerizer: use container.portMappings")
		return
	}
	if len(a.Container.PortMappings) > 0 {
		f.fail("/ipAddress/discovery/ports", "cannot specify both ipAddress.discovery.ports and container.portMappings")
		return
	}
	for _, p := range a.IPAddress.Discovery.Ports {
		a.Container.PortMappings = append(a.Container.PortMappings,
			PortMapping{ContainerPort: new(p.Number), Name: new(p.Name), Protocol: p.Protocol, Labels: p.Labels})
	}
}

// isDocker reports whether the container is of type DOCKER: it says so, or it names
// an image and says nothing.
func (c *Container) isDocker() bool {
	if c.Type != nil {
		return *c.Type == "DOCKER"
	}
	return c.Docker != nil
}

// value is what p points to, or otherwise.
func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
