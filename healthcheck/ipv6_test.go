package healthcheck

import (
	"testing"

	"pacer/apps"
)

func TestOverIPv6AnInstanceIsAskedOnItsOwnPort(t *testing.T) {
	bridge := &apps.App{Network: apps.NetworkBridge, Ports: []apps.Port{{Container: 80}, {}}}
	host := &apps.App{Network: apps.NetworkHost, Ports: []apps.Port{{Service: 10000}}}
	for _, test := range []struct {
		name string
		t    Target
		c    apps.Check
		want string
	}{
		{"the container's port", Target{App: bridge, Ports: []int{31001, 31002}, Addr: "10.0.0.1", IP: "172.17.0.2", IP6: "fd00::2"}, apps.Check{PortIndex: 0}, "[fd00::2]:80"},
		{"the same as on the host", Target{App: bridge, Ports: []int{31001, 31002}, IP6: "fd00::2"}, apps.Check{PortIndex: 1}, "[fd00::2]:31002"},
		{"a number wins", Target{App: bridge, IP6: "fd00::2"}, apps.Check{Port: 9, PortIndex: 0}, "[fd00::2]:9"},
		{"the host's own", Target{App: host, Ports: []int{31005}}, apps.Check{PortIndex: 0}, "[::1]:31005"},
		{"no such network", Target{App: bridge, Ports: []int{31001, 31002}, IP: "172.17.0.2"}, apps.Check{PortIndex: 0}, "the container has no IPv6 address: its network must have IPv6 enabled"},
	} {
		test.c.IPProtocol, test.c.Protocol = "IPv6", "MESOS_TCP"
		got, err := test.t.of(test.c)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: want %s, got %s", test.name, test.want, got)
		}
	}
}
