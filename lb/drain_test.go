package lb

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pacer/apps"
)

func TestADrainingInstanceFinishesWhatItHasAndGetsNothingNew(t *testing.T) {
	e := newEnv(t, Config{})
	signal := make(chan struct{}, 1)
	e.SignalDrained(signal)
	begun, finish := make(chan bool), make(chan bool)
	old := backendOf(t, "old", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			_, _ = io.WriteString(w, "old")
			return
		}
		_, _ = io.WriteString(w, "first ")
		w.(http.Flusher).Flush()
		begun <- true
		<-finish
		_, _ = io.WriteString(w, "last")
	})
	e.serve(t, web("/web", "example.com"), old)
	slow := make(chan reply)
	for range 2 {
		go func() { slow <- e.get(t, "example.com", "/slow") }()
		<-begun
	}
	if busy := e.Busy(); len(busy) != 0 {
		t.Fatalf("nobody leaves yet, but %v is busy", busy)
	}

	e.serve(t, web("/web", "example.com"), backendOf(t, "new", says("new")))
	for range 20 {
		e.get(t, "example.com", "/").want(t, 200, "new")
	}
	if busy := e.Busy(); !slices.Equal(busy, []string{"old"}) {
		t.Fatalf("want old busy, got %v", busy)
	}
	finish <- true
	(<-slow).want(t, 200, "first last")
	if busy := e.Busy(); !slices.Equal(busy, []string{"old"}) {
		t.Fatalf("one of two is still in flight: want old busy, got %v", busy)
	}
	finish <- true
	(<-slow).want(t, 200, "first last")
	<-signal
	if busy := e.Busy(); len(busy) != 0 {
		t.Fatalf("want nobody busy, got %v", busy)
	}
}

func TestAnInstanceThatLeavesLosesItsIdleConnections(t *testing.T) {
	e := newEnv(t, Config{})
	ended := make(chan bool, 10)
	old := rawBackend(t, "old", func(c *rawConn) {
		for c.request() != nil {
			c.say(okHeader + "ok")
		}
		ended <- true
	})
	e.serve(t, web("/web", "example.com"), old)
	e.get(t, "example.com", "/").want(t, 200, "ok")
	e.serve(t, web("/web", "example.com"))
	<-ended
}

func TestAnInstanceThatComesBackIsNotBusy(t *testing.T) {
	e := newEnv(t, Config{})
	begun, finish := make(chan bool), make(chan bool)
	one := backendOf(t, "one", func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-finish
	})
	e.serve(t, web("/web", "example.com"), one)
	done := make(chan reply)
	go func() { done <- e.get(t, "example.com", "/") }()
	<-begun
	e.serve(t, web("/web", "example.com"))
	if busy := e.Busy(); !slices.Equal(busy, []string{"one"}) {
		t.Errorf("want it busy, got %v", busy)
	}
	e.serve(t, web("/web", "example.com"), one)
	if busy := e.Busy(); len(busy) != 0 {
		t.Errorf("it is in the table, but %v is busy", busy)
	}
	e.serve(t, apps.Service{App: "/web", Gone: true})
	if busy := e.Busy(); !slices.Equal(busy, []string{"one"}) {
		t.Errorf("the app is gone: want it busy, got %v", busy)
	}
	finish <- true
	<-done
	eventually(t, "nobody is busy", func() bool { return len(e.Busy()) == 0 })
}

func TestSuspectInstancesAreAskedOnlyWhenNothingBetterIsLeft(t *testing.T) {
	e := newEnv(t, Config{})
	suspect, good := backendOf(t, "suspect", says("suspect")), backendOf(t, "good", says("good"))
	suspect.Suspect = true
	e.serve(t, web("/web", "example.com"), suspect, good)
	for range 30 {
		e.get(t, "example.com", "/").want(t, 200, "good")
	}
	e.serve(t, web("/web", "example.com"), suspect, deadEndpoint(t, "dead"))
	for range 10 {
		e.get(t, "example.com", "/").want(t, 200, "suspect")
	}
	e.serve(t, web("/web", "example.com"), suspect)
	e.get(t, "example.com", "/").want(t, 200, "suspect")
}

func TestLoadGoesToTheLessBusy(t *testing.T) {
	e := newEnv(t, Config{})
	begun, finish := make(chan bool), make(chan bool)
	hang := func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-finish
	}
	a := backendOf(t, "a", hang)
	e.serve(t, web("/web", "example.com"), a)
	done := make(chan reply)
	const hanging = 10
	for range hanging {
		go func() { done <- e.get(t, "example.com", "/") }()
		<-begun
	}
	e.serve(t, web("/web", "example.com"), a, backendOf(t, "b", says("b")))
	toA := 0
	for range 200 {
		be := e.apps["/web"].acquire(0, nil, "")
		if be.instance == "a" {
			toA++
		}
		be.release()
	}
	for range hanging {
		finish <- true
		<-done
	}
	if toA < 20 || toA > 90 { // both picks are a in one of four cases
		t.Errorf("want about 50 of 200 for the busy one, got %d", toA)
	}
}

