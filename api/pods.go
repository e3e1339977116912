package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// Apps and pods share one tree of ids. Under /v2/apps there are no pods: a lookup's App
// and Apps hide them; Spec and Specs have both.

func noPod(id apps.ID) error { return apps.Errorf(apps.NotFound, "Pod '%s' does not exist", id) }

// App is an app that is no pod.
func (l *lookup) App(id apps.ID) (*apps.App, bool) {
	if a, ok := l.View.App(id); ok && a.Pod == nil {
		return a, true
	}
	return nil, false
}

// Apps are all apps that are no pods, ordered by id.
func (l *lookup) Apps() []*apps.App {
	return slices.DeleteFunc(l.View.Apps(), func(a *apps.App) bool { return a.Pod != nil })
}

// Spec is an app or a pod.
func (l *lookup) Spec(id apps.ID) (*apps.App, bool) { return l.View.App(id) }

// Specs are all apps and pods, ordered by id.
func (l *lookup) Specs() []*apps.App { return l.View.Apps() }

func (l *lookup) pods() []*apps.App {
	return slices.DeleteFunc(l.View.Apps(), func(a *apps.App) bool { return a.Pod == nil })
}

func (l *lookup) pod(id apps.ID) (*apps.App, error) {
	if a, ok := l.View.App(id); ok && a.Pod != nil {
		return a, nil
	}
	return nil, noPod(id)
}

// members are the apps and pods inside a group.
func (l *lookup) members(group apps.ID) []*apps.App {
	return slices.DeleteFunc(l.View.Apps(), func(a *apps.App) bool { return a.ID == group || !a.ID.Within(group) })
}

// unlessPod refuses an id of /v2/apps that is a pod's.
func (d *door) unlessPod(id apps.ID) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	if _, err := v.pod(id); err == nil {
		return noApp(id)
	}
	return nil
}

// podPath finds out which resource of a pod is meant: its verbs follow two colons.
func (d *door) podPath(w http.ResponseWriter, r *http.Request) {
	name, verb, colons := strings.Cut(strings.Join(rest(r, "/v2/pods"), "/"), "::")
	id := apps.ID("/" + strings.Trim(name, "/"))
	kind, arg, _ := strings.Cut(verb, "/")
	at := func(m methods) { d.resource(m)(w, r) }
	switch {
	case !colons && id == "/":
		at(methods{"GET": d.listPods, "POST": d.createPod})
	case !colons:
		at(methods{"GET": d.getPod(id), "PUT": d.changePod(id), "DELETE": d.deletePod(id)})
	case kind == "status" && id == "/":
		at(methods{"GET": d.listPodStatus})
	case kind == "status" && arg == "":
		at(methods{"GET": d.getPodStatus(id)})
	case kind == "versions" && arg == "":
		at(methods{"GET": d.listPodVersions(id)})
	case kind == "versions":
		at(methods{"GET": d.getPodVersion(id, arg)})
	case kind == "instances" && arg == "":
		at(methods{"DELETE": d.killPodInstances(id)})
	case kind == "instances":
		at(methods{"DELETE": d.killPodInstance(id, arg)})
	default:
		d.refuse(w, r, notFoundURI(r))
	}
}

func (d *door) listPods(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	out := []wire.Pod{}
	for _, p := range v.pods() {
		out = append(out, wire.FromPod(p))
	}
	return d.ok(w, out)
}

// ofPod answers with what is told of a pod.
func (d *door) ofPod(id apps.ID, tell func(r *http.Request, v *lookup, p *apps.App) (any, error)) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		p, err := v.pod(id)
		if err != nil {
			return err
		}
		out, err := tell(r, v, p)
		if err != nil {
			return err
		}
		return d.ok(w, out)
	}
}

func (d *door) getPod(id apps.ID) answer {
	return d.ofPod(id, func(_ *http.Request, _ *lookup, p *apps.App) (any, error) { return wire.FromPod(p), nil })
}

