package cluster

import (
	"errors"
	"slices"
	"strings"

	"pacer/apps"
)

// PutGroup is one group of a Change: it is made, or gets what is said of it.
type PutGroup struct {
	ID apps.ID
	// New: the group must not exist yet. Otherwise it may or may not.
	New          bool
	Dependencies []apps.ID // absolute; nil: they stay as they are
	EnforceRole  *bool     // only of a top-level group; nil: it stays as it is
}

// A past is what groups were before a deployment; nil: there was none, and it goes again if
// nothing is in it.
type past struct{ groups map[apps.ID]*apps.Group }

// A regrouping is what a change makes of groups.
type regrouping struct {
	s     *State
	rows  map[apps.ID]*apps.Group // those that change, without their version; nil: it goes
	more  map[apps.ID]int         // apps below a group, more than there are
	comes map[apps.ID]bool        // apps
	goes  map[apps.ID]bool        // the same
}

// withDropped names the apps that go with groups, besides those that are named.
func (s *State) withDropped(c Change) (Change, error) {
	if len(c.DropGroups) == 0 {
		return c, nil
	}
	named := map[apps.ID]bool{}
	for _, id := range c.Delete {
		named[id] = true
	}
	c.Delete = slices.Clone(c.Delete)
	for _, group := range c.DropGroups {
		if s.groups[group] == nil {
			return c, apps.Errorf(apps.NotFound, "Group '%s' does not exist", group)
		}
		for _, id := range s.inside(group) {
			if !named[id] {
				named[id] = true
				c.Delete = append(c.Delete, id)
			}
		}
	}
	return c, nil
}

// regroup works out what a change makes of groups: what is said of them, what has to be
// there for its apps, and which hold something else than before.
func (s *State) regroup(c Change, target []*apps.App, before *past) (*regrouping, error) {
	r := &regrouping{s: s, rows: map[apps.ID]*apps.Group{}, more: map[apps.ID]int{}, comes: map[apps.ID]bool{}, goes: map[apps.ID]bool{}}
	for _, spec := range target {
		switch there := s.present(spec.ID) != nil; {
		case there && spec.Deleted:
			r.goes[spec.ID] = true
			r.count(spec.ID, -1)
		case !there && !spec.Deleted:
			r.comes[spec.ID] = true
			r.count(spec.ID, 1)
		}
	}
	for _, id := range c.DropGroups {
		r.drop(id)
	}
	for _, p := range c.PutGroups {
		if err := r.put(p); err != nil {
			return nil, err
		}
	}
	for _, spec := range target {
		if r.comes[spec.ID] {
			r.giveWay(spec.ID)
			r.make(spec.ID)
		}
	}
	if before != nil {
		for _, id := range slices.Backward(sortedKeys(before.groups)) {
			r.restore(id, before.groups[id])
		}
	}
	r.mark(target)
	return r, r.check()
}

func (r *regrouping) count(id apps.ID, sign int) {
	for group := id.Parent(); ; group = group.Parent() {
		if r.more[group] += sign; group == "/" {
			return
		}
	}
}

// after is a group as the change will have it; nil: there is none.
func (r *regrouping) after(id apps.ID) *apps.Group {
	if row, changes := r.rows[id]; changes {
		return row
	}
	if g := r.s.groups[id]; g != nil {
		return g.row
	}
	return nil
}

// appsAfter is how many apps are in a group and below it after the change.
func (r *regrouping) appsAfter(id apps.ID) int {
	n := r.more[id]
	if g := r.s.groups[id]; g != nil {
		n += g.below
	}
	return n
}

func (r *regrouping) drop(id apps.ID) {
	r.s.eachGroup(id, func(g *folder) {
		if g.row.ID != "/" {
			r.rows[g.row.ID] = nil
		}
	})
}

