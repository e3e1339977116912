package placement

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// A property is something that a division of a market has or lacks.
type property struct {
	name  string
	holds func(m market, tasks []*big.Rat) bool
}

// What docs/fairness.md claims: never violated.
var (
	claimed         = []property{pareto, envyFreeBut1}
	divisibleClaims = []property{paretoDivisible, envyFree, sharing}
)

func whole(tasks []int64) []*big.Rat {
	out := make([]*big.Rat, len(tasks))
	for i, n := range tasks {
		out[i] = rat(n, 1)
	}
	return out
}

// runs is how many tasks of these needs a bundle is worth: so many of someone's needs.
func runs(needs []int64, of []int64, tasks *big.Rat) *big.Rat {
	var least *big.Rat
	for r, n := range needs {
		if n > 0 {
			if s := new(big.Rat).Mul(tasks, rat(of[r], n)); least == nil || s.Cmp(least) < 0 {
				least = s
			}
		}
	}
	return least
}

func floor(x *big.Rat) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Quo(x.Num(), x.Denom())) // of what is not negative
}

// left is what nobody has.
func (m market) left(tasks []*big.Rat) []*big.Rat {
	out := make([]*big.Rat, len(m.room))
	for r := range m.room {
		out[r] = rat(m.room[r], 1)
		for i, u := range m.users {
			out[r].Sub(out[r], new(big.Rat).Mul(tasks[i], rat(u.needs[r], 1)))
		}
	}
	return out
}

// Pareto efficiency: nobody can have one more without another having one less.
var pareto = property{"Pareto efficient", func(m market, tasks []*big.Rat) bool {
	left := m.left(tasks)
	for _, u := range m.users {
		fits := true
		for r, n := range u.needs {
			fits = fits && left[r].Cmp(rat(n, 1)) >= 0
		}
		if fits {
			return false
		}
	}
	return true
}}

var paretoDivisible = property{"Pareto efficient", func(m market, tasks []*big.Rat) bool {
	left := m.left(tasks)
	for _, u := range m.users {
		stuck := false
		for r, n := range u.needs {
			stuck = stuck || n > 0 && left[r].Sign() == 0
		}
		if !stuck {
			return false
		}
	}
	return true
}}

// Envy-freeness: nobody could run more tasks on what another has.
var envyFree = property{"envy-free", func(m market, tasks []*big.Rat) bool {
	return envies(m, tasks, 0)
}}

// The same up to one task: nobody could on what another has but for one task.
var envyFreeBut1 = property{"envy-free up to one task", func(m market, tasks []*big.Rat) bool {
	return envies(m, tasks, 1)
}}

func envies(m market, tasks []*big.Rat, but int64) bool {
	for i, u := range m.users {
		for j, o := range m.users {
			theirs := new(big.Rat).Sub(tasks[j], rat(but, 1))
			if i == j || theirs.Sign() <= 0 {
				continue
			}
			could := runs(u.needs, o.needs, theirs)
			if tasks[i].IsInt() && tasks[j].IsInt() {
				could = floor(could)
			}
			if could.Cmp(tasks[i]) > 0 {
				return false
			}
		}
	}
	return true
}

// Sharing incentive: nobody would rather have the n-th part of everything.
var sharing = property{"better off shared", func(m market, tasks []*big.Rat) bool {
	for i, u := range m.users {
		if tasks[i].Cmp(runs(u.needs, m.room, rat(1, int64(len(m.users))))) < 0 {
			return false
		}
	}
	return true
}}

// The same for whole tasks: as many as fit into the n-th part.
var sharingWhole = property{"better off shared", func(m market, tasks []*big.Rat) bool {
	for i, u := range m.users {
		if tasks[i].Cmp(floor(runs(u.needs, m.room, rat(1, int64(len(m.users)))))) < 0 {
			return false
		}
	}
	return true
}}

// honest reports whether the user i gains nothing by asking for lie instead of what its
// tasks need.
func honest(m market, divide func(market) []*big.Rat, i int, lie []int64) bool {
	truth := divide(m)
	other := market{m.room, append([]user(nil), m.users...)}
	other.users[i] = user{needs: lie, weight: m.users[i].weight}
	gain := runs(m.users[i].needs, lie, divide(other)[i])
	if truth[i].IsInt() && gain.Denom().BitLen() > 0 && wholeOnly(truth) {
		gain = floor(gain)
	}
	return gain.Cmp(truth[i]) <= 0
}

func wholeOnly(tasks []*big.Rat) bool {
	for _, n := range tasks {
		if !n.IsInt() {
			return false
		}
	}
	return true
}

// steadfast reports whether nobody loses when the user i leaves.
func steadfast(m market, divide func(market) []*big.Rat, i int) bool {
	before := divide(m)
	fewer := market{room: m.room}
	var kept []*big.Rat
	for j, u := range m.users {
		if j != i {
			fewer.users, kept = append(fewer.users, u), append(kept, before[j])
		}
	}
	for j, n := range divide(fewer) {
		if n.Cmp(kept[j]) < 0 {
			return false
		}
	}
	return true
}

// grows reports whether nobody loses when room is added.
func grows(m market, divide func(market) []*big.Rat, r int, by int64) bool {
	more := market{append([]int64(nil), m.room...), m.users}
	more.room[r] += by
	before := divide(m)
	for i, n := range divide(more) {
		if n.Cmp(before[i]) < 0 {
			return false
		}
	}
	return true
}

