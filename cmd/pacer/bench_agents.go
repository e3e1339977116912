package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"pacer/apps"
	"pacer/bus"
	"pacer/deployer"
	"pacer/deployer/cluster"
	"pacer/store"
)

type agentsBench struct {
	size     benchSize
	beats    time.Duration // how long they are watched
	victims  int           // hosts that fall silent, and as many that crash
	postgres string
	profile  string        // where the launch's use of processors is written; empty: nowhere
	patience time.Duration // with any one thing
}

// benchAgents runs a leader with a NATS server and a store, connects pretended hosts to
// it from another process, and measures what they cost and how long things take.
func benchAgents(ctx context.Context, out io.Writer, b agentsBench) error {
	if b.size.hosts < 1 || b.size.instances < 0 || b.size.apps < 1 || 2*b.victims >= b.size.hosts {
		return fmt.Errorf("there must be hosts and apps, and more hosts than twice --victims")
	}
	l, err := newBenchLeader(ctx, b.postgres)
	if err != nil {
		return err
	}
	defer l.close()
	hosts, err := startHosts(ctx, l.url(), b.size.hosts)
	if err != nil {
		return err
	}
	defer hosts.close()
	if err := l.lead(ctx); err != nil {
		return err
	}
	r := agentsRun{agentsBench: b, leader: l, hosts: hosts, out: out}
	for _, part := range []func(context.Context) error{r.meet, r.beat, r.launch, r.succeed, r.beat, r.silence, r.crash} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// An agentsRun goes through the parts of the benchmark.
type agentsRun struct {
	agentsBench
	leader *benchLeader
	hosts  *hostsProcess
	out    io.Writer
}

func (r *agentsRun) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// await waits until something is so.
func (r *agentsRun) await(ctx context.Context, what string, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	for !so() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %v", what, r.patience)
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// meet waits until all hosts are known and have had their first letter.
func (r *agentsRun) meet(ctx context.Context) error {
	begun := time.Now()
	err := r.await(ctx, "all hosts are known", func() bool { return r.leader.letters() >= r.size.hosts && r.leader.behind() == 0 })
	r.say("%d hosts, each with a connection of its own, known after %s", r.size.hosts, short(time.Since(begun)))
	return err
}

// beat measures what the signs of life cost.
func (r *agentsRun) beat(ctx context.Context) error {
	if r.beats == 0 {
		return nil
	}
	before, clients, heard, begun := cpuSelf(), cpuOf(r.hosts.cmd.Process.Pid), r.leader.reports(), time.Now()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(r.beats):
	}
	took := time.Since(begun)
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / took.Seconds() }
	r.say("%.0f letters a second: NATS and leader take %.0f %% of a core and %d MiB, the hosts' own process %.0f %%", float64(r.leader.reports()-heard)/took.Seconds(),
		share(cpuSelf()-before), residentMiB(), share(cpuOf(r.hosts.cmd.Process.Pid)-clients))
	return nil
}

// launch asks for all instances by one change.
func (r *agentsRun) launch(ctx context.Context) error {
	if r.size.instances == 0 {
		return nil
	}
	change := cluster.Change{Deployment: "bench"}
	for _, app := range benchApps(r.size) {
		change.Put = append(change.Put, cluster.PutApp{App: app, New: true})
	}
	ended, err := profiled(r.profile)
	if err != nil {
		return err
	}
	defer ended()
	cpu, begun := cpuSelf(), time.Now()
	if err := r.leader.submit(ctx, change, r.patience); err != nil {
		return err
	}
	// A letter goes out when what it says is durable.
	if err := r.await(ctx, "all have a host", func() bool { return r.leader.assigned() >= r.size.instances }); err != nil {
		return err
	}
	r.say("%d instances decided and durable after %s", r.size.instances, short(time.Since(begun)))
	if err := r.await(ctx, "every host has its letter", func() bool { return r.leader.behind() == 0 }); err != nil {
		return err
	}
	r.say("assigned to their hosts and acknowledged by all of them after %s, with %s of CPU of NATS and leader", short(time.Since(begun)), short(cpuSelf()-cpu))
	led := true
	err = r.await(ctx, "the deployment ends", func() bool {
		v := r.leader.view()
		led = v != nil
		return !led || len(v.Deployments()) == 0
	})
	if !led {
		return errors.New("the leader lost its lease")
	}
	if err != nil {
		return err
	}
	r.say("all reported running, which is durable too, after %s, with %s of CPU", short(time.Since(begun)), short(cpuSelf()-cpu))
	return nil
}

