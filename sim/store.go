package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

var (
	errFenced  = errors.New("the lease has another epoch")
	errUnknown = errors.New("the connection broke during the commit")
	errAway    = errors.New("the database cannot be reached")
)

// versionsMax is how many specs of an app are kept.
const versionsMax = 50

// A store is what package store promises, in memory: fenced, atomic commits, of
// which some have an outcome that nobody knows.
type store struct {
	w *World

	epoch  uint64
	holder *server
	until  time.Duration

	cluster, serial, seq uint64
	apps                 map[apps.ID]*apps.App
	versions             map[apps.ID][]*apps.App // oldest first
	roles                map[string]apps.Role    // that were set
	settings             apps.Settings
	groups               map[apps.ID]*apps.Group
	groupWrites          map[apps.ID]apps.Version // the last version of each that was committed, for ever
	instances            map[string]*apps.Instance
	byApp                map[apps.ID]map[string]*apps.Instance
	byHost               map[string]map[string]*apps.Instance
	finished             map[string]bool
	dead                 map[string]bool             // of those, the ones that must not run
	made                 map[string]time.Duration    // when each instance was first stored
	deployments          map[string]*apps.Deployment // running
	hosts                map[string]apps.Host
	claims               map[string]apps.Claim
	jobs                 map[apps.JobID]*apps.Job
	jobRuns              map[string]apps.Run
	slots                map[slotKey]string         // the run of each slot, for ever
	over                 map[string]bool            // runs that have ended, for ever
	writes               map[apps.ID][]apps.Version // all that were committed, for ever; 0: gone
}

func newStore(w *World) *store {
	return &store{
		w: w, cluster: w.rng.Uint64() >> 1,
		apps: map[apps.ID]*apps.App{}, versions: map[apps.ID][]*apps.App{},
		instances: map[string]*apps.Instance{}, byApp: map[apps.ID]map[string]*apps.Instance{}, byHost: map[string]map[string]*apps.Instance{},
		finished: map[string]bool{}, dead: map[string]bool{}, made: map[string]time.Duration{}, deployments: map[string]*apps.Deployment{}, hosts: map[string]apps.Host{}, claims: map[string]apps.Claim{},
		jobs: map[apps.JobID]*apps.Job{}, jobRuns: map[string]apps.Run{}, slots: map[slotKey]string{}, over: map[string]bool{},
		writes: map[apps.ID][]apps.Version{}, roles: map[string]apps.Role{}, groups: map[apps.ID]*apps.Group{}, groupWrites: map[apps.ID]apps.Version{},
	}
}

// lead gives the lease to the server if nobody has it.
func (st *store) lead(s *server, ttl time.Duration) (epoch uint64, ok bool) {
	if !st.w.net.reaches(s.node, st.w.net.db()) || st.holder != nil && st.until > st.w.now {
		return 0, false
	}
	st.epoch++
	st.holder, st.until = s, st.w.now+ttl
	return st.epoch, true
}

// renew reports whether the lease is still the server's.
func (st *store) renew(s *server, epoch uint64, ttl time.Duration) (held, known bool) {
	if !st.w.net.reaches(s.node, st.w.net.db()) {
		return false, false
	}
	if st.epoch != epoch || st.holder != s {
		return false, true
	}
	st.until = st.w.now + ttl
	return true, true
}

// release gives the lease back.
func (st *store) release(epoch uint64) {
	if st.epoch == epoch {
		st.holder = nil
	}
}

// commit stores c some time later, all or nothing, and answers later still.
func (st *store) commit(s *server, epoch uint64, c cluster.Changes, j judgement, done func(error)) {
	w := st.w
	way, back := w.between(100*time.Microsecond, 2*time.Millisecond), w.between(100*time.Microsecond, 2*time.Millisecond)
	if w.chance(w.plan.slow) {
		way += w.between(0, 4*time.Second)
	}
	unknown := w.chance(w.plan.unknown)
	applies := !unknown || w.chance(0.5)
	w.after(way, func() {
		err := error(nil)
		switch {
		case !w.net.reaches(s.node, w.net.db()):
			err = errAway
			back = w.between(100*time.Millisecond, 2*time.Second)
		case st.epoch != epoch:
			err = errFenced
		case applies:
			st.apply(epoch, c, j)
			if w.powers != nil && w.powers.coup() {
				st.holder = nil // another may lead before this one has said a word
			}
		}
		if unknown && err == nil {
			w.tracef("commit of epoch %d has an unknown outcome (applied: %v)", epoch, applies)
			err = errUnknown
		}
		w.after(back, func() { done(err) })
	})
}

