package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pacer/apps"
)

// An engine in memory. Its calls take the given times, or hang until their
// deadline.
type engine struct {
	mu      sync.Mutex
	boxes   map[string]Container
	down    error
	broke   chan struct{} // closed: the event stream breaks
	watcher func(Container)
	calls   []string

	pull, stop  time.Duration
	code        int           // of every command
	stuckLogs   bool          // Logs never end by themselves
	hanging     bool          // calls but Watch answer only when their context ends
	mostStarts  int           // that ran at once
	starts      int           // that run now
	pullCutNote chan struct{} // closed when a pull is given up
}

func newEngine() *engine {
	return &engine{boxes: map[string]Container{}}
}

var errAway = errors.New("cannot connect to the Docker daemon")

func (e *engine) call(ctx context.Context, name string) error {
	e.mu.Lock()
	e.calls = append(e.calls, name)
	down, hanging := e.down, e.hanging
	e.mu.Unlock()
	if hanging {
		<-ctx.Done()
		return ctx.Err()
	}
	return down
}

func (e *engine) Info(ctx context.Context) (apps.Host, error) {
	return apps.Host{Total: apps.Resources{CPU: 2000, Mem: 8192}, Engine: "29.0"}, e.call(ctx, "info")
}

func (e *engine) List(ctx context.Context) ([]Container, error) {
	if err := e.call(ctx, "list"); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var cs []Container
	for _, c := range e.boxes {
		cs = append(cs, c)
	}
	return cs, nil
}

func (e *engine) Watch(ctx context.Context, connected func(), changed func(Container)) error {
	e.mu.Lock()
	down, broke := e.down, e.broke
	e.watcher = changed
	e.mu.Unlock()
	if down != nil {
		return down
	}
	connected()
	select {
	case <-broke:
		return errors.New("unexpected EOF")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *engine) Start(ctx context.Context, l Launch) (Container, bool, error) {
	if err := e.call(ctx, "start "+l.Instance); err != nil {
		return Container{}, true, err
	}
	e.mu.Lock()
	e.starts++
	e.mostStarts = max(e.mostStarts, e.starts)
	e.mu.Unlock()
	defer func() { e.mu.Lock(); e.starts--; e.mu.Unlock() }()
	select {
	case <-time.After(e.pull):
	case <-ctx.Done():
		close(e.pullCutNote)
		return Container{}, true, context.Cause(ctx)
	}
	c := Container{Instance: l.Instance, App: l.App.ID, Epoch: l.Epoch, Running: true, Started: time.Now(), IP: "172.17.0.2", Needs: l.App.Needs}
	e.put(c)
	return c, false, nil
}

func (e *engine) put(c Container) {
	e.mu.Lock()
	e.boxes[c.Instance] = c
	watcher := e.watcher
	e.mu.Unlock()
	if watcher != nil {
		watcher(c)
	}
}

func (e *engine) Stop(ctx context.Context, instance string, grace time.Duration) error {
	if err := e.call(ctx, "stop "+instance); err != nil {
		return err
	}
	select {
	case <-time.After(e.stop):
	case <-ctx.Done():
		return ctx.Err()
	}
	e.mu.Lock()
	c, ok := e.boxes[instance]
	e.mu.Unlock()
	if ok {
		c.Running, c.ExitCode = false, 143
		e.put(c)
	}
	return nil
}

func (e *engine) Remove(ctx context.Context, instance string) error {
	if err := e.call(ctx, "remove "+instance); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.boxes, instance)
	return nil
}

func (e *engine) Wipe(ctx context.Context, claim string) error { return e.call(ctx, "wipe "+claim) }

