package discovery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"pacer/apps"
)

func TestAnAppsNameIsTheAddressesOfItsReadyInstances(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, shop(
		instance(1, "10.0.0.1", 31000, 31001, 31002),
		instance(2, "10.0.0.2", 31000, 31001, 31002),
		instance(3, "10.0.0.2", 31003, 31004, 31005), // the same host
		instance(4, "fd00::4", 31000, 31001, 31002),
	))

	a, aaaa := e.ask(t, "web.shop.pacer.", dns.TypeA), e.ask(t, "web.shop.pacer.", dns.TypeAAAA)

	if diff := cmp.Diff([]string{"A 10.0.0.1", "A 10.0.0.2"}, data(a.Answer)); diff != "" {
		t.Errorf("A: %s", diff)
	}
	if diff := cmp.Diff([]string{"AAAA fd00::4"}, data(aaaa.Answer)); diff != "" {
		t.Errorf("AAAA: %s", diff)
	}
	if !a.Authoritative || a.RecursionAvailable || a.Answer[0].Header().Ttl > 5 {
		t.Errorf("want authority, no recursion and a TTL of at most 5, got %v", a)
	}
	one := e.ask(t, label(2)+".web.shop.pacer.", dns.TypeA)
	if diff := cmp.Diff([]string{"A 10.0.0.2"}, data(one.Answer)); diff != "" {
		t.Errorf("one instance: %s", diff)
	}
}

func TestServiceRecordsNameInstancesAndHostPorts(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 31001, 31002), instance(2, "10.0.0.2", 31500, 0, 31502)))
	one, two := label(1)+".web.shop.pacer.", label(2)+".web.shop.pacer."

	for _, c := range []struct {
		name string
		want []string
	}{
		{"_web.shop._tcp.pacer.", []string{"SRV 0 1 31000 " + one, "SRV 0 1 31001 " + one, "SRV 0 1 31500 " + two}},
		{"_http._web.shop._tcp.pacer.", []string{"SRV 0 1 31000 " + one, "SRV 0 1 31500 " + two}},
		{"_game._web.shop._tcp.pacer.", []string{"SRV 0 1 31001 " + one}},
		{"_game._web.shop._udp.pacer.", []string{"SRV 0 1 31001 " + one}},
		{"_web.shop._udp.pacer.", []string{"SRV 0 1 31001 " + one, "SRV 0 1 31002 " + one, "SRV 0 1 31502 " + two}},
	} {
		got := e.ask(t, c.name, dns.TypeSRV)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, data(got.Answer)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	got := e.ask(t, "_http._web.shop._tcp.pacer.", dns.TypeSRV)
	if diff := cmp.Diff([]string{"A 10.0.0.1", "A 10.0.0.2"}, data(got.Extra)); diff != "" {
		t.Errorf("additional: %s", diff)
	}
	for _, rr := range got.Answer { // the targets can be resolved
		target := rr.(*dns.SRV).Target
		if a := e.ask(t, target, dns.TypeA); len(a.Answer) != 1 {
			t.Errorf("%s: want one address, got %v", target, a)
		}
	}
}

func TestTheLoadBalancedNameLeadsToTheBalancers(t *testing.T) {
	e := newEnv(t, Config{Balancers: []string{"10.0.0.100", "10.0.0.101", "fd00::100"}})
	e.serve(t, shop())

	if diff := cmp.Diff([]string{"A 10.0.0.100", "A 10.0.0.101"}, data(e.ask(t, "web.shop.lb.pacer.", dns.TypeA).Answer)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"AAAA fd00::100"}, data(e.ask(t, "web.shop.lb.pacer.", dns.TypeAAAA).Answer)); diff != "" {
		t.Error(diff)
	}
	if got := e.ask(t, "shop.lb.pacer.", dns.TypeA); got.Rcode != dns.RcodeSuccess || len(got.Answer) > 0 {
		t.Errorf("a group has no balanced address: want NODATA, got %v", got)
	}
}