// podSpec reads a pod from the body of a request.
func (d *door) podSpec(w http.ResponseWriter, r *http.Request, v *lookup) (*apps.App, error) {
	var body wire.Pod
	if err := read(w, r, &body); err != nil {
		return nil, err
	}
	body.Role = v.defaultRole(wire.Absolute("/", body.ID), body.Role)
	spec, err := body.Spec(d.Wire)
	if err != nil {
		return nil, err
	}
	if old, ok := v.Spec(spec.ID); ok && old.Pod == nil {
		return nil, invalid("Object is not valid", "/id", "Applications and Pods may not share the same id")
	}
	return spec, nil
}

// putPod starts the deployment that c describes, and answers with the pod.
func (d *door) putPod(w http.ResponseWriter, r *http.Request, status int, id apps.ID, c cluster.Change) (err error) {
	if c.Match, err = ifMatch(r, id); err != nil {
		return err
	}
	if c.Force, err = flag(r, "force", false); err != nil {
		return err
	}
	reply, err := d.change(r, c)
	if err != nil {
		return err
	}
	w.Header().Set("Marathon-Deployment-Id", reply.Deployment)
	if status == http.StatusCreated {
		location(w, r, reply.Apps[0].ID)
	}
	d.writeJSON(w, status, wire.FromPod(reply.Apps[0]))
	return nil
}

func (d *door) createPod(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	spec, err := d.podSpec(w, r, v)
	if err != nil {
		return err
	}
	return d.putPod(w, r, http.StatusCreated, spec.ID, cluster.Change{Put: []cluster.PutApp{{App: spec, New: true}}, Created: spec.ID})
}

func (d *door) changePod(id apps.ID) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		spec, err := d.podSpec(w, r, v)
		if err != nil {
			return err
		}
		if spec.ID != id {
			return apps.Errorf(apps.Malformed, "'%s' does not match definition's id ('%s')", id, spec.ID)
		}
		if _, err := v.pod(id); err != nil && r.Header.Get("If-Match") == "" {
			return err
		}
		edit := func(*apps.App) (*apps.App, error) { return spec, nil }
		return d.putPod(w, r, http.StatusOK, id, cluster.Change{Edit: []cluster.EditApp{{App: id, Edit: edit}}})
	}
}

func (d *door) deletePod(id apps.ID) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		if _, err := v.pod(id); err != nil {
			return err
		}
		force, err := flag(r, "force", false)
		if err != nil {
			return err
		}
		match, err := ifMatch(r, id)
		if err != nil {
			return err
		}
		reply, err := d.change(r, cluster.Change{Delete: []apps.ID{id}, Force: force, Match: match})
		if err != nil {
			return err
		}
		d.podGoes(w, reply)
		return nil
	}
}

// podGoes answers the removal of a pod: there is no body, the headers name its deployment.
func (d *door) podGoes(w http.ResponseWriter, reply cluster.Reply) {
	w.Header().Set("Marathon-Deployment-Id", reply.Deployment)
	w.Header().Set("Location", reply.Deployment)
	d.constants(w.Header())
	w.WriteHeader(http.StatusAccepted)
}

func (d *door) listPodVersions(id apps.ID) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		if _, err := v.pod(id); err != nil {
			return err
		}
		versions, err := d.Reader.Versions(r.Context(), id)
		if err != nil {
			return err
		}
		out := []string{}
		for _, version := range versions {
			out = append(out, version.String())
		}
		return d.ok(w, out)
	}
}

func (d *door) getPodVersion(id apps.ID, version string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		at, err := apps.ParseVersion(version)
		if err != nil {
			return err
		}
		v, err := d.view()
		if err != nil {
			return err
		}
		p, err := v.pod(id)
		if err != nil {
			return err
		}
		if p.Version != at {
			if p, err = d.Reader.AppVersion(r.Context(), id, at); err != nil || p.Pod == nil {
				return apps.Errorf(apps.NotFound, "Pod '%s' does not exist in version %s", id, at)
			}
		}
		return d.ok(w, wire.FromPod(p))
	}
}

func (d *door) listPodStatus(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	out := []wire.PodStatus{}
	for _, p := range v.pods() {
		s, err := d.podStatus(r, v, p)
		if err != nil {
			return err
		}
		out = append(out, s)
	}
	return d.ok(w, out)
}

func (d *door) getPodStatus(id apps.ID) answer {
	return d.ofPod(id, func(r *http.Request, v *lookup, p *apps.App) (any, error) { return d.podStatus(r, v, p) })
}

