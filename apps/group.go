package apps

import (
	"slices"
	"strings"
)

// A Group is a folder of apps, pods and other groups. It comes with the first thing that
// is put into it, or is made for its own sake, and is there until it is deleted, also
// with nothing in it.
type Group struct {
	ID ID `json:"id"`
	// Version is the last change of the group itself, or of what it holds by a deletion.
	// What users see as its version is the newest of this and of all below.
	Version Version `json:"version"`
	Deleted bool    `json:"deleted,omitempty"` // it went with this version
	// Dependencies are those of everything in it and below, besides their own.
	Dependencies []ID `json:"dependencies,omitempty"` // absolute
	// EnforceRole: what comes to a top-level group has the group's name as its role.
	EnforceRole bool `json:"enforceRole,omitempty"`
}

// Same reports whether two groups differ in nothing but their version.
func (g *Group) Same(o *Group) bool {
	return g.ID == o.ID && g.Deleted == o.Deleted && g.EnforceRole == o.EnforceRole && slices.Equal(g.Dependencies, o.Dependencies)
}

// Top is the top-level group that the app is in; for an app at the root it is none: "/".
func (id ID) Top() ID {
	if len(id) > 1 {
		if i := strings.IndexByte(string(id[1:]), '/'); i > 0 {
			return id[:i+1]
		}
	}
	return "/"
}

// IsTopLevel reports whether it is the id of a top-level group.
func (id ID) IsTopLevel() bool { return id != "/" && id.Parent() == "/" }

// RoleFault is what is wrong with the role of an app, for the top-level group it is in;
// empty: nothing. before is the role that it has now, which it may keep, and empty for an
// app that is new. A role that is not said is "*".
func (g *Group) RoleFault(role, before string) string {
	own := g.ID.Name()
	switch {
	case !g.EnforceRole, role == own, before != "" && role == before:
		return ""
	}
	return "got " + role + ", expected one of: " + own + ". The group " + string(g.ID) + " enforces its role: leave the role out, or change enforceRole of the group"
}

// SaidRole is the role as Marathon writes it: "*" where none is set.
func (a *App) SaidRole() string {
	if a.Role == "" {
		return "*"
	}
	return a.Role
}
