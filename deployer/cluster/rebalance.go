package cluster

import (
	"cmp"
	"fmt"
	"slices"

	"pacer/apps"
	"pacer/deployer/placement"
)

// LoadAll is the load of a host of which one resource is used up.
const LoadAll = placement.LoadAll

const (
	movesDefault = 100
	movesMax     = 1000
	// moveGain is how much less loaded a move's target has to be with the instance than
	// its source was with it, in parts of LoadAll. Without it instances would
	// go to and fro for nothing.
	moveGain  = LoadAll / 20
	probesMax = 200_000 // hosts asked whether they take an instance, by one rebalance
)

const (
	noticeRebalanced = "pacer_rebalance_started"
	noticeNotMoved   = "pacer_move_given_up"
)

type (
	// Rebalance moves instances from hosts that are more loaded to such that are less,
	// one after the other has a successor there that serves; or, DryRun, says which.
	Rebalance struct {
		Request string
		DryRun  bool
		Max     int // moves; 0: movesDefault
		By      string
	}

	// StopRebalance leaves instances where they are whose successor does not serve yet.
	StopRebalance struct {
		Request string
		By      string
	}
)

func (Rebalance) event()     {}
func (StopRebalance) event() {}

// A Rebalanced is what a rebalance does, or would do.
type Rebalanced struct {
	Moves []Move
	Hosts []HostBalance // ordered by name
	More  bool          // there are more moves worth making: the bound was reached
}

// A Move is one instance that changes its host. Loads are in parts of
// LoadAll, as they are when the moves before it are done.
type Move struct {
	Instance             string
	App                  apps.ID
	From, To             string
	FromBefore, ToBefore int64
	FromAfter, ToAfter   int64
}

// A HostBalance is a host's load before and after all moves.
type HostBalance struct {
	Host          string
	Before, After int64
}

// Sentence is why the move is worth making: "host h1 91 % → 70 %, h3 10 % → 31 %".
func (m Move) Sentence() string {
	return fmt.Sprintf("host %s %s → %s, %s %s → %s", m.From, percent(m.FromBefore), percent(m.FromAfter), m.To, percent(m.ToBefore), percent(m.ToAfter))
}

func percent(load int64) string {
	const one = LoadAll / 100
	return fmt.Sprintf("%d %%", (load+one/2)/one)
}

func (s *State) foldRebalance(ev Rebalance) {
	most := cmp.Or(ev.Max, movesDefault)
	switch {
	case most < 0 || most > movesMax:
		s.refuse(ev.Request, apps.Errorf(apps.Invalid, "max: %d is not between 1 and %d", ev.Max, movesMax))
		return
	case !ev.DryRun && len(s.moving) > 0:
		s.refuse(ev.Request, apps.Errorf(apps.Conflict, "%d instances are being moved by the last rebalance: wait for it, or stop it", len(s.moving)))
		return
	}
	plan := s.planMoves(most)
	if !ev.DryRun {
		for i, m := range plan.Moves {
			in := s.instances.get(m.Instance)
			in.MoveTo, in.MoveNo = m.To, i+1
			s.moving[in.ID] = in
			s.save(in)
			s.touch(in.app)
		}
		if n := len(plan.Moves); n > 0 {
			s.tell(apps.Notice{Type: noticeRebalanced, Message: fmt.Sprintf("%d instances change their host", n), ClientIP: ev.By})
		}
	}
	s.reply(Reply{Request: ev.Request, Rebalanced: &plan})
}

func (s *State) foldStopRebalance(ev StopRebalance) {
	for _, id := range sortedKeys(s.moving) {
		if in := s.moving[id]; in.State < apps.Draining {
			s.stay(in, "the rebalance was stopped")
		}
	}
	s.reply(Reply{Request: ev.Request})
}

// A balancing is a search for moves. It shifts instances on the board, which are put
// back in the end.
type balancing struct {
	s      *State
	shift  func(placement.Hold, string) placement.Hold
	loads  []placement.HostLoad   // the most loaded first
	here   map[string][]*instance // by host, the youngest first
	now    map[*instance]string   // of those that were shifted: where they are
	order  []*instance            // the same, in the order of their last shift
	whole  map[apps.ID]bool       // whether all instances of an app serve
	shifts int
	probes int
}

// planMoves makes the load of hosts more even, move by move, as long as one is worth
// making. Every move makes the more loaded of its two hosts less loaded, so it ends;
// and what it ends at gives no reason to begin again.
func (s *State) planMoves(most int) (plan Rebalanced) {
	before := s.board.Loads()
	s.board.Try(func(try *placement.Trial) {
		b := &balancing{s: s, shift: try.Shift, loads: slices.Clone(before), here: map[string][]*instance{}, now: map[*instance]string{}, whole: map[apps.ID]bool{}}
		slices.SortFunc(b.loads, moreLoaded)
		holds := map[*instance]placement.Hold{}
		for {
			in, to := b.next(holds)
			if in == nil {
				break
			}
			if b.shifts == 2*movesMax || len(b.order) == most && b.now[in] == "" {
				plan.More = true
				break
			}
			b.make(in, to, holds)
		}
		plan.More = plan.More || b.probes > probesMax
		for _, in := range b.order {
			if to := b.now[in]; to != in.Host {
				plan.Moves = append(plan.Moves, Move{Instance: in.ID, App: in.App, From: in.Host, To: to})
			}
		}
	})
	s.weigh(&plan, before)
	return plan
}

