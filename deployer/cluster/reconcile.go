package cluster

import (
	"cmp"
	"slices"

	"pacer/apps"
)

// inForce is the spec that an app has to follow now: the accepted one, or, while
// its deployment has not come to its step, the one before; nil where there was none.
// action is what the deployment's present step does to it.
func (s *State) inForce(a *app) (spec *apps.App, action apps.ActionKind) {
	if a.holder == nil {
		return a.spec, ""
	}
	step, action, takesPart := a.holder.part(a.spec.ID)
	switch {
	case !takesPart || a.holder.Step > step:
		return a.spec, ""
	case a.holder.Step < step:
		return a.holder.Old[a.spec.ID], ""
	}
	return a.spec, action
}

// part is what a deployment does to an app last, and in which step.
func (d *deployment) part(id apps.ID) (step int, action apps.ActionKind, ok bool) {
	if d.parts == nil {
		d.parts = map[apps.ID]part{}
		for i, st := range d.Steps {
			for _, a := range st.Actions {
				d.parts[a.App] = part{i, a.Kind}
			}
		}
	}
	p, ok := d.parts[id]
	return p.step, p.action, ok
}

// A census is an app's instances by what they are to a reconciliation.
type census struct {
	current []*instance // staying
	old     []*instance // to be replaced: of an older configuration, or on a host that is drained
	going   int         // Draining or Stopping
	moving  bool        // some of those go because their host is drained
	beside  int         // successors of who is being moved, which do not count yet
	ready   int         // of those that stay: ready, and every balancer knows it
}

func (c census) live() int { return len(c.current) + len(c.old) + c.going + c.beside }

// count looks at the sets. Instances of an older configuration are to be replaced
// only while a deployment is at it: after a cancelled one they may stay. Instances of
// lost hosts that are to be replaced do not count at all.
func (s *State) count(a *app, spec *apps.App, action apps.ActionKind) census {
	var c census
	for _, in := range a.instances {
		switch {
		case in.State >= apps.Draining:
			c.going++
			c.moving = c.moving || s.drained(in)
		case in.Replaces != "":
			c.beside++
		case s.inactive(in):
		case action == apps.RestartApplication && !spec.Current(in.Version), s.drained(in):
			c.old = append(c.old, in)
			if in.Ready && !in.Unreachable {
				c.ready++
			}
		default:
			c.current = append(c.current, in)
			if s.serving(in) {
				c.ready++
			}
		}
	}
	return c
}

// drained reports whether the instance's host is being emptied.
func (s *State) drained(in *instance) bool {
	h := s.hosts[in.Host]
	return h != nil && h.Draining && in.Claim == "" // its data cannot move
}

// serving reports whether an instance is ready and every live balancer has
// acknowledged the letter that says so.
func (s *State) serving(in *instance) bool {
	return in.Ready && !in.Unreachable && in.State == apps.Running && in.serv > 0 && s.acked(in.App, in.serv) && s.proven(in)
}

// proven reports whether an instance has shown that it lives. One without checks is
// ready as soon as it runs, even if it exits at once: a deployment that may roll back
// gives it a moment to.
func (s *State) proven(in *instance) bool {
	d := in.app.holder
	if d == nil || !d.Rollback || len(in.spec.Checks)+len(in.spec.Readiness) > 0 || !in.app.spec.Current(in.Version) {
		return true
	}
	if until := in.ReadyAt.Add(provenAfter); until.After(s.now) {
		s.atApp(in.app, until)
		return false
	}
	return true
}

func (s *State) readyCount(a *app) int {
	spec, action := s.inForce(a)
	if spec == nil {
		return 0
	}
	return s.count(a, spec, action).ready
}

// reconcile compares what is wanted of an app with what is there.
func (s *State) reconcile(a *app) {
	if a.run != nil {
		s.reconcileRun(a)
		return
	}
	spec, action := s.inForce(a)
	if spec == nil {
		return
	}
	s.reviewMoves(a)
	held := s.hold(a)
	for _, in := range slices.Clone(a.instances) {
		if !held && in.State == apps.Waiting && !spec.Current(in.Version) {
			s.finish(in, apps.EndStopped, 0, "its version was replaced before it had a host")
		}
	}
	c := s.count(a, spec, action)
	if held {
		// it neither grows nor shrinks
	} else if action == apps.RestartApplication || len(c.old) > 0 || c.moving {
		s.roll(a, spec, c)
	} else {
		all := slices.Concat(c.current, c.old)
		n := spec.Instances - len(all)
		if spec.Resident() { // its volumes are free when who goes is gone
			n = min(n, spec.Instances-c.live())
		}
		s.launch(a, spec, n)
		s.shrink(a, all, len(all)-spec.Instances)
		s.moveOn(a, spec, c)
	}
	for _, in := range a.instances {
		if in.State == apps.Waiting && in.NotBefore.After(s.now) {
			s.atApp(a, in.NotBefore)
		}
	}
	if spec.Deleted && len(a.instances) == 0 {
		s.remove(a)
	}
}

