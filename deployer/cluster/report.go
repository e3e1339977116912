package cluster

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"pacer/apps"
	"pacer/deployer/placement"
)

// foldReport takes what a host says of itself. It is the only receipt for an
// assignment: what the host runs is compared with what it should run, and where the
// two differ the assignment goes out again.
func (s *State) foldReport(r apps.Report) {
	s.foldEvidence(r.Evidence) // true however old the letter is
	h := s.hosts[r.Host.Name]
	if h == nil {
		h = &host{Host: apps.Host{Name: r.Host.Name, Since: s.now}, claims: map[string]*claim{}}
		s.hosts[r.Host.Name] = h
		s.atHost(h, s.now.Add(hostQuiet))
		if r.Applied.Epoch > 0 { // it was forgotten
			h.fence = s.revision + 1
		}
	}
	if r.Boot < h.life || r.Boot == h.boot && r.Revision < h.heard {
		return // an older agent, or an older letter of this one
	}
	h.life = r.Boot
	if r.Beat && (r.Boot != h.boot || r.Revision != h.heard) {
		s.hear(h)
		s.resend(h) // an agent answers every assignment with a full report
		return
	}
	if !r.Beat {
		if r.Boot != h.boot { // a new agent has applied nothing yet
			h.applied, h.sent = apps.Stamp{}, time.Time{}
		}
		h.boot, h.heard = r.Boot, r.Revision
	}
	if r.Down == "" {
		h.down = time.Time{}
	} else if h.down.IsZero() {
		h.down = s.now
		s.atHost(h, s.now.Add(engineSilence))
	}
	if r.Applied.After(h.applied) {
		h.applied = r.Applied
	}
	if !r.Beat {
		s.describe(h, r)
	}
	s.hear(h)
	s.foldWiped(h, r.Wiped)
	if !r.Beat && r.Down == "" {
		s.compare(h, r)
		h.fresh = true
	}
	if h.rev == 0 && h.fresh { // the first letter of this epoch
		s.move(h)
	}
	s.offer(h)
	if current := (apps.Stamp{Epoch: s.epoch, Revision: h.rev}); h.rev > 0 && (h.applied != current || h.strays || !h.fresh && h.down.IsZero()) {
		s.resend(h)
	}
}

// hear notes that the host is alive.
func (s *State) hear(h *host) {
	h.seen, h.goodbye = s.now, time.Time{}
	s.heard(h)
	s.atHost(h, s.now.Add(hostQuiet)) // a new leader looks at those it has not heard much later
	if h.Lost && h.down.IsZero() {
		s.found(h)
	}
}

// resend repeats the present assignment, but not in a hurry.
func (s *State) resend(h *host) {
	if h.rev == 0 {
		if s.now.Sub(h.sent) >= resendPause {
			s.move(h)
		}
		return
	}
	if s.now.Sub(h.sent) >= resendPause {
		s.post(h)
	}
}

// describe takes over what the host is and has.
func (s *State) describe(h *host, r apps.Report) {
	next := r.Host
	next.Cordoned, next.Draining, next.Silent, next.Lost, next.Since, next.Message = h.Cordoned, h.Draining, h.Silent, h.Lost, h.Since, h.Message
	if r.Down != "" || r.Host.Total == (apps.Resources{}) { // it cannot say what it has, or not yet
		next.Total, next.Engine = h.Total, h.Engine
	}
	if h.Since.IsZero() {
		next.Since = s.now
	}
	if reflect.DeepEqual(next, h.Host) {
		return
	}
	isNew := h.Addr == ""
	h.Host, h.closed = next, "changed" // offered anew
	s.offer(h)
	s.saveHost(h)
	for _, in := range h.runs {
		if in.Addr != next.Addr {
			in.Addr = next.Addr
			s.save(in)
			s.touch(in.app)
		}
	}
	if isNew {
		s.tell(apps.Notice{Type: noticeHostJoined, Host: h.Name})
		s.brake() // those that are lost may not be most of them any more
	}
}

// saveHost has the host stored with this step.
func (s *State) saveHost(h *host) {
	if !h.save {
		h.save = true
		s.altered = append(s.altered, h)
	}
}

// compare holds a full report against what is placed on the host.
func (s *State) compare(h *host, r apps.Report) {
	h.strays = false
	s.reports++
	before, at := h.told, 0
	h.told = make([]*instance, 0, len(r.Runs))
	for i := range r.Runs {
		run := &r.Runs[i]
		in := s.known(h, run.ID, before, &at)
		if in == nil {
			switch run.Phase { // what has ended holds nothing
			case apps.PhaseExited, apps.PhaseFailed, apps.PhaseQueued:
			default:
				h.strays = true
			}
			continue
		}
		in.told = s.reports
		h.told = append(h.told, in)
		s.compareRun(in, run)
	}
	var absent []*instance
	for _, in := range h.inOrder() {
		if in.told != s.reports && in.rev != 0 && r.Applied.Epoch == s.epoch && r.Applied.Revision >= in.rev { // it has taken over the letter that matters
			absent = append(absent, in)
		}
	}
	for _, in := range absent {
		if in.State == apps.Stopping {
			s.finish(in, in.end, 0, in.Message)
		} else {
			s.failed(in, apps.EndLost, 0, "its container vanished from the host")
		}
	}
}

