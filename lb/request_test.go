package lb

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustRequest(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// raw sends bytes and returns the connection to read from.
func (e *env) raw(t testing.TB, request string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), bufio.NewReader(c)
}

func readResponse(t testing.TB, r *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read the body after %q: %v", body, err)
	}
	return res, string(body)
}

// echoHeader answers with the request as the back end saw it.
func echoHeader(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s %s\n", r.Method, r.RequestURI, r.Proto)
	fmt.Fprintf(w, "Host: %s\n", r.Host)
	for _, k := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %s\n", k, strings.Join(r.Header[k], " | "))
	}
}

func TestTheBackendSeesTheRequestWithForwardedHeaders(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", echoHeader))
	_, port, _ := net.SplitHostPort(e.addr)

	r := mustRequest(t, "GET", e.url+"/a%2Fb//c;d?x=1;y&z", nil)
	r.Host = "Example.com:8000"
	r.Header = http.Header{"User-Agent": {"test/1"}, "Accept-Encoding": {"br"}, "Cookie": {"a=b"}}

	want := "GET /a%2Fb//c;d?x=1;y&z HTTP/1.1\nHost: Example.com:8000\nAccept-Encoding: br\nCookie: a=b\nUser-Agent: test/1\n" +
		"X-Forwarded-For: 127.0.0.1\nX-Forwarded-Host: Example.com:8000\nX-Forwarded-Port: " + port + "\nX-Forwarded-Proto: http\n"
	if diff := cmp.Diff(want, e.send(t, r).body); diff != "" {
		t.Fatal(diff)
	}
}

func TestForwardedHeadersOfAnotherBalancerAreKeptAndForGrows(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", echoHeader))
	r := mustRequest(t, "GET", e.url+"/", nil)
	r.Host = "example.com"
	for k, v := range map[string]string{"For": "1.2.3.4", "Proto": "https", "Host": "outer.example.com", "Port": "443"} {
		r.Header.Set("X-Forwarded-"+k, v)
	}

	got := e.send(t, r).body

	for _, want := range []string{"X-Forwarded-For: 1.2.3.4, 127.0.0.1\n", "X-Forwarded-Host: outer.example.com\n", "X-Forwarded-Port: 443\n", "X-Forwarded-Proto: https\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

// RFC 9110, section 7.6.1.
func TestHeadersOfOneConnectionAreNotPassedOn(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "X-Hop, keep-alive")
		w.Header().Set("X-Hop", "back")
		w.Header().Set("Keep-Alive", "timeout=9")
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.Header().Set("X-End", "back")
		echoHeader(w, r)
	}))
	_, in := e.raw(t, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: x-secret, close\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n"+
		"Proxy-Connection: keep-alive\r\nProxy-Authorization: x\r\nTE: trailers, gzip\r\nUpgrade: h2c\r\nX-Kept: 1\r\n\r\n")

	res, body := readResponse(t, in, "GET")

	for _, gone := range []string{"X-Secret", "Keep-Alive", "Proxy-", "Upgrade", "Connection", "gzip"} {
		if strings.Contains(body, gone) {
			t.Errorf("%s reached the backend:\n%s", gone, body)
		}
	}
	if !strings.Contains(body, "X-Kept: 1") || !strings.Contains(body, "Te: trailers") {
		t.Errorf("what is meant for the backend got lost:\n%s", body)
	}
	for _, gone := range []string{"X-Hop", "Keep-Alive", "Proxy-Authenticate"} {
		if res.Header.Get(gone) != "" {
			t.Errorf("%s reached the client: %v", gone, res.Header)
		}
	}
	if res.Header.Get("X-End") != "back" {
		t.Errorf("X-End got lost: %v", res.Header)
	}
}

func TestAnswersWithoutABodyStaySo(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(304)
		default:
			w.Header().Set("Content-Length", "1234")
			if r.Method != "HEAD" {
				_, _ = w.Write(make([]byte, 1234))
			}
		}
	}))
	// One connection: a byte too many or too few would break what follows.
	_, in := e.raw(t, "HEAD / HTTP/1.1\r\nHost: example.com\r\n\r\n"+
		"GET /204 HTTP/1.1\r\nHost: example.com\r\n\r\n"+
		"GET /304 HTTP/1.1\r\nHost: example.com\r\n\r\n"+
		"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
	for i, want := range []struct {
		method string
		status int
		length string
		body   int
	}{{"HEAD", 200, "1234", 0}, {"GET", 204, "", 0}, {"GET", 304, "", 0}, {"GET", 200, "1234", 1234}} {
		res, body := readResponse(t, in, want.method)
		if res.StatusCode != want.status || res.Header.Get("Content-Length") != want.length || len(body) != want.body {
			t.Errorf("answer %d: want %+v, got %d, length %q and %d bytes", i+1, want, res.StatusCode, res.Header.Get("Content-Length"), len(body))
		}
	}
}