// roll is a rolling update, seen at one moment (Marathon's upgradeStrategy): start
// new ones as long as no more than LiveMax live, let old ones go as long as
// HealthyMin are ready. The rest follows when the sets have changed.
func (s *State) roll(a *app, spec *apps.App, c census) {
	s.shrink(a, c.current, len(c.current)-spec.Instances)
	s.launch(a, spec, min(spec.Instances-len(c.current), spec.LiveMax()-c.live()))
	ready := c.ready
	for _, in := range c.current {
		if in.State >= apps.Draining && in.Ready && !in.Unreachable { // it was one too many, or a user named it
			ready--
		}
	}
	s.empty(c.old, spec, ready)
}

// empty lets those instances go, as long as enough of the ready ones are left.
func (s *State) empty(old []*instance, spec *apps.App, ready int) {
	for _, in := range victims(old, nil, spec.KillOldest) {
		if in.Ready && !in.Unreachable {
			if ready-1 < spec.HealthyMin() {
				continue
			}
			ready--
		}
		why := "replaced by a newer version"
		if s.drained(in) {
			why = "moved away from host " + in.Host + ", which is drained"
		}
		s.leave(in, why)
	}
}

// launch makes n new instances, which wait for a host; the app's ration of them in this
// step.
func (s *State) launch(a *app, spec *apps.App, n int) {
	if n > 0 {
		s.create(a, spec, s.share(a, n))
	}
}

// create makes n new instances.
func (s *State) create(a *app, spec *apps.App, n int) {
	role := spec.FairRole()
	a.instances = slices.Grow(a.instances, n)
	for range n {
		s.serial++
		s.fx.Save.Serial = s.serial
		in := s.seat()
		in.app, in.spec = a, spec
		in.Instance = apps.Instance{
			ID: apps.InstanceID(spec.ID, s.cluster, s.serial), Serial: s.serial,
			App: spec.ID, Version: spec.Version, Role: role, Needs: spec.Needs,
			State: apps.Waiting, Since: s.now,
		}
		if spec.Resident() {
			in.Claim = s.freeClaim(a)
		}
		if a.until.After(s.now) {
			in.NotBefore = a.until
		}
		a.instances = append(a.instances, in)
		s.instances.add(in)
		s.await(in)
		s.reckon(a)
		s.asks = true
		s.save(in)
		s.tellMade(in)
	}
}

// shrink lets n of the instances go.
func (s *State) shrink(a *app, from []*instance, n int) {
	if n <= 0 {
		return
	}
	var named []string
	if a.holder != nil {
		named = a.holder.Kill
	}
	for _, in := range victims(from, named, a.spec.KillOldest)[:n] {
		s.leave(in, "scaled down")
	}
}

// victims orders instances by who goes first (Marathon's rule): those that were
// named, then the unreachable, the waiting, the starting, the not ready, the ready;
// within one kind the youngest, or the oldest.
func victims(from []*instance, named []string, oldest bool) []*instance {
	rank := func(in *instance) int {
		switch {
		case slices.Contains(named, in.ID):
			return 0
		case in.Unreachable:
			return 1
		case in.State == apps.Waiting:
			return 2
		case in.State == apps.Starting:
			return 3
		case !in.Ready:
			return 4
		}
		return 5
	}
	return slices.SortedFunc(slices.Values(from), func(x, y *instance) int {
		age := cmp.Compare(y.Serial, x.Serial)
		if oldest {
			age = -age
		}
		return cmp.Or(cmp.Compare(rank(x), rank(y)), age)
	})
}

// actionDone reports whether what a step of a deployment does to an app has come true.
func (s *State) actionDone(d *deployment, action apps.Action) bool {
	a := s.apps[action.App]
	switch {
	case action.Kind == apps.StartApplication: // a step of Marathon's that starts nothing yet
		return true
	case a == nil || a.holder != d: // it was removed, and may have been made anew since
		return true
	case action.Kind == apps.StopApplication:
		return !a.spec.Deleted
	}
	c := s.count(a, a.spec, action.Kind)
	for _, in := range c.old {
		if !a.spec.Current(in.Version) {
			return false
		}
	}
	return c.going == 0 && len(c.current)+len(c.old) == a.spec.Instances && c.ready == a.spec.Instances
}

// leave lets an instance go, by the way that its state asks for.
func (s *State) leave(in *instance, why string) {
	if in.end == "" {
		in.end = apps.EndStopped
	}
	in.Message = why
	switch {
	case in.State == apps.Waiting:
		s.finish(in, in.end, 0, why)
	case in.WasReady && in.app.run == nil: // balancers may know it
		in.serv = 0
		s.enter(in, apps.Draining)
	default:
		s.stop(in)
	}
}