func (e *engine) Exec(ctx context.Context, instance, command string) (int, string, error) {
	if err := e.call(ctx, "exec "+instance); err != nil {
		return 0, "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.code, "", nil
}

func (e *engine) Logs(ctx context.Context, instance string, tail int, follow bool, stdout, stderr io.Writer) error {
	if err := e.call(ctx, fmt.Sprintf("logs %s tail=%d follow=%v", instance, tail, follow)); err != nil {
		return err
	}
	_, _ = io.WriteString(stdout, "starting\n")
	_, _ = io.WriteString(stderr, "something broke\n")
	if e.stuckLogs {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// set changes the engine under its lock.
func (e *engine) set(f func()) { e.mu.Lock(); defer e.mu.Unlock(); f() }

// goAway breaks everything; comeBack mends it.
func (e *engine) goAway() {
	e.set(func() { e.down = errAway; close(e.broke); e.watcher = nil })
}

func (e *engine) comeBack() {
	e.set(func() { e.down = nil; e.broke = make(chan struct{}) })
}

func (e *engine) ids() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var ids []string
	for id := range e.boxes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// A mailbox keeps every report.
type mailbox struct {
	mu  sync.Mutex
	all []apps.Report
}

func (m *mailbox) Report(r apps.Report) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, r)
	return nil
}

// count is how many reports came.
func (m *mailbox) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.all)
}

// full is the newest full report.
func (m *mailbox) full(t *testing.T) apps.Report {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range slices.Backward(m.all) {
		if !r.Beat {
			return r
		}
	}
	t.Fatal("want a report, got none")
	panic("unreachable")
}

// phases are those of the newest full report, by instance.
func (m *mailbox) phases(t *testing.T) map[string]apps.Phase {
	t.Helper()
	got := map[string]apps.Phase{}
	for _, r := range m.full(t).Runs {
		got[r.ID] = r.Phase
	}
	return got
}

// inBubble runs an agent on e in fake time and ends it when f returns.
func inBubble(t *testing.T, e *engine, f func(a *Agent, m *mailbox)) {
	synctest.Test(t, func(t *testing.T) {
		m := &mailbox{}
		e.broke, e.pullCutNote = make(chan struct{}), make(chan struct{}) // channels belong to one bubble
		a, err := New(Config{Host: apps.Host{Name: "h1", Addr: "127.0.0.1"}, Runtime: e, Post: m, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		synctest.Wait()
		f(a, m)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("want the reason why it ended, got %v", err)
		}
	})
}

// after lets fake time pass until all is done that d brings.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAnAgentSaysWhatItsHostHasFirst(t *testing.T) {
	inBubble(t, newEngine(), func(a *Agent, m *mailbox) {
		r := m.full(t)
		if m.count() != 1 || r.Down != "" || r.Host.Name != "h1" || r.Host.Addr != "127.0.0.1" || r.Host.Total.CPU != 2000 || r.Host.Engine != "29.0" || r.Boot == 0 {
			t.Fatalf("want name and address as configured and the rest from the engine, got %+v", r)
		}
	})
}

func TestAnAssignmentRunsAndIsReported(t *testing.T) {
	e := newEngine()
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(1, web, "w1", "w2").Assignment)
		after(0)
		if got := m.full(t); len(got.Runs) != 2 || !got.Runs[0].Ready || !got.Runs[1].Ready {
			t.Fatalf("want both ready, got %+v", got.Runs)
		}
		a.Assigned(letter(2, web, "w2").Assignment)
		after(0)
		if got := e.ids(); !slices.Equal(got, []string{"w2"}) {
			t.Fatalf("want w2 alone in the engine, got %v", got)
		}
		if got := m.phases(t); len(got) != 1 || got["w2"] != apps.PhaseRunning {
			t.Fatalf("want w2 alone reported, got %v", got)
		}
	})
}

func TestStartsUnderWayAreBounded(t *testing.T) {
	e := newEngine()
	e.pull = time.Second
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(1, web, "a", "b", "c", "d", "e", "f", "g", "h", "i").Assignment)
		after(time.Minute)
		if got := len(e.ids()); got != 9 || e.mostStarts != 4 {
			t.Fatalf("want 9 started, 4 at once on two cores, got %d, %d at once", got, e.mostStarts)
		}
	})
}

