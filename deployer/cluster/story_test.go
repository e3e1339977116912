package cluster

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"pacer/apps"
)

var update = flag.Bool("update", false, "rewrite the answers of the stories")

// TestStories tells the stories in testdata and compares the answers. A story is
// blocks: comments, then what happens, a line of dashes, then what the core says to
// it. `go test ./deployer/cluster -update` rewrites the answers; read the diff.
//
//	host h1 cpu=4 mem=8192 zone=a rack=r1      a host reports for the first time
//	put /web image=web:1 instances=3 … [force] one app, or several: put /db … , /web …;
//	                                           rollback: it goes back by itself; /old gone: one is deleted
//	scale /web 5 [kill=/web.1] [force]         restart, delete, kill, cancel d1 [revert]
//	pause d1 · resume d1
//	kill /db.1 wipe · wipe /db.1               with its volumes; volumes that nobody holds
//	role shop weight=2 guarantee=2 limit=3     cores; role shop gone: as if never set
//	cordon h1 · drain h1 · forget h1 [wipe]
//	running /web.1 · ready /web · unready …    what hosts report of instances
//	exit /web.1 code=1 · fail … · gone /web.1
//	silent h1 · back h1                        its letters stop, and come again
//	balancer lb1                               joins; it acknowledges with: ack lb1
//	busy lb1 /web.1 · idle lb1 · leaves lb1
//	leader                                     another one takes over from the store
//	job … · schedule … · run … · stop …        see jobs_story_test.go
//	group /shop … · ungroup /shop · groups     see groups_story_test.go
//	more of hosts, apps and what befalls them  see story_words_test.go
//	rebalance [dry] [max=3] · rebalance stop
//	settings placement=pack fairness=tasks     all of them; preemption=on
//	later 31s                                  time in which hosts and balancers beat
//	settle                                     all that starts is ready, all that stops is gone, balancers answer
//	quiet                                      what comes of the lines above is not told
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newStory(t).tell(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(string(text), got); diff != "" {
				t.Errorf("the story goes differently (-told +lived); if that is right: go test ./deployer/cluster -update\n%s", diff)
			}
		})
	}
}

// A story is a State between hosts and balancers that do what they are told, and a
// store.
type story struct {
	t     *testing.T
	s     *State
	now   time.Time
	epoch uint64
	wake  time.Time
	out   []string

	stored    Stored
	rows      map[string]apps.Instance
	hosts     map[string]*storyHost
	balancers map[string]*storyBalancer
	services  map[apps.ID]apps.Service
	names     map[string]string // of instances, for people: /web.1
	ids       map[string]string // the other way
	counts    map[apps.ID]int
	versions  map[apps.ID][]apps.Version
	specs     map[apps.ID]map[apps.Version]*apps.App
	changes   int
	runNames  map[apps.ID]string // of runs, by their app: backup#1
	runCounts map[apps.JobID]int
}

type storyHost struct {
	apps.Report
	runs   map[string]apps.InstanceReport
	silent bool
	has    map[string]string // claims of runs
	data   map[string]bool   // claims with directories here
}

type storyBalancer struct {
	apps.Serving
	served map[apps.ID]apps.Stamp
}

func newStory(t *testing.T) *story {
	st := &story{
		t: t, now: noon, stored: Stored{Cluster: 7}, rows: map[string]apps.Instance{}, hosts: map[string]*storyHost{}, balancers: map[string]*storyBalancer{},
		services: map[apps.ID]apps.Service{}, names: map[string]string{}, ids: map[string]string{}, counts: map[apps.ID]int{},
		runNames: map[apps.ID]string{}, runCounts: map[apps.JobID]int{},
		versions: map[apps.ID][]apps.Version{}, specs: map[apps.ID]map[apps.Version]*apps.App{},
	}
	st.lead()
	st.later(firstHearing) // it has heard who there is: nobody
	return st
}

