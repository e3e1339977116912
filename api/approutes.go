package api

import (
	"net/http"

	"pacer/api/wire"
	"pacer/apps"
)

// listAppRoutes tells what load balancers send where: a line for each virtual host with
// its path, and one for each service port that has none, ordered by app; of all apps, or
// of the one that the query names. What labels hide is left out.
func (d *door) listAppRoutes(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	list := v.Apps()
	if id := queriedApp(r); id != "" {
		app, ok := v.Spec(id)
		if !ok {
			return noApp(id)
		}
		list = []*apps.App{app}
	}
	endpoints := map[apps.ID]int{}
	for _, s := range v.Services() {
		endpoints[s.App] = len(s.Endpoints)
	}
	out := wire.Routes{Routes: []wire.AppRoute{}}
	for _, app := range list {
		for _, p := range app.ServicePorts() {
			out.Routes = append(out.Routes, portRoutes(app.ID, p, endpoints[app.ID])...)
		}
	}
	return d.ok(w, out)
}

func portRoutes(app apps.ID, p apps.ServicePort, endpoints int) []wire.AppRoute {
	if p.Hidden || p.Port == 0 && len(p.Routes) == 0 {
		return nil
	}
	line := wire.AppRoute{App: string(app), Name: p.Name, Port: p.Port, Protocol: p.Protocol, HTTP: p.HTTP, Endpoints: endpoints}
	if len(p.Routes) == 0 {
		return []wire.AppRoute{line}
	}
	var list []wire.AppRoute
	for _, route := range p.Routes {
		line.Host, line.Path = route.Host, route.Path
		list = append(list, line)
	}
	return list
}
