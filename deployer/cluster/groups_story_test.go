package cluster

import (
	"fmt"
	"slices"
	"strings"

	"pacer/apps"
)

// doGroup knows what stories say of groups:
//
//	group /shop depends=/db,/mq enforceRole=true [new] [force]   makes or changes one
//	ungroup /shop [force]                                        deletes it with all that is in it
//	patch /shop enforceRole=false
//	groups                                                       tells all there are
//
// put takes parts of both: put /shop/web image=web:1 , group /shop depends=/db
func (st *story) doGroup(verb string, args []string) bool {
	force := slices.Contains(args, "force")
	switch verb {
	case "group":
		st.change(Change{PutGroups: []PutGroup{st.group(args)}, Force: force})
	case "ungroup":
		st.change(Change{DropGroups: []apps.ID{apps.ID(args[0])}, Force: force})
	case "patch":
		p := st.group(args)
		st.step(PatchGroup{Request: "r", Group: p.ID, EnforceRole: p.EnforceRole})
	case "groups":
		st.tellGroups()
	default:
		return false
	}
	return true
}

func (st *story) group(args []string) PutGroup {
	p := PutGroup{ID: apps.ID(args[0]), New: slices.Contains(args, "new")}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "depends":
			p.Dependencies = []apps.ID{}
			for _, id := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' }) {
				p.Dependencies = append(p.Dependencies, apps.ID(id))
			}
		case "enforceRole":
			p.EnforceRole = new(value == "true")
		}
	}
	return p
}

// tellGroups tells what is stored, and what is in it.
func (st *story) tellGroups() {
	for _, row := range st.stored.Groups {
		line := fmt.Sprintf("group  %s", row.ID)
		for _, dependency := range row.Dependencies {
			line += " depends=" + string(dependency)
		}
		if row.EnforceRole {
			line += " enforceRole"
		}
		if in := sortedKeys(st.s.groups[row.ID].apps); len(in) > 0 {
			line += fmt.Sprintf(" holds %v", in)
		}
		st.note("%s", line)
	}
}

func (st *story) storeGroups(rows []*apps.Group) {
	for _, row := range rows {
		st.stored.Groups = slices.DeleteFunc(slices.Clone(st.stored.Groups), func(o *apps.Group) bool { return o.ID == row.ID })
		if !row.Deleted {
			st.stored.Groups = append(st.stored.Groups, row)
		}
		st.stored.GroupsAt = max(st.stored.GroupsAt, row.Version)
	}
	slices.SortFunc(st.stored.Groups, func(a, b *apps.Group) int { return strings.Compare(string(a.ID), string(b.ID)) })
}
