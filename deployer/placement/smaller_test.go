package placement

import (
	"testing"

	"pacer/apps"
)

// A host that becomes smaller may lack of what it had given; it takes nobody, whatever is
// asked for, and is given nothing more.
func TestAHostThatBecameSmaller(t *testing.T) {
	b := NewBoard()
	host := apps.Host{Name: "h1", Total: apps.Resources{CPU: 4000, Mem: 4096, GPU: 1}}
	b.SetHost(Offer{Host: host})
	train := Hold{App: &apps.App{ID: "/train"}, Host: "h1", Role: "*", Needs: apps.Resources{CPU: 1000, Mem: 128, GPU: 1}}
	b.Hold(train)
	host.Total.GPU = 0
	b.SetHost(Offer{Host: host})
	if err := b.Check([]Hold{train}); err != nil {
		t.Errorf("what was given before may be missing now: %v", err)
	}

	web := &apps.App{ID: "/web", Needs: apps.Resources{CPU: 100, Mem: 128}}
	placed, refused := b.Place([]Ask{{Instance: "web.1", Serial: 1, App: web, Role: "*"}})

	if len(placed) != 0 || len(refused) != 1 || refused[0].Hosts != 1 {
		t.Errorf("want a refusal by one host, got %+v and %+v", placed, refused)
	}
	more := Hold{App: web, Host: "h1", Role: "*", Needs: apps.Resources{CPU: 100, Mem: 128, GPU: 1}}
	b.Hold(more)
	if err := b.Check([]Hold{train, more}); err == nil {
		t.Error("a host was given more of what it lacks, and nothing is found")
	}
}
