package cluster

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pacer/apps"
)

// A crowded is a world of one-core instances with more of them wanted than there is room.
type crowded struct {
	*slowWorld
	cores  int
	weight map[string]float64 // of roles
	owed   map[string]int     // instances that are guaranteed to a role
	seen   map[string]bool    // instances that made way
}

func newCrowded(t *rapid.T) *crowded {
	c := &crowded{slowWorld: newSlowWorld(t), weight: map[string]float64{}, owed: map[string]int{}, seen: map[string]bool{}}
	c.hosts = nil
	for range rapid.IntRange(1, 3).Draw(t, "hosts") {
		n := rapid.IntRange(2, 5).Draw(t, "cores")
		c.join(int64(n), "")
		c.cores += n
	}
	return c
}

func (c *crowded) role(name string) {
	weight := rapid.IntRange(1, 3).Draw(c.t, "weight")
	owed := rapid.IntRange(0, c.cores/2).Draw(c.t, "guarantee")
	c.weight[name], c.owed[name] = float64(weight), owed
	c.step(SetRole{Role: apps.Role{Name: name, Weight: int64(weight) * 1000, Guarantee: apps.Resources{CPU: int64(owed) * 1000}}})
}

func (c *crowded) put(id apps.ID) {
	spec := drawSpec(c.t, 1)
	spec.ID, spec.Needs = id, apps.Resources{CPU: 1000, Mem: 1}
	c.change(Change{Put: []PutApp{{App: spec}}, Force: true})
}

// staying is how many instances of a role have a host and do not leave it; parts is the
// sum of the weights of all who have or want something.
func (c *crowded) staying() (n map[string]int, parts float64) {
	n = map[string]int{}
	active := map[string]bool{}
	for in := range c.s.instances.all() {
		active[in.Role] = true
		if in.Host != "" && in.State < apps.Draining {
			n[in.Role]++
		}
	}
	for role := range active {
		parts += c.weight[role]
	}
	return n, parts
}

// look judges who made way since the last look; it is how many.
func (c *crowded) look() (fresh int) {
	c.t.Helper()
	n, parts := c.staying()
	for in := range c.s.instances.all() {
		if !in.Preempted || c.seen[in.ID] {
			continue
		}
		c.seen[in.ID] = true
		fresh++
		ready := 0
		for _, o := range in.app.instances {
			if serves(o) {
				ready++
			}
		}
		switch fair := float64(c.cores) * c.weight[in.Role] / parts; {
		case in.State < apps.Draining || in.end != apps.EndPreempted:
			c.t.Fatalf("%s made way and is %s (%s)", in.ID, in.State, in.end)
		case float64(n[in.Role]+1) <= fair:
			c.t.Fatalf("role %s has %d and is due %.2f: %s should not have made way", in.Role, n[in.Role], fair, in.ID)
		case n[in.Role] < c.owed[in.Role]:
			c.t.Fatalf("role %s has %d and is guaranteed %d", in.Role, n[in.Role], c.owed[in.Role])
		case ready < in.app.spec.HealthyMin():
			c.t.Fatalf("%s has %d ready, and needs %d", in.App, ready, in.app.spec.HealthyMin())
		}
	}
	if fresh > preemptedMax {
		c.t.Fatalf("%d made way at once", fresh)
	}
	return fresh
}

// could is an instance that could still make way for another role; empty: there is none.
func (c *crowded) could(role string) string {
	n, parts := c.staying()
	for in := range c.s.instances.all() {
		ready := 0
		for _, o := range in.app.instances {
			if serves(o) {
				ready++
			}
		}
		if in.Role != role && serves(in) && float64(n[in.Role]) > float64(c.cores)*c.weight[in.Role]/parts &&
			n[in.Role] > c.owed[in.Role] && ready > in.app.spec.HealthyMin() {
			return in.ID
		}
	}
	return ""
}