// profiled writes what takes this process's processors into a file, until ended.
func profiled(path string) (ended func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

// succeed puts a new leader in the place of the old one and waits until it has done what
// it was asked: one more instance, which its host has acknowledged.
func (r *agentsRun) succeed(ctx context.Context) error {
	if r.size.instances == 0 {
		return nil
	}
	r.leader.resign()
	begun := time.Now()
	if err := r.leader.lead(ctx); err != nil {
		return err
	}
	r.say("a new leader has loaded %d instances after %s", r.size.instances, short(time.Since(begun)))
	id := r.leader.view().Apps()[0].ID
	wanted := 0
	err := r.leader.submit(ctx, cluster.Change{Deployment: "one more", Edit: []cluster.EditApp{{App: id, Edit: func(old *apps.App) (*apps.App, error) {
		spec := *old
		spec.Instances++
		wanted = spec.Instances
		return &spec, nil
	}}}}, r.patience)
	if err != nil {
		return err
	}
	r.say("it has answered a request after %s", short(time.Since(begun)))
	running := func() (n int) {
		for _, in := range r.leader.view().InstancesOf(id) {
			if in.State >= apps.Starting && in.Host != "" {
				n++
			}
		}
		return n
	}
	if err := r.await(ctx, "the new leader acts", func() bool { return running() == wanted }); err != nil {
		return err
	}
	r.say("and carried it out, on what the hosts say, after %s", short(time.Since(begun)))
	return r.await(ctx, "every host has answered the new leader", func() bool { return r.leader.letters() >= r.size.hosts && r.leader.behind() == 0 })
}

// silence has hosts say nothing more, and waits until each is told to be silent.
func (r *agentsRun) silence(ctx context.Context) error {
	if r.victims == 0 {
		return nil
	}
	notices, cancel := r.leader.now().Subscribe()
	defer cancel()
	since, err := r.hosts.order("silence", r.victims)
	if err != nil {
		return err
	}
	var took []time.Duration
	deadline := time.After(r.patience)
	for len(took) < len(since) {
		select {
		case n, open := <-notices:
			if at, silent := since[n.Host]; silent && n.Type == "pacer_host_silent" {
				took = append(took, time.Since(at))
			}
			if !open {
				return errors.New("the notices broke off")
			}
		case <-deadline:
			return fmt.Errorf("%d silent hosts were not noticed within %v", len(since)-len(took), r.patience)
		}
	}
	r.say("a host that falls silent is known to be, and gets nothing new, after %s", spread(took))
	return nil
}

// crash cuts hosts' connections, and waits until the leader hears of each.
func (r *agentsRun) crash(ctx context.Context) error {
	if r.victims == 0 {
		return nil
	}
	since, err := r.hosts.order("crash", r.victims)
	if err != nil {
		return err
	}
	var took []time.Duration
	err = r.await(ctx, "crashed agents are noticed", func() bool {
		took = took[:0]
		for host, at := range since {
			if left, gone := r.leader.leftAt(host); gone {
				took = append(took, left.Sub(at))
			}
		}
		return len(took) == len(since)
	})
	if err != nil {
		return err
	}
	r.say("an agent whose connection is gone is known to be after %s", spread(took))
	return nil
}

func short(d time.Duration) time.Duration { return d.Round(d / 100).Round(10 * time.Microsecond) }

// spread is the median, the 99th percentile and the most.
func spread(took []time.Duration) string {
	slices.Sort(took)
	n := len(took)
	return fmt.Sprintf("%s (median), %s (p99), %s (most) of %d", short(took[n/2]), short(took[n*99/100]), short(took[n-1]), n)
}

// A benchLeader is what a server runs of the control plane, but for the API.
type benchLeader struct {
	dir  string
	db   *store.DB
	nats *bus.Server
	conn *bus.Conn

	mu        sync.Mutex
	deployer  *deployer.Deployer
	stop      func()
	heard     int
	sent      map[string]apps.Stamp // by host: its newest letter
	given     map[string]int        // instances in there
	instances int                   // in all of them
	waits     map[string]bool       // hosts that have not acknowledged it
	left      map[string]time.Time
}

func newBenchLeader(ctx context.Context, postgres string) (l *benchLeader, err error) {
	l = &benchLeader{stop: func() {}, sent: map[string]apps.Stamp{}, given: map[string]int{}, waits: map[string]bool{}, left: map[string]time.Time{}}
	made := l // a return without it is one that failed
	defer func() {
		if err != nil {
			made.close()
		}
	}()
	if l.dir, err = os.MkdirTemp("", "pacer-bench"); err != nil {
		return nil, err
	}
	if l.db, err = store.Open(ctx, cmp.Or(postgres, "sqlite:"+filepath.Join(l.dir, "pacer.db"))); err != nil {
		return nil, err
	}
	if stored, err := l.db.Load(ctx); err != nil || len(stored.Apps)+len(stored.Hosts) > 0 {
		return nil, cmp.Or(err, errors.New("the database is in use: the benchmark wants an empty one"))
	}
	if l.nats, err = bus.Embedded(bus.ServerConfig{Name: "bench", Listen: "127.0.0.1:0"}); err != nil {
		return nil, err
	}
	if l.conn, err = l.nats.Connect(ctx, "bench"); err != nil {
		return nil, err
	}
	_, errReports := l.conn.OnReport(l.reported)
	_, errLeft := l.conn.OnLeft(l.gone)
	return l, errors.Join(errReports, errLeft)
}

func (l *benchLeader) url() string { return "nats://" + l.nats.Addr() }

func (l *benchLeader) close() {
	l.stop()
	if l.conn != nil {
		l.conn.Close()
	}
	if l.nats != nil {
		l.nats.Shutdown()
	}
	if l.db != nil {
		_ = l.db.Close()
	}
	_ = os.RemoveAll(l.dir)
}

// lead starts a deployer and returns when it leads.
func (l *benchLeader) lead(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	d := deployer.New(deployer.Config{Name: "bench", Store: l.db, Post: l, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.Run(ctx)
	}()
	l.mu.Lock()
	l.deployer, l.stop = d, func() { cancel(); <-ended }
	clear(l.sent)
	clear(l.given)
	l.instances = 0
	clear(l.waits)
	l.mu.Unlock()
	for d.View() == nil {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func (l *benchLeader) resign() {
	l.stop()
	l.stop = func() {}
}

func (l *benchLeader) now() *deployer.Deployer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deployer
}

func (l *benchLeader) view() *deployer.View { return l.now().View() }

func (l *benchLeader) submit(ctx context.Context, c cluster.Change, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := l.now().Submit(ctx, func(request string) cluster.Event {
		c.Request = request
		return c
	})
	return err
}

// reported takes a host's letter, and notes whether it is a receipt.
func (l *benchLeader) reported(r apps.Report) {
	l.mu.Lock()
	l.heard++
	if sent, ok := l.sent[r.Host.Name]; ok && r.Applied == sent {
		delete(l.waits, r.Host.Name)
	}
	d := l.deployer
	l.mu.Unlock()
	if d != nil {
		d.Tell(cluster.Reported{Report: r})
	}
}

func (l *benchLeader) gone(left bus.Left) {
	l.mu.Lock()
	if _, known := l.left[left.Host]; !known {
		l.left[left.Host] = time.Now()
	}
	d := l.deployer
	l.mu.Unlock()
	if d != nil {
		d.Tell(cluster.Left(left))
	}
}

// SendAssign and the others make it the deployer's post.
func (l *benchLeader) SendAssign(a apps.Assignment) error {
	l.mu.Lock()
	if l.sent[a.Host] != a.Stamp {
		l.sent[a.Host], l.waits[a.Host] = a.Stamp, true
		l.instances += len(a.Instances) - l.given[a.Host]
		l.given[a.Host] = len(a.Instances)
	}
	l.mu.Unlock()
	return l.conn.SendAssign(a)
}

// SendService sends a service.
func (l *benchLeader) SendService(s apps.Service) error { return l.conn.SendService(s) }

// SendRoster sends a roster.
func (l *benchLeader) SendRoster(r apps.Roster) error { return l.conn.SendRoster(r) }

// SendAddresses sends where the cluster answers.
func (l *benchLeader) SendAddresses(a apps.Addresses) error { return l.conn.SendAddresses(a) }

// SendServer sends that a server lives.
func (l *benchLeader) SendServer(s apps.Server) error { return l.conn.SendServer(s) }

// reports is how many came so far, letters how many hosts were sent one, behind how many
// have not acknowledged it.
func (l *benchLeader) reports() int { l.mu.Lock(); defer l.mu.Unlock(); return l.heard }

func (l *benchLeader) letters() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.sent) }

// assigned is how many instances the newest letters name.
func (l *benchLeader) assigned() int { l.mu.Lock(); defer l.mu.Unlock(); return l.instances }

func (l *benchLeader) behind() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.waits) }