func TestACrashIsReportedAtOnceAndNotMended(t *testing.T) {
	e := newEngine()
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(1, web, "w1").Assignment)
		after(0)
		e.put(exited("w1", 1))
		synctest.Wait()
		if got := m.full(t).Runs[0]; got.Phase != apps.PhaseExited || got.ExitCode != 1 {
			t.Fatalf("want it exited with code 1, got %+v", got)
		}
		after(time.Hour)
		if got := e.called("start w1"); got != 1 {
			t.Fatalf("want one start, got %d", got)
		}
	})
}

// called is how often the engine was called so.
func (e *engine) called(call string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.calls {
		if s == call {
			n++
		}
	}
	return n
}

func TestACommandCheckDecidesWhetherItIsReady(t *testing.T) {
	e := newEngine()
	e.code = 1
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(1, checked("COMMAND"), "w1").Assignment)
		after(300 * time.Millisecond)
		if got := m.full(t).Runs[0]; got.Phase != apps.PhaseRunning || got.Ready {
			t.Fatalf("want it running and not ready, got %+v", got)
		}
		e.set(func() { e.code = 0 })
		after(time.Second)
		if got := m.full(t).Runs[0]; !got.Ready {
			t.Fatalf("want it ready within a moment, not an interval, got %+v", got)
		}
		e.set(func() { e.code = 1 })
		after(40 * time.Second)
		if got := m.full(t).Runs[0]; got.Ready || !got.Health[0].Kill {
			t.Fatalf("want a call for a kill after three failures, got %+v", got)
		}
	})
}

func TestAnEngineThatGoesAwayAndComesBackIsSurvived(t *testing.T) {
	e := newEngine()
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(1, checked("COMMAND"), "w1").Assignment)
		after(time.Second)
		e.goAway()
		after(2 * time.Second)
		if got := m.full(t); got.Down != errAway.Error() || !got.Runs[0].Ready {
			t.Fatalf("want the engine's absence told and the verdict kept, got %+v", got)
		}
		a.Assigned(letter(2, checked("COMMAND"), "w2").Assignment)
		after(time.Hour)
		if got := e.called("stop w1"); got > 0 {
			t.Fatalf("want nothing stopped meanwhile, got %d stops", got)
		}
		e.comeBack()
		after(5 * time.Second)
		if got := e.ids(); !slices.Equal(got, []string{"w2"}) || m.full(t).Down != "" {
			t.Fatalf("want w2 alone and the engine back, got %v, %+v", got, m.full(t))
		}
	})
}

func TestAnEngineThatHangsIsFoundOut(t *testing.T) {
	e := newEngine()
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(1, checked("COMMAND"), "w1").Assignment)
		after(time.Second)
		e.set(func() { e.hanging = true })
		after(relistEvery + listLimit + time.Second)
		if got := m.full(t); got.Down == "" || !got.Runs[0].Ready {
			t.Fatalf("want the engine said to be down, and the instance not blamed, got %+v", got)
		}
		beats := m.count()
		after(10 * time.Second)
		if got := m.count() - beats; got < 9 {
			t.Fatalf("want a sign of life every second all the same, got %d in 10 s", got)
		}
	})
}

func TestAStreamThatBreaksLosesNoChange(t *testing.T) {
	e := newEngine()
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(1, web, "w1").Assignment)
		after(5 * time.Second)
		e.set(func() {
			close(e.broke)
			e.broke, e.watcher = make(chan struct{}), nil
			e.boxes["w1"] = exited("w1", 2) // and nobody is told
		})
		after(2 * time.Second)
		if got := m.full(t).Runs[0]; got.Phase != apps.PhaseExited {
			t.Fatalf("want it found exited, got %+v", got)
		}
	})
}

