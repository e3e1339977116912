package cluster

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"pacer/apps"
)

// Marathon's bounds.
const (
	deploymentsMax = 100 // running at once, unless State.deploymentsMax says otherwise
	servicePortMin = 10000
	servicePortMax = 20000
)

func (s *State) fold(ev Event) {
	switch ev := ev.(type) {
	case Change:
		s.foldChange(ev)
	case PatchGroup:
		s.foldPatchGroup(ev)
	case Pause:
		s.foldPause(ev)
	case Wipe:
		s.foldWipe(ev)
	case Kill:
		s.foldKill(ev)
	case Cancel:
		s.foldCancel(ev)
	case ResetDelay:
		s.foldResetDelay(ev)
	case Cordon:
		s.foldCordon(ev)
	case Drain:
		s.foldDrain(ev)
	case Forget:
		s.foldForget(ev)
	case Rebalance:
		s.foldRebalance(ev)
	case StopRebalance:
		s.foldStopRebalance(ev)
	case Reported:
		s.foldReport(ev.Report)
	case Left:
		s.foldLeft(ev)
	case Recall:
		s.foldRecall(ev)
	case Served:
		s.foldServing(ev.Serving)
	case SetRole:
		s.foldSetRole(ev)
	case Subscribe:
		s.foldSubscribe(ev)
	case CallbackCut:
		s.foldCallbackCut(ev)
	case DropRole:
		s.foldDropRole(ev)
	case SetSettings:
		s.foldSetSettings(ev)
	case WhyPlaced:
		s.foldWhyPlaced(ev)
	case JobEvent:
		s.foldJobEvent(ev)
	default:
		panic(fmt.Sprintf("cluster: no case for %T", ev))
	}
}

func (s *State) reply(r Reply) {
	if r.Request != "" {
		s.fx.Reply = append(s.fx.Reply, r)
	}
}

func (s *State) refuse(request string, err error) { s.reply(Reply{Request: request, Err: err}) }

// foldChange accepts all of a change, as one deployment, or none of it.
func (s *State) foldChange(c Change) { s.change(c, nil) }

// change is foldChange; before is what was before a deployment that c goes back from.
func (s *State) change(c Change, before *past) {
	if s.settledBefore(c.Request, c.Key) {
		return
	}
	if err := s.stale(c.Match); err != nil {
		s.refuse(c.Request, err)
		return
	}
	reply, err := s.accept(c, before)
	if err != nil {
		s.refuseChange(c, err)
		return
	}
	s.reply(reply)
}

// accept starts the deployment of a change, and is the reply to it.
func (s *State) accept(c Change, before *past) (Reply, error) {
	c, err := s.withDropped(c)
	if err != nil {
		return Reply{}, err
	}
	target, restart, err := s.target(c)
	if err != nil {
		return Reply{}, err
	}
	groups, err := s.regroup(c, target, before)
	if err != nil {
		return Reply{}, err
	}
	if before == nil { // what was allowed then is allowed again
		if err := groups.checkRoles(target, c.Force); err != nil {
			return Reply{}, err
		}
	}
	if err := s.checkCircles(target, groups); err != nil {
		return Reply{}, err
	}
	version := s.nextVersion(target, groups)
	d := &deployment{Deployment: apps.Deployment{
		ID: c.Deployment, Version: version, Started: s.now, State: apps.DeploymentRunning,
		Old: map[apps.ID]*apps.App{}, OldGroups: groups.old(), Kill: c.Kill, By: cmp.Or(c.By, c.ClientIP),
	}}
	accepted := s.acceptAll(target, restart, version, d)
	d.Steps = s.plan(d, accepted, groups.rows)
	d.Rollback = c.Rollback || wantsRollback(accepted)
	reverts := s.reverts(accepted, restart)
	if err := s.unlock(c, d); err != nil {
		for _, spec := range accepted {
			s.releasePorts(spec)
		}
		return Reply{}, err
	}
	reply := Reply{Request: c.Request, Deployment: d.ID, Version: version}
	for _, t := range target {
		spec := accepted[t.ID]
		if spec == nil { // no difference
			spec = s.apps[t.ID].spec
		}
		reply.Apps = append(reply.Apps, spec)
	}
	groups.enter(version)
	s.start(d, accepted, c)
	groups.leave(version)
	s.keep(c.Key, apps.Answer{Deployment: reply.Deployment, Version: reply.Version, Created: c.Created})
	for _, id := range sortedKeys(reverts) {
		s.adopt(s.apps[id], reverts[id])
	}
	return reply, nil
}