// weigh fills in what the moves do to the loads, one after the other.
func (s *State) weigh(plan *Rebalanced, before []placement.HostLoad) {
	more := map[string]apps.Resources{}
	load := func(host string) int64 { return s.board.LoadWith(host, more[host]) }
	for i := range plan.Moves {
		m, needs := &plan.Moves[i], s.instances.get(plan.Moves[i].Instance).Needs
		m.FromBefore, m.ToBefore = load(m.From), load(m.To)
		more[m.From], more[m.To] = more[m.From].Minus(needs), more[m.To].Plus(needs)
		m.FromAfter, m.ToAfter = load(m.From), load(m.To)
	}
	plan.Hosts = make([]HostBalance, 0, len(before))
	for _, h := range before {
		plan.Hosts = append(plan.Hosts, HostBalance{Host: h.Host, Before: h.Load, After: load(h.Host)})
	}
}

func moreLoaded(x, y placement.HostLoad) int {
	return cmp.Or(cmp.Compare(y.Load, x.Load), cmp.Compare(x.Host, y.Host))
}

// next is the next move worth making: from the most loaded host that has one, the
// instance that leaves its two hosts least loaded; nil: there is none.
func (b *balancing) next(holds map[*instance]placement.Hold) (best *instance, to string) {
	for i, from := range b.loads {
		h := b.s.hosts[from.Host]
		if coldest := b.coldest(i); coldest < 0 || b.loads[coldest].Load+moveGain >= from.Load {
			return nil, ""
		}
		if h == nil || h.Lost || h.Draining || !h.fresh {
			continue
		}
		var top int64
		for _, in := range b.candidates(from.Host) {
			host, load := b.target(in, i, holds)
			if host != "" && (best == nil || load < top) {
				best, to, top = in, host, load
			}
			if b.probes > probesMax {
				return nil, ""
			}
		}
		if best != nil {
			return best, to
		}
	}
	return nil, ""
}

// coldest is the least loaded host that takes something, after the i-th; -1: none.
func (b *balancing) coldest(i int) int {
	for j := len(b.loads) - 1; j > i; j-- {
		if b.loads[j].Open {
			return j
		}
	}
	return -1
}

// candidates are the instances on the host that may move, the youngest of each app.
func (b *balancing) candidates(host string) (out []*instance) {
	here, known := b.here[host]
	if !known {
		here = sortedRuns(b.s.hosts[host])
		slices.Reverse(here)
		b.here[host] = here
	}
	seen := map[apps.ID]bool{}
	for _, in := range here {
		if !seen[in.App] && b.movable(in) {
			seen[in.App] = true
			out = append(out, in)
		}
	}
	return out
}

// movable reports whether the instance may be moved at all: it serves, as all of its
// app do, it can do so elsewhere, and its app may have one more for a while.
func (b *balancing) movable(in *instance) bool {
	a := in.app
	if a.run != nil || a.holder != nil || a.spec.Deleted || in.Claim != "" || a.spec.Resident() || in.MoveTo != "" || in.Replaces != "" ||
		!a.spec.Current(in.Version) || !b.s.serving(in) || a.spec.LiveMax() <= a.spec.Instances {
		return false
	}
	whole, known := b.whole[in.App]
	if !known {
		c := b.s.count(a, a.spec, "")
		whole = c.ready == a.spec.Instances && c.live() == a.spec.Instances
		b.whole[in.App] = whole
	}
	return whole
}

// target is the least loaded host that takes the instance from the i-th and would be
// less loaded than that is now; load is that of the more loaded of the two, then.
func (b *balancing) target(in *instance, i int, holds map[*instance]placement.Hold) (to string, load int64) {
	from := b.loads[i]
	left := b.s.board.LoadWith(from.Host, apps.Resources{}.Minus(in.Needs))
	if left >= from.Load { // it has nothing of what there is too little of
		return "", 0
	}
	for j := len(b.loads) - 1; j > i; j-- {
		t := b.loads[j]
		if t.Load+moveGain > from.Load {
			break
		}
		if !t.Open {
			continue
		}
		then := b.s.board.LoadWith(t.Host, in.Needs)
		if then+moveGain > from.Load {
			continue
		}
		b.probes++
		if b.probes > probesMax {
			return "", 0
		}
		if b.s.board.MayMove(holdOf(in, holds), t.Host) == "" {
			return t.Host, max(left, then)
		}
	}
	return "", 0
}

// holdOf is what the instance holds now, shifted or not.
func holdOf(in *instance, holds map[*instance]placement.Hold) placement.Hold {
	if h, shifted := holds[in]; shifted {
		return h
	}
	return in.hold()
}

// make shifts an instance, and brings the order of hosts up to date.
func (b *balancing) make(in *instance, to string, holds map[*instance]placement.Hold) {
	hold := holdOf(in, holds)
	from := hold.Host
	b.candidates(to) // its list is there
	holds[in] = b.shift(hold, to)
	b.here[from] = slices.DeleteFunc(b.here[from], func(o *instance) bool { return o == in })
	at, _ := slices.BinarySearchFunc(b.here[to], in, func(o, in *instance) int { return cmp.Compare(in.Serial, o.Serial) })
	b.here[to] = slices.Insert(b.here[to], at, in)
	b.shifts++
	b.order = slices.DeleteFunc(b.order, func(o *instance) bool { return o == in })
	if b.now[in] = to; to != in.Host {
		b.order = append(b.order, in)
	} else {
		delete(b.now, in)
	}
	for _, host := range []string{from, to} {
		i := slices.IndexFunc(b.loads, func(l placement.HostLoad) bool { return l.Host == host })
		l := b.loads[i]
		b.loads = slices.Delete(b.loads, i, i+1)
		l.Load = b.s.board.LoadWith(host, apps.Resources{})
		i, _ = slices.BinarySearchFunc(b.loads, l, moreLoaded)
		b.loads = slices.Insert(b.loads, i, l)
	}
}
