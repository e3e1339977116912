package lb

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A flood is n pseudo-random bytes, and counts what was read of it.
type flood struct {
	left int
	x    uint32
	sum  hash.Hash
}

func newFlood(n int) *flood { return &flood{left: n, x: 1, sum: sha256.New()} }

func (f *flood) Read(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	b = b[:min(len(b), f.left)]
	for i := range b {
		f.x = f.x*1664525 + 1013904223
		b[i] = byte(f.x >> 24)
	}
	f.left -= len(b)
	f.sum.Write(b)
	return len(b), nil
}

func TestLargeBodiesStreamBothWaysInConstantMemory(t *testing.T) {
	const size = 64 << 20
	for _, c := range []struct {
		name    string
		chunked bool
	}{{"with a length", false}, {"in chunks", true}} {
		t.Run(c.name, func(t *testing.T) {
			var seen atomic.Value
			e := newEnv(t, Config{})
			e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
				sum := sha256.New()
				n, err := io.Copy(sum, r.Body)
				seen.Store(fmt.Sprintf("%d %x %v", n, sum.Sum(nil), err))
				if !c.chunked {
					w.Header().Set("Content-Length", fmt.Sprint(size))
				}
				_, _ = io.Copy(w, newFlood(size))
			}))
			up := newFlood(size)
			r := mustRequest(t, "POST", e.url+"/", up)
			r.Host = "example.com"
			if !c.chunked {
				r.ContentLength = size
			}
			peak := watchHeap(t)
			res, err := e.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			sum := sha256.New()
			n, err := io.Copy(sum, res.Body)
			if err != nil || n != size {
				t.Fatalf("want %d bytes, got %d, %v", size, n, err)
			}
			want := fmt.Sprintf("%d %x <nil>", size, up.sum.Sum(nil))
			if seen.Load() != want {
				t.Errorf("the backend got %v, want %s", seen.Load(), want)
			}
			down := newFlood(size)
			_, _ = io.Copy(io.Discard, down)
			if got, want := fmt.Sprintf("%x", sum.Sum(nil)), fmt.Sprintf("%x", down.sum.Sum(nil)); got != want {
				t.Errorf("the client got other bytes than were sent")
			}
			if grown := peak(); grown > 16<<20 {
				t.Errorf("the heap grew by %d MiB while 128 MiB passed", grown>>20)
			}
		})
	}
}

// watchHeap measures how far the heap in use grows until the result is called.
func watchHeap(t testing.TB) func() int64 {
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse)
	}
	runtime.GC()
	from, top := inUse(), int64(0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			top = max(top, inUse())
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		cancel()
		<-ended
		return top - from
	}
}

// Each piece must pass before the next one is sent: nothing may wait for more.
func TestPiecesPassWhenTheyCome(t *testing.T) {
	for _, length := range []bool{false, true} {
		e := newEnv(t, Config{})
		release := make(chan bool)
		e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
			if length {
				w.Header().Set("Content-Length", "3")
			} else {
				w.Header().Set("Content-Type", "text/event-stream")
			}
			w.(http.Flusher).Flush() // the header alone
			for _, piece := range []string{"a", "b", "c"} {
				<-release
				_, _ = io.WriteString(w, piece)
				w.(http.Flusher).Flush()
			}
		}))
		_, in := e.raw(t, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(in, nil) // before any piece is released
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1)
		for _, want := range []string{"a", "b", "c"} {
			release <- true
			if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != want {
				t.Fatalf("with a length: %v: want %q, got %q, %v", length, want, buf, err)
			}
		}
	}
}

// A request in pieces and an answer in pieces at the same time.
func TestBothDirectionsStreamAtOnce(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.(http.Flusher).Flush()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintf(w, "echo %s\n", lines.Text())
			w.(http.Flusher).Flush()
		}
	}))
	pr, pw := io.Pipe()
	r := mustRequest(t, "POST", e.url+"/", pr)
	r.Host = "example.com"
	res, err := e.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	in := bufio.NewReader(res.Body)
	for i := range 5 {
		fmt.Fprintf(pw, "line %d\n", i)
		if got, err := in.ReadString('\n'); err != nil || got != fmt.Sprintf("echo line %d\n", i) {
			t.Fatalf("line %d: got %q, %v", i, got, err)
		}
	}
	_ = pw.Close()
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Fatalf("want the end, got %q, %v", rest, err)
	}
}

func TestAClientThatHangsUpEndsItsRequestAtTheBackend(t *testing.T) {
	e := newEnv(t, Config{})
	begun, ended := make(chan bool), make(chan bool)
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-r.Context().Done()
		close(ended)
	}))
	c, _ := e.raw(t, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
	<-begun
	_ = c.Close()
	<-ended
	eventually(t, "the request is counted as the client's doing", func() bool {
		s := e.Stats().Apps[0]
		return s.ClientGone == 1 && s.InFlight == 0 && s.Errors == 0
	})
}

func TestAnAnswerThatBreaksOffBreaksOffForTheClientToo(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		e := newEnv(t, Config{})
		e.serve(t, web("/web", "example.com"), rawBackend(t, "a", func(c *rawConn) { c.request(); c.say(head) }))
		r := mustRequest(t, "GET", e.url+"/", nil)
		r.Host = "example.com"
		res, err := e.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err == nil {
			t.Errorf("%q: the client took %q for the whole answer", head, b)
		}
		eventually(t, "it is counted", func() bool { return e.Stats().Apps[0].Broken == 1 })
	}
}

// The backend refuses an upload before it has read it; the client must get to see why.
func TestAnAnswerThatComesBeforeTheBodyWasSentPasses(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, "too large")
	}))
	_, in := e.raw(t, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 100))
	if res, body := readResponse(t, in, "POST"); res.StatusCode != 413 || body != "too large" {
		t.Fatalf("want 413 and why, got %d %q", res.StatusCode, body)
	}
	eventually(t, "nothing is left in flight", func() bool { return e.Stats().Apps[0].InFlight == 0 })
	if _, err := in.ReadByte(); err != io.EOF { // the rest of the body is never sent
		t.Fatalf("want the connection closed, got %v", err)
	}
}
