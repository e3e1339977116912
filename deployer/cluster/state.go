package cluster

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"time"

	"pacer/apps"
	"pacer/deployer/placement"
)

// How long the core waits for others. A beat of agents and balancers comes every
// second.
const (
	hostQuiet       = 2500 * time.Millisecond // then a host gets nothing new: two beats are missing
	hostSilence     = 5 * time.Second         // then a host is lost
	hostGoodbye     = 3 * time.Second         // the same, after its agent said goodbye: it may only restart
	engineSilence   = 5 * time.Second         // then a host whose engine cannot be driven is lost
	balancerSilence = 5 * time.Second         // then a balancer is not waited for
	freshness       = 10 * time.Second        // a new leader waits so long for hosts it knows
	firstHearing    = 3 * time.Second         // a new leader lets nothing finish draining before
	drainMax        = 30 * time.Second        // for requests in flight, once no balancer sends new ones
	resendPause     = 500 * time.Millisecond  // between two equal letters
	drowsy          = 1500 * time.Millisecond // a pause between steps after which hosts are given as long to be heard
	asleep          = 3 * time.Second         // a longer pause between steps was ours, not the hosts'
	steady          = 10 * time.Second        // ready for so long: its death is not a failure to start
)

// State is all the deployer knows. Make one with New; one goroutine owns it.
type State struct {
	epoch    uint64
	cluster  uint64
	serial   uint64 // of the last instance; ids are never reused
	seq      uint64 // of the last notice
	revision uint64 // of the last letter
	began    time.Time
	awake    time.Time // since when no two steps were further apart than drowsy

	deploymentsMax int // running at once
	rations

	apps         map[apps.ID]*app
	instances    register
	hosts        map[string]*host
	balancers    map[string]*balancer
	deployments  map[string]*deployment
	order        []*deployment // running, oldest first
	ports        map[int][]apps.ID
	portsFrom    int // every service port below that can be given out is in use
	board        *placement.Board
	digest       uint64 // over all services
	due          dates
	lost         int // hosts that are lost
	looksMax     int
	surveyed     time.Time       // when hosts were last looked at for those who know why they wait
	keepers      []*app          // that kept their reasons then
	braked       bool            // most hosts are lost
	evident      map[string]bool // instances of which evidence was stored, by id
	evidence     []string        // the same, oldest first
	unbraked     time.Time       // when they were not any more
	jobs         map[apps.JobID]*job
	runs         map[string]*run                    // active, by id
	runsOf       map[apps.JobID][]*run              // the same, oldest first
	followers    map[apps.JobID]map[apps.JobID]bool // jobs that depend on one
	answers      map[string]*apps.Answer            // by key
	answersOrder []string                           // their keys, oldest first

	// What this Step touched. Empty between Steps.
	now       time.Time
	read      time.Time   // what came until then was read
	full      []time.Time // when the last steps were, that were given all they can be at once
	fx        *Effects
	dirty     []*app          // to be reconciled, each once
	dirtyNext []*app          // room for the next round of them
	letters   []*host         // their assignment goes out, each once
	altered   []*host         // to be stored, each once
	serveAt   map[apps.ID]int // where a service is in Effects.Serve
	changed   []*instance     // to be stored, each once; those that are Gone meanwhile are not
	claimed   map[string]*claim
	advanced  map[string]*deployment
	looked    map[string]*deployment // may have come to the end of a step
	asks      bool                   // somebody new waits for a host
	failing   *deployment            // gives its apps back
	waiting   []*instance            // all that are Waiting, in any order; see instance.wait
	unacked   map[string]*instance   // whose service letter balancers may not know yet
	claims    map[string]*claim
	roles     map[string]apps.Role // that were set
	settings  apps.Settings
	callbacks map[string]apps.Callback // by URL
	groups    map[apps.ID]*folder      // "/" is always there
	groupsAt  apps.Version             // the newest version of any group
	unsaved   []*apps.Group            // rows that were missing
	waited    []*app                   // what they wait for may have changed, each once
	many      bool                     // this step makes many instances
	slots     []apps.Instance          // then, room for copies to come
	rooms     []instance               // and for instances
	reports   uint64                   // full reports so far
	written   uint64                   // assignments so far
	held      []placement.Hold         // room for Check
	moving    map[string]*instance     // that have MoveTo, by id

	dueJobs     map[apps.JobID]*job // a schedule may be due, or a dependency have succeeded
	changedJobs map[apps.JobID]*job
	changedRuns map[string]*run
}

