package healthcheck

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pacer/apps"
)

// at is an app with one host port, that of addr.
func at(t testing.TB, addr string) Target {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return Target{
		Instance: "w1", Addr: host, Ports: []int{n},
		App: &apps.App{ID: "/web", Network: apps.NetworkBridge, Ports: []apps.Port{{Name: "http", Protocol: "tcp", Container: 80}}},
	}
}

func serve(t testing.TB, tls bool, f http.HandlerFunc) Target {
	t.Helper()
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = nil
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return at(t, u.Host)
}

// raw answers each connection with these bytes and closes it.
func raw(t testing.TB, answer string) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return at(t, l.Addr().String())
}

// closed is a port where nobody listens.
func closed(t testing.TB) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return at(t, l.Addr().String())
}

func TestHTTPStatusDecides(t *testing.T) {
	p := NewProber(nil)
	for status, ok := range map[int]bool{200: true, 204: true, 302: true, 399: true, 400: false, 404: false, 500: false, 503: false} {
		target := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/gone")
			w.WriteHeader(status)
		})
		for _, protocol := range []string{"HTTP", "MESOS_HTTP"} {
			a := p.Check(t.Context(), target, apps.Check{Protocol: protocol, Path: "/health", Timeout: time.Minute})
			if a.OK != ok || a.Ignore || !ok && a.Cause != fmt.Sprintf("HTTP status %d from GET /health", status) {
				t.Errorf("%s %d: want ok=%v, got %+v", protocol, status, ok, a)
			}
		}
	}
}

func TestHTTPAnswersAreKeptForPeople(t *testing.T) {
	long := strings.Repeat("x", BodyMax-1) + "é and more"
	for _, status := range []int{200, 503} {
		target := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, long)
		})
		a := NewProber(nil).Check(t.Context(), target, apps.Check{Protocol: "HTTP", Timeout: time.Minute})
		if a.Status != status || a.Body != long[:BodyMax-1] || a.Took <= 0 {
			t.Errorf("want %d with %d bytes of whole characters and how long it took, got %d with %d after %v", status, BodyMax-1, a.Status, len(a.Body), a.Took)
		}
	}
}

func TestHTTPAsksThePathAndFollowsNoRedirect(t *testing.T) {
	var asked atomic.Value
	target := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.RequestURI + " close=" + strconv.FormatBool(r.Close))
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	p := NewProber(nil)
	for path, want := range map[string]string{"": "/", "/a?b=c": "/a?b=c", "ping": "/ping"} {
		a := p.Check(t.Context(), target, apps.Check{Protocol: "HTTP", Path: path, Timeout: time.Minute})
		if want = "GET " + want + " close=true"; !a.OK || asked.Load() != want {
			t.Errorf("path %q: want one %q, got %v, %+v", path, want, asked.Load(), a)
		}
	}
}

func TestHTTPSVerifiesNoCertificate(t *testing.T) {
	target := serve(t, true, func(w http.ResponseWriter, r *http.Request) {})
	a := NewProber(nil).Check(t.Context(), target, apps.Check{Protocol: "HTTPS", Timeout: time.Minute})
	if !a.OK {
		t.Fatalf("the certificate is signed by nobody, and that is fine, but %+v", a)
	}
}

func TestAnEndlessBodyIsNotReadToItsEnd(t *testing.T) {
	target := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	a := NewProber(nil).Check(t.Context(), target, apps.Check{Protocol: "HTTP", Timeout: time.Minute})
	if !a.OK {
		t.Fatalf("the status is the answer, but %+v", a)
	}
}

