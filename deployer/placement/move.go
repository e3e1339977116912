package placement

import "pacer/apps"

// LoadAll is the load of a host of which one resource is used up.
const LoadAll = 1_000_000

// A HostLoad is how full a host is: the largest part of any one resource that is held,
// in millionths.
type HostLoad struct {
	Host string
	Open bool // it takes new instances
	Load int64
}

// Loads are the hosts that were offered, ordered by name.
func (b *Board) Loads() []HostLoad {
	out := make([]HostLoad, 0, len(b.hosts))
	for _, h := range b.inOrder() {
		if h.known {
			out = append(out, HostLoad{Host: h.name, Open: h.Closed == "", Load: h.loadWith(apps.Resources{})})
		}
	}
	return out
}

// LoadWith is the load of a host that would hold so much more.
func (b *Board) LoadWith(name string, more apps.Resources) int64 {
	if h := b.byName[name]; h != nil {
		return h.loadWith(more)
	}
	return 0
}

func (h *host) loadWith(more apps.Resources) int64 {
	held := vectorOf(h.total.Minus(h.free).Plus(more))
	total := vectorOf(h.total)
	most := uint64(0)
	for i, n := range held {
		if total[i] > 0 {
			most = max(most, mulDiv(n, LoadAll, total[i]))
		}
	}
	return int64(most)
}

// MayMove says why the instance that holds from may not be on the host to instead,
// while both hold for a moment what they need; "" when it may. Its app's instances have
// to stay as far apart as they are, and one that is packed stays where it is.
func (b *Board) MayMove(from Hold, to string) string {
	if rulesOf(from.App, b.policy).policy == Pack {
		return "its app is packed, not spread"
	}
	return b.refusesBeside(from, to, from.App, true)
}

// PlaceBeside gives an ask the place on the host to that it takes over from another
// instance of its app, which holds from until then. The allocation is booked already; a
// refusal is the reason why there is none.
func (b *Board) PlaceBeside(from Hold, to string, ask Ask) (p Allocation, refusal string) {
	if refusal = b.refusesBeside(from, to, ask.App, false); refusal != "" {
		return Allocation{}, refusal
	}
	h := b.byName[to]
	ports := b.round.portsOf(len(ask.App.Ports))
	h.ports.take(ask.App, ports)
	b.Hold(Hold{App: ask.App, Host: to, Role: ask.Role, Needs: ask.App.Needs, Ports: ports})
	return Allocation{Instance: ask.Instance, Host: to, Addr: h.Host.Addr, Ports: ports}, ""
}

// refusesBeside asks the filters, and with apart the spreading, as if from was not there.
func (b *Board) refusesBeside(from Hold, to string, app *apps.App, apart bool) string {
	h, now := b.byName[to], b.byName[from.Host]
	if h == nil || !h.known || now == nil {
		return "not known any more"
	}
	needs := vectorOf(app.Needs)
	if role := b.roles[from.Role]; role != nil {
		if i := role.above(&needs); i >= 0 {
			return role.aboveText(i, &needs)
		}
	}
	c := b.crowd(from.App)
	c.lift(b, now, -1)
	defer c.lift(b, now, +1)
	left := c
	if c.total == 0 {
		left = nil
	}
	if why, free := b.refuses(app, left, h); why.code != "" {
		return lacking(app, why.code, why.text(app), free)
	}
	if apart {
		here, there := b.rankOf(now, left, Spread), b.rankOf(h, left, Spread)
		here.fullness, there.fullness = 0, 0
		if there.compare(here) > 0 {
			return "there are more of its app"
		}
	}
	return ""
}

// lift changes the counts that constraints and spreading look at, for a moment in which
// nobody else does.
func (c *crowd) lift(b *Board, h *host, sign int32) {
	c.total += sign
	c.hosts.add(h.slot, sign, b.slots)
	c.addZone(b.zoneOf(h), sign)
	c.byField = nil
}

// A Trial changes who holds what, to see what becomes of it.
type Trial struct {
	b    *Board
	done []booking
}

type booking struct {
	hold Hold
	held bool // else it was released
}

// Try calls f, and takes back all that it did by its trial.
func (b *Board) Try(f func(t *Trial)) {
	t := &Trial{b: b}
	grew := b.grew
	f(t)
	t.Back(0)
	b.grew = grew
}

// Hold books what would be held.
func (t *Trial) Hold(h Hold) {
	t.b.Hold(h)
	t.done = append(t.done, booking{h, true})
}

// Release gives back what would not be held any more.
func (t *Trial) Release(h Hold) {
	t.b.Release(h)
	t.done = append(t.done, booking{h, false})
}

// Shift books an instance on another host instead of its own; it returns the new hold.
func (t *Trial) Shift(from Hold, to string) Hold {
	t.Release(from)
	return t.Put(from, to)
}

// Put books on a host what has one or not yet, with ports that are free there.
func (t *Trial) Put(in Hold, to string) Hold {
	in.Host, in.Ports = to, make([]int, len(in.App.Ports))
	t.b.host(to).ports.take(in.App, in.Ports)
	t.Hold(in)
	return in
}

// Mark is where Back leads to.
func (t *Trial) Mark() int { return len(t.done) }

// Back takes back what was done since the mark, the last first.
func (t *Trial) Back(mark int) {
	for i := len(t.done) - 1; i >= mark; i-- {
		if d := t.done[i]; d.held {
			t.b.Release(d.hold)
		} else {
			t.b.Hold(d.hold)
		}
	}
	t.done = t.done[:mark]
}
