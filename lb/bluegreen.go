package lb

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"pacer/apps"
)

// sharesWith reports whether two apps are in one deployment group.
func (a *app) sharesWith(o *app) bool { return a.group != "" && a.group == o.group }

// join notes which deployment group the app is in now, and returns the one that it has
// left for that. The caller holds mu.
func (b *Balancer) join(a *app, s apps.Service) (left string) {
	next := ""
	if s.BlueGreen != nil {
		next = s.BlueGreen.Group
	}
	if s.Gone { // who is on the way to it may still go to the others of its group
		delete(b.groups[a.group], a)
		return ""
	}
	if next != a.group {
		left = a.group
		delete(b.groups[left], a)
		if len(b.groups[left]) == 0 {
			delete(b.groups, left)
		}
		a.group = next
	}
	if next != "" {
		if b.groups[next] == nil {
			b.groups[next] = map[*app]bool{}
		}
		b.groups[next][a] = true
	}
	return left
}

// publish lets requests see the app's endpoints. Those of an app that is in a
// deployment group are seen by way of each of the group's apps. The caller holds mu.
func (b *Balancer) publish(a *app) {
	all := a.own
	if merged := b.publishGroup(a.group); merged != nil {
		all = merged
	}
	a.endpoints.Store(all)
}

// publishGroup is the group's endpoints, which its apps have now; nil where it has none.
func (b *Balancer) publishGroup(group string) *endpoints {
	members := slices.SortedFunc(maps.Keys(b.groups[group]), func(x, y *app) int { // the newest last
		return cmp.Or(strings.Compare(x.service.BlueGreen.Started, y.service.BlueGreen.Started), strings.Compare(string(x.id), string(y.id)))
	})
	if len(members) == 0 {
		delete(b.groups, group)
		return nil
	}
	all := merge(members)
	for _, a := range members {
		a.endpoints.Store(all)
	}
	return all
}

// merge is the endpoints of a group whose newest app is the last: all of its own, and
// of the older ones those that it does not stand in for yet. As in marathon-lb each of
// its ready instances stands in for one old one, unless fewer than the target would be
// left.
func merge(members []*app) *endpoints {
	newest := members[len(members)-1]
	all := &endpoints{good: slices.Clone(newest.own.good), suspect: slices.Clone(newest.own.suspect)}
	var old []*backend
	for _, a := range members[:len(members)-1] {
		old = append(old, a.own.good...)
		all.suspect = append(all.suspect, a.own.suspect...)
	}
	ready := len(newest.own.good)
	replaced := max(0, min(len(old), ready, ready+len(old)-newest.service.BlueGreen.Target))
	all.good = append(all.good, old[replaced:]...)
	return all
}
