package placement

// A tally is how many of a crowd each host runs, by host.slot: a small open table, or,
// where that is an eighth of them or more, one number for every slot.
type tally struct {
	keys  []int32 // slot + 1, 0 is empty; len is a power of two
	vals  []int32
	n     int // hosts with any
	dense []int32
}

const tallyMin = 8

func (t *tally) len() int { return t.n }

func (t *tally) get(slot int32) int32 {
	if t.dense != nil {
		if int(slot) < len(t.dense) {
			return t.dense[slot]
		}
		return 0
	}
	if len(t.keys) == 0 {
		return 0
	}
	return t.vals[t.find(slot)]
}

// find is where the slot is in the table, or where it would be.
func (t *tally) find(slot int32) int {
	mask := len(t.keys) - 1
	i := int(uint32(slot)*0x9E3779B1>>7) & mask
	for t.keys[i] != 0 && t.keys[i] != slot+1 {
		i = (i + 1) & mask
	}
	return i
}

// add changes the number of a slot and returns what it was. slots is how many there are.
func (t *tally) add(slot, by, slots int32) (was int32) {
	if t.dense == nil && 2*t.n >= len(t.keys) {
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
		was = t.vals[i]
		t.keys[i], t.vals[i] = slot+1, was+by
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
	mask := len(t.keys) - 1
	t.keys[i] = 0
	for j := (i + 1) & mask; t.keys[j] != 0; j = (j + 1) & mask {
		key, val := t.keys[j], t.vals[j]
		t.keys[j], t.vals[j] = 0, 0
		k := t.find(key - 1)
		t.keys[k], t.vals[k] = key, val
	}
}

func (t *tally) grow(slots int32) {
	keys, vals := t.keys, t.vals
	size := max(tallyMin, 4*len(keys))
	if 8*t.n > int(slots) {
		t.dense, t.keys, t.vals = make([]int32, slots), nil, nil
	} else {
		t.keys, t.vals = make([]int32, size), make([]int32, size)
	}
	for i, key := range keys {
		if key == 0 {
			continue
		}
		if t.dense != nil {
			t.dense[key-1] = vals[i]
			continue
		}
		j := t.find(key - 1)
		t.keys[j], t.vals[j] = key, vals[i]
	}
}

// each calls f for every slot with any.
func (t *tally) each(f func(slot, n int32)) {
	for i, n := range t.dense {
		if n != 0 {
			f(int32(i), n)
		}
	}
	for i, key := range t.keys {
		if key != 0 {
			f(key-1, t.vals[i])
		}
	}
}
