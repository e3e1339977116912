package cluster

import (
	"testing"

	"pacer/apps"
)

// byID are the instances by id, as tests like to have them.
func (r *register) byID() map[string]*instance {
	out := map[string]*instance{}
	for in := range r.all() {
		out[in.ID] = in
	}
	return out
}

func TestARegisterFindsWhoIsThereAndNobodyElse(t *testing.T) {
	var r register
	var all []*instance
	for serial := uint64(1); serial <= 3*pageSize; serial++ {
		in := &instance{Instance: apps.Instance{Serial: serial, ID: apps.InstanceID("/web", 7, serial)}}
		all = append(all, in)
		r.add(in)
	}
	for i, in := range all {
		if i%2 == 0 || i < pageSize {
			r.remove(in)
		}
	}
	for i, in := range all {
		gone := i%2 == 0 || i < pageSize
		if got := r.get(in.ID); gone && got != nil || !gone && got != in {
			t.Fatalf("instance %d: got %v", in.Serial, got)
		}
	}
	if got := r.get(apps.InstanceID("/other", 7, all[len(all)-1].Serial)); got != nil {
		t.Errorf("an app that has none got %s", got.ID)
	}
	if n := len(r.byID()); n != r.n || n != pageSize {
		t.Errorf("%d are there, %d are counted, want %d", n, r.n, pageSize)
	}
	if len(r.pages) != 3 {
		t.Errorf("%d pages are kept, of which one is empty", len(r.pages))
	}
}
