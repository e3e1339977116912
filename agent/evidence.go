package agent

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"pacer/apps"
)

const (
	evidenceMax   = 20              // pieces of evidence that wait to be told; older ones are dropped
	evidenceLimit = 2 * time.Second // for the engine to hand out a log: the container waits so long to be removed
)

// tellings are the pauses before evidence is told again: nobody receipts it, so it is
// told three times, and a lost letter or a new leader loses nothing.
var tellings = [...]time.Duration{time.Second, 10 * time.Second}

// A telling is evidence on its way to the leader.
type telling struct {
	apps.Evidence
	told int
	due  time.Time
}

// owe notes that the instance failed, and that evidence has to be gathered before its
// container goes.
func (in *instance) owe() { in.owes = !in.gave }

// gather asks for the logs of instances that failed, once their containers have ended.
// The report of the end does not wait for it.
func (h *Host) gather(now time.Time, under map[OpKind]int, fx *Effects) {
	for _, id := range h.ids {
		in := h.instances[id]
		ended := in.over() || in.leaving && !in.running
		if !in.owes || in.op != "" || !ended || under[OpEvidence] >= h.startsMax() {
			continue
		}
		in.begins(OpEvidence, now, h.lists)
		under[OpEvidence]++
		fx.Evidence = append(fx.Evidence, id)
	}
}

// give takes the evidence of an instance over, if there is anything in it that the
// report of its end does not say.
func (h *Host) give(now time.Time, in *instance, log string) {
	in.owes, in.gave = false, true
	e := telling{Evidence: apps.Evidence{Instance: in.id, App: in.box.App, Log: log}, due: now}
	if in.spec != nil {
		e.App = in.spec.ID
	}
	says := log != ""
	for i := range in.checks {
		health := in.checks[i].Health()
		e.Health = append(e.Health, health)
		says = says || health.Last != nil
	}
	if !says {
		return
	}
	h.tellings = append(h.tellings, e)
	h.tellings = h.tellings[max(0, len(h.tellings)-evidenceMax):]
}

// evidenceDue reports whether there is evidence to be told now.
func (h *Host) evidenceDue(now time.Time) bool {
	for i := range h.tellings {
		if !h.tellings[i].due.After(now) {
			return true
		}
	}
	return false
}

// testify is the evidence to be told now. What was told often enough is forgotten.
func (h *Host) testify(now time.Time) (told []apps.Evidence) {
	var left []telling
	for _, e := range h.tellings {
		if !e.due.After(now) {
			told = append(told, e.Evidence)
			if e.told == len(tellings) {
				continue
			}
			e.due = now.Add(tellings[e.told])
			e.told++
		}
		left = append(left, e)
	}
	h.tellings = left
	return told
}

// A tail keeps the end of what is written to it: whole lines, if one fits at all, of at
// most EvidenceBytes bytes together. Both streams of a container go into one, in the
// order in which they were written.
type tail struct {
	mu  sync.Mutex
	b   []byte
	cut bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > 4*apps.EvidenceBytes {
		t.clip()
	}
	return len(p), nil
}

// clip keeps one byte more than wanted: it tells whether a line begins after it.
func (t *tail) clip() {
	if more := len(t.b) - apps.EvidenceBytes - 1; more > 0 {
		t.b = append(t.b[:0], t.b[more:]...)
		t.cut = true
	}
}

// String is the text that was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clip()
	b := t.b
	if t.cut {
		if i := bytes.IndexByte(b, '\n'); i >= 0 && i < len(b)-1 {
			b = b[i+1:]
		} else {
			b = b[1:]
		}
	}
	text := strings.ToValidUTF8(string(b), "\uFFFD")
	if more := len(text) - apps.EvidenceBytes; more > 0 { // the replacements are longer than what they replace
		text = strings.ToValidUTF8(text[more:], "")
	}
	return text
}