// RFC 2308 and RFC 8020: a name above an existing one exists.
func TestNamesThatExistWithoutDataAreNotNXDOMAIN(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 31001, 31002)))
	e.serve(t, apps.Service{App: "/a/b/c/idle", Ports: []apps.ServicePort{{Name: "x", Protocol: "tcp"}}})

	for _, c := range []struct {
		name   string
		rrtype uint16
		rcode  int
	}{
		{"shop.pacer.", dns.TypeA, dns.RcodeSuccess},
		{"c.b.a.pacer.", dns.TypeA, dns.RcodeSuccess},
		{"b.a.pacer.", dns.TypeSRV, dns.RcodeSuccess},
		{"a.pacer.", dns.TypeAAAA, dns.RcodeSuccess},
		{"idle.c.b.a.pacer.", dns.TypeA, dns.RcodeSuccess},
		{"_idle.c.b.a._tcp.pacer.", dns.TypeSRV, dns.RcodeSuccess},
		{"web.shop.pacer.", dns.TypeTXT, dns.RcodeSuccess},
		{"web.shop.pacer.", dns.TypeSRV, dns.RcodeSuccess},
		{"_tcp.pacer.", dns.TypeSRV, dns.RcodeSuccess},
		{"shop._tcp.pacer.", dns.TypeSRV, dns.RcodeSuccess},
		{"lb.pacer.", dns.TypeA, dns.RcodeSuccess},
		{"pacer.", dns.TypeA, dns.RcodeSuccess},

		{"nobody.pacer.", dns.TypeA, dns.RcodeNameError},
		{"web.pacer.", dns.TypeA, dns.RcodeNameError},
		{"x.web.shop.pacer.", dns.TypeA, dns.RcodeNameError},
		{"b.pacer.", dns.TypeA, dns.RcodeNameError},
		{"_nobody._tcp.pacer.", dns.TypeSRV, dns.RcodeNameError},
		{"_x._web.shop._tcp.pacer.", dns.TypeSRV, dns.RcodeNameError},
		{"_http._web.shop._udp.pacer.", dns.TypeSRV, dns.RcodeNameError},
		{"web.shop._tcp.pacer.", dns.TypeSRV, dns.RcodeNameError},
		{"nobody.lb.pacer.", dns.TypeA, dns.RcodeNameError},
	} {
		got := e.ask(t, c.name, c.rrtype)
		if got.Rcode != c.rcode || len(got.Answer) > 0 {
			t.Errorf("%s %s: want %s without answers, got %v", c.name, dns.TypeToString[c.rrtype], dns.RcodeToString[c.rcode], got)
			continue
		}
		if len(got.Ns) != 1 || got.Ns[0].Header().Rrtype != dns.TypeSOA || got.Ns[0].Header().Name != "pacer." || got.Ns[0].(*dns.SOA).Minttl > 5 {
			t.Errorf("%s: want the SOA in the authority section, got %v", c.name, got.Ns)
		}
	}
}

func TestNamesComeAndGoWithTheLetters(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 31001, 31002)))
	e.serve(t, apps.Service{App: "/shop/api"})
	serial := func() uint32 { return e.ask(t, "pacer.", dns.TypeSOA).Answer[0].(*dns.SOA).Serial }
	before := serial()

	e.serve(t, shop(instance(2, "10.0.0.2", 31000, 31001, 31002)))
	if got := data(e.ask(t, "web.shop.pacer.", dns.TypeA).Answer); !slices.Equal(got, []string{"A 10.0.0.2"}) {
		t.Errorf("want the new address alone, got %v", got)
	}
	if got := e.ask(t, label(1)+".web.shop.pacer.", dns.TypeA); got.Rcode != dns.RcodeNameError {
		t.Errorf("the first instance is gone, but got %v", got)
	}
	if serial() <= before {
		t.Errorf("the zone changed: want a serial above %d, got %d", before, serial())
	}

	e.serve(t, apps.Service{App: "/shop/web", Gone: true})
	if got := e.ask(t, "web.shop.pacer.", dns.TypeA); got.Rcode != dns.RcodeNameError {
		t.Errorf("the app is gone, but got %v", got)
	}
	if got := e.ask(t, "shop.pacer.", dns.TypeA); got.Rcode != dns.RcodeSuccess {
		t.Errorf("/shop/api is still there: want NODATA, got %v", got)
	}
	e.serve(t, apps.Service{App: "/shop/api", Gone: true})
	if got := e.ask(t, "shop.pacer.", dns.TypeA); got.Rcode != dns.RcodeNameError {
		t.Errorf("nothing is left of /shop, but got %v", got)
	}
	e.dir.entries.Range(func(k, v any) bool {
		t.Errorf("the empty directory still has %v", k)
		return true
	})
}

