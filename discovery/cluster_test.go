package discovery

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"pacer/apps"
)

// place tells where a cluster of three servers and three hosts answers; the second
// server leads.
func (e *env) place(t testing.TB) {
	t.Helper()
	e.rev++
	if !e.dir.Place(apps.Addresses{
		Stamp: apps.Stamp{Epoch: 1, Revision: e.rev}, Leader: "10.0.0.2:8080",
		Servers: []string{"10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"}, Hosts: []string{"10.0.1.1", "10.0.1.2", "fd00::1"},
	}) {
		t.Fatal("the letter was not taken")
	}
}

func TestTheClusterItselfHasNames(t *testing.T) {
	for _, c := range []struct{ zone, below string }{{"pacer", "pacer."}, {"marathon.mesos", "marathon.mesos."}, {"marathon.mesos", "mesos."}, {"marathon.example.com", "marathon.example.com."}} {
		e := newEnv(t, Config{Domain: c.zone, Servers: []string{"10.0.0.53"}})
		e.place(t)
		for _, q := range []struct {
			name   string
			rrtype uint16
			want   []string
		}{
			{"leader.", dns.TypeA, []string{"A 10.0.0.2"}},
			{"LEADER.", dns.TypeA, []string{"A 10.0.0.2"}},
			{"master.", dns.TypeA, []string{"A 10.0.0.1", "A 10.0.0.2", "A 10.0.0.3"}},
			{"master0.", dns.TypeA, []string{"A 10.0.0.1"}},
			{"master2.", dns.TypeA, []string{"A 10.0.0.3"}},
			{"slave.", dns.TypeA, []string{"A 10.0.1.1", "A 10.0.1.2"}},
			{"slave.", dns.TypeAAAA, []string{"AAAA fd00::1"}},
			{"_leader._tcp.", dns.TypeSRV, []string{"SRV 0 1 8080 leader." + c.below}},
			{"_leader._udp.", dns.TypeSRV, []string{"SRV 0 1 8080 leader." + c.below}},
			{"leader.", dns.TypeAAAA, nil},
			{"_leader._tcp.", dns.TypeA, nil},
		} {
			got := e.ask(t, q.name+c.below, q.rrtype)
			if diff := cmp.Diff(q.want, data(got.Answer)); diff != "" || got.Rcode != dns.RcodeSuccess || !got.Authoritative {
				t.Errorf("%s%s %s: %s\n%v", q.name, c.below, dns.TypeToString[q.rrtype], diff, got)
			}
			if q.want == nil && (len(got.Ns) != 1 || got.Ns[0].Header().Name != c.below) {
				t.Errorf("%s%s: want the SOA of %s, got %v", q.name, c.below, c.below, got.Ns)
			}
			if q.rrtype == dns.TypeSRV && len(q.want) > 0 {
				if diff := cmp.Diff([]string{"A 10.0.0.2"}, data(got.Extra)); diff != "" {
					t.Errorf("%s%s, additional: %s", q.name, c.below, diff)
				}
			}
		}
	}
}

func TestNamesThatTheClusterDoesNotHave(t *testing.T) {
	e := newEnv(t, Config{Domain: "marathon.mesos"})
	for i := range 2 { // before anything was told, and after
		rcodes := map[string]int{}
		for _, name := range []string{"master3.marathon.mesos.", "master01.marathon.mesos.", "master-1.marathon.mesos.", "x.leader.marathon.mesos.", "_slave._tcp.marathon.mesos.", "_master._tcp.marathon.mesos."} {
			rcodes[name] = dns.RcodeNameError
		}
		for _, name := range []string{"master3.mesos.", "nobody.mesos.", "mesos."} {
			rcodes[name] = dns.RcodeRefused
		}
		if i == 0 {
			rcodes["leader.marathon.mesos."], rcodes["_framework._tcp.marathon.mesos."], rcodes["leader.mesos."] = dns.RcodeNameError, dns.RcodeNameError, dns.RcodeRefused
		}
		for name, rcode := range rcodes {
			if got := e.ask(t, name, dns.TypeA); got.Rcode != rcode || len(got.Answer) > 0 {
				t.Errorf("%s: want %s, got %v", name, dns.RcodeToString[rcode], got)
			}
		}
		e.place(t)
	}
	other := newEnv(t, Config{})
	other.place(t)
	if got := other.ask(t, "leader.mesos.", dns.TypeA); got.Rcode != dns.RcodeRefused {
		t.Errorf("leader.mesos is not of the zone pacer, but got %v", got)
	}
}

func TestMarathonsNameIsTheLeaders(t *testing.T) {
	e := newEnv(t, Config{Domain: "marathon.mesos", Servers: []string{"10.0.0.53"}})
	if diff := cmp.Diff([]string{"A 10.0.0.53"}, data(e.ask(t, "marathon.mesos.", dns.TypeA).Answer)); diff != "" {
		t.Errorf("while no leader is known: %s", diff)
	}
	e.place(t)
	for _, q := range []struct {
		name   string
		rrtype uint16
		want   string
	}{
		{"marathon.mesos.", dns.TypeA, "A 10.0.0.2"},
		{"_framework._tcp.marathon.mesos.", dns.TypeSRV, "SRV 0 1 8080 marathon.mesos."},
		{"marathon.mesos.", dns.TypeNS, "NS ns1.mesos."},
		{"ns1.mesos.", dns.TypeA, "A 10.0.0.53"},
	} {
		if diff := cmp.Diff([]string{q.want}, data(e.ask(t, q.name, q.rrtype).Answer)); diff != "" {
			t.Errorf("%s: %s", q.name, diff)
		}
	}
}