// lead has a new leader start from what is stored.
func (st *story) lead() {
	st.epoch++
	stored := st.stored
	stored.Instances = nil
	for _, id := range sortedKeys(st.rows) {
		in := st.rows[id]
		stored.Instances = append(stored.Instances, in)
		if spec := st.specs[in.App][in.Version]; spec != nil && !slices.Contains(stored.Apps, spec) && !slices.Contains(stored.Specs, spec) {
			stored.Specs = append(slices.Clone(stored.Specs), spec)
		}
	}
	st.s = New(stored, st.epoch, st.now)
	st.step()
}

func (st *story) tell(text string) string {
	var told strings.Builder
	for _, block := range strings.SplitAfter(text, "\n\n") {
		told.WriteString(st.block(block))
	}
	return told.String()
}

// block lives the lines above the dashes and writes the answers below.
func (st *story) block(text string) string {
	st.out = nil
	said, _, asked := strings.Cut(text, "----\n")
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line == "quiet" {
			st.out = nil
		} else if line != "" && line[0] != '#' {
			st.do(strings.Fields(line))
		}
	}
	if !asked {
		if strings.HasSuffix(said, "\n") && !strings.HasSuffix(said, "\n\n") && len(st.out) > 0 { // the end of the file
			asked = true
		}
	}
	if !asked {
		return text
	}
	out := said + "----\n"
	for _, line := range st.out {
		out += line + "\n"
	}
	if strings.HasSuffix(text, "\n\n") {
		out += "\n"
	}
	return out
}

func (st *story) do(words []string) {
	st.t.Helper()
	verb, args := words[0], words[1:]
	force := slices.Contains(args, "force")
	switch verb {
	case "host":
		h := newStoryHost(args)
		if old := st.hosts[args[0]]; old != nil { // its agent was restarted with other words
			h.runs, h.has, h.data, h.Boot, h.Applied = old.runs, old.has, old.data, old.Boot+1, apps.Stamp{}
		}
		st.hosts[args[0]] = h
		st.report(args[0])
	case "put":
		c := Change{Force: force, Rollback: slices.Contains(args, "rollback")}
		for _, one := range strings.Split(strings.Join(args, " "), " , ") {
			if words := strings.Fields(one); words[0] == "group" {
				c.PutGroups = append(c.PutGroups, st.group(words[1:]))
			} else if words[0] == "ungroup" {
				c.DropGroups = append(c.DropGroups, apps.ID(words[1]))
			} else if slices.Contains(words, "gone") {
				c.Delete = append(c.Delete, apps.ID(words[0]))
			} else {
				c.Put = append(c.Put, PutApp{App: st.spec(words)})
			}
		}
		st.change(c)
	case "scale":
		n, c := st.number(args[1]), Change{Force: force}
		c.Edit = []EditApp{{App: apps.ID(args[0]), Edit: func(old *apps.App) (*apps.App, error) {
			spec := *old
			spec.Instances = n
			return &spec, nil
		}}}
		for _, a := range args[2:] {
			if name, ok := strings.CutPrefix(a, "kill="); ok {
				c.Kill = append(c.Kill, st.instance(name))
			}
		}
		st.change(c)
	case "restart":
		st.change(Change{Restart: []apps.ID{apps.ID(args[0])}, Force: force})
	case "delete":
		c := Change{Force: force}
		for _, id := range args {
			if id != "force" {
				c.Delete = append(c.Delete, apps.ID(id))
			}
		}
		st.change(c)
	case "kill":
		st.step(Kill{Request: "r", Instances: []string{st.instance(args[0])}, Wipe: slices.Contains(args, "wipe")})
	case "role":
		st.role(args)
	case "wipe":
		st.step(Wipe{Request: "r", Claims: []string{st.instance(args[0])}})
	case "cancel":
		st.changes++
		st.step(Cancel{Request: "r", ID: args[0], Revert: slices.Contains(args, "revert"), Deployment: "d" + strconv.Itoa(st.changes)})
	case "pause", "resume":
		st.step(Pause{Request: "r", ID: args[0], On: verb == "pause"})
	case "cordon":
		st.step(Cordon{Request: "r", Host: args[0], On: true})
	case "drain":
		st.step(Drain{Request: "r", Host: args[0], On: true})
	case "forget":
		st.step(Forget{Request: "r", Host: args[0], Wipe: slices.Contains(args, "wipe")})
	case "running", "ready", "unready", "exit", "fail", "gone":
		st.runs(verb, args)
	case "silent":
		st.hosts[args[0]].silent = true
	case "back":
		st.hosts[args[0]].silent = false
		st.report(args[0])
	case "balancer":
		st.balancers[args[0]] = &storyBalancer{Serving: apps.Serving{Balancer: args[0]}, served: map[apps.ID]apps.Stamp{}}
		st.ack(args[0])
	case "ack":
		st.ack(args[0])
	case "busy":
		b := st.balancers[args[0]]
		b.Busy = append(b.Busy, st.instance(args[1]))
		st.ack(args[0])
	case "idle":
		st.balancers[args[0]].Busy = nil
		st.ack(args[0])
	case "leaves":
		b := st.balancers[args[0]]
		delete(st.balancers, args[0])
		b.Revision++
		b.Leaving = true
		st.step(Served{b.Serving})
	case "leader":
		st.lead()
	case "later":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			st.t.Fatal(err)
		}
		st.later(d)
	case "settle":
		st.settle()
	default:
		if st.doJob(verb, args) || st.doGroup(verb, args) || st.doMore(verb, args) || st.doBalance(verb, args) {
			return
		}
		st.t.Fatalf("nothing is known of %q", verb)
	}
}

