package lb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pacer/apps"
)

// deadEndpoint refuses connections.
func deadEndpoint(t testing.TB, instance string) apps.Endpoint {
	t.Helper()
	l := listen(t)
	e := endpointAt(t, instance, l.Addr().String())
	_ = l.Close()
	return e
}

// hungEndpoint never completes a connect: its queue of connections is full.
func hungEndpoint(t testing.TB, instance string) apps.Endpoint {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	e := apps.Endpoint{Instance: instance, Host: "h1", Addr: "127.0.0.1", Ports: []int{sa.(*syscall.SockaddrInet4).Port}}
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: e.Ports[0]}
	for {
		c, err := net.DialTimeout("tcp", addr.String(), 50*time.Millisecond)
		if err != nil {
			return e
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}

func TestARequestIsTriedElsewhereWhenAnInstanceTakesNoConnection(t *testing.T) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
		e := newEnv(t, Config{})
		e.serve(t, web("/web", "example.com"), deadEndpoint(t, "dead1"), deadEndpoint(t, "dead2"), deadEndpoint(t, "dead3"), backendOf(t, "good", func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			_, _ = w.Write(b)
		}))
		large := strings.Repeat("x", 1<<20) // more than is kept: nothing of it may be read before there is a connection
		for range 20 {
			e.do(t, method, "example.com", "/", io.MultiReader(strings.NewReader(large))).want(t, 200, large[:100])
		}
		if s := e.Stats(); s.Apps[0].Retries > 6 || len(s.Out) == 0 {
			t.Errorf("%s: the dead ones should be left out after their first failures: %d retries, out are %v", method, s.Apps[0].Retries, s.Out)
		}
	}
}

func TestWhenNoInstanceTakesConnectionsTheAnswerIs502AndTheFirstThatDoesIsFound(t *testing.T) {
	e := newEnv(t, Config{})
	dead := deadEndpoint(t, "dead")
	e.serve(t, web("/web", "example.com"), dead, deadEndpoint(t, "dead2"))
	for range 3 { // ejected or not: never all are left out
		e.get(t, "example.com", "/").want(t, 502, "do not take connections")
	}
	l, err := net.Listen("tcp", net.JoinHostPort(dead.Addr, itoa(dead.Ports[0])))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: says("back")}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })

	e.get(t, "example.com", "/").want(t, 200, "back")
	if out := e.Stats().Out; out["dead"] != 0 {
		t.Errorf("it takes connections again, but is left out: %v", out)
	}
}

func TestAnInstanceWhoseHostDoesNotAnswerIsLeftOut(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), hungEndpoint(t, "hung"), backendOf(t, "good", says("good")))
	began := time.Now()
	done := make(chan reply)
	const parallel = 8
	for range parallel {
		go func() { done <- e.do(t, "POST", "example.com", "/", strings.NewReader("x")) }()
	}
	for range parallel {
		(<-done).want(t, 200, "good")
	}
	if took := time.Since(began); took > dialTimeout+2*time.Second {
		t.Errorf("want an answer within the dial timeout, took %v", took)
	}
	began = time.Now()
	for range 50 {
		e.get(t, "example.com", "/").want(t, 200, "good")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("the hung one should be left out now, but 50 requests took %v", took)
	}
}

