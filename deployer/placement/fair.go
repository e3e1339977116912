package placement

import (
	"cmp"
	"container/heap"
	"math/bits"

	"pacer/apps"
)

// A share is a fraction, held / total, of a role's dominant resource. The zero
// share is 0 / 1.
type share struct{ held, total uint64 }

// dominantShare is the largest fraction of any one resource that held is of total.
// Resources that the cluster has none of do not count.
func dominantShare(held, total apps.Resources) share {
	best := share{0, 1}
	for _, s := range [...]share{
		{uint64(max(held.CPU, 0)), uint64(max(total.CPU, 0))},
		{uint64(max(held.Mem, 0)), uint64(max(total.Mem, 0))},
		{uint64(max(held.Disk, 0)), uint64(max(total.Disk, 0))},
		{uint64(max(held.GPU, 0)), uint64(max(total.GPU, 0))},
	} {
		if s.total > 0 && best.compare(s) < 0 {
			best = s
		}
	}
	return best
}

// compare multiplies crosswise in 128 bits: exact, and no division.
func (s share) compare(o share) int {
	ah, al := bits.Mul64(s.held, o.total)
	bh, bl := bits.Mul64(o.held, s.total)
	return cmp.Or(cmp.Compare(ah, bh), cmp.Compare(al, bl))
}

// DominantShare is the largest fraction of any one resource that held is of total,
// from 0 to 1, for people; the scheduler compares exactly.
func DominantShare(held, total apps.Resources) float64 {
	s := dominantShare(held, total)
	return float64(s.held) / float64(s.total)
}

// A queue is what one role waits for.
type queue struct {
	role string
	key  share
	asks []Ask // the next one first
}

// queues is a heap: the role with the smallest dominant share on top, ties by name.
type queues []*queue

func (q queues) Len() int { return len(q) }
func (q queues) Less(i, j int) bool {
	return cmp.Or(q[i].key.compare(q[j].key), cmp.Compare(q[i].role, q[j].role)) < 0
}
func (q queues) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queues) Push(x any)   { *q = append(*q, x.(*queue)) }
func (q *queues) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}

var _ heap.Interface = (*queues)(nil)
