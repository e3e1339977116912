package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

func (d *door) listHosts(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	used, number := v.usage()
	out := wire.Hosts{Hosts: []wire.Host{}}
	for _, h := range v.Hosts() {
		out.Hosts = append(out.Hosts, host(&h, used[h.Name], number[h.Name]))
	}
	return d.ok(w, out)
}

// usage is what the instances on each host hold, and how many they are.
func (l *lookup) usage() (used map[string]apps.Resources, number map[string]int) {
	used, number = map[string]apps.Resources{}, map[string]int{}
	for _, app := range l.Specs() {
		for _, in := range l.InstancesOf(app.ID) {
			if launched(&in) {
				used[in.Host] = used[in.Host].Plus(in.Needs)
				number[in.Host]++
			}
		}
	}
	return used, number
}

func host(h *apps.Host, used apps.Resources, instances int) wire.Host {
	out := wire.Host{
		Name: h.Name, Addr: h.Addr, Role: h.Role, Zone: h.Zone, Region: h.Region, Engine: h.Engine, Agent: h.Agent,
		Total: resources(h.Total), Used: resources(used), Ports: ranges(h.Ports), Attributes: map[string]string{},
		Instances: instances, State: "up", Cordoned: h.Cordoned, Draining: h.Draining, Lost: h.Lost, Since: stamp(h.Since), Message: h.Message,
	}
	for name, v := range h.Attributes {
		out.Attributes[name] = v
	}
	switch {
	case h.Lost:
		out.State = "lost"
	case h.Silent:
		out.State = "silent"
	case h.Draining && instances == 0:
		out.State = "drained"
	case h.Draining:
		out.State = "draining"
	case h.Cordoned:
		out.State = "cordoned"
	}
	return out
}

func resources(r apps.Resources) wire.Resources {
	return wire.Resources{Cpus: float64(r.CPU) / 1000, Mem: r.Mem, Disk: r.Disk, GPUs: r.GPU}
}

// ranges is Mesos' text form: [31000-32000,33000-33010].
func ranges(list []apps.Range) string {
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = fmt.Sprintf("%d-%d", p.First, p.Last)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func hostName(r *http.Request) string {
	name := chi.URLParam(r, "name")
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

func (d *door) getHost(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	h, ok := v.Host(hostName(r))
	if !ok {
		return apps.Errorf(apps.NotFound, "Host '%s' does not exist", hostName(r))
	}
	used, number := v.usage()
	return d.ok(w, host(&h, used[h.Name], number[h.Name]))
}

func (d *door) updateHost(w http.ResponseWriter, r *http.Request) error {
	var body wire.HostUpdate
	if err := read(w, r, &body); err != nil {
		return err
	}
	if body.Cordoned == nil && body.Draining == nil {
		return invalid("Invalid JSON", "/", "error.path.missing")
	}
	for _, change := range []struct {
		on    *bool
		event func(request string, on bool) cluster.Event
	}{
		{body.Cordoned, func(request string, on bool) cluster.Event {
			return cluster.Cordon{Request: request, Host: hostName(r), On: on}
		}},
		{body.Draining, func(request string, on bool) cluster.Event {
			return cluster.Drain{Request: request, Host: hostName(r), On: on}
		}},
	} {
		if change.on == nil {
			continue
		}
		if _, err := d.submit(r, func(request string) cluster.Event { return change.event(request, *change.on) }); err != nil {
			return err
		}
	}
	return d.getHost(w, r)
}

func (d *door) forgetHost(w http.ResponseWriter, r *http.Request) error {
	wipe, err := flag(r, "wipe", false)
	if err != nil {
		return err
	}
	if _, err := d.submit(r, func(request string) cluster.Event {
		return cluster.Forget{Request: request, Host: hostName(r), Wipe: wipe}
	}); err != nil {
		return err
	}
	d.constants(w.Header())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// discover tells where an app answers, from the letter that load balancers have.
func (d *door) discover(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	id := appID(rest(r, "/pacer/v1/discovery"))
	app, ok := v.Spec(id)
	if !ok {
		return noApp(id)
	}
	out := wire.Discovered{App: string(id), Ports: []wire.ServicePort{}, Endpoints: []wire.Endpoint{}}
	for _, p := range app.ServicePorts() {
		port := wire.ServicePort{Name: p.Name, Protocol: p.Protocol, Port: p.Port, HTTP: p.HTTP, Routes: []wire.Route{}}
		for _, route := range p.Routes {
			port.Routes = append(port.Routes, wire.Route{Host: route.Host, Path: route.Path})
		}
		out.Ports = append(out.Ports, port)
	}
	for _, s := range v.Services() {
		if s.App != id {
			continue
		}
		for _, e := range s.Endpoints {
			out.Endpoints = append(out.Endpoints, wire.Endpoint{
				Instance: e.Instance, Version: e.Version.String(), Host: e.Host, Addr: e.Addr, Ports: append([]int{}, e.Ports...), Suspect: e.Suspect,
			})
		}
	}
	return d.ok(w, out)
}
