package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pacer/apps"
	"pacer/deployer"
	"pacer/deployer/cluster"
	"pacer/deployer/placement"
)

// A ledger keeps what a leader has committed, and the past, in memory: it is a View
// and a Reader, and its Deployer side hands events to submit.
type ledger struct {
	ledgerJobs
	mu          sync.Mutex
	revision    uint64 // grows with every change
	steady      bool   // all changes are commits: the revision tells
	apps        map[apps.ID]*apps.App
	versions    map[apps.ID][]*apps.App // oldest first
	instances   map[string]apps.Instance
	failures    map[apps.ID]apps.Finished
	gone        map[apps.ID][]apps.Finished // oldest first
	evidence    map[string]apps.Evidence
	deployments map[string]apps.Deployment
	order       []string // of deployments
	hosts       map[string]apps.Host
	claims      map[string]apps.Claim
	callbacks   map[string]apps.Callback // by URL
	roles       map[string][]apps.Role   // newest first
	groupRows   []*apps.Group            // all that were ever stored, oldest first
	settings    []apps.Settings          // newest first
	setRoles    map[string]bool
	waits       map[apps.ID]cluster.Wait
	services    map[apps.ID]apps.Service
	notices     []apps.Notice
	listeners   map[chan apps.Notice]bool

	submit  func(cluster.Event) (cluster.Reply, error)
	leader  deployer.Leader
	unknown bool // nobody leads
	follows bool // somebody else leads
	left    bool // Abdicate was called
}

func newLedger() *ledger {
	return &ledger{
		apps: map[apps.ID]*apps.App{}, versions: map[apps.ID][]*apps.App{}, instances: map[string]apps.Instance{},
		failures: map[apps.ID]apps.Finished{}, gone: map[apps.ID][]apps.Finished{}, evidence: map[string]apps.Evidence{}, deployments: map[string]apps.Deployment{}, hosts: map[string]apps.Host{},
		callbacks: map[string]apps.Callback{},
		claims:    map[string]apps.Claim{}, roles: map[string][]apps.Role{}, setRoles: map[string]bool{},
		waits: map[apps.ID]cluster.Wait{}, services: map[apps.ID]apps.Service{}, listeners: map[chan apps.Notice]bool{},
		leader: deployer.Leader{Name: "s1", URL: "http://10.0.0.1:8080", Epoch: 7, Self: true},
	}
}

// apply commits what a step changed.
func (l *ledger) apply(fx cluster.Effects) {
	l.keep(fx)
	for n := range fx.Save.Notices.All() {
		l.tell(n)
	}
}

func (l *ledger) keep(fx cluster.Effects) {
	l.mu.Lock()
	defer l.mu.Unlock() // also when a test's own mistake panics: others would wait for ever
	l.revision++
	for _, app := range fx.Save.Apps {
		l.apps[app.ID] = app
		l.versions[app.ID] = append(l.versions[app.ID], app)
	}
	for _, id := range fx.Save.GoneApps {
		delete(l.apps, id)
		delete(l.versions, id)
	}
	for _, row := range fx.Save.Groups {
		l.groupRows = append(l.groupRows, row)
	}
	for _, in := range fx.Save.Instances {
		l.instances[in.ID] = *in
	}
	for _, f := range fx.Save.Finished {
		delete(l.instances, f.ID)
		l.gone[f.App] = append(l.gone[f.App], f)
		if f.End != apps.EndStopped {
			l.failures[f.App] = f
		}
	}
	for _, e := range fx.Save.Evidence {
		l.evidence[e.Instance] = e
	}
	for _, d := range fx.Save.Deployments {
		if _, known := l.deployments[d.ID]; !known {
			l.order = append(l.order, d.ID)
		}
		l.deployments[d.ID] = d
	}
	for _, h := range fx.Save.Hosts {
		l.hosts[h.Name] = h
	}
	for _, r := range fx.Save.Roles {
		l.roles[r.Name] = append([]apps.Role{r}, l.roles[r.Name]...)
		l.setRoles[r.Name] = true
	}
	if fx.Save.Settings != nil {
		l.settings = append([]apps.Settings{*fx.Save.Settings}, l.settings...)
	}
	for _, url := range fx.Save.GoneCallbacks {
		delete(l.callbacks, url)
	}
	for _, row := range fx.Save.Callbacks {
		l.callbacks[row.URL] = row
	}
	for _, name := range fx.Save.GoneRoles {
		delete(l.setRoles, name)
	}
	for _, row := range fx.Save.Claims {
		l.claims[row.ID] = row
	}
	for _, id := range fx.Save.GoneClaims {
		delete(l.claims, id)
	}
	for _, name := range fx.Save.GoneHosts {
		delete(l.hosts, name)
	}
	l.applyJobs(&fx.Save)
	for _, w := range fx.Waits {
		l.waits[w.App] = w
	}
	for _, s := range fx.Serve {
		l.services[s.App] = s
	}
}

