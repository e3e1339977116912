package api

import (
	"bytes"
	"slices"
	"sync"

	"pacer/apps"
	"pacer/deployer"
)

// A rollKey is one list of all apps: what is told of each.
type rollKey struct {
	of    string // apps, tasks or groups
	parts embed
	only  string // tasks in this state; empty: in any
}

// A roll is a list of all apps as it was rendered, kept so that a change costs what
// changed. Each app's piece of it holds while the app has its revision; the pieces are
// compressed in sheets of some thirty, and only the sheets with a change again.
type roll struct {
	mu       sync.Mutex // held while it is brought up to date: who asks meanwhile waits and shares
	revision uint64     // of the View's apps
	sheets   []*sheet
	page     *page
}

// A sheet is neighbours in the list. It is not changed, but replaced.
type sheet struct {
	entries []entry
	text    *part // their pieces, with commas between
}

type entry struct {
	app      *apps.App
	revision uint64
	last     bool   // of its sheet, by its id
	piece    []byte // inside the sheet's text; empty: there is nothing to tell
}

// A page is a list as it was at one moment.
type page struct {
	sheets []*sheet
	parts  []*part
	zip    func() []byte
	tag    func() uint64

	mu       sync.Mutex
	excerpts map[string]*page
}

func newPage(parts ...*part) *page {
	return &page{
		parts: parts,
		zip:   sync.OnceValue(func() []byte { return gzipped(parts) }),
		tag:   sync.OnceValue(func() uint64 { return tagOfParts(parts) }),
	}
}

// Bounds of the filtered lists that are kept with the whole one.
const (
	excerptsMax = 16
	excerptMax  = 1 << 20 // bytes of each
)

// excerpt is the page with those apps alone that are wanted; what names the wish.
func (p *page) excerpt(what string, keep func(*apps.App) bool) *page {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.excerpts[what]; known != nil {
		return known
	}
	head, tail := p.parts[0].plain, p.parts[len(p.parts)-1].plain
	text := bytes.Clone(head)
	for e := range p.entries {
		if !keep(e.app) {
			continue
		}
		if len(text) > len(head) {
			text = append(text, ',')
		}
		text = append(text, e.piece...)
	}
	if p.excerpts == nil || len(p.excerpts) == excerptsMax {
		p.excerpts = map[string]*page{}
	}
	some := newPage(newPart(append(text, tail...)))
	if some.size() <= excerptMax {
		p.excerpts[what] = some
	}
	return some
}

// entries are all that have something to tell, in order.
func (p *page) entries(yield func(*entry) bool) {
	for _, s := range p.sheets {
		for i := range s.entries {
			if e := &s.entries[i]; len(e.piece) > 0 && !yield(e) {
				return
			}
		}
	}
}

var comma = newPart([]byte(","))

const (
	sheetMean = 32  // entries
	sheetMax  = 256 //
)

// endsSheet has about one of sheetMean ids end its sheet: a new app changes its own sheet
// and no other.
func endsSheet(id apps.ID) bool {
	h := uint32(2166136261) // FNV-1a
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return (h^h>>16)%sheetMean == 0
}

// A listing is how a list is made: what stands before and after it, and what there is to
// say of an app. apart keeps neighbours on different sheets; nil: nothing does.
type listing struct {
	head, tail *part
	render     func(*apps.App) ([]byte, error)
	apart      func(a, b *apps.App) bool
}

// at brings the roll up to date with the view and returns it.
func (r *roll) at(v View, l listing) (*page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	revision := v.AppsRevision() // before what it stands for
	if r.page != nil && r.revision == revision {
		return r.page, nil
	}
	var sheets []*sheet
	var err error
	if changed, now, ok := v.Changes(r.revision); ok && len(r.sheets) > 0 {
		revision = now
		sheets, err = mended(r.sheets, changed, l)
	} else {
		var old []entry
		for _, s := range r.sheets {
			old = append(old, s.entries...)
		}
		sheets, err = l.cut(matched(v.Revisions(), old))
	}
	if err != nil {
		return nil, err
	}
	r.sheets, r.revision, r.page = sheets, revision, pageOf(sheets, l.head, l.tail)
	return r.page, nil
}

// cut makes sheets of entries.
func (l *listing) cut(entries []entry) (sheets []*sheet, err error) {
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && n < sheetMax && !entries[n-1].last && (l.apart == nil || !l.apart(entries[n-1].app, entries[n].app)) {
			n++
		}
		s, err := newSheet(entries[:n], l.render)
		if err != nil {
			return nil, err
		}
		sheets, entries = append(sheets, s), entries[n:]
	}
	return sheets, nil
}