func TestAClientOfHTTP10GetsAnAnswerItUnderstands(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "one ")
		w.(http.Flusher).Flush() // chunked
		_, _ = io.WriteString(w, "two")
	}))
	_, in := e.raw(t, "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n")

	all, err := io.ReadAll(in)

	if err != nil || !strings.HasSuffix(string(all), "\r\n\r\none two") || strings.Contains(string(all), "chunked") {
		t.Fatalf("want the bare body and the end of the connection, got %q, %v", all, err)
	}
}

func TestTrailersPassBothWays(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/announced" {
			w.Header().Set("Trailer", "X-Sum")
		}
		_, _ = io.WriteString(w, "body")
		w.(http.Flusher).Flush() // a short body would get a length, and no trailers
		w.Header().Set(http.TrailerPrefix+"X-Late", "late")
		w.Header().Set("X-Sum", "got "+r.Trailer.Get("X-Check"))
		if r.URL.Path != "/announced" {
			w.Header().Del("X-Sum")
		}
	}))
	for path, want := range map[string]http.Header{
		"/announced": {"X-Sum": {"got 42"}, "X-Late": {"late"}},
		"/late":      {"X-Late": {"late"}},
	} {
		r := mustRequest(t, "POST", e.url+path, io.NopCloser(strings.NewReader("data")))
		r.Host, r.Trailer = "example.com", http.Header{"X-Check": {"42"}}
		res, err := e.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if diff := cmp.Diff(want, res.Trailer); diff != "" || string(body) != "body" || err != nil {
			t.Errorf("%s: body %q, %v, trailers: %s", path, body, err, diff)
		}
	}
}

func TestInterimAnswersPass(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Link", "</other.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		_, _ = io.WriteString(w, "final")
	}))
	var hints []string
	r := mustRequest(t, "GET", e.url+"/", nil)
	r.Host = "example.com"
	r = r.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, " ", h.Get("Link")))
			return nil
		},
	}))

	got := e.send(t, r)

	want := []string{"103 </style.css>; rel=preload", "103 </other.css>; rel=preload"}
	if diff := cmp.Diff(want, hints); diff != "" || got.body != "final" || got.header.Get("Link") != "" {
		t.Fatalf("%q with %v: %s", got.body, got.header, diff)
	}
}

func TestAClientThatExpects100SendsItsBodyOnlyWhenTheBackendWantsIt(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		b, _ := io.ReadAll(r.Body) // says 100
		_, _ = w.Write(b)
	}))
	const head = " HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"

	c, in := e.raw(t, "POST /yes"+head)
	if line, _ := in.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("want 100 Continue before the body, got %q", line)
	}
	_, _ = in.ReadString('\n')
	_, _ = io.WriteString(c, "hello")
	if res, body := readResponse(t, in, "POST"); res.StatusCode != 200 || body != "hello" {
		t.Fatalf("want the body back, got %d %q", res.StatusCode, body)
	}

	_, in = e.raw(t, "POST /no"+head)
	if res, _ := readResponse(t, in, "POST"); res.StatusCode != http.StatusForbidden {
		t.Fatalf("want the refusal without 100 Continue, got %d", res.StatusCode)
	}
}

func TestAHeaderThatIsTooLargeIs431(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", says("ok")))
	r := mustRequest(t, "GET", e.url+"/", nil)
	r.Host = "example.com"
	r.Header.Set("X-Large", strings.Repeat("x", 60<<10))
	e.send(t, r).want(t, 200, "ok")
	r.Header.Set("X-Large", strings.Repeat("x", 80<<10))
	e.send(t, r).want(t, 431, "")
}

// What another parser could understand otherwise is refused before it is passed on.
func TestRequestsThatSmuggleAreRefused(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%d %v", len(b), r.TransferEncoding)
	}))
	for _, head := range []string{
		"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: example.com\r\nHost: other.com\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: example.com\r\nX: a\x00b\r\n\r\n",
	} {
		_, in := e.raw(t, head)
		if res, body := readResponse(t, in, "GET"); res.StatusCode < 400 {
			t.Errorf("%q was served: %d %q", head, res.StatusCode, body)
		}
	}
	// Length and chunks together: the length does not count and is not passed on.
	_, in := e.raw(t, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	if res, body := readResponse(t, in, "POST"); res.StatusCode == 200 && body != "5 [chunked]" {
		t.Errorf("want the chunks alone, got %q", body)
	}
}

func TestCONNECTIsNotServed(t *testing.T) {
	e := newEnv(t, Config{})
	e.serve(t, web("/web", "example.com"), backendOf(t, "a", says("ok")))
	_, in := e.raw(t, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n")
	if res, _ := readResponse(t, in, "GET"); res.StatusCode != http.StatusNotImplemented && res.StatusCode != http.StatusNotFound {
		t.Fatalf("want a refusal, got %d", res.StatusCode)
	}
}
