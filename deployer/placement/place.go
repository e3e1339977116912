package placement

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"

	"pacer/apps"
)

// An Ask is one instance that needs a host.
type Ask struct {
	Instance string
	Serial   uint64 // order within the role: first come, first served
	App      *apps.App
	Role     string
}

// An Allocation is the answer to an ask. It is booked already.
type Allocation struct {
	Instance string
	Host     string
	Addr     string
	Ports    []int // host ports in the order of App.Ports; 0 is none
}

// A Refusal is why an app's instances got no host. The counts of Reasons add up to
// Hosts.
type Refusal struct {
	App     apps.ID
	Config  apps.Version
	Hosts   int
	Reasons []Reason // the most frequent first
	Hint    string   // what would make it fit, where Place has refused it; see Suggestion
}

// A Reason is a number of hosts that refused for the same cause.
type Reason struct {
	Code  string // Marathon's reject reason
	Text  string // for people
	Hosts int
}

// Marathon's reject reasons, in the order in which the filters are asked.
const (
	AgentMaintenance      = "AgentMaintenance"
	UnfulfilledRole       = "UnfulfilledRole"
	UnfulfilledConstraint = "UnfulfilledConstraint"
	InsufficientCpus      = "InsufficientCpus"
	InsufficientMemory    = "InsufficientMemory"
	InsufficientDisk      = "InsufficientDisk"
	InsufficientGpus      = "InsufficientGpus"
	InsufficientPorts     = "InsufficientPorts"
)

// Place serves asks until none fits: always the role with the smallest dominant
// share first; when its next ask fits nowhere that one is refused and the role's
// next is tried, so nothing that can run is left out. Within a role it is first
// come, first served.
func (b *Board) Place(asks []Ask) (placed []Allocation, refused []Refusal) {
	line := b.line(asks)
	var asked []*apps.App              // in the order of refused
	refusedApps := map[crowdKey]bool{} // room only shrinks within a round: no need to ask twice
	for len(line) > 0 {
		q := line[0]
		ask := q.asks[0]
		q.asks = q.asks[1:]
		key := crowdKey{ask.App.ID, ask.App.ConfigAt}
		if !refusedApps[key] {
			if h, ports := b.choose(ask.App); h != nil {
				hold := Hold{App: ask.App, Host: h.name, Role: ask.Role, Needs: ask.App.Needs, Ports: ports}
				b.Hold(hold)
				placed = append(placed, Allocation{ask.Instance, h.name, h.Host.Addr, ports})
				q.key = dominantShare(b.roles[q.role], b.total)
			} else {
				refusedApps[key] = true
				refused = append(refused, b.Explain(ask.App))
				asked = append(asked, ask.App)
			}
		}
		if len(q.asks) == 0 {
			heap.Pop(&line)
		} else {
			heap.Fix(&line, 0)
		}
	}
	for i, app := range asked { // when all who fit have their place
		refused[i].Hint = b.Suggest(app).String()
	}
	return placed, refused
}

// line lets the roles queue up.
func (b *Board) line(asks []Ask) queues {
	byRole := map[string]*queue{}
	var line queues
	for _, ask := range asks {
		q := byRole[ask.Role]
		if q == nil {
			q = &queue{role: ask.Role, key: dominantShare(b.roles[ask.Role], b.total)}
			byRole[ask.Role] = q
			line = append(line, q)
		}
		q.asks = append(q.asks, ask)
	}
	for _, q := range line {
		slices.SortFunc(q.asks, func(a, b Ask) int { return cmp.Compare(a.Serial, b.Serial) })
	}
	heap.Init(&line)
	return line
}

// choose is the best host that passes every filter: it spreads an app over zones,
// then over hosts, and puts it where the largest part is free. Ties go to the name.
func (b *Board) choose(app *apps.App) (best *host, ports []int) {
	c := b.crowds[crowdKey{app.ID, app.ConfigAt}]
	var bestRank rank
	for _, h := range b.hosts {
		if !h.known || h.Closed != "" || !app.Needs.Fits(h.free) {
			continue
		}
		r := h.rank(c)
		if best != nil && r.compare(bestRank) >= 0 {
			continue
		}
		if b.accepts(app, c, h) != "" {
			continue
		}
		taken, _, lacking := h.ports.take(app)
		if lacking != "" {
			continue
		}
		best, bestRank, ports = h, r, taken
	}
	if best != nil {
		_, best.ports.next, _ = best.ports.take(app)
	}
	return best, ports
}

