package placement

import (
	"cmp"
	"math"
	"math/bits"

	"pacer/apps"
)

// A finder knows which hosts a crowd may go to. Hosts that run equally many of the
// crowd are one tier. A host that is tried and does not take an instance is put aside
// until it grows: so each is tried once, not with every instance.
type finder struct {
	b       *Board
	rules   *rules
	tiers   []tier
	low     int      // no tier below has a host
	open    []int32  // by zone: hosts in any tier
	seen    uint64   // of the journal
	aside   int      // hosts that are in no tier and may come back
	refused int      // of those, at most so many because they refused or are closed: only a host that grew brings them back
	may     []uint64 // hosts of the classes that the app's constraints and roles accept
	fields  []fieldRule
	spare   [][]uint64
	tried   int // hosts, by the last search
}

type tier struct {
	row   []uint64 // over all zones; nil: no host
	n     []int32  // by zone
	hosts int      // sum of n
}

// A fieldRule is a constraint that counts by the value of an attribute.
type fieldRule struct {
	counting
	field   *field
	n       []int32  // of the crowd, by value
	closed  []bool   // by value
	blocked []uint64 // hosts with such a value
	stale   bool
}

// finderOf is up to date with the board.
func (b *Board) finderOf(c *crowd) *finder {
	if b.stale {
		b.reindex()
	}
	if c.rules == nil {
		c.rules = rulesOf(c.app, b.policy)
	}
	if c.rules.scan {
		return nil
	}
	f := c.finder
	if f != nil && f.refused > 0 && f.seen+uint64(len(b.journal)) < b.seq { // too long ago
		b.forget(c)
		f = nil
	}
	if f == nil {
		return b.newFinder(c)
	}
	if f.refused > 0 {
		for _, h := range b.journal[len(b.journal)-int(b.seq-f.seen):] {
			f.back(h, c.hosts.get(h.slot))
		}
	}
	f.seen = b.seq
	return f
}

func (b *Board) newFinder(c *crowd) *finder {
	if b.finderWords > finderWordsMax {
		b.forgetFinders()
		c.rules = rulesOf(c.app, b.policy)
	}
	f := &finder{b: b, rules: c.rules, open: make([]int32, len(b.zones)), seen: b.seq, may: b.may(c.rules)}
	c.finder = f
	for _, con := range c.rules.field {
		f.fields = append(f.fields, b.fieldRule(con, c))
	}
	first := f.tier(0)
	for w, x := range f.may {
		first.row[w] = x & b.listed[w]
	}
	for z := range b.zones {
		zn := &b.zones[z]
		n := ones(first.row[zn.first : zn.first+zn.words])
		first.n[z], f.open[z] = int32(n), int32(n)
		first.hosts += n
	}
	f.aside = ones(f.may) - first.hosts
	f.refused = f.aside // closed, all of them
	c.hosts.each(func(slot, n int32) {
		h := b.bySlot[slot]
		w, bit := b.word(h)
		if f.has(0, w, bit) {
			f.drop(0, h, w, bit)
			if k := f.level(n); k >= 0 {
				f.add(k, h, w, bit)
			} else {
				f.aside++
			}
		}
	})
	b.finding = append(b.finding, c)
	b.finderWords += f.words()
	return f
}

func (f *finder) words() int { return len(f.may) * (3 + len(f.fields)) }

// may is the hosts of the classes that the app's constraints and roles accept.
func (b *Board) may(r *rules) []uint64 {
	row := make([]uint64, b.words)
	switch {
	case len(r.class) == 0 && b.reserved == 0 && r.app.Takes(""):
		copy(row, b.known)
	case b.byClass != nil:
		for _, hosts := range b.byClass {
			if h := b.anyOf(hosts); h != nil && r.acceptClass(&h.Host) {
				for w, x := range hosts {
					row[w] |= x
				}
			}
		}
	default:
		verdicts := map[int32]bool{}
		for w, x := range b.known {
			for ; x != 0; x &= x - 1 {
				h := b.at[w*64+bits.TrailingZeros64(x)]
				ok, known := verdicts[h.class]
				if !known {
					ok = r.acceptClass(&h.Host)
					verdicts[h.class] = ok
				}
				if ok {
					row[w] |= x & -x
				}
			}
		}
	}
	return row
}

func (b *Board) anyOf(hosts []uint64) *host {
	for w, x := range hosts {
		if x != 0 {
			return b.at[w*64+bits.TrailingZeros64(x)]
		}
	}
	return nil
}