// apply stores the changes, and holds each against the promises.
func (st *store) apply(epoch uint64, c cluster.Changes, j judgement) {
	w := st.w
	if j.worry != "" {
		w.fail("%s", j.worry)
	}
	before, preempted := st.judgeChanges(c), st.preempted(&c)
	st.applyShares(&c)
	st.judgePaused(&c)
	for _, id := range c.GoneApps {
		delete(st.apps, id)
		delete(st.versions, id)
		st.writes[id] = append(st.writes[id], 0)
	}
	for _, spec := range c.Apps {
		st.putApp(spec)
	}
	st.applyGroups(c.Groups)
	st.judgeGroups(&c)
	for _, in := range c.Instances {
		if in.State == apps.Stopping {
			w.stopped[in.ID] = stop{epoch, j.knew}
		}
		st.putInstance(in)
	}
	if c.Serial != 0 {
		if c.Serial <= st.serial {
			w.fail("the serial goes from %d to %d", st.serial, c.Serial)
		}
		st.serial = c.Serial
	}
	for i := range c.Finished {
		st.finish(&c.Finished[i])
	}
	st.applyJobs(&c)
	for _, e := range c.Evidence {
		if w.assigned[e.Instance] == "" && e.App != strayApp {
			w.fail("there is evidence of %s, which never was ours", e.Instance)
		}
	}
	for i := range c.Deployments {
		d := c.Deployments[i]
		if d.State == apps.DeploymentRunning {
			st.deployments[d.ID] = &d
		} else {
			w.hours.Ended++
			delete(st.deployments, d.ID)
		}
	}
	for _, h := range c.Hosts {
		st.hosts[h.Name] = h
	}
	for _, row := range c.Claims {
		st.judgeClaim(row)
		st.claims[row.ID] = row
	}
	for _, id := range c.GoneClaims {
		delete(st.claims, id)
	}
	if st.w.volumes != nil {
		for _, id := range residents {
			st.judgeResidents(id)
		}
	}
	for _, name := range c.GoneHosts {
		delete(st.hosts, name)
	}
	for _, in := range c.Instances {
		if _, known := st.hosts[in.Host]; in.Host != "" && !known {
			w.fail("%s is stored as %s on %s, of which nothing is stored: the next leader would not know what it has", in.ID, in.State, in.Host)
		}
	}
	for n := range c.Notices.All() {
		if n.Seq != st.seq+1 {
			w.fail("notice %d follows %d", n.Seq, st.seq)
		}
		st.seq++
	}
	st.judge(c, before)
	st.judgePreempted(preempted)
	st.judgeBrake(&c, &before, &j)
}

func (st *store) putApp(spec *apps.App) {
	all := st.writes[spec.ID]
	if len(all) > 0 && all[len(all)-1] >= spec.Version {
		st.w.fail("version %v of %s is committed after version %v", spec.Version, spec.ID, all[len(all)-1])
	}
	st.writes[spec.ID] = append(all, spec.Version)
	st.apps[spec.ID] = spec
	kept := append(st.versions[spec.ID], spec)
	st.versions[spec.ID] = kept[max(0, len(kept)-versionsMax):]
}

// renamed reports whether a later version says the same as an earlier one (what a
// change that goes back leaves running).
func (st *store) renamed(app apps.ID, from, to apps.Version) bool {
	var a, b *apps.App
	for _, spec := range st.versions[app] {
		switch spec.Version {
		case from:
			a = spec
		case to:
			b = spec
		}
	}
	if a == nil || b == nil || from > to {
		return false
	}
	x, y := *a, *b
	for _, spec := range []*apps.App{&x, &y} {
		spec.Version, spec.ConfigAt, spec.ScaledAt, spec.Instances = 0, 0, 0, 0
	}
	return reflect.DeepEqual(x, y)
}