func newStoryHost(args []string) *storyHost {
	h := &storyHost{runs: map[string]apps.InstanceReport{}, has: map[string]string{}, data: map[string]bool{}}
	h.Boot = 1
	h.Host = apps.Host{Name: args[0], Addr: "10.0.0." + strings.TrimLeft(args[0], "abcdefghijklmnopqrstuvwxyz"), Total: apps.Resources{CPU: 4000, Mem: 8192},
		Ports: []apps.Range{{First: 31000, Last: 31099}}, Attributes: map[string]string{}}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "cpu":
			h.Host.Total.CPU = n * 1000
		case "mem":
			h.Host.Total.Mem = n
		case "zone":
			h.Host.Zone = value
		default:
			if !h.offer(key, value) {
				h.Host.Attributes[key] = value
			}
		}
	}
	return h
}

func (st *story) spec(args []string) *apps.App {
	spec := &apps.App{ID: apps.ID(args[0]), Instances: 1, Needs: apps.Resources{CPU: 1000, Mem: 128}, Network: apps.NetworkBridge,
		Ports: []apps.Port{{Protocol: "tcp", Container: 80}}, Container: &apps.Container{Type: "DOCKER"},
		Upgrade:     apps.Upgrade{HealthyMin: 1, OverMax: 1},
		Backoff:     apps.Backoff{First: time.Second, Factor: 2, Max: time.Minute},
		Unreachable: apps.Unreachable{InactiveAfter: 0, ExpungeAfter: 0},
	}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		f, _ := strconv.ParseFloat(value, 64)
		switch key {
		case "image":
			spec.Container.Image = value
		case "instances":
			spec.Instances = int(f)
		case "cpu":
			spec.Needs.CPU = int64(f * 1000)
		case "mem":
			spec.Needs.Mem = int64(f)
		case "minimumHealthCapacity":
			spec.Upgrade.HealthyMin = f
		case "maximumOverCapacity":
			spec.Upgrade.OverMax = f
		case "depends":
			spec.Dependencies = []apps.ID{apps.ID(value)}
		case "constraint":
			c := strings.Split(value, ":")
			spec.Constraints = append(spec.Constraints, apps.Constraint{Field: c[0], Operator: c[1], Value: strings.Join(c[2:], ":")})
		case "check":
			spec.Checks = []apps.Check{{Protocol: "HTTP", Path: value, FailuresMax: 3}}
		case "volume": // name:MiB
			name, size, _ := strings.Cut(value, ":")
			n, _ := strconv.ParseInt(size, 10, 64)
			spec.Container.Volumes = append(spec.Container.Volumes, apps.Volume{ContainerPath: name, Size: n})
			spec.Upgrade, spec.Unreachable = apps.Upgrade{HealthyMin: 0.5}, apps.Unreachable{Disabled: true}
		case "force", "rollback":
		default:
			if !setting(spec, key, value) {
				st.t.Fatalf("an app has no %q", key)
			}
		}
	}
	return spec
}