func (l *benchLeader) leftAt(host string) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, gone := l.left[host]
	return at, gone
}

// A hostsProcess is the process that pretends the hosts.
type hostsProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startHosts(ctx context.Context, url string, n int) (*hostsProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "bench", "hosts", "--nats", url, "--hosts", strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	h := &hostsProcess{cmd: cmd, in: in, out: bufio.NewScanner(out)}
	if !h.out.Scan() || h.out.Text() != "ready" {
		h.close()
		return nil, fmt.Errorf("the hosts are not ready: %q", h.out.Text())
	}
	return h, nil
}

// order has something done to n hosts, and says when it was.
func (h *hostsProcess) order(verb string, n int) (map[string]time.Time, error) {
	if _, err := fmt.Fprintln(h.in, verb, n); err != nil {
		return nil, err
	}
	at := map[string]time.Time{}
	for range n {
		if !h.out.Scan() {
			return nil, errors.New("the hosts have ended")
		}
		nanos, host, _ := strings.Cut(h.out.Text(), " ")
		t, err := strconv.ParseInt(nanos, 10, 64)
		if err != nil {
			return nil, err
		}
		at[host] = time.Unix(0, t)
	}
	return at, nil
}

func (h *hostsProcess) close() {
	_ = h.in.Close()
	_ = h.cmd.Wait()
}

// cpuSelf is what this process has taken of processors so far.
func cpuSelf() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cpuOf is the same of another process, where /proc tells it.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// residentMiB is the memory of this process, where /proc tells it.
func residentMiB() int {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.Atoi(fields[0])
	return kib / 1024
}