// known is the instance of that id that is placed on the host; nil: there is none. Most
// often a host tells of the same ones in the same order as before, from at on.
func (s *State) known(h *host, id string, before []*instance, at *int) *instance {
	for i := *at; i < min(*at+2, len(before)); i++ {
		if in := before[i]; in.ID == id {
			*at = i + 1
			if in.State == apps.Gone {
				return nil
			}
			return in
		}
	}
	if in := s.instances.get(id); in != nil && in.Host == h.Name {
		return in
	}
	return nil
}

func (s *State) compareRun(in *instance, run *apps.InstanceReport) {
	if !apps.SameParts(in.Parts, run.Parts) {
		in.Parts = run.Parts
		s.save(in)
	}
	switch run.Phase {
	case apps.PhaseQueued, apps.PhaseStarting:
		if in.State == apps.Starting && in.Message != run.Message {
			in.Message = run.Message
			s.save(in)
		}
	case apps.PhaseRunning:
		if in.State == apps.Starting {
			in.Started = run.Started
			s.madeClaim(in)
			s.enter(in, apps.Running)
		}
		s.judge(in, run)
	case apps.PhaseExited:
		if in.Started.IsZero() { // it was over before its host had told that it ran
			in.Started = run.Started
		}
		if !run.Started.IsZero() {
			s.madeClaim(in)
		}
		end := apps.EndFailed
		if run.Lost {
			end = apps.EndLost
		} else if run.ExitCode == 0 {
			end = apps.EndFinished
		}
		s.failed(in, end, run.ExitCode, run.Message)
	case apps.PhaseFailed:
		s.failed(in, apps.EndFailed, run.ExitCode, run.Message)
	case apps.PhaseStopping:
		// it will be gone in a later report
	default:
		// a phase of a newer agent: what it means shows in its next one
	}
}

// judge takes over the verdict of the host's checks.
func (s *State) judge(in *instance, run *apps.InstanceReport) {
	if in.State < apps.Running || in.State > apps.Draining || run.Unknown {
		return
	}
	s.foldReadings(in, *run)
	changed := in.IP != run.IP || in.Ready != run.Ready || len(in.Health)+len(run.Health) > 0 && !reflect.DeepEqual(in.Health, run.Health)
	if !changed {
		return
	}
	s.healthNotices(in, *run)
	in.IP, in.Health = run.IP, run.Health
	if in.Ready != run.Ready {
		in.Ready = run.Ready
		if in.Ready && !in.WasReady {
			in.WasReady, in.ReadyAt = true, s.now
		}
		in.serv = 0
	}
	s.save(in)
	s.touch(in.app)
	if i := slices.IndexFunc(run.Health, func(h apps.Health) bool { return h.Kill }); i >= 0 && in.State == apps.Running {
		s.tell(apps.Notice{Type: "unhealthy_instance_kill_event", App: in.App, Version: in.Version, Instance: s.copy(in), Message: run.Health[i].Cause})
		in.end = apps.EndUnhealthy
		s.penalise(in)
		s.countFailure(in, "unhealthy: "+run.Health[i].Cause)
		s.leave(in, "unhealthy: "+run.Health[i].Cause)
	}
}

// foldReadings takes over what is only told: nothing follows from it.
func (s *State) foldReadings(in *instance, run apps.InstanceReport) {
	if run.LastReady != nil && !apps.Same(in.LastReady, run.LastReady) {
		in.LastReady = run.LastReady
		s.save(in)
	}
	if run.Reading != nil && !apps.Same(in.Reading, run.Reading) {
		in.Reading = run.Reading
		s.save(in)
		s.tellTasks(apps.Notice{Type: "status_update_event", App: in.App, Version: in.Version, Instance: s.copy(in), Status: "TASK_RUNNING", Host: in.Host, Message: "its check answered differently"})
	}
}

// listen decides whether a host is lost.
func (s *State) listen(h *host) {
	deadline, why := h.seen.Add(hostSilence), "its agent has not been heard for "+hostSilence.String()
	limit := func(since time.Time, patience time.Duration, because string) {
		if d := since.Add(patience); !since.IsZero() && d.Before(deadline) {
			deadline, why = d, because
		}
	}
	limit(h.goodbye, hostGoodbye, "its agent left, and was not back within "+hostGoodbye.String())
	limit(h.down, engineSilence, "its Docker engine does not answer")
	if h.Lost {
		s.expunge(h)
		return
	}
	if deadline.After(s.read) {
		s.atHost(h, s.unheard(h, deadline))
		return
	}
	h.Silent, h.Lost, h.Since, h.Message, h.fresh = false, true, s.now, why, false
	s.lost++
	s.saveHost(h)
	s.offer(h)
	s.tell(apps.Notice{Type: noticeHostLost, Host: h.Name, Message: why})
	for _, in := range sortedRuns(h) {
		if in.State >= apps.Draining {
			s.finish(in, apps.EndLost, 0, "its host was lost: "+why)
			continue
		}
		in.Unreachable = true
		s.save(in)
		s.tellStatus(in, "TASK_UNREACHABLE", "Unreachable", why)
		s.touch(in.app)
	}
	s.brake()
	s.expunge(h)
}

