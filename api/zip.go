package api

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// zipLevel is what answers are compressed with: nearly as small as by the library's
// default, in half the time.
const zipLevel = 3

var zippers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, zipLevel)
	if err != nil {
		panic(err) // the level is a constant
	}
	return z
}}

// zipped compresses JSON and text for whoever accepts gzip, unless the handler has
// done so itself.
func zipped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !acceptsGzip(r) || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		z := &zipWriter{ResponseWriter: w}
		defer z.close()
		next.ServeHTTP(z, r)
	})
}

// acceptsGzip reports whether the client can read gzip (RFC 9110, section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	accepts, named := false, false
	for _, header := range r.Header["Accept-Encoding"] {
		for item := range strings.SplitSeq(header, ",") {
			coding, params, _ := strings.Cut(strings.TrimSpace(item), ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding != "gzip" && coding != "x-gzip" && (coding != "*" || named) {
				continue
			}
			named = named || coding != "*"
			accepts = !refused0(params)
		}
	}
	return accepts
}

// refused0 reports whether parameters say q=0: anything but this.
func refused0(params string) bool {
	name, value, found := strings.Cut(strings.TrimSpace(params), "=")
	if !found || strings.TrimSpace(strings.ToLower(name)) != "q" {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err == nil && q == 0
}

// A zipWriter decides when the headers are written whether what follows is compressed.
type zipWriter struct {
	http.ResponseWriter
	zip     *gzip.Writer // nil: it is not
	decided bool
}

func (z *zipWriter) WriteHeader(status int) {
	if !z.decided && status >= http.StatusOK {
		z.decided = true
		h := z.Header()
		kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
		if (kind == "application/json" || kind == "text/plain") && h.Get("Content-Encoding") == "" && status != http.StatusNoContent && status != http.StatusNotModified {
			h.Set("Content-Encoding", "gzip")
			h.Add("Vary", "Accept-Encoding")
			h.Del("Content-Length")
			z.zip = zippers.Get().(*gzip.Writer)
			z.zip.Reset(z.ResponseWriter)
		}
	}
	z.ResponseWriter.WriteHeader(status)
}

func (z *zipWriter) Write(b []byte) (int, error) {
	if !z.decided {
		z.WriteHeader(http.StatusOK)
	}
	if z.zip != nil {
		return z.zip.Write(b)
	}
	return z.ResponseWriter.Write(b)
}

// Flush sends what was written.
func (z *zipWriter) Flush() {
	if z.zip != nil {
		_ = z.zip.Flush() // its error comes with the next write
	}
	_ = http.NewResponseController(z.ResponseWriter).Flush()
}

// Unwrap lets a ResponseController see the connection.
func (z *zipWriter) Unwrap() http.ResponseWriter { return z.ResponseWriter }

func (z *zipWriter) close() {
	if z.zip != nil {
		_ = z.zip.Close() // the client is gone: nothing to do
		z.zip.Reset(nil)
		zippers.Put(z.zip)
	}
}
