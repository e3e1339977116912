// Package ui is the web page: files inside the binary, which the browser fills
// from the public API like any other client. There is no build step, no state on
// the server, and nothing is loaded from elsewhere.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed static
var static embed.FS

// The page may load and call what its own server offers, and may not be framed.
// Nothing of it is inline, so nothing inline is ever run.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// A file is one file of the page as it is sent.
type file struct {
	body   []byte
	packed []byte // body by gzip
	kind   string // Content-Type
	etag   string // of the body, weak: it holds for packed too
}

type page map[string]file // by path below the mount point

// Handler serves the page below /ui/; /ui leads there. Paths are taken as they
// were sent, with their prefix: the page finds the API at ../v2 and ../pacer/v1,
// so it works behind a proxy that puts something in front of both.
func Handler() http.Handler { return load() }

// load panics if a file is not there: they are part of the program.
func load() page {
	p := page{}
	root, err := fs.Sub(static, "static")
	if err == nil {
		err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			body, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(body)
			p[name] = file{body, pack(body), contentType(name), `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
			return nil
		})
	}
	if err != nil {
		panic("ui: " + err.Error())
	}
	p[""] = p["index.html"]
	return p
}

func pack(body []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that exists
	_, _ = z.Write(body)                                  // a Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// contentType does not trust the machine's own table for what browsers insist on.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(ext)
	}
}

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, r.Method+" is not possible here: use GET, HEAD")
		return
	}
	if r.URL.Path == "/ui" {
		h.Set("Location", "ui/") // relative, so that a prefix in front of it stays
		w.WriteHeader(http.StatusFound)
		return
	}
	name, below := strings.CutPrefix(r.URL.Path, "/ui/")
	f, ok := p[name]
	if !below || !ok {
		refuse(w, http.StatusNotFound, "There is no page "+r.URL.Path+": the web UI is at /ui/")
		return
	}
	// Asked for again each time, answered 304 while it is the same: a new binary's
	// page is never mixed with an old one's.
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.etag)
	h.Set("Content-Type", f.kind)
	if same(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	h.Set("Vary", "Accept-Encoding")
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		body = f.packed
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the client is gone: nothing to do
	}
}

// same reports whether an If-None-Match names etag (RFC 9110, section 13.1.2).
func same(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}

// takesGzip reports whether an Accept-Encoding names gzip and does not rule it out.
func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}

// refuse answers in the shape of the API's errors.
func refuse(w http.ResponseWriter, status int, message string) {
	body, _ := json.Marshal(map[string]string{"message": message}) // a map of strings always marshals
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