// tell stores a notice and sends it to whoever listens.
func (l *ledger) tell(n apps.Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notices = append(l.notices, n)
	for c := range l.listeners {
		select {
		case c <- n:
		default:
			close(c)
			delete(l.listeners, c)
		}
	}
}

// untold stores a notice that live listeners never hear of.
func (l *ledger) untold(n apps.Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notices = append(l.notices, n)
}

func (l *ledger) Subscribe() (<-chan apps.Notice, func()) {
	c := make(chan apps.Notice, 1024)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listeners[c] = true
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.listeners, c)
	}
}

// cut closes every subscription, as a leader does that steps down.
func (l *ledger) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.listeners {
		close(c)
	}
	clear(l.listeners)
}

func (l *ledger) Submit(ctx context.Context, newEvent func(string) cluster.Event) (cluster.Reply, error) {
	return l.submit(newEvent("r1"))
}

func (l *ledger) View() View {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.follows || l.unknown {
		return nil
	}
	return l
}

func (l *ledger) Leader() (deployer.Leader, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	leader := l.leader
	leader.Self = !l.follows
	return leader, !l.unknown
}

func (l *ledger) lead(follows, unknown bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follows, l.unknown = follows, unknown
}

func (l *ledger) Abdicate() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = true
	return true
}

func (l *ledger) App(id apps.ID) (*apps.App, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	app, ok := l.apps[id]
	return app, ok && !app.Deleted && app.Run == ""
}

func (l *ledger) Apps() (list []*apps.App) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.apps)) {
		if app := l.apps[id]; !app.Deleted && app.Run == "" {
			list = append(list, app)
		}
	}
	return list
}

// Revision is of all apps alike. Tests that change a ledger behind its back find a new
// one each time.
func (l *ledger) Revision(id apps.ID) uint64 {
	if _, ok := l.App(id); !ok {
		return 0
	}
	return l.AppsRevision()
}

func (l *ledger) AppsRevision() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.steady {
		l.revision++
	}
	return l.revision
}

// Changes are not kept.
func (l *ledger) Changes(uint64) ([]deployer.AppChange, uint64, bool) { return nil, 0, false }

func (l *ledger) Revisions() (list []deployer.AppRevision) {
	revision := l.AppsRevision()
	for _, app := range l.Apps() {
		list = append(list, deployer.AppRevision{App: app, Revision: revision})
	}
	return list
}

func (l *ledger) InstancesOf(id apps.ID) (list []apps.Instance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, in := range l.instances {
		if in.App == id {
			list = append(list, in)
		}
	}
	slices.SortFunc(list, func(a, b apps.Instance) int { return cmp.Compare(a.Serial, b.Serial) })
	return list
}

func (l *ledger) Instance(id string) (apps.Instance, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in, ok := l.instances[id]
	return in, ok
}

func (l *ledger) Deployments() (list []apps.Deployment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range l.order {
		if d := l.deployments[id]; d.State == apps.DeploymentRunning {
			list = append(list, d)
		}
	}
	return list
}

func (l *ledger) DeploymentsOf(id apps.ID) (list []string) {
	for _, d := range l.Deployments() {
		if _, ok := d.Affects(id); ok {
			list = append(list, d.ID)
		}
	}
	return list
}

func (l *ledger) Deployment(id string) (apps.Deployment, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, ok := l.deployments[id]
	return d, ok
}

func (l *ledger) Hosts() (list []apps.Host) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(l.hosts)) {
		list = append(list, l.hosts[name])
	}
	return list
}

func (l *ledger) Host(name string) (apps.Host, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.hosts[name]
	return h, ok
}

func (l *ledger) Wait(id apps.ID) (cluster.Wait, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.waits[id]
	return w, ok && w.Waiting > 0
}

func (l *ledger) Waits() (list []cluster.Wait) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.waits)) {
		if w := l.waits[id]; w.Waiting > 0 && !id.OfRun() {
			list = append(list, w)
		}
	}
	return list
}

func (l *ledger) LastFailure(id apps.ID) (apps.Finished, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.failures[id]
	return f, ok
}

func (l *ledger) Claims() (list []apps.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.claims)) {
		list = append(list, l.claims[id])
	}
	return list
}

