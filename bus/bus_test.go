package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"pacer/apps"
)

// embedded starts a server until the end of the test.
func embedded(tb testing.TB, cfg ServerConfig) *Server {
	tb.Helper()
	s, err := Embedded(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Shutdown)
	return s
}

// conn connects until the end of the test.
func conn(tb testing.TB, s *Server, name string) *Conn {
	tb.Helper()
	c, err := s.Connect(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// remote connects by URL until the end of the test.
func remote(tb testing.TB, url, name string) *Conn {
	tb.Helper()
	c, err := Connect(tb.Context(), url, name, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// receive waits for one thing from a channel.
func receive[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		tb.Fatal("nothing came")
		panic("unreachable")
	}
}

// eventually waits until a condition holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit:
			tb.Fatalf("it never came true that %s", what)
		case <-tick.C:
		}
	}
}

// inbox is a receiver that puts letters into a channel, and the channel.
func inbox[T any]() (func(T), <-chan T) {
	ch := make(chan T, 1000)
	return func(v T) { ch <- v }, ch
}

func flush(tb testing.TB, conns ...*Conn) {
	tb.Helper()
	for _, c := range conns {
		if err := c.Flush(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
}

func check(tb testing.TB, errs ...error) {
	tb.Helper()
	if err := errors.Join(errs...); err != nil {
		tb.Fatal(err)
	}
}

// letters sends one letter of each kind and expects it at the other side.
func letters(t *testing.T, leader, host *Conn) {
	stamp := apps.Stamp{Epoch: 3, Revision: 9}
	large := make([]apps.InstanceReport, 5000) // is compressed
	for i := range large {
		large[i] = apps.InstanceReport{ID: fmt.Sprint("web.", i), Phase: apps.PhaseRunning, Ready: true}
	}
	assign := apps.Assignment{Stamp: stamp, Host: "h1.example.com", Specs: []*apps.App{{ID: "/shop/web", Cmd: "x", Env: map[string]string{"A": "ü"}}},
		Instances: []apps.Assigned{{ID: "web.1", App: "/shop/web", Ports: []int{31000}}}}
	report := apps.Report{Host: apps.Host{Name: "h1.example.com", Addr: "10.0.0.1"}, Boot: 5, Applied: stamp, Runs: large}
	service := apps.Service{Stamp: stamp, App: "/shop/eu.west/web", Endpoints: []apps.Endpoint{{Instance: "web.1", Addr: "10.0.0.1", Ports: []int{31000}}}}
	roster := apps.Roster{Stamp: stamp, Apps: map[apps.ID]apps.Stamp{"/shop/web": stamp}}
	serving := apps.Serving{Balancer: "lb 1 > *", Served: map[apps.ID]apps.Stamp{"/shop/web": stamp}, Digest: 1 << 63}

	addresses := apps.Addresses{Stamp: stamp, Leader: "10.0.0.1:8080", Servers: []string{"10.0.0.1:8080"}, Hosts: []string{"10.0.0.9"}}
	server := apps.Server{Name: "s2 > *", Addr: "10.0.0.2:8080"}

	onAssign, assigned := inbox[apps.Assignment]()
	onReport, reported := inbox[apps.Report]()
	onService, serviced := inbox[apps.Service]()
	onRoster, rostered := inbox[apps.Roster]()
	onServing, served := inbox[apps.Serving]()
	onAddresses, addressed := inbox[apps.Addresses]()
	onServer, greeted := inbox[apps.Server]()
	onLeft, left := inbox[Left]()
	var subs []*Subscription
	keep := func(s *Subscription, err error) {
		t.Helper()
		check(t, err)
		subs = append(subs, s)
	}
	keep(host.OnAssign("h1.example.com", onAssign))
	keep(host.OnService(onService))
	keep(host.OnRoster(onRoster))
	keep(host.OnAddresses(onAddresses))
	keep(leader.OnServer(onServer))
	keep(leader.OnReport(onReport))
	keep(leader.OnServing(onServing))
	keep(leader.OnLeft(onLeft))
	flush(t, leader, host)

	other, gone := assign, Left{"h1.example.com", 7}
	other.Host = "h1"
	check(t, leader.SendAssign(other), leader.SendAssign(assign), leader.SendService(service), leader.SendRoster(roster),
		leader.SendAddresses(addresses), host.SendServer(server), host.SendReport(report), host.SendServing(serving), host.SendLeft(gone))

	for _, diff := range []string{
		cmp.Diff(assign, receive(t, assigned)), cmp.Diff(report, receive(t, reported)), cmp.Diff(service, receive(t, serviced)),
		cmp.Diff(roster, receive(t, rostered)), cmp.Diff(serving, receive(t, served)), cmp.Diff(gone, receive(t, left)),
		cmp.Diff(addresses, receive(t, addressed)), cmp.Diff(server, receive(t, greeted)),
	} {
		if diff != "" {
			t.Errorf("a letter changed on its way (-sent +received):\n%s", diff)
		}
	}
	for _, s := range subs {
		s.Stop()
	}
	flush(t, leader, host)
	check(t, leader.SendRoster(roster))
	flush(t, leader, host)
	select {
	case <-rostered:
		t.Error("a letter came after Stop")
	default:
	}
}

func TestLettersArriveInProcess(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1"})
	letters(t, conn(t, s, "leader"), conn(t, s, AgentName("h1", 7)))
	if s.Addr() != "" {
		t.Errorf("it listens on %s", s.Addr())
	}
}

func TestLettersArriveThroughTheNetwork(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1", Listen: "127.0.0.1:0", Password: "a/b:c@d"})
	agent := remote(t, "nats://pacer:a%2Fb%3Ac%40d@"+s.Addr(), AgentName("h1", 7))
	eventually(t, "the agent is connected", agent.Connected)
	letters(t, conn(t, s, "leader"), agent)
}

func TestAStrangerIsNotLetIn(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1", Listen: "127.0.0.1:0", Password: "secret"})
	for _, url := range []string{"nats://", "nats://pacer:wrong@", "nats://sys:secret@", "nats://sys@"} {
		if nc, err := nats.Connect(url + s.Addr()); err == nil {
			nc.Close()
			t.Errorf("%s… was let in", url)
		}
	}
	// Ours goes on trying, should the server learn the password.
	c := remote(t, "nats://pacer:wrong@"+s.Addr(), "x")
	if c.Connected() || c.nc.IsClosed() {
		t.Errorf("connected: %v, given up: %v", c.Connected(), c.nc.IsClosed())
	}
}

func TestALetterThatIsTooLargeIsAnErrorToItsSender(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1"})
	c := conn(t, s, "leader")
	noise := make([]byte, 0, 10<<20)
	x := uint64(1)
	for len(noise) < cap(noise) { // text that does not compress
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		noise = append(noise, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[x%64])
	}
	err := c.SendService(apps.Service{App: "/a", Endpoints: []apps.Endpoint{{Instance: string(noise)}}})
	if !errors.Is(err, nats.ErrMaxPayload) || !strings.Contains(err.Error(), "pacer.service.a") {
		t.Errorf("got %v", err)
	}
	if !c.Connected() {
		t.Error("it cost the connection")
	}
	// Much larger ones that do compress go through.
	on, got := inbox[apps.Service]()
	_, err = c.OnService(on)
	check(t, err, c.SendService(apps.Service{App: "/a", Endpoints: []apps.Endpoint{{Instance: strings.Repeat("a", 20<<20)}}}))
	if n := len(receive(t, got).Endpoints[0].Instance); n != 20<<20 {
		t.Errorf("%d bytes came", n)
	}
}

func TestALetterThatLiesIsDropped(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1"})
	var said lockedBuffer
	c := conn(t, s, "leader")
	c.log = slog.New(slog.NewTextHandler(&said, nil))
	on, got := inbox[apps.Report]()
	_, err := c.OnReport(on)
	check(t, err)
	check(t,
		send(c, "pacer.report.h1", apps.Report{Host: apps.Host{Name: "h2"}}), // h1 says it is h2
		c.nc.Publish("pacer.report.h1", []byte("{")),
		c.nc.PublishMsg(&nats.Msg{Subject: "pacer.report.h1", Data: []byte("x"), Header: nats.Header{encodingHeader: {"s2"}}}),
		c.nc.PublishMsg(&nats.Msg{Subject: "pacer.report.h1", Data: []byte("{}"), Header: nats.Header{encodingHeader: {"gz"}}}),
		c.SendReport(apps.Report{Host: apps.Host{Name: "h1"}}))

	if r := receive(t, got); r.Host.Name != "h1" {
		t.Errorf("got the report of %q", r.Host.Name)
	}
	if n := strings.Count(said.String(), "subject=pacer.report.h1"); n != 4 {
		t.Errorf("%d of 4 dropped letters are in the log:\n%s", n, said.String())
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestTheConnectionIsMadeAgain(t *testing.T) {
	first := embedded(t, ServerConfig{Name: "s1", Listen: "127.0.0.1:0"})
	addr := first.Addr()
	agent := remote(t, "nats://"+addr, AgentName("h1", 7))
	on, got := inbox[apps.Assignment]()
	_, err := agent.OnAssign("h1", on)
	check(t, err)
	flush(t, agent)
	first.Shutdown()
	eventually(t, "the agent notices", func() bool { return !agent.Connected() })
	check(t, agent.SendReport(apps.Report{Host: apps.Host{Name: "h1"}, Revision: 7})) // kept meanwhile

	second := embedded(t, ServerConfig{Name: "s1", Listen: addr})
	leader := conn(t, second, "leader")
	onReport, reported := inbox[apps.Report]()
	_, err = leader.OnReport(onReport)
	check(t, err)
	eventually(t, "the agent is connected again", agent.Connected)

	// What was kept is sent at the moment of the reconnect; the leader may have
	// subscribed later. A repeated report, as in life, arrives.
	check(t, agent.SendReport(apps.Report{Host: apps.Host{Name: "h1"}, Revision: 8}))
	for r := receive(t, reported); r.Revision != 8; r = receive(t, reported) {
	}
	flush(t, agent)
	check(t, leader.SendAssign(apps.Assignment{Host: "h1", Stamp: apps.Stamp{Epoch: 4}}))
	if a := receive(t, got); a.Epoch != 4 {
		t.Errorf("got %+v", a)
	}
}

func TestAClientMayComeBeforeItsServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	addr := l.Addr().String()
	check(t, l.Close())
	agent := remote(t, "nats://"+addr, AgentName("h1", 7))
	on, got := inbox[apps.Roster]()
	_, err = agent.OnRoster(on)
	check(t, err)

	s := embedded(t, ServerConfig{Name: "s1", Listen: addr})

	eventually(t, "the agent is connected", agent.Connected)
	flush(t, agent)
	check(t, conn(t, s, "leader").SendRoster(apps.Roster{Stamp: apps.Stamp{Epoch: 1}}))
	receive(t, got)
}

func TestAConnectionThatIsGoneIsHeardOf(t *testing.T) {
	s := embedded(t, ServerConfig{Name: "s1", Listen: "127.0.0.1:0", Password: "secret"})
	leader := conn(t, s, "leader")
	on, left := inbox[Left]()
	_, err := leader.OnLeft(on)
	check(t, err)
	flush(t, leader)
	check(t, leader.sys.FlushTimeout(10*time.Second))

	// A client that is no agent goes, then the agent.
	other := remote(t, "nats://pacer:secret@"+s.Addr(), "pacer-lb")
	eventually(t, "it is connected", other.Connected)
	other.Close()
	agent := remote(t, "nats://pacer:secret@"+s.Addr(), AgentName("h1.example.com", 7))
	eventually(t, "the agent is connected", agent.Connected)
	start := time.Now()
	agent.Close()

	if l := receive(t, left); l != (Left{"h1.example.com", 7}) {
		t.Errorf("%+v left", l)
	}
	t.Logf("heard of it after %v", time.Since(start))
}

func TestServersAreRoutedToEachOther(t *testing.T) {
	ports := freePairs(t, 2)
	listen := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	routes := []string{fmt.Sprintf("nats://127.0.0.1:%d", ports[0]+1000), fmt.Sprintf("nats://127.0.0.1:%d", ports[1]+1000)}
	one := embedded(t, ServerConfig{Name: "s1", Listen: listen(0), Routes: routes, Password: "secret"})
	two := embedded(t, ServerConfig{Name: "s2", Listen: listen(1), Routes: routes, Password: "secret"})
	if want := fmt.Sprintf("127.0.0.1:%d", ports[0]+1000); one.ClusterAddr() != want {
		t.Errorf("the other servers connect to %s, expected %s", one.ClusterAddr(), want)
	}
	leader := conn(t, one, "leader")
	agent := remote(t, "nats://pacer:secret@"+two.Addr(), AgentName("h9", 7))
	onReport, reported := inbox[apps.Report]()
	onLeft, left := inbox[Left]()
	_, err := leader.OnReport(onReport)
	check(t, err)
	_, err = leader.OnLeft(onLeft)
	check(t, err)
	flush(t, leader)
	// As in life, a report is repeated until it is heard.
	eventually(t, "a report came through both", func() bool {
		check(t, agent.SendReport(apps.Report{Host: apps.Host{Name: "h9"}}))
		return len(reported) > 0
	})
	agent.Close()
	if l := receive(t, left); l != (Left{"h9", 7}) {
		t.Errorf("%+v left", l)
	}
}

// freePairs are ports that are free together with the one 1000 above.
func freePairs(tb testing.TB, n int) (ports []int) {
	tb.Helper()
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(tb, err)
		port := l.Addr().(*net.TCPAddr).Port
		above, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1000))
		_ = l.Close()
		if err == nil {
			_ = above.Close()
			if ports = append(ports, port); len(ports) == n {
				return ports
			}
		}
	}
	tb.Fatal("no free ports")
	return nil
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	for name, cfg := range map[string]ServerConfig{
		"no port":              {Name: "s", Listen: "127.0.0.1"},
		"a port in words":      {Name: "s", Listen: "127.0.0.1:nats"},
		"routes from nowhere":  {Name: "s", Routes: []string{"nats://127.0.0.1:5222"}},
		"a route without host": {Name: "s", Listen: "127.0.0.1:0", Routes: []string{"127.0.0.1:5222"}},
	} {
		if s, err := Embedded(cfg); err == nil {
			s.Shutdown()
			t.Errorf("%s: it started", name)
		}
	}
	for _, url := range []string{"", "nats://%zz"} {
		if c, err := Connect(t.Context(), url, "x", nil); err == nil {
			c.Close()
			t.Errorf("connected to %q", url)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := Connect(ctx, "nats://127.0.0.1:1", "x", nil); err == nil {
		c.Close()
		t.Error("connected after the context ended")
	}
}

func TestTokensAreOneToOne(t *testing.T) {
	for name, want := range map[string]string{
		"h1": "h1", "h1.example.com": "h1%2Eexample%2Ecom", "a b": "a%20b", "*": "%2A", ">": "%3E", "%": "%25", "": "%", "ü": "%C3%BC", "A-_9": "A-_9",
	} {
		if got := token(name); got != want {
			t.Errorf("%q is %q, expected %q", name, got, want)
		}
	}
	if got := serviceSubject("/shop/eu.west/web"); got != "pacer.service.shop.eu%2Ewest.web" {
		t.Errorf("got %q", got)
	}
}
