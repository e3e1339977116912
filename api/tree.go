package api

import (
	"bytes"
	"net/http"
	"sync"

	"pacer/apps"
)

// treesMax is how many forms of the tree of all groups are kept.
const treesMax = 8

// trees keeps the tree of all groups as it was told last, by what is told in it. Most of
// a tree is the sheets of its apps, which rolls have, too.
type trees struct {
	mu sync.Mutex
	by map[groupEmbed]tree
}

type tree struct {
	revision uint64 // of the View's apps
	page     *page
}

func (t *trees) get(e groupEmbed, revision uint64) (*page, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.by[e]
	return one.page, ok && one.revision == revision
}

func (t *trees) put(e groupEmbed, revision uint64, p *page) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil || len(t.by) >= treesMax && t.by[e].page == nil || p.size() > rollBytes {
		t.by = map[groupEmbed]tree{}
	}
	if p.size() <= rollBytes {
		t.by[e] = tree{revision, p}
	}
}

// wholeTree answers with the tree of all groups. Its apps are rendered and compressed
// where they changed, as in a list of apps; the groups around them are put together anew
// with each change.
func (d *door) wholeTree(w http.ResponseWriter, r *http.Request, v *lookup, e groupEmbed) error {
	revision := v.AppsRevision() // before what it stands for
	if p, ok := d.trees.get(e, revision); ok {
		return d.writePage(w, r, p)
	}
	list, err := d.page(v, rollKey{of: "groups", parts: e.app}, listing{head: nothing, tail: nothing, apart: otherFolder, render: func(app *apps.App) ([]byte, error) {
		if app.Pod != nil {
			return encoded(v.podStatus(app))
		}
		return encoded(v.info(app, e.app))
	}})
	if err != nil {
		return err
	}
	b := treeBuilder{embed: e}
	if _, err := b.group("/", list.sheets, v.Groups("/")); err != nil {
		return err
	}
	b.text = append(b.text, '\n')
	p := newPage(b.done()...)
	d.trees.put(e, revision, p)
	return d.writePage(w, r, p)
}

var nothing = newPart(nil)

// otherFolder keeps what stands in different groups apart, and pods from apps.
func otherFolder(a, b *apps.App) bool {
	return a.ID.Parent() != b.ID.Parent() || (a.Pod == nil) != (b.Pod == nil)
}

// A treeBuilder puts a tree together of the sheets of its apps and of what stands around
// them.
type treeBuilder struct {
	embed groupEmbed
	parts []*part
	text  []byte // that comes next
}

func (b *treeBuilder) sheet(s *sheet) {
	b.flush()
	b.parts = append(b.parts, s.text)
}

func (b *treeBuilder) flush() {
	if len(b.text) > 0 {
		b.parts = append(b.parts, storedParts(b.text)...)
		b.text = nil
	}
}

func (b *treeBuilder) done() []*part {
	b.flush()
	return b.parts
}

// group writes a group, of the sheets of all that is below it and of the rows of the
// groups, and returns its version.
func (b *treeBuilder) group(id apps.ID, sheets []*sheet, rows []*apps.Group) (newest apps.Version, err error) {
	g, newest := b.embed.shell(id, rows)
	var own, pods []*sheet
	children := map[apps.ID][]*sheet{}
	for _, s := range sheets {
		for i := range s.entries {
			newest = max(newest, s.entries[i].app.Version)
		}
		switch first := s.entries[0].app; {
		case first.ID.Parent() != id:
			child := childOf(id, first.ID)
			children[child] = append(children[child], s)
		case first.Pod != nil:
			pods = append(pods, s)
		default:
			own = append(own, s)
		}
	}
	below := rowsByChild(id, rows)
	for _, list := range below {
		for _, row := range list {
			newest = max(newest, row.Version)
		}
	}
	g.Version = newest.String()
	shell, err := encoded(g)
	if err != nil {
		return 0, err
	}
	all := func(list []*sheet) error {
		for i, s := range list {
			if i > 0 {
				b.text = append(b.text, ',')
			}
			b.sheet(s)
		}
		return nil
	}
	fill := []struct {
		name   string
		wanted bool
		write  func() error
	}{
		{"apps", b.embed.apps, func() error { return all(own) }},
		{"groups", b.embed.groups, func() error {
			for i, child := range childrenOf(children, below) {
				if i > 0 {
					b.text = append(b.text, ',')
				}
				if _, err := b.group(child, children[child], below[child]); err != nil {
					return err
				}
			}
			return nil
		}},
		{"pods", b.embed.pods, func() error { return all(pods) }},
	}
	for _, f := range fill {
		if !f.wanted {
			continue
		}
		before, after, found := bytes.Cut(shell, []byte(`"`+f.name+`":[`)) // an id has no quotes
		if !found {
			panic("api: a group without " + f.name)
		}
		b.text = append(append(b.text, before...), `"`+f.name+`":[`...)
		if err := f.write(); err != nil {
			return 0, err
		}
		shell = after
	}
	b.text = append(b.text, shell...)
	return newest, nil
}
