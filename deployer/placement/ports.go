package placement

import (
	"strconv"

	"pacer/apps"
)

// ports is the host ports of one host.
type ports struct {
	ranges []apps.Range
	used   map[int]int // how often booked; more than once only for instances found so
	next   int         // where to look for a free one: ports are not given out again at once
}

func (p *ports) book(port, sign int) {
	if p.used == nil {
		p.used = map[int]int{}
	}
	if p.used[port] += sign; p.used[port] == 0 {
		delete(p.used, port)
	}
}

func (p *ports) size() int {
	n := 0
	for _, r := range p.ranges {
		n += r.Last - r.First + 1
	}
	return n
}

// at is the i-th port of the ranges.
func (p *ports) at(i int) int {
	for _, r := range p.ranges {
		if n := r.Last - r.First + 1; i < n {
			return r.First + i
		} else {
			i -= n
		}
	}
	panic("placement: no such port")
}

// take chooses host ports for an app, in the order of its ports: exactly those it
// demands, any free ones of the host's ranges for the rest. It books nothing. A
// demanded port need not lie in the ranges: the user knows why. lacking says what
// is missing when ok is false.
func (p *ports) take(app *apps.App) (chosen []int, next int, lacking string) {
	if len(app.Ports) == 0 {
		return nil, p.next, ""
	}
	chosen = make([]int, len(app.Ports))
	mine := func(port int) bool {
		for _, c := range chosen {
			if c == port {
				return true
			}
		}
		return false
	}
	for i := range app.Ports {
		if want := app.HostPort(i); want > 0 {
			if p.used[want] > 0 || mine(want) {
				return nil, 0, "host port " + strconv.Itoa(want) + " taken"
			}
			chosen[i] = want
		}
	}
	size, tried := p.size(), 0
	next = p.next
	for i := range app.Ports {
		if app.HostPort(i) != 0 {
			continue
		}
		for ; ; next++ {
			if tried++; tried > size {
				return nil, 0, "no free host port left"
			}
			if port := p.at(next % size); p.used[port] == 0 && !mine(port) {
				chosen[i] = port
				next++
				break
			}
		}
	}
	if size > 0 {
		next %= size
	}
	return chosen, next, ""
}
