package placement

import (
	"fmt"
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
	hosts  []*host // ordered by name
	byName map[string]*host
	roles  map[string]apps.Resources // what each role holds
	crowds map[crowdKey]*crowd
	total  apps.Resources // of all hosts, closed or not
	grew   bool
}

type host struct {
	Offer
	name  string
	known bool // an Offer was made; else only holds name it
	held  int  // holds that are booked
	free  apps.Resources
	ports ports
}

// A crowd is the placed instances of one app that share a configuration: what
// constraints and spreading look at. Instances of an older configuration are about
// to go and do not count (Marathon 1.10).
type crowd struct {
	total int
	hosts map[string]int // by host name
	zones map[string]int
}

type crowdKey struct {
	app    apps.ID
	config apps.Version
}

// NewBoard is an empty cluster.
func NewBoard() *Board {
	return &Board{byName: map[string]*host{}, roles: map[string]apps.Resources{}, crowds: map[crowdKey]*crowd{}}
}

// SetHost makes an offer, new or changed.
func (b *Board) SetHost(o Offer) {
	h := b.host(o.Host.Name)
	b.total = b.total.Minus(h.Host.Total).Plus(o.Host.Total)
	h.free = h.free.Plus(o.Host.Total.Minus(h.Host.Total))
	if o.Host.Zone != h.Host.Zone {
		b.moveZone(h, o.Host.Zone)
	}
	h.ports.ranges = o.Host.Ports
	h.Offer, h.known = o, true
	b.grew = true
}

// RemoveHost takes a host away; what it holds stays on the books until released.
func (b *Board) RemoveHost(name string) {
	h := b.byName[name]
	if h == nil {
		return
	}
	b.total = b.total.Minus(h.Host.Total)
	h.free = h.free.Minus(h.Host.Total)
	h.Offer, h.known, h.ports.ranges = Offer{Host: apps.Host{Name: name, Zone: h.Host.Zone}}, false, nil
	b.dropIdle(h)
}

func (b *Board) host(name string) *host {
	h := b.byName[name]
	if h == nil {
		h = &host{name: name}
		b.byName[name] = h
		i, _ := slices.BinarySearchFunc(b.hosts, name, func(h *host, name string) int {
			if h.name < name {
				return -1
			} else if h.name > name {
				return 1
			}
			return 0
		})
		b.hosts = slices.Insert(b.hosts, i, h)
	}
	return h
}

func (b *Board) dropIdle(h *host) {
	if !h.known && h.held == 0 {
		delete(b.byName, h.name)
		b.hosts = slices.DeleteFunc(b.hosts, func(o *host) bool { return o == h })
	}
}

// moveZone keeps the crowds' counts by zone true when a host changes its own.
func (b *Board) moveZone(h *host, zone string) {
	for _, c := range b.crowds {
		if n := c.hosts[h.name]; n > 0 {
			c.addZone(h.Host.Zone, -n)
			c.addZone(zone, n)
		}
	}
}

// Hold books an instance on its host. Instances found on a host are booked even
// where they do not fit any more: the host's free amount may become negative.
func (b *Board) Hold(in Hold) { b.book(in, 1) }

// Release gives back what Hold booked.
func (b *Board) Release(in Hold) {
	b.book(in, -1)
	b.grew = true
}

func (b *Board) book(in Hold, sign int) {
	h := b.host(in.Host)
	amount := in.Needs
	if sign < 0 {
		amount = apps.Resources{}.Minus(in.Needs)
	}
	h.held += sign
	h.free = h.free.Minus(amount)
	b.roles[in.Role] = b.roles[in.Role].Plus(amount)
	if b.roles[in.Role] == (apps.Resources{}) {
		delete(b.roles, in.Role)
	}
	for _, p := range in.Ports {
		if p > 0 {
			h.ports.book(p, sign)
		}
	}
	key := crowdKey{in.App.ID, in.App.ConfigAt}
	c := b.crowds[key]
	if c == nil {
		c = &crowd{hosts: map[string]int{}, zones: map[string]int{}}
		b.crowds[key] = c
	}
	c.total += sign
	if c.hosts[h.name] += sign; c.hosts[h.name] == 0 {
		delete(c.hosts, h.name)
	}
	c.addZone(h.Host.Zone, sign)
	if c.total == 0 {
		delete(b.crowds, key)
	}
	b.dropIdle(h)
}

func (c *crowd) addZone(zone string, n int) {
	if c.zones[zone] += n; c.zones[zone] == 0 {
		delete(c.zones, zone)
	}
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
func (b *Board) Held() map[string]apps.Resources { return maps.Clone(b.roles) }

// Hosts is the number of hosts that were offered.
func (b *Board) Hosts() int {
	n := 0
	for _, h := range b.hosts {
		if h.known {
			n++
		}
	}
	return n
}

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
	if len(fresh.hosts) != len(b.hosts) {
		return fmt.Errorf("%d hosts on the board, %d recomputed", len(b.hosts), len(fresh.hosts))
	}
	for i, h := range b.hosts {
		f := fresh.hosts[i]
		if h.name != f.name || h.held != f.held || h.free != f.free || !maps.Equal(h.ports.used, f.ports.used) {
			return fmt.Errorf("host %s: free %+v ports %v on the board; host %s: free %+v ports %v recomputed",
				h.name, h.free, h.ports.used, f.name, f.free, f.ports.used)
		}
		if h.known && !(apps.Resources{}).Fits(h.free) {
			return fmt.Errorf("host %s is given more than it has: free %+v", h.name, h.free)
		}
		for p, n := range h.ports.used {
			if n > 1 {
				return fmt.Errorf("host %s: port %d is given %d times", h.name, p, n)
			}
		}
	}
	if !maps.Equal(b.roles, fresh.roles) || b.total != fresh.total || len(b.crowds) != len(fresh.crowds) {
		return fmt.Errorf("roles %v total %+v on the board; roles %v total %+v recomputed", b.roles, b.total, fresh.roles, fresh.total)
	}
	for key, c := range b.crowds {
		f := fresh.crowds[key]
		if f == nil || f.total != c.total || !maps.Equal(f.hosts, c.hosts) || !maps.Equal(f.zones, c.zones) {
			return fmt.Errorf("app %s: crowd %+v on the board, %+v recomputed", key.app, c, f)
		}
	}
	return nil
}