func (r *rules) acceptClass(h *apps.Host) bool {
	if !r.app.Takes(h.Role) {
		return false
	}
	for _, con := range r.class {
		value, has := attribute(h, con.Field)
		if !has && con.Operator == "UNLIKE" {
			continue
		}
		if !has || !constant(con, value) {
			return false
		}
	}
	return true
}

// constant is the answer of a constraint that counts nothing.
func constant(con apps.Constraint, value string) bool {
	switch con.Operator {
	case "LIKE":
		return matches(con.Value, value)
	case "UNLIKE":
		return !matches(con.Value, value)
	case "IS":
		return same(con.Value, value)
	case "CLUSTER":
		return value == con.Value
	default:
		panic("placement: " + con.Operator + " counts")
	}
}

func (f *finder) tier(k int) *tier {
	for len(f.tiers) <= k {
		f.tiers = append(f.tiers, tier{n: make([]int32, len(f.open))})
	}
	t := &f.tiers[k]
	if t.row == nil {
		if n := len(f.spare); n > 0 {
			t.row, f.spare = f.spare[n-1], f.spare[:n-1]
		} else {
			t.row = make([]uint64, f.b.words)
		}
		f.low = min(f.low, k)
	}
	return t
}

// level is the tier of hosts that run n of the crowd; -1: they take no more.
func (f *finder) level(n int32) int {
	switch {
	case n < 0, n >= f.rules.perHost:
		return -1
	case f.rules.policy == Pack:
		return 0
	}
	return int(n)
}

func (f *finder) has(k int, w int, bit uint64) bool {
	return k >= 0 && k < len(f.tiers) && f.tiers[k].row != nil && f.tiers[k].row[w]&bit != 0
}

// back takes a host that had been put aside into its tier again.
func (f *finder) back(h *host, n int32) {
	w, bit := f.b.word(h)
	k := f.level(n)
	if k < 0 || h.level < 0 || f.may[w]&bit == 0 || f.has(k, w, bit) {
		return
	}
	f.add(k, h, w, bit)
	f.aside--
	f.refused--
}

func (f *finder) add(k int, h *host, w int, bit uint64) {
	t := f.tier(k)
	t.row[w] |= bit
	t.n[h.zone]++
	t.hosts++
	f.open[h.zone]++
}

func (f *finder) drop(k int, h *host, w int, bit uint64) {
	t := &f.tiers[k]
	t.row[w] &^= bit
	t.n[h.zone]--
	f.open[h.zone]--
	if t.hosts--; t.hosts > 0 {
		return
	}
	f.spare, t.row = append(f.spare, t.row), nil // all zeros
	for f.low < len(f.tiers) && f.tiers[f.low].row == nil {
		f.low++
	}
}

// move follows a host whose number of the crowd changes.
func (f *finder) move(h *host, from, to int32) {
	if f.b.stale {
		return
	}
	for i := range f.fields {
		if id := f.fields[i].field.of[h.slot]; id >= 0 {
			f.fields[i].n[id] += to - from
		}
		f.fields[i].stale = true
	}
	w, bit := f.b.word(h)
	if f.may[w]&bit == 0 {
		return
	}
	old, next := f.level(from), f.level(to)
	if old == next {
		return
	}
	was := f.has(old, w, bit)
	switch {
	case was:
		f.drop(old, h, w, bit)
		f.aside++
	case to > from:
		return // it is aside: it was put there, or an instance was found on it
	}
	switch {
	case next < 0:
	case h.level < 0:
		if was || old < 0 {
			f.refused++
		}
	default:
		f.add(next, h, w, bit)
		f.aside--
		if !was && old >= 0 {
			f.refused--
		}
	}
}

func (b *Board) fieldRule(con counting, c *crowd) fieldRule {
	field := b.field(con.field)
	r := fieldRule{counting: con, field: field, n: make([]int32, len(field.names)), closed: make([]bool, len(field.names)), blocked: make([]uint64, b.words), stale: true}
	for v, hosts := range field.hosts {
		for _, h := range hosts {
			r.n[v] += c.hosts.get(h.slot)
		}
	}
	return r
}

// refresh finds the values that take no more, and those that do again.
func (r *fieldRule) refresh(b *Board, total int32) {
	if !r.stale {
		return
	}
	r.stale = false
	rule := r.at(r.n, 0, total)
	for v, n := range r.n {
		closed := !rule.allows(n)
		if closed == r.closed[v] {
			continue
		}
		r.closed[v] = closed
		for _, h := range r.field.hosts[v] {
			w, bit := b.word(h)
			r.blocked[w] ^= bit
		}
	}
}

