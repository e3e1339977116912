package api

import (
	"fmt"
	"hash/maphash"
	"net/http"
	"strings"
)

// A conditional writer belongs to a GET: its answer gets an ETag, and is left out where
// the client says by If-None-Match that it has it. The tag is weak: it is the same
// whether the answer is compressed or not.
type conditional struct {
	http.ResponseWriter
	want string // If-None-Match; empty: there is none
}

// Unwrap lets a ResponseController see the connection.
func (c *conditional) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func tagged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			w = &conditional{w, strings.Join(r.Header.Values("If-None-Match"), ",")}
		}
		next.ServeHTTP(w, r)
	})
}

// notModified gives the answer its tag, and reports whether that is all of the answer.
func notModified(w http.ResponseWriter, tag uint64) bool {
	c, ok := w.(*conditional)
	if !ok {
		return false
	}
	text := fmt.Sprintf(`"%016x"`, tag)
	w.Header().Set("ETag", "W/"+text)
	if !c.has(text) {
		return false
	}
	w.Header().Del("Content-Type")
	w.WriteHeader(http.StatusNotModified)
	return true
}

// has reports whether the client has the answer of that tag (RFC 9110, section 13.1.2:
// the comparison is weak).
func (c *conditional) has(tag string) bool {
	for item := range strings.SplitSeq(c.want, ",") {
		item = strings.TrimSpace(item)
		if item == "*" || strings.TrimPrefix(item, "W/") == tag {
			return true
		}
	}
	return false
}

// tagSeed makes tags differ from those of other servers, and of this one's past.
var tagSeed = maphash.MakeSeed()

func tagOf(body []byte) uint64 { return maphash.Bytes(tagSeed, body) }

// tagOfParts is a tag of a text in parts, from those of its parts.
func tagOfParts(parts []*part) uint64 {
	var h maphash.Hash
	h.SetSeed(tagSeed)
	for _, p := range parts {
		maphash.WriteComparable(&h, p.tag)
	}
	return h.Sum64()
}
