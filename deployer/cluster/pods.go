package cluster

import "pacer/apps"

// Apps and pods share their ids: what has one cannot become the other.

// checkTaken refuses a new app or pod whose id is taken.
func (s *State) checkTaken(p PutApp) error {
	a := s.present(p.App.ID)
	switch {
	case a == nil:
		return nil
	case p.New && p.App.Pod != nil && a.spec.Pod != nil:
		return apps.Errorf(apps.Conflict, "A pod with id [%s] already exists.", p.App.ID)
	case p.New && a.spec.Pod == nil && p.App.Pod == nil:
		return apps.Errorf(apps.Conflict, "An app with id [%s] already exists.", p.App.ID)
	}
	return checkKind(a.spec, p.App)
}

func checkKind(old, next *apps.App) error {
	if (old.Pod == nil) == (next.Pod == nil) {
		return nil
	}
	return &apps.Error{Kind: apps.Invalid, Message: "Object is not valid", Details: []apps.FieldErrors{{Path: "/id", Errors: []string{"Applications and Pods may not share the same id"}}}}
}

// tellAccepted says that a spec was accepted, in the words of its kind.
func (s *State) tellAccepted(spec *apps.App, existed bool, c Change) {
	n := apps.Notice{Type: "api_post_event", App: spec.ID, Version: spec.Version, Spec: spec, ClientIP: c.ClientIP, URI: c.URI}
	switch {
	case spec.Pod == nil && spec.Deleted:
		return
	case spec.Pod == nil:
	case spec.Deleted:
		n.Type = "pod_deleted_event"
	case existed:
		n.Type = "pod_updated_event"
	default:
		n.Type = "pod_created_event"
	}
	s.tell(n)
}

// tellTasks says that the tasks of an instance changed: of a pod, one for each container.
func (s *State) tellTasks(n apps.Notice) {
	a := s.apps[n.App]
	if a == nil || a.spec.Pod == nil {
		s.tell(n)
		return
	}
	for _, n.Container = range a.spec.Pod.Names() {
		s.tell(n)
	}
}
