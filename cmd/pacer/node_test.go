package main

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestWhereAURLLeads(t *testing.T) {
	for raw, want := range map[string]string{
		"http://127.0.0.2:8080":          "127.0.0.2:8080",
		"http://127.0.0.2":               "127.0.0.2:80",
		"https://127.0.0.2/":             "127.0.0.2:443",
		"http://[::1]:8080":              "[::1]:8080",
		"http://[::ffff:127.0.0.2]:8080": "127.0.0.2:8080",
		"http://0.0.0.0:8080":            "",
		"http://[::]:8080":               "",
		"http://:8080":                   "",
		"http://":                        "",
		"::":                             "",
	} {
		if got, err := addressOf(t.Context(), raw); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: want %q, got %q, %v", raw, want, got, err)
		}
	}
}

// A name server of its own process hears over NATS where the leader is.
func TestANameServerElsewhereKnowsTheLeader(t *testing.T) {
	api, nats, names, dir := freeAddr(t), freeAddr(t), freeAddr(t), t.TempDir()
	background(t, func(ctx context.Context) error {
		return server(ctx, nodeConfig{Name: "s1", HTTP: api, NATSListen: nats, DataDir: dir, LogLevel: "error"})
	})
	background(t, func(ctx context.Context) error {
		return runLB(ctx, nodeConfig{Name: "lb1", NATS: "nats://" + nats, DNS: names, Domain: "marathon.mesos", LogLevel: "error"})
	})
	client := dns.Client{Net: "tcp"} // which refuses while nobody listens
	var r *dns.Msg
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); r == nil || len(r.Answer) == 0; <-tick.C {
		var err error
		r, _, err = client.Exchange(new(dns.Msg).SetQuestion("_leader._tcp.mesos.", dns.TypeSRV), names)
		if time.Now().After(deadline) {
			t.Fatalf("the leader's name should have come, got %v, %v", r, err)
		}
	}
	srv := r.Answer[0].(*dns.SRV)
	if srv.Target != "leader.mesos." || len(r.Extra) != 1 {
		t.Fatalf("want leader.mesos. with its address, got %v", r)
	}
	if got := net.JoinHostPort(r.Extra[0].(*dns.A).A.String(), strconv.Itoa(int(srv.Port))); got != api {
		t.Errorf("the leader is at %s, but got %s", api, got)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// background runs a part until the end of the test.
func background(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
