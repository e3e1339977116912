package apps

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLabelsSayHowAPortIsServed(t *testing.T) {
	for name, c := range map[string]struct {
		labels map[string]string
		want   ServicePort
	}{
		"none":                   {nil, ServicePort{Port: 10000}},
		"hosts, a path":          {map[string]string{"HAPROXY_0_VHOST": "a.example.com, B.example.com,,", "HAPROXY_0_PATH": "/x"}, ServicePort{Port: 10000, HTTP: true, Routes: []Route{{"a.example.com", "/x"}, {"b.example.com", "/x"}}}},
		"of another port":        {map[string]string{"HAPROXY_1_VHOST": "a.example.com"}, ServicePort{Port: 10000}},
		"http":                   {map[string]string{"HAPROXY_0_MODE": "http"}, ServicePort{Port: 10000, HTTP: true}},
		"tcp, though a host":     {map[string]string{"HAPROXY_0_MODE": "tcp", "HAPROXY_0_VHOST": "a"}, ServicePort{Port: 10000, Routes: []Route{{Host: "a"}}}},
		"a port":                 {map[string]string{"HAPROXY_0_PORT": "8080"}, ServicePort{Port: 8080}},
		"no port":                {map[string]string{"HAPROXY_0_PORT": "99999"}, ServicePort{Port: 10000}},
		"sticky":                 {map[string]string{"HAPROXY_0_MODE": "http", "HAPROXY_0_STICKY": "true"}, ServicePort{Port: 10000, HTTP: true, Sticky: true}},
		"sticky without HTTP":    {map[string]string{"HAPROXY_0_STICKY": "true"}, ServicePort{Port: 10000}},
		"not sticky":             {map[string]string{"HAPROXY_0_MODE": "http", "HAPROXY_0_STICKY": "false"}, ServicePort{Port: 10000, HTTP: true}},
		"to HTTPS":               {map[string]string{"HAPROXY_0_VHOST": "a", "HAPROXY_0_REDIRECT_TO_HTTPS": "Yes"}, ServicePort{Port: 10000, HTTP: true, Routes: []Route{{Host: "a"}}, ToHTTPS: true}},
		"to HTTPS, without host": {map[string]string{"HAPROXY_0_MODE": "http", "HAPROXY_0_REDIRECT_TO_HTTPS": "true"}, ServicePort{Port: 10000, HTTP: true}},
		"enabled":                {map[string]string{"HAPROXY_0_ENABLED": "true"}, ServicePort{Port: 10000}},
		"disabled":               {map[string]string{"HAPROXY_0_ENABLED": "false", "HAPROXY_0_VHOST": "a", "HAPROXY_0_PORT": "80"}, ServicePort{HTTP: true, Hidden: true}},
		"groups":                 {map[string]string{"HAPROXY_GROUP": "external, internal"}, ServicePort{Port: 10000, Groups: []string{"external", "internal"}}},
		"groups of its own":      {map[string]string{"HAPROXY_GROUP": "external", "HAPROXY_0_GROUP": "internal"}, ServicePort{Port: 10000, Groups: []string{"internal"}}},
	} {
		app := App{Labels: c.labels, Ports: []Port{{Protocol: "tcp", Service: 10000}}}
		c.want.Protocol = "tcp"
		if diff := cmp.Diff([]ServicePort{c.want}, app.ServicePorts()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !c.want.Same(app.ServicePorts()[0]) {
			t.Errorf("%s: equal, but not the same", name)
		}
	}
}

func TestPortsThatDifferAreNotTheSame(t *testing.T) {
	for _, other := range []ServicePort{
		{Name: "x"}, {Protocol: "tcp"}, {Port: 1}, {HTTP: true}, {Routes: []Route{{}}}, {Sticky: true}, {ToHTTPS: true}, {Hidden: true}, {Groups: []string{"a"}},
	} {
		if other.Same(ServicePort{}) {
			t.Errorf("%+v is not nothing", other)
		}
	}
}

func TestLabelsNameADeploymentGroup(t *testing.T) {
	for name, c := range map[string]struct {
		labels map[string]string
		want   *BlueGreen
	}{
		"none":      {map[string]string{"HAPROXY_DEPLOYMENT_TARGET_INSTANCES": "3"}, nil},
		"by itself": {map[string]string{"HAPROXY_DEPLOYMENT_GROUP": "/shop"}, &BlueGreen{Group: "shop", Target: 4}},
		"all": {map[string]string{"HAPROXY_DEPLOYMENT_GROUP": "shop", "HAPROXY_DEPLOYMENT_STARTED_AT": "2026-01-01T00:00:00", "HAPROXY_DEPLOYMENT_TARGET_INSTANCES": "20", "HAPROXY_DEPLOYMENT_ALT_PORT": "10001"},
			&BlueGreen{Group: "shop", Started: "2026-01-01T00:00:00", Target: 20}},
		"no number": {map[string]string{"HAPROXY_DEPLOYMENT_GROUP": "shop", "HAPROXY_DEPLOYMENT_TARGET_INSTANCES": "-1"}, &BlueGreen{Group: "shop", Target: 4}},
	} {
		got := (&App{Labels: c.labels, Instances: 4}).BlueGreen()
		if !got.Same(c.want) {
			t.Errorf("%s: want %+v, got %+v", name, c.want, got)
		}
	}
}
