package cluster

import (
	"pacer/apps"
	"pacer/deployer/placement"
)

const (
	noticeRoleChanged = "pacer_role_changed"
	noticeRoleRemoved = "pacer_role_removed"
	decisionsKept     = 4096 // of the last placements, for who asks why
)

type (
	// SetRole changes how a role is treated. IfVersion, where it is not 0, must be the
	// version that is set now.
	SetRole struct {
		Request   string
		Role      apps.Role
		IfVersion apps.Version
	}

	// DropRole has a role treated as if it was never set.
	DropRole struct {
		Request string
		Name    string
		By      string
	}

	// WhyPlaced asks for the last placement decisions about an app.
	WhyPlaced struct {
		Request string
		App     apps.ID
	}
)

func (SetRole) event()   {}
func (DropRole) event()  {}
func (WhyPlaced) event() {}

func (s *State) loadRoles(rows []apps.Role) {
	s.roles = map[string]apps.Role{}
	s.board.Record(decisionsKept)
	for _, r := range rows {
		s.roles[r.Name] = r
		s.board.SetRole(r)
	}
}

func (s *State) foldSetRole(ev SetRole) {
	r, old := ev.Role, s.roles[ev.Role.Name]
	switch {
	case r.Name == "":
		s.refuse(ev.Request, apps.Errorf(apps.Invalid, "name: a role has one"))
		return
	case r.Weight < 0:
		s.refuse(ev.Request, apps.Errorf(apps.Invalid, "weight: %d thousandths are less than nothing", r.Weight))
		return
	case !(apps.Resources{}).Fits(r.Guarantee):
		s.refuse(ev.Request, apps.Errorf(apps.Invalid, "guarantee: %+v is less than nothing", r.Guarantee))
		return
	case ev.IfVersion != 0 && ev.IfVersion != old.Version:
		s.refuse(ev.Request, apps.Errorf(apps.Conflict, "Role '%s' has the version %s by now", r.Name, old.Version))
		return
	}
	r.Version = max(apps.VersionAt(s.now), old.Version+1)
	s.roles[r.Name] = r
	s.board.SetRole(r)
	s.asks = true
	s.fx.Save.Roles = append(s.fx.Save.Roles, r)
	s.tell(apps.Notice{Type: noticeRoleChanged, Role: &r, Version: r.Version, ClientIP: r.By})
	s.reply(Reply{Request: ev.Request, Version: r.Version})
}

func (s *State) foldDropRole(ev DropRole) {
	r, set := s.roles[ev.Name]
	if !set {
		s.refuse(ev.Request, apps.Errorf(apps.NotFound, "Role '%s' was never set", ev.Name))
		return
	}
	delete(s.roles, ev.Name)
	s.board.RemoveRole(ev.Name)
	s.asks = true
	s.fx.Save.GoneRoles = append(s.fx.Save.GoneRoles, ev.Name)
	s.tell(apps.Notice{Type: noticeRoleRemoved, Role: &r, Version: r.Version, ClientIP: ev.By})
	s.reply(Reply{Request: ev.Request})
}

func (s *State) foldWhyPlaced(ev WhyPlaced) {
	r := Reply{Request: ev.Request, Decisions: []placement.Decision{}}
	for _, d := range s.board.Decisions() {
		if d.App == ev.App {
			r.Decisions = append(r.Decisions, d)
		}
	}
	s.reply(r)
}
