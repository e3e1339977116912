package placement

import (
	"fmt"
	"maps"
	"math/bits"

	"pacer/apps"
)

// Check recomputes the books from what is held and says where they differ; nil
// when they are true and no host is given more than it has, or had when it was given.
func (b *Board) Check(holds []Hold) error {
	r := &b.recount
	r.begin(b)
	for i := range holds {
		if err := r.add(b, &holds[i]); err != nil {
			return err
		}
	}
	for _, h := range b.hosts {
		if err := r.checkHost(h); err != nil {
			return err
		}
	}
	if r.total != b.total || !maps.Equal(r.shapes, b.shapes) {
		return fmt.Errorf("total %+v shapes %v on the board; %+v and %v recomputed", b.total, b.shapes, r.total, r.shapes)
	}
	if r.reserved != b.reserved {
		return fmt.Errorf("%d hosts of a role on the board, %d recomputed", b.reserved, r.reserved)
	}
	if err := r.checkRoles(b); err != nil {
		return err
	}
	if len(r.crowds) != len(b.crowds) {
		return fmt.Errorf("%d crowds on the board, %d recomputed", len(b.crowds), len(r.crowds))
	}
	for key, c := range b.crowds {
		if err := r.checkCrowd(b, c); err != nil {
			return fmt.Errorf("app %s: %w", key.app, err)
		}
	}
	return b.checkIndex()
}

// A recount is the books anew. Its room is kept from one Check to the next: tests check
// after every step.
type recount struct {
	hosts    []hostCount // by host.slot
	total    apps.Resources
	reserved int
	shapes   map[apps.Resources]int
	roles    map[string]sum
	apps     map[appKey]*sum
	crowds   map[crowdKey][]int32 // by host.slot
	zoneOf   []int32              // by host.slot
	zones    []int32              // by zone id, of one crowd
	spare    [][]int32

	of   *apps.App // of the hold that was added last
	role string
	app  *sum    // of that app and role
	on   []int32 // of its configuration, by host.slot
}

type hostCount struct {
	sum
	ports, inUse int
}

// A sum is what so many instances hold.
type sum struct {
	n    int
	held apps.Resources
}

func (s sum) plus(needs apps.Resources) sum { return sum{s.n + 1, s.held.Plus(needs)} }

type appKey struct {
	role string
	app  apps.ID
}

func (r *recount) begin(b *Board) {
	if r.shapes == nil {
		*r = recount{shapes: map[apps.Resources]int{}, roles: map[string]sum{}, apps: map[appKey]*sum{}, crowds: map[crowdKey][]int32{}}
	}
	for _, on := range r.crowds {
		r.spare = append(r.spare, on)
	}
	r.reserved = 0
	clear(r.shapes)
	clear(r.roles)
	clear(r.apps)
	clear(r.crowds)
	r.hosts = append(r.hosts[:0], make([]hostCount, b.slots)...)
	r.zoneOf = append(r.zoneOf[:0], make([]int32, b.slots)...)
	r.total, r.of = apps.Resources{}, nil
	for _, h := range b.hosts {
		r.zoneOf[h.slot] = b.zoneID(h.Host.Zone)
		if h.known {
			r.total = r.total.Plus(h.Host.Total)
			r.shapes[h.Host.Total]++
			if h.Host.Role != "" {
				r.reserved++
			}
		}
	}
}

func (r *recount) add(b *Board, in *Hold) error {
	h := b.byName[in.Host]
	if h == nil {
		return fmt.Errorf("host %s is not on the board, and %s has an instance there", in.Host, in.App.ID)
	}
	n := &r.hosts[h.slot]
	n.sum = n.plus(in.Needs)
	for _, p := range in.Ports {
		if p <= 0 {
			continue
		}
		if n.ports++; h.ports.inRanges(p) {
			n.inUse++
		}
		if !h.ports.used(p) {
			return fmt.Errorf("host %s: port %d is free on the board, and %s has it", h.name, p, in.App.ID)
		}
	}
	if in.App != r.of || in.Role != r.role { // holds come app by app
		r.of, r.role = in.App, in.Role
		r.app, r.on = r.appSum(appKey{in.Role, in.App.ID}), r.crowd(b, crowdKey{in.App.ID, in.App.ConfigAt})
	}
	*r.app = r.app.plus(in.Needs)
	r.on[h.slot]++
	return nil
}

func (r *recount) appSum(key appKey) *sum {
	s := r.apps[key]
	if s == nil {
		s = &sum{}
		r.apps[key] = s
	}
	return s
}

// crowd is where the instances of a configuration are counted.
func (r *recount) crowd(b *Board, key crowdKey) []int32 {
	on := r.crowds[key]
	if on == nil {
		if last := len(r.spare) - 1; last >= 0 {
			on, r.spare = r.spare[last][:0], r.spare[:last]
		}
		on = append(on, make([]int32, b.slots)...)
		r.crowds[key] = on
	}
	return on
}