// mended replaces the sheets that changes are on. Both are ordered by id.
func mended(old []*sheet, changed []deployer.AppChange, l listing) (sheets []*sheet, err error) {
	sheets = make([]*sheet, 0, len(old)+1)
	for i, s := range old {
		n := len(changed)
		if i+1 < len(old) {
			next := old[i+1].entries[0].app.ID
			n = 0
			for n < len(changed) && changed[n].ID < next {
				n++
			}
		}
		if n == 0 {
			sheets = append(sheets, s)
			continue
		}
		some, err := l.cut(merged(s.entries, changed[:n]))
		if err != nil {
			return nil, err
		}
		sheets, changed = append(sheets, some...), changed[n:]
	}
	return sheets, nil
}

// merged is entries with the changes to them.
func merged(old []entry, changed []deployer.AppChange) []entry {
	out := make([]entry, 0, len(old)+len(changed))
	for len(old)+len(changed) > 0 {
		if len(changed) == 0 || len(old) > 0 && old[0].app.ID < changed[0].ID {
			out, old = append(out, old[0]), old[1:]
			continue
		}
		c := changed[0]
		if len(old) > 0 && old[0].app.ID == c.ID {
			old = old[1:]
		}
		if changed = changed[1:]; c.App != nil {
			out = append(out, entry{app: c.App, revision: c.Revision, last: endsSheet(c.ID)})
		}
	}
	return out
}

// matched takes over the pieces of old entries that still hold; both lists are ordered
// by id.
func matched(now []deployer.AppRevision, old []entry) []entry {
	fresh := make([]entry, 0, len(now))
	for _, a := range now {
		for len(old) > 0 && old[0].app.ID < a.App.ID {
			old = old[1:]
		}
		e := entry{app: a.App, revision: a.Revision}
		if len(old) > 0 && old[0].app.ID == a.App.ID {
			if e.last = old[0].last; old[0].revision == a.Revision {
				e.piece = old[0].piece
			}
		} else {
			e.last = endsSheet(a.App.ID)
		}
		fresh = append(fresh, e)
	}
	return fresh
}

func newSheet(entries []entry, render func(*apps.App) ([]byte, error)) (*sheet, error) {
	s := &sheet{entries: slices.Clone(entries)}
	size := 0
	for i := range s.entries {
		e := &s.entries[i]
		if e.piece == nil {
			var err error
			if e.piece, err = render(e.app); err != nil {
				return nil, err
			}
		}
		size += len(e.piece) + 1
	}
	text := make([]byte, 0, size)
	for i := range s.entries {
		e := &s.entries[i]
		if len(e.piece) == 0 {
			e.piece = []byte{}
			continue
		}
		if len(text) > 0 {
			text = append(text, ',')
		}
		begin := len(text)
		text = append(text, e.piece...)
		e.piece = text[begin:len(text):len(text)]
	}
	s.text = newPart(text)
	return s, nil
}

func pageOf(sheets []*sheet, head, tail *part) *page {
	parts := []*part{head}
	for _, s := range sheets {
		if len(s.text.plain) == 0 {
			continue
		}
		if len(parts) > 1 {
			parts = append(parts, comma)
		}
		parts = append(parts, s.text)
	}
	p := newPage(append(parts, tail)...)
	p.sheets = sheets
	return p
}

// size is what the page takes in memory.
func (p *page) size() (bytes int) {
	for _, part := range p.parts {
		bytes += len(part.plain) + 2*len(part.deflate) + 100 // the second time as gzip
	}
	return bytes
}

// Bounds of what rolls keep.
const (
	rollsMax  = 8
	rollBytes = 256 << 20
)

// rolls are the lists that were asked for last: rollsMax and rollBytes of them at most. A
// list that is larger is not kept.
type rolls struct {
	mu    sync.Mutex
	order []rollKey // least recently used first
	by    map[rollKey]*roll
	sizes map[rollKey]int
}

func (r *rolls) get(key rollKey) *roll {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by, r.sizes = map[rollKey]*roll{}, map[rollKey]int{}
	}
	r.order = append(slices.DeleteFunc(r.order, func(k rollKey) bool { return k == key }), key)
	if r.by[key] == nil {
		r.by[key] = &roll{}
	}
	return r.by[key]
}

// took notes how large a list has become, and forgets others where it is too much.
func (r *rolls) took(key rollKey, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by[key] == nil {
		return // forgotten meanwhile
	}
	r.sizes[key] = bytes
	sum := 0
	for _, size := range r.sizes {
		sum += size
	}
	for len(r.order) > 0 && (len(r.order) > rollsMax || sum > rollBytes) {
		oldest := r.order[0]
		sum -= r.sizes[oldest]
		delete(r.by, oldest)
		delete(r.sizes, oldest)
		r.order = r.order[1:]
	}
}

// page is a list as it is now.
func (d *door) page(v *lookup, key rollKey, l listing) (*page, error) {
	p, err := d.rolls.get(key).at(v.View, l)
	if err != nil {
		return nil, err
	}
	d.rolls.took(key, p.size())
	return p, nil
}
