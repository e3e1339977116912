package placement

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pacer/apps"
)

// A market is a small instance of the problem of fairness: one host, and users who all
// want more of one kind of task than there is room for.
type market struct {
	room  []int64 // of cpu and mem
	users []user
}

type user struct {
	needs  []int64
	weight int64 // 0 is 1
}

func (m market) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "room %v", m.room)
	for _, u := range m.users {
		fmt.Fprintf(&text, " %v", u.needs)
		if u.weight > 1 {
			fmt.Fprintf(&text, "×%d", u.weight)
		}
	}
	return text.String()
}

func resources(v []int64) (r apps.Resources) {
	for i, p := range []*int64{&r.CPU, &r.Mem, &r.Disk, &r.GPU} {
		if i < len(v) {
			*p = v[i]
		}
	}
	return r
}

var letters = []string{"a", "b", "c", "d", "e"}

// place lets the scheduler divide the market: the users that were served, in order, and
// how many tasks each has. guarantee is how many tasks each is guaranteed; nil: none.
func (m market) place(guarantee []int64) (order []int, tasks []int64) {
	b := NewBoard()
	b.SetHost(Offer{Host: apps.Host{Name: "h", Total: resources(m.room)}})
	var asks []Ask
	var owner []int
	for i, u := range m.users {
		role := Role{Name: letters[i], Weight: max(u.weight, 1) * WeightOne}
		if guarantee != nil {
			role.Guarantee = resources(scaled(u.needs, guarantee[i]))
		}
		b.SetRole(role)
		app := &apps.App{ID: apps.ID("/" + letters[i] + "/task"), Needs: resources(u.needs)}
		for n := range slices.Max(m.room) + 1 {
			asks = append(asks, Ask{Instance: strconv.Itoa(int(n)), Serial: uint64(n), App: app, Role: letters[i]})
			owner = append(owner, i)
		}
	}
	placed, _ := b.Place(asks)
	tasks = make([]int64, len(m.users))
	for _, p := range placed {
		order = append(order, owner[p.Ask])
		tasks[owner[p.Ask]]++
	}
	return order, tasks
}

func scaled(v []int64, by int64) []int64 {
	out := slices.Clone(v)
	for i := range out {
		out[i] *= by
	}
	return out
}

func rat(a, b int64) *big.Rat { return big.NewRat(a, b) }

// part is the dominant share of one task.
func (m market) part(u user) *big.Rat {
	most := new(big.Rat)
	for r, n := range u.needs {
		if m.room[r] > 0 {
			if s := rat(n, m.room[r]); s.Cmp(most) > 0 {
				most = s
			}
		}
	}
	return most
}

// greedy is DRF for whole tasks, written down as the paper does, in exact fractions:
// the user with the smallest share by weight is next; who does not fit is left out.
func (m market) greedy() (order []int, tasks []int64) {
	free := slices.Clone(m.room)
	tasks = make([]int64, len(m.users))
	out := make([]bool, len(m.users))
	for {
		next := -1
		var least *big.Rat
		for i, u := range m.users {
			if out[i] {
				continue
			}
			s := new(big.Rat).Mul(m.part(u), rat(tasks[i], max(u.weight, 1)))
			if next < 0 || s.Cmp(least) < 0 {
				next, least = i, s
			}
		}
		if next < 0 {
			return order, tasks
		}
		if !fits(m.users[next].needs, free) {
			out[next] = true
			continue
		}
		for r, n := range m.users[next].needs {
			free[r] -= n
		}
		tasks[next]++
		order = append(order, next)
	}
}

func fits(needs, free []int64) bool {
	for r, n := range needs {
		if n > free[r] {
			return false
		}
	}
	return true
}