func TestAnInformationalAnswerIsAFailureUnlessIgnored(t *testing.T) {
	p := NewProber(nil)
	for name, answer := range map[string]string{
		"101":                   "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
		"103 and nothing after": "HTTP/1.1 103 Early Hints\r\n\r\n",
	} {
		target := raw(t, answer)
		if a := p.Check(t.Context(), target, apps.Check{Protocol: "HTTP", Timeout: time.Minute}); a.OK || a.Ignore {
			t.Errorf("%s: want a failure, got %+v", name, a)
		}
		if a := p.Check(t.Context(), target, apps.Check{Protocol: "HTTP", Timeout: time.Minute, IgnoreHTTP1xx: true}); a.OK || !a.Ignore {
			t.Errorf("%s: want it ignored, got %+v", name, a)
		}
	}
	target := raw(t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
	if a := p.Check(t.Context(), target, apps.Check{Protocol: "HTTP", Timeout: time.Minute, IgnoreHTTP1xx: true}); !a.OK {
		t.Errorf("a final answer came: want success, got %+v", a)
	}
}

func TestWhatIsNoHTTPFails(t *testing.T) {
	target := raw(t, "+PONG\r\n")
	a := NewProber(nil).Check(t.Context(), target, apps.Check{Protocol: "HTTP", Timeout: time.Minute})
	if a.OK || a.Cause == "" {
		t.Fatalf("want a failure with its cause, got %+v", a)
	}
}

func TestTCPConnects(t *testing.T) {
	p := NewProber(nil)
	for _, protocol := range []string{"TCP", "MESOS_TCP"} {
		if a := p.Check(t.Context(), raw(t, ""), apps.Check{Protocol: protocol, Timeout: time.Minute}); !a.OK {
			t.Errorf("%s: somebody listens, but %+v", protocol, a)
		}
		if a := p.Check(t.Context(), closed(t), apps.Check{Protocol: protocol, Timeout: time.Minute}); a.OK || !strings.Contains(a.Cause, "connection refused") {
			t.Errorf("%s: nobody listens, but %+v", protocol, a)
		}
	}
}

func TestAServerThatDoesNotAnswerIsNotWaitedForLonger(t *testing.T) {
	ended := make(chan struct{})
	target := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // the prober has hung up
		close(ended)
	})
	a := NewProber(nil).Check(t.Context(), target, apps.Check{Protocol: "HTTP", Timeout: 30 * time.Millisecond})
	if a.OK || a.Ignore || a.Cause != "no answer within 30ms" {
		t.Fatalf("want a failure that says so, got %+v", a)
	}
	<-ended
}

func TestCommandsAreJudgedByTheirExitCode(t *testing.T) {
	tests := []struct {
		name   string
		code   int
		output string
		err    error
		want   Answer
	}{
		{"0 is well", 0, "fine", nil, Answer{OK: true}},
		{"else it is not, and says what it printed", 2, "no master\n", nil, Answer{Cause: "exit code 2: no master", ExitCode: 2}},
		{"or nothing", 1, " ", nil, Answer{Cause: "exit code 1", ExitCode: 1}},
		{"a command that cannot run is a failure", 0, "", errors.New("no such file: /bin/sh"), Answer{Cause: "no such file: /bin/sh"}},
		{"an engine that is away says nothing", 0, "", fmt.Errorf("%w: gone", ErrUnasked), Answer{Ignore: true, Cause: "the engine could not be asked: gone"}},
	}
	for _, tt := range tests {
		p := NewProber(func(_ context.Context, instance, command string) (int, string, error) {
			if instance != "w1" || command != "check me" {
				t.Errorf("%s: asked %q in %s", tt.name, command, instance)
			}
			return tt.code, tt.output, tt.err
		})
		got := p.Check(t.Context(), Target{Instance: "w1", App: &apps.App{}}, apps.Check{Protocol: "COMMAND", Command: "check me", Timeout: time.Minute})
		if got.Body != tt.output || got.Took <= 0 {
			t.Errorf("%s: want what it printed and how long it took, got %+v", tt.name, got)
		}
		if got.Body, got.Took = "", 0; got != tt.want {
			t.Errorf("%s: want %+v, got %+v", tt.name, tt.want, got)
		}
	}
}

func TestCausesAreBoundedText(t *testing.T) {
	p := NewProber(func(context.Context, string, string) (int, string, error) { return 1, strings.Repeat("é", 4096), nil })
	a := p.Check(t.Context(), Target{App: &apps.App{}}, apps.Check{Protocol: "COMMAND", Timeout: time.Minute})
	if len(a.Cause) > CauseMax || !strings.HasSuffix(a.Cause, "é") {
		t.Fatalf("want at most %d bytes of whole characters, got %d: …%q", CauseMax, len(a.Cause), a.Cause[len(a.Cause)-3:])
	}
}

func TestReadinessWantsOneOfItsStatusCodesFromItsPort(t *testing.T) {
	target := serve(t, false, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusAccepted) })
	p := NewProber(nil)
	ask := func(port string, codes ...int) Answer {
		return p.Ready(t.Context(), target, apps.ReadyCheck{Protocol: "HTTP", Path: "/ready", PortName: port, StatusCodes: codes, Timeout: time.Minute})
	}
	if a := ask("http", 200, 202); !a.OK {
		t.Errorf("202 is one of them, but %+v", a)
	}
	if a := ask("http"); a.OK {
		t.Errorf("by default only 200 is ready, but %+v", a)
	}
	if a := ask("admin", 202); a.OK || !strings.Contains(a.Cause, `"admin"`) {
		t.Errorf("there is no such port, but %+v", a)
	}
}

