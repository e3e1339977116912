package deployer

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"pacer/apps"
)

// revisions numbers what changes in any View of this process, so that one of another
// term never looks like one of this.
var revisions atomic.Uint64

// An AppRevision is an app with the revision of all that is told of it: its spec, its
// instances and where they are, the deployments that affect it, its last failure.
type AppRevision struct {
	App      *apps.App
	Revision uint64
}

// Revision is that of the app of that id; 0 where there is none. It grows whenever
// something of the app changes. Read it before what it stands for: then what was read
// is as new, or newer.
func (v *View) Revision(id apps.ID) uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if a := v.apps[id]; a.users() {
		return max(a.rev, v.placesRev)
	}
	return 0
}

// AppsRevision grows whenever that of any app does, or an app comes or goes.
func (v *View) AppsRevision() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.appsRev
}

// Revisions are all apps with their revisions, ordered by id.
func (v *View) Revisions() []AppRevision {
	v.mu.RLock()
	defer v.mu.RUnlock()
	out := make([]AppRevision, 0, len(v.order))
	for _, a := range v.order {
		if a.users() {
			out = append(out, AppRevision{a.spec, max(a.rev, v.placesRev)})
		}
	}
	return out
}

// An AppChange is an app in which something changed; nil: there is none of that id now.
type AppChange struct {
	ID apps.ID
	AppRevision
}

// changesMax is how many changes a View remembers at least, once there were so many.
const changesMax = 4096

// Changes are the apps, ordered by id, that changed after a revision of all apps, and the
// one of now. ok is false when that is too long ago, or of another term, or when all have
// changed: then ask for Revisions.
func (v *View) Changes(since uint64) (changed []AppChange, now uint64, ok bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if since < v.changedFrom || since < v.placesRev {
		return nil, 0, false
	}
	ids := map[apps.ID]bool{}
	for i := len(v.changed) - 1; i >= 0 && v.changed[i].revision > since; i-- {
		ids[v.changed[i].app] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		c := AppChange{ID: id}
		if a := v.apps[id]; a.users() {
			c.AppRevision = AppRevision{a.spec, max(a.rev, v.placesRev)}
		}
		changed = append(changed, c)
	}
	return changed, v.appsRev, true
}

type change struct {
	revision uint64
	app      apps.ID
}

// touch says that something of the app changed.
func (v *View) touch(a *appView) {
	a.rev = v.now
	v.note(a.id)
}

// note remembers which app changed, and when.
func (v *View) note(id apps.ID) {
	v.appsRev = v.now
	if n := len(v.changed); n > 0 && v.changed[n-1] == (change{v.now, id}) {
		return
	}
	if len(v.changed) == 2*changesMax {
		v.changedFrom = v.changed[changesMax-1].revision
		v.changed = v.changed[:copy(v.changed, v.changed[changesMax:])]
	}
	v.changed = append(v.changed, change{v.now, id})
}

// seat puts a new app into the order.
func (v *View) seat(a *appView) {
	i, _ := slices.BinarySearchFunc(v.order, a.id, byAppID)
	v.order = slices.Insert(v.order, i, a)
}

// unseat takes one out that is gone.
func (v *View) unseat(id apps.ID) {
	if i, found := slices.BinarySearchFunc(v.order, id, byAppID); found {
		v.order = slices.Delete(v.order, i, i+1)
		v.note(id)
	}
}

func byAppID(a *appView, id apps.ID) int { return strings.Compare(string(a.id), string(id)) }

// foldDeployment keeps which deployments affect an app.
func (v *View) foldDeployment(d *apps.Deployment, running bool) {
	if _, was := v.running[d.ID]; was == running {
		return
	}
	for _, step := range d.Steps {
		for _, action := range step.Actions {
			ids := v.affecting[action.App]
			at, there := slices.BinarySearch(ids, d.ID)
			switch {
			case running && !there: // readers may hold the old list
				v.affecting[action.App] = slices.Insert(slices.Clone(ids), at, d.ID)
			case !running && there && len(ids) == 1:
				delete(v.affecting, action.App)
			case !running && there:
				v.affecting[action.App] = slices.Delete(slices.Clone(ids), at, at+1)
			}
			if a := v.apps[action.App]; a != nil {
				v.touch(a)
			}
		}
	}
}

// foldPlace notes that a host is somewhere else than it was: every task tells where it is.
func (v *View) foldPlace(name, region, zone string) {
	if old := v.hosts[name]; old.Region != region || old.Zone != zone {
		v.placesRev, v.appsRev = v.now, v.now
	}
}
