package discovery

import (
	"context"
	"fmt"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"pacer/apps"
)

func TestOldAndRepeatedLettersChangeNothing(t *testing.T) {
	d := NewDirectory()
	s := shop(instance(1, "10.0.0.1", 1, 2, 3))
	s.Stamp = apps.Stamp{Epoch: 2, Revision: 5}
	if !d.Apply(s) {
		t.Fatal("the first letter is news")
	}
	for _, old := range []apps.Stamp{{Epoch: 2, Revision: 5}, {Epoch: 2, Revision: 4}, {Epoch: 1, Revision: 9}} {
		if d.Apply(apps.Service{Stamp: old, App: "/shop/web", Gone: true}) {
			t.Errorf("%+v is not newer than 2.5, but was taken", old)
		}
	}
	if got, ok := d.Lookup("/shop/web"); !ok || len(got.Endpoints) != 1 || got.Stamp != s.Stamp {
		t.Errorf("want the first letter, got %+v, %v", got, ok)
	}
	if _, ok := d.Lookup("/nobody"); ok {
		t.Error("want no such app")
	}
}

func TestAppsWhoseNamesCollideAreToldOneAtATime(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, apps.Service{App: "/b/a/c", Endpoints: []apps.Endpoint{instance(2, "10.0.0.2")}})
	e.serve(t, apps.Service{App: "/a.b/c", Endpoints: []apps.Endpoint{instance(1, "10.0.0.1")}})
	if got := data(e.ask(t, "c.a.b.pacer.", dns.TypeA).Answer); len(got) != 1 || got[0] != "A 10.0.0.1" {
		t.Errorf("want the app that sorts first, got %v", got)
	}
	e.serve(t, apps.Service{App: "/a.b/c", Gone: true})
	if got := data(e.ask(t, "c.a.b.pacer.", dns.TypeA).Answer); len(got) != 1 || got[0] != "A 10.0.0.2" {
		t.Errorf("want the one that is left, got %v", got)
	}
}

func TestInstanceLabelsAreUniqueAndFitALabel(t *testing.T) {
	seen := map[string]string{}
	for serial := range uint64(5000) {
		id := apps.InstanceID("/shop/web", 0xDEADBEEFCAFE, serial)
		l := instanceLabel(id)
		if other, dup := seen[l]; dup || len(l) != 12 {
			t.Fatalf("label %q of %s: also of %q", l, id, other)
		}
		seen[l] = id
	}
	if l := instanceLabel("odd id/.. with $igns"); len(l) != 12 || !fits(l) {
		t.Fatalf("want a label for any id, got %q", l)
	}
}

// However apps come and go, a name exists exactly when an app has it or lies below it.
func TestExistenceIsWhatTheAppsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := NewDirectory()
		z := zone{dir: d, domain: "pacer.", ttl: ttlDefault}
		live := map[apps.ID]bool{}
		paths := rapid.SampledFrom([]apps.ID{"/a", "/b", "/a/b", "/b/a", "/a/b/c", "/c/b/a", "/a.b", "/a/b.c", "/c"})
		for rev := range rapid.IntRange(1, 30).Draw(t, "letters") {
			id, gone := paths.Draw(t, "app"), rapid.Bool().Draw(t, "gone")
			d.Apply(apps.Service{Stamp: apps.Stamp{Epoch: 1, Revision: uint64(rev + 1)}, App: id, Gone: gone})
			if live[id] = !gone; gone {
				delete(live, id)
			}
		}
		want := map[string]bool{}
		for id := range live {
			for name := nameOf(id); name != ""; _, name = cut(name) {
				want[name] = true
			}
		}
		for _, name := range []string{"a", "b", "c", "b.a", "a.b", "c.b", "b.c", "c.b.a", "a.b.c", "b.c.a", "c.a", "a.c"} {
			if got := z.look(name).exists; got != want[name] {
				t.Fatalf("%s: want %v, got %v, with %v", name, want[name], got, live)
			}
		}
	})
}

