package placement

import (
	"fmt"
	"maps"
	"math/bits"

	"pacer/apps"
)

// Check recomputes the books from what is held and says where they differ; nil
// when they are true and no host is given more than it has.
func (b *Board) Check(holds []Hold) error {
	fresh := NewBoard()
	for _, h := range b.hosts {
		if h.known {
			fresh.SetHost(h.Offer)
		} else {
			fresh.host(h.name).Offer = h.Offer
		}
	}
	for _, in := range holds {
		fresh.Hold(in)
	}
	if err := b.checkHosts(fresh); err != nil {
		return err
	}
	if !maps.Equal(b.Held(), fresh.Held()) || b.total != fresh.total || !maps.Equal(b.shapes, fresh.shapes) || len(b.crowds) != len(fresh.crowds) {
		return fmt.Errorf("roles %v total %+v crowds %d on the board; roles %v total %+v crowds %d recomputed", b.Held(), b.total, len(b.crowds), fresh.Held(), fresh.total, len(fresh.crowds))
	}
	if err := b.checkRoles(fresh); err != nil {
		return err
	}
	for key, c := range b.crowds {
		if err := b.checkCrowd(c, fresh, fresh.crowds[key]); err != nil {
			return fmt.Errorf("app %s: %w", key.app, err)
		}
	}
	return b.checkIndex()
}

func (b *Board) checkHosts(fresh *Board) error {
	if len(fresh.hosts) != len(b.hosts) {
		return fmt.Errorf("%d hosts on the board, %d recomputed", len(b.hosts), len(fresh.hosts))
	}
	for _, h := range b.hosts {
		f := fresh.byName[h.name]
		if f == nil || h.held != f.held || h.free != f.free || h.ports.inUse != f.ports.inUse || !maps.Equal(h.ports.booked(), f.ports.booked()) {
			return fmt.Errorf("host %s: free %+v ports %v on the board; recomputed: %+v", h.name, h.free, h.ports.booked(), f)
		}
		if h.known && !(apps.Resources{}).Fits(h.free) {
			return fmt.Errorf("host %s is given more than it has: free %+v", h.name, h.free)
		}
		for p, n := range h.ports.booked() {
			if n > 1 {
				return fmt.Errorf("host %s: port %d is given %d times", h.name, p, n)
			}
		}
	}
	return nil
}

func (b *Board) checkRoles(fresh *Board) error {
	for name, r := range b.roles {
		f := fresh.roles[name]
		if f == nil && (r.set == nil || r.n != 0) || f != nil && (r.n != f.n || len(r.apps) != len(f.apps)) {
			return fmt.Errorf("role %s: %d instances on the board, recomputed: %+v", name, r.n, f)
		}
		for id, a := range r.apps {
			if o := f.apps[id]; o == nil || o.held != a.held || o.n != a.n {
				return fmt.Errorf("role %s: its app %s holds %+v on the board, recomputed: %+v", name, id, a.held, o)
			}
		}
	}
	return nil
}

// checkCrowd compares the counts, and says whether the finder has each host where it
// belongs: in the tier of its count, or aside.
func (b *Board) checkCrowd(c *crowd, fresh *Board, f *crowd) error {
	if f == nil || f.total != c.total || c.hosts.len() != f.hosts.len() {
		return fmt.Errorf("crowd %+v on the board, %+v recomputed", c, f)
	}
	zones := map[string]int32{}
	for _, h := range b.hosts {
		n := c.hosts.get(h.slot)
		if n != f.hosts.get(fresh.byName[h.name].slot) {
			return fmt.Errorf("%d on host %s on the board", n, h.name)
		}
		zones[h.Host.Zone] += n
	}
	for zone, n := range zones {
		if id := int(b.zoneID(zone)); zone != "" && (id < len(c.zones) && c.zones[id] != n || id >= len(c.zones) && n != 0) {
			return fmt.Errorf("%v by zone on the board, %v recomputed", c.zones, zones)
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

// checkIndex says whether each host is listed as full as it is.
func (b *Board) checkIndex() error {
	if b.stale {
		return nil
	}
	for _, h := range b.hosts {
		listed := h.known && h.Closed == ""
		if listed != (h.level >= 0) || listed && h.level != h.fullness() {
			return fmt.Errorf("host %s is listed at level %d", h.name, h.level)
		}
		z := &b.zones[h.zone]
		for level := range levels {
			if has := z.rows[level*z.words+int(h.bit>>6)]>>(h.bit&63)&1 != 0; has != (listed && int32(level) == h.level) {
				return fmt.Errorf("host %s: its bit of level %d is %v", h.name, level, has)
			}
		}
	}
	return nil
}