func TestAnEjectionGrowsAndEndsWithALook(t *testing.T) {
	lb := New(Config{})
	defer lb.Close()
	b := newBackend(lb, apps.Endpoint{Instance: "a", Addr: "127.0.0.1", Ports: []int{1}})
	var pauses []time.Duration
	for range 6 {
		before := b.outUntil.Load()
		for range 10 { // that failed together
			b.eject(before)
		}
		pauses = append(pauses, time.Until(time.Unix(0, b.outUntil.Load())).Round(time.Second))
	}
	s := time.Second
	if want := []time.Duration{s, 2 * s, 4 * s, 8 * s, 10 * s, 10 * s}; !slices.Equal(pauses, want) {
		t.Errorf("want pauses of %v, got %v", want, pauses)
	}
	if r := b.rank(time.Now().UnixNano(), 0, false); r != 3 {
		t.Errorf("want it left out, got rank %d", r)
	}

	for _, alive := range []bool{false, true} {
		b := newBackend(lb, deadEndpoint(t, "dead"))
		if alive {
			b = newBackend(lb, backendOf(t, "alive", says("x")))
		}
		b.eject(0)
		b.outUntil.Store(1) // long over
		for range 10 {
			if r := b.rank(time.Now().UnixNano(), 0, false); r != 3 {
				t.Fatalf("want it left out while it is looked at, got rank %d", r)
			}
			if b.outUntil.Load() != 1 {
				break
			}
		}
		if alive {
			eventually(t, "it is well again", func() bool { return b.well() && b.failures.Load() == 0 })
		} else {
			eventually(t, "it is ejected again, for longer", func() bool {
				return b.failures.Load() == 2 && time.Until(time.Unix(0, b.outUntil.Load())) > ejectFirst
			})
		}
	}
}

// The instances read the request and close the connection without a word.
func TestWhatAnInstanceMayHaveSeenIsSentAgainOnlyWhereThatIsHarmless(t *testing.T) {
	for method, again := range map[string]bool{"GET": true, "HEAD": true, "PUT": true, "DELETE": true, "POST": false, "PATCH": false} {
		for _, end := range []string{"fin", "rst"} {
			e := newEnv(t, Config{})
			var seen atomic.Int32
			var dying []apps.Endpoint
			for range 6 {
				dying = append(dying, rawBackend(t, unique("dying"), func(c *rawConn) {
					if c.request() == nil {
						return // the look whether it lives
					}
					seen.Add(1)
					if end == "rst" {
						c.reset()
					}
				}))
			}
			e.serve(t, web("/web", "example.com"), dying...)
			want := int32(1)
			if again {
				want += replaysMax
			}
			got := e.do(t, method, "example.com", "/", strings.NewReader("x"))
			if n := seen.Load(); got.status != 502 || n != want {
				t.Errorf("%s, %s: want 502 after %d attempts, got %d after %d", method, end, want, got.status, n)
			}
		}
	}
}

func TestASafeRequestIsAnsweredByAnotherInstance(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), rawBackend(t, "dying", func(c *rawConn) { c.request() }), backendOf(t, "good", says("good")))
	for range 20 {
		e.get(t, "example.com", "/").want(t, 200, "good")
	}
	if e.Stats().Apps[0].Retries == 0 {
		t.Error("the dying one was never asked")
	}
}

func TestABodyThatIsTooLargeToKeepIsNotSentTwice(t *testing.T) {
	var first, second atomic.Int64
	e := newEnv(t, Config{})
	dying := rawBackend(t, "dying", func(c *rawConn) {
		if r, err := http.ReadRequest(c.in); err == nil {
			n, _ := io.CopyN(io.Discard, r.Body, 100<<10)
			first.Add(n)
			c.reset()
		}
	})
	e.serve(t, web("/web", "example.com"), dying)
	body := bytes.Repeat([]byte("x"), 10<<20)
	e.do(t, "PUT", "example.com", "/", bytes.NewReader(body)).want(t, 502, "broke")
	if first.Load() != 100<<10 {
		t.Errorf("want one attempt, the backend read %d bytes", first.Load())
	}
	e.serve(t, web("/web", "example.com"), backendOf(t, "good", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		second.Add(n)
	}))
	e.do(t, "PUT", "example.com", "/", bytes.NewReader(body)).want(t, 200, "")
	if second.Load() != 10<<20 {
		t.Errorf("want the whole body, got %d", second.Load())
	}
}

