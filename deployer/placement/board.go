package placement

import (
	"cmp"
	"maps"
	"slices"

	"pacer/apps"
)

// An Offer is what a host has to give and what it is.
type Offer struct {
	Host apps.Host
	// Closed says why the host takes nothing new, in words that go after a number of
	// hosts: "lost", "cordoned"; empty when it does.
	Closed string
}

// A Hold is an instance that has a host: it keeps its resources and ports until
// Release.
type Hold struct {
	App   *apps.App // the spec it was placed with
	Host  string
	Role  string
	Needs apps.Resources
	Ports []int // host ports; 0 is none
}

// A Board is the hosts and who holds what of them.
type Board struct {
	hosts    []*host // ordered by name, unless shuffled
	shuffled bool
	byName   map[string]*host
	roles    map[string]*roleBook
	crowds   map[crowdKey]*crowd
	total    apps.Resources         // of all hosts, closed or not
	shapes   map[apps.Resources]int // how many hosts have so much
	grew     bool
	fairness Fairness
	policy   Policy
	slots    int32   // host.slot given out so far
	spare    []int32 // slots given back
	classes  map[string]int32
	reserved int // hosts that belong to a role

	index
	round   round
	trace   trace
	recount recount
}

type host struct {
	free  apps.Resources // what each placement looks at comes first, in two lines of the cache
	total apps.Resources
	place       // in the index
	slot  int32 // its number while it is on the board
	held  int32 // holds that are booked
	class int32 // hosts of one class have the same role, zone, region and attributes
	known bool  // an Offer was made; else only holds name it
	open  bool  // known, and not Closed
	name  string
	addr  string
	ports ports
	lacks apps.Resources // for Check: of what it had to give before it became smaller, or before it was found so
	Offer
}

// NewBoard is an empty cluster.
func NewBoard() *Board {
	return &Board{byName: map[string]*host{}, roles: map[string]*roleBook{}, crowds: map[crowdKey]*crowd{},
		shapes: map[apps.Resources]int{}, classes: map[string]int32{}, index: index{zoneIDs: map[string]int32{}}}
}

// SetHost makes an offer, new or changed.
func (b *Board) SetHost(o Offer) {
	h := b.host(o.Host.Name)
	b.count(h, -1)
	b.total = b.total.Minus(h.Host.Total).Plus(o.Host.Total)
	h.free = h.free.Plus(o.Host.Total.Minus(h.Host.Total))
	if h.known && (o.Host.Zone != h.Host.Zone || o.Host.Region != h.Host.Region || o.Host.Role != h.Host.Role || !maps.Equal(o.Host.Attributes, h.Host.Attributes)) {
		b.moveValues(h, o.Host.Zone)
	}
	if !h.known {
		b.moveValues(h, o.Host.Zone)
	}
	h.ports.setRanges(o.Host.Ports)
	h.Offer, h.known, h.total, h.lacks = o, true, o.Host.Total, overdrawn(h.free)
	h.open, h.addr = o.Closed == "", o.Host.Addr
	h.class = b.classOf(&o.Host)
	b.count(h, +1)
	b.relist(h)
	b.grew = true
}

// RemoveHost takes a host away; what it holds stays on the books until released.
func (b *Board) RemoveHost(name string) {
	h := b.byName[name]
	if h == nil {
		return
	}
	b.count(h, -1)
	b.total = b.total.Minus(h.Host.Total)
	h.free = h.free.Minus(h.Host.Total)
	h.ports.setRanges(nil)
	h.Offer, h.known, h.open = Offer{Host: apps.Host{Name: name, Zone: h.Host.Zone}}, false, false
	h.total = apps.Resources{}
	b.moveValues(h, h.Host.Zone) // it has no attributes any more
	b.dropIdle(h)
}

// count keeps the number of hosts of each shape, and of those that belong to a role.
func (b *Board) count(h *host, sign int) {
	if !h.known {
		return
	}
	if h.Host.Role != "" {
		b.reserved += sign
	}
	if b.shapes[h.Host.Total] += sign; b.shapes[h.Host.Total] == 0 {
		delete(b.shapes, h.Host.Total)
	}
}