func (r *regrouping) put(p PutGroup) error {
	if !strings.HasPrefix(string(p.ID), "/") {
		return apps.Errorf(apps.Invalid, "id: %q is not the absolute path of a group", p.ID)
	}
	before := r.after(p.ID)
	row := apps.Group{ID: p.ID}
	if before != nil {
		if p.New {
			return apps.Errorf(apps.Conflict, "Group %s is already created. Use PUT to change this group.", p.ID)
		}
		row = *before
	}
	if p.Dependencies != nil {
		row.Dependencies = p.Dependencies
	}
	if p.EnforceRole != nil {
		row.EnforceRole = *p.EnforceRole
	}
	if row.EnforceRole && !p.ID.IsTopLevel() {
		return wrong("/enforceRole", "enforceRole can only be set for top-level groups, and "+string(p.ID)+" is not top-level")
	}
	if before == nil || !before.Same(&row) {
		r.make(p.ID)
		r.rows[p.ID] = &row
	}
	return nil
}

// make makes the groups around id that are not there.
func (r *regrouping) make(id apps.ID) {
	for _, group := range missing(id, func(group apps.ID) bool { return r.after(group) != nil }) {
		r.rows[group] = &apps.Group{ID: group}
	}
}

// giveWay has a group in which there is no app go for an app of its name (Marathon's rule).
func (r *regrouping) giveWay(id apps.ID) {
	if _, named := r.rows[id]; !named && r.s.groups[id] != nil && r.appsAfter(id) == 0 {
		r.drop(id)
	}
}

// restore has a group be what it was: one that was not there goes if it holds nothing.
func (r *regrouping) restore(id apps.ID, was *apps.Group) {
	now := r.after(id)
	switch {
	case was != nil && now == nil:
		r.make(id)
		r.rows[id] = was
	case was != nil && !now.Same(was):
		r.rows[id] = was
	case was == nil && now != nil && r.appsAfter(id) == 0 && !r.holdsGroups(id):
		if r.rows[id] = nil; r.s.groups[id] == nil { // only this change would have made it
			delete(r.rows, id)
		}
	}
}

func (r *regrouping) holdsGroups(id apps.ID) bool {
	for row := range r.rows {
		if row != id && row.Within(id) && r.rows[row] != nil {
			return true
		}
	}
	holds := false
	r.s.eachGroup(id, func(g *folder) { holds = holds || g.row.ID != id && r.after(g.row.ID) != nil })
	return holds
}

// mark gives those groups a new version that something was deleted from: nothing that is
// left in them has it.
func (r *regrouping) mark(target []*apps.App) {
	again := func(id apps.ID) {
		parent := id.Parent()
		if _, changes := r.rows[parent]; !changes && r.after(parent) != nil {
			row := *r.after(parent)
			r.rows[parent] = &row
		}
	}
	for _, id := range sortedKeys(r.goes) {
		again(id)
	}
	for _, id := range sortedKeys(r.rows) {
		if r.rows[id] == nil {
			again(id)
		}
	}
}

// check refuses an app in the place of a group, and the other way round.
func (r *regrouping) check() error {
	const same = "Groups and Applications may not have the same identifier."
	for _, id := range sortedKeys(r.comes) {
		if r.after(id) != nil {
			return wrong("/id", same)
		}
	}
	for _, id := range sortedKeys(r.rows) {
		if r.rows[id] != nil && r.s.present(id) != nil && !r.goes[id] {
			return wrong("/id", same)
		}
	}
	return nil
}

// checkRoles refuses a role that the group of the app does not allow, and one that an
// app with data cannot take: its volumes were reserved for another.
func (r *regrouping) checkRoles(target []*apps.App, force bool) error {
	for _, spec := range target {
		if spec.Deleted {
			continue
		}
		before := ""
		if a := r.s.present(spec.ID); a != nil {
			before = a.spec.SaidRole()
			if from, to := a.spec.FairRole(), spec.FairRole(); from != to && a.spec.Resident() && !force {
				return wrong("/role", "It is not possible to change the role for existing reservations. If you proceed with this change, all existing "+
					"instances will continue to run under the previous role, "+from+". Only new instances will be "+
					"allocated with the new role, "+to+". In order to continue, retry your request with ?force=true")
			}
		}
		if top := r.after(spec.ID.Top()); top != nil {
			if fault := top.RoleFault(spec.SaidRole(), before); fault != "" {
				return wrong("/role", string(spec.ID)+": "+fault)
			}
		}
	}
	return nil
}

