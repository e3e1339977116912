package placement

import (
	"cmp"
	"slices"

	"pacer/apps"
)

// An Ask is one instance that needs a host.
type Ask struct {
	Instance string
	Serial   uint64 // order within the app: first come, first served
	App      *apps.App
	Role     string
	// More: there will be more asks of the app after its last one, so that nobody can be
	// served after that one in this round.
	More bool
	Told bool // should it be refused: its reasons are known well enough, and need not be worked out
}

// An Allocation is the answer to an ask. It is booked already.
type Allocation struct {
	Instance string
	Host     string
	Addr     string
	Ports    []int // host ports in the order of App.Ports; 0 is none
	Ask      int   // its index in what Place was asked
}

// A Refusal is why an app's instances got no host. The counts of Reasons add up to
// Hosts.
type Refusal struct {
	App     apps.ID
	Config  apps.Version
	Hosts   int
	Reasons []Reason // the most frequent first
	Hint    string   // what would make it fit, where Place has refused it; see Suggestion
	Told    bool     // by Ask.Told, there is nothing of the above
}

// A Reason is a number of hosts that refused for the same cause.
type Reason struct {
	Code  string // Marathon's reject reason
	Text  string // for people
	Hosts int
	Names []string // of the first of them, in order; at most NamesMax
}

// NamesMax is how many hosts a reason names.
const NamesMax = 8

// Place serves asks until none fits: always the role with the smallest share first,
// and of it the app with the smallest share; when its next ask fits nowhere that one is
// refused and the next is tried, so nothing that can run is left out. Within an app it
// is first come, first served. What lies within a role's guarantee comes before all
// else, and nothing goes above a role's limit. Placed is valid until the next Place.
func (b *Board) Place(asks []Ask) (placed []Allocation, refused []Refusal) {
	placed, refused, _ = b.PlaceSome(asks, len(asks))
	return placed, refused
}

// PlaceSome is Place that stops after so many allocations, or after the last ask of an
// app of which there will be more: cut then reports that the asks which are neither placed
// nor refused are to be asked again. Who is next depends on what everybody holds and not
// on where the rounds begin, so many small rounds are as fair as a big one.
func (b *Board) PlaceSome(asks []Ask, most int) (placed []Allocation, refused []Refusal, cut bool) {
	r := &b.round
	b.queue(asks)
	refused, askers := b.sift()
	b.form()
	r.placed = slices.Grow(r.placed[:0], min(len(asks), most))
	for len(r.line) > 0 && !cut {
		role := r.line[0].role
		a := role.lots[role.pick]
		h, runs := b.hostFor(a)
		if h == nil {
			refused, askers = b.refuse(a, refused, askers)
			b.advance(role.pick, b.alike(a))
			continue
		}
		app := a.asked
		taken := r.portsOf(len(app.Ports))
		h.ports.take(app, taken)
		if b.trace.on() {
			b.trace.note(b, a, h.name)
		}
		b.book(h, a.crowd, a, app.Needs, taken, runs, 1)
		ask := int(r.order[a.from].ask)
		r.placed = append(r.placed, Allocation{Host: h.name, Addr: h.addr, Ports: taken, Ask: ask})
		cut = len(r.placed) >= most || a.from+1 == a.to && asks[ask].More // asks are far apart in memory
		b.served(role.pick)
	}
	for i := range r.placed {
		r.placed[i].Instance = asks[r.placed[i].Ask].Instance
	}
	cut = cut && (len(r.line) > 0 || asks[r.placed[len(r.placed)-1].Ask].More)
	for i, ask := range askers { // when all who fit have their place
		if ask.Told {
			continue
		}
		refused[i].Hint = b.suggest(ask.App, b.role(ask.Role)).String()
	}
	b.close()
	return r.placed, refused, cut
}