func TestAnEndingProcessBlamesNobody(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := NewProber(func(ctx context.Context, _, _ string) (int, string, error) {
		cancel()
		<-ctx.Done()
		return 0, "", ctx.Err()
	})
	a := p.Check(ctx, Target{App: &apps.App{}}, apps.Check{Protocol: "COMMAND", Timeout: time.Minute})
	if !a.Ignore {
		t.Fatalf("want it ignored, got %+v", a)
	}
}

func TestAtMost256QuestionsAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, done atomic.Int64
		p := NewProber(func(ctx context.Context, _, _ string) (int, string, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			select {
			case <-time.After(time.Second):
				return 0, "", nil
			case <-ctx.Done():
				return 0, "", ctx.Err()
			}
		})
		for range 1000 {
			go func() {
				// Waiting for its turn takes up to 4 s and is not part of the timeout.
				a := p.Check(t.Context(), Target{App: &apps.App{}}, apps.Check{Protocol: "COMMAND", Timeout: 2 * time.Second})
				if a.OK {
					done.Add(1)
				}
			}()
		}
		synctest.Wait()
		if got := now.Load(); got != probesMax {
			t.Errorf("want %d under way, got %d", probesMax, got)
		}
		time.Sleep(10 * time.Second) // fake
		if done.Load() != 1000 || most.Load() != probesMax {
			t.Errorf("want 1000 answered, %d at once, got %d, %d at once", probesMax, done.Load(), most.Load())
		}
	})
}

func TestWhereACheckAsks(t *testing.T) {
	const ip = "172.17.0.2"
	bridge := []apps.Port{{Container: 80}, {Container: 8080, Host: apps.NoHostPort}, {}}
	tests := []struct {
		name    string
		network apps.NetworkMode
		ip      string
		check   apps.Check
		want    string // empty: refused
	}{
		{"host port of the index", apps.NetworkBridge, ip, apps.Check{PortIndex: 0}, "10.0.0.1:31000"},
		{"container port where there is no host port", apps.NetworkBridge, ip, apps.Check{PortIndex: 1}, "172.17.0.2:8080"},
		{"no number at all", apps.NetworkBridge, ip, apps.Check{PortIndex: 2}, ""},
		{"host port in container mode too", apps.NetworkContainer, ip, apps.Check{PortIndex: 0}, "10.0.0.1:31000"},
		{"no address of the container yet", apps.NetworkBridge, "", apps.Check{PortIndex: 1}, ""},
		{"an index that is not there", apps.NetworkBridge, ip, apps.Check{PortIndex: 3}, ""},
		{"no index", apps.NetworkBridge, ip, apps.Check{PortIndex: -1}, ""},
		{"a number wins: on the host", apps.NetworkBridge, ip, apps.Check{Port: 9000, PortIndex: 1}, "10.0.0.1:9000"},
		{"a number with host networking", apps.NetworkHost, "", apps.Check{Port: 9000}, "10.0.0.1:9000"},
		{"a number in container mode", apps.NetworkContainer, ip, apps.Check{Port: 9000}, "172.17.0.2:9000"},
		{"a number in container mode without address", apps.NetworkContainer, "", apps.Check{Port: 9000}, ""},
		{"Mesos asks from inside", apps.NetworkBridge, ip, apps.Check{Protocol: "MESOS_HTTP", Port: 9000}, "172.17.0.2:9000"},
		{"Mesos with host networking", apps.NetworkHost, "", apps.Check{Protocol: "MESOS_HTTP", Port: 9000}, "10.0.0.1:9000"},
		{"host networking by index", apps.NetworkHost, "", apps.Check{PortIndex: 0}, "10.0.0.1:31000"},
		{"host networking without a port", apps.NetworkHost, "", apps.Check{PortIndex: 1}, ""},
	}
	for _, tt := range tests {
		target := Target{App: &apps.App{Network: tt.network, Ports: bridge}, Ports: []int{31000, 0, 0}, Addr: "10.0.0.1", IP: tt.ip}
		got, err := target.of(tt.check)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: want %q, got %q, %v", tt.name, tt.want, got, err)
		}
	}
}

func TestAProtocolThatIsNoneFailsWithItsName(t *testing.T) {
	a := NewProber(nil).Check(t.Context(), closed(t), apps.Check{Protocol: "UDP", Timeout: time.Minute})
	if a.OK || !strings.Contains(a.Cause, `"UDP"`) {
		t.Fatalf("got %+v", a)
	}
}