// target is what the change asks for, app by app: complete specs in the order of
// Put, Edit, Restart, Delete.
func (s *State) target(c Change) (target []*apps.App, restart map[apps.ID]bool, err error) {
	restart = map[apps.ID]bool{}
	named := map[apps.ID]bool{}
	add := func(spec *apps.App) error {
		if named[spec.ID] {
			return apps.Errorf(apps.Invalid, "%s is named twice in one change", spec.ID)
		}
		named[spec.ID] = true
		target = append(target, spec)
		return nil
	}
	for _, p := range c.Put {
		if err := s.checkTaken(p); err != nil {
			return nil, nil, err
		}
		if err := checkSpec(p.App); err != nil {
			return nil, nil, err
		}
		if err := add(p.App); err != nil {
			return nil, nil, err
		}
	}
	for _, e := range c.Edit {
		a := s.present(e.App)
		if a == nil {
			return nil, nil, noSuchApp(e.App)
		}
		spec, err := e.Edit(a.spec)
		if err != nil {
			return nil, nil, err
		}
		if err := cmp.Or(checkKind(a.spec, spec), checkSpec(spec)); err != nil {
			return nil, nil, err
		}
		if err := add(spec); err != nil {
			return nil, nil, err
		}
	}
	for _, id := range c.Restart {
		a := s.present(id)
		if a == nil {
			return nil, nil, noSuchApp(id)
		}
		restart[id] = true
		if err := add(a.spec); err != nil {
			return nil, nil, err
		}
	}
	for _, id := range c.Delete {
		a := s.present(id)
		if a == nil {
			return nil, nil, noSuchApp(id)
		}
		gone := *a.spec
		gone.Deleted, gone.Instances = true, 0
		if err := add(&gone); err != nil {
			return nil, nil, err
		}
	}
	return target, restart, nil
}

func noSuchApp(id apps.ID) error { return apps.Errorf(apps.NotFound, "App '%s' does not exist", id) }

// checkSpec refuses what the core could not live with. The API has checked all
// that a user can get wrong, field by field; this is for callers of our own.
func checkSpec(spec *apps.App) error {
	switch {
	case len(spec.ID.Elements()) == 0 || spec.ID[0] != '/':
		return apps.Errorf(apps.Invalid, "id: %q is not the absolute path of an app", spec.ID)
	case spec.Instances < 0:
		return apps.Errorf(apps.Invalid, "instances: %d is negative", spec.Instances)
	case !(apps.Resources{}).Fits(spec.Needs):
		return apps.Errorf(apps.Invalid, "an app cannot need less than nothing: %+v", spec.Needs)
	}
	return nil
}

// present is the app as users see it: one that is being deleted is not there, nor is
// a run's.
func (s *State) present(id apps.ID) *app {
	if a := s.apps[id]; a != nil && !a.spec.Deleted && a.run == nil {
		return a
	}
	return nil
}

// nextVersion is now, or a millisecond after the newest version of an app in the change, and
// of all groups where one changes: versions only grow, also of a group that comes again.
func (s *State) nextVersion(target []*apps.App, groups *regrouping) apps.Version {
	version := apps.VersionAt(s.now)
	if len(groups.rows) > 0 {
		version = max(version, s.groupsAt+1)
	}
	for _, t := range target {
		if a := s.apps[t.ID]; a != nil {
			version = max(version, a.spec.Version+1)
		}
	}
	return version
}

// acceptAll makes the new specs; an app without a difference is left out. It fills
// d.Old.
func (s *State) acceptAll(target []*apps.App, restart map[apps.ID]bool, version apps.Version, d *deployment) map[apps.ID]*apps.App {
	accepted := map[apps.ID]*apps.App{}
	for _, t := range target {
		spec := *t
		spec.Ports = slices.Clone(t.Ports)
		old := (*apps.App)(nil)
		if a := s.apps[t.ID]; a != nil {
			old = a.spec
		}
		s.assignServicePorts(&spec, old)
		spec.Version, spec.ConfigAt, spec.ScaledAt = version, version, version
		was := s.before(t.ID)
		if old != nil {
			switch scaled, config := old.Instances != spec.Instances, differs(old, &spec); {
			case !config && !scaled && !restart[t.ID]:
				s.releasePorts(&spec)
				continue
			case restart[t.ID]:
				if !config {
					spec.ScaledAt = old.ScaledAt
				}
			case !config:
				spec.ConfigAt = old.ConfigAt
			case was != nil && !differs(was, &spec): // back to what it still follows
				spec.ConfigAt = was.ConfigAt
			}
		}
		d.Old[t.ID] = was
		accepted[t.ID] = &spec
	}
	return accepted
}

// before is the spec that an app has followed so far: what a deployment accepted
// that has not come to the app yet does not count. nil: there was none.
func (s *State) before(id apps.ID) *apps.App {
	a := s.apps[id]
	if a == nil {
		return nil
	}
	spec, _ := s.inForce(a)
	if spec == nil || spec.Deleted {
		return nil
	}
	return spec
}

