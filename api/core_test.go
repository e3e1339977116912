package api

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// A platform is the real core, committed to a ledger, with hosts that do at once
// what they are told. Its clock is its own: time passes when settle says so.
type platform struct {
	*ledger

	step  sync.Mutex // held for a step and its consequences
	state *cluster.State
	now   time.Time
	hosts map[string]*pretendHost
	slow  bool // instances come up only as far as Starting
}

type pretendHost struct {
	report apps.Report
	specs  map[apps.ID]map[apps.Version]*apps.App
}

func newPlatform(t testing.TB, hosts ...string) *platform {
	t.Helper()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	p := &platform{ledger: newLedger(), now: now, hosts: map[string]*pretendHost{}, state: cluster.New(cluster.Stored{Cluster: 1}, 1, now)}
	p.steady = true
	p.step.Lock()
	defer p.step.Unlock()
	p.turn(nil)
	for i, name := range hosts {
		p.hosts[name] = &pretendHost{report: apps.Report{Boot: 1, Host: apps.Host{
			Name: name, Addr: fmt.Sprintf("127.0.1.%d", i+1), Total: apps.Resources{CPU: 8000, Mem: 16384, Disk: 100000}, Ports: []apps.Range{{First: 31000, Last: 32000}},
		}}}
	}
	p.reportAll()
	return p
}

// turn steps the core with events until the hosts have nothing new to say.
func (p *platform) turn(events []cluster.Event) (replies []cluster.Reply) {
	for range 1000 {
		fx, _ := p.state.Step(p.now, events)
		if err := p.state.Check(); err != nil {
			panic(err)
		}
		p.apply(fx)
		replies = append(replies, fx.Reply...)
		events = nil
		for _, letter := range fx.Assign {
			if h := p.hosts[letter.Host]; h != nil {
				events = append(events, cluster.Reported{Report: h.obey(letter, p.now, p.slow)})
			}
		}
		if len(events) == 0 {
			return replies
		}
	}
	panic("the platform does not come to rest")
}

func (p *platform) reportAll() {
	var events []cluster.Event
	for _, h := range p.hosts {
		h.report.Revision++
		events = append(events, cluster.Reported{Report: h.report})
	}
	p.turn(events)
}

// obey is a host that does what it is told, and its report of it.
func (h *pretendHost) obey(letter apps.Assignment, now time.Time, slow bool) apps.Report {
	r := h.report
	r.Revision++
	r.Applied = letter.Stamp
	r.Runs, r.Wiped = nil, letter.Wipe
	for _, a := range letter.Instances {
		i := slices.IndexFunc(letter.Specs, func(spec *apps.App) bool { return spec.ID == a.App && spec.Version == a.Version })
		spec := letter.Specs[i]
		run := apps.InstanceReport{ID: a.ID, Phase: apps.PhaseRunning, Ready: true, IP: "172.17.0.2", Started: now, Needs: spec.Needs}
		for range spec.Checks {
			run.Health = append(run.Health, apps.Health{Known: true, Alive: true, FirstSuccess: now, LastSuccess: now})
		}
		if slow {
			run = apps.InstanceReport{ID: a.ID, Phase: apps.PhaseStarting, Needs: spec.Needs}
		}
		for _, before := range h.report.Runs { // what ran runs on as it did
			if before.ID == a.ID && before.Phase == apps.PhaseRunning {
				run = before
			}
		}
		r.Runs = append(r.Runs, run)
	}
	h.report = r
	return r
}

// Submit is the deployer's, without its loop.
func (p *platform) Submit(_ context.Context, newEvent func(string) cluster.Event) (cluster.Reply, error) {
	p.step.Lock()
	defer p.step.Unlock()
	p.now = p.now.Add(time.Millisecond)
	for _, reply := range p.turn([]cluster.Event{newEvent("r1")}) {
		if reply.Request == "r1" {
			return reply, nil
		}
	}
	panic("the core did not reply")
}

// settle lets a minute pass, second by second.
func (p *platform) settle() {
	p.step.Lock()
	defer p.step.Unlock()
	for range 60 {
		p.now = p.now.Add(time.Second)
		p.reportAll()
	}
}

func (p *platform) setSlow(slow bool) {
	p.step.Lock()
	defer p.step.Unlock()
	p.slow = slow
	if !slow {
		for _, h := range p.hosts { // what was held back comes up
			for i, run := range h.report.Runs {
				if run.Phase == apps.PhaseStarting {
					h.report.Runs[i] = apps.InstanceReport{ID: run.ID, Phase: apps.PhaseRunning, Ready: true, IP: "172.17.0.2", Started: p.now, Needs: run.Needs}
				}
			}
		}
	}
}

func (p *platform) config() Config {
	c := p.ledger.config()
	c.Deployer = p
	return c
}

// View must not be seen between a step and its consequences.
func (p *platform) View() View {
	if v := p.ledger.View(); v == nil {
		return nil
	}
	return p
}

// What changes from run to run, and its name in a table.
var unsteady = []struct {
	form *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`instance-[0-9a-f]{8}-[0-9a-f-]{27}`), "instance-N"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|\+0000)`), "TIME"},
	{regexp.MustCompile(`\b\d{14}[0-9a-z]{5}\b`), "RUN"},
	{regexp.MustCompile(`_\d{14}[0-9a-z]{5}\.`), "_RUN."},
}

func steadied(text string) string {
	for _, u := range unsteady {
		text = u.form.ReplaceAllString(text, u.name)
	}
	return text
}
