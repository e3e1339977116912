package cluster

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"pacer/apps"
)

// plan is Marathon's: stop what is no longer wanted, start what is new at zero, then
// scale and restart layer by layer, dependencies before what depends on them. Unlike
// Marathon's it stops, and suspends, in layers too: what depends on others goes before
// them.
// d.Old names the apps that take part; their new specs are in accepted.
func (s *State) plan(d *deployment, accepted map[apps.ID]*apps.App, groups map[apps.ID]*apps.Group) []apps.Step {
	var start apps.Step
	downs, layers := map[int]*apps.Step{}, map[int]*apps.Step{}
	depth := s.depths(accepted, groups)
	for _, id := range sortedKeys(accepted) {
		spec, old := accepted[id], d.Old[id]
		action := apps.Action{Kind: apps.RestartApplication, App: id, Pod: spec.Pod != nil}
		switch {
		case spec.Deleted:
			act(downs, depth[id], apps.Action{Kind: apps.StopApplication, App: id, Pod: action.Pod})
			continue
		case old != nil && spec.Instances == 0 && old.Instances > 0:
			act(downs, depth[id], apps.Action{Kind: apps.ScaleApplication, App: id, Pod: action.Pod})
			continue
		case old == nil:
			start.Actions = append(start.Actions, apps.Action{Kind: apps.StartApplication, App: id, Pod: action.Pod})
			action.Kind = apps.ScaleApplication
			if s.apps[id] != nil { // it comes back while its last instances are being stopped
				action.Kind = apps.RestartApplication
			}
		case spec.ConfigAt == old.ConfigAt || spec.Instances == 0:
			action.Kind = apps.ScaleApplication
		}
		act(layers, depth[id], action)
	}
	var steps []apps.Step
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(downs))) {
		steps = append(steps, *downs[n])
	}
	steps = append(steps, start)
	for _, n := range slices.Sorted(maps.Keys(layers)) {
		steps = append(steps, *layers[n])
	}
	return slices.DeleteFunc(steps, func(st apps.Step) bool { return len(st.Actions) == 0 })
}

// act adds an action to a layer.
func act(layers map[int]*apps.Step, n int, action apps.Action) {
	if layers[n] == nil {
		layers[n] = &apps.Step{}
	}
	layers[n].Actions = append(layers[n].Actions, action)
}

// depths is, for each app of the change, the length of the longest chain of
// dependencies that starts at it, through all apps as they will be. A dependency on
// a group is one on all its apps. A cycle would end the chain; checkCircles refuses them.
func (s *State) depths(accepted map[apps.ID]*apps.App, groups map[apps.ID]*apps.Group) map[apps.ID]int {
	graph := s.graph(accepted, groups)
	graph.goes = true
	depth := map[apps.ID]int{}
	onPath := map[apps.ID]bool{}
	var visit func(id apps.ID) int
	visit = func(id apps.ID) int {
		if n, known := depth[id]; known || onPath[id] {
			return n
		}
		dependencies := graph.dependencies(id)
		if len(dependencies) == 0 {
			return 0
		}
		onPath[id] = true
		n := 0
		for _, dependency := range dependencies {
			for _, member := range graph.members(dependency) {
				n = max(n, 1+visit(member))
			}
		}
		delete(onPath, id)
		depth[id] = n
		return n
	}
	for _, id := range sortedKeys(accepted) {
		depth[id] = visit(id)
	}
	return depth
}

// advance moves deployments whose step is done to the next, and ends those whose
// last is.
func (s *State) advance() {
	if len(s.looked) == 0 {
		return
	}
	looked := s.looked
	s.looked = map[string]*deployment{}
	for _, id := range sortedKeys(looked) {
		d := looked[id]
		if s.deployments[d.ID] == d && s.hopeless(d) {
			s.giveUp(d)
		}
		for s.deployments[d.ID] == d && s.stepDone(d) {
			s.tell(apps.Notice{Type: "deployment_step_success", Deployment: d.snapshot()})
			d.Step++
			s.advanced[d.ID] = d
			if d.Step == len(d.Steps) {
				s.end(d, apps.DeploymentSucceeded, "")
				break
			}
			s.stepStarts(d)
			s.tell(apps.Notice{Type: "deployment_info", Deployment: d.snapshot()})
		}
	}
}

// stepStarts notes when the deployment came to its present step, and has that step's
// apps looked at. One that is older than this note has no dates for the steps before.
func (s *State) stepStarts(d *deployment) {
	if d.Step < len(d.Steps) {
		dates := make([]time.Time, d.Step+1) // what was handed out is not changed
		copy(dates, d.StepStarted)
		dates[d.Step] = s.now
		d.StepStarted = dates
		for _, action := range d.Steps[d.Step].Actions {
			if a := s.apps[action.App]; a != nil {
				s.touch(a)
				if d.Rollback { // it may have waited for room long before its turn came
					s.atApp(a, s.now.Add(roomPatience))
				}
			}
		}
	}
}

func (s *State) stepDone(d *deployment) bool {
	if d.Paused {
		return false
	}
	if d.Step >= len(d.Steps) {
		return true
	}
	for _, action := range d.Steps[d.Step].Actions {
		if !s.actionDone(d, action) {
			return false
		}
	}
	return true
}

// end closes a deployment and frees its apps.
func (s *State) end(d *deployment, state apps.DeploymentState, reason string) {
	d.State, d.Reason, d.Ended = state, reason, s.now
	delete(s.deployments, d.ID)
	s.order = slices.DeleteFunc(s.order, func(o *deployment) bool { return o == d })
	s.advanced[d.ID] = d
	for id := range d.Old {
		if a := s.apps[id]; a != nil && a.holder == d {
			a.holder = nil
			s.touch(a)
		}
	}
	kind := "deployment_success"
	if state != apps.DeploymentSucceeded {
		kind = "deployment_failed"
	}
	s.tell(apps.Notice{Type: kind, Deployment: d.snapshot(), Message: reason})
}

// snapshot is the deployment as it is now, without the specs before it.
func (d *deployment) snapshot() *apps.Deployment {
	c := d.Deployment
	c.Old, c.OldGroups = nil, nil
	return &c
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 { // as most are, in most steps
		return nil
	}
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
