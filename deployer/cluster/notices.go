package cluster

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"pacer/apps"
)

// Types of notices that Marathon does not have; its clients do not get them.
const (
	noticeHostJoined = "pacer_host_joined"
	noticeHostSilent = "pacer_host_silent"
	noticeHostHeard  = "pacer_host_heard"
	noticeHostLost   = "pacer_host_lost"
	noticeHostFound  = "pacer_host_found"
	noticeBrake      = "pacer_mass_failure_brake"
)

// Notices are what one step tells the world, numbered densely. A launch of a million
// tells four million of them, so those that say something usual of an instance are kept
// as a phrase and the instance, and put into words when they are read.
type Notices struct {
	first uint64
	at    time.Time
	told  []told
}

type told struct {
	words  *apps.Notice   // all of it but Seq, and At where that is zero; nil: see phrase
	of     *apps.Instance // as it was then
	phrase phrase
}

// A phrase is a notice about an instance, but for the instance.
type phrase uint8

const (
	sayScheduled phrase = iota
	sayProvisioned
	sayTaskStaging
	sayStaging
	sayTaskRunning
	sayRunning
)

var phrases = [...]struct {
	kind, status string
	onHost       bool
}{
	sayScheduled:   {"instance_changed_event", "Scheduled", false},
	sayProvisioned: {"instance_changed_event", "Provisioned", false},
	sayTaskStaging: {"status_update_event", "TASK_STAGING", true},
	sayStaging:     {"instance_changed_event", "Staging", true},
	sayTaskRunning: {"status_update_event", "TASK_RUNNING", true},
	sayRunning:     {"instance_changed_event", "Running", true},
}

// NoticesOf are notices that are written out already; their numbers must be dense.
func NoticesOf(list ...apps.Notice) (n Notices) {
	for i := range list {
		if list[i].Seq != list[0].Seq+uint64(i) {
			panic(fmt.Sprintf("cluster: notice %d follows notice %d", list[i].Seq, list[i-1].Seq))
		}
		n.first = list[0].Seq
		n.told = append(n.told, told{words: &list[i]})
	}
	return n
}

// Len is how many they are.
func (n Notices) Len() int { return len(n.told) }

// First and Last are their least and greatest number; not to be asked of none.
func (n Notices) First() uint64 { return n.first }

// Last is the number of the last one.
func (n Notices) Last() uint64 { return n.first + uint64(len(n.told)) - 1 }

// Newest are the last of them, no more than most.
func (n Notices) Newest(most int) Notices {
	skip := max(len(n.told)-most, 0)
	return Notices{n.first + uint64(skip), n.at, n.told[skip:]}
}

// All are the notices in their order.
func (n Notices) All() iter.Seq[apps.Notice] {
	return func(yield func(apps.Notice) bool) {
		for i := range n.told {
			if !yield(n.read(i)) {
				return
			}
		}
	}
}

// read puts one notice into words.
func (n Notices) read(i int) (out apps.Notice) {
	t := &n.told[i]
	if t.words != nil {
		out = *t.words
	} else {
		p, of := &phrases[t.phrase], t.of
		if t.phrase == sayScheduled {
			of = asMade(of, n.at)
		}
		out = apps.Notice{Type: p.kind, App: of.App, Version: of.Version, Instance: of, Status: p.status}
		if p.onHost {
			out.Host = of.Host
		}
	}
	out.Seq = n.first + uint64(i)
	if out.At.IsZero() {
		out.At = n.at
	}
	return out
}

// asMade is the instance as it was when it was made, which a later copy tells too.
func asMade(in *apps.Instance, at time.Time) *apps.Instance {
	return &apps.Instance{ID: in.ID, Serial: in.Serial, App: in.App, Version: in.Version, Role: in.Role, Needs: in.Needs, State: apps.Waiting, Since: at, NotBefore: in.NotBefore}
}

// number gives the next number to a notice of this step.
func (s *State) number(t told) {
	n := &s.fx.Save.Notices
	s.seq++
	if len(n.told) == 0 {
		n.first, n.at = s.seq, s.now
	}
	n.told = append(n.told, t)
}

// say tells something usual of an instance of an app.
func (s *State) say(p phrase, of *apps.Instance) { s.number(told{of: of, phrase: p}) }

// plain reports whether what is told of the app's instances can be said in phrases.
func (a *app) plain() bool { return a.run == nil && a.spec.Pod == nil }

// tell numbers a notice and stores it with this step.
func (s *State) tell(n apps.Notice) {
	if a := s.apps[n.App]; a != nil && a.run != nil && !a.run.word(&n) {
		return
	}
	s.number(told{words: &n})
}

// tellMade says that an instance is wanted now.
func (s *State) tellMade(in *instance) {
	if in.app.plain() && !in.spec.Resident() { // a resident's claim may change with its host
		in.row = s.slot()
		s.say(sayScheduled, in.row)
		return
	}
	s.tell(apps.Notice{Type: "instance_changed_event", App: in.App, Version: in.Version, Instance: s.copy(in), Status: "Scheduled"})
}

// tellPlaced says that an instance has a host.
func (s *State) tellPlaced(in *instance) {
	now := s.copy(in)
	if in.app.plain() {
		s.say(sayProvisioned, now)
		s.say(sayTaskStaging, now)
		s.say(sayStaging, now)
		return
	}
	s.tell(apps.Notice{Type: "instance_changed_event", App: in.App, Version: in.Version, Instance: now, Status: "Provisioned"})
	s.tellStatusOf(now, "TASK_STAGING", "Staging", "")
}

// tellRuns says that an instance's container runs.
func (s *State) tellRuns(in *instance) {
	if in.app.plain() {
		now := s.copy(in)
		s.say(sayTaskRunning, now)
		s.say(sayRunning, now)
		return
	}
	s.tellStatus(in, "TASK_RUNNING", "Running", "")
}

