package cluster

import (
	"slices"

	"pacer/apps"
)

// Types of notices that Marathon does not have; its clients do not get them.
const (
	noticeHostJoined = "pacer_host_joined"
	noticeHostLost   = "pacer_host_lost"
	noticeHostFound  = "pacer_host_found"
	noticeBrake      = "pacer_mass_failure_brake"
)

// tell numbers a notice and stores it with this step.
func (s *State) tell(n apps.Notice) {
	if a := s.apps[n.App]; a != nil && a.run != nil && !a.run.word(&n) {
		return
	}
	s.seq++
	n.Seq, n.At = s.seq, s.now
	notices := &s.fx.Save.Notices
	if len(*notices) == cap(*notices) { // append alone would copy a big step's many times
		*notices = slices.Grow(*notices, len(*notices)+1)
	}
	*notices = append(*notices, n)
}

// tellStatus says that an instance changed, in both of Marathon's ways: as the
// state of a task and as the condition of an instance.
func (s *State) tellStatus(in *instance, status, condition, message string) {
	s.tellStatusOf(s.copy(in), status, condition, message)
}

func (s *State) tellStatusOf(now *apps.Instance, status, condition, message string) {
	s.tellTasks(apps.Notice{Type: "status_update_event", App: now.App, Version: now.Version, Instance: now, Status: status, Host: now.Host, Message: message})
	s.tell(apps.Notice{Type: "instance_changed_event", App: now.App, Version: now.Version, Instance: now, Status: condition, Host: now.Host})
}

// healthNotices says what a new verdict changes, while the instance still has the
// old one.
func (s *State) healthNotices(in *instance, run apps.InstanceReport) {
	for i, next := range run.Health {
		var last apps.Health
		if i < len(in.Health) {
			last = in.Health[i]
		}
		if next.Known && next.Alive != last.Alive {
			alive := next.Alive
			s.tell(apps.Notice{Type: "health_status_changed_event", App: in.App, Version: in.Version, Instance: s.copy(in), Healthy: &alive})
		}
		if next.LastFailure.After(last.LastFailure) && i < len(in.spec.Checks) {
			check := in.spec.Checks[i]
			s.tell(apps.Notice{Type: "failed_health_check_event", App: in.App, Version: in.Version, Instance: s.copy(in), Check: &check, Message: next.Cause})
		}
	}
	if len(run.Health) > 0 && run.Ready != in.Ready {
		healthy := run.Ready
		s.tell(apps.Notice{Type: "instance_health_changed_event", App: in.App, Version: in.Version, Instance: s.copy(in), Healthy: &healthy})
	}
}