// found takes back a host that was lost.
func (s *State) found(h *host) {
	h.Lost, h.Since, h.Message = false, s.now, ""
	s.lost--
	s.saveHost(h)
	s.tell(apps.Notice{Type: noticeHostFound, Host: h.Name})
	s.atHost(h, s.now.Add(hostQuiet))
	for _, in := range sortedRuns(h) {
		if in.Unreachable {
			in.Unreachable = false
			s.save(in)
			if in.State == apps.Running {
				s.tellStatus(in, "TASK_RUNNING", "Running", "its host is back")
			}
			s.touch(in.app)
		}
	}
	s.brake()
}

// brake stops replacing when more than half of all hosts are lost at once: then it
// is rather we who are cut off, and what runs there may run well.
func (s *State) brake() {
	on := s.lost*2 > len(s.hosts)
	if on == s.braked {
		return
	}
	s.braked = on
	message := fmt.Sprintf("%d of %d hosts are lost: what ran there is not replaced", s.lost, len(s.hosts))
	if !on {
		message = fmt.Sprintf("%d of %d hosts are lost: what is missing is replaced", s.lost, len(s.hosts))
	}
	s.tell(apps.Notice{Type: noticeBrake, Message: message})
	if !on { // the others may be back in a moment, too
		s.unbraked = s.now
	}
	for _, h := range s.hosts {
		if h.Lost {
			s.atHost(h, s.now.Add(hostSilence))
			for _, in := range h.runs {
				s.touch(in.app)
			}
		}
	}
}

// countLost is what State.lost must be.
func (s *State) countLost() int {
	lost := 0
	for _, h := range s.hosts {
		if h.Lost {
			lost++
		}
	}
	return lost
}

// expunge forgets the instances of a lost host whose time is over and whose app
// has its full count ready without them.
func (s *State) expunge(h *host) {
	again := time.Time{}
	for _, in := range sortedRuns(h) {
		u := in.app.spec.Unreachable
		if u.Disabled || !in.Unreachable {
			continue
		}
		for _, after := range []time.Duration{u.InactiveAfter, u.ExpungeAfter} {
			if at := h.Since.Add(after); at.After(s.now) {
				again = sooner(again, at)
			}
		}
		if s.inactive(in) {
			s.touch(in.app)
			if !s.now.Before(h.Since.Add(u.ExpungeAfter)) && (in.app.run != nil || s.readyCount(in.app) >= in.app.spec.Instances) {
				s.finish(in, apps.EndLost, 0, "its host was lost")
			}
		}
	}
	if len(h.runs) > 0 {
		again = sooner(again, s.now.Add(time.Second))
	}
	if !again.IsZero() {
		s.atHost(h, again)
	}
}

// inactive reports whether an instance of a lost host is to be replaced.
func (s *State) inactive(in *instance) bool {
	u := in.app.spec.Unreachable
	if !in.Unreachable || u.Disabled || s.braked || s.now.Before(s.unbraked.Add(hostSilence)) {
		return false
	}
	h := s.hosts[in.Host]
	return h == nil || !s.now.Before(h.Since.Add(u.InactiveAfter))
}

// foldLeft takes note that an agent is gone. The letter may be late: it says nothing of
// a newer agent, nor, to a new leader, of one that it has not heard yet.
func (s *State) foldLeft(l Left) {
	if h := s.hosts[l.Host]; h != nil && h.life != 0 && l.Boot >= h.life && h.goodbye.IsZero() {
		h.goodbye = s.now
		s.atHost(h, s.now.Add(hostGoodbye))
	}
}

// offer tells the board what the host takes.
func (s *State) offer(h *host) {
	closed := ""
	switch {
	case h.Lost:
		closed = "lost"
	case h.Silent:
		closed = "silent"
	case h.Draining:
		closed = "draining"
	case h.Cordoned:
		closed = "cordoned"
	case !h.fresh:
		closed = "not heard yet"
	case h.fence > 0 && (h.applied.Epoch != s.epoch || h.applied.Revision < h.fence):
		closed = "not known to have let go of the past"
	case h.makingWay > 0:
		closed = placement.MakingWay
	case h.strays:
		closed = "still stopping what it should not run"
	}
	if closed != h.closed || !h.offered {
		h.closed, h.offered = closed, true
		s.board.SetHost(placement.Offer{Host: h.Host, Closed: closed})
		s.asks = true
	}
}

// sooner is the earlier of two dates, of which a zero one is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