func FuzzPackets(f *testing.F) {
	d := NewDirectory()
	s := shop(instance(1, "10.0.0.1", 31000, 31001, 31002))
	s.Revision = 1
	d.Apply(s)
	server, err := NewDNS(d, Config{Domain: "pacer", Balancers: []string{"10.0.0.9"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"web.shop.pacer.", "_http._web.shop._tcp.pacer.", "web.shop.lb.pacer.", ".", "_tcp.pacer.", `a\.b.pacer.`, "_._._tcp.pacer."} {
		for _, rrtype := range []uint16{dns.TypeA, dns.TypeSRV, dns.TypeANY, dns.TypeSOA} {
			m := new(dns.Msg).SetQuestion(name, rrtype)
			m.SetEdns0(512, true)
			packet, _ := m.Pack()
			f.Add(packet)
		}
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		m := new(dns.Msg)
		if m.Unpack(packet) != nil {
			return
		}
		for _, tcp := range []bool{false, true} {
			answer := server.Answer(context.Background(), m, tcp)
			if answer == nil {
				continue
			}
			out, err := answer.Pack()
			if err != nil {
				t.Fatalf("the answer to %v cannot be sent: %v", m, err)
			}
			if !tcp && len(out) > packetMax {
				t.Fatalf("%d bytes over UDP in answer to %v", len(out), m)
			}
			if answer.Id != m.Id || !answer.Response {
				t.Fatalf("not an answer to %v: %v", m, answer)
			}
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	d := NewDirectory()
	for i := range 10_000 {
		s := shop(instance(1, "10.0.0.1", 31000, 31001, 31002), instance(2, "10.0.0.2", 31000, 31001, 31002), instance(3, "10.0.0.3", 31000, 31001, 31002))
		s.App, s.Revision = apps.ID(fmt.Sprintf("/team%d/app%d", i%100, i)), uint64(i+1)
		d.Apply(s)
	}
	server, err := NewDNS(d, Config{Domain: "pacer"})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, of string
		rrtype   uint16
	}{
		{"A", "app777.team77.pacer.", dns.TypeA},
		{"SRV", "_http._app777.team77._tcp.pacer.", dns.TypeSRV},
		{"NXDOMAIN", "nobody.team77.pacer.", dns.TypeA},
	} {
		b.Run(c.name, func(b *testing.B) {
			packet, _ := new(dns.Msg).SetQuestion(c.of, c.rrtype).Pack()
			b.ReportAllocs()
			for b.Loop() {
				m := new(dns.Msg)
				if err := m.Unpack(packet); err != nil {
					b.Fatal(err)
				}
				if _, err := server.Answer(context.Background(), m, false).Pack(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkQueryOverUDP(b *testing.B) {
	e := newEnv(b, Config{})
	e.serve(b, shop(instance(1, "10.0.0.1", 31000, 31001, 31002)))
	b.RunParallel(func(pb *testing.PB) {
		client := new(dns.Client)
		conn, err := client.Dial(e.addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		for pb.Next() {
			if _, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion("web.shop.pacer.", dns.TypeA), conn); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkApplyAmongTenThousandApps(b *testing.B) {
	d := NewDirectory()
	service := func(i, rev int) apps.Service {
		s := shop(instance(1, "10.0.0.1", 31000, 31001, 31002), instance(2, "10.0.0.2", 31000, 31001, 31002))
		s.App, s.Revision = apps.ID(fmt.Sprintf("/team%d/app%d", i%100, i)), uint64(rev)
		return s
	}
	for i := range 10_000 {
		d.Apply(service(i, 1))
	}
	rev := 1
	for b.Loop() {
		rev++
		d.Apply(service(rev%10_000, rev))
	}
}

func TestAnAppHasItsNameOfMesosDNSToo(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, apps.Service{App: "/a/b/c", Endpoints: []apps.Endpoint{instance(1, "10.0.0.1")}})
	ask := func(want string) {
		t.Helper()
		if got := fmt.Sprint(data(e.ask(t, "c-b-a.pacer.", dns.TypeA).Answer)); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
	ask("[A 10.0.0.1]")
	e.serve(t, apps.Service{App: "/c-b-a", Endpoints: []apps.Endpoint{instance(2, "10.0.0.2")}})
	ask("[A 10.0.0.2]") // an app's own name comes first
	e.serve(t, apps.Service{App: "/c-b-a", Gone: true})
	ask("[A 10.0.0.1]")
	e.serve(t, apps.Service{App: "/a/b/c", Gone: true})
	ask("[]")
}
