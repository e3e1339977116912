package sim

import "time"

// A network carries letters between nodes: the servers, then the hosts, then the
// balancers, then the database.
type network struct {
	w    *World
	cuts [][]int // how many cuts are between two nodes
}

func newNetwork(w *World) network {
	n := network{w: w}
	for range w.plan.servers + w.plan.hosts + w.plan.balancers + 1 {
		n.cuts = append(n.cuts, make([]int, w.plan.servers+w.plan.hosts+w.plan.balancers+1))
	}
	return n
}

func (n *network) db() int { return len(n.cuts) - 1 }

// reaches reports whether letters pass from one node to another now.
func (n *network) reaches(from, to int) bool { return n.cuts[from][to] == 0 }

// send carries a letter: it may be lost, doubled, late, and overtaken.
func (n *network) send(from, to int, deliver func(late bool)) {
	w := n.w
	copies := 1
	if w.chance(w.plan.loss) {
		copies = 0
	}
	if w.chance(w.plan.dup) {
		copies++
	}
	for range copies {
		delay := w.between(200*time.Microsecond, 3*time.Millisecond)
		late := w.chance(w.plan.late)
		if late {
			delay = w.between(0, w.plan.lateMax)
		}
		w.after(delay, func() {
			if n.reaches(from, to) {
				deliver(late)
			}
		})
	}
}

// cut parts one side from the other for a while, both ways or one.
func (n *network) cut(d time.Duration, a, b []int, both bool) {
	change := func(by int) {
		for _, x := range a {
			for _, y := range b {
				n.cuts[x][y] += by
				if both {
					n.cuts[y][x] += by
				}
			}
		}
	}
	change(1)
	n.w.after(d, func() {
		if !n.w.healed { // heal has lifted it already
			change(-1)
		}
	})
}

// restore lifts all cuts.
func (n *network) restore() {
	for i := range n.cuts {
		clear(n.cuts[i])
	}
}

// all is every node.
func (n *network) all() []int {
	out := make([]int, len(n.cuts))
	for i := range out {
		out[i] = i
	}
	return out
}