// differs reports whether two specs differ in more than Instances and versions.
func differs(a, b *apps.App) bool {
	x, y := *a, *b
	for _, spec := range []*apps.App{&x, &y} {
		spec.Version, spec.ConfigAt, spec.ScaledAt, spec.Instances = 0, 0, 0, 0
	}
	left, errL := json.Marshal(x) // absent and empty are the same here, as they are in the store
	right, errR := json.Marshal(y)
	if err := errors.Join(errL, errR); err != nil {
		panic(fmt.Sprintf("cluster: a spec that is no JSON: %v", err))
	}
	return !bytes.Equal(left, right)
}

// assignServicePorts gives each port that asks for any one, first the number it
// had, else the lowest that no app uses (Marathon's rule), and books all.
func (s *State) assignServicePorts(spec, old *apps.App) {
	for i := range spec.Ports {
		p := &spec.Ports[i]
		if p.Service == 0 && old != nil && i < len(old.Ports) && !hasServicePort(spec, old.Ports[i].Service) {
			p.Service = old.Ports[i].Service
		}
		for n := max(s.portsFrom, servicePortMin); p.Service == 0 && n <= servicePortMax; n++ {
			if len(s.ports[n]) == 0 && !hasServicePort(spec, n) {
				p.Service, s.portsFrom = n, n // it is booked below, as those are that the spec has itself
			}
		}
	}
	s.bookPorts(spec)
}

func hasServicePort(spec *apps.App, n int) bool {
	return slices.ContainsFunc(spec.Ports, func(p apps.Port) bool { return p.Service == n })
}

// bookPorts counts one use of each of the spec's service ports; every spec that
// is kept is booked once.
func (s *State) bookPorts(spec *apps.App) {
	for _, p := range spec.Ports {
		s.ports[p.Service] = append(s.ports[p.Service], spec.ID)
	}
}

func (s *State) releasePorts(spec *apps.App) {
	for _, p := range spec.Ports {
		users := s.ports[p.Service]
		if i := slices.Index(users, spec.ID); i >= 0 {
			users = slices.Delete(users, i, i+1)
		}
		if len(users) == 0 {
			delete(s.ports, p.Service)
			s.portsFrom = min(s.portsFrom, max(p.Service, servicePortMin))
		} else {
			s.ports[p.Service] = users
		}
	}
}

// unlock makes way for a new deployment: with force the ones that hold its apps
// are cancelled, else they are the reason to refuse it.
func (s *State) unlock(c Change, d *deployment) error {
	var holders []*deployment
	for _, other := range s.order {
		for id := range d.Old {
			if a := s.apps[id]; a != nil && a.holder == other {
				holders = append(holders, other)
				break
			}
		}
	}
	if len(holders) > 0 && !c.Force {
		locked := &apps.Error{Kind: apps.Conflict, Message: "App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'."}
		for _, h := range holders {
			locked.Deployments = append(locked.Deployments, h.ID)
		}
		return locked
	}
	if len(s.order)-len(holders) >= s.deploymentsMax && len(d.Steps) > 0 {
		return apps.Errorf(apps.Forbidden, "Max number (%d) of running deployments is achieved. Wait for existing deployments to complete or cancel one using force=true parameter.", s.deploymentsMax)
	}
	for _, h := range holders {
		if h == s.failing {
			s.end(h, apps.DeploymentFailed, h.Trouble)
		} else {
			s.end(h, apps.DeploymentCancelled, "The upgrade has been cancelled")
		}
	}
	return nil
}

// start puts the accepted specs in force and starts their deployment.
func (s *State) start(d *deployment, accepted map[apps.ID]*apps.App, c Change) {
	for _, t := range sortedKeys(accepted) {
		spec := accepted[t]
		a := s.apps[t]
		if was := s.present(t) != nil; was && spec.Deleted {
			s.seatApp(t, -1)
		} else if !was && !spec.Deleted {
			s.seatApp(t, 1)
		}
		if a == nil {
			a = &app{spec: spec}
			s.apps[t] = a
		} else {
			s.releasePorts(a.spec)
			a.spec = spec
		}
		if spec.ConfigAt == spec.Version { // a new configuration starts with a clean slate
			a.pause, a.until, a.lastFailure = 0, time.Time{}, time.Time{}
		}
		a.holder = d
		s.fx.Save.Apps = append(s.fx.Save.Apps, spec)
		s.touch(a)
		s.tellAccepted(spec, d.Old[t] != nil, c)
	}
	s.tell(apps.Notice{Type: "group_change_success", App: changedGroup(c), Version: d.Version})
	s.prepare(accepted)
	s.deployments[d.ID] = d
	s.order = append(s.order, d)
	s.advanced[d.ID] = d
	s.stepStarts(d)
	s.tell(apps.Notice{Type: "deployment_info", Deployment: d.snapshot()})
	if len(d.Steps) == 0 {
		s.end(d, apps.DeploymentSucceeded, "")
	}
}