type app struct {
	spec      *apps.App   // as accepted; what is wanted, unless its deployment has not come to it yet
	instances []*instance // not Gone, ordered by serial
	holder    *deployment // that has it locked; nil: none
	claims    []*claim    // of its persistent volumes, oldest first; not those to be wiped

	pause       time.Duration // of the backoff; 0: the next failure is the first
	until       time.Time     // nothing starts before
	lastFailure time.Time

	service apps.Service      // the last letter; zero stamp: none in this epoch
	wait    Wait              // as last told
	refusal placement.Refusal // why its instances were refused last
	toldAt  time.Time         // when that was worked out
	told    apps.Version      // the configuration that keeps its reasons in this step; 0: none
	due     time.Time         // its earliest date; zero: none
	noRoom  time.Time         // no host has taken its instances since; zero: one did
	ration                    // of instances to be made
	run     *run              // of a job, that it is the app of; nil: it is an app of a user's

	touched  bool // it is in State.dirty
	reckoned bool // it is in State.waited

	letter    uint64         // the last assignment that names it
	mentioned []apps.Version // those of its versions that are in there
}

type instance struct {
	apps.Instance
	app  *app
	spec *apps.App // of its version
	rev  uint64    // revision of the first assignment with it, or, when Stopping, without it
	serv uint64    // revision of the first service letter with it, or, when Draining, without it
	end  apps.End  // how it will have ended
	wait int       // its place in State.waiting, from 1; 0: it does not wait
	save bool      // it is in State.changed
	next *instance // its successor, while it is being moved
	told uint64    // the number of the last full report that had it

	row   *apps.Instance // room for its first copy, which a notice tells of already; nil: used
	shown *apps.Instance // its last copy of this step
}

type host struct {
	apps.Host
	life    int64  // boot of the newest agent that was heard; letters are for it; 0: none in this epoch
	boot    int64  // of the last full report
	heard   uint64 // revision of the last full report of that boot
	seen    time.Time
	goodbye time.Time // when its agent left; zero: it did not
	down    time.Time // since when its engine cannot be driven; zero: it can
	fresh   bool      // heard in full in this epoch
	strays  bool      // it runs what it should not
	applied apps.Stamp
	rev     uint64 // revision of its present assignment; 0: none in this epoch
	sent    time.Time
	runs    []*instance       // placed here and not Gone; see inOrder
	mixed   bool              // runs is not ordered by serial
	told    []*instance       // in the order of its last full report; some may be gone since
	claims  map[string]*claim // whose volumes are here
	moved   bool              // it has a new revision since this step
	posts   bool              // it is in State.letters
	save    bool              // it is in State.altered
	// fence is the revision that the host must have taken over before it gets anything
	// new; 0: none. What was released without its word might run there again: an old
	// letter that comes late could start it until a newer one is there.
	fence     uint64
	makingWay int       // instances that are leaving it to make way
	closed    string    // as last offered to the board
	offered   bool      // it was
	due       time.Time // its earliest date; zero: none
}

type balancer struct {
	seen   time.Time
	rev    uint64
	acked  map[apps.ID]uint64 // revisions of this epoch
	busy   map[string]bool
	all    uint64    // its table was ours when this was the newest revision
	differ time.Time // since when its digest differs; zero: it does not
}

type deployment struct {
	apps.Deployment
	parts map[apps.ID]part // by app; nil: not made yet
}

// A part is what a deployment does to an app.
type part struct {
	step   int
	action apps.ActionKind
}

