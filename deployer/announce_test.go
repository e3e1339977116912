package deployer

import (
	"context"
	"slices"
	"testing"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// lastPlaces is the newest letter that says where the cluster answers.
func (m *mailbox) lastPlaces() apps.Addresses {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.places) == 0 {
		return apps.Addresses{}
	}
	return m.places[len(m.places)-1]
}

func TestTheLeaderTellsWhereTheClusterAnswers(t *testing.T) {
	post := &mailbox{}
	d := leadWith(t, Config{Post: post, Addr: "10.0.0.2:8080"})
	eventually(t, "the leader's own address", func() bool { return post.lastPlaces().Leader == "10.0.0.2:8080" })

	for name, addr := range map[string]string{"h1": "10.0.1.2", "h2": "10.0.1.1", "h3": "10.0.1.1"} {
		d.Tell(cluster.Reported{Report: apps.Report{Host: apps.Host{Name: name, Addr: addr, Total: apps.Resources{CPU: 1000, Mem: 100}}, Boot: 1}})
	}
	d.HearServer(apps.Server{Name: "s2", Addr: "10.0.0.1:8080"})
	want := apps.Addresses{Leader: "10.0.0.2:8080", Servers: []string{"10.0.0.1:8080", "10.0.0.2:8080"}, Hosts: []string{"10.0.1.1", "10.0.1.2"}}
	eventually(t, "all addresses, each once and in order", func() bool { return post.lastPlaces().Same(want) })

	d.Tell(cluster.Left{Host: "h1", Boot: 1})
	eventually(t, "the host that left to be gone", func() bool { return slices.Equal(post.lastPlaces().Hosts, []string{"10.0.1.1"}) })
	post.mu.Lock()
	defer post.mu.Unlock()
	for i, a := range post.places {
		if a.Epoch == 0 || a.Revision != uint64(i)+1 {
			t.Errorf("letter %d has the stamp %+v", i+1, a.Stamp)
		}
	}
	if len(post.greeted) > 0 && post.greeted[len(post.greeted)-1].Addr != "10.0.0.2:8080" {
		t.Errorf("before it led it said %+v", post.greeted)
	}
}

func TestAServerThatWaitsSaysThatItLives(t *testing.T) {
	leader := leadWith(t, Config{})
	post := &mailbox{}
	second := New(Config{Name: "s2", URL: "http://s2", Addr: "10.0.0.2:8080", Store: leader.cfg.Store, Post: post, Log: leader.log})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- second.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	eventually(t, "its letter", func() bool {
		post.mu.Lock()
		defer post.mu.Unlock()
		return slices.Contains(post.greeted, apps.Server{Name: "s2", Addr: "10.0.0.2:8080"})
	})
	if a := post.lastPlaces(); a.Epoch != 0 {
		t.Errorf("who does not lead must not tell where the cluster answers, but said %+v", a)
	}
}

func TestServersThatAreSilentAreForgotten(t *testing.T) {
	var o others
	began := time.Unix(1000, 0)
	o.hear(apps.Server{Name: "s2", Addr: "10.0.0.2:8080"}, began)
	o.hear(apps.Server{Name: "s3", Addr: "10.0.0.3:8080"}, began.Add(greetEvery))

	if got := o.with("", began.Add(greetSilence)); !slices.Equal(got, []string{"10.0.0.2:8080", "10.0.0.3:8080"}) {
		t.Errorf("both spoke not too long ago, got %v", got)
	}
	if got := o.with("10.0.0.1:8080", began.Add(greetSilence+time.Second)); !slices.Equal(got, []string{"10.0.0.1:8080", "10.0.0.3:8080"}) {
		t.Errorf("want the leader and who spoke last, got %v", got)
	}
	for i := range 2 * serversMax {
		o.hear(apps.Server{Name: string(rune('a' + i)), Addr: "10.0.0.9:8080"}, began)
	}
	if len(o.heard) != serversMax {
		t.Errorf("want at most %d kept in mind, got %d", serversMax, len(o.heard))
	}
}