// Whatever roles are guaranteed and due: nobody makes way who should not, as many do as
// are needed, and in the end nobody waits for his guarantee while somebody could. Then
// nothing happens any more.
func TestWhoMakesWayForAGuarantee(t *testing.T) {
	made := 0
	rapid.Check(t, func(t *rapid.T) {
		c := newCrowded(t)
		roles := []string{"lab", "night", "shop"}
		for _, name := range roles {
			c.role(name)
		}
		c.put("/lab/a")
		c.put("/lab/b")
		c.put("/shop/a")
		c.rounds(6)
		if c.look() > 0 {
			t.Fatal("somebody made way though the setting is off")
		}
		c.step(SetSettings{Settings: apps.Settings{Preemption: true}})
		c.put("/night/a")
		total := c.look()
		for range rapid.IntRange(0, 40).Draw(t, "letters") {
			c.next()
			total += c.look()
		}
		for range 40 {
			c.rounds(1)
			total += c.look()
		}

		n, _ := c.staying()
		for in := range c.s.instances.all() {
			if in.State == apps.Waiting && n[in.Role] < c.owed[in.Role] {
				if v := c.could(in.Role); v != "" {
					t.Fatalf("role %s has %d of %d and %s waits, though %s could make way", in.Role, n[in.Role], c.owed[in.Role], in.ID, v)
				}
			}
		}
		if most := c.owed["lab"] + c.owed["night"] + c.owed["shop"]; total > most {
			t.Fatalf("%d made way for guarantees of %d", total, most)
		}
		c.rounds(10)
		if c.look() > 0 {
			t.Fatalf("it goes on for ever: %s", fmt.Sprint(n))
		}
		made += total
	})
	if made == 0 {
		t.Fatal("nobody made way")
	}
}

// However many it takes, at most ten give way in one step: what follows from that shows
// before the next do.
func TestFewGiveWayAtOnce(t *testing.T) {
	w := newWorld(t, "h1") // four cores
	w.step(SetSettings{Settings: apps.Settings{Preemption: true}}, SetRole{Role: apps.Role{Name: "poor", Guarantee: apps.Resources{CPU: 1600}}})
	hog := web(40)
	hog.ID, hog.Ports, hog.Upgrade = "/rich/web", nil, apps.Upgrade{}
	w.put(hog)
	w.settle()
	dear := web(4)
	dear.ID, dear.Ports, dear.Needs.CPU = "/poor/web", nil, 400 // four have to make way for each

	w.put(dear)

	gone := 0
	for in := range w.s.instances.all() {
		if in.Preempted {
			gone++
		}
	}
	if gone == 0 || gone > preemptedMax {
		t.Errorf("16 would have to give way, and %d do in one step; want some, at most %d", gone, preemptedMax)
	}
}

// Two make way for one that is as large as both, and end one after the other: what the
// first leaves is not for those who would have to make way next.
func TestRoomThatIsMadeIsKeptForWhomItIsMade(t *testing.T) {
	w := newWorld(t, "h1") // four cores
	w.step(SetSettings{Settings: apps.Settings{Preemption: true}}, SetRole{Role: apps.Role{Name: "poor", Guarantee: apps.Resources{CPU: 2000}}})
	hog := web(4)
	hog.ID, hog.Ports, hog.Upgrade, hog.Needs.CPU = "/rich/web", nil, apps.Upgrade{}, 1000
	w.put(hog)
	w.settle()
	w.now = w.now.Add(time.Second)
	dear := web(1)
	dear.ID, dear.Ports, dear.Needs.CPU = "/poor/web", nil, 2000
	h := w.hosts["h1"]
	before := maps.Clone(h.runs)

	w.put(dear)
	for len(h.runs) == 4 { // the balancer has to know first
		w.turns(1)
	}
	var going []string // the agent lets one after the other end
	for id := range before {
		if _, stays := h.runs[id]; !stays {
			going = append(going, id)
		}
	}
	if len(going) != 2 {
		t.Fatalf("%v make way, want two", going)
	}
	for range 3 {
		w.now = w.now.Add(100 * time.Millisecond)
		h.runs[going[1]] = before[going[1]] // stopping it takes long
		w.report("h1")
	}

	if got := w.on("h1"); got["/rich/web"] != 3 || got["/poor/web"] != 0 {
		t.Fatalf("one of two is gone, and there are %v", got)
	}
	delete(h.runs, going[1])
	w.turns(3)
	if got := w.on("h1"); got["/rich/web"] != 2 || got["/poor/web"] != 1 {
		t.Fatalf("both are gone, and there are %v", got)
	}
	preempted := 0
	for _, fx := range w.all {
		for _, f := range fx.Save.Finished {
			if f.End == apps.EndPreempted {
				preempted++
			}
		}
	}
	if preempted != 2 {
		t.Errorf("%d made way, want two", preempted)
	}
}

// on is how many instances of each app the host's books name.
func (w *world) on(host string) map[apps.ID]int {
	n := map[apps.ID]int{}
	for _, in := range w.s.hosts[host].runs {
		n[in.App]++
	}
	return n
}