func (b *Board) host(name string) *host {
	h := b.byName[name]
	if h == nil {
		h = &host{name: name, Offer: Offer{Host: apps.Host{Name: name}}}
		if n := len(b.spare); n > 0 {
			h.slot, b.spare = b.spare[n-1], b.spare[:n-1]
		} else {
			h.slot = b.slots
			b.slots++
		}
		b.byName[name] = h
		if n := len(b.hosts); n > 0 && b.hosts[n-1].name > name {
			b.shuffled = true
		}
		b.hosts = append(b.hosts, h)
		b.stale = true
	}
	return h
}

// inOrder is all hosts, by name.
func (b *Board) inOrder() []*host {
	if b.shuffled {
		slices.SortFunc(b.hosts, func(x, y *host) int { return cmp.Compare(x.name, y.name) })
		b.shuffled = false
	}
	return b.hosts
}

func (b *Board) dropIdle(h *host) {
	if !h.known && h.held == 0 {
		delete(b.byName, h.name)
		b.hosts = slices.DeleteFunc(b.hosts, func(o *host) bool { return o == h })
		b.spare = append(b.spare, h.slot)
		b.stale = true
	}
}

// moveValues keeps the crowds' counts true when a host changes its zone or attributes.
func (b *Board) moveValues(h *host, zone string) {
	from, to := b.zoneID(h.Host.Zone), b.zoneID(zone)
	if h.held > 0 {
		for _, c := range b.crowds {
			if n := c.hosts.get(h.slot); n > 0 {
				c.addZone(from, -n)
				c.addZone(to, n)
			}
			c.byField = nil
		}
	}
	b.stale = true
}

// Found books an instance that was given its host before. It is booked even where it
// does not fit any more: the host's free amount may become negative.
func (b *Board) Found(in Hold) {
	b.Hold(in)
	h := b.host(in.Host)
	h.lacks = overdrawn(h.free)
}

// overdrawn is what a host lacks of which so much is free.
func overdrawn(free apps.Resources) apps.Resources {
	return apps.Resources{CPU: max(0, -free.CPU), Mem: max(0, -free.Mem), Disk: max(0, -free.Disk), GPU: max(0, -free.GPU)}
}

// Hold books an instance on its host.
func (b *Board) Hold(in Hold) {
	h := b.host(in.Host)
	b.book(h, b.crowd(in.App), b.role(in.Role).app(in.App.ID), in.Needs, in.Ports, unknown, 1)
}

// Release gives back what Hold booked.
func (b *Board) Release(in Hold) {
	h, c, a := b.host(in.Host), b.crowd(in.App), b.role(in.Role).app(in.App.ID)
	b.book(h, c, a, in.Needs, in.Ports, unknown, -1)
	b.grown(h)
	b.grew = true
	b.dropApp(a)
	b.dropCrowd(c)
	b.dropIdle(h)
}

// unknown is how many of a crowd a host runs, for book to look up.
const unknown = -1

// book books one instance of a crowd, or takes it from the books; the host runs so many
// of it so far.
func (b *Board) book(h *host, c *crowd, a *appBook, needs apps.Resources, taken []int, runs int32, sign int) {
	amount := needs
	if sign < 0 {
		amount = apps.Resources{}.Minus(needs)
	}
	h.held += int32(sign)
	h.free = h.free.Minus(amount)
	for _, p := range taken {
		if p > 0 {
			h.ports.book(p, sign)
		}
	}
	b.moveLevel(h)
	a.book(needs, amount, sign)
	c.book(b, h, runs, int32(sign))
}

// Grew reports, once, whether room may have become free since it was asked last:
// only then is it worth asking again for what was refused.
func (b *Board) Grew() bool {
	grew := b.grew
	b.grew = false
	return grew
}

// Total is what all hosts have.
func (b *Board) Total() apps.Resources { return b.total }

// Held is what each role holds.
func (b *Board) Held() map[string]apps.Resources {
	out := make(map[string]apps.Resources, len(b.roles))
	for name, r := range b.roles {
		if r.held != (apps.Resources{}) {
			out[name] = r.held
		}
	}
	return out
}

// Hosts is the number of hosts that were offered.
func (b *Board) Hosts() int {
	n := 0
	for _, many := range b.shapes {
		n += many
	}
	return n
}
