package discovery

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"pacer/apps"
)

// An env is a server on loopback, and a client of it.
type env struct {
	*DNS
	dir  *Directory
	addr string
	rev  uint64
}

func newEnv(t testing.TB, cfg Config) *env {
	t.Helper()
	if cfg.Domain == "" {
		cfg.Domain = "pacer"
	}
	dir := NewDirectory()
	d, err := NewDNS(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	pc, l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Serve(ctx, pc, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("want the server to end with its context, got %v", err)
		}
	})
	return &env{DNS: d, dir: dir, addr: pc.LocalAddr().String()}
}

func (e *env) serve(t testing.TB, s apps.Service) {
	t.Helper()
	e.rev++
	s.Stamp = apps.Stamp{Epoch: 1, Revision: e.rev}
	if !e.dir.Apply(s) {
		t.Fatalf("the letter %+v was not taken", s)
	}
}

// ask sends one question over UDP.
func (e *env) ask(t testing.TB, name string, rrtype uint16) *dns.Msg {
	t.Helper()
	return e.exchange(t, "udp", new(dns.Msg).SetQuestion(name, rrtype))
}

func (e *env) exchange(t testing.TB, network string, m *dns.Msg) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network}
	r, _, err := client.Exchange(m, e.addr)
	if err != nil {
		t.Fatalf("%v over %s: %v", m.Question, network, err)
	}
	return r
}

// data is the answers without their headers, in order: "A 10.0.0.1".
func data(rrs []dns.RR) []string {
	var all []string
	for _, rr := range rrs {
		if rr.Header().Rrtype == dns.TypeOPT {
			continue
		}
		text := strings.TrimPrefix(rr.String(), rr.Header().String())
		all = append(all, dns.TypeToString[rr.Header().Rrtype]+" "+text)
	}
	slices.Sort(all)
	return all
}

// instance is an endpoint whose id looks like Marathon's.
func instance(n int, addr string, ports ...int) apps.Endpoint {
	return apps.Endpoint{Instance: "shop_web.instance-" + uuid(n), Host: "h" + strconv.Itoa(n), Addr: addr, Ports: ports}
}

func uuid(n int) string {
	id := apps.InstanceID("/x", 7, uint64(n))
	return id[strings.Index(id, "instance-")+len("instance-"):]
}

// label is the label of instance(n, …).
func label(n int) string { return strings.ReplaceAll(uuid(n), "-", "")[:12] }

// shop is /shop/web with a named TCP port, one that carries both, and a UDP one.
func shop(endpoints ...apps.Endpoint) apps.Service {
	return apps.Service{App: "/shop/web", Endpoints: endpoints, Ports: []apps.ServicePort{
		{Name: "http", Protocol: "tcp", Port: 10000},
		{Name: "game", Protocol: "udp,tcp", Port: 10001},
		{Protocol: "udp", Port: 10002},
	}}
}