func (st *story) role(args []string) {
	if args[1] == "gone" {
		st.step(DropRole{Request: "r", Name: args[0]})
		return
	}
	r := apps.Role{Name: args[0]}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		n := int64(st.number(value)) * 1000
		switch key {
		case "weight":
			r.Weight = n
		case "guarantee":
			r.Guarantee.CPU = n
		case "limit":
			r.Limit.CPU = &n
		}
	}
	st.step(SetRole{Request: "r", Role: r})
}

func (st *story) number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		st.t.Fatal(err)
	}
	return n
}

func (st *story) instance(name string) string {
	if st.ids[name] == "" {
		st.t.Fatalf("there is no instance %s", name)
	}
	return st.ids[name]
}

func (st *story) change(c Change) {
	st.changes++
	c.Request, c.Deployment = "r", "d"+strconv.Itoa(st.changes)
	st.step(c)
}

// runs has hosts report of the instances that args name, by name or by app.
func (st *story) runs(verb string, args []string) {
	code := 0
	touched := map[string]bool{}
	for _, arg := range args {
		if n, ok := strings.CutPrefix(arg, "code="); ok {
			code = st.number(n)
		}
	}
	for _, arg := range args {
		for _, host := range sortedKeys(st.hosts) {
			for _, id := range sortedKeys(st.hosts[host].runs) {
				if name := st.names[id]; name == arg || strings.HasPrefix(name, arg+".") {
					st.hosts[host].set(verb, id, code, st.now)
					touched[host] = true
				}
			}
		}
	}
	if len(touched) == 0 {
		st.t.Fatalf("no host runs any of %v", args)
	}
	for _, host := range sortedKeys(touched) {
		st.report(host)
	}
}

func (h *storyHost) set(verb, id string, code int, now time.Time) {
	run := h.runs[id]
	switch verb {
	case "gone":
		delete(h.runs, id)
		return
	case "exit":
		run.Phase, run.Ready, run.ExitCode, run.Message = apps.PhaseExited, false, code, fmt.Sprintf("exited with code %d", code)
	case "fail":
		run.Phase, run.Ready, run.Message = apps.PhaseFailed, false, "no such image"
	default:
		run.Phase, run.Ready = apps.PhaseRunning, verb == "ready"
		if run.Started.IsZero() {
			run.Started = now
		}
	}
	h.runs[id] = run
}

func (st *story) report(name string) {
	h := st.hosts[name]
	h.Revision++
	r := h.Report
	r.Runs = nil
	for _, id := range sortedKeys(h.runs) {
		r.Runs = append(r.Runs, h.runs[id])
	}
	st.step(Reported{r})
}

func (st *story) ack(name string) {
	b := st.balancers[name]
	b.Revision++
	b.Digest = 0
	letter := b.Serving
	letter.Served = map[apps.ID]apps.Stamp{}
	for id, s := range st.services {
		letter.Served[id] = s.Stamp
		letter.Digest += apps.Digest(id, s.Stamp)
	}
	st.step(Served{letter})
}

