package placement

import (
	"math/bits"
)

// levels is how finely the index tells hosts apart by how full they are.
const levels = 256

// noZone is the id of "": hosts without a zone.
const noZone = 0

// An index finds the emptiest and the fullest hosts of a zone, and among equals the
// first by name, without looking at the others. Each host has a bit in its zone, in
// the order of names; a zone has a row of bits for each level, and above each row a
// row with a bit for each word that is not zero.
type index struct {
	stale   bool // hosts came, went or changed what they are
	zoneIDs map[string]int32
	zones   []zone  // by id; laid out one after the other
	at      []*host // by zone.first*64 + place.bit; nil between the zones
	bySlot  []*host
	words   int // of a row of bits over all zones

	known   []uint64           // hosts that were offered
	listed  []uint64           // of those, the ones that take something: level >= 0
	byClass map[int32][]uint64 // of those, by class; nil: there are too many classes
	fields  map[string]*field

	journal []*host // that grew, the oldest first; part of what there was
	seq     uint64  // number of the journal's next entry

	finderWords int // that all finders together hold
	finding     []*crowd
}

type zone struct {
	first int // word
	words int
	sums  int // words of a summary
	rows  []uint64
	sum   []uint64
	mask  [levels / 64]uint64
}

type place struct {
	zone  int32
	bit   int32 // in the zone
	level int32 // -1: not listed, because it takes nothing
}

// word is the host's word in a row over all zones, and its bit there.
func (b *index) word(h *host) (int, uint64) {
	return b.zones[h.zone].first + int(h.bit>>6), 1 << (h.bit & 63)
}

func (b *Board) zoneID(name string) int32 {
	if name == "" {
		return noZone
	}
	id, known := b.zoneIDs[name]
	if !known {
		id = int32(len(b.zoneIDs)) + 1
		b.zoneIDs[name] = id
	}
	return id
}

// zoneOf is the zone under which the crowds count the host.
func (b *Board) zoneOf(h *host) int32 {
	if !b.stale {
		return h.zone
	}
	return b.zoneID(h.Host.Zone)
}

const (
	classesMax     = 64
	journalMax     = 4096
	finderWordsMax = 16 << 20 // 128 MiB
)

// reindex lays the index out anew.
func (b *Board) reindex() {
	b.forgetFinders()
	hosts := b.inOrder()
	b.zoneID("")
	counts := make([]int32, len(b.zoneIDs)+1)
	for _, h := range hosts {
		h.zone, h.level = b.zoneID(h.Host.Zone), -1
		h.bit = counts[h.zone]
		counts[h.zone]++
	}
	b.zones = make([]zone, len(counts))
	b.words = 0
	for i, n := range counts {
		z := &b.zones[i]
		z.first, z.words = b.words, int(n+63)/64
		z.sums = (z.words + 63) / 64
		z.rows, z.sum = make([]uint64, levels*z.words), make([]uint64, levels*z.sums)
		b.words += z.words
	}
	b.at, b.bySlot = make([]*host, b.words*64), make([]*host, b.slots)
	b.known, b.listed = make([]uint64, b.words), make([]uint64, b.words)
	b.byClass, b.fields = map[int32][]uint64{}, nil
	b.journal, b.stale = b.journal[:0], false
	for _, h := range hosts {
		w, bit := b.word(h)
		b.at[b.zones[h.zone].first*64+int(h.bit)], b.bySlot[h.slot] = h, h
		if h.known {
			b.known[w] |= bit
			b.noteClass(h, w, bit)
		}
		b.moveLevel(h)
	}
}

func (b *index) noteClass(h *host, w int, bit uint64) {
	if b.byClass == nil {
		return
	}
	row := b.byClass[h.class]
	if row == nil {
		if len(b.byClass) == classesMax {
			b.byClass = nil
			return
		}
		row = make([]uint64, b.words)
		b.byClass[h.class] = row
	}
	row[w] |= bit
}

