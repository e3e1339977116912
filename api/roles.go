package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer"
	"pacer/deployer/cluster"
)

// roleEvery is the shortest pause between two events of a stream of roles.
const roleEvery = time.Second

// roleNames are what Marathon takes as a role, but "*", which every cluster has.
var roleNames = regexp.MustCompile(`^(\*|[^-./\s*][^/\s*]{0,127})$`)

// listRoles shows how the cluster is shared; to a client that takes event streams, as
// one, with an event "roles" whenever that has changed.
func (d *door) listRoles(w http.ResponseWriter, r *http.Request) error {
	if strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/event-stream") {
		return d.streamRoles(w, r)
	}
	v, err := d.view()
	if err != nil {
		return err
	}
	return d.ok(w, roles(v))
}

func roles(v View) wire.Roles {
	list, total := v.Roles()
	out := wire.Roles{Roles: []wire.Role{}, Total: resources(total)}
	for i := range list {
		out.Roles = append(out.Roles, role(&list[i]))
	}
	return out
}

func role(r *deployer.RoleStatus) wire.Role {
	out := wire.Role{
		Name: r.Name, Set: r.Set, Weight: float64(r.Weight) / 1000, Guarantee: resources(r.Guarantee), Limit: limits(r.Limit),
		Share: r.Share, WeightedShare: r.Weighted, Dominant: r.Dominant, Held: resources(r.Held),
		Instances: r.Instances, Waiting: r.Waiting, Wanted: resources(r.Wanted),
	}
	if r.Set {
		out.Version = r.Version.String()
	}
	return out
}

func limits(l apps.Limit) wire.RoleLimits {
	out := wire.RoleLimits{}
	if l.CPU != nil {
		out.Cpus = new(float64(*l.CPU) / 1000)
	}
	for to, from := range map[**int]*int64{&out.Mem: l.Mem, &out.Disk: l.Disk, &out.GPUs: l.GPU} {
		if from != nil {
			*to = new(int(*from))
		}
	}
	return out
}

// amountsOf reads what a user wrote.
func amountsOf(w *wire.RoleLimits) (l apps.Limit) {
	if w == nil {
		return l
	}
	if w.Cpus != nil {
		l.CPU = new(int64(math.Round(*w.Cpus * 1000)))
	}
	for to, from := range map[**int64]*int{&l.Mem: w.Mem, &l.Disk: w.Disk, &l.GPU: w.GPUs} {
		if from != nil {
			*to = new(int64(*from))
		}
	}
	return l
}

// streamRoles sends the roles now and whenever they have changed.
func (d *door) streamRoles(w http.ResponseWriter, r *http.Request) error {
	if _, err := d.view(); err != nil {
		return err
	}
	d.constants(w.Header())
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	d.metrics.streams.Add(1)
	defer d.metrics.streams.Add(-1)
	control := http.NewResponseController(w)
	tick := time.NewTicker(roleEvery)
	defer tick.Stop()
	var last []byte
	quiet := time.Now()
	for {
		v, err := d.view()
		if err != nil {
			return nil // leadership has ended: the client asks again
		}
		now, err := json.Marshal(roles(v))
		if err != nil {
			return nil
		}
		text := ""
		switch {
		case !bytes.Equal(now, last):
			text = fmt.Sprintf("event: roles\ndata: %s\n\n", now)
		case time.Since(quiet) >= d.Heartbeat:
			text = "\n"
		}
		if text != "" {
			last, quiet = now, time.Now()
			if _, err := w.Write([]byte(text)); err != nil {
				return nil // the client is gone
			}
			_ = control.Flush()
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-tick.C:
		}
	}
}

func roleName(r *http.Request) string { return chi.URLParam(r, "role") }

func (d *door) getRole(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	history, err := d.Reader.RoleVersions(r.Context(), roleName(r))
	if err != nil {
		return err
	}
	out := wire.RoleDetail{Role: wire.Role{Name: roleName(r)}, History: []wire.RoleSetting{}}
	for _, old := range history {
		out.History = append(out.History, wire.RoleSetting{
			Version: old.Version.String(), By: old.By, Weight: weight(old.Weight), Guarantee: resources(old.Guarantee), Limit: limits(old.Limit),
		})
	}
	list, _ := v.Roles()
	for i := range list {
		if list[i].Name == out.Name {
			out.Role = role(&list[i])
			return d.ok(w, out)
		}
	}
	return apps.Errorf(apps.NotFound, "Role '%s' does not exist: it was never set, and no app has it", roleName(r))
}

func weight(thousandths int64) float64 {
	if thousandths == 0 {
		return 1
	}
	return float64(thousandths) / 1000
}

func (d *door) setRole(w http.ResponseWriter, r *http.Request) error {
	var body wire.RoleUpdate
	if err := read(w, r, &body); err != nil {
		return err
	}
	name := roleName(r)
	switch {
	case !roleNames.MatchString(name):
		return invalid("Object is not valid", "/name", "a role's name has no blanks, slashes or stars, and starts with neither - nor .")
	case body.Name != "" && body.Name != name:
		return invalid("Object is not valid", "/name", fmt.Sprintf("is %q, but the path says %q", body.Name, name))
	}
	set := cluster.SetRole{Role: apps.Role{Name: name, Limit: amountsOf(body.Limit), By: clientIP(r)}}
	if body.Weight != nil {
		set.Role.Weight = int64(math.Round(*body.Weight * 1000))
	}
	g, due := amountsOf(body.Guarantee), &set.Role.Guarantee
	for to, from := range map[*int64]*int64{&due.CPU: g.CPU, &due.Mem: g.Mem, &due.Disk: g.Disk, &due.GPU: g.GPU} {
		if from != nil {
			*to = *from
		}
	}
	if _, err := d.submit(r, func(request string) cluster.Event {
		set.Request = request
		return set
	}); err != nil {
		return err
	}
	return d.getRole(w, r)
}

func (d *door) dropRole(w http.ResponseWriter, r *http.Request) error {
	_, err := d.submit(r, func(request string) cluster.Event {
		return cluster.DropRole{Request: request, Name: roleName(r), By: clientIP(r)}
	})
	if err != nil {
		return err
	}
	d.constants(w.Header())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// decisions says why instances of an app are where they are.
func (d *door) decisions(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		if _, ok := v.Spec(appID(path)); !ok {
			return noApp(appID(path))
		}
		reply, err := d.submit(r, func(request string) cluster.Event { return cluster.WhyPlaced{Request: request, App: appID(path)} })
		if err != nil {
			return err
		}
		out := wire.Decisions{Decisions: []wire.Decision{}}
		for _, one := range reply.Decisions {
			out.Decisions = append(out.Decisions, wire.Decision{
				Number: one.Number, Instance: one.Instance, Role: one.Role, Share: one.Share, Guaranteed: one.Guaranteed,
				Next: one.Next, NextShare: one.NextShare, Host: one.Host, Hosts: one.Hosts, Tried: one.Tried, Sentence: one.String(),
			})
		}
		return d.ok(w, out)
	}
}
