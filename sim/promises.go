package sim

import (
	"fmt"
	"math"
	"slices"
	"time"

	"pacer/agent"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// How long the core waits, as it promises.
const (
	hostQuiet    = 2500 * time.Millisecond // of one that gets nothing new any more
	hostSilence  = 5 * time.Second         // of a host that was heard
	hostGoodbye  = 3 * time.Second         // of one whose agent said goodbye
	freshness    = 10 * time.Second        // of one that a new leader has not heard yet
	reasonsSoon  = 10 * time.Second        // until who waits has been told why
	noticeBrakes = "pacer_mass_failure_brake"
)

// A word is what a leader has heard of a host, by the true time.
type word struct {
	life, boot int64
	revision   uint64
	at         time.Duration // the last letter that counts
	goodbye    time.Duration // 0: none since
	down       time.Duration // its engine is away since then; 0: it is not
}

// listen notes what the core hears of hosts with these events.
func (t *term) listen(batch []cluster.Event) {
	now := t.s.w.now
	for _, ev := range batch {
		switch ev := ev.(type) {
		case cluster.Left:
			// One of an agent before says nothing, nor one of an agent that was not heard.
			if h := t.word(ev.Host); h.goodbye == 0 && h.life != 0 && ev.Boot >= h.life {
				h.goodbye = now
			}
		case cluster.Reported:
			t.word(ev.Host.Name).take(&ev.Report, now)
		}
	}
}

// word is what was heard of the host. One that was not heard yet is given more time to
// be: the freshness gate.
func (t *term) word(host string) *word {
	h := t.words[host]
	if h == nil {
		h = &word{at: t.begun + freshness - hostSilence}
		t.words[host] = h
	}
	return h
}

func (h *word) take(r *apps.Report, now time.Duration) {
	if r.Boot < h.life || r.Boot == h.boot && r.Revision < h.revision {
		return // of an agent before, or late
	}
	h.life, h.at, h.goodbye = r.Boot, now, 0
	if r.Beat && (r.Boot != h.boot || r.Revision != h.revision) {
		return // a sign of life, of a state that is not known
	}
	h.boot, h.revision = r.Boot, r.Revision
	switch {
	case r.Down == "":
		h.down = 0
	case h.down == 0:
		h.down = now
	}
}

// judgeHosts looks at the hosts that a step counts as lost.
func (t *term) judgeHosts(c *cluster.Changes) (worry string) {
	for i := range c.Hosts {
		h := &c.Hosts[i]
		if was := t.s.w.store.hosts[h.Name]; h.Silent && !was.Silent && worry == "" {
			if unheard := t.s.w.now - t.word(h.Name).at + t.s.w.hurry(freshness); unheard < hostQuiet {
				worry = fmt.Sprintf("host %s is counted as silent, and was heard %v ago", h.Name, unheard)
			}
		}
		if h.Lost && !t.s.w.store.hosts[h.Name].Lost && worry == "" {
			worry = t.judgeLost(h.Name)
		}
	}
	return worry
}

// judgeLost holds the loss of a host against the promises: the leader has not heard it
// for so long, or, a new one, has given it time to be heard (the freshness gate).
func (t *term) judgeLost(name string) (worry string) {
	w := t.s.w
	h, patience := t.word(name), hostSilence
	if h.life == 0 {
		patience = freshness
	}
	err := w.hurry(patience)
	since := func(at time.Duration) time.Duration { return w.now - at + err }
	if since(h.at) >= hostSilence || h.goodbye > 0 && since(h.goodbye) >= hostGoodbye || h.down > 0 && since(h.down) >= hostSilence {
		return ""
	}
	return fmt.Sprintf("host %s is counted as lost by the leader of epoch %d, which began %v ago: at %v it was heard (goodbye at %v, its engine away at %v)",
		name, t.epoch, w.now-t.begun, h.at, h.goodbye, h.down)
}

// unstored is how many hosts the leader may know of which nothing is stored.
func (t *term) unstored() (n int) {
	for name := range t.words {
		if _, known := t.s.w.store.hosts[name]; !known {
			n++
		}
	}
	return n
}

// braked reports whether most hosts are lost, of those that are stored and some more.
func (st *store) braked(more int) bool {
	lost := 0
	for _, h := range st.hosts {
		if h.Lost {
			lost++
		}
	}
	return lost*2 > len(st.hosts)+more
}

// judgeBrake holds a commit against the mass-failure brake: it says when it takes hold
// and when it lets go, and while it holds, what ran on lost hosts counts as running.
func (st *store) judgeBrake(c *cluster.Changes, b *before, j *judgement) {
	w, now := st.w, st.braked(0)
	if now != b.braked && j.unstored == 0 && !tells(c, noticeBrakes) {
		w.fail("the mass-failure brake was %v and is %v, and nobody is told", b.braked, now)
	}
	if !st.braked(j.unstored) {
		return
	}
	for _, id := range sorted(b.made) {
		spec := st.inForce(id)
		if spec == nil || id.OfRun() {
			continue
		}
		most := spec.Instances
		if d, _ := st.heldBy(id); d != nil || b.passing || st.moving(id) {
			most = max(spec.LiveMax(), st.apps[id].LiveMax())
			if d != nil {
				if old := d.Old[id]; old != nil {
					most = max(most, old.LiveMax())
				}
				most = max(most, d.Frozen[id].Current+d.Frozen[id].Old)
			}
		}
		staying := 0
		for _, in := range st.byApp[id] {
			if in.State < apps.Draining && in.Replaces == "" { // the successor of who moves comes beside it
				staying++
			}
		}
		if staying > most {
			w.fail("%s: most hosts are lost, and the core made %d more instances: %d, where there may be %d:%s", id, b.made[id], staying, most, st.list(id))
		}
	}
}

// tells reports whether a commit tells something of that kind.
func tells(c *cluster.Changes, kind string) bool {
	for n := range c.Notices.All() {
		if n.Type == kind {
			return true
		}
	}
	return false
}

// moving reports whether instances of the app are on hosts that are drained.
func (st *store) moving(id apps.ID) bool {
	for _, in := range st.byApp[id] {
		if st.hosts[in.Host].Draining {
			return true
		}
	}
	return false
}

// judgePaused: what a paused deployment is at does not shrink for its sake.
func (st *store) judgePaused(c *cluster.Changes) {
	for _, in := range c.Instances {
		old := st.instances[in.ID]
		if old == nil || old.State >= apps.Draining || in.State < apps.Draining || in.Message != whyReplaced && in.Message != whyScaledDown {
			continue
		}
		d, _ := st.heldBy(in.App)
		if d == nil || !d.Paused || old.Version > d.Version {
			continue
		}
		if _, frozen := d.Frozen[in.App]; frozen && !slices.ContainsFunc(c.Deployments, func(o apps.Deployment) bool { return o.ID == d.ID }) {
			st.w.fail("%s is let go (%s), though the deployment %s is paused", in.ID, in.Message, d.ID)
		}
	}
}

// judgeEnd: killed means dead. What is told as ended does not run, unless its host is
// lost, or lost it.
func (st *store) judgeEnd(f *apps.Finished) {
	if f.End == apps.EndLost || f.Host == "" {
		return
	}
	st.dead[f.ID] = true
	if h := st.w.host(f.Host); h != nil {
		if b := h.engine.boxes[f.ID]; b != nil && b.Running {
			st.w.fail("%s is told as ended (%s), and its container runs on %s", f.ID, f.End, f.Host)
		}
	}
}

// judgeReasons: who waits has been told why, by a date or by the reasons of all hosts,
// soon after it came to wait, after that date, and after a new leader began.
func (t *term) judgeReasons(now time.Time) {
	w := t.s.w
	if w.now < t.watch {
		return
	}
	t.watch = w.now + time.Second
	if w.now-max(t.begun, t.s.awake) < reasonsSoon || w.store.epoch != t.epoch {
		return
	}
	for _, id := range sorted(w.store.byApp) {
		for _, name := range sorted(w.store.byApp[id]) {
			if w.store.byApp[id][name].State == apps.Waiting && w.now-w.store.made[name] >= reasonsSoon {
				t.judgeReason(id, name, now)
				break
			}
		}
	}
}

func (t *term) judgeReason(id apps.ID, instance string, now time.Time) {
	wait, sum := t.waits[id], 0
	for _, r := range wait.Reasons {
		sum += r.Hosts
	}
	switch {
	case wait.Waiting == 0:
	case wait.Until.Add(reasonsSoon + t.s.w.leapt(reasonsSoon, math.MaxInt64)).After(now):
		return
	case wait.Placing > 0 && !t.wake.After(now): // the leader is at it
		return
	case sum == wait.Hosts && (sum > 0 || len(t.s.w.store.hosts) == 0):
		return
	}
	t.s.w.fail("%s waits for %v, but told is %+v of %d hosts", instance, t.s.w.now-t.s.w.store.made[instance], wait, len(t.s.w.store.hosts))
}

// A letter is what the host was last told to run, in this life of its agent.
type letter struct {
	apps.Stamp
	wanted map[string]bool // nil: nothing was said yet
}

// take notes a letter that the agent will take.
func (l *letter) take(h *host, a *apps.Assignment) {
	if a.Boot != 0 && a.Boot != h.boot || a.Epoch < h.epoch || l.wanted != nil && !a.After(l.Stamp) {
		return
	}
	l.Stamp, l.wanted = a.Stamp, map[string]bool{}
	for i := range a.Instances {
		l.wanted[a.Instances[i].ID] = true
	}
}

// judgeHalt: an agent that hears nobody stops nothing. What it stops, its last letter
// does not want.
func (h *host) judgeHalt(s agent.Halt) {
	if h.letter.wanted == nil || h.letter.wanted[s.Instance] {
		h.w.fail("%s: the agent stops %s, which its last letter %+v wants (told: %v)", h.name, s.Instance, h.letter.Stamp, h.letter.wanted != nil)
	}
}
