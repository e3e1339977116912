package cluster

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"pacer/apps"
)

// BenchmarkStepOneChange is one app's scale change in a large cluster: 1,000 hosts
// that run 1,000 apps of 100 instances. Each turn scales one app up by one and down
// again, with the reports of the hosts that are concerned; each Step is timed.
// p50-ns and p99-ns are the times of those Steps on the wall, cpu-… what they took of
// the processor: on a busy machine the two differ.
func BenchmarkStepOneChange(b *testing.B) {
	const hosts, perHost, appsCount = 1000, 100, 1000
	c := newLargeCluster(b, hosts, appsCount, hosts*perHost/appsCount)
	c.scaleOften(b)
	slices.Sort(c.took)
	b.ReportMetric(float64(c.took[len(c.took)/2]), "p50-ns")
	b.ReportMetric(float64(c.took[len(c.took)*99/100]), "p99-ns")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStepBySize is the same change, of an app of 100 instances, in ever larger
// clusters whose hosts run 328 instances each, as 6,100 run two million: its steps, rows
// and letters must not grow. rows and letters are of one scaling up or down from the first
// step to the end of its deployment.
func BenchmarkStepBySize(b *testing.B) {
	for _, instances := range []int{1_000, 10_000, 100_000, 1_000_000, 2_000_000} {
		b.Run(fmt.Sprint(instances), func(b *testing.B) { stepBySize(b, max(instances/328, 3), instances) })
	}
}

// BenchmarkStepByLoad is the same on 6,100 hosts that run ever more: a host's letter names
// all that it runs, so it grows with the host, but not with the cluster.
func BenchmarkStepByLoad(b *testing.B) {
	for _, instances := range []int{1_000, 10_000, 100_000, 1_000_000, 2_000_000} {
		b.Run(fmt.Sprint(instances), func(b *testing.B) { stepBySize(b, 6_100, instances) })
	}
}

func stepBySize(b *testing.B, hosts, instances int) {
	c := newLargeCluster(b, hosts, instances/100, 100)
	c.scaleOften(b)
	b.ReportMetric(float64(c.rows)/float64(2*b.N), "rows")
	b.ReportMetric(float64(c.letters)/float64(2*b.N), "letters")
	b.ReportMetric(0, "ns/op")
}

// scaleOften scales apps up by one and down again, and reports what a step took of the
// processor.
func (c *largeCluster) scaleOften(b *testing.B) {
	runtime.LockOSThread() // for cpuTime
	defer runtime.UnlockOSThread()
	b.ResetTimer()
	for i := range b.N {
		id := c.apps[i*7919%len(c.apps)]
		c.scale(id, +1)
		c.scale(id, -1)
	}
	b.StopTimer()
	slices.Sort(c.cpu)
	b.ReportMetric(float64(c.cpu[len(c.cpu)/2]), "cpu-p50-ns")
	b.ReportMetric(float64(c.cpu[len(c.cpu)*99/100]), "cpu-p99-ns")
}

// TestOneChangeDoesNotScanTheCluster holds the step to its promise, loosely: machines
// differ. The benchmark says how long it takes.
func TestOneChangeDoesNotScanTheCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("loads 20,000 instances")
	}
	c := newLargeCluster(t, 200, 200, 100)
	runtime.LockOSThread() // for cpuTime
	defer runtime.UnlockOSThread()
	for i := range 20 {
		c.scale(c.apps[i], +1)
		c.scale(c.apps[i], -1)
	}
	slices.Sort(c.cpu)
	if median := c.cpu[len(c.cpu)/2]; median > 5*time.Millisecond {
		t.Errorf("a step for one app's change takes %v among 20,000 instances; it must not grow with them", median)
	}
	if err := c.s.Check(); err != nil {
		t.Error(err)
	}
}

type largeCluster struct {
	tb      testing.TB
	s       *State
	now     time.Time
	apps    []apps.ID
	hosts   map[string]*fakeHost
	n       int
	took    []time.Duration // of every Step since it was loaded
	cpu     []time.Duration
	rows    int // since then
	letters int
	lbs     []*apps.Serving
	served  map[apps.ID]apps.Stamp
}