func (st *store) putInstance(in *apps.Instance) {
	w := st.w
	row := *in
	old := st.instances[in.ID]
	switch {
	case st.finished[in.ID]:
		w.fail("%s is gone, and stored again as %s", in.ID, in.State)
	case old == nil && in.Serial <= st.serial:
		w.fail("%s has the serial %d, which is not new", in.ID, in.Serial)
	case old != nil && old.Version != in.Version && !st.renamed(in.App, old.Version, in.Version):
		w.fail("%s has the version %s instead of %s, which differs in more than name and number", in.ID, in.Version, old.Version)
	case old != nil && (old.App != in.App || old.Host != "" && old.Host != in.Host || in.State < old.State):
		w.fail("an instance never changes its app and host, and moves forward only: %+v became %+v", *old, *in)
	case in.Host != "":
		w.assigned[in.ID] = in.Host
	}
	if old != nil && old.Host != "" {
		delete(st.byHost[old.Host], in.ID)
	}
	if old == nil {
		st.made[in.ID] = w.now
	}
	st.instances[in.ID] = &row
	set(st.byApp, in.App, in.ID, &row)
	if in.Host != "" {
		set(st.byHost, in.Host, in.ID, &row)
	}
	if w.Trace != nil {
		w.tracef("row   %s %s v%d host=%s ready=%v unreachable=%v %s", in.ID, in.State, in.Version%1e6, in.Host, in.Ready, in.Unreachable, in.Message)
	}
}

func set[K comparable](m map[K]map[string]*apps.Instance, k K, id string, in *apps.Instance) {
	if m[k] == nil {
		m[k] = map[string]*apps.Instance{}
	}
	m[k][id] = in
}

func (st *store) finish(f *apps.Finished) {
	if st.finished[f.ID] {
		st.w.fail("%s is gone twice", f.ID)
	}
	st.finished[f.ID] = true
	st.judgeEnd(f)
	delete(st.made, f.ID)
	delete(st.byApp[f.App], f.ID)
	if f.Host != "" {
		delete(st.byHost[f.Host], f.ID)
	}
	delete(st.instances, f.ID)
	st.w.tracef("row   %s gone (%s): %s", f.ID, f.End, f.Message)
}

// load is what a leader starts from.
func (st *store) load() cluster.Stored {
	out := cluster.Stored{Cluster: st.cluster, Serial: st.serial, Seq: st.seq}
	for _, id := range sorted(st.apps) {
		out.Apps = append(out.Apps, st.apps[id])
		for _, spec := range st.versions[id] {
			if spec != st.apps[id] && st.runs(spec) {
				out.Specs = append(out.Specs, spec)
			}
		}
	}
	for _, id := range sorted(st.groups) {
		out.Groups = append(out.Groups, st.groups[id])
	}
	for _, version := range st.groupWrites {
		out.GroupsAt = max(out.GroupsAt, version)
	}
	for _, id := range sorted(st.instances) {
		in := *st.instances[id]
		in.Ports, in.Health = slices.Clone(in.Ports), slices.Clone(in.Health)
		out.Instances = append(out.Instances, in)
	}
	for _, id := range sorted(st.deployments) {
		out.Deployments = append(out.Deployments, *st.deployments[id])
	}
	slices.SortStableFunc(out.Deployments, func(a, b apps.Deployment) int { return a.Started.Compare(b.Started) })
	for _, name := range sorted(st.hosts) {
		out.Hosts = append(out.Hosts, st.hosts[name])
	}
	for _, id := range sorted(st.claims) {
		out.Claims = append(out.Claims, st.claims[id])
	}
	st.storedJobs(&out)
	st.storedShares(&out)
	if st.w.plan.viaJSON {
		out = viaJSON(out)
	}
	return out
}

// runs reports whether an instance has that spec.
func (st *store) runs(spec *apps.App) bool {
	for _, in := range st.byApp[spec.ID] {
		if in.Version == spec.Version {
			return true
		}
	}
	return false
}

// spec is a version of an app; nil where it is not kept any more.
func (st *store) spec(id apps.ID, v apps.Version) *apps.App {
	for _, spec := range st.versions[id] {
		if spec.Version == v {
			return spec
		}
	}
	return nil
}

func viaJSON(in cluster.Stored) (out cluster.Stored) {
	b, err := json.Marshal(in)
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(b)).Decode(&out)
	}
	if err != nil {
		panic(fmt.Sprintf("sim: the store's documents: %v", err))
	}
	return out
}

func sorted[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