// A counting is a constraint that counts.
type counting struct {
	field    string
	operator string
	number   int32 // its value
}

func countingOf(con apps.Constraint) counting {
	c := counting{con.Field, con.Operator, mostPer(con)}
	if con.Operator == "GROUP_BY" {
		c.number = int32(groupsOf(con))
	}
	return c
}

// A counted is a constraint that counts, at one moment.
type counted struct {
	most  int32 // fewer than so many
	least int32 // at least so many
	exact int32 // none, or exactly so many; -1: any number
}

// at is the constraint for the counts behind the first skip ones, total of which is the
// crowd.
func (c counting) at(counts []int32, skip int, total int32) counted {
	r := counted{most: math.MaxInt32, exact: -1}
	switch c.operator {
	case "UNIQUE":
		r.most = 1
	case "MAX_PER":
		r.most = c.number
	case "CLUSTER":
		if total != 0 {
			r.least = 1
		}
	case "GROUP_BY":
		groups := int32(0)
		r.exact = math.MaxInt32
		for i := skip; i < len(counts); i++ {
			if n := counts[i]; n > 0 {
				groups++
				r.exact = min(r.exact, n)
			}
		}
		if groups < c.number {
			r.exact = 0
		}
	}
	return r
}

func (r counted) allows(n int32) bool {
	return n < r.most && n >= r.least && (r.exact < 0 || n == 0 || n == r.exact)
}

// find is the best host for one more of the crowd, nil if there is none, and how many of
// it run there, where that is known.
func (b *Board) find(c *crowd, needs *apps.Resources) (best *host, runs int32) {
	f := b.finderOf(c)
	if f == nil {
		h, tried := b.scan(c.app, c, needs)
		b.trace.tried = tried
		return h, unknown
	}
	f.tried = 0
	for i := range f.fields {
		f.fields[i].refresh(b, c.total)
	}
	runs = unknown
	if f.rules.only != "" {
		best = f.onlyHost(c, needs)
	} else if f.rules.policy == Pack {
		best = f.fullest(c, needs)
	} else {
		best, runs = f.emptiest(c, needs)
	}
	b.trace.tried = f.tried
	return best, runs
}

func (f *finder) onlyHost(c *crowd, needs *apps.Resources) *host {
	f.tried++
	h := f.b.byName[f.rules.only]
	if h == nil || !h.known || !f.takes(c, h, needs) || f.level(c.hosts.get(h.slot)) < 0 || f.rules.gather && c.total != 0 && c.hosts.get(h.slot) == 0 {
		return nil
	}
	w, bit := f.b.word(h)
	if f.may[w]&bit == 0 || f.blocked(w)&bit != 0 || !f.zoneAllows(c, h.zone) {
		return nil
	}
	return h
}

func (f *finder) zoneAllows(c *crowd, zone int32) bool {
	for _, con := range f.rules.zone {
		if zone == noZone || !con.at(c.zones, 1, c.total).allows(c.onZone(zone)) {
			return false
		}
	}
	return true
}

func (f *finder) blocked(w int) (x uint64) {
	for i := range f.fields {
		x |= f.fields[i].blocked[w]
	}
	return x
}

// emptiest spreads: zones with the fewest of the crowd first, there hosts with the
// fewest, there the least full one.
func (f *finder) emptiest(c *crowd, needs *apps.Resources) (best *host, runs int32) {
	for last := int32(-1); ; {
		least := int32(math.MaxInt32)
		for z, open := range f.open {
			if n := c.onZone(int32(z)); open > 0 && n > last && n < least && (len(f.rules.zone) == 0 || f.zoneAllows(c, int32(z))) {
				least = n
			}
		}
		if least == math.MaxInt32 {
			return nil, unknown
		}
		tier := math.MaxInt
		for z, open := range f.open {
			if open == 0 || c.onZone(int32(z)) != least || len(f.rules.zone) > 0 && !f.zoneAllows(c, int32(z)) {
				continue
			}
			if h, k := f.inZone(c, int32(z), needs, tier); h != nil && (k < tier || emptier(h, best)) {
				best, tier = h, k
			}
		}
		if best != nil {
			return best, int32(tier)
		}
		last = least
	}
}

func emptier(a, b *host) bool {
	return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.name, b.name)) < 0
}
func fuller(a, b *host) bool {
	return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(a.name, b.name)) < 0
}

