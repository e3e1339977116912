package placement

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"

	"pacer/apps"
)

// ports is the host ports of one host: a bit each, in pages that exist only where a
// port is booked.
type ports struct {
	ranges []apps.Range
	size   int         // of the ranges
	inUse  int         // of those ports
	pages  []*page     // by port / pageSize
	more   map[int]int // how often booked beyond once: only instances found so
	next   int         // where in the ranges to look for a free one: ports are not given out again at once
}

const pageSize = 1024

type page struct {
	n    int
	bits [pageSize / 64]uint64
}

func (p *ports) setRanges(ranges []apps.Range) {
	p.ranges, p.size, p.inUse = disjoint(ranges), 0, 0
	for _, r := range p.ranges {
		p.size += r.Last - r.First + 1
	}
	for i, pg := range p.pages {
		for port := i * pageSize; pg != nil && port < (i+1)*pageSize; port++ {
			if p.used(port) && p.inRanges(port) {
				p.inUse++
			}
		}
	}
	if p.size > 0 {
		p.next %= p.size
	}
}

// disjoint is the ranges as they are, or, where some overlap, in order and merged.
func disjoint(ranges []apps.Range) []apps.Range {
	overlap := false
	for i, r := range ranges {
		for _, o := range ranges[:i] {
			overlap = overlap || r.First <= o.Last && o.First <= r.Last
		}
	}
	if !overlap {
		return ranges
	}
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b apps.Range) int { return cmp.Compare(a.First, b.First) })
	out := sorted[:1]
	for _, r := range sorted[1:] {
		if last := &out[len(out)-1]; r.First <= last.Last {
			last.Last = max(last.Last, r.Last)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (p *ports) inRanges(port int) bool {
	for _, r := range p.ranges {
		if port >= r.First && port <= r.Last {
			return true
		}
	}
	return false
}

func (p *ports) used(port int) bool {
	i := port / pageSize
	return i < len(p.pages) && p.pages[i] != nil && p.pages[i].bits[port%pageSize/64]>>(port%64)&1 != 0
}

func (p *ports) book(port, sign int) {
	switch {
	case sign > 0 && p.used(port):
		if p.more == nil {
			p.more = map[int]int{}
		}
		p.more[port]++
	case sign > 0:
		p.flip(port, 1)
	case p.more[port] > 0:
		if p.more[port]--; p.more[port] == 0 {
			delete(p.more, port)
		}
	case p.used(port):
		p.flip(port, -1)
	}
}

func (p *ports) flip(port, sign int) {
	i := port / pageSize
	for len(p.pages) <= i {
		p.pages = append(p.pages, nil)
	}
	if p.pages[i] == nil {
		p.pages[i] = &page{}
	}
	pg := p.pages[i]
	pg.bits[port%pageSize/64] ^= 1 << (port % 64)
	if pg.n += sign; pg.n == 0 {
		p.pages[i] = nil
	}
	if p.inRanges(port) {
		p.inUse += sign
	}
}

// free is the first port from first to last that is not used; -1 if there is none.
func (p *ports) free(first, last int) int {
	for port := first; port <= last; {
		i := port / pageSize
		if i >= len(p.pages) || p.pages[i] == nil {
			return port
		}
		if x := ^p.pages[i].bits[port%pageSize/64] >> (port % 64); x != 0 {
			port += bits.TrailingZeros64(x)
			if port <= last {
				return port
			}
			return -1
		}
		port = (port/64 + 1) * 64
	}
	return -1
}

// nextFree is the index in the ranges of the first free port at or behind index from;
// the size of the ranges if there is none.
func (p *ports) nextFree(from int) (index, port int) {
	begin := 0
	for _, r := range p.ranges {
		n := r.Last - r.First + 1
		if from < begin+n {
			if port := p.free(r.First+from-begin, r.Last); port >= 0 {
				return begin + port - r.First, port
			}
			from = begin + n
		}
		begin += n
	}
	return p.size, -1
}

// lacks is the host port that is missing for an app, anyPort if it is any of the ranges;
// 0 if none is. What an app demands must be free and need not lie in the ranges: the user
// knows why.
func (p *ports) lacks(app *apps.App) int {
	anyOf, taken := 0, 0
	for i := range app.Ports {
		want := app.HostPort(i)
		if want == 0 {
			anyOf++
		}
		if want <= 0 {
			continue
		}
		if p.used(want) || demandedBefore(app, i, want) {
			return want
		}
		if p.inRanges(want) {
			taken++
		}
	}
	if anyOf > 0 && p.size-p.inUse-taken < anyOf {
		return anyPort
	}
	return 0
}

const anyPort = -1

// lackText says it to people.
func lackText(port int) string {
	if port == anyPort {
		return "no free host port left"
	}
	return "host port " + strconv.Itoa(port) + " taken"
}

func demandedBefore(app *apps.App, i, port int) bool {
	for j := range i {
		if app.HostPort(j) == port {
			return true
		}
	}
	return false
}

// take chooses host ports for an app that lacks none, in the order of its ports:
// exactly those it demands, any free ones of the ranges for the rest. It books nothing.
func (p *ports) take(app *apps.App, chosen []int) {
	if len(app.Ports) == 0 {
		return
	}
	for i := range app.Ports {
		chosen[i] = max(app.HostPort(i), 0)
	}
	at := p.next
	for i := range app.Ports {
		if app.HostPort(i) != 0 {
			continue
		}
		for chosen[i] == 0 {
			index, port := p.nextFree(at)
			if at = index + 1; port < 0 {
				at = 0
			} else if !contains(chosen, port) {
				chosen[i] = port
			}
		}
	}
	if p.size > 0 {
		p.next = at % p.size
	}
}

func contains(chosen []int, port int) bool {
	for _, c := range chosen {
		if c == port {
			return true
		}
	}
	return false
}