// A handshake by hand (RFC 6455), then bytes both ways.
func TestWebSocketsPassAndCountAsInFlight(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
			http.Error(w, "no upgrade", http.StatusBadRequest)
			return
		}
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\nhello ",
			base64.StdEncoding.EncodeToString(sum[:]))
		_ = rw.Flush()
		_, _ = io.Copy(c, rw) // echo, until the client ends its half
		_, _ = io.WriteString(c, "bye")
	}))
	c, in := e.raw(t, "GET /chat HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly ")
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || res.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("want the handshake answered, got %d %v", res.StatusCode, res.Header)
	}
	expect := func(want string) {
		t.Helper()
		buf := make([]byte, len(want))
		if _, err := io.ReadFull(in, buf); err != nil || string(buf) != want {
			t.Fatalf("want %q, got %q, %v", want, buf, err)
		}
	}
	expect("hello ")
	expect("early ")
	_, _ = io.WriteString(c, "one ")
	expect("one ")

	e.serve(t, web("/web", "example.com"), backendOf(t, "b", says("b"))) // drains a
	if busy := e.Busy(); !slices.Equal(busy, []string{"a"}) {
		t.Errorf("want a busy with the open socket, got %v", busy)
	}
	_, _ = io.WriteString(c, "two ")
	expect("two ")
	_ = c.CloseWrite()
	expect("bye")
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("want the end, got %v", err)
	}
	eventually(t, "nobody is busy", func() bool { return len(e.Busy()) == 0 })
	if s := e.Stats().Apps[0]; s.InFlight != 0 {
		t.Errorf("want nothing in flight, got %d", s.InFlight)
	}
}

func TestAnUpgradeThatIsRefusedIsAnOrdinaryAnswer(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", says("no")))
	_, in := e.raw(t, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if res, body := readResponse(t, in, "GET"); res.StatusCode != 200 || body != "no" {
		t.Fatalf("want the backend's answer, got %d %q", res.StatusCode, body)
	}
}

func TestABackendThatSwitchesUnaskedIsRefused(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), rawBackend(t, "a", func(c *rawConn) {
		if c.request() != nil {
			c.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
			_, _ = c.in.ReadByte()
		}
	}))
	e.get(t, "example.com", "/").want(t, 502, "other")
}

// echoTCP is a back end that echoes lines and says bye when the client has ended its
// half.
func echoTCP(t testing.TB, instance string) apps.Endpoint {
	return rawBackend(t, instance, func(c *rawConn) {
		for {
			line, err := c.in.ReadString('\n')
			if err != nil {
				c.say("bye from " + instance)
				return
			}
			c.say(line)
		}
	})
}

// tcpService is an app with one plain TCP service port.
func tcpService(id apps.ID, port int) apps.Service {
	return apps.Service{App: id, Ports: []apps.ServicePort{{Protocol: "tcp", Port: port}}}
}

func dialPort(t testing.TB, port int) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn), bufio.NewReader(c)
}

func say(t testing.TB, c net.Conn, in *bufio.Reader, line string) {
	t.Helper()
	_, _ = io.WriteString(c, line+"\n")
	if got, err := in.ReadString('\n'); err != nil || got != line+"\n" {
		t.Fatalf("want %q back, got %q, %v", line, got, err)
	}
}

func TestTCPPassesByHalvesAndDrains(t *testing.T) {
	port := freePort(t)
	e := newEnv(t, Config{Bind: "127.0.0.1"})
	e.serve(t, tcpService("/redis", port), echoTCP(t, "a"))
	c, in := dialPort(t, port)
	say(t, c, in, "one")

	e.serve(t, tcpService("/redis", port), echoTCP(t, "b"))
	if busy := e.Busy(); !slices.Equal(busy, []string{"a"}) {
		t.Errorf("want a busy with its connection, got %v", busy)
	}
	say(t, c, in, "two")
	_ = c.CloseWrite()
	if rest, err := io.ReadAll(in); err != nil || string(rest) != "bye from a" {
		t.Fatalf("want what comes after the client's end, got %q, %v", rest, err)
	}
	eventually(t, "nobody is busy", func() bool { return len(e.Busy()) == 0 })
	c, in = dialPort(t, port)
	say(t, c, in, "three")
	_ = c.CloseWrite()
	if rest, _ := io.ReadAll(in); string(rest) != "bye from b" {
		t.Fatalf("new connections go to b, got %q", rest)
	}
}

func TestATCPConnectionIsTriedElsewhereAndResetWhenNobodyTakesIt(t *testing.T) {
	port := freePort(t)
	e := newEnv(t, Config{Bind: "127.0.0.1"})
	e.serve(t, tcpService("/redis", port), deadEndpoint(t, "dead"), echoTCP(t, "good"))
	for range 10 {
		c, in := dialPort(t, port)
		say(t, c, in, "x")
		_ = c.Close()
	}
	for _, all := range [][]apps.Endpoint{nil, {deadEndpoint(t, "dead")}} {
		e.serve(t, tcpService("/redis", port), all...)
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil { // else the reset was quicker than the word that we are connected
			_, err = c.Read(make([]byte, 1))
			_ = c.Close()
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("want a reset, got %v", err)
		}
	}
	if s := e.Stats().Apps[0]; s.Refused != 2 || s.Connections != 12 {
		t.Errorf("want 2 of 12 refused, got %d of %d", s.Refused, s.Connections)
	}
}
