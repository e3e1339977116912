package placement

import (
	"slices"
	"strings"

	"pacer/apps"
)

// A crowd is the placed instances of one app that share a configuration: what
// constraints and spreading look at. Instances of an older configuration are about
// to go and do not count (Marathon 1.10).
type crowd struct {
	key   crowdKey
	app   *apps.App // any of that configuration
	total int32
	hosts tally
	zones []int32 // by zone id
	waits bool    // in the round that goes on

	rules   *rules
	finder  *finder
	byField map[string]map[string]int32 // counts by value of a field; nil: not counted yet
}

type crowdKey struct {
	app    apps.ID
	config apps.Version
}

func (b *Board) crowd(app *apps.App) *crowd {
	key := crowdKey{app.ID, app.ConfigAt}
	c := b.crowds[key]
	if c == nil {
		c = &crowd{key: key, app: app}
		b.crowds[key] = c
	}
	return c
}

// crowdFor is the crowd that an ask for the app joins.
func (b *Board) crowdFor(app *apps.App) *crowd {
	c := b.crowd(app)
	if c.app != app {
		if c.app.Needs != app.Needs || !slices.Equal(c.app.Constraints, app.Constraints) || !slices.Equal(c.app.AcceptedRoles, app.AcceptedRoles) || c.app.Role != app.Role || c.app.Labels[PolicyLabel] != app.Labels[PolicyLabel] || !samePorts(c.app, app) {
			b.forget(c)
			c.rules = nil
		}
		c.app = app
	}
	return c
}

func samePorts(a, b *apps.App) bool {
	same := len(a.Ports) == len(b.Ports)
	for i := 0; same && i < len(a.Ports); i++ {
		same = a.HostPort(i) == b.HostPort(i)
	}
	return same
}

// peek is the crowd, or nil where nothing of it is placed.
func (b *Board) peek(app *apps.App) *crowd {
	if c := b.crowds[crowdKey{app.ID, app.ConfigAt}]; c != nil && c.total != 0 {
		return c
	}
	return nil
}

func (b *Board) dropCrowd(c *crowd) {
	if c.total == 0 && !c.waits {
		b.forget(c)
		delete(b.crowds, c.key)
	}
}

func (c *crowd) book(b *Board, h *host, runs, sign int32) {
	c.total += sign
	n := runs
	if n == unknown {
		n = c.hosts.add(h.slot, sign, b.slots)
	} else {
		c.hosts.addTo(h.slot, n, sign, b.slots)
	}
	c.addZone(b.zoneOf(h), sign)
	c.byField = nil
	if c.finder != nil {
		c.finder.move(h, n, n+sign)
	}
}

func (c *crowd) addZone(zone, n int32) {
	for int(zone) >= len(c.zones) {
		c.zones = append(c.zones, 0)
	}
	c.zones[zone] += n
}

// onZone is how many of the crowd are in the zone; no zone is never full.
func (c *crowd) onZone(zone int32) int32 {
	if zone == noZone || int(zone) >= len(c.zones) {
		return 0
	}
	return c.zones[zone]
}

// classOf is the number of the class of a host: all that constraints look at but its
// name. Numbers start at 1.
func (b *Board) classOf(h *apps.Host) int32 {
	var text strings.Builder
	text.WriteString(h.Zone)
	text.WriteByte(0)
	text.WriteString(h.Region)
	text.WriteByte(0)
	text.WriteString(h.Role)
	names := make([]string, 0, len(h.Attributes))
	for name := range h.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text.WriteByte(0)
		text.WriteString(name)
		text.WriteByte(0)
		text.WriteString(h.Attributes[name])
	}
	id, known := b.classes[text.String()]
	if !known {
		id = int32(len(b.classes)) + 1
		b.classes[text.String()] = id
	}
	return id
}

// What of its constraints a crowd has to look at, and where.
type rules struct {
	app     *apps.App
	policy  Policy
	perHost int32 // fewer than so many on one host
	gather  bool  // CLUSTER hostname without a value: only where some are
	only    string
	zone    []counting        // by zone
	field   []counting        // by another field
	class   []apps.Constraint // the same for all hosts of a class
	name    []apps.Constraint // of the host's name
	scan    bool              // not to be found by the index
}

func rulesOf(app *apps.App, policy Policy) *rules {
	r := &rules{app: app, policy: policy, perHost: 1<<31 - 1}
	switch app.Labels[PolicyLabel] {
	case "spread":
		r.policy = Spread
	case "pack":
		r.policy = Pack
	}
	for _, con := range app.Constraints {
		counted := con.Operator == "UNIQUE" || con.Operator == "MAX_PER" || con.Operator == "GROUP_BY" || con.Operator == "CLUSTER" && con.Value == ""
		switch byName := con.Field == "hostname" || con.Field == "@hostname"; {
		case byName && con.Operator == "UNIQUE":
			r.perHost = min(r.perHost, 1)
		case byName && con.Operator == "MAX_PER":
			r.perHost = min(r.perHost, mostPer(con))
		case byName && con.Operator == "GROUP_BY":
			r.scan = true
		case byName && counted:
			r.gather = true
		case byName && con.Operator == "CLUSTER":
			r.only, r.name = con.Value, append(r.name, con)
		case byName:
			r.name = append(r.name, con)
		case counted && con.Field == "@zone":
			r.zone = append(r.zone, countingOf(con))
		case counted:
			r.field = append(r.field, countingOf(con))
			r.class = append(r.class, apps.Constraint{Field: con.Field, Operator: "LIKE", Value: "(?s).*"}) // it must have one
		default:
			r.class = append(r.class, con)
		}
	}
	r.scan = r.scan || r.gather && r.policy == Pack
	return r
}