// divide is DRF for tasks that can be divided at will, exactly: all shares grow
// together until a resource is used up; who needs that one stops, the others go on.
func (m market) divide() []*big.Rat {
	tasks := make([]*big.Rat, len(m.users))
	active := make([]bool, len(m.users))
	for i, u := range m.users {
		tasks[i], active[i] = new(big.Rat), slices.Max(u.needs) > 0
	}
	rate := func(i int) *big.Rat { // tasks for each unit of share
		u := m.users[i]
		return new(big.Rat).Quo(rat(max(u.weight, 1), 1), m.part(u))
	}
	for level := new(big.Rat); slices.Contains(active, true); {
		var step *big.Rat
		left := make([]*big.Rat, len(m.room))
		speed := make([]*big.Rat, len(m.room))
		for r := range m.room {
			left[r], speed[r] = rat(m.room[r], 1), new(big.Rat)
			for i, u := range m.users {
				need := rat(u.needs[r], 1)
				left[r].Sub(left[r], new(big.Rat).Mul(need, tasks[i]))
				if active[i] {
					speed[r].Add(speed[r], new(big.Rat).Mul(need, rate(i)))
				}
			}
			if speed[r].Sign() > 0 {
				if s := new(big.Rat).Quo(left[r], speed[r]); step == nil || s.Cmp(step) < 0 {
					step = s
				}
			}
		}
		level.Add(level, step)
		for i := range m.users {
			if active[i] {
				tasks[i] = new(big.Rat).Mul(level, rate(i))
			}
		}
		for r := range m.room {
			if new(big.Rat).Mul(speed[r], step).Cmp(left[r]) == 0 {
				for i, u := range m.users {
					active[i] = active[i] && u.needs[r] == 0
				}
			}
		}
	}
	return tasks
}

func drawMarket(r *rand.Rand, zeros bool) market {
	m := market{room: []int64{6 + r.Int64N(15), 6 + r.Int64N(15)}}
	for range 2 + r.IntN(2) {
		u := user{needs: []int64{1 + r.Int64N(5), 1 + r.Int64N(5)}}
		if zeros && r.IntN(10) < 3 {
			u.needs[r.IntN(2)] = 0
		}
		m.users = append(m.users, u)
	}
	return m
}

// The oracle itself: what the paper and exact solvers say.
func TestTheOracleKnowsThePaper(t *testing.T) {
	m := market{[]int64{9, 18}, []user{{needs: []int64{1, 4}}, {needs: []int64{3, 1}}}}
	if got := fmt.Sprint(m.divide()); got != "[3/1 2/1]" {
		t.Errorf("want 3 and 2, got %v", got)
	}
	m.users[0].weight = 2
	if got := fmt.Sprint(m.divide()); got != "[54/13 18/13]" {
		t.Errorf("weighted: want 54/13 and 18/13, got %v", got)
	}
}

// Of one app for each role, Place serves exactly whom DRF in exact fractions serves, in
// the same order, with any weights.
func TestPlaceIsDRFInExactFractions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		m := drawMarket(r, true)
		for i := range m.users {
			m.users[i].weight = 1 + r.Int64N(4)
		}
		got, _ := m.place(nil)
		want, _ := m.greedy()
		if !slices.Equal(got, want) {
			t.Fatalf("%v: want the order %v, got %v", m, want, got)
		}
	}
}

// Every market of two users, with room for up to 8 of two resources.
func TestEverySmallMarket(t *testing.T) {
	n := 0
	for i := range 8 * 8 * 5 * 5 * 5 * 5 {
		digit := func(base int) int64 { d := i % base; i /= base; return int64(d) }
		m := market{room: []int64{digit(8) + 1, digit(8) + 1}, users: []user{{needs: []int64{digit(5), digit(5)}}, {needs: []int64{digit(5), digit(5)}}}}
		if slices.Max(m.users[0].needs) == 0 || slices.Max(m.users[1].needs) == 0 {
			continue
		}
		n++
		got, tasks := m.place(nil)
		if want, _ := m.greedy(); !slices.Equal(got, want) {
			t.Fatalf("%v: want the order %v, got %v", m, want, got)
		}
		for _, p := range claimed {
			if !p.holds(m, whole(tasks)) {
				t.Fatalf("%v: %v is not %s", m, tasks, p.name)
			}
		}
		if n%16 == 0 { // a solver in fractions is slow
			for _, p := range divisibleClaims {
				if !p.holds(m, m.divide()) {
					t.Fatalf("%v, divisible: %v is not %s", m, m.divide(), p.name)
				}
			}
		}
	}
	t.Logf("%d markets", n)
}