// A rank orders feasible hosts; the smaller is the better.
type rank struct {
	inZone, onHost int
	used           share // the fuller of cpu and memory
}

func (h *host) rank(c *crowd) rank {
	var r rank
	if c != nil {
		r.onHost = c.hosts[h.name]
		if h.Host.Zone != "" {
			r.inZone = c.zones[h.Host.Zone]
		}
	}
	r.used = dominantShare(h.Host.Total.Minus(h.free), h.Host.Total)
	return r
}

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.inZone, o.inZone), cmp.Compare(r.onHost, o.onHost), r.used.compare(o.used))
}

// Explain says, host by host, why an instance of the app would not be placed now.
// Hosts that would take it do not appear, so it is a refusal only when the reasons
// add up to all hosts.
func (b *Board) Explain(app *apps.App) Refusal {
	c := b.crowds[crowdKey{app.ID, app.ConfigAt}]
	out := Refusal{App: app.ID, Config: app.ConfigAt}
	index := map[string]int{}
	most := map[string]int64{} // of what is lacking, on the host that has most
	for _, h := range b.hosts {
		if !h.known {
			continue
		}
		out.Hosts++
		code, text, free := b.refuses(app, c, h)
		if code == "" {
			continue
		}
		key := code + text
		i, seen := index[key]
		if !seen {
			i = len(out.Reasons)
			index[key] = i
			out.Reasons = append(out.Reasons, Reason{Code: code, Text: text})
			most[key] = free
		}
		out.Reasons[i].Hosts++
		most[key] = max(most[key], free)
	}
	for i := range out.Reasons {
		r := &out.Reasons[i]
		r.Text = lacking(app, r.Code, r.Text, most[r.Code+r.Text])
	}
	slices.SortStableFunc(out.Reasons, func(a, b Reason) int { return cmp.Compare(b.Hosts, a.Hosts) })
	return out
}

// lacking says what there is too little of, for people; most is what the host with
// most of it has. Of another reason it is the text.
func lacking(app *apps.App, code, text string, most int64) string {
	most = max(most, 0)
	switch code {
	case InsufficientCpus:
		return fmt.Sprintf("too little cpu (needs %s, most free %s)", cores(app.Needs.CPU), cores(most))
	case InsufficientMemory:
		return fmt.Sprintf("too little memory (needs %d MiB, most free %d)", app.Needs.Mem, most)
	case InsufficientDisk:
		return fmt.Sprintf("too little disk (needs %d MiB, most free %d)", app.Needs.Disk, most)
	case InsufficientGpus:
		return fmt.Sprintf("too few gpus (needs %d, most free %d)", app.Needs.GPU, most)
	}
	return text
}

// refuses is the first filter that the host does not pass; free is how much it has
// of what is lacking.
func (b *Board) refuses(app *apps.App, c *crowd, h *host) (code, text string, free int64) {
	if h.Closed != "" {
		return AgentMaintenance, h.Closed, 0
	}
	if con := b.accepts(app, c, h); con != "" {
		return UnfulfilledConstraint, con, 0
	}
	switch n := app.Needs; {
	case n.CPU > h.free.CPU:
		return InsufficientCpus, "", h.free.CPU
	case n.Mem > h.free.Mem:
		return InsufficientMemory, "", h.free.Mem
	case n.Disk > h.free.Disk:
		return InsufficientDisk, "", h.free.Disk
	case n.GPU > h.free.GPU:
		return InsufficientGpus, "", h.free.GPU
	}
	if _, _, lacking := h.ports.take(app); lacking != "" {
		return InsufficientPorts, lacking, 0
	}
	return "", "", 0
}

// cores writes thousandths of a core as cores: 1500 is "1.5".
func cores(milli int64) string {
	s := fmt.Sprintf("%d.%03d", milli/1000, milli%1000)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}
