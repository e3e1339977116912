package placement

import (
	"fmt"

	"pacer/apps"
)

// A Decision is one turn of Place: who was served or refused, and why it was their turn.
type Decision struct {
	Number     uint64 // from 1
	Instance   string
	App        apps.ID
	Role       string
	Share      float64 // the role's, by weight, when it was its turn
	Guaranteed bool    // it was served first because the ask lay within its guarantee
	Next       string  // the role that would have been next; empty: there was no other
	NextShare  float64
	Host       string // empty: refused
	Tried      int    // hosts that were looked at one by one; the index left out the others
	Hosts      int
}

// String says it to people.
func (d Decision) String() string {
	text := fmt.Sprintf("role %s was next, with a share of %.4g %%", d.Role, 100*d.Share)
	if d.Guaranteed {
		text = fmt.Sprintf("role %s was next, below its guarantee", d.Role)
	}
	if d.Next != "" {
		text += fmt.Sprintf(" (then %s, with %.4g %%)", d.Next, 100*d.NextShare)
	}
	if d.Host == "" {
		return fmt.Sprintf("%s; no host takes %s (%d of %d looked at)", text, d.Instance, d.Tried, d.Hosts)
	}
	return fmt.Sprintf("%s; %s went to host %s (%d of %d looked at)", text, d.Instance, d.Host, d.Tried, d.Hosts)
}

// A trace keeps the last decisions, as numbers; they are put into words when asked for.
type trace struct {
	size  uint64  // how many are kept
	ring  []noted // grows up to that
	n     uint64
	tried int // by the last find
}

type noted struct {
	instance   string
	app        apps.ID
	role, next string
	share      share
	nextShare  share
	guaranteed bool
	host       string
	tried      int
	hosts      int
	scale      uint64
}

// Record keeps the last n decisions from now on; 0 keeps none.
func (b *Board) Record(n int) { b.trace = trace{size: uint64(n)} }

func (t *trace) on() bool { return t.size > 0 }

// note writes down the decision about the lot's next ask, which is made but not booked.
func (t *trace) note(b *Board, a *appBook, host string) {
	r := &b.round
	if uint64(len(t.ring)) < t.size {
		t.ring = append(t.ring, noted{})
	}
	d := &t.ring[t.n%t.size]
	t.n++
	role := a.role
	*d = noted{instance: r.ask(a).Instance, app: a.id, role: role.name, share: role.key, guaranteed: role.first, host: host, tried: t.tried, hosts: len(b.hosts), scale: 1 << r.fine}
	if b.fairness == TaskShare {
		d.scale = 1 << taskFine
	}
	if len(r.line) > 0 && r.line[0].role == role {
		for _, o := range r.line[1:min(3, len(r.line))] {
			if d.next == "" || o.key.compare(d.nextShare) < 0 {
				d.next, d.nextShare = o.role.name, o.key
			}
		}
	}
}

// Decisions is what is kept of the last decisions, the oldest first.
func (b *Board) Decisions() []Decision {
	t := &b.trace
	var out []Decision
	for i := t.n - min(t.n, uint64(len(t.ring))); i < t.n; i++ {
		d := &t.ring[i%t.size]
		share := func(s share) float64 {
			if s.total == 0 {
				return 0
			}
			return float64(s.held) / float64(s.total) / float64(d.scale) * WeightOne
		}
		out = append(out, Decision{Number: i + 1, Instance: d.instance, App: d.app, Role: d.role, Share: share(d.share), Guaranteed: d.guaranteed,
			Next: d.next, NextShare: share(d.nextShare), Host: d.host, Tried: d.tried, Hosts: d.hosts})
	}
	return out
}