// New is the state that a leader starts from.
func New(stored Stored, epoch uint64, now time.Time) *State {
	s := &State{
		epoch: epoch, cluster: stored.Cluster, serial: stored.Serial, seq: stored.Seq, began: now, now: now,
		apps: map[apps.ID]*app{}, hosts: map[string]*host{},
		balancers: map[string]*balancer{}, deployments: map[string]*deployment{}, ports: map[int][]apps.ID{},
		board: placement.NewBoard(), evident: map[string]bool{},
		claims: map[string]*claim{}, moving: map[string]*instance{}, deploymentsMax: cmp.Or(stored.DeploymentsMax, deploymentsMax),
	}
	s.looksMax = looksMax
	s.launchesMax = cmp.Or(stored.LaunchesMax, launchesMax)
	s.begin(now, &Effects{})
	for _, h := range stored.Hosts {
		s.hosts[h.Name] = &host{Host: h, seen: now.Add(freshness - hostSilence), claims: map[string]*claim{}, fence: 1}
		s.offer(s.hosts[h.Name])
		s.atHost(s.hosts[h.Name], now.Add(freshness))
	}
	for _, spec := range stored.Apps {
		s.apps[spec.ID] = &app{spec: spec}
		s.bookPorts(spec)
		s.touch(s.apps[spec.ID])
	}
	s.loadRoles(stored.Roles)
	s.loadCallbacks(stored.Callbacks)
	s.apply(stored.Settings)
	s.loadAnswers(stored.Answers)
	s.loadJobs(stored)
	s.loadGroups(stored.Groups, stored.GroupsAt)
	specs := map[apps.ID]map[apps.Version]*apps.App{}
	for _, spec := range slices.Concat(stored.Apps, stored.Specs) {
		if specs[spec.ID] == nil {
			specs[spec.ID] = map[apps.Version]*apps.App{}
		}
		specs[spec.ID][spec.Version] = spec
	}
	for _, d := range stored.Deployments {
		dep := &deployment{Deployment: d}
		s.deployments[d.ID] = dep
		s.order = append(s.order, dep)
		s.looked[d.ID] = dep
		for id := range d.Old {
			// One that it removed and that was made anew since has another version.
			if a := s.apps[id]; a != nil && a.spec.Version == d.Version {
				a.holder = dep
			}
		}
	}
	instances := slices.SortedFunc(slices.Values(stored.Instances), func(a, b apps.Instance) int { return cmp.Compare(a.Serial, b.Serial) })
	for _, in := range instances {
		a := s.apps[in.App]
		if a == nil {
			panic(fmt.Sprintf("cluster: instance %s of no app", in.ID))
		}
		spec := specs[in.App][in.Version]
		if spec == nil { // its version is older than the versions that are kept
			spec = a.spec
		}
		it := &instance{Instance: in, app: a, spec: spec}
		a.instances = append(a.instances, it)
		s.instances.add(it)
		if in.Host != "" {
			s.settle(it)
		}
		switch in.State {
		case apps.Waiting:
			s.asks = true
			s.await(it)
			s.reckon(a)
			a.until = later(a.until, in.NotBefore) // reconcile sets the date
		case apps.Draining, apps.Stopping:
			it.end = apps.EndStopped
			if in.Preempted {
				it.end = apps.EndPreempted
				s.makeWay(s.hosts[in.Host], +1)
			}
		}
	}
	s.loadMoves()
	for _, row := range stored.Claims {
		s.bookClaim(s.ownClaim(row))
	}
	s.unacked = map[string]*instance{}
	s.lost = s.countLost()
	s.braked = s.lost*2 > len(s.hosts)
	return s
}