// Two levels: a role's share in exact fractions, from its definition.
func exactShare(b *Board, role *roleBook, waiting map[apps.ID]bool, wanted kinds) *big.Rat {
	total := vectorOf(b.total)
	of := func(v vector) *big.Rat {
		most := new(big.Rat)
		for i, n := range v {
			if wanted>>i&1 != 0 && total[i] > 0 {
				if s := rat(int64(n), int64(total[i])); s.Cmp(most) > 0 {
					most = s
				}
			}
		}
		return most
	}
	var least *big.Rat
	for id, a := range role.apps {
		if waiting[id] {
			if s := of(vectorOf(a.held)); least == nil || s.Cmp(least) < 0 {
				least = s
			}
		}
	}
	most := new(big.Rat)
	for i := range total {
		if wanted>>i&1 == 0 || total[i] == 0 {
			continue
		}
		sum := new(big.Rat)
		for id, a := range role.apps {
			held := vectorOf(a.held)
			part := rat(int64(held[i]), int64(total[i]))
			if s := of(held); waiting[id] && s.Sign() > 0 {
				part.Mul(part, new(big.Rat).Quo(least, s))
			}
			sum.Add(sum, part)
		}
		if sum.Cmp(most) > 0 {
			most = sum
		}
	}
	return most.Mul(most, rat(WeightOne, int64(role.weight)))
}

// At each turn the role that is served has the smallest share of all that wait, by the
// definition of H-DRF in exact fractions (to the 2^-16th part of a unit, to which the
// scheduler rounds what it scales), and of it the app with the smallest.
func TestPlaceIsHDRFInExactFractions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBoard()
		amount := func(most int, what string) int64 { return int64(rapid.IntRange(0, most).Draw(t, what)) }
		b.SetHost(Offer{Host: apps.Host{Name: "h", Total: apps.Resources{CPU: 20 + amount(80, "cpu"), Mem: 20 + amount(80, "mem"), GPU: amount(20, "gpu")}}})
		var asks []Ask
		for i := range rapid.IntRange(2, 3).Draw(t, "roles") {
			b.SetRole(Role{Name: letters[i], Weight: WeightOne * (1 + amount(2, "weight"))})
			for j := range rapid.IntRange(1, 3).Draw(t, "apps") {
				app := &apps.App{ID: apps.ID("/" + letters[i] + "/" + letters[j]), Needs: apps.Resources{CPU: 1 + amount(6, "needs cpu"), Mem: amount(6, "needs mem"), GPU: amount(1, "needs gpu") * amount(3, "needs gpus")}}
				for range amount(4, "held") {
					if app.Needs.Fits(b.byName["h"].free) {
						b.Hold(Hold{App: app, Host: "h", Role: letters[i], Needs: app.Needs})
					}
				}
				for n := range amount(6, "asks") {
					asks = append(asks, Ask{Instance: fmt.Sprint(app.ID, n), Serial: uint64(len(asks)), App: app, Role: letters[i]})
				}
			}
		}
		b.queue(asks)
		b.sift()
		b.form()
		for len(b.round.line) > 0 {
			role := b.round.line[0].role
			a := role.lots[role.pick]
			epsilon := rat(int64(3*len(role.lots)), (1<<16)*20)
			mine := b.exactOf(role)
			for _, l := range b.round.line {
				o := l.role
				if theirs := b.exactOf(o); new(big.Rat).Sub(mine, theirs).Cmp(epsilon) > 0 {
					t.Fatalf("role %s with %v is before %s with %v", role.name, mine, o.name, theirs)
				}
			}
			for _, o := range role.lots {
				if a.key.compare(o.key) > 0 {
					t.Fatalf("app %s with %v is before %s with %v", a.id, a.key, o.id, o.key)
				}
			}
			if h, _ := b.hostFor(a); h != nil {
				b.book(h, a.crowd, a, a.asked.Needs, nil, unknown, 1)
				b.served(role.pick)
			} else {
				b.advance(role.pick, b.alike(a))
			}
		}
		b.close()
	})
}

func (b *Board) exactOf(role *roleBook) *big.Rat {
	waiting := map[apps.ID]bool{}
	var wanted kinds
	for _, l := range b.round.line {
		o := l.role
		for _, a := range o.lots {
			if o == role {
				waiting[a.id] = true
			}
			needs := vectorOf(b.round.ask(a).App.Needs)
			wanted |= needs.needed()
		}
	}
	return exactShare(b, role, waiting, wanted)
}
