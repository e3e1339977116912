package cluster

import (
	"pacer/apps"
	"pacer/deployer/placement"
)

const noticeSettingsChanged = "pacer_settings_changed"

// SetSettings changes what holds for the whole cluster: all of it. IfVersion, where it
// is not 0, must be the version that is in force.
type SetSettings struct {
	Request   string
	Settings  apps.Settings
	IfVersion apps.Version
}

func (SetSettings) event() {}

// apply puts settings into force. What runs stays where it is.
func (s *State) apply(to apps.Settings) {
	s.settings = to
	s.board.SetPolicy(map[string]placement.Policy{apps.PlacePack: placement.Pack}[to.Placement])
	s.board.SetFairness(map[string]placement.Fairness{apps.FairTasks: placement.TaskShare}[to.Fairness])
	s.asks = true // who waits may be served in another order
}

func (s *State) foldSetSettings(ev SetSettings) {
	to := ev.Settings
	switch {
	case to.Placement != "" && to.Placement != apps.PlaceSpread && to.Placement != apps.PlacePack:
		s.refuse(ev.Request, apps.Errorf(apps.Invalid, "placement: %q is neither %s nor %s", to.Placement, apps.PlaceSpread, apps.PlacePack))
		return
	case to.Fairness != "" && to.Fairness != apps.FairDRF && to.Fairness != apps.FairTasks:
		s.refuse(ev.Request, apps.Errorf(apps.Invalid, "fairness: %q is neither %s nor %s", to.Fairness, apps.FairDRF, apps.FairTasks))
		return
	case ev.IfVersion != 0 && ev.IfVersion != s.settings.Version:
		s.refuse(ev.Request, apps.Errorf(apps.Conflict, "The settings have the version %s by now", s.settings.Version))
		return
	}
	to.Version = max(apps.VersionAt(s.now), s.settings.Version+1)
	s.apply(to)
	s.fx.Save.Settings = &to
	s.tell(apps.Notice{Type: noticeSettingsChanged, Version: to.Version, Settings: &to, ClientIP: to.By})
	s.reply(Reply{Request: ev.Request, Version: to.Version})
}
