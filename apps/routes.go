package apps

import (
	"strconv"
	"strings"
)

// ServicePorts derives from an app's ports, labels and checks how clients reach
// it. The labels are marathon-lb's: HAPROXY_n_VHOST (a comma list of host names),
// HAPROXY_n_PATH (a path prefix) and HAPROXY_n_MODE (http or tcp), n being the
// index of the port. As in marathon-lb a port speaks HTTP when MODE says so, a
// VHOST is set or the port has an HTTP check; else it is plain TCP.
func (a *App) ServicePorts() []ServicePort {
	ports := make([]ServicePort, len(a.Ports))
	for i, p := range a.Ports {
		label := func(name string) string { return a.Labels["HAPROXY_"+strconv.Itoa(i)+"_"+name] }
		sp := ServicePort{Name: p.Name, Protocol: p.Protocol, Port: p.Service}
		if label("ENABLED") == "false" {
			sp.Port = 0
		}
		for _, host := range strings.Split(label("VHOST"), ",") {
			if host = strings.ToLower(strings.TrimSpace(host)); host != "" {
				sp.Routes = append(sp.Routes, Route{Host: host, Path: label("PATH")})
			}
		}
		switch label("MODE") {
		case "http":
			sp.HTTP = true
		case "tcp":
		default:
			sp.HTTP = len(sp.Routes) > 0 || a.checkedByHTTP(i)
		}
		ports[i] = sp
	}
	return ports
}

func (a *App) checkedByHTTP(port int) bool {
	for _, c := range a.Checks {
		if strings.HasSuffix(c.Protocol, "HTTP") && c.Port == 0 && c.PortIndex == port {
			return true
		}
	}
	return false
}
