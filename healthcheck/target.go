package healthcheck

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"pacer/apps"
)

// A Target is the instance that is asked, and where it may be reached.
type Target struct {
	Instance string
	App      *apps.App
	Ports    []int  // host ports in the order of App.Ports; 0 is none
	Addr     string // of the host: where its published ports answer
	IP       string // of the container; empty while it has none, and with host networking
	IP6      string // the same of IPv6
}

var (
	errNoIP  = errors.New("the container has no address yet")
	errNoIP6 = errors.New("the container has no IPv6 address: its network must have IPv6 enabled")
)

// of is the address a check asks (Marathon REST v2, healthChecks: portIndex and
// port). A port number wins over an index. An index means the host port where there
// is one, else the container's own port on the container's address.
func (t Target) of(c apps.Check) (string, error) {
	if c.IPProtocol == "IPv6" {
		return t.ofIPv6(c)
	}
	if c.Port == 0 {
		return t.indexed(c.PortIndex)
	}
	// Mesos checks from inside the instance's network: the number is the container's.
	inside := t.App.Network == apps.NetworkContainer ||
		t.App.Network == apps.NetworkBridge && strings.HasPrefix(c.Protocol, "MESOS_")
	switch {
	case !inside:
		return join(t.Addr, c.Port), nil
	case t.IP == "":
		return "", errNoIP
	default:
		return join(t.IP, c.Port), nil
	}
}

// ofIPv6 is the address of a check of Mesos' that asks over IPv6: as from inside the
// instance's network, so it is the container's own port, or this host's.
func (t Target) ofIPv6(c apps.Check) (string, error) {
	port := c.Port
	if port == 0 && c.PortIndex >= 0 && c.PortIndex < len(t.App.Ports) {
		port = t.App.Ports[c.PortIndex].Container
		if (port == 0 || t.App.Network == apps.NetworkHost) && c.PortIndex < len(t.Ports) {
			port = t.Ports[c.PortIndex]
		}
	}
	switch {
	case port <= 0:
		return "", fmt.Errorf("the port of index %d has no number: give it a hostPort or a containerPort", c.PortIndex)
	case t.App.Network == apps.NetworkHost:
		return join("::1", port), nil
	case t.IP6 == "":
		return "", errNoIP6
	}
	return join(t.IP6, port), nil
}

// ofReady is the address a readiness check asks; it names the port.
func (t Target) ofReady(r apps.ReadyCheck) (string, error) {
	i := slices.IndexFunc(t.App.Ports, func(p apps.Port) bool { return p.Name == r.PortName })
	if i < 0 {
		return "", fmt.Errorf("the app has no port named %q: correct portName of the readiness check", r.PortName)
	}
	return t.indexed(i)
}

func (t Target) indexed(i int) (string, error) {
	if i < 0 || i >= len(t.App.Ports) {
		return "", fmt.Errorf("the check asks the port of index %d, but the app has %d ports: correct portIndex or set port", i, len(t.App.Ports))
	}
	if i < len(t.Ports) && t.Ports[i] > 0 {
		return join(t.Addr, t.Ports[i]), nil
	}
	port := t.App.Ports[i].Container
	switch {
	case t.App.Network == apps.NetworkHost || port <= 0:
		return "", fmt.Errorf("the port of index %d has no number: give it a hostPort or a containerPort", i)
	case t.IP == "":
		return "", errNoIP
	default:
		return join(t.IP, port), nil
	}
}

func join(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
