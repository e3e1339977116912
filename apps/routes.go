package apps

import (
	"cmp"
	"strconv"
	"strings"
)

// ServicePorts derives from an app's ports, labels and checks how clients reach
// it. The labels are marathon-lb's, n being the index of the port:
//
//	HAPROXY_n_VHOST              a comma list of host names
//	HAPROXY_n_PATH               a path prefix
//	HAPROXY_n_PORT               on the load balancer, instead of the service port
//	HAPROXY_n_MODE               http or tcp
//	HAPROXY_n_STICKY             a client stays with the instance it had
//	HAPROXY_n_REDIRECT_TO_HTTPS  what comes to a VHOST over plain HTTP
//	HAPROXY_n_ENABLED            false: no load balancer serves the port
//	HAPROXY_n_GROUP              a comma list: which load balancers serve it;
//	                             HAPROXY_GROUP is for all ports that have none
//
// As in marathon-lb a port speaks HTTP when MODE says so, a VHOST is set or the port
// has an HTTP check; else it is plain TCP.
func (a *App) ServicePorts() []ServicePort {
	ports := make([]ServicePort, len(a.Ports))
	for i, p := range a.Ports {
		label := func(name string) string { return a.Labels["HAPROXY_"+strconv.Itoa(i)+"_"+name] }
		sp := ServicePort{Name: p.Name, Protocol: p.Protocol, Port: p.Service, Groups: labelList(cmp.Or(label("GROUP"), a.Labels["HAPROXY_GROUP"]))}
		if n, err := strconv.Atoi(strings.TrimSpace(label("PORT"))); err == nil && n > 0 && n < 1<<16 {
			sp.Port = n
		}
		for _, host := range labelList(label("VHOST")) {
			sp.Routes = append(sp.Routes, Route{Host: strings.ToLower(host), Path: label("PATH")})
		}
		switch label("MODE") {
		case "http":
			sp.HTTP = true
		case "tcp":
		default:
			sp.HTTP = len(sp.Routes) > 0 || a.checkedByHTTP(i)
		}
		sp.Sticky = sp.HTTP && labelTrue(label("STICKY"))
		sp.ToHTTPS = len(sp.Routes) > 0 && labelTrue(label("REDIRECT_TO_HTTPS"))
		if enabled := label("ENABLED"); enabled != "" && !labelTrue(enabled) {
			sp.Hidden, sp.Port, sp.Routes, sp.ToHTTPS = true, 0, nil, false
		}
		ports[i] = sp
	}
	return ports
}

// BlueGreen reads the labels by which zdd.py replaces one app by another; nil where
// the app is in no deployment group.
func (a *App) BlueGreen() *BlueGreen {
	group := strings.Trim(a.Labels["HAPROXY_DEPLOYMENT_GROUP"], " /")
	if group == "" {
		return nil
	}
	b := &BlueGreen{Group: group, Started: a.Labels["HAPROXY_DEPLOYMENT_STARTED_AT"], Target: a.Instances}
	if n, err := strconv.Atoi(a.Labels["HAPROXY_DEPLOYMENT_TARGET_INSTANCES"]); err == nil && n >= 0 {
		b.Target = n
	}
	return b
}

// labelList is the items of a comma list.
func labelList(text string) (all []string) {
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}

// labelTrue reads a label as marathon-lb does.
func labelTrue(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "t", "yes", "y":
		return true
	}
	return false
}

func (a *App) checkedByHTTP(port int) bool {
	for _, c := range a.Checks {
		if strings.HasSuffix(c.Protocol, "HTTP") && c.Port == 0 && c.PortIndex == port {
			return true
		}
	}
	return false
}