// podStatus is a pod's status with how its instances ended.
func (d *door) podStatus(r *http.Request, v *lookup, p *apps.App) (wire.PodStatus, error) {
	s := v.podStatus(p)
	ended, err := d.Reader.Failures(r.Context(), p.ID, failuresMax)
	for i := range ended {
		s.TerminationHistory = append(s.TerminationHistory, terminated(&ended[i].Finished))
	}
	return s, err
}

func terminated(f *apps.Finished) wire.PodTermination {
	t := wire.PodTermination{InstanceID: f.ID, StartedAt: stamp(cmpTime(f.Started, f.Staged)), TerminatedAt: stamp(f.At), Message: f.Message, Containers: []wire.ContainerTerminated{}}
	for _, p := range f.Parts {
		t.Containers = append(t.Containers, wire.ContainerTerminated{ContainerID: cmp.Or(p.ID, p.Name), Termination: termination(&p)})
	}
	return t
}

func cmpTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func termination(p *apps.Part) *wire.ContainerTermination {
	if p.Ended.IsZero() {
		return nil
	}
	return &wire.ContainerTermination{ExitCode: &p.ExitCode, Message: p.Message}
}

func (l *lookup) podStatus(p *apps.App) wire.PodStatus {
	s := wire.PodStatus{
		ID: string(p.ID), Spec: wire.FromPod(p), Status: "DEGRADED", Instances: []wire.PodInstanceStatus{}, TerminationHistory: []wire.PodTermination{},
	}
	since, stable := p.Version.Time(), 0
	for _, in := range l.InstancesOf(p.ID) {
		one := l.podInstance(&in, p)
		s.Instances = append(s.Instances, one)
		if one.Status == "STABLE" {
			stable++
		}
		if in.Since.After(since) {
			since = in.Since
		}
	}
	if stable >= p.Instances {
		s.Status = "STABLE"
	}
	s.StatusSince, s.LastUpdated, s.LastChanged = stamp(since), stamp(since), stamp(since)
	return s
}

// podInstanceWord is Marathon's word for how an instance of a pod does.
func podInstanceWord(in *apps.Instance) string {
	switch {
	case in.State == apps.Waiting:
		return "PENDING"
	case in.State == apps.Starting:
		return "STAGING"
	case in.State >= apps.Draining:
		return "TERMINAL"
	case in.Ready && !in.Unreachable:
		return "STABLE"
	}
	return "DEGRADED"
}

func (l *lookup) podInstance(in *apps.Instance, p *apps.App) wire.PodInstanceStatus {
	since := stamp(in.Since)
	host, _ := l.Host(in.Host)
	out := wire.PodInstanceStatus{
		ID: in.ID, Status: podInstanceWord(in), StatusSince: since, Message: in.Message, Conditions: []wire.PodCondition{},
		AgentHostname: address(in), AgentID: in.Host, AgentRegion: host.Region, AgentZone: host.Zone,
		Resources: wire.PodNeeds(in.Needs), Networks: []wire.PodAddress{}, Containers: []wire.ContainerStatus{},
		SpecReference: "/v2/pods" + string(p.ID) + "::versions/" + in.Version.String(), LocalVolumes: []wire.LocalVolume{},
		LastUpdated: since, LastChanged: since, Role: wireRole(p),
	}
	if in.IP != "" {
		address := wire.PodAddress{Addresses: []string{in.IP}}
		if len(p.Networks) > 0 {
			address.Name = p.Networks[0]
		}
		out.Networks = append(out.Networks, address)
	}
	if in.State == apps.Waiting || in.Version != p.Version && !p.Current(in.Version) {
		return out // of an older spec, whose containers may be others, only what it reports is known
	}
	for i := range p.Pod.Containers {
		out.Containers = append(out.Containers, containerStatus(in, p, i))
	}
	return out
}