// later lets time pass; who is not silent beats every second.
func (st *story) later(d time.Duration) {
	for end := st.now.Add(d); st.now.Before(end); {
		next := st.now.Add(time.Second)
		if !st.wake.IsZero() && st.wake.After(st.now) && st.wake.Before(next) {
			next = st.wake
		}
		if next.After(end) {
			next = end
		}
		st.now = next
		var beats []Event
		for _, name := range sortedKeys(st.hosts) {
			if h := st.hosts[name]; !h.silent {
				r := h.Report
				r.Beat = true
				beats = append(beats, Reported{r})
			}
		}
		for _, name := range sortedKeys(st.balancers) {
			b := st.balancers[name]
			b.Revision++
			letter := b.Serving
			letter.Digest = 1 // it acknowledges nothing new by itself
			beats = append(beats, Served{letter})
		}
		st.step(beats...)
	}
}

// settle does all that hosts and balancers have to do, until nothing happens.
func (st *story) settle() {
	for quiet := 0; quiet < 6; quiet++ {
		if len(st.out) > 10_000 {
			st.t.Fatal("the story does not settle")
		}
		before := len(st.out)
		for _, name := range sortedKeys(st.hosts) {
			h := st.hosts[name]
			if h.silent {
				continue
			}
			for _, id := range sortedKeys(h.runs) {
				switch h.runs[id].Phase {
				case apps.PhaseStarting:
					h.set("ready", id, 0, st.now)
				case apps.PhaseStopping:
					h.set("gone", id, 0, st.now)
				}
			}
			st.report(name)
		}
		for _, name := range sortedKeys(st.balancers) {
			st.ack(name)
		}
		if len(st.out) == before {
			st.later(time.Second)
		}
		if len(st.out) > before {
			quiet = -1
		}
	}
}

// step folds events, has the hosts obey, and notes what the core said.
func (st *story) step(events ...Event) {
	st.t.Helper()
	var fx Effects
	fx, st.wake = st.s.Step(st.now, events)
	if err := st.s.Check(); err != nil {
		st.t.Fatal(err)
	}
	for _, r := range fx.Reply {
		st.note("%s", answer(r))
		st.notePlan(r.Rebalanced)
	}
	st.noteBalance(&fx.Save)
	st.store(&fx.Save)
	for _, s := range fx.Serve {
		if s.Gone {
			delete(st.services, s.App)
			st.note("serve  %s no more", s.App)
			continue
		}
		st.services[s.App] = s
		line := ""
		for _, e := range s.Endpoints {
			line += " " + st.names[e.Instance]
			if e.Suspect {
				line += "?"
			}
		}
		st.note("serve  %s%s", s.App, cmp.Or(line, " nobody"))
	}
	for _, w := range fx.Waits {
		if w.Waiting > 0 && (len(w.Reasons) > 0 || w.Hosts == 0) && !w.Until.After(st.now) {
			st.note("wait   %d of %s, %s", w.Waiting, w.App, w.Sentence())
		}
	}
	for _, a := range fx.Assign {
		st.obey(a)
	}
}

func (st *story) note(format string, args ...any) {
	st.out = append(st.out, fmt.Sprintf(format, args...))
}

func answer(r Reply) string {
	if r.Err == nil {
		return strings.TrimSpace("yes    " + r.Deployment)
	}
	kind, of := "", ""
	if e, ok := r.Err.(*apps.Error); ok {
		kind = [...]string{"internal", "malformed", "invalid", "not found", "conflict", "unavailable", "forbidden"}[e.Kind]
		if len(e.Deployments) > 0 {
			of = " (" + strings.Join(e.Deployments, " ") + ")"
		}
		for _, field := range e.Details {
			of += " (" + field.Path + ": " + strings.Join(field.Errors, " ") + ")"
		}
	}
	return fmt.Sprintf("no     %s%s: %v", kind, of, r.Err)
}

