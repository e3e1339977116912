package cluster

import (
	"testing"
	"time"

	"pacer/apps"
)

// lost are the hosts that an effect counts as lost.
func lost(fx Effects) (names []string) {
	for n := range fx.Save.Notices.All() {
		if n.Type == noticeHostLost {
			names = append(names, n.Host)
		}
	}
	return names
}

// restarted is the first word of the next agent of a host.
func restarted(h *fakeHost) Reported {
	h.Boot, h.Revision, h.Applied = h.Boot+1, 1, apps.Stamp{}
	r := h.Report
	for _, id := range sortedKeys(h.runs) {
		r.Runs = append(r.Runs, h.runs[id])
	}
	return Reported{r}
}

// A leader pauses, for less than what it knows to be a pause of its own, while an agent
// restarts: 1. the agent says goodbye; 2. the leader pauses; 3. the next agent reports
// in time; 4. the leader goes on when the time is over, and has the report in its inbox.
func TestALetterInTheInboxIsReadBeforeWhoIsSilentIsLost(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.step(Left{"h1", 1})
	w.now = w.now.Add(hostGoodbye - 2*time.Second)
	w.report("h2")
	w.report("h3")
	w.now = w.now.Add(asleep - time.Millisecond)

	fx := w.step(restarted(w.hosts["h1"]))

	if names := lost(fx); names != nil {
		t.Errorf("its letter was there, but lost are %v", names)
	}
}

func TestABalancersLetterInTheInboxIsReadBeforeItIsDismissed(t *testing.T) {
	w := newWorld(t, "h1")
	w.step(Served{apps.Serving{Balancer: "lb1", Revision: 1}})
	for range 3 {
		w.now = w.now.Add(time.Second)
		w.report("h1")
	}
	w.now = w.now.Add(asleep - time.Millisecond)

	w.step(Served{apps.Serving{Balancer: "lb1", Revision: 2, Busy: []string{"x"}}})

	if b := w.s.balancers["lb1"]; b == nil || b.rev != 2 {
		t.Errorf("its letter was there, and it is known as %+v", b)
	}
}

// More may lie in the inbox than one Step reads: who is silent is not known before.
func TestALetterBehindAFullBatchIsReadBeforeWhoIsSilentIsLost(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.step(Left{"h1", 1})
	w.now = w.now.Add(hostGoodbye + time.Millisecond)
	flood := make([]Event, BatchMax)
	for i := range flood {
		flood[i] = WhyPlaced{}
	}

	fx := w.step(flood...)
	next := w.step(restarted(w.hosts["h1"]))

	if names := append(lost(fx), lost(next)...); names != nil {
		t.Errorf("its letter lay behind %d others, but lost are %v", len(flood), names)
	}
}

// A flood without end keeps nobody from being lost: what came in time was read when a
// full inbox is.
func TestAFloodDoesNotHideWhoIsSilent(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.step(Left{"h1", 1})
	w.now = w.now.Add(hostGoodbye)
	flood := make([]Event, BatchMax)
	for i := range flood {
		flood[i] = WhyPlaced{}
	}
	steps := 0
	for names := []string(nil); names == nil; steps++ {
		if steps > 2*InboxMax/BatchMax {
			t.Fatalf("h1 left, and is not lost after %d steps", steps)
		}
		names = lost(w.step(flood...))
		w.now = w.now.Add(time.Millisecond)
	}
	if steps != InboxMax/BatchMax+1 {
		t.Errorf("h1 is lost after %d full batches, expected it behind those that empty a full inbox", steps)
	}
}

// A goodbye may come late, when the next agent was heard already; then it must not make
// the leader less patient with that one.
func TestAGoodbyeOfAnEarlierAgentSaysNothingOfTheNext(t *testing.T) {
	for _, c := range []struct {
		boot  int64
		after time.Duration
	}{{1, hostSilence}, {2, hostGoodbye}} {
		w := newWorld(t, "h1", "h2", "h3")
		w.step(restarted(w.hosts["h1"])) // boot 2

		w.step(Left{"h1", c.boot})

		if took := w.silence("h1"); took != c.after {
			t.Errorf("the agent of boot 2 was heard, then a goodbye of boot %d: lost after %v, want %v", c.boot, took, c.after)
		}
	}
}

// silence is how long it takes until the host is lost, while all others report.
func (w *world) silence(name string) time.Duration {
	w.t.Helper()
	for began := w.now; w.now.Sub(began) < time.Minute; w.now = w.now.Add(100 * time.Millisecond) {
		for _, other := range sortedKeys(w.hosts) {
			if other != name {
				w.report(other)
			}
		}
		if w.s.hosts[name].Lost {
			return w.now.Sub(began)
		}
	}
	w.t.Fatalf("%s is never lost", name)
	return 0
}

// A new leader does not know which agent runs on a host that it has not heard: a goodbye
// does not shorten the time that the host has to be.
func TestAGoodbyeDoesNotShortenTheFreshnessGate(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.s = New(w.s.stored(), 2, w.now)

	w.step(Left{"h1", 1})

	if took := w.silence("h1"); took != freshness {
		t.Errorf("a new leader heard a goodbye and nothing else of h1: lost after %v, want %v", took, freshness)
	}
}
