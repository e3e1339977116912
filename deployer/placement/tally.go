package placement

// A tally is how many of a crowd each host runs, by host.slot: a small open table, or,
// where that is an eighth of them or more, one number for every slot.
type tally struct {
	cells []cell // len is a power of two
	n     int    // hosts with any
	dense []int32
}

type cell struct{ key, val int32 } // key is slot + 1; 0: empty

const tallyMin = 8

func (t *tally) len() int { return t.n }

func (t *tally) get(slot int32) int32 {
	switch {
	case int(slot) < len(t.dense):
		return t.dense[slot]
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
	if t.dense == nil && 2*t.n >= len(t.cells) {
		t.grow(slots)
	}
	if t.dense != nil {
		for int(slot) >= len(t.dense) {
			t.dense = append(t.dense, 0)
		}
		was = t.dense[slot]
		t.dense[slot] = was + by
	} else {
		i := t.find(slot)
		was = t.cells[i].val
		t.cells[i] = cell{slot + 1, was + by}
		if was+by == 0 {
			t.remove(i)
		}
	}
	if was == 0 {
		t.n++
	}
	if was+by == 0 {
		t.n--
	}
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
	if 8*t.n > int(slots) {
		t.dense, t.cells = make([]int32, slots), nil
	} else {
		t.cells = make([]cell, max(tallyMin, 4*len(old)))
	}
	for _, c := range old {
		switch {
		case c.key == 0:
		case t.dense != nil:
			t.dense[c.key-1] = c.val
		default:
			t.cells[t.find(c.key-1)] = c
		}
	}
}

// each calls f for every slot with any.
func (t *tally) each(f func(slot, n int32)) {
	for i, n := range t.dense {
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
