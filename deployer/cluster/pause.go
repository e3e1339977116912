package cluster

import "pacer/apps"

const (
	noticePaused  = "pacer_deployment_paused"
	noticeResumed = "pacer_deployment_resumed"
)

// Pause holds a running deployment where it is, or, not On, lets it go on. What a
// paused one is at neither grows nor shrinks: instances that fail are replaced by ones
// of the same configuration, so that what served goes on serving. So are those on a host
// that is drained: who empties a host means every app, and a pause is about versions.
type Pause struct {
	Request string
	ID      string
	On      bool
	By      string
}

func (Pause) event() {}

func (s *State) foldPause(p Pause) {
	d := s.deployments[p.ID]
	if d == nil {
		s.refuse(p.Request, apps.Errorf(apps.NotFound, "DeploymentPlan %s does not exist", p.ID))
		return
	}
	if d.Paused != p.On {
		d.Paused, d.Frozen = p.On, nil
		if p.On {
			d.Frozen = s.freeze(d)
		}
		s.advanced[d.ID], s.looked[d.ID] = d, d
		for id := range d.Old {
			if a := s.apps[id]; a != nil {
				if !a.noRoom.IsZero() { // patience begins anew
					a.noRoom = s.now
					s.atApp(a, s.now.Add(roomPatience))
				}
				s.touch(a)
			}
		}
		kind := noticeResumed
		if p.On {
			kind = noticePaused
		}
		s.tell(apps.Notice{Type: kind, Deployment: d.snapshot(), ClientIP: p.By})
	}
	s.reply(Reply{Request: p.Request, Deployment: d.ID, Version: d.Version})
}

// freeze counts the instances of the apps that the deployment is at.
func (s *State) freeze(d *deployment) map[apps.ID]apps.Frozen {
	frozen := map[apps.ID]apps.Frozen{}
	for _, id := range sortedKeys(d.Old) {
		a := s.apps[id]
		if a == nil || a.holder != d {
			continue
		}
		if spec, action := s.inForce(a); spec == nil || action == "" {
			continue // it has not come to it, or is done with it
		}
		frozen[id] = s.frozen(a.instances, a)
	}
	return frozen
}

// frozen is how many of those instances are of the app's new and of older configurations.
func (s *State) frozen(of []*instance, a *app) (f apps.Frozen) {
	for _, in := range of {
		switch {
		case in.State >= apps.Draining, s.inactive(in):
		case a.spec.Current(in.Version):
			f.Current++
		default:
			f.Old++
		}
	}
	return f
}

// hold keeps an app whose deployment is paused as it was then; ok is false where no
// paused deployment is at it.
func (s *State) hold(a *app) (ok bool) {
	if a.holder == nil || !a.holder.Paused {
		return false
	}
	want, ok := a.holder.Frozen[a.spec.ID]
	if !ok {
		return false
	}
	spec, action := s.inForce(a)
	c, room := s.count(a, spec, action), want.Current+want.Old
	var moving, staying []*instance
	for _, in := range a.instances {
		if in.State < apps.Draining && s.drained(in) {
			moving = append(moving, in)
		} else {
			staying = append(staying, in)
		}
	}
	if action == apps.RestartApplication || len(moving) > 0 || c.moving { // who goes still counts
		room = spec.LiveMax() - c.live()
	}
	have := s.frozen(staying, a)
	n := min(want.Current-have.Current, room)
	s.launch(a, a.spec, n)
	if old := a.holder.Old[a.spec.ID]; old != nil {
		s.launch(a, old, min(want.Old-have.Old, room-max(n, 0)))
	}
	s.empty(moving, spec, c.ready)
	return true
}
