package cluster

import (
	"fmt"
	"iter"

	"pacer/apps"
)

// A register is all instances, found by their id: the serial that it contains is the
// place in a page. There may be millions, most of them made one after the other.
type register struct {
	pages map[uint64]*page
	n     int
}

const pageSize = 256

type page struct {
	at [pageSize]*instance
	n  int
}

func (r *register) add(in *instance) {
	if serial, ok := apps.SerialOf(in.ID); !ok || serial != in.Serial {
		panic(fmt.Sprintf("cluster: %s is not the id of instance %d", in.ID, in.Serial))
	}
	p := r.pages[in.Serial/pageSize]
	if p == nil {
		if r.pages == nil {
			r.pages = map[uint64]*page{}
		}
		p = &page{}
		r.pages[in.Serial/pageSize] = p
	}
	p.at[in.Serial%pageSize] = in
	p.n++
	r.n++
}

func (r *register) remove(in *instance) {
	p := r.pages[in.Serial/pageSize]
	p.at[in.Serial%pageSize] = nil
	r.n--
	if p.n--; p.n == 0 {
		delete(r.pages, in.Serial/pageSize)
	}
}

// get is the instance of that id; nil: there is none.
func (r *register) get(id string) *instance {
	serial, ok := apps.SerialOf(id)
	if !ok {
		return nil
	}
	if p := r.pages[serial/pageSize]; p != nil {
		if in := p.at[serial%pageSize]; in != nil && in.ID == id {
			return in
		}
	}
	return nil
}

// all are the instances, in no order that may be seen.
func (r *register) all() iter.Seq[*instance] {
	return func(yield func(*instance) bool) {
		for _, p := range r.pages {
			for _, in := range p.at {
				if in != nil && !yield(in) {
					return
				}
			}
		}
	}
}
