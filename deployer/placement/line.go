package placement

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"pacer/apps"
)

// A round is one Place: who waits, and whose turn it is. Its slices are kept for the
// next one.
//
// Two levels are served (H-DRF, Bhattacharya et al., SoCC 2013): the role with the
// smallest share, and of it the app with the smallest share. A role's share is made of
//
//   - what its apps hold that wait for nothing or get nothing, as it is;
//   - what its apps hold that can be served, each scaled down to the smallest share
//     among them: one that grew big does not let its sibling starve;
//   - over those resources alone that somebody who can be served needs: of one that is
//     used up, or that nobody asks for, nobody can be given less or more.
type round struct {
	asks   []Ask
	order  []asker  // by lot, within a lot by serial
	lotOf  []int32  // by ask: its place in lots, before those are ordered
	line   []inLine // heap, the next one first
	lots   []*appBook
	wanted kinds  // what is compared
	wants  [4]int // lots whose next ask needs this resource
	total  vector // of all hosts
	fine   uint   // amounts are scaled by 1<<fine before they are divided
	shapes int    // unlike hosts
	placed []Allocation
	ports  []int // for allocations to come
}

// An inLine is a role in the line, with what it is compared by: the heap is looked at
// without looking at the roles.
type inLine struct {
	key   share
	order int32 // by name
	first bool
	role  *roleBook
}

// An asker is an ask in its place: what is looked at with each turn.
type asker struct {
	app *apps.App
	ask int32 // of asks
}

// A turn is a role's part of a round.
type turn struct {
	waits  bool
	lots   []*appBook // heap, the next one first
	rest   vector     // what its apps hold that are not in lots
	scaled vector     // sum of the lots' terms
	key    share      // by weight
	first  bool       // its next ask lies within its guarantee
	pick   int        // the lot of that ask
	spent  bool       // none of its asks lies within its guarantee any more
	order  int32      // among the roles that wait, by name
}

// A lot is an app's part of a round.
type lot struct {
	waits    bool
	refused  bool  // once in this round
	from, to int32 // in round.order; what is before from has been answered
	count    int32
	order    int32 // among all lots, by role and id
	key      share
	term     vector // what it would hold at a share of 1, scaled
	need     vector // of its next ask
	asked    *apps.App
	crowd    *crowd
}

// queue lets the roles and their apps queue up.
func (b *Board) queue(asks []Ask) {
	r := &b.round
	r.asks, r.line, r.lots = asks, r.line[:0], r.lots[:0]
	r.total = vectorOf(b.total)
	r.fine = 0
	if most := bits.Len64(slices.Max(r.total[:])); most < 47 {
		r.fine = uint(min(16, 47-most))
	}
	r.sort(b)
	r.wanted, r.wants = allKinds, [4]int{}
	for _, a := range r.lots {
		b.face(a)
	}
	r.wanted = r.stillWanted()
}

// sort groups the asks by app and orders each group by serial.
func (r *round) sort(b *Board) {
	var last *appBook
	of := func(ask *Ask) *appBook {
		if last == nil || last.id != ask.App.ID || last.role.name != ask.Role {
			last = b.role(ask.Role).app(ask.App.ID)
		}
		return last
	}
	r.lotOf = slices.Grow(r.lotOf[:0], len(r.asks))[:len(r.asks)]
	for i := range r.asks {
		a := of(&r.asks[i])
		if !a.waits {
			a.lot = lot{waits: true, order: int32(len(r.lots))}
			r.lots = append(r.lots, a)
			if !a.role.waits {
				a.role.turn = turn{waits: true, lots: a.role.turn.lots[:0]}
				r.line = append(r.line, inLine{role: a.role})
			}
			a.role.lots = append(a.role.lots, a)
		}
		a.count++
		r.lotOf[i] = a.order
	}
	next := int32(0)
	for _, a := range r.lots {
		a.from, a.to = next, next
		next += a.count
	}
	r.order = slices.Grow(r.order[:0], len(r.asks))[:len(r.asks)]
	for i, n := range r.lotOf {
		a := r.lots[n]
		r.order[a.to] = asker{r.asks[i].App, int32(i)}
		a.to++
	}
	bySerial := func(x, y asker) int { return cmp.Compare(r.asks[x.ask].Serial, r.asks[y.ask].Serial) }
	for _, a := range r.lots {
		if mine := r.order[a.from:a.to]; !slices.IsSortedFunc(mine, bySerial) {
			slices.SortFunc(mine, bySerial)
		}
	}
	slices.SortFunc(r.lots, func(x, y *appBook) int {
		return cmp.Or(strings.Compare(x.role.name, y.role.name), strings.Compare(string(x.id), string(y.id)))
	})
	for i, a := range r.lots {
		a.order, a.role.turn.order = int32(i), int32(i)
	}
}