// tellStatus says that an instance changed, in both of Marathon's ways: as the
// state of a task and as the condition of an instance.
func (s *State) tellStatus(in *instance, status, condition, message string) {
	s.tellStatusOf(s.copy(in), status, condition, message)
}

func (s *State) tellStatusOf(now *apps.Instance, status, condition, message string) {
	s.tellTasks(apps.Notice{Type: "status_update_event", App: now.App, Version: now.Version, Instance: now, Status: status, Host: now.Host, Message: message})
	s.tell(apps.Notice{Type: "instance_changed_event", App: now.App, Version: now.Version, Instance: now, Status: condition, Host: now.Host})
}

// healthNotices says what a new verdict changes, while the instance still has the
// old one.
func (s *State) healthNotices(in *instance, run apps.InstanceReport) {
	for i, next := range run.Health {
		var last apps.Health
		if i < len(in.Health) {
			last = in.Health[i]
		}
		if next.Known && next.Alive != last.Alive {
			alive := next.Alive
			s.tell(apps.Notice{Type: "health_status_changed_event", App: in.App, Version: in.Version, Instance: s.copy(in), Healthy: &alive})
		}
		if next.LastFailure.After(last.LastFailure) && i < len(in.spec.Checks) {
			check := in.spec.Checks[i]
			s.tell(apps.Notice{Type: "failed_health_check_event", App: in.App, Version: in.Version, Instance: s.copy(in), Check: &check, Message: next.Cause})
		}
	}
	if len(run.Health) > 0 && run.Ready != in.Ready {
		healthy := run.Ready
		s.tell(apps.Notice{Type: "instance_health_changed_event", App: in.App, Version: in.Version, Instance: s.copy(in), Healthy: &healthy})
	}
}

// copy is the instance as it is now, for a notice: without the answers of its checks,
// which a notice needs not. It is not changed any more; until the instance is, one copy
// does for all. Its ports are shared: they are never changed, only replaced.
func (s *State) copy(in *instance) *apps.Instance {
	if in.shown != nil && same(in.shown, &in.Instance) {
		return in.shown
	}
	c := s.room(in)
	*c = in.Instance
	c.Health = slices.Clone(in.Health)
	for i := range c.Health {
		c.Health[i].Last = nil
	}
	in.shown = c
	return c
}

// row is the instance as it is now, for the store.
func (s *State) row(in *instance) *apps.Instance {
	row := in.shown
	if row == nil || !same(row, &in.Instance) {
		row = s.room(in)
		*row = in.Instance
	}
	in.shown = nil
	return row
}

// room is where the next copy of the instance goes.
func (s *State) room(in *instance) *apps.Instance {
	if c := in.row; c != nil {
		in.row = nil
		return c
	}
	return s.slot()
}

// slot is room for a copy. Where many come at once they share a block: it stays as long
// as one of them is used.
func (s *State) slot() *apps.Instance {
	const block = 64
	if len(s.slots) == 0 {
		if !s.many {
			return new(apps.Instance)
		}
		s.slots = make([]apps.Instance, block)
	}
	c := &s.slots[0]
	s.slots = s.slots[1:]
	return c
}

// expect makes room for what n instances that are launched in this step tell, and for
// their copies.
func (s *State) expect(n int) {
	const many = 64
	if s.many = s.many || n >= many; s.many {
		told := &s.fx.Save.Notices.told
		*told = slices.Grow(*told, noticesOfLaunch*n)
	}
}

// noticesOfLaunch are told of an instance that is made and placed.
const noticesOfLaunch = 4

// prepare makes room for the instances that a change will launch in this step, all at
// once: app by app, what there is would be copied again and again.
func (s *State) prepare(accepted map[apps.ID]*apps.App) {
	n := 0
	for id, spec := range accepted {
		if more := spec.Instances - len(s.apps[id].instances); more > 0 {
			n += more
			s.eaters++
		}
	}
	n = min(n, s.launchesMax+s.eaters)
	s.expect(n)
	s.waiting, s.changed = slices.Grow(s.waiting, n), slices.Grow(s.changed, n)
}

// seat is room for an instance; see slot.
func (s *State) seat() *instance {
	const block = 64
	if !s.many {
		return new(instance)
	}
	if len(s.rooms) == 0 {
		s.rooms = make([]instance, block)
	}
	in := &s.rooms[0]
	s.rooms = s.rooms[1:]
	return in
}

// same reports whether a copy still shows the instance as it is. What a copy has of its
// own is not compared: then they are not the same.
func same(a, b *apps.Instance) bool {
	if len(a.Health)+len(b.Health)+len(a.Parts)+len(b.Parts) > 0 || len(a.Ports) != len(b.Ports) || len(a.Ports) > 0 && &a.Ports[0] != &b.Ports[0] {
		return false
	}
	return a.ID == b.ID && a.Serial == b.Serial && a.App == b.App && a.Version == b.Version && a.Role == b.Role && a.Needs == b.Needs && a.Claim == b.Claim && a.MoveTo == b.MoveTo && a.MoveNo == b.MoveNo && a.Replaces == b.Replaces && a.Preempted == b.Preempted &&
		a.Host == b.Host && a.Addr == b.Addr && a.IP == b.IP && a.State == b.State && a.Ready == b.Ready && a.WasReady == b.WasReady && a.Unreachable == b.Unreachable &&
		a.Since == b.Since && a.Staged == b.Staged && a.Started == b.Started && a.ReadyAt == b.ReadyAt && a.NotBefore == b.NotBefore && a.Message == b.Message &&
		a.Reading == b.Reading && a.LastReady == b.LastReady
}
