package ui

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ask puts a request to the page; header is name, value, name, value, ….
func ask(method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func read(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheHandlerServesItsFilesAndNothingElse(t *testing.T) {
	for _, tt := range []struct {
		method, target string
		status         int
		kind           string
	}{
		{"GET", "/ui/", 200, "text/html; charset=utf-8"},
		{"GET", "/ui/index.html", 200, "text/html; charset=utf-8"},
		{"GET", "/ui/app.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/ui/style.css", 200, "text/css; charset=utf-8"},
		{"GET", "/ui/icon.svg", 200, "image/svg+xml"},
		{"GET", "/ui/nothing.js", 404, "application/json"},
		{"GET", "/ui/static/app.js", 404, "application/json"},
		{"GET", "/ui/../ui.go", 404, "application/json"},
		{"GET", "/ui//", 404, "application/json"},
		{"GET", "/", 404, "application/json"},
		{"GET", "/uiapp.js", 404, "application/json"},
		{"POST", "/ui/", 405, "application/json"},
		{"DELETE", "/ui", 405, "application/json"},
	} {
		res := ask(tt.method, tt.target)
		if res.StatusCode != tt.status || res.Header.Get("Content-Type") != tt.kind {
			t.Errorf("%s %s: want %d %s, got %d %s", tt.method, tt.target, tt.status, tt.kind, res.StatusCode, res.Header.Get("Content-Type"))
		}
		if got := res.Header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'self'") || !strings.Contains(got, "frame-ancestors 'none'") {
			t.Errorf("%s %s: policy %q lets in what is not ours", tt.method, tt.target, got)
		}
		if tt.status >= 400 {
			var body struct{ Message string }
			if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.Message == "" {
				t.Errorf("%s %s: the refusal has no message (%v)", tt.method, tt.target, err)
			}
		}
		if tt.status == 405 && res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow is %q", tt.method, tt.target, res.Header.Get("Allow"))
		}
	}
}

func TestTheMountPointLeadsToThePageBehindAPrefixToo(t *testing.T) {
	res := ask("GET", "/ui")
	if res.StatusCode != 302 || res.Header.Get("Location") != "ui/" {
		t.Errorf("want 302 to ui/, got %d to %q", res.StatusCode, res.Header.Get("Location"))
	}
}

func TestAFileIsSentOnce(t *testing.T) {
	first := ask("GET", "/ui/app.js")
	tag := first.Header.Get("ETag")
	if tag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("want an ETag and no-cache, got %q and %q", tag, first.Header.Get("Cache-Control"))
	}
	for _, names := range []string{tag, `"other", ` + tag, strings.TrimPrefix(tag, "W/"), "*"} {
		if res := ask("GET", "/ui/app.js", "If-None-Match", names); res.StatusCode != 304 || read(t, res.Body) != "" {
			t.Errorf("If-None-Match: %s: want 304 without a body, got %d", names, res.StatusCode)
		}
	}
	if res := ask("GET", "/ui/style.css", "If-None-Match", tag); res.StatusCode != 200 {
		t.Errorf("another file's ETag: want 200, got %d", res.StatusCode)
	}
	if res := ask("HEAD", "/ui/app.js"); res.StatusCode != 200 || res.ContentLength != int64(len(read(t, first.Body))) || read(t, res.Body) != "" {
		t.Errorf("HEAD: want 200, the length and no body, got %d, %d", res.StatusCode, res.ContentLength)
	}
}

func TestAFileIsPackedForThoseWhoTakeIt(t *testing.T) {
	plain := read(t, ask("GET", "/ui/app.js").Body)
	for accept, want := range map[string]bool{
		"": false, "br": false, "gzip;q=0": false, "gzip; q=0.0": false, "identity": false,
		"gzip": true, "br, GZIP": true, "deflate, gzip;q=0.5": true, "gzip;q=1.0": true,
	} {
		res := ask("GET", "/ui/app.js", "Accept-Encoding", accept)
		if packed := res.Header.Get("Content-Encoding") == "gzip"; packed != want {
			t.Errorf("Accept-Encoding %q: packed is %v", accept, packed)
			continue
		}
		body := io.Reader(res.Body)
		if want {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		}
		if read(t, body) != plain {
			t.Errorf("Accept-Encoding %q: another body than without", accept)
		}
		if res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: caches are not told that it matters", accept)
		}
	}
}

// A page that is small and whole opens at once, on any network.
func TestThePageIsSmallAndWhole(t *testing.T) {
	const budget = 40 << 10 // bytes of a first visit, as browsers ask for it
	sum := 0
	foreign := regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	file := regexp.MustCompile(`(?:href|src|from)[= ]"(?:\./)?([a-z]+\.[a-z]+)[#"]`)
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		target := "/ui/" + path.Base(name)
		sum += len(read(t, ask("GET", target, "Accept-Encoding", "gzip").Body))
		body := read(t, ask("GET", target).Body)
		for _, url := range foreign.FindAllString(body, -1) {
			if url != "//www.w3.org" && url != "http://www.w3.org" { // SVG's name, not an address
				t.Errorf("%s refers to %s", name, url)
			}
		}
		for _, m := range file.FindAllStringSubmatch(body, -1) {
			if res := ask("GET", "/ui/"+m[1]); res.StatusCode != 200 {
				t.Errorf("%s refers to %s, which is answered %d", name, m[1], res.StatusCode)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum > budget {
		t.Errorf("the page has %d bytes on the wire, more than %d", sum, budget)
	}
}
