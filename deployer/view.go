package deployer

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// endedMax is how many ended deployments a View remembers.
const endedMax = 1000

// A View is the committed state of the cluster, for any number of readers at once.
// It is a fold over the rows that the loop committed, so readers see exactly what is
// stored and never wait for the loop. What it returns must not be modified.
type View struct {
	mu         sync.RWMutex
	apps       map[apps.ID]*appView
	instances  map[string]*apps.Instance
	running    map[string]apps.Deployment
	ended      map[string]apps.Deployment
	endedOrder []string // ids, oldest first
	hosts      map[string]apps.Host
	services   map[apps.ID]apps.Service
	jobs       map[apps.JobID]*apps.Job
	runs       map[apps.JobID]map[string]apps.Run
	runJobs    map[string]apps.JobID // by run
	claims     map[string]apps.Claim
	groups     map[apps.ID]*apps.Group
	roles      map[string]apps.Role
	tallies    map[string]*tally // by role
	settings   apps.Settings
	callbacks  map[string]apps.Callback // by URL

	affecting map[apps.ID][]string // running deployments that have a part for an app, sorted
	order     []*appView           // all of apps, by id
	now       uint64               // the revision of what is being folded
	appsRev   uint64               // of the newest change to any app
	placesRev uint64               // of the newest change of where hosts are

	changed     []change // to apps, oldest first
	changedFrom uint64   // of changes after this revision, all are there
	waiting     map[apps.ID]*appView
}

type appView struct {
	id        apps.ID
	rev       uint64    // of its newest change
	spec      *apps.App // nil: only its last instances are left
	instances map[string]*apps.Instance
	failure   *apps.Finished
	wait      cluster.Wait
}

func newView(stored cluster.Stored) *View {
	v := &View{
		apps: map[apps.ID]*appView{}, instances: map[string]*apps.Instance{},
		running: map[string]apps.Deployment{}, ended: map[string]apps.Deployment{}, hosts: map[string]apps.Host{}, services: map[apps.ID]apps.Service{},
		jobs: map[apps.JobID]*apps.Job{}, runs: map[apps.JobID]map[string]apps.Run{}, runJobs: map[string]apps.JobID{},
		claims: map[string]apps.Claim{}, groups: map[apps.ID]*apps.Group{}, roles: map[string]apps.Role{}, tallies: map[string]*tally{}, affecting: map[apps.ID][]string{}, waiting: map[apps.ID]*appView{},
	}
	instances := make([]*apps.Instance, len(stored.Instances))
	for i, in := range stored.Instances {
		instances[i] = &in // on its own, so that it does not keep the others in memory
	}
	v.fold(cluster.Changes{Apps: stored.Apps, Groups: stored.Groups, Instances: instances, Deployments: stored.Deployments, Hosts: stored.Hosts, Jobs: stored.Jobs, Runs: stored.Runs, Claims: stored.Claims, Roles: stored.Roles, Callbacks: stored.Callbacks, Settings: &stored.Settings})
	v.changed, v.changedFrom = nil, v.now
	return v
}

func (v *View) apply(fx cluster.Effects) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fold(fx.Save)
	for _, w := range fx.Waits {
		if a := v.apps[w.App]; a != nil {
			a.wait = w
			if delete(v.waiting, w.App); w.Waiting > 0 {
				v.waiting[w.App] = a
			}
		}
	}
	for _, s := range fx.Serve {
		if s.Gone {
			delete(v.services, s.App)
		} else {
			v.services[s.App] = s
		}
	}
}

func (v *View) fold(c cluster.Changes) {
	v.now = revisions.Add(1)
	for _, spec := range c.Apps {
		a := v.app(spec.ID)
		a.spec = spec
		v.touch(a)
	}
	v.foldGroups(c.Groups)
	for _, in := range c.Instances {
		if old := v.instances[in.ID]; old != nil {
			v.count(old, -1)
		}
		v.count(in, 1)
		v.instances[in.ID] = in
		a := v.app(in.App)
		a.instances[in.ID] = in
		v.touch(a)
	}
	for _, f := range c.Finished {
		if old := v.instances[f.ID]; old != nil {
			v.count(old, -1)
		}
		delete(v.instances, f.ID)
		a := v.app(f.App)
		delete(a.instances, f.ID)
		v.touch(a)
		switch f.End {
		case apps.EndFailed, apps.EndLost, apps.EndUnhealthy:
			a.failure = &f
		}
	}
	for _, id := range c.GoneApps {
		delete(v.apps, id)
		delete(v.waiting, id)
		v.unseat(id)
	}
	for _, d := range c.Deployments {
		v.foldDeployment(&d, d.State == apps.DeploymentRunning)
		if d.State == apps.DeploymentRunning {
			v.running[d.ID] = d
			continue
		}
		delete(v.running, d.ID)
		v.ended[d.ID] = d
		v.endedOrder = append(v.endedOrder, d.ID)
	}
	for ; len(v.endedOrder) > endedMax; v.endedOrder = v.endedOrder[1:] {
		delete(v.ended, v.endedOrder[0])
	}
	for _, h := range c.Hosts {
		v.foldPlace(h.Name, h.Region, h.Zone)
		v.hosts[h.Name] = h
	}
	for _, name := range c.GoneHosts {
		v.foldPlace(name, "", "")
		delete(v.hosts, name)
	}
	v.foldJobs(&c)
	for _, row := range c.Claims {
		v.claims[row.ID] = row
	}
	for _, id := range c.GoneClaims {
		delete(v.claims, id)
	}
	for _, r := range c.Roles {
		v.roles[r.Name] = r
	}
	for _, name := range c.GoneRoles {
		delete(v.roles, name)
	}
	v.foldCallbacks(&c)
	if c.Settings != nil {
		v.settings = *c.Settings
	}
}

