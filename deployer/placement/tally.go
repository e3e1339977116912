package placement

// A tally is how many of a crowd each host runs, by host.slot: a small open table, or,
// where that would take more memory, a number for every slot: a byte each, as long as
// that is enough.
type tally struct {
	cells []cell // len is a power of two
	n     int    // hosts with any
	small []uint8
	wide  []int32
}

type cell struct{ key, val int32 } // key is slot + 1; 0: empty

const tallyMin = 8

func (t *tally) len() int { return t.n }

func (t *tally) get(slot int32) int32 {
	switch {
	case int(slot) < len(t.small):
		return int32(t.small[slot])
	case int(slot) < len(t.wide):
		return t.wide[slot]
	case len(t.cells) == 0:
		return 0
	}
	return t.cells[t.find(slot)].val
}

// find is where the slot is in the table, or where it would be.
func (t *tally) find(slot int32) int {
	mask := len(t.cells) - 1
	i := int(uint32(slot)*0x9E3779B1>>7) & mask
	for t.cells[i].key != 0 && t.cells[i].key != slot+1 {
		i = (i + 1) & mask
	}
	return i
}

// add changes the number of a slot and returns what it was. slots is how many there are.
func (t *tally) add(slot, by, slots int32) (was int32) {
	if t.small == nil && t.wide == nil && 2*t.n >= len(t.cells) {
		t.grow(slots)
	}
	switch {
	case t.small != nil:
		was = t.addSmall(slot, by)
	case t.wide != nil:
		was = t.addWide(slot, by)
	default:
		i := t.find(slot)
		was = t.cells[i].val
		t.cells[i] = cell{slot + 1, was + by}
		if was+by == 0 {
			t.remove(i)
		}
	}
	t.count(was, was+by)
	return was
}

// addTo is add where the number that the slot has is known already: on the way of every
// placement, memory is written without being read first.
func (t *tally) addTo(slot, was, by, slots int32) {
	next := was + by
	if int(slot) >= len(t.small) || next != int32(uint8(next)) {
		t.add(slot, by, slots)
		return
	}
	t.small[slot] = uint8(next)
	t.count(was, next)
}

// count keeps the number of slots with any.
func (t *tally) count(was, next int32) {
	if was == 0 {
		t.n++
	}
	if next == 0 {
		t.n--
	}
}

func (t *tally) addSmall(slot, by int32) (was int32) {
	for int(slot) >= len(t.small) {
		t.small = append(t.small, 0)
	}
	was = int32(t.small[slot])
	if next := was + by; next == int32(uint8(next)) {
		t.small[slot] = uint8(next)
		return was
	}
	t.wide = make([]int32, len(t.small))
	for i, n := range t.small {
		t.wide[i] = int32(n)
	}
	t.small = nil
	return t.addWide(slot, by)
}

func (t *tally) addWide(slot, by int32) (was int32) {
	for int(slot) >= len(t.wide) {
		t.wide = append(t.wide, 0)
	}
	was = t.wide[slot]
	t.wide[slot] = was + by
	return was
}

// remove closes the gap at i, so that find needs no marks of what was there.
func (t *tally) remove(i int) {
	mask := len(t.cells) - 1
	t.cells[i] = cell{}
	for j := (i + 1) & mask; t.cells[j].key != 0; j = (j + 1) & mask {
		c := t.cells[j]
		t.cells[j] = cell{}
		t.cells[t.find(c.key-1)] = c
	}
}

func (t *tally) grow(slots int32) {
	old := t.cells
	if next := max(tallyMin, 4*len(old)); next > tallyMin && cellBytes*next >= int(slots) {
		t.small, t.cells = make([]uint8, slots), nil
	} else {
		t.cells = make([]cell, next)
	}
	for _, c := range old {
		switch {
		case c.key == 0:
		case t.cells != nil:
			t.cells[t.find(c.key-1)] = c
		case t.small != nil:
			t.addSmall(c.key-1, c.val)
		default:
			t.addWide(c.key-1, c.val)
		}
	}
}

const cellBytes = 8

// each calls f for every slot with any.
func (t *tally) each(f func(slot, n int32)) {
	for i, n := range t.small {
		if n != 0 {
			f(int32(i), int32(n))
		}
	}
	for i, n := range t.wide {
		if n != 0 {
			f(int32(i), n)
		}
	}
	for _, c := range t.cells {
		if c.key != 0 {
			f(c.key-1, c.val)
		}
	}
}