// relist lists a host that was offered anew.
func (b *Board) relist(h *host) {
	if b.stale {
		return
	}
	b.moveLevel(h)
	b.grown(h)
}

// moveLevel lists the host by how full it is.
func (b *Board) moveLevel(h *host) {
	if b.stale {
		return
	}
	level := int32(-1)
	if h.open {
		level = h.fullness()
	}
	if level == h.level {
		return
	}
	z := &b.zones[h.zone]
	if h.level >= 0 {
		z.clear(int(h.level), int(h.bit))
	}
	if level >= 0 {
		z.set(int(level), int(h.bit))
	}
	if w, bit := b.word(h); h.level < 0 {
		b.listed[w] |= bit
	} else if level < 0 {
		b.listed[w] &^= bit
	}
	h.level = level
}

// fullness is the dominant share of what is held of the host, in parts of levels.
func (h *host) fullness() int32 {
	t, f := &h.total, &h.free
	most := max(part(t.CPU, f.CPU), part(t.Mem, f.Mem), part(t.Disk, f.Disk), part(t.GPU, f.GPU))
	return int32(min(most, levels-1))
}

func part(total, free int64) int64 {
	if free >= total || total == 0 {
		return 0
	}
	return (total - free) * levels / total
}

func (z *zone) set(level, i int) {
	w := i >> 6
	z.rows[level*z.words+w] |= 1 << (i & 63)
	z.sum[level*z.sums+w>>6] |= 1 << (w & 63)
	z.mask[level>>6] |= 1 << (level & 63)
}

func (z *zone) clear(level, i int) {
	w := i >> 6
	row := &z.rows[level*z.words+w]
	if *row &^= 1 << (i & 63); *row != 0 {
		return
	}
	sum := z.sum[level*z.sums : (level+1)*z.sums]
	sum[w>>6] &^= 1 << (w & 63)
	for _, s := range sum {
		if s != 0 {
			return
		}
	}
	z.mask[level>>6] &^= 1 << (level & 63)
}

// grown notes that the host may take what it refused before.
func (b *index) grown(h *host) {
	if b.stale {
		return
	}
	if len(b.journal) == journalMax { // the older half is forgotten
		n := copy(b.journal, b.journal[journalMax/2:])
		b.journal = b.journal[:n]
	}
	b.journal = append(b.journal, h)
	b.seq++
}

// A field is an attribute by which some constraint counts.
type field struct {
	names []string
	of    []int32   // by host.slot: the value's number, -1 for none
	hosts [][]*host // by value
}

// field is the table of an attribute, made when it is first asked for.
func (b *Board) field(name string) *field {
	if f := b.fields[name]; f != nil {
		return f
	}
	f := &field{of: make([]int32, b.slots)}
	ids := map[string]int32{}
	for _, h := range b.inOrder() {
		f.of[h.slot] = -1
		value, has := attribute(&h.Host, name)
		if !has {
			continue
		}
		id, known := ids[value]
		if !known {
			id = int32(len(f.names))
			ids[value], f.names, f.hosts = id, append(f.names, value), append(f.hosts, nil)
		}
		f.of[h.slot], f.hosts[id] = id, append(f.hosts[id], h)
	}
	if b.fields == nil {
		b.fields = map[string]*field{}
	}
	b.fields[name] = f
	return f
}

func (b *Board) forgetFinders() {
	for _, c := range b.finding {
		c.finder, c.rules = nil, nil
	}
	b.finding, b.finderWords = b.finding[:0], 0
}

// forget gives back what finds hosts for the crowd.
func (b *Board) forget(c *crowd) {
	if c.finder == nil {
		return
	}
	b.finderWords -= c.finder.words()
	c.finder = nil
	for i, o := range b.finding {
		if o == c {
			last := len(b.finding) - 1
			b.finding[i] = b.finding[last]
			b.finding = b.finding[:last]
			return
		}
	}
}

func ones(row []uint64) (n int) {
	for _, w := range row {
		n += bits.OnesCount64(w)
	}
	return n
}