func (v *View) app(id apps.ID) *appView {
	a := v.apps[id]
	if a == nil {
		a = &appView{id: id, instances: map[string]*apps.Instance{}}
		v.apps[id] = a
		v.seat(a)
	}
	return a
}

// App is the present spec of an app; one that is being deleted is not there.
func (v *View) App(id apps.ID) (*apps.App, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if a := v.apps[id]; a.users() {
		return a.spec, true
	}
	return nil, false
}

// Apps are all apps, ordered by id.
func (v *View) Apps() []*apps.App {
	v.mu.RLock()
	defer v.mu.RUnlock()
	out := make([]*apps.App, 0, len(v.order))
	for _, a := range v.order {
		if a.users() {
			out = append(out, a.spec)
		}
	}
	return out
}

// InstancesOf are the instances of an app that are not gone, in the order in which
// they were made.
func (v *View) InstancesOf(id apps.ID) []apps.Instance {
	v.mu.RLock()
	defer v.mu.RUnlock()
	a := v.apps[id]
	if a == nil {
		return nil
	}
	out := make([]apps.Instance, 0, len(a.instances))
	for _, in := range a.instances {
		out = append(out, *in)
	}
	slices.SortFunc(out, func(a, b apps.Instance) int { return cmp.Compare(a.Serial, b.Serial) })
	return out
}

// Instance is one that is not gone.
func (v *View) Instance(id string) (apps.Instance, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if in := v.instances[id]; in != nil {
		return *in, true
	}
	return apps.Instance{}, false
}

// Deployments are the running ones, oldest first.
func (v *View) Deployments() []apps.Deployment {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.SortedFunc(maps.Values(v.running), func(a, b apps.Deployment) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
}

// DeploymentsOf are the sorted ids of the running deployments that have a part for the
// app.
func (v *View) DeploymentsOf(id apps.ID) []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.affecting[id]
}

// Deployment is a deployment that runs, or one of the last that ended.
func (v *View) Deployment(id string) (apps.Deployment, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if d, ok := v.running[id]; ok {
		return d, true
	}
	d, ok := v.ended[id]
	return d, ok
}

// Hosts are all hosts, ordered by name.
func (v *View) Hosts() []apps.Host {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.SortedFunc(maps.Values(v.hosts), func(a, b apps.Host) int { return cmp.Compare(a.Name, b.Name) })
}

// hostAddrs are the addresses of all hosts that are not lost, each once, in order.
func (v *View) hostAddrs() []string {
	v.mu.RLock()
	addrs := make([]string, 0, len(v.hosts))
	for _, h := range v.hosts {
		if !h.Lost && h.Addr != "" {
			addrs = append(addrs, h.Addr)
		}
	}
	v.mu.RUnlock()
	slices.Sort(addrs)
	return slices.Compact(addrs)
}

// Host is the one of that name.
func (v *View) Host(name string) (apps.Host, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	h, ok := v.hosts[name]
	return h, ok
}

// Claims are the persistent volumes there are, by app and age.
func (v *View) Claims() []apps.Claim {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.SortedFunc(maps.Values(v.claims), func(a, b apps.Claim) int {
		return cmp.Or(cmp.Compare(a.App, b.App), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
}

// Wait is why instances of an app wait for a host; ok is false when none does.
func (v *View) Wait(id apps.ID) (cluster.Wait, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if a := v.apps[id]; a != nil && a.wait.Waiting > 0 {
		return a.wait, true
	}
	return cluster.Wait{}, false
}

// Waits are all apps with instances that wait for a host, ordered by app.
func (v *View) Waits() []cluster.Wait {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var out []cluster.Wait
	for _, a := range v.waiting {
		if a.spec == nil || a.spec.Run == "" {
			out = append(out, a.wait)
		}
	}
	slices.SortFunc(out, func(a, b cluster.Wait) int { return cmp.Compare(a.App, b.App) })
	return out
}

// LastFailure is the last instance of an app that failed, in this term of the leader.
func (v *View) LastFailure(id apps.ID) (apps.Finished, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if a := v.apps[id]; a != nil && a.failure != nil {
		return *a.failure, true
	}
	return apps.Finished{}, false
}

// Services are the letters that balancers have, ordered by app.
func (v *View) Services() []apps.Service {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.SortedFunc(maps.Values(v.services), func(a, b apps.Service) int { return cmp.Compare(a.App, b.App) })
}
