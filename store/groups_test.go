package store

import (
	"fmt"
	"testing"

	"pacer/apps"
	"pacer/deployer/cluster"
)

func TestGroupsAreKeptAsTheyWere(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		row := func(id apps.ID, v apps.Version) *apps.Group { return &apps.Group{ID: id, Version: v} }
		gone := func(id apps.ID, v apps.Version) *apps.Group { return &apps.Group{ID: id, Version: v, Deleted: true} }
		depends := &apps.Group{ID: "/g", Version: 3, Dependencies: []apps.ID{"/db"}, EnforceRole: true}
		commit(t, d, l, cluster.Changes{Groups: []*apps.Group{row("/g", 1), row("/g/a", 1), row("/g-x", 1), row("/g%x", 1)}})
		commit(t, d, l, cluster.Changes{Groups: []*apps.Group{row("/g", 2), gone("/g/a", 2)}})
		commit(t, d, l, cluster.Changes{Groups: []*apps.Group{depends, row("/g/a", 3), row("/g/a/b", 4), gone("/g/a/b", 5), row("/g/a/b", 6)}})

		diff(t, "the groups there are", []*apps.Group{depends, row("/g%x", 1), row("/g-x", 1), row("/g/a", 3), row("/g/a/b", 6)}, load(t, d).Groups)
		for at, want := range map[apps.Version][]*apps.Group{
			0: nil,
			1: {row("/g", 1), row("/g/a", 1)},
			2: {row("/g", 2)},
			4: {depends, row("/g/a", 3), row("/g/a/b", 4)},
			5: {depends, row("/g/a", 3)},
			9: {depends, row("/g/a", 3), row("/g/a/b", 6)},
		} {
			diff(t, fmt.Sprint("at ", at), want, must(d.GroupsAt(t.Context(), "/g", at))(t))
		}
		diff(t, "all at 1", 4, len(must(d.GroupsAt(t.Context(), "/", 1))(t)))
		diff(t, "versions", []apps.Version{6, 4, 3, 2, 1}, must(d.GroupVersions(t.Context(), "/g"))(t))
		diff(t, "versions of one without any below", []apps.Version{1}, must(d.GroupVersions(t.Context(), "/g-x"))(t))
		diff(t, "versions of none", []apps.Version(nil), must(d.GroupVersions(t.Context(), "/nope"))(t))
	})
}

func TestWhatManyAppsWereIsTrimmedForEach(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		const versions = 60
		var c cluster.Changes
		for v := range apps.Version(versions) {
			c.Apps = append(c.Apps, &apps.App{ID: "/a", Version: v + 1}, &apps.App{ID: "/b", Version: v + 1})
			c.Groups = append(c.Groups, &apps.Group{ID: "/g", Version: v + 1})
		}
		c.Apps = append(c.Apps, &apps.App{ID: "/few", Version: 1})

		commit(t, d, l, c)

		for id, want := range map[apps.ID]int{"/a": versionsMax, "/b": versionsMax, "/few": 1} {
			kept := must(d.Versions(t.Context(), id))(t)
			if len(kept) != want || want > 1 && (kept[0] != versions || kept[want-1] != versions-versionsMax+1) {
				t.Errorf("of %s %d are kept, want the newest %d: %v", id, len(kept), want, kept)
			}
		}
		if kept := must(d.GroupVersions(t.Context(), "/g"))(t); len(kept) != versionsMax || kept[0] != versions {
			t.Errorf("of the group %v are kept", kept)
		}
	})
}

func TestGroupsThatAreGoneAreForgottenInTheEnd(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		var c cluster.Changes
		for n := range goneGroupsMax + 3 {
			id := apps.ID(fmt.Sprintf("/g%d", n))
			c.Groups = append(c.Groups, &apps.Group{ID: id, Version: apps.Version(2*n + 1)}, &apps.Group{ID: id, Version: apps.Version(2*n + 2), Deleted: true})
		}
		c.Groups = append(c.Groups, &apps.Group{ID: "/there", Version: 1})
		commit(t, d, l, c)

		if err := d.pruneOnce(t.Context(), today); err != nil {
			t.Fatal(err)
		}

		for id, want := range map[apps.ID]int{"/g0": 0, "/g2": 0, "/g3": 1, "/there": 1} {
			if kept := must(d.GroupVersions(t.Context(), id))(t); len(kept) != want {
				t.Errorf("of %s %v are kept, want %d", id, kept, want)
			}
		}
	})
}
