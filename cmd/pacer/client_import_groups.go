package main

import (
	"context"
	"encoding/json"

	"pacer/api/client"
	"pacer/api/wire"
	"pacer/apps"
)

// groups lists the groups that apps alone do not make as they are there: those that depend
// on something or enforce their role, and those with nothing in them.
func (im *importing) groups(g *foreignGroup) (all []imported, err error) {
	empty := len(g.Apps)+len(g.Groups) == 0 && g.ID != "/"
	if enforces := g.EnforceRole != nil && *g.EnforceRole; empty || len(g.Dependencies) > 0 || enforces {
		item := imported{Kind: "group", ID: g.ID, enforces: enforces}
		if item.body, err = json.Marshal(map[string]any{"dependencies": append([]string{}, g.Dependencies...)}); err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	for i := range g.Groups {
		below, err := im.groups(&g.Groups[i])
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// putGroups makes the groups before there is anything in them, so that it starts in the
// right order.
func (im *importing) putGroups(ctx context.Context, s *session, all []imported) error {
	return im.eachGroup(all, func(item *imported) error {
		_, err := s.PutGroup(ctx, item.ID, item.body, client.PutOptions{Force: im.force})
		return err
	})
}

// enforceRoles comes when all is there: it may have roles that it keeps, but could not
// come with.
func (im *importing) enforceRoles(ctx context.Context, s *session, all []imported) error {
	return im.eachGroup(all, func(item *imported) error {
		if !item.enforces {
			return nil
		}
		_, err := s.PutGroup(ctx, item.ID, wire.GroupUpdate{EnforceRole: &item.enforces}, client.PutOptions{Force: im.force})
		return err
	})
}

func (im *importing) eachGroup(all []imported, do func(*imported) error) error {
	for i := range all {
		if item := &all[i]; item.Kind == "group" && item.Result != "refused" {
			if err := im.judge(item, do(item), "imported"); err != nil {
				return err
			}
		}
	}
	return nil
}

func tryGroup(item *imported) error { return wire.CheckGroupID(apps.ID(item.ID)) }
