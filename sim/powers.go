package sim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// powers are what operators do and what befalls clocks and machines, in a world that was
// made with NewWithPowers: deployments are paused, hosts are drained, rebalanced and
// change what they have, roles share the cluster by weights and guarantees and have hosts
// of their own, clocks leap, and leaders change right after a commit. A seed has some of
// these.
type powers struct {
	w *World
	dice

	asks   time.Duration // mean pause between two requests
	leap   time.Duration // clocks leap by up to so much, forwards and backwards; 0: they do not
	leaps  time.Duration // mean pause between two leaps
	change time.Duration // between two hosts that change; 0: none does
	coups  float64       // commits after which another may lead
	rivals bool          // roles take their guarantees from each other from the beginning

	ahead []leap // of servers' clocks, forwards
}

// A leap is by how much a clock was put forwards, and when.
type leap struct{ at, by time.Duration }

// NewWithPowers is the world of a seed with those powers, too.
func NewWithPowers(seed uint64) *World {
	w := New(seed)
	p := &powers{w: w, dice: newDice(seed, 0xB055)}
	p.asks = p.between(time.Second, 6*time.Second)
	if p.chance(0.6) {
		p.leap, p.leaps = pick(p, time.Second, 10*time.Second, time.Minute), p.between(2*time.Second, 30*time.Second)
	}
	if p.chance(0.7) {
		p.change = p.between(3*time.Second, 40*time.Second)
	}
	if p.chance(0.4) {
		p.coups = p.rng.Float64() * 0.1
	}
	p.rivals = p.chance(0.3)
	scarce := p.rivals || p.chance(0.5)
	for _, h := range w.hosts {
		if scarce {
			h.offer.Total.CPU, h.offer.Total.Mem = 500, 1200
		}
		h.offer.Total.Disk, h.offer.Total.GPU = int64(1000*p.intn(4)), int64(p.intn(3))
		h.most = h.offer.Total
		if p.chance(0.2) {
			h.offer.Role = pick(p, "shop", "lab")
		}
	}
	w.powers = p
	return w
}

// LiveWithPowers lives the history of a seed twice; both must be the same.
func LiveWithPowers(seed uint64) (Result, error) { return twice(seed, NewWithPowers) }

func (p *powers) begin() {
	if p.rivals {
		p.w.users.submit(cluster.SetSettings{Request: p.w.users.name(), Settings: apps.Settings{Preemption: true}})
		p.w.users.submit(p.guarantee(p.w.users.name()))
	}
	p.often(p.asks, func() { p.w.users.submit(p.request()) })
	p.often(p.leaps, p.leapClock)
	p.often(p.change, p.changeHost)
	p.w.after(p.w.plan.safety+time.Second, p.settle)
}

// often has something done again and again, until the world heals.
func (p *powers) often(mean time.Duration, do func()) {
	if mean == 0 {
		return
	}
	p.w.after(p.exp(mean), func() {
		if !p.w.healed {
			do()
			p.often(mean, do)
		}
	})
}

// coup says, of a commit, whether the lease is lost right behind it.
func (p *powers) coup() bool { return !p.w.healed && p.chance(p.coups) }

// settle lets all go on that operators have stopped, until it does.
func (p *powers) settle() {
	for _, id := range sorted(p.w.store.deployments) {
		if p.w.store.deployments[id].Paused {
			p.w.users.submit(cluster.Pause{Request: p.w.users.name(), ID: id})
		}
	}
	p.w.after(time.Second, p.settle)
}

func (p *powers) request() cluster.Event {
	w, st := p.w, p.w.store
	name := w.users.name()
	host := w.hosts[p.intn(len(w.hosts))].name
	switch p.intn(13) {
	case 10, 11, 12:
		return p.share(name)
	case 0, 1, 2:
		ids := sorted(st.deployments)
		if len(ids) == 0 {
			return nil
		}
		return cluster.Pause{Request: name, ID: pick(p, ids...), On: p.chance(0.6)}
	case 3:
		return cluster.Drain{Request: name, Host: host, On: p.chance(0.4)}
	case 4:
		return cluster.Cordon{Request: name, Host: host, On: p.chance(0.4)}
	case 5, 6:
		return cluster.Rebalance{Request: name, DryRun: p.chance(0.2), Max: p.intn(6)}
	case 7:
		return cluster.StopRebalance{Request: name}
	default:
		change := cluster.Change{Request: name, Deployment: "d-" + name, Force: p.chance(0.3), Rollback: p.chance(0.2)}
		change.Put = []cluster.PutApp{{App: p.spec(pick(p, hungry...))}}
		return change
	}
}

// hungry are apps that need disk, and some of them GPUs.
var hungry = []apps.ID{"/lab/train", "/lab/serve"}

func (p *powers) spec(id apps.ID) *apps.App {
	return &apps.App{
		ID: id, Instances: p.intn(7), AcceptedRoles: p.accepted(), Network: apps.NetworkBridge, Env: map[string]string{"V": strconv.Itoa(p.w.users.next)},
		Needs:   apps.Resources{CPU: 50, Mem: 100, Disk: int64(300 * p.intn(3)), GPU: int64(p.intn(2))},
		Upgrade: pick(p, upgrades...), Backoff: apps.Backoff{First: time.Second, Factor: 1.5, Max: 10 * time.Second},
		Unreachable: apps.Unreachable{InactiveAfter: pick(p, 0, 5*time.Second), ExpungeAfter: pick(p, 0, 20*time.Second)},
	}
}

// leapClock puts the clock of a server or a host forwards or backwards.
func (p *powers) leapClock() {
	w, by := p.w, p.between(-p.leap, p.leap)
	if p.chance(0.5) {
		s := w.servers[p.intn(len(w.servers))]
		s.skew += by
		if by > 0 {
			p.ahead = append(p.ahead, leap{w.now, by})
		}
		w.tracef("%s: its clock leaps by %v", s.name, by)
		return
	}
	h := w.hosts[p.intn(len(w.hosts))]
	h.skew += by
	w.tracef("%s: its clock leaps by %v", h.name, by)
}

// changeHost gives a host more or less of something, or another rack or level, as its
// agent finds out when the engine is there again.
func (p *powers) changeHost() {
	h := p.w.hosts[p.intn(len(p.w.hosts))]
	total := &h.offer.Total
	switch p.intn(7) {
	case 6: // it is told to its next agent
		h.offer.Role = pick(p, "", "", "shop", "lab")
	case 0:
		total.CPU = int64(200 + 200*p.intn(8))
	case 1:
		total.Mem = int64(1000 + 1000*p.intn(6))
	case 2:
		total.Disk = int64(1000 * p.intn(4))
	case 3:
		total.GPU = int64(p.intn(3))
	case 4:
		first := h.offer.Ports[0].First
		h.offer.Ports = []apps.Range{{First: first, Last: first + pick(p, 3, 10, 50)}}
	default:
		h.offer.Attributes = maps.Clone(h.offer.Attributes)
		h.offer.Attributes["rack"], h.offer.Attributes["level"] = pick(p, "r1", "r2"), fmt.Sprint(p.intn(3))
		h.offer.Zone = pick(p, zones...)
	}
	h.most = apps.Resources{CPU: max(h.most.CPU, total.CPU), Mem: max(h.most.Mem, total.Mem), Disk: max(h.most.Disk, total.Disk), GPU: max(h.most.GPU, total.GPU)}
	p.w.tracef("%s: has %+v, %v %v now", h.name, *total, h.offer.Zone, slices.Sorted(maps.Values(h.offer.Attributes)))
	if h.engine.up {
		h.engine.connect()
	}
}