// few hosts are looked at one by one.
const few = 8

// inZone is the best host of a zone, of a tier up to most.
func (f *finder) inZone(c *crowd, z int32, needs *apps.Resources, most int) (*host, int) {
	for k := f.low; k < len(f.tiers) && k <= most; k++ {
		t := &f.tiers[k]
		if t.n[z] == 0 || k == 0 && f.rules.gather && c.total != 0 {
			continue
		}
		var h *host
		if t.n[z] <= few {
			h = f.among(c, z, t, needs)
		} else {
			h = f.walk(c, z, t, needs)
		}
		if h != nil {
			return h, k
		}
	}
	return nil, 0
}

// among looks at every host of the tier.
func (f *finder) among(c *crowd, z int32, t *tier, needs *apps.Resources) (best *host) {
	zn := &f.b.zones[z]
	for w := zn.first; w < zn.first+zn.words && t.n[z] > 0; w++ {
		for x := t.row[w] &^ f.blocked(w); x != 0; x &= x - 1 {
			h := f.b.at[w*64+bits.TrailingZeros64(x)]
			if h.level >= 0 && best != nil && !emptier(h, best) {
				continue
			}
			if f.takes(c, h, needs) {
				best = h
			} else if f.putAside(t, h, w, x&-x); t.row == nil {
				return best
			}
		}
	}
	return best
}

// walk goes through the levels, the emptiest first.
func (f *finder) walk(c *crowd, z int32, t *tier, needs *apps.Resources) *host {
	zn := &f.b.zones[z]
	for m, mask := range zn.mask {
		for ; mask != 0; mask &= mask - 1 {
			if h := f.inLevel(c, zn, m<<6+bits.TrailingZeros64(mask), t, needs); h != nil || t.row == nil {
				return h
			}
		}
	}
	return nil
}

// inLevel is the first host by name of one level that takes an instance.
func (f *finder) inLevel(c *crowd, zn *zone, level int, t *tier, needs *apps.Resources) *host {
	row := zn.rows[level*zn.words : (level+1)*zn.words]
	for s, sum := range zn.sum[level*zn.sums : (level+1)*zn.sums] {
		for ; sum != 0; sum &= sum - 1 {
			i := s<<6 + bits.TrailingZeros64(sum)
			w := zn.first + i
			x := row[i] & t.row[w]
			if len(f.fields) > 0 {
				x &^= f.blocked(w)
			}
			for ; x != 0; x &= x - 1 {
				h := f.b.at[w*64+bits.TrailingZeros64(x)]
				if f.takes(c, h, needs) {
					return h
				}
				if f.putAside(t, h, w, x&-x); t.row == nil {
					return nil
				}
			}
		}
	}
	return nil
}

// fullest packs: the fullest host that takes an instance. There is one tier.
func (f *finder) fullest(c *crowd, needs *apps.Resources) (best *host) {
	for z, open := range f.open {
		if open == 0 || len(f.rules.zone) > 0 && !f.zoneAllows(c, int32(z)) {
			continue
		}
		if h := f.fullestIn(c, &f.b.zones[z], needs); h != nil && (best == nil || fuller(h, best)) {
			best = h
		}
	}
	return best
}

func (f *finder) fullestIn(c *crowd, zn *zone, needs *apps.Resources) *host {
	t := &f.tiers[0]
	for m := len(zn.mask) - 1; m >= 0; m-- {
		for mask := zn.mask[m]; mask != 0 && t.row != nil; {
			top := 63 - bits.LeadingZeros64(mask)
			mask &^= 1 << top
			if h := f.inLevel(c, zn, m<<6+top, t, needs); h != nil {
				return h
			}
		}
	}
	return nil
}

// takes is what is asked of each host: room, ports, and its name. What else there is
// to ask, the crowd's tiers answer.
func (f *finder) takes(c *crowd, h *host, needs *apps.Resources) bool {
	f.tried++
	if h.level < 0 || !needs.Fits(h.free) {
		return false
	}
	for _, con := range f.rules.name {
		if !constant(con, h.name) {
			return false
		}
	}
	return len(c.app.Ports) == 0 || h.ports.lacks(c.app) == 0
}

func (f *finder) putAside(t *tier, h *host, w int, bit uint64) {
	for k := range f.tiers {
		if &f.tiers[k] == t {
			f.drop(k, h, w, bit)
			f.aside++
			f.refused++
			return
		}
	}
}