func TestSuspectEndpointsAreToldOnlyWhenNothingBetterIsLeft(t *testing.T) {
	e := newEnv(t, Config{})
	suspect := instance(1, "10.0.0.1", 31000, 31001, 31002)
	suspect.Suspect = true

	e.serve(t, shop(suspect, instance(2, "10.0.0.2", 31000, 31001, 31002)))
	if got := data(e.ask(t, "web.shop.pacer.", dns.TypeA).Answer); !slices.Equal(got, []string{"A 10.0.0.2"}) {
		t.Errorf("want the good one, got %v", got)
	}
	e.serve(t, shop(suspect))
	if got := data(e.ask(t, "web.shop.pacer.", dns.TypeA).Answer); !slices.Equal(got, []string{"A 10.0.0.1"}) {
		t.Errorf("want the suspect one, got %v", got)
	}
}

func TestTheApexHasSOAAndNS(t *testing.T) {
	e := newEnv(t, Config{Servers: []string{"10.0.0.53"}})

	soa, ns, a := e.ask(t, "pacer.", dns.TypeSOA), e.ask(t, "pacer.", dns.TypeNS), e.ask(t, "pacer.", dns.TypeA)

	if len(soa.Answer) != 1 || soa.Answer[0].(*dns.SOA).Ns != "pacer." {
		t.Errorf("SOA: got %v", soa)
	}
	if !slices.Equal(data(ns.Answer), []string{"NS pacer."}) {
		t.Errorf("NS: got %v", ns)
	}
	if !slices.Equal(data(a.Answer), []string{"A 10.0.0.53"}) {
		t.Errorf("the name server's address: got %v", a)
	}
}

func TestQuestionsAreCaseInsensitiveAndKeepTheirSpelling(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 31001, 31002)))

	got := e.ask(t, "wEb.SHop.PaCEr.", dns.TypeA)

	if len(got.Answer) != 1 || got.Answer[0].Header().Name != "wEb.SHop.PaCEr." || got.Question[0].Name != "wEb.SHop.PaCEr." {
		t.Fatalf("want the question's spelling, got %v", got)
	}
}

func TestOtherZonesAreRefused(t *testing.T) {
	e := newEnv(t, Config{})
	for _, name := range []string{"example.com.", ".", "notpacer.", "web.pacer.example.com."} {
		if got := e.ask(t, name, dns.TypeA); got.Rcode != dns.RcodeRefused || len(got.Answer)+len(got.Ns) > 0 {
			t.Errorf("%s: want REFUSED, got %v", name, got)
		}
	}
	chaos := new(dns.Msg).SetQuestion("version.bind.", dns.TypeTXT)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	if got := e.exchange(t, "udp", chaos); got.Rcode != dns.RcodeRefused {
		t.Errorf("want REFUSED, got %v", got)
	}
	if got := e.exchange(t, "tcp", new(dns.Msg).SetAxfr("pacer.")); got.Rcode != dns.RcodeRefused {
		t.Errorf("want a transfer REFUSED, got %v", got)
	}
}

// RFC 8482.
func TestANYIsAnsweredWithAsLittleAsIsAllowed(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 31001, 31002)))

	if got := data(e.ask(t, "web.shop.pacer.", dns.TypeANY).Answer); !slices.Equal(got, []string{`HINFO "RFC8482" ""`}) {
		t.Errorf("want one HINFO, got %v", got)
	}
	if got := e.ask(t, "nobody.pacer.", dns.TypeANY); got.Rcode != dns.RcodeNameError {
		t.Errorf("want NXDOMAIN, got %v", got)
	}
}

func TestWhatDoesNotFitUDPIsCutWithTCAndWholeOverTCP(t *testing.T) {
	e := newEnv(t, Config{})
	var all []apps.Endpoint
	for i := range 300 {
		all = append(all, instance(i+1, fmt.Sprintf("10.0.%d.%d", i/200, i%200+1), 31000, 31001, 31002))
	}
	e.serve(t, shop(all...))
	for _, c := range []struct {
		edns uint16
		most int
	}{{0, 512}, {512, 512}, {1232, 1232}, {4096, 1232}} {
		q := new(dns.Msg).SetQuestion("web.shop.pacer.", dns.TypeA)
		if c.edns > 0 {
			q.SetEdns0(c.edns, false)
		}
		got := e.exchange(t, "udp", q)
		got.Compress = true // as it came
		if !got.Truncated || got.Len() > c.most || len(got.Answer) == 0 {
			t.Errorf("EDNS %d: want TC and at most %d bytes, got %v, %d bytes and %d answers", c.edns, c.most, got.Truncated, got.Len(), len(got.Answer))
		}
	}
	if got := e.exchange(t, "tcp", new(dns.Msg).SetQuestion("web.shop.pacer.", dns.TypeA)); got.Truncated || len(got.Answer) != 300 {
		t.Errorf("want all 300 over TCP, got %d, truncated %v", len(got.Answer), got.Truncated)
	}
	srv := e.exchange(t, "tcp", new(dns.Msg).SetQuestion("_http._web.shop._tcp.pacer.", dns.TypeSRV))
	if srv.Truncated || len(srv.Answer) != 300 {
		t.Errorf("want all 300 SRV over TCP, got %d, truncated %v", len(srv.Answer), srv.Truncated)
	}
}