// sift takes those out of the line whom no host takes as it is: they are blocked, and
// what they need does not count for others any more.
func (b *Board) sift() (refused []Refusal, askers []Ask) {
	r := &b.round
	if len(r.lots) > 1 {
		for _, a := range r.lots {
			for a.from < a.to {
				if h, _ := b.hostFor(a); h != nil {
					break
				}
				refused, askers = b.refuse(a, refused, askers)
				if a.from += b.alike(a); a.from < a.to {
					b.face(a)
				}
			}
			if a.from == a.to {
				r.want(a, -1)
				a.need = vector{}
				a.role.lots = slices.DeleteFunc(a.role.lots, func(o *appBook) bool { return o == a })
			}
		}
		r.line = slices.DeleteFunc(r.line, func(l inLine) bool { return len(l.role.lots) == 0 })
	}
	r.wanted = r.stillWanted()
	return refused, askers
}

// hostFor is find for the lot's next ask.
func (b *Board) hostFor(a *appBook) (best *host, runs int32) {
	if a.role.above(&a.need) >= 0 {
		return nil, unknown
	}
	return b.find(a.crowd, &a.asked.Needs)
}

// alike is how many of the lot's next asks are for the same: room only shrinks within
// a round, so there is no need to ask twice.
func (b *Board) alike(a *appBook) (n int32) {
	r := &b.round
	for i := a.from; i < a.to && r.order[i].app.ConfigAt == a.asked.ConfigAt; i++ {
		n++
	}
	return n
}

func (b *Board) refuse(a *appBook, refused []Refusal, askers []Ask) ([]Refusal, []Ask) {
	if b.trace.on() {
		b.trace.note(b, a, "")
	}
	ask := b.round.ask(a)
	if a.refused { // it may have been another configuration
		for _, r := range refused {
			if r.App == ask.App.ID && r.Config == ask.App.ConfigAt {
				return refused, askers
			}
		}
	}
	a.refused = true
	r := Refusal{App: ask.App.ID, Config: ask.App.ConfigAt, Told: ask.Told}
	if !r.Told {
		r = b.explain(ask.App, a.role)
	}
	return append(refused, r), append(askers, *ask)
}

// portsOf is room for n ports of an allocation, of which many are made at once.
func (r *round) portsOf(n int) []int {
	const many = 1024
	if n == 0 {
		return nil
	}
	if len(r.ports) < n {
		r.ports = make([]int, max(many, n))
	}
	out := r.ports[:n:n]
	r.ports = r.ports[n:]
	return out
}

// scan is what find answers, found by looking at every host; tried is how many it
// looked at.
func (b *Board) scan(app *apps.App, c *crowd, needs *apps.Resources) (best *host, tried int) {
	if c != nil && c.total == 0 {
		c = nil
	}
	policy := rulesOf(app, b.policy).policy
	var bestRank rank
	for _, h := range b.inOrder() {
		tried++
		if !h.known || h.Closed != "" || !needs.Fits(h.free) || !app.Takes(h.Host.Role) {
			continue
		}
		r := b.rankOf(h, c, policy)
		if best != nil && r.compare(bestRank) >= 0 {
			continue
		}
		if failed, _ := b.accepts(app, c, h); failed < 0 && h.ports.lacks(app) == 0 {
			best, bestRank = h, r
		}
	}
	return best, tried
}

// A rank orders feasible hosts; the smaller is the better, ties go to the name.
// Spreading looks at an app's instances in the zone, then on the host, then at how full
// the host is; packing only at how full it is.
type rank struct{ inZone, onHost, fullness int32 }

func (b *Board) rankOf(h *host, c *crowd, policy Policy) rank {
	if policy == Pack {
		return rank{fullness: -h.fullness()}
	}
	r := rank{fullness: h.fullness()}
	if c != nil {
		r.inZone, r.onHost = c.onZone(b.zoneOf(h)), c.hosts.get(h.slot)
	}
	return r
}

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.inZone, o.inZone), cmp.Compare(r.onHost, o.onHost), cmp.Compare(r.fullness, o.fullness))
}
