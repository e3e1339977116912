package sim

import (
	"fmt"
	"slices"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// groups are the wishes of users who make, change and delete groups, empty ones too, in a
// world that was made with NewWithGroups; in others groups come with apps alone.
type groups struct {
	w *World
	dice
	asked map[string]cluster.Change // that may still be answered, by request
}

// answerSoon is how long users wait for an answer.
const answerSoon = 15 * time.Second

// folders are the groups that users speak of. Apps are in some of them.
var folders = []apps.ID{"/", "/shop", "/shop/old", "/shop/old/deep", "/lab", "/empty", "/empty/too"}

// joiners are apps that come and go in groups that depend on something.
var joiners = []apps.ID{"/shop/old/deep/one", "/empty/two", "/lab/x", "/shop/web"}

// NewWithGroups is the world of a seed in which users change groups, too.
func NewWithGroups(seed uint64) *World {
	w := New(seed)
	w.groups = &groups{w: w, dice: newDice(seed, 0x6F1D), asked: map[string]cluster.Change{}}
	return w
}

// LiveWithGroups lives the history of a seed twice; both must be the same.
func LiveWithGroups(seed uint64) (Result, error) { return twice(seed, NewWithGroups) }

func (g *groups) begin() { g.ask() }

func (g *groups) ask() {
	if g.w.healed {
		return
	}
	change := g.request()
	g.asked[change.Request] = change
	g.w.after(answerSoon, func() { delete(g.asked, change.Request) }) // whoever was asked is gone
	g.w.users.submit(change)
	g.w.after(g.exp(2*time.Second), g.ask)
}

func (g *groups) request() cluster.Change {
	name := g.w.users.name()
	c := cluster.Change{Request: name, Deployment: "d-" + name, Force: g.chance(0.4), Rollback: g.chance(0.2)}
	put := func() {
		one := cluster.PutGroup{ID: pick(g, folders...), New: g.chance(0.2)}
		if g.chance(0.6) {
			one.Dependencies = []apps.ID{}
			for range g.intn(3) {
				one.Dependencies = append(one.Dependencies, pick[apps.ID](g, "/solo", "/shop/db", "/lab", "/shop", "/empty", "/nowhere"))
			}
		}
		if g.chance(0.2) {
			one.EnforceRole = new(g.chance(0.7))
		}
		c.PutGroups = append(c.PutGroups, one)
	}
	join := func() { c.Put = append(c.Put, cluster.PutApp{App: g.spec(pick(g, joiners...))}) }
	switch g.intn(8) {
	case 0, 1:
		put()
	case 2:
		put()
		put()
	case 3:
		put()
		join()
	case 4:
		c.DropGroups = []apps.ID{pick(g, folders[1:]...)}
	case 5:
		c.DropGroups = []apps.ID{pick(g, folders[1:]...)}
		put()
	case 6:
		c.Delete = []apps.ID{pick(g, joiners...)}
	default:
		join()
	}
	return c
}

func (g *groups) spec(id apps.ID) *apps.App {
	role := ""
	if g.chance(0.3) {
		role = pick(g, "shop", "lab", "empty")
	}
	return &apps.App{
		ID: id, Instances: g.intn(3), Network: apps.NetworkBridge, Role: role, Needs: apps.Resources{CPU: 50, Mem: 100},
		Env: map[string]string{"V": fmt.Sprint(g.w.users.next)}, Upgrade: pick(g, upgrades...),
		Backoff: apps.Backoff{First: time.Second, Factor: 1.5, Max: 10 * time.Second},
	}
}

// hear holds an accepted change of groups against what is stored: what was made is there,
// and what was deleted is not, unless somebody has changed it since.
func (g *groups) hear(r cluster.Reply) {
	c, known := g.asked[r.Request]
	if delete(g.asked, r.Request); !known || r.Err != nil {
		return
	}
	st := g.w.store
	last := map[apps.ID]cluster.PutGroup{} // of two words about one group the last counts
	for _, p := range c.PutGroups {
		last[p.ID] = p
	}
	for _, id := range sorted(last) {
		if row := st.groups[id]; row == nil && st.groupWrites[id] < r.Version && id != "/" {
			g.w.fail("the user was told that the group %s is there in version %v, and it is not stored", id, r.Version)
		} else if row != nil && row.Version <= r.Version && !g.disputed(id) {
			g.compare(last[id], row)
		}
	}
	for _, id := range c.DropGroups {
		_, again := last[id]
		if row := st.groups[id]; row != nil && row.Version < r.Version && !again {
			g.w.fail("the user was told that the group %s is deleted with version %v, and stored is %+v", id, r.Version, *row)
		}
	}
}

func (g *groups) compare(p cluster.PutGroup, row *apps.Group) {
	if p.EnforceRole != nil && row.EnforceRole != *p.EnforceRole || p.Dependencies != nil && !slices.Equal(row.Dependencies, p.Dependencies) {
		g.w.fail("the user was told that %+v is accepted, and stored is %+v", p, *row)
	}
}

// disputed reports whether others have asked for something of the group meanwhile: in one
// step two changes may have one version, if the first of them changed nothing.
func (g *groups) disputed(id apps.ID) bool {
	for _, c := range g.asked {
		if slices.ContainsFunc(c.PutGroups, func(p cluster.PutGroup) bool { return p.ID == id }) {
			return true
		}
	}
	return false
}

// applyGroups stores rows of groups: of each the versions grow.
func (st *store) applyGroups(rows []*apps.Group) {
	for _, row := range rows {
		if last := st.groupWrites[row.ID]; last >= row.Version {
			st.w.fail("version %v of the group %s is committed after version %v", row.Version, row.ID, last)
		}
		st.groupWrites[row.ID] = row.Version
		if st.groups[row.ID] == nil && row.Deleted {
			st.w.fail("the group %s is deleted, and was not there", row.ID)
		}
		if st.groups[row.ID] = row; row.Deleted {
			delete(st.groups, row.ID)
		}
	}
}

// judgeGroups looks at the tree after a commit: every app and group is in groups that are
// stored, and none is both.
func (st *store) judgeGroups(c *cluster.Changes) {
	if len(c.Groups)+len(c.Apps) == 0 {
		return
	}
	inside := func(id apps.ID) {
		for group := id.Parent(); group != "/"; group = group.Parent() {
			if st.groups[group] == nil {
				st.w.fail("%s is stored, and the group %s around it is not", id, group)
			}
		}
	}
	for _, id := range sorted(st.groups) {
		inside(id)
		if spec := st.apps[id]; spec != nil && !spec.Deleted {
			st.w.fail("%s is stored as a group and as an app", id)
		}
	}
	for _, id := range sorted(st.apps) {
		if spec := st.apps[id]; !spec.Deleted && spec.Run == "" {
			inside(id)
		}
	}
}