func (r *round) ask(a *appBook) *Ask { return &r.asks[r.order[a.from].ask] }

// face looks at the lot's next ask.
func (b *Board) face(a *appBook) {
	app := b.round.order[a.from].app
	if app == a.asked {
		return
	}
	b.round.want(a, -1)
	if a.crowd != nil {
		a.crowd.waits = false
		b.dropCrowd(a.crowd)
	}
	a.asked, a.need, a.role.spent = app, vectorOf(app.Needs), false
	a.crowd = b.crowdFor(app)
	a.crowd.waits = true
	b.round.want(a, +1)
}

func (r *round) want(a *appBook, sign int) {
	for i, n := range a.need {
		if n > 0 {
			r.wants[i] += sign
		}
	}
}

func (r *round) stillWanted() (k kinds) {
	for i, n := range r.wants {
		if n > 0 {
			k |= 1 << i
		}
	}
	return k
}

// form computes every key and orders the line.
func (b *Board) form() {
	r := &b.round
	for i := range r.line {
		b.rank(r.line[i].role)
		r.line[i].renew()
	}
	for i := len(r.line)/2 - 1; i >= 0; i-- {
		sink(r.line, i, rolesFirst)
	}
}

// rank computes the keys of a role and all its lots.
func (b *Board) rank(role *roleBook) {
	role.rest, role.scaled = vectorOf(role.held), vector{}
	for _, a := range role.lots {
		held := vectorOf(a.held)
		for i := range held {
			role.rest[i] -= min(held[i], role.rest[i])
		}
		b.weigh(a)
		for i, n := range a.term {
			role.scaled[i] += n
		}
	}
	for i := len(role.lots)/2 - 1; i >= 0; i-- {
		sink(role.lots, i, appsFirst)
	}
	b.keyOf(role)
}

// weigh computes the key and the term of a lot.
func (b *Board) weigh(a *appBook) {
	r := &b.round
	if b.fairness == TaskShare {
		a.key = share{uint64(max(a.n, 0)) << taskFine, max(b.alone(a.asked.Needs), 1)}
		return
	}
	held := vectorOf(a.held)
	a.key, _ = held.dominant(&r.total, r.wanted)
	a.term = vector{}
	if a.key.held == 0 || len(a.role.lots) == 1 {
		return
	}
	for i, n := range held {
		if n > 0 && r.wanted>>i&1 != 0 && r.total[i] > 0 {
			a.term[i] = mulDiv(n<<r.fine, a.key.total, a.key.held)
		}
	}
}

// keyOf computes the role's share by weight from its lots, and whether its next ask
// lies within its guarantee.
func (b *Board) keyOf(role *roleBook) {
	if b.fairness == TaskShare {
		b.taskKey(role)
	} else {
		held := vectorOf(role.held)
		for i := range held {
			held[i] <<= b.round.fine
		}
		if len(role.lots) > 1 {
			f := role.lots[0].key
			for i := range held {
				held[i] = role.rest[i]<<b.round.fine + mulDiv(role.scaled[i], f.held, f.total)
			}
		}
		role.key, _ = held.dominant(&b.round.total, b.round.wanted)
	}
	role.key.total *= role.weight
	role.guard()
}