func (r *recount) checkHost(h *host) error {
	n := &r.hosts[h.slot]
	free := apps.Resources{}.Minus(n.held)
	if h.known {
		free = free.Plus(h.Host.Total)
	}
	booked, listed := 0, 0
	for _, pg := range h.ports.pages {
		if pg != nil {
			booked += ones(pg.bits[:])
			listed += pg.n
		}
	}
	for p, more := range h.ports.more {
		return fmt.Errorf("host %s: port %d is given %d times", h.name, p, more+1)
	}
	switch {
	case int(h.held) != n.n || h.free != free || h.known && h.total != h.Host.Total:
		return fmt.Errorf("host %s: %d held, free %+v on the board; %d and %+v recomputed", h.name, h.held, h.free, n.n, free)
	case booked != n.ports || listed != n.ports || h.ports.inUse != n.inUse:
		return fmt.Errorf("host %s: %d ports (%d, of its own %d) on the board, %d (of its own %d) recomputed", h.name, booked, listed, h.ports.inUse, n.ports, n.inUse)
	case h.known && !overdrawn(h.free).Fits(h.lacks):
		return fmt.Errorf("host %s is given more than it has: free %+v", h.name, h.free)
	}
	h.lacks = overdrawn(h.free) // it may lack that until it is given back, and no more
	return nil
}

func (r *recount) checkRoles(b *Board) error {
	for key, app := range r.apps {
		role := r.roles[key.role]
		r.roles[key.role] = sum{role.n + app.n, role.held.Plus(app.held)}
	}
	known := 0
	for name, book := range b.roles {
		f := r.roles[name]
		if f.n == 0 && book.set == nil || book.n != f.n || book.held != f.held {
			return fmt.Errorf("role %s: %d instances hold %+v on the board, recomputed: %+v", name, book.n, book.held, f)
		}
		for id, a := range book.apps {
			if f := r.apps[appKey{name, id}]; f == nil || f.held != a.held || f.n != a.n {
				return fmt.Errorf("role %s: its app %s holds %+v on the board, recomputed: %+v", name, id, a.held, f)
			}
			known++
		}
	}
	if known != len(r.apps) {
		return fmt.Errorf("%d apps by role on the board, %d recomputed", known, len(r.apps))
	}
	return nil
}

// checkCrowd compares the counts, and says whether the finder has each host where it
// belongs: in the tier of its count, or aside.
func (r *recount) checkCrowd(b *Board, c *crowd) error {
	on := r.crowds[c.key]
	if on == nil {
		return fmt.Errorf("%d instances on the board, none recomputed", c.total)
	}
	total, some := int32(0), 0
	clear(r.zones)
	for _, h := range b.hosts {
		n := on[h.slot]
		if c.hosts.get(h.slot) != n {
			return fmt.Errorf("%d on host %s on the board, %d recomputed", c.hosts.get(h.slot), h.name, n)
		}
		if total += n; n != 0 {
			some++
		}
		zone := int(r.zoneOf[h.slot])
		for zone >= len(r.zones) {
			r.zones = append(r.zones, 0)
		}
		r.zones[zone] += n
	}
	if c.total != total || c.hosts.len() != some {
		return fmt.Errorf("%d instances on %d hosts on the board, %d on %d recomputed", c.total, c.hosts.len(), total, some)
	}
	for zone := range r.zones {
		if zone != noZone && (zone < len(c.zones) && c.zones[zone] != r.zones[zone] || zone >= len(c.zones) && r.zones[zone] != 0) {
			return fmt.Errorf("%v by zone on the board, %v recomputed", c.zones, r.zones)
		}
	}
	if c.finder == nil || b.stale {
		return nil
	}
	return c.finder.check(c)
}

func (f *finder) check(c *crowd) error {
	in := 0
	for k := range f.tiers {
		for w, x := range f.tiers[k].row {
			for ; x != 0; x &= x - 1 {
				in++
				if h := f.b.at[w*64+bits.TrailingZeros64(x)]; h == nil || f.level(c.hosts.get(h.slot)) != k {
					return fmt.Errorf("a host is in tier %d that does not belong there", k)
				}
			}
		}
	}
	if may := ones(f.may); in+f.aside != may {
		return fmt.Errorf("%d hosts in tiers and %d aside, of %d", in, f.aside, may)
	}
	away := 0
	for w, x := range f.may {
		for ; x != 0; x &= x - 1 {
			h := f.b.at[w*64+bits.TrailingZeros64(x)]
			if k := f.level(c.hosts.get(h.slot)); k >= 0 && !f.has(k, w, x&-x) {
				away++
			}
		}
	}
	if away > f.refused {
		return fmt.Errorf("%d hosts refused, at most %d are known to", away, f.refused)
	}
	for i := range f.fields {
		fresh := f.b.fieldRule(f.fields[i].counting, c)
		for v, n := range f.fields[i].n {
			if n != fresh.n[v] {
				return fmt.Errorf("%d with %s %s, %d recomputed", n, f.fields[i].counting.field, fresh.field.names[v], fresh.n[v])
			}
		}
	}
	return nil
}

// checkIndex says whether each host is listed as full as it is, and nothing else is.
func (b *Board) checkIndex() error {
	if b.stale {
		return nil
	}
	many := 0
	for _, h := range b.hosts {
		listed := h.known && h.Closed == ""
		if listed != h.open {
			return fmt.Errorf("host %s is open: %t", h.name, h.open)
		}
		if listed != (h.level >= 0) || listed && h.level != h.fullness() {
			return fmt.Errorf("host %s is listed at level %d", h.name, h.level)
		}
		if !listed {
			continue
		}
		many++
		z := &b.zones[h.zone]
		if z.rows[int(h.level)*z.words+int(h.bit>>6)]>>(h.bit&63)&1 == 0 {
			return fmt.Errorf("host %s: its bit of level %d is not set", h.name, h.level)
		}
	}
	set := 0
	for i := range b.zones {
		set += ones(b.zones[i].rows)
	}
	if set != many {
		return fmt.Errorf("%d hosts are listed, and %d bits set", many, set)
	}
	return nil
}