func containerStatus(in *apps.Instance, p *apps.App, i int) wire.ContainerStatus {
	c := &p.Pod.Containers[i]
	at := in.Since
	s := wire.ContainerStatus{Name: c.Name, Status: taskState(in), Conditions: []wire.PodCondition{}, Endpoints: []wire.EndpointStatus{}, Resources: wire.PodNeeds(c.Needs)}
	if k := slices.IndexFunc(in.Parts, func(x apps.Part) bool { return x.Name == c.Name }); k >= 0 {
		part := &in.Parts[k]
		s.ContainerID, s.Message, s.Termination = part.ID, part.Message, termination(part)
		switch {
		case !part.Ended.IsZero() && part.ExitCode == 0:
			s.Status, at = "TASK_FINISHED", part.Ended
		case !part.Ended.IsZero():
			s.Status, at = "TASK_FAILED", part.Ended
		case part.Running:
			at = part.Started
		}
	}
	s.StatusSince, s.LastUpdated, s.LastChanged = stamp(at), stamp(at), stamp(at)
	var healthy *bool
	for k, check := range p.Checks {
		if check.Container != c.Name || k >= len(in.Health) {
			continue
		}
		h := in.Health[k]
		condition := wire.PodCondition{Name: "healthy", Value: "false", Reason: "health-unreported-by-mesos", LastChanged: stamp(at), LastUpdated: stamp(at)}
		if h.Known {
			healthy, condition.Reason = &h.Alive, "health-reported-by-mesos"
			if h.Alive {
				condition.Value = "true"
			}
		}
		s.Conditions = append(s.Conditions, condition)
	}
	first, end := p.Pod.PortsOf(i)
	for k := first; k < end; k++ {
		e := wire.EndpointStatus{Name: p.Ports[k].Name, Healthy: healthy}
		if k < len(in.Ports) && in.Ports[k] > 0 {
			e.AllocatedHostPort = &in.Ports[k]
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return s
}

func (d *door) killPodInstance(id apps.ID, instance string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		killed, err := d.killInstances(r, id, []string{instance})
		if err != nil {
			return err
		}
		if len(killed) == 0 {
			return apps.Errorf(apps.NotFound, "pod '%s' does not have an instance '%s'", id, instance)
		}
		return d.ok(w, killed[0])
	}
}

func (d *door) killPodInstances(id apps.ID) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		var ids []string
		if err := read(w, r, &ids); err != nil {
			return err
		}
		killed, err := d.killInstances(r, id, ids)
		if err != nil {
			return err
		}
		return d.ok(w, killed)
	}
}

// killInstances has instances of a pod stopped, which are replaced. It returns those
// that were there.
func (d *door) killInstances(r *http.Request, id apps.ID, ids []string) ([]wire.PodInstance, error) {
	v, err := d.view()
	if err != nil {
		return nil, err
	}
	p, err := v.pod(id)
	if err != nil {
		return nil, err
	}
	k := cluster.Kill{Key: keyIn(r)}
	if k.Wipe, err = flag(r, "wipe", false); err != nil {
		return nil, err
	}
	out := []wire.PodInstance{}
	for _, name := range ids {
		if in, ok := v.Instance(apps.InstanceOfTask(name)); ok && in.App == id {
			k.Instances = append(k.Instances, in.ID)
			out = append(out, v.killed(&in, p))
		}
	}
	_, err = d.submit(r, func(request string) cluster.Event {
		k.Request = request
		return k
	})
	return out, err
}

func (l *lookup) killed(in *apps.Instance, p *apps.App) wire.PodInstance {
	condition := map[apps.State]string{
		apps.Waiting: "Scheduled", apps.Starting: "Staging", apps.Running: "Running", apps.Draining: "Killing", apps.Stopping: "Killing",
	}[in.State]
	if in.Unreachable {
		condition = "Unreachable"
	}
	out := wire.PodInstance{
		InstanceID: in.ID, RunSpecVersion: in.Version.String(), UnreachableStrategy: *wire.FromPod(p).Scheduling.UnreachableStrategy,
		State: wire.PodInstanceState{Condition: condition, Since: stamp(in.Since), ActiveSince: stamp(in.Started), Goal: "Running"},
	}
	if known, alive := health(in); known {
		out.State.Healthy = &alive
	}
	if in.State >= apps.Draining {
		out.State.Goal = "Stopped"
	}
	if in.Host != "" {
		host, _ := l.Host(in.Host)
		out.AgentInfo = &wire.PodAgent{Host: address(in), AgentID: in.Host, Region: host.Region, Zone: host.Zone, Attributes: []string{}}
	}
	return out
}