func newLargeCluster(tb testing.TB, hosts, appsCount, each int) *largeCluster {
	c := &largeCluster{tb: tb, now: noon.Add(time.Hour), hosts: map[string]*fakeHost{}, served: map[apps.ID]apps.Stamp{}}
	for _, name := range []string{"lb1", "lb2"} {
		c.lbs = append(c.lbs, &apps.Serving{Balancer: name, Served: map[apps.ID]apps.Stamp{}})
	}
	stored := Stored{Cluster: 7}
	for i := range hosts {
		h := apps.Host{Name: fmt.Sprintf("host%04d", i), Addr: fmt.Sprintf("10.0.%d.%d", i/250, i%250), Total: apps.Resources{CPU: 64_000, Mem: 256_000},
			Ports: []apps.Range{{First: 31000, Last: 31999}}, Zone: "z" + string(rune('a'+i%3)), Since: noon}
		stored.Hosts = append(stored.Hosts, h)
		c.hosts[h.Name] = &fakeHost{Report: apps.Report{Host: h, Boot: 1}, runs: map[string]apps.InstanceReport{}}
	}
	serial := uint64(0)
	for i := range appsCount {
		spec := web(each)
		spec.ID = apps.ID(fmt.Sprintf("/team%02d/app%04d", i%40, i))
		spec.Version = apps.VersionAt(noon)
		spec.ConfigAt, spec.ScaledAt = spec.Version, spec.Version
		spec.Ports[0].Service = 10000 + i
		stored.Apps = append(stored.Apps, spec)
		c.apps = append(c.apps, spec.ID)
		for j := range each {
			serial++
			h := stored.Hosts[(i*each+j*7)%hosts]
			in := apps.Instance{ID: apps.InstanceID(spec.ID, 7, serial), Serial: serial, App: spec.ID, Version: spec.Version, Role: spec.FairRole(), Needs: spec.Needs,
				Host: h.Name, Addr: h.Addr, Ports: []int{31000 + len(c.hosts[h.Name].runs)}, State: apps.Running, Ready: true, WasReady: true, Since: noon, ReadyAt: noon, Started: noon}
			stored.Instances = append(stored.Instances, in)
			c.hosts[h.Name].runs[in.ID] = apps.InstanceReport{ID: in.ID, Phase: apps.PhaseRunning, Ready: true, Started: noon}
		}
	}
	stored.Serial = serial
	c.s = New(stored, 1, c.now)
	c.step()
	for _, name := range sortedKeys(c.hosts) {
		c.report(name)
		c.report(name) // and its receipt
	}
	for range 4 { // it has heard who balances: nobody
		c.now = c.now.Add(time.Second)
		c.beat()
	}
	if n := c.s.instances.n; n != appsCount*each {
		tb.Fatalf("%d instances are loaded, want %d", n, appsCount*each)
	}
	c.took, c.cpu, c.rows, c.letters = nil, nil, 0, 0
	return c
}

func (c *largeCluster) step(events ...Event) {
	begun, cpu := time.Now(), cpuTime()
	fx, _ := c.s.Step(c.now, events)
	c.took, c.cpu = append(c.took, time.Since(begun)), append(c.cpu, cpuTime()-cpu)
	c.rows += len(fx.Save.Apps) + len(fx.Save.Instances) + len(fx.Save.Finished) + len(fx.Save.Deployments) + fx.Save.Notices.Len()
	c.letters += len(fx.Assign) + len(fx.Serve)
	c.now = c.now.Add(time.Millisecond)
	for _, a := range fx.Assign {
		h := c.hosts[a.Host]
		h.Applied = a.Stamp
		wanted := map[string]bool{}
		for _, in := range a.Instances {
			wanted[in.ID] = true
			if _, has := h.runs[in.ID]; !has {
				h.runs[in.ID] = apps.InstanceReport{ID: in.ID, Phase: apps.PhaseRunning, Ready: true, Started: c.now}
			}
		}
		for id := range h.runs {
			if !wanted[id] {
				delete(h.runs, id)
			}
		}
		h.moved = true
	}
	for _, s := range fx.Serve {
		for _, b := range c.lbs {
			b.Digest += apps.Digest(s.App, s.Stamp) - apps.Digest(s.App, c.served[s.App])
			b.Served[s.App] = s.Stamp
		}
		c.served[s.App] = s.Stamp
	}
}

// acknowledge has the balancers say what they serve now.
func (c *largeCluster) acknowledge() {
	for _, b := range c.lbs {
		b.Revision++
		letter := *b
		b.Served = map[apps.ID]apps.Stamp{}
		c.step(Served{letter})
	}
}

func (c *largeCluster) report(name string) {
	h := c.hosts[name]
	h.Revision++
	h.moved = false
	r := h.Report
	r.Runs = make([]apps.InstanceReport, 0, len(h.runs))
	for _, id := range sortedKeys(h.runs) {
		r.Runs = append(r.Runs, h.runs[id])
	}
	c.step(Reported{r})
}

// beat keeps all hosts alive.
func (c *largeCluster) beat() {
	var beats []Event
	for _, name := range sortedKeys(c.hosts) {
		r := c.hosts[name].Report
		r.Beat = true
		beats = append(beats, Reported{r})
	}
	c.s.Step(c.now, beats)
	c.acknowledge()
	c.now = c.now.Add(time.Millisecond)
}

// scale changes one app's count and brings what the hosts say to it, until its
// deployment has ended.
func (c *largeCluster) scale(id apps.ID, by int) {
	c.n++
	if c.n%100 == 0 {
		c.beat()
	}
	c.step(Change{Deployment: fmt.Sprint("d", c.n), Edit: []EditApp{{App: id, Edit: func(old *apps.App) (*apps.App, error) {
		spec := *old
		spec.Instances += by
		return &spec, nil
	}}}})
	for round := 0; len(c.s.deployments) > 0; round++ {
		if round > 10 {
			c.tb.Fatalf("the deployment of %s does not end: %+v", id, c.s.order[0].Deployment)
		}
		for _, name := range sortedKeys(c.hosts) {
			if c.hosts[name].moved {
				c.report(name)
			}
		}
		c.acknowledge()
	}
}