// A back end ends its connections when they have been idle for a moment, which is
// here always about the moment of the next request. What it has certainly not seen is
// sent again, whatever the method. What arrives between its decision and its close is
// reset and cannot be told from a crash, so it fails; nothing is ever seen twice.
func TestConnectionsThatEndWhileIdleMakeNothingHappenTwice(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), rawBackend(t, "a", func(c *rawConn) {
		for served := 0; ; served++ {
			if served > 0 {
				_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			}
			if _, err := c.in.Peek(1); err != nil {
				return
			}
			_ = c.SetReadDeadline(time.Time{})
			r := c.request()
			if r == nil {
				return
			}
			mu.Lock()
			seen[r.URL.Path]++
			mu.Unlock()
			c.say(okHeader + "ok")
		}
	}))
	const clients, each = 4, 200
	var failed atomic.Int64
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for j := range each {
				<-time.After(time.Duration(900+j) * time.Microsecond)
				r, _ := http.NewRequest("POST", fmt.Sprintf("%s/%d-%d", e.url, i, j), strings.NewReader("x"))
				r.Host = "example.com"
				res, err := e.client.Do(r)
				if err != nil {
					t.Errorf("the balancer itself failed: %v", err)
					return
				}
				_ = res.Body.Close()
				if res.StatusCode != 200 {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	for path, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", path, n)
		}
	}
	n := int(failed.Load())
	if n > clients*each/4 || len(seen) != clients*each-n {
		t.Errorf("of %d requests %d failed and %d were seen", clients*each, n, len(seen))
	}
	t.Logf("%d retries, %d failed", e.Stats().Apps[0].Retries, n)
}

// The kernel's own account decides whether an instance can have seen a request.
func TestAConnectionTellsWhetherARequestWasSeen(t *testing.T) {
	pair := func(t *testing.T) (*conn, *net.TCPConn) {
		t.Helper()
		l := listen(t)
		defer func() { _ = l.Close() }()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		ours := newConn(c, &pool{backend: &backend{}})
		t.Cleanup(func() { _, _ = ours.Close(), s.Close() })
		// One exchange first: the connection has been used.
		buf := make([]byte, 16)
		_, _ = ours.Write([]byte("first"))
		_, _ = io.ReadFull(s, buf[:5])
		_, _ = s.Write([]byte("one"))
		_, _ = io.ReadFull(ours, buf[:3])
		return ours, s.(*net.TCPConn)
	}
	end := func(c *conn) error { _, err := c.Read(make([]byte, 1)); return err }

	t.Run("nothing was sent", func(t *testing.T) {
		c, s := pair(t)
		m := c.mark()
		_ = s.Close()
		if end(c); !c.unseen(m) {
			t.Error("want certainty that it was not seen")
		}
	})
	t.Run("closed before it was sent", func(t *testing.T) {
		c, s := pair(t)
		m := c.mark()
		_ = s.Close()
		_, _ = c.Write([]byte("second"))
		if err := end(c); err != io.EOF || !c.unseen(m) {
			t.Errorf("want certainty that it was not seen, after %v, %+v", err, c.ended.Load())
		}
	})
	t.Run("read, then closed", func(t *testing.T) {
		c, s := pair(t)
		m := c.mark()
		_, _ = c.Write([]byte("second"))
		_, _ = io.ReadFull(s, make([]byte, 6))
		_ = s.Close()
		if err := end(c); err != io.EOF || c.unseen(m) || !c.silent(m) {
			t.Errorf("it was seen: %v, %+v", err, c.ended.Load())
		}
	})
	t.Run("half read, then closed", func(t *testing.T) {
		c, s := pair(t)
		m := c.mark()
		_, _ = c.Write([]byte("second"))
		_, _ = io.ReadFull(s, make([]byte, 3))
		_ = s.Close() // with unread bytes: RST
		if err := end(c); err == io.EOF || c.unseen(m) {
			t.Errorf("it may have been seen: %v, %+v", err, c.ended.Load())
		}
	})
	t.Run("answered in part", func(t *testing.T) {
		c, s := pair(t)
		m := c.mark()
		_, _ = c.Write([]byte("second"))
		_, _ = io.ReadFull(s, make([]byte, 6))
		_, _ = s.Write([]byte("a"))
		_, _ = io.ReadFull(c, make([]byte, 1))
		_ = s.Close()
		if end(c); c.unseen(m) || c.silent(m) {
			t.Error("an answer had begun")
		}
	})
}