// Step folds events into the state and decides. It looks at the sets it has, never
// at counters it kept, so a missed or doubled event cannot skew it. The effects
// own their values: later Steps do not change them.
func (s *State) Step(now time.Time, events []Event) (Effects, time.Time) {
	var fx Effects
	s.begin(now, &fx)
	s.deal()
	for _, ev := range events {
		s.fold(ev)
	}
	s.readAll(len(events))
	s.expire()
	s.fireSlots()
	s.settleAll()
	for first, again := true, true; again; first = false {
		again = s.place(first)
		s.settleAll() // what was placed may have moved a deployment
	}
	s.write()
	wake := s.due.next()
	if s.cut || len(s.hungry) > 0 { // there is more to decide
		wake = now
	}
	if tick := now.Add(time.Second); len(s.hosts)+len(s.balancers) > 0 && (wake.IsZero() || wake.After(tick)) {
		wake = tick // so that a longer pause can only be our own
	}
	s.fx = nil
	return fx, wake
}

// begin opens a step. Time never runs backwards inside, and a pause in which we
// slept is not held against the hosts and balancers that could not be heard.
func (s *State) begin(now time.Time, fx *Effects) {
	if now.Before(s.now) {
		now = s.now
	}
	if gap := now.Sub(s.now); gap > asleep && len(s.hosts)+len(s.balancers) > 0 {
		for _, h := range s.hosts {
			h.seen = h.seen.Add(gap)
			for _, since := range []*time.Time{&h.goodbye, &h.down} {
				if !since.IsZero() {
					*since = since.Add(gap)
				}
			}
		}
		for _, b := range s.balancers {
			b.seen = b.seen.Add(gap)
		}
	}
	if now.Sub(s.now) > drowsy {
		s.awake = now
	}
	s.now, s.fx = now, fx
	if s.advanced == nil {
		s.advanced, s.looked, s.claimed = map[string]*deployment{}, map[string]*deployment{}, map[string]*claim{}
		s.serveAt = map[apps.ID]int{}
	}
}

// settleAll reconciles what was touched until nothing is. Each round moves some
// instance or deployment forward, so it ends; the bound is a broken invariant's alarm.
func (s *State) settleAll() {
	for round := 0; len(s.dirty)+len(s.looked) > 0; round++ {
		if round > 10_000 {
			panic("cluster: reconcile does not come to rest")
		}
		dirty := s.dirty
		s.dirty = s.dirtyNext[:0]
		slices.SortFunc(dirty, byID)
		for _, a := range dirty {
			a.touched = false
			if s.apps[a.spec.ID] != a { // removed in this step, and touched by its last instance before
				continue
			}
			s.reconcile(a)
			s.serve(a)
			s.finishDrains(a)
			if a.holder != nil {
				s.looked[a.holder.ID] = a.holder
			}
		}
		clear(dirty)
		s.dirtyNext = dirty
		s.advance()
	}
}

// write turns what was touched into rows and letters.
func (s *State) write() {
	fx := s.fx
	slices.SortFunc(s.changed, func(a, b *instance) int { return cmp.Compare(a.Serial, b.Serial) })
	for _, in := range s.changed {
		row := s.row(in)
		if in.save = false; in.State != apps.Gone {
			if fx.Save.Instances == nil {
				fx.Save.Instances = make([]*apps.Instance, 0, len(s.changed))
			}
			fx.Save.Instances = append(fx.Save.Instances, row)
		}
	}
	s.many, s.slots, s.rooms = false, nil, nil
	if len(s.unsaved) > 0 {
		fx.Save.Groups = append(s.unsaved, fx.Save.Groups...)
		s.unsaved = nil
	}
	s.writeJobs()
	for _, id := range sortedKeys(s.claimed) {
		fx.Save.Claims = append(fx.Save.Claims, s.claimed[id].Claim)
	}
	clear(s.claimed)
	for _, id := range sortedKeys(s.advanced) {
		fx.Save.Deployments = append(fx.Save.Deployments, s.advanced[id].Deployment)
	}
	s.writeHosts()
	fx.Save.GoneRoles = slices.DeleteFunc(fx.Save.GoneRoles, func(name string) bool { // set again in the same step
		_, set := s.roles[name]
		return set
	})
	clear(s.serveAt)
	s.writeLetters()
	clear(s.changed) // keeps no instance alive
	s.changed = s.changed[:0]
	clear(s.advanced)
}