// Roles adds up what the deployer's View keeps added up.
func (l *ledger) Roles() (list []deployer.RoleStatus, total apps.Resources) {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := map[string]*deployer.RoleStatus{}
	at := func(name string) *deployer.RoleStatus {
		if by[name] == nil {
			by[name] = &deployer.RoleStatus{}
		}
		return by[name]
	}
	for _, h := range l.hosts {
		total = total.Plus(h.Total)
	}
	held := map[string]apps.Resources{}
	for _, in := range l.instances {
		if r := at(in.Role); in.Host == "" {
			r.Waiting, r.Wanted = r.Waiting+1, r.Wanted.Plus(in.Needs)
		} else {
			r.Instances++
			held[in.Role] = held[in.Role].Plus(in.Needs)
		}
	}
	for name := range l.setRoles {
		at(name)
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		role := apps.Role{Name: name}
		if l.setRoles[name] {
			role = l.roles[name][0]
		}
		by[name].RoleShare = placement.ShareOf(role, l.setRoles[name], held[name], total)
		list = append(list, *by[name])
	}
	return list, total
}

// Settings are the newest that were stored.
func (l *ledger) Callbacks() []apps.Callback {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.SortedFunc(maps.Values(l.callbacks), func(a, b apps.Callback) int { return cmp.Compare(a.URL, b.URL) })
}

func (l *ledger) Settings() apps.Settings {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.settings) == 0 {
		return apps.Settings{}
	}
	return l.settings[0]
}

func (p past) SettingsVersions(context.Context) ([]apps.Settings, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settings, nil
}

func (p past) RoleVersions(_ context.Context, name string) ([]apps.Role, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roles[name], nil
}

func (l *ledger) Services() (list []apps.Service) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.services)) {
		list = append(list, l.services[id])
	}
	return list
}

// A past is the Reader's side of a ledger.
type past struct{ *ledger }

func (p past) Versions(_ context.Context, id apps.ID) (list []apps.Version, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, app := range slices.Backward(p.versions[id]) {
		list = append(list, app.Version)
	}
	return list, nil
}

func (p past) AppVersion(_ context.Context, id apps.ID, v apps.Version) (*apps.App, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, app := range p.versions[id] {
		if app.Version == v {
			return app, nil
		}
	}
	return nil, apps.Errorf(apps.NotFound, "App '%s' has no version %s", id, v)
}

func (p past) Notices(_ context.Context, after uint64, limit int) (page []apps.Notice, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.notices {
		if n.Seq > after && len(page) < limit {
			page = append(page, n)
		}
	}
	return page, nil
}

func (p past) LastSeq(context.Context) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.notices) == 0 {
		return 0, nil
	}
	return p.notices[len(p.notices)-1].Seq, nil
}

func (p past) Deployment(_ context.Context, id string) (apps.Deployment, error) {
	if d, ok := p.ledger.Deployment(id); ok {
		return d, nil
	}
	return apps.Deployment{}, apps.Errorf(apps.NotFound, "DeploymentPlan %s does not exist", id)
}

func (p past) Deployments(_ context.Context, limit int) (list []apps.Deployment, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range slices.Backward(p.order) {
		if d := p.deployments[id]; d.State != apps.DeploymentRunning && len(list) < limit {
			list = append(list, d)
		}
	}
	return list, nil
}

func (p past) Failures(_ context.Context, id apps.ID, limit int) (list []apps.Failure, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range slices.Backward(p.gone[id]) {
		if f.End != apps.EndStopped && len(list) < limit {
			failure := apps.Failure{Finished: f}
			if e, ok := p.evidence[f.ID]; ok {
				failure.Evidence = &e
			}
			list = append(list, failure)
		}
	}
	return list, nil
}

func (p past) Finished(_ context.Context, id apps.ID, limit int) (list []apps.Finished, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for app, gone := range p.gone {
		if id == "" || app == id {
			list = append(list, gone...)
		}
	}
	slices.SortStableFunc(list, func(a, b apps.Finished) int { return b.At.Compare(a.At) })
	return list[:min(limit, len(list))], nil
}

// config is a door onto a ledger.
func (l *ledger) config() Config {
	return Config{Deployer: l, Reader: past{l}, Address: "10.0.0.1:8080"}
}

// put stores an app as it is, without a deployment.
func (l *ledger) put(list ...*apps.App) {
	for _, app := range list {
		l.apps[app.ID] = app
		l.versions[app.ID] = append(l.versions[app.ID], app)
	}
}

// eventually waits for a condition, for ten seconds at most.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("never came true: %s", what)
		case <-look.C:
		}
	}
}

// A stuck deployer never answers.
type stuck struct{ *ledger }

func (stuck) Submit(ctx context.Context, _ func(string) cluster.Event) (cluster.Reply, error) {
	<-ctx.Done()
	return cluster.Reply{}, ctx.Err()
}