// guard looks for an ask within the guarantee, of the poorest app that has one.
func (role *roleBook) guard() {
	role.first, role.pick = false, 0
	if role.guards == 0 || role.spent {
		return
	}
	for i, a := range role.lots {
		if role.guaranteed(&a.need) && (!role.first || appsFirst(&role.lots[i], &role.lots[role.pick])) {
			role.first, role.pick = true, i
		}
	}
	role.spent = !role.first
}

// taskFine is how finely task shares of several apps are added.
const taskFine = 20

// taskKey is the sum of the task shares of a role's apps.
func (b *Board) taskKey(role *roleBook) {
	if len(role.apps) == 1 {
		role.key = role.lots[0].key
		return
	}
	role.key = share{0, 1}
	for _, a := range role.apps {
		needs := a.last
		if a.waits {
			needs = a.asked.Needs
		}
		role.key.held += mulDiv(uint64(max(a.n, 0))<<taskFine, 1, max(b.alone(needs), 1))
	}
}

// alone is how many instances with these needs would run if they had all hosts.
func (b *Board) alone(needs apps.Resources) (n uint64) {
	need := vectorOf(needs)
	for shape, hosts := range b.shapes {
		most := uint64(1 << 20) // of what needs nothing
		for i, has := range vectorOf(shape) {
			if need[i] > 0 {
				most = min(most, has/need[i])
			}
		}
		n += most * uint64(hosts)
	}
	return n
}

func appsFirst(x, y **appBook) bool {
	c := (*x).key.compare((*y).key)
	return c < 0 || c == 0 && (*x).order < (*y).order
}

func rolesFirst(x, y *inLine) bool {
	if x.first != y.first {
		return x.first
	}
	c := x.key.compare(y.key)
	return c < 0 || c == 0 && x.order < y.order
}

func (l *inLine) renew() { l.key, l.first, l.order = l.role.key, l.role.first, l.role.turn.order }

// sink restores a heap whose element i has become greater.
func sink[T any](heap []T, i int, less func(x, y *T) bool) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if right := child + 1; right < len(heap) && less(&heap[right], &heap[child]) {
			child = right
		}
		if !less(&heap[child], &heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// served brings the keys up to date after one ask of the lot i of the first role was
// given a host.
func (b *Board) served(i int) {
	role := b.round.line[0].role
	a := role.lots[i]
	for j, n := range a.term {
		role.scaled[j] -= n
	}
	b.weigh(a)
	for j, n := range a.term {
		role.scaled[j] += n
	}
	b.advance(i, 1)
}

// advance leaves the next n asks of the lot i of the first role behind. Nobody becomes
// poorer by it, so both heaps are restored by sinking.
func (b *Board) advance(i int, n int32) {
	r := &b.round
	role := r.line[0].role
	a := role.lots[i]
	if a.from += n; a.from < a.to {
		b.face(a)
		sink(role.lots, i, appsFirst)
	} else {
		r.leave(a, i)
	}
	if len(role.lots) == 0 {
		end := len(r.line) - 1
		r.line[0] = r.line[end]
		r.line = r.line[:end]
	}
	if k := r.stillWanted(); k != r.wanted {
		r.wanted = k
		b.form() // at most four times in a round
		return
	}
	if len(role.lots) > 0 {
		b.keyOf(role)
		r.line[0].renew()
	}
	sink(r.line, 0, rolesFirst)
}

// leave takes the lot i out of its role's turn: what it holds counts as it is from now.
func (r *round) leave(a *appBook, i int) {
	role := a.role
	r.want(a, -1)
	a.need = vector{}
	held := vectorOf(a.held)
	for j := range held {
		role.rest[j] += held[j]
		role.scaled[j] -= a.term[j]
	}
	last := len(role.lots) - 1
	role.lots[i] = role.lots[last]
	role.lots = role.lots[:last]
	for j := len(role.lots)/2 - 1; j >= 0; j-- {
		sink(role.lots, j, appsFirst)
	}
}

// close forgets who waited.
func (b *Board) close() {
	r := &b.round
	for _, a := range r.lots {
		role, c := a.role, a.crowd
		a.lot, role.waits, c.waits = lot{}, false, false
		b.dropCrowd(c)
		b.dropApp(a)
	}
	clear(r.order) // keeps no spec alive
	r.asks = nil
}