func TestAnAppGoesBeforeTheClusterItself(t *testing.T) {
	e := newEnv(t, Config{Domain: "marathon.mesos"})
	e.place(t)
	e.serve(t, apps.Service{App: "/leader", Endpoints: []apps.Endpoint{instance(1, "10.0.9.9", 31000)}, Ports: []apps.ServicePort{{Protocol: "tcp"}}})
	e.serve(t, apps.Service{App: "/slave/web"}) // a group: its name has no data of its own

	for name, want := range map[string]string{"leader.marathon.mesos.": "A 10.0.9.9", "leader.mesos.": "A 10.0.0.2", "master1.marathon.mesos.": "A 10.0.0.2"} {
		if diff := cmp.Diff([]string{want}, data(e.ask(t, name, dns.TypeA).Answer)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := data(e.ask(t, "_leader._tcp.marathon.mesos.", dns.TypeSRV).Answer); len(got) != 1 || !strings.HasPrefix(got[0], "SRV 0 1 31000 ") {
		t.Errorf("want the app's port, got %v", got)
	}
	if got := data(e.ask(t, "slave.marathon.mesos.", dns.TypeA).Answer); len(got) != 2 {
		t.Errorf("want the hosts, got %v", got)
	}
	e.serve(t, apps.Service{App: "/leader", Gone: true})
	if diff := cmp.Diff([]string{"A 10.0.0.2"}, data(e.ask(t, "leader.marathon.mesos.", dns.TypeA).Answer)); diff != "" {
		t.Errorf("when the app is gone: %s", diff)
	}
}

func TestTheNewestLetterTellsWhereTheClusterIs(t *testing.T) {
	e := newEnv(t, Config{})
	serial := func() uint32 { return e.ask(t, "pacer.", dns.TypeSOA).Answer[0].(*dns.SOA).Serial }
	at := func(epoch, revision uint64, leader string) bool {
		return e.dir.Place(apps.Addresses{Stamp: apps.Stamp{Epoch: epoch, Revision: revision}, Leader: leader})
	}
	at(2, 5, "10.0.0.2:8080")
	before := serial()
	if at(1, 9, "10.0.0.1:8080") || at(2, 5, "10.0.0.1:8080") {
		t.Error("an older letter, or the same again, was taken")
	}
	if !at(2, 6, "10.0.0.2:8080") || serial() != before {
		t.Errorf("a letter that says the same changes nothing: the serial was %d and is %d", before, serial())
	}
	if !at(3, 1, "nonsense") || serial() == before {
		t.Error("a new leader's first letter is news")
	}
	if got := e.ask(t, "leader.pacer.", dns.TypeA); got.Rcode != dns.RcodeNameError {
		t.Errorf("nobody knows where it is, but got %v", got)
	}
}

func TestMoreHostsThanAPacketTakes(t *testing.T) {
	e := newEnv(t, Config{})
	var hosts []string
	for i := range 2000 {
		hosts = append(hosts, fmt.Sprintf("10.1.%d.%d", i/250, i%250))
	}
	e.dir.Place(apps.Addresses{Stamp: apps.Stamp{Epoch: 1, Revision: 1}, Hosts: hosts})
	if got := e.ask(t, "slave.pacer.", dns.TypeA); !got.Truncated || len(got.Answer) == 0 {
		t.Errorf("over UDP want some, and the TC bit, got %d", len(got.Answer))
	}
	if got := e.exchange(t, "tcp", new(dns.Msg).SetQuestion("slave.pacer.", dns.TypeA)); got.Truncated || len(got.Answer) != len(hosts) {
		t.Errorf("over TCP want all %d, got %d", len(hosts), len(got.Answer))
	}
}

func TestHTTPKnowsTheClustersNames(t *testing.T) {
	e := newEnv(t, Config{Domain: "marathon.mesos"})
	e.place(t)
	for _, c := range []struct{ path, want string }{
		{"/v1/hosts/leader.mesos", `[{"host":"leader.mesos.","ip":"10.0.0.2"}]`},
		{"/v1/hosts/leader.marathon.mesos.", `[{"host":"leader.marathon.mesos.","ip":"10.0.0.2"}]`},
		{"/v1/hosts/slave.mesos.", `[{"host":"slave.mesos.","ip":"10.0.1.1"},{"host":"slave.mesos.","ip":"10.0.1.2"},{"host":"slave.mesos.","ip":"fd00::1"}]`},
		{"/v1/hosts/nobody.mesos.", `[{"host":"","ip":""}]`},
		{"/v1/services/_leader._tcp.mesos.", `[{"service":"_leader._tcp.mesos.","host":"leader.mesos.","ip":"10.0.0.2","port":"8080"}]`},
		{"/v1/services/_slave._tcp.mesos.", `[{"service":"","host":"","ip":"","port":""}]`},
		{"/v1/enumerate", `{"frameworks":[{"name":"marathon","tasks":[]}]}`}, // of tasks alone, as in Mesos-DNS
	} {
		w := httptest.NewRecorder()
		e.HTTP().ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
		if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != c.want {
			t.Errorf("GET %s: want %s, got %d %s", c.path, c.want, w.Code, got)
		}
	}
}
