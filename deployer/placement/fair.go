package placement

import (
	"cmp"
	"math/bits"

	"pacer/apps"
)

// A share is a fraction, held / total. The zero share is 0 / 1.
type share struct{ held, total uint64 }

// compare multiplies crosswise in 128 bits: exact, and no division.
func (s share) compare(o share) int {
	ah, al := bits.Mul64(s.held, o.total)
	bh, bl := bits.Mul64(o.held, s.total)
	switch {
	case ah != bh:
		return cmp.Compare(ah, bh)
	default:
		return cmp.Compare(al, bl)
	}
}

// A vector is an amount of cpus, mem, disk and gpus, in this order; of what is
// negative nothing is held.
type vector [4]uint64

func vectorOf(r apps.Resources) vector {
	return vector{uint64(max(r.CPU, 0)), uint64(max(r.Mem, 0)), uint64(max(r.Disk, 0)), uint64(max(r.GPU, 0))}
}

// A kinds is a set of resources: bit i for element i of a vector.
type kinds uint8

const allKinds kinds = 1<<4 - 1

// needed is what of the vector is not zero.
func (v *vector) needed() (k kinds) {
	for i, n := range v {
		if n > 0 {
			k |= 1 << i
		}
	}
	return k
}

// dominant is the largest fraction of any one resource of the kinds that held is of
// total. What the cluster has none of does not count.
func (v *vector) dominant(total *vector, of kinds) (s share, kind int) {
	s, kind = share{0, 1}, -1
	for i, n := range v {
		if of>>i&1 == 0 || total[i] == 0 || n == 0 {
			continue
		}
		if next := (share{n, total[i]}); kind < 0 || s.compare(next) < 0 {
			s, kind = next, i
		}
	}
	return s, kind
}

// dominantShare is the largest fraction of any one resource that held is of total.
func dominantShare(held, total apps.Resources) share {
	h, t := vectorOf(held), vectorOf(total)
	s, _ := h.dominant(&t, allKinds)
	return s
}

// DominantShare is the largest fraction of any one resource that held is of total,
// from 0 to 1, for people; the scheduler compares exactly.
func DominantShare(held, total apps.Resources) float64 {
	s := dominantShare(held, total)
	return float64(s.held) / float64(s.total)
}

// mulDiv is a × b / c, rounded down; the result must fit.
func mulDiv(a, b, c uint64) uint64 {
	if c == 0 {
		return 0
	}
	hi, lo := bits.Mul64(a, b)
	q, _ := bits.Div64(hi, lo, c)
	return q
}
