package lb

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
)

// stickyCookie holds the instance that a client stays with. It is marathon-lb's.
const stickyCookie = "mesosphere_server_id"

// cookieOf is an instance's name in the cookie: it says nothing to strangers.
func cookieOf(instance string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(instance))
	return fmt.Sprintf("%016x", h.Sum64())
}

// takeCookie takes the cookie out of a request's header: it is between us and the
// client. The header is our own, its values are the client's and are not changed.
func takeCookie(h http.Header) (value string) {
	lines := h["Cookie"]
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, stickyCookie+"=") }) {
		return ""
	}
	var left []string
	for _, line := range lines {
		var others []string
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			if v, ours := strings.CutPrefix(pair, stickyCookie+"="); ours {
				value = strings.Trim(v, `"`)
			} else if pair != "" {
				others = append(others, pair)
			}
		}
		if len(others) > 0 {
			left = append(left, strings.Join(others, "; "))
		}
	}
	if h["Cookie"] = left; len(left) == 0 {
		delete(h, "Cookie")
	}
	return value
}

// setCookie tells the client which instance it has, beside the cookies of the answer
// itself; caches must not give it to others.
func setCookie(to, from http.Header, value string) {
	to["Set-Cookie"] = append(slices.Clone(from["Set-Cookie"]), stickyCookie+"="+value+"; Path=/; HttpOnly")
	delete(from, "Set-Cookie")
	if len(from["Cache-Control"]) == 0 {
		to["Cache-Control"] = []string{"private"}
	}
}

// named is the backend that a cookie names, if it can take a request now.
func (e *endpoints) named(cookie string, port int, tried []*backend) *backend {
	if cookie == "" {
		return nil
	}
	for _, b := range e.good {
		if b.cookie == cookie {
			if b.well() && b.serves(port) && !slices.Contains(tried, b) {
				return b
			}
			return nil
		}
	}
	return nil
}

// overHTTPS reports whether the client came over HTTPS, to us or to a balancer that
// stands before us.
func overHTTPS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(proto), "https")
}

// redirect sends the client to the same address over HTTPS.
func (x *exchange) redirect() {
	x.status = http.StatusMovedPermanently
	to := *x.r.URL
	to.Scheme, to.Host = "https", canonicalHost(x.r.Host)
	x.w.Header().Set("Location", to.String())
	x.w.Header().Set("Content-Length", "0")
	x.w.WriteHeader(x.status)
}
