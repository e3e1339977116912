package discovery

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"pacer/apps"
)

// A Directory knows where every app answers. One goroutine applies letters; any number
// look things up, without a lock.
type Directory struct {
	changes atomic.Uint32 // the zone's serial number

	records sync.Map // apps.ID → *record
	entries sync.Map // name below the domain → *entry

	places atomic.Pointer[places] // nil: nobody has told

	mu sync.Mutex // of Apply and Place
}

// NewDirectory makes an empty directory.
func NewDirectory() *Directory { return &Directory{} }

// A record is what is known of one app. It is never changed.
type record struct {
	service   apps.Service
	name      string
	endpoints []endpoint              // those to be told, ordered by instance
	addrs     []netip.Addr            // of the endpoints, each once
	instances map[string][]netip.Addr // by label
}

type endpoint struct {
	apps.Endpoint
	label string
	addr  netip.Addr // invalid where Addr is not an IP address
}

// An entry is a name that exists: apps have it (mostly one; /a.b and /b/a share
// one, and the first by id is told), or names lie below it. It is never changed.
type entry struct {
	records []*record
	below   int // names of apps
}

func newRecord(s apps.Service) *record {
	r := &record{service: s, name: nameOf(s.App), instances: map[string][]netip.Addr{}}
	suspect := !slices.ContainsFunc(s.Endpoints, func(e apps.Endpoint) bool { return !e.Suspect })
	for _, e := range s.Endpoints {
		if e.Suspect != suspect {
			continue
		}
		ep := endpoint{Endpoint: e, label: instanceLabel(e.Instance)}
		if addr, err := netip.ParseAddr(e.Addr); err == nil {
			ep.addr = addr.Unmap()
			if !slices.Contains(r.instances[ep.label], ep.addr) {
				r.instances[ep.label] = append(r.instances[ep.label], ep.addr)
			}
			r.addrs = append(r.addrs, ep.addr)
		}
		r.endpoints = append(r.endpoints, ep)
	}
	r.addrs = each(r.addrs)
	return r
}

// Apply takes a letter and reports whether it was news. It does not remember apps that
// are gone: who feeds it does.
func (d *Directory) Apply(s apps.Service) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, _ := d.record(s.App)
	if old == nil && s.Gone || old != nil && !s.After(old.service.Stamp) {
		return false
	}
	if s.Gone {
		d.records.Delete(s.App)
		d.renameAll(old, nil)
	} else {
		r := newRecord(s)
		d.records.Store(s.App, r)
		d.renameAll(old, r)
	}
	d.changes.Add(1)
	return true
}

func (d *Directory) record(id apps.ID) (*record, bool) {
	v, ok := d.records.Load(id)
	if !ok {
		return nil, false
	}
	return v.(*record), true
}

// renameAll does so for both names of an app: its path from the leaf, and, as Mesos-DNS
// has it, the same with hyphens for dots: web.shop and web-shop.
func (d *Directory) renameAll(old, next *record) {
	name := cmp.Or(next, old).name
	d.rename(name, old, next)
	if flat := flatName(name); flat != name {
		d.rename(flat, old, next)
	}
}

// rename puts next in the place of old in the entry of a name of theirs; either may be
// nil. The names above it exist as long as it does. Whose own name it is comes before
// others.
func (d *Directory) rename(name string, old, next *record) {
	e := d.entry(name)
	var records []*record
	for _, r := range e.records {
		if r != old {
			records = append(records, r)
		}
	}
	if next != nil {
		records = append(records, next)
		slices.SortFunc(records, func(x, y *record) int {
			return cmp.Or(strings.Compare(own(name, x), own(name, y)), strings.Compare(string(x.service.App), string(y.service.App)))
		})
	}
	d.store(name, entry{records: records, below: e.below})
	if had, has := len(e.records) > 0, len(records) > 0; had != has {
		more := 1
		if had {
			more = -1
		}
		for _, above := cut(name); above != ""; _, above = cut(above) {
			e := d.entry(above)
			d.store(above, entry{records: e.records, below: e.below + more})
		}
	}
}

// own orders records whose own name it is before others.
func own(name string, r *record) string {
	if r.name == name {
		return ""
	}
	return "other"
}

func (d *Directory) entry(name string) entry {
	if v, ok := d.entries.Load(name); ok {
		return *v.(*entry)
	}
	return entry{}
}

func (d *Directory) store(name string, e entry) {
	if len(e.records) == 0 && e.below == 0 {
		d.entries.Delete(name)
	} else {
		d.entries.Store(name, &e)
	}
}

// exists reports whether the name is an app's or lies above one.
func (e entry) exists() bool { return len(e.records) > 0 || e.below > 0 }

// app is the record that the name leads to; nil where there is none.
func (e entry) app() *record {
	if len(e.records) == 0 {
		return nil
	}
	return e.records[0]
}

// Lookup is where an app answers: all its endpoints, ordered by instance. It must not
// be modified.
func (d *Directory) Lookup(id apps.ID) (s apps.Service, ok bool) {
	r, ok := d.record(id)
	if !ok {
		return apps.Service{}, false
	}
	return r.service, true
}

// all is every record, ordered by app.
func (d *Directory) all() []*record {
	byID := map[apps.ID]*record{}
	d.records.Range(func(k, v any) bool {
		byID[k.(apps.ID)] = v.(*record)
		return true
	})
	records := make([]*record, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		records = append(records, byID[id])
	}
	return records
}