// writeHosts turns the hosts that were altered into rows. One that was forgotten has
// none; one that was forgotten and came back in the same step is not gone.
func (s *State) writeHosts() {
	save := &s.fx.Save
	for _, h := range s.altered {
		if h.save = false; s.hosts[h.Name] == h {
			save.Hosts = append(save.Hosts, h.Host)
		}
	}
	clear(s.altered)
	s.altered = s.altered[:0]
	save.GoneHosts = slices.DeleteFunc(save.GoneHosts, func(name string) bool {
		return slices.ContainsFunc(save.Hosts, func(h apps.Host) bool { return h.Name == name })
	})
}

// touch has the app reconciled before the step ends.
func (s *State) touch(a *app) {
	if !a.touched {
		a.touched = true
		s.dirty = append(s.dirty, a)
	}
}

func byID(a, b *app) int { return cmp.Compare(a.spec.ID, b.spec.ID) }

// save has the instance stored with this step.
func (s *State) save(in *instance) {
	if in.State != apps.Gone && !in.save {
		in.save = true
		s.changed = append(s.changed, in)
	}
}

// await has the instance asked for when hosts are given out, until settled.
func (s *State) await(in *instance) {
	s.waiting = append(s.waiting, in)
	in.wait = len(s.waiting)
}

// settled takes the instance from those who wait.
func (s *State) settled(in *instance) {
	if in.wait == 0 {
		return
	}
	last := len(s.waiting) - 1
	s.waiting[in.wait-1] = s.waiting[last]
	s.waiting[in.wait-1].wait = in.wait
	s.waiting[last] = nil
	s.waiting, in.wait = s.waiting[:last], 0
}

// settle books an instance on its host and on the board.
func (s *State) settle(in *instance) {
	s.hostOf(in.Host, in.Addr).take(in)
	s.board.Found(in.hold())
}

// hostOf is the host of that name; one that only a row of the store names is lost.
func (s *State) hostOf(name, addr string) *host {
	h := s.hosts[name]
	if h == nil {
		h = &host{Host: apps.Host{Name: name, Addr: addr, Lost: true}, claims: map[string]*claim{}, seen: s.now}
		s.hosts[name] = h
		s.lost++
	}
	return h
}

func (in *instance) hold() placement.Hold {
	return placement.Hold{App: in.spec, Host: in.Host, Role: in.Role, Needs: in.Needs, Ports: in.Ports}
}

// Check verifies what must hold between any two steps; nil when it does.
func (s *State) Check() error {
	holds := s.held[:0]
	waiting := 0
	for _, a := range s.apps {
		for _, in := range a.instances {
			if err := s.checkInstance(in); err != nil {
				return err
			}
			if in.State == apps.Waiting {
				waiting++
			}
			if in.Host != "" {
				holds = append(holds, in.hold())
			}
		}
	}
	for _, c := range s.claims {
		if c.booked {
			holds = append(holds, c.hold())
		}
	}
	if err := cmp.Or(s.checkClaims(), s.checkMoves()); err != nil {
		return err
	}
	if err := s.checkGroups(); err != nil {
		return err
	}
	n, digest, ports := 0, uint64(0), map[int]int{}
	for id, a := range s.apps {
		n += len(a.instances)
		if a.service.Revision > 0 {
			digest += apps.Digest(id, a.service.Stamp)
		}
		for _, p := range a.spec.Ports {
			ports[p.Service]++
		}
		if a.holder != nil && s.deployments[a.holder.ID] != a.holder {
			return fmt.Errorf("%s is held by the deployment %s, which is not running", a.spec.ID, a.holder.ID)
		}
	}
	for i, in := range s.waiting {
		if in.wait != i+1 || in.State != apps.Waiting || s.instances.get(in.ID) != in {
			return fmt.Errorf("%s is among those who wait", in.ID)
		}
	}
	if waiting != len(s.waiting) {
		return fmt.Errorf("%d instances are waiting, %d are known to", waiting, len(s.waiting))
	}
	if n != s.instances.n {
		return fmt.Errorf("%d instances in all, %d by app", s.instances.n, n)
	}
	if digest != s.digest {
		return fmt.Errorf("the digest of all services is %x, recomputed %x", s.digest, digest)
	}
	for port, users := range s.ports {
		if len(users) != ports[port] {
			return fmt.Errorf("service port %d is booked by %v, but %d specs have it", port, users, ports[port])
		}
		delete(ports, port)
	}
	if len(ports) > 0 {
		return fmt.Errorf("service ports that nobody booked: %v", ports)
	}
	for n := servicePortMin; n < s.portsFrom; n++ {
		if len(s.ports[n]) == 0 {
			return fmt.Errorf("service port %d is free, and the search for one begins at %d", n, s.portsFrom)
		}
	}
	if lost := s.countLost(); lost != s.lost {
		return fmt.Errorf("%d hosts are lost, %d are known to be", lost, s.lost)
	}
	s.held = holds
	return s.board.Check(holds)
}