func TestAStartThatIsNotWantedIsCutShort(t *testing.T) {
	e := newEngine()
	e.pull = 10 * time.Minute
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(1, web, "w1").Assignment)
		after(time.Second)
		a.Assigned(letter(2, web).Assignment)
		after(time.Second)
		select {
		case <-e.pullCutNote:
		default:
			t.Fatal("want the pull given up")
		}
		if got := m.phases(t); len(got) != 0 {
			t.Fatalf("want nothing left, got %v", got)
		}
	})
}

func TestARestartedAgentTouchesNothingOfWhatIsAssigned(t *testing.T) {
	e := newEngine()
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(1, web, "w1").Assignment)
		after(0)
	})
	e.calls = nil
	inBubble(t, e, func(a *Agent, m *mailbox) {
		a.Assigned(letter(2, web, "w1").Assignment)
		after(time.Minute)
		if got := m.full(t).Runs[0]; got.Phase != apps.PhaseRunning || !got.Ready {
			t.Fatalf("want it adopted, got %+v", got)
		}
	})
	for _, call := range e.calls {
		if call != "info" && call != "list" {
			t.Errorf("want the engine only asked, but %s", call)
		}
	}
}

func TestOfLettersThatWaitTheNewestIsKept(t *testing.T) {
	a, err := New(Config{Host: apps.Host{Name: "h1", Addr: "127.0.0.1"}, Boot: 7, Runtime: newEngine(), Post: &mailbox{}})
	if err != nil {
		t.Fatal(err)
	}
	stray := letter(9, web).Assignment
	stray.Boot = 6
	for _, l := range []apps.Assignment{letter(1, web).Assignment, letter(3, web).Assignment, letter(2, web).Assignment, stray} {
		a.Assigned(l) // nobody takes them; it must not block
	}
	if got := <-a.letters; got.Revision != 3 {
		t.Fatalf("want revision 3, got %d of boot %d", got.Revision, got.Boot)
	}
}

func TestASignOfLifeDoesNotReplaceAFullReport(t *testing.T) {
	a, err := New(Config{Host: apps.Host{Name: "h1", Addr: "127.0.0.1"}, Runtime: newEngine(), Post: &mailbox{}})
	if err != nil {
		t.Fatal(err)
	}
	a.post(apps.Report{Revision: 4})
	a.post(apps.Report{Revision: 4, Beat: true})
	if got := <-a.reports; got.Beat {
		t.Fatal("want the full report kept")
	}
	a.post(apps.Report{Revision: 4, Beat: true})
	a.post(apps.Report{Revision: 5})
	if got := <-a.reports; got.Revision != 5 {
		t.Fatalf("want the newest, got %+v", got)
	}
}

func TestWhatTheOperatorSaysOfAHostWins(t *testing.T) {
	said := apps.Host{Name: "h1", Addr: "10.0.0.1", Role: "slave_public", Total: apps.Resources{Mem: 1024}, Ports: []apps.Range{{First: 21000, Last: 24000}}}
	info := apps.Host{Name: "moby", Addr: "10.0.0.9", Total: apps.Resources{CPU: 4000, Mem: 8192, Disk: 100}, Ports: []apps.Range{{First: 31000, Last: 32000}}, Engine: "29.0"}

	got := over(said, info)

	if got.Name != "h1" || got.Role != "slave_public" || got.Addr != "10.0.0.1" || got.Total != (apps.Resources{CPU: 4000, Mem: 1024, Disk: 100}) ||
		!slices.Equal(got.Ports, said.Ports) || got.Engine != "29.0" {
		t.Fatalf("got %+v", got)
	}
}

func TestAHostWithoutNameOrAddressIsRefused(t *testing.T) {
	if _, err := New(Config{Host: apps.Host{Addr: "127.0.0.1"}}); err == nil {
		t.Error("want a host without name refused")
	}
	if _, err := New(Config{Host: apps.Host{Name: "h1"}}); err == nil {
		t.Error("want a host without address refused")
	}
}