func TestAdditionalRecordsGoBeforeAnswersDo(t *testing.T) {
	e := newEnv(t, Config{})
	var all []apps.Endpoint
	for i := range 9 {
		all = append(all, instance(i+1, fmt.Sprintf("10.0.0.%d", i+1), 31000, 31001, 31002))
	}
	e.serve(t, shop(all...))

	got := e.ask(t, "_http._web.shop._tcp.pacer.", dns.TypeSRV)

	if got.Truncated || len(got.Answer) != 9 || len(got.Extra) != 0 {
		t.Fatalf("9 SRV records fit 512 bytes without their addresses, got %d and %d, truncated %v", len(got.Answer), len(got.Extra), got.Truncated)
	}
}

func TestEDNSIsAnsweredInKind(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 31001, 31002)))

	q := new(dns.Msg).SetQuestion("web.shop.pacer.", dns.TypeA)
	if got := e.exchange(t, "udp", q); got.IsEdns0() != nil {
		t.Errorf("no OPT was sent, but got one: %v", got)
	}
	q.SetEdns0(4096, true)
	if got := e.exchange(t, "udp", q); got.IsEdns0() == nil || !got.IsEdns0().Do() || got.IsEdns0().UDPSize() != packetMax {
		t.Errorf("want an OPT with DO and %d, got %v", packetMax, got)
	}
	q.IsEdns0().SetVersion(1)
	if got := e.exchange(t, "udp", q); got.Rcode != dns.RcodeBadVers || len(got.Answer) > 0 {
		t.Errorf("want BADVERS, got %v", got)
	}
}

func TestAnswersAreRotated(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, shop(
		instance(1, "10.0.0.1", 31000, 31001, 31002),
		instance(2, "10.0.0.2", 31000, 31001, 31002),
		instance(3, "10.0.0.3", 31000, 31001, 31002)))
	first := map[string]int{}
	for range 300 {
		m := e.Answer(context.Background(), new(dns.Msg).SetQuestion("web.shop.pacer.", dns.TypeA), false)
		first[m.Answer[0].(*dns.A).A.String()]++
	}
	for addr, n := range first {
		if n < 50 {
			t.Errorf("%s was first in %d of 300", addr, n)
		}
	}
	if len(first) != 3 {
		t.Errorf("want each of three first sometimes, got %v", first)
	}
}

func TestMessagesThatAreNoQuestionsAreTurnedDown(t *testing.T) {
	e := newEnv(t, Config{})
	update := new(dns.Msg).SetUpdate("pacer.")
	if got := e.exchange(t, "udp", update); got.Rcode != dns.RcodeNotImplemented {
		t.Errorf("update: want NOTIMP, got %v", got)
	}
	notify := new(dns.Msg).SetNotify("pacer.")
	if got := e.exchange(t, "udp", notify); got.Rcode != dns.RcodeNotImplemented {
		t.Errorf("notify: want NOTIMP, got %v", got)
	}
	two := new(dns.Msg).SetQuestion("web.shop.pacer.", dns.TypeA)
	two.Question = append(two.Question, two.Question[0])
	if got := e.exchange(t, "udp", two); got.Rcode != dns.RcodeFormatError {
		t.Errorf("two questions: want FORMERR, got %v", got)
	}
	if got := e.Answer(context.Background(), new(dns.Msg).SetReply(two), false); got != nil {
		t.Errorf("an answer must not be answered, got %v", got)
	}
}