// stop takes an instance out of its host's assignment.
func (s *State) stop(in *instance) {
	h := s.hosts[in.Host]
	s.enter(in, apps.Stopping)
	if h.Lost {
		s.finish(in, apps.EndLost, 0, "its host was lost")
		return
	}
	in.rev = s.move(h)
	s.tellStatus(in, "TASK_KILLING", "Killing", in.Message)
}

// failed takes note that an instance ended by itself, or could not be started.
func (s *State) failed(in *instance, end apps.End, code int, why string) {
	if in.State >= apps.Draining {
		s.finish(in, in.end, code, in.Message)
		return
	}
	s.penalise(in)
	s.countFailure(in, why)
	s.finish(in, end, code, why)
}

// penalise decides when the app's next instance may start after this one failed:
// at once if it had been ready and the app does not fail again and again, else after
// Marathon's backoff.
func (s *State) penalise(in *instance) {
	a := in.app
	if !a.spec.Current(in.Version) {
		return // it is the older configuration that fails
	}
	lasted := in.WasReady && s.now.Sub(in.ReadyAt) >= steady
	first := in.WasReady && (a.lastFailure.IsZero() || s.now.Sub(a.lastFailure) >= steady)
	switch {
	case lasted:
		a.pause = 0
	case !first:
		a.pause = a.spec.Backoff.Next(a.pause)
		a.until = s.now.Add(a.pause)
	}
	a.lastFailure = s.now
}

// enter moves an instance forward.
func (s *State) enter(in *instance, state apps.State) {
	if state <= in.State {
		panic("cluster: " + in.ID + " would go back from " + in.State.String() + " to " + state.String())
	}
	in.State, in.Since = state, s.now
	if state >= apps.Draining {
		s.leaves(in, "its successor was stopped: "+in.Message)
	}
	s.save(in)
	s.touch(in.app)
	switch state {
	case apps.Starting:
		s.tellPlaced(in)
	case apps.Running:
		in.Message = ""
		s.tellRuns(in)
	}
}

// finish takes an instance off the books: it is known not to run any more, or its
// host is lost.
func (s *State) finish(in *instance, end apps.End, code int, why string) {
	a := in.app
	if in.Host != "" {
		h := s.hosts[in.Host]
		h.drop(in)
		s.board.Release(in.hold())
		if in.Preempted {
			s.makeWay(h, -1)
		}
		if rev := s.move(h); h.Lost {
			h.fence = rev
		}
	}
	s.settled(in)
	s.reckon(a)
	s.instances.remove(in)
	a.instances = slices.DeleteFunc(a.instances, func(o *instance) bool { return o == in })
	waited := in.State == apps.Waiting
	in.State, in.Since, in.Ready, in.Message = apps.Gone, s.now, false, why
	s.touch(a)
	s.leaves(in, "its successor ended: "+why)
	s.leaveClaim(in)
	s.fx.Save.Finished = append(s.fx.Save.Finished, apps.Finished{Instance: in.Instance, End: end, ExitCode: code, At: s.now})
	if !waited {
		status, condition := endWords(end)
		s.tellStatus(in, status, condition, why)
	}
	if a.run != nil {
		s.attempted(in, end, code, why)
	}
}

// endWords are Marathon's words for an end.
func endWords(end apps.End) (status, condition string) {
	switch end {
	case apps.EndFinished:
		return "TASK_FINISHED", "Finished"
	case apps.EndFailed:
		return "TASK_FAILED", "Failed"
	case apps.EndLost:
		return "TASK_GONE", "Gone"
	default:
		return "TASK_KILLED", "Killed"
	}
}

// remove forgets a deleted app, now that nothing of it runs any more.
func (s *State) remove(a *app) {
	id := a.spec.ID
	for _, c := range slices.Clone(a.claims) {
		s.wipe(c)
	}
	s.releasePorts(a.spec)
	if a.service.Revision > 0 {
		s.digest -= apps.Digest(id, a.service.Stamp)
	}
	s.revision++
	s.putService(apps.Service{Stamp: apps.Stamp{Epoch: s.epoch, Revision: s.revision}, App: id, Gone: true})
	for _, b := range s.balancers {
		delete(b.acked, id)
	}
	delete(s.apps, id)
	// Deleted in this very step, it has no row to be written.
	s.fx.Save.Apps = slices.DeleteFunc(s.fx.Save.Apps, func(o *apps.App) bool { return o.ID == id })
	s.fx.Waits = append(s.fx.Waits, Wait{App: id})
	s.fx.Save.GoneApps = append(s.fx.Save.GoneApps, id)
	s.tell(apps.Notice{Type: "app_terminated_event", App: id})
	if a.holder != nil {
		s.looked[a.holder.ID] = a.holder
	}
}