func (s *State) checkInstance(in *instance) error {
	switch {
	case s.instances.get(in.ID) != in:
		return fmt.Errorf("%s is not known by its id", in.ID)
	case in.State == apps.Gone:
		return fmt.Errorf("%s is gone and still known", in.ID)
	case (in.Host == "") != (in.State == apps.Waiting):
		return fmt.Errorf("%s is %s on host %q", in.ID, in.State, in.Host)
	case in.Host != "" && (s.hosts[in.Host] == nil || !slices.Contains(s.hosts[in.Host].runs, in)):
		return fmt.Errorf("%s is not booked on its host %s", in.ID, in.Host)
	}
	return nil
}

// A date is when something is due: an app, a host, a balancer or a job has to be looked at.
type date struct {
	at       time.Time
	app      apps.ID
	host     string
	balancer string
	job      apps.JobID
}

// dates is a heap, the earliest on top.
type dates []date

func (d dates) Len() int           { return len(d) }
func (d dates) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d dates) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dates) Push(x any)        { *d = append(*d, x.(date)) }
func (d *dates) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}

func (d dates) next() time.Time {
	if len(d) == 0 {
		return time.Time{}
	}
	return d[0].at
}

// atApp has the app reconciled at t, or earlier. Of one app, and of one host, only
// the earliest date counts: who is looked at says anew what it waits for.
func (s *State) atApp(a *app, t time.Time) {
	if a.due.IsZero() || t.Before(a.due) {
		a.due = t
		heap.Push(&s.due, date{at: t, app: a.spec.ID})
	}
}

func (s *State) atHost(h *host, t time.Time) {
	if h.due.IsZero() || t.Before(h.due) {
		h.due = t
		heap.Push(&s.due, date{at: t, host: h.Name})
	}
}

func (s *State) atBalancer(name string, t time.Time) {
	heap.Push(&s.due, date{at: t, balancer: name})
}

// expire looks at what is due. It comes when the events were folded: who is silent, its
// letter does not lie among them.
func (s *State) expire() {
	var hosts, balancers []string
	for len(s.due) > 0 && !s.due[0].at.After(s.read) {
		switch d := heap.Pop(&s.due).(date); {
		case d.app != "":
			if a := s.apps[d.app]; a != nil && a.due.Equal(d.at) {
				a.due = time.Time{}
				s.touch(a)
				s.asks = true
			}
		case d.host != "":
			if h := s.hosts[d.host]; h != nil && h.due.Equal(d.at) {
				h.due = time.Time{}
				hosts = append(hosts, d.host)
			}
		case d.balancer != "":
			balancers = append(balancers, d.balancer)
		case d.job != "":
			s.jobDue(d)
		}
	}
	slices.Sort(hosts) // equal dates come in any order
	for _, name := range hosts {
		s.listen(s.hosts[name])
	}
	slices.Sort(balancers)
	for _, name := range slices.Compact(balancers) {
		if b := s.balancers[name]; b != nil {
			s.listenTo(name, b)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