// thirds is how many tasks of each user fit into the n-th part of everything.
func thirds(m market) []int64 {
	out := make([]int64, len(m.users))
	for i, u := range m.users {
		out[i] = floor(runs(u.needs, m.room, rat(1, int64(len(m.users))))).Num().Int64()
	}
	return out
}

// A census counts violations, and keeps the smallest market of each kind.
type census struct {
	n     map[string]int
	first map[string]string
	size  map[string]int64
}

func (t *census) note(kind string, ok bool, m market) {
	if ok {
		return
	}
	t.n[kind]++
	size := int64(len(m.users)*1000) + m.room[0] + m.room[1]
	if t.first[kind] == "" || size < t.size[kind] {
		t.first[kind], t.size[kind] = m.String(), size
	}
}

// instances is how many random markets are looked at: PACER_FAIRNESS_INSTANCES for a
// long run.
func instances(t *testing.T) int {
	text := os.Getenv("PACER_FAIRNESS_INSTANCES")
	if text == "" {
		return 4000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWhatFairnessHolds looks for violations of each property in random markets, and
// fails for those that docs/fairness.md says there are none of. The others it counts,
// and it fails if there are none: then the document says too little.
func TestWhatFairnessHolds(t *testing.T) {
	divisible := func(m market) []*big.Rat { return m.divide() }
	now := func(m market) []*big.Rat { _, tasks := m.place(nil); return whole(tasks) }
	guaranteed := func(m market) []*big.Rat { _, tasks := m.place(thirds(m)); return whole(tasks) }
	for _, test := range []struct {
		name   string
		divide func(market) []*big.Rat
		zeros  bool
		never  []string // claimed to be never violated
		some   []string // claimed to be violated by some
	}{
		{"divisible", divisible, false, []string{"PE", "EF", "SI", "SP", "population"}, []string{"resource"}},
		{"divisible, zeros", divisible, true, []string{"PE", "EF", "SI", "SP"}, []string{"population", "resource"}},
		{"whole", now, false, []string{"PE", "EF1"}, []string{"EF", "SI", "SP", "population", "resource"}},
		{"whole, zeros", now, true, []string{"PE", "EF1"}, []string{"EF", "SI", "SP", "population", "resource"}},
		{"whole, guaranteed", guaranteed, false, []string{"PE", "SI"}, []string{"EF", "EF1", "SP", "population", "resource"}},
		{"whole, guaranteed, zeros", guaranteed, true, []string{"PE", "SI"}, []string{"EF", "EF1", "SP", "population", "resource"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(7, uint64(len(test.name))))
			sum := census{map[string]int{}, map[string]string{}, map[string]int64{}}
			n := instances(t)
			for range n {
				m := drawMarket(r, test.zeros)
				tasks := test.divide(m)
				pe, si := pareto, sharingWhole
				if test.name[0] == 'd' {
					pe, si = paretoDivisible, sharing
				}
				sum.note("PE", pe.holds(m, tasks), m)
				sum.note("EF", envyFree.holds(m, tasks), m)
				sum.note("EF1", envyFreeBut1.holds(m, tasks), m)
				sum.note("SI", si.holds(m, tasks), m)
				i := r.IntN(len(m.users))
				if lie := []int64{r.Int64N(7), r.Int64N(7)}; lie[0]+lie[1] > 0 {
					sum.note("SP", honest(m, test.divide, i, lie), m)
				}
				sum.note("population", steadfast(m, test.divide, i), m)
				sum.note("resource", grows(m, test.divide, r.IntN(2), 1+r.Int64N(8)), m)
			}
			for _, kind := range test.never {
				if sum.n[kind] > 0 {
					t.Errorf("%s is violated %d times in %d, as in %s", kind, sum.n[kind], n, sum.first[kind])
				}
			}
			for _, kind := range test.some {
				if sum.n[kind] == 0 {
					t.Errorf("%s is never violated in %d", kind, n)
				}
			}
			for _, kind := range []string{"PE", "EF", "EF1", "SI", "SP", "population", "resource"} {
				t.Logf("%-10s %7d / %d   %s", kind, sum.n[kind], n, sum.first[kind])
			}
		})
	}
}

// The counter-examples of docs/fairness.md, one by one.
func TestTheCounterExamples(t *testing.T) {
	needs := func(v ...[]int64) (users []user) {
		for _, n := range v {
			users = append(users, user{needs: n})
		}
		return users
	}
	m := market{[]int64{11, 7}, needs([]int64{1, 1}, []int64{1, 4}, []int64{2, 2})}
	if _, got := m.place(nil); fmt.Sprint(got) != "[1 1 1]" || sharingWhole.holds(m, whole(got)) {
		t.Errorf("no sharing incentive without a guarantee: want one task each, got %v", got)
	}
	if _, got := m.place(thirds(m)); !sharingWhole.holds(m, whole(got)) {
		t.Errorf("with guarantees there is: got %v", got)
	}
	m = market{[]int64{14, 8}, needs([]int64{0, 1}, []int64{2, 0}, []int64{1, 4})}
	if steadfast(m, market.divide, 0) && steadfast(m, market.divide, 1) && steadfast(m, market.divide, 2) {
		t.Error("with zeros somebody may lose when another leaves")
	}
	m = market{[]int64{8, 12}, needs([]int64{1, 1}, []int64{1, 2}, []int64{4, 2})}
	if grows(m, market.divide, 1, 5) {
		t.Error("somebody loses when memory grows from 12 to 17")
	}
}