func (s *State) foldKill(k Kill) {
	if s.settledBefore(k.Request, k.Key) {
		return
	}
	var killed []apps.Instance
	for _, id := range k.Instances {
		in := s.instances.get(id)
		if in == nil || in.State >= apps.Draining {
			continue
		}
		killed = append(killed, in.Instance)
		if c := s.claims[in.Claim]; c != nil && k.Wipe {
			c.Wipe = true
			s.saveClaim(c)
		}
		s.leave(in, "killed on request")
	}
	s.keep(k.Key, apps.Answer{Killed: killed})
	s.reply(Reply{Request: k.Request, Instances: killed})
}

func (s *State) foldCancel(c Cancel) {
	if s.settledBefore(c.Request, c.Key) {
		return
	}
	d := s.deployments[c.ID]
	if d == nil {
		s.refuse(c.Request, apps.Errorf(apps.NotFound, "DeploymentPlan %s does not exist", c.ID))
		return
	}
	if !c.Revert {
		s.end(d, apps.DeploymentCancelled, "The upgrade has been cancelled")
		s.keep(c.Key, apps.Answer{Deployment: d.ID, Version: d.Version})
		s.reply(Reply{Request: c.Request, Deployment: d.ID, Version: d.Version})
		return
	}
	back := Change{Request: c.Request, Deployment: c.Deployment, Force: true, ClientIP: c.ClientIP, Key: c.Key}
	for _, id := range sortedKeys(d.Old) {
		switch old := d.Old[id]; {
		case old != nil:
			back.Put = append(back.Put, PutApp{App: old})
		case s.present(id) != nil:
			back.Delete = append(back.Delete, id)
		}
	}
	s.change(back, &past{d.OldGroups})
	if s.deployments[d.ID] == d { // nothing of it was left to turn back
		s.end(d, apps.DeploymentCancelled, "The upgrade has been cancelled")
	}
}

func (s *State) foldResetDelay(r ResetDelay) {
	a := s.present(r.App)
	if a == nil || !slices.ContainsFunc(a.instances, func(in *instance) bool { return in.State == apps.Waiting }) {
		s.refuse(r.Request, apps.Errorf(apps.NotFound, "Application %s not found in tasks queue.", r.App))
		return
	}
	a.pause, a.until = 0, time.Time{}
	for _, in := range a.instances {
		if in.State == apps.Waiting && !in.NotBefore.IsZero() {
			in.NotBefore = time.Time{}
			s.save(in)
		}
	}
	s.touch(a)
	s.asks = true
	s.reply(Reply{Request: r.Request})
}

func (s *State) foldCordon(c Cordon) {
	h := s.hosts[c.Host]
	if h == nil {
		s.refuse(c.Request, apps.Errorf(apps.NotFound, "Host '%s' does not exist", c.Host))
		return
	}
	if h.Cordoned != c.On {
		h.Cordoned = c.On
		s.offer(h)
		s.saveHost(h)
	}
	s.reply(Reply{Request: c.Request})
}

func (s *State) foldDrain(d Drain) {
	h := s.hosts[d.Host]
	if h == nil {
		s.refuse(d.Request, apps.Errorf(apps.NotFound, "Host '%s' does not exist", d.Host))
		return
	}
	if h.Draining != d.On {
		h.Draining = d.On
		s.offer(h)
		s.saveHost(h)
		for _, in := range h.runs {
			s.touch(in.app)
		}
	}
	s.reply(Reply{Request: d.Request})
}

func (s *State) foldForget(f Forget) {
	h := s.hosts[f.Host]
	if h == nil {
		s.refuse(f.Request, apps.Errorf(apps.NotFound, "Host '%s' does not exist", f.Host))
		return
	}
	if !h.Lost {
		s.refuse(f.Request, apps.Errorf(apps.Conflict, "Host '%s' is alive: stop its agent before it is removed", f.Host))
		return
	}
	if err := s.keepsData(h); err != nil && !f.Wipe {
		s.refuse(f.Request, err)
		return
	}
	for _, id := range sortedKeys(h.claims) {
		s.dropClaim(h.claims[id])
	}
	for _, in := range sortedRuns(h) {
		s.finish(in, apps.EndLost, 0, "its host was removed")
	}
	delete(s.hosts, f.Host)
	s.lost--
	s.board.RemoveHost(f.Host)
	s.asks = true // who waits has one host less to wait for
	s.fx.Save.GoneHosts = append(s.fx.Save.GoneHosts, f.Host)
	s.brake()
	s.reply(Reply{Request: f.Request})
}
