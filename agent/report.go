package agent

import (
	"time"

	"pacer/apps"
)

// speak reports: everything when something changed that a reader acts on or an
// assignment wants its receipt, else a sign of life every second.
func (h *Host) speak(now time.Time, fx *Effects) {
	for _, in := range h.dirty {
		in.dirty = false
		r := in.report()
		if !sameNews(in.told, r) {
			h.news = true
		}
		in.told = r
	}
	h.dirty = h.dirty[:0]
	if now.Before(h.mutedUntil()) {
		return
	}
	full := h.news || h.answer || h.evidenceDue(now)
	if early := now.Before(h.spoke.Add(beatEvery)) && !now.Before(h.spoke); early && !full { // or the clock was put back
		return
	}
	if h.news {
		h.revision++
	}
	h.news, h.answer, h.spoke = false, false, now
	fx.Report = h.report(full)
	if full {
		fx.Report.Evidence = h.testify(now)
	}
}

// mutedUntil is when a new agent may speak: once it knows what it runs and has. A
// report before that would say that the host's engine is away.
func (h *Host) mutedUntil() time.Time {
	if h.tried && (h.down != "" || h.host.Total.CPU > 0) {
		return time.Time{}
	}
	return h.began.Add(muteMax)
}

// nextWord is when the next sign of life is due.
func (h *Host) nextWord() time.Time {
	if h.spoke.IsZero() {
		return h.mutedUntil()
	}
	return h.spoke.Add(beatEvery)
}

func (h *Host) report(full bool) *apps.Report {
	r := &apps.Report{Host: h.host, Boot: h.boot, Revision: h.revision, Down: h.down, Beat: !full}
	if h.heard {
		// Before the first list Runs lacks what was not seen yet, so it must not pass
		// for the receipt of an assignment.
		r.Applied = h.applied
	}
	if full {
		r.Wiped = h.wiped()
		r.Runs = make([]apps.InstanceReport, 0, len(h.ids))
		for _, id := range h.ids {
			r.Runs = append(r.Runs, h.instances[id].report())
		}
	}
	return r
}