func TestOtherZonesAreForwardedToTheUpstreams(t *testing.T) {
	// The first upstream is a server that refuses; the second knows the name.
	deaf := newEnv(t, Config{Domain: "other"})
	up := newEnv(t, Config{Domain: "example.com"})
	var many []apps.Endpoint
	for i := range 100 {
		many = append(many, instance(i+1, fmt.Sprintf("10.1.0.%d", i+1), 80, 81, 82))
	}
	up.serve(t, shop(many...))
	e := newEnv(t, Config{Upstreams: []string{deaf.addr, up.addr}})
	e.serve(t, shop(instance(1, "10.0.0.1", 31000, 31001, 31002)))

	got := e.exchange(t, "tcp", new(dns.Msg).SetQuestion("web.shop.example.com.", dns.TypeA))
	if len(got.Answer) != 100 || got.Truncated {
		t.Errorf("want the upstream's 100 addresses, got %d", len(got.Answer))
	}
	got = e.ask(t, "web.shop.example.com.", dns.TypeA)
	got.Compress = true
	if !got.Truncated || got.Len() > 512 || got.Question[0].Name != "web.shop.example.com." {
		t.Errorf("want the answer cut for UDP, got %v", got)
	}
	if got := e.ask(t, "nobody.example.com.", dns.TypeA); got.Rcode != dns.RcodeNameError {
		t.Errorf("want the upstream's NXDOMAIN, got %v", got)
	}
	if got := data(e.ask(t, "web.shop.pacer.", dns.TypeA).Answer); !slices.Equal(got, []string{"A 10.0.0.1"}) {
		t.Errorf("our own zone is ours, got %v", got)
	}
	noRecursion := new(dns.Msg).SetQuestion("web.shop.example.com.", dns.TypeA)
	noRecursion.RecursionDesired = false
	if got := e.exchange(t, "udp", noRecursion); got.Rcode != dns.RcodeRefused {
		t.Errorf("who does not want recursion gets none: want REFUSED, got %v", got)
	}
}

func TestAnUpstreamThatIsAwayIsServerFailure(t *testing.T) {
	pc, l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := pc.LocalAddr().String()
	_, _ = pc.Close(), l.Close()
	e := newEnv(t, Config{Upstreams: []string{gone}})

	if got := e.ask(t, "example.com.", dns.TypeA); got.Rcode != dns.RcodeServerFailure {
		t.Errorf("want SERVFAIL, got %v", got)
	}
}

// Around the limit of 255 bytes every answer can still be sent, and names an instance
// only where its name fits.
func TestNamesTooLongForDNSAreLeftOut(t *testing.T) {
	e := newEnv(t, Config{})
	long, with, without := strings.Repeat("a", 60), 0, 0
	for extra := range 40 {
		id := apps.ID("/" + long + "/" + long + "/" + long + "/" + strings.Repeat("b", extra+18))
		e.serve(t, apps.Service{App: id, Endpoints: []apps.Endpoint{instance(1, "10.0.0.1", 31000)}, Ports: []apps.ServicePort{{Protocol: "tcp"}}})
		if got := data(e.ask(t, id.DNSName()+".pacer.", dns.TypeA).Answer); !slices.Equal(got, []string{"A 10.0.0.1"}) {
			t.Fatalf("%d: want the app's address, got %v", len(id), got)
		}
		service := "_" + id.DNSName() + "._tcp.pacer."
		got := e.exchange(t, "tcp", new(dns.Msg).SetQuestion(service, dns.TypeSRV))
		target := label(1) + "." + id.DNSName() + ".pacer."
		if fitsIn := len(target)+1 <= 255; fitsIn != (len(got.Answer) == 1) {
			t.Fatalf("a target of %d bytes: got %v", len(target)+1, got.Answer)
		} else if fitsIn {
			with++
		} else {
			without++
		}
	}
	if with == 0 || without == 0 {
		t.Fatalf("the limit was not crossed: %d names fitted, %d did not", with, without)
	}
}

func TestAConfigurationThatMakesNoSenseIsRefused(t *testing.T) {
	for _, cfg := range []Config{
		{Domain: ""},
		{Domain: "a..b"},
		{Domain: strings.Repeat("a", 64)},
		{Domain: "pacer", TTL: 6e9},
		{Domain: "pacer", TTL: 1e6},
		{Domain: "pacer", Balancers: []string{"localhost"}},
		{Domain: "pacer", Servers: []string{"10.0.0.1:53"}},
	} {
		if _, err := NewDNS(NewDirectory(), cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
