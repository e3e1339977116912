package lb

import (
	"net"
	"net/http"
	"net/textproto"
	"strings"
)

// hopByHop headers concern one connection only (RFC 9110, section 7.6.1, and what
// older clients send). In canonical form.
var hopByHop = map[string]bool{
	"Connection":          true,
	"Proxy-Connection":    true,
	"Keep-Alive":          true,
	"Proxy-Authenticate":  true,
	"Proxy-Authorization": true,
	"Te":                  true,
	"Trailer":             true,
	"Transfer-Encoding":   true,
	"Upgrade":             true,
}

// requestHeader is the header for the backend: the client's, without what concerns
// the client's connection, and with X-Forwarded-*.
//
// X-Forwarded-For grows by the client's address. -Proto, -Host and -Port are set
// where the client, which may be another balancer, did not set them. An app that
// is reached only through balancers it trusts may believe all of them; others may
// believe the last address of -For.
func requestHeader(r *http.Request) (h http.Header, upgrade string) {
	h = make(http.Header, len(r.Header)+5)
	listed := connectionTokens(r.Header)
	for k, v := range r.Header {
		if !hopByHop[k] && !listed[k] {
			h[k] = v
		}
	}
	if hasToken(r.Header["Te"], "trailers") {
		h["Te"] = []string{"trailers"}
	}
	if upgrade = upgradeOf(r.Header); upgrade != "" {
		h["Connection"] = []string{"Upgrade"}
		h["Upgrade"] = []string{upgrade}
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // do not send Go's
	}
	if ip, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		if before := h["X-Forwarded-For"]; len(before) > 0 {
			ip = strings.Join(before, ", ") + ", " + ip
		}
		h["X-Forwarded-For"] = []string{ip}
	}
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	setAbsent(h, "X-Forwarded-Proto", proto)
	setAbsent(h, "X-Forwarded-Host", r.Host)
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if _, port, err := net.SplitHostPort(addr.String()); err == nil {
			setAbsent(h, "X-Forwarded-Port", port)
		}
	}
	return h, upgrade
}

func setAbsent(h http.Header, key, value string) {
	if _, ok := h[key]; !ok {
		h[key] = []string{value}
	}
}

// responseHeader adds the backend's header to the answer, without what concerns the
// backend's connection.
func responseHeader(to, from http.Header) {
	listed := connectionTokens(from)
	for k, v := range from {
		if !hopByHop[k] && !listed[k] {
			to[k] = v
		}
	}
}

// connectionTokens are the headers that the Connection header names; nil mostly.
func connectionTokens(h http.Header) map[string]bool {
	var listed map[string]bool
	for _, v := range h["Connection"] {
		for token := range strings.SplitSeq(v, ",") {
			if token = textproto.TrimString(token); token != "" && !strings.EqualFold(token, "close") && !strings.EqualFold(token, "keep-alive") {
				if listed == nil {
					listed = map[string]bool{}
				}
				listed[textproto.CanonicalMIMEHeaderKey(token)] = true
			}
		}
	}
	return listed
}

// upgradeOf is the protocol that the header asks, or agrees, to switch to.
func upgradeOf(h http.Header) string {
	if !hasToken(h["Connection"], "upgrade") {
		return ""
	}
	return h.Get("Upgrade")
}

func hasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(textproto.TrimString(t), token) {
				return true
			}
		}
	}
	return false
}