// old is what the groups were that the change makes, changes or deletes, to go back to.
func (r *regrouping) old() map[apps.ID]*apps.Group {
	var old map[apps.ID]*apps.Group
	for id, row := range r.rows {
		var was *apps.Group
		if g := r.s.groups[id]; g != nil {
			was = g.row
		}
		if was != nil && row != nil && was.Same(row) {
			continue
		}
		if old == nil {
			old = map[apps.ID]*apps.Group{}
		}
		old[id] = was
	}
	return old
}

// enter puts the groups that come into the tree, and leave, when the apps have moved,
// takes out those that go. Both give the rows their version.
func (r *regrouping) enter(version apps.Version) {
	for _, id := range sortedKeys(r.rows) { // a group comes before those in it
		if r.rows[id] != nil {
			row := *r.rows[id]
			row.Version = version
			r.s.setGroup(&row)
			r.s.fx.Save.Groups = append(r.s.fx.Save.Groups, &row)
		}
	}
}

func (r *regrouping) leave(version apps.Version) {
	for _, id := range slices.Backward(sortedKeys(r.rows)) {
		if r.rows[id] == nil {
			r.s.dropGroup(id)
			r.s.groupsAt = max(r.s.groupsAt, version)
			r.s.fx.Save.Groups = append(r.s.fx.Save.Groups, &apps.Group{ID: id, Version: version, Deleted: true})
		}
	}
}

// changedGroup is the innermost group that all of a change is in.
func changedGroup(c Change) apps.ID {
	var ids []apps.ID
	for _, p := range c.Put {
		ids = append(ids, p.App.ID)
	}
	for _, e := range c.Edit {
		ids = append(ids, e.App)
	}
	for _, p := range c.PutGroups {
		ids = append(ids, p.ID)
	}
	ids = slices.Concat(ids, c.Restart, c.Delete, c.DropGroups)
	if len(ids) == 0 {
		return "/"
	}
	group := ids[0].Parent()
	for _, id := range ids[1:] {
		for !id.Parent().Within(group) {
			group = group.Parent()
		}
	}
	return group
}

// refuseChange refuses a change, and tells the world that the groups stay as they are. To
// want what is not there any more is a matter between the server and who asks.
func (s *State) refuseChange(c Change, err error) {
	if e := (*apps.Error)(nil); c.Request != "" && !(errors.As(err, &e) && e.Kind == apps.Stale) {
		s.tell(apps.Notice{Type: "group_change_failed", App: changedGroup(c), Version: apps.VersionAt(s.now), Message: sentence(err), ClientIP: c.ClientIP, URI: c.URI})
	}
	s.refuse(c.Request, err)
}

// sentence is an error with what is wrong with each field.
func sentence(err error) string {
	text := err.Error()
	if e := (*apps.Error)(nil); errors.As(err, &e) {
		for _, field := range e.Details {
			text += "; " + field.Path + ": " + strings.Join(field.Errors, ", ")
		}
	}
	return text
}

// PatchGroup sets whether a top-level group enforces its role. It is no deployment.
type PatchGroup struct {
	Request     string
	Group       apps.ID // must exist
	EnforceRole *bool   // nil: it stays as it is
	Match       []Match // or nothing is changed
}

func (PatchGroup) event() {}

func (s *State) foldPatchGroup(p PatchGroup) {
	g := s.groups[p.Group]
	err := s.stale(p.Match)
	switch {
	case err != nil:
	case g == nil:
		err = apps.Errorf(apps.NotFound, "Group '%s' does not exist", p.Group)
	case !p.Group.IsTopLevel():
		err = wrong("/enforceRole", "enforceRole can only be set for top-level groups, and "+string(p.Group)+" is not top-level")
	}
	if err != nil {
		s.refuse(p.Request, err)
		return
	}
	if p.EnforceRole != nil && g.row.EnforceRole != *p.EnforceRole {
		row := *g.row
		row.EnforceRole, row.Version = *p.EnforceRole, max(apps.VersionAt(s.now), s.groupsAt+1)
		s.setGroup(&row)
		s.fx.Save.Groups = append(s.fx.Save.Groups, &row)
	}
	s.reply(Reply{Request: p.Request})
}