// store keeps what is saved, and tells what of it people care for.
func (st *story) store(c *Changes) {
	for _, id := range c.GoneApps {
		st.stored.Apps = slices.DeleteFunc(slices.Clone(st.stored.Apps), func(a *apps.App) bool { return a.ID == id })
		delete(st.versions, id)
	}
	for _, spec := range c.Apps {
		st.stored.Apps = append(slices.DeleteFunc(slices.Clone(st.stored.Apps), func(a *apps.App) bool { return a.ID == spec.ID }), spec)
		if st.specs[spec.ID] == nil {
			st.specs[spec.ID] = map[apps.Version]*apps.App{}
		}
		st.specs[spec.ID][spec.Version] = spec
		if !slices.Contains(st.versions[spec.ID], spec.ConfigAt) && !spec.Deleted {
			st.versions[spec.ID] = append(st.versions[spec.ID], spec.ConfigAt)
		}
	}
	st.storeGroups(c.Groups)
	for _, h := range c.Hosts {
		i := slices.IndexFunc(st.stored.Hosts, func(o apps.Host) bool { return o.Name == h.Name })
		if i < 0 {
			st.stored.Hosts = append(st.stored.Hosts, h)
		} else if st.stored.Hosts[i].Lost != h.Lost {
			word := map[bool]string{true: "lost   host %s: %s", false: "found  host %s%s"}[h.Lost]
			st.note(word, h.Name, h.Message)
		} else if st.stored.Hosts[i].Silent != h.Silent {
			st.note(map[bool]string{true: "silent host %s", false: "heard  host %s"}[h.Silent], h.Name)
		}
		if i >= 0 {
			st.stored.Hosts = slices.Clone(st.stored.Hosts)
			st.stored.Hosts[i] = h
		}
	}
	for _, name := range c.GoneHosts {
		st.stored.Hosts = slices.DeleteFunc(slices.Clone(st.stored.Hosts), func(o apps.Host) bool { return o.Name == name })
	}
	st.runsMade(c)
	for i := range c.Instances {
		st.row(*c.Instances[i])
	}
	for _, f := range c.Finished {
		if _, known := st.rows[f.ID]; known {
			st.note("gone   %s (%s) %s", st.names[f.ID], f.End, f.Message)
		}
		delete(st.rows, f.ID)
	}
	for _, row := range c.Claims {
		st.claim(row)
	}
	for _, id := range c.GoneClaims {
		st.note("wiped  volumes of %s", st.names[id])
		st.stored.Claims = slices.DeleteFunc(slices.Clone(st.stored.Claims), func(o apps.Claim) bool { return o.ID == id })
	}
	for _, r := range c.Roles {
		st.stored.Roles = append(slices.DeleteFunc(slices.Clone(st.stored.Roles), func(o apps.Role) bool { return o.Name == r.Name }), r)
	}
	for _, name := range c.GoneRoles {
		st.stored.Roles = slices.DeleteFunc(slices.Clone(st.stored.Roles), func(o apps.Role) bool { return o.Name == name })
	}
	for _, d := range c.Deployments {
		st.deployment(d)
	}
	st.storeJobs(c)
	st.stored.Seq += uint64(c.Notices.Len())
	st.stored.Serial = max(st.stored.Serial, c.Serial)
}

func (st *story) row(in apps.Instance) {
	old, known := st.rows[in.ID]
	if !known {
		st.counts[in.App]++
		name := fmt.Sprintf("%s.%d", cmp.Or(st.runNames[in.App], string(in.App)), st.counts[in.App])
		st.names[in.ID], st.ids[name] = name, in.ID
	}
	name := st.names[in.ID]
	st.rows[in.ID] = in
	switch {
	case in.Unreachable && !old.Unreachable:
		st.note("suspect %s on %s", name, in.Host)
	case known && in.State == old.State, in.State == apps.Running:
	case in.State == apps.Waiting && in.NotBefore.After(st.now):
		st.note("backoff %s for %v", name, in.NotBefore.Sub(st.now))
	case in.State == apps.Waiting:
	case in.State == apps.Starting:
		v := st.specs[in.App][in.Version].ConfigAt
		st.note("start  %s on %s version %d", name, in.Host, 1+slices.Index(st.versions[in.App], v))
	case in.State == apps.Draining:
		st.note("drain  %s %s", name, in.Message)
	case in.State == apps.Stopping:
		st.note("stop   %s", name)
	}
}

func (st *story) claim(row apps.Claim) {
	old := apps.Claim{}
	st.stored.Claims = slices.DeleteFunc(slices.Clone(st.stored.Claims), func(o apps.Claim) bool {
		if o.ID == row.ID {
			old = o
		}
		return o.ID == row.ID
	})
	st.stored.Claims = append(st.stored.Claims, row)
	switch {
	case row.Wipe && !old.Wipe:
		st.note("wipe   volumes of %s on %s", st.names[row.ID], row.Host)
	case old.ID == "":
		st.note("claim  %s of %s on %s", strings.Join(row.Paths, " "), st.names[row.ID], row.Host)
	}
}

func (st *story) deployment(d apps.Deployment) {
	running := slices.DeleteFunc(slices.Clone(st.stored.Deployments), func(o apps.Deployment) bool { return o.ID == d.ID })
	old := slices.IndexFunc(st.stored.Deployments, func(o apps.Deployment) bool { return o.ID == d.ID })
	switch {
	case d.State != apps.DeploymentRunning:
		st.note("%s %s", d.ID, strings.TrimSpace(string(d.State)+" "+d.Reason))
	case old < 0 || st.stored.Deployments[old].Step != d.Step:
		line := ""
		for _, a := range d.Steps[d.Step].Actions {
			line += fmt.Sprintf(" %s %s", strings.ToLower(strings.TrimSuffix(string(a.Kind), "Application")), a.App)
		}
		st.note("%s step %d of %d:%s", d.ID, d.Step+1, len(d.Steps), line)
	}
	if d.State == apps.DeploymentRunning {
		running = append(running, d)
	}
	st.stored.Deployments = running
}

// begin starts an instance; nothing else may have its volumes, and what was made once
// must be there.
func (st *story) begin(h *storyHost, in apps.Assigned) {
	h.runs[in.ID] = apps.InstanceReport{ID: in.ID, Phase: apps.PhaseStarting}
	if in.Claim == "" {
		return
	}
	for id, has := range h.has {
		if phase := h.runs[id].Phase; has == in.Claim && phase != "" && phase != apps.PhaseExited && phase != apps.PhaseFailed {
			st.t.Fatalf("%s and %s have the same volumes", st.names[id], st.names[in.ID])
		}
	}
	if in.Made && !h.data[in.Claim] {
		st.t.Fatalf("the data of %s is lost", st.names[in.ID])
	}
	h.has[in.ID], h.data[in.Claim] = in.Claim, true
}

// obey is a host that has taken over an assignment: it starts at once what is new,
// and begins to stop what it shall not run.
func (st *story) obey(a apps.Assignment) {
	h := st.hosts[a.Host]
	if h == nil || h.silent {
		return
	}
	h.Applied = a.Stamp
	wanted := map[string]bool{}
	for _, in := range a.Instances {
		wanted[in.ID] = true
		if _, has := h.runs[in.ID]; !has {
			st.begin(h, in)
		}
	}
	h.Wiped = a.Wipe
	for _, claim := range a.Wipe {
		for id, has := range h.has {
			if phase := h.runs[id].Phase; has == claim && (phase == apps.PhaseStarting || phase == apps.PhaseRunning) {
				st.t.Fatalf("the volumes of %s are wiped under %s", st.names[claim], st.names[id])
			}
		}
		delete(h.data, claim)
	}
	for id, run := range h.runs {
		if !wanted[id] {
			if run.Phase == apps.PhaseExited || run.Phase == apps.PhaseFailed {
				delete(h.runs, id)
				continue
			}
			run.Phase, run.Ready = apps.PhaseStopping, false
			h.runs[id] = run
		}
	}
}
