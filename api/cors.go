package api

import (
	"net/http"
	"slices"
)

// crossOrigin lets pages of the origins that an operator allows read the API, as
// Marathon does with --access_control_allow_origin: reading only. Without any it does
// nothing. What a follower passed on has its headers by the follower.
func (d *door) crossOrigin(next http.Handler) http.Handler {
	if len(d.AllowOrigins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(passedOn) == "" {
			d.allowOrigin(w.Header(), r)
		}
		next.ServeHTTP(w, r)
	})
}

func (d *door) allowOrigin(h http.Header, r *http.Request) {
	origin := r.Header.Get("Origin")
	switch {
	case slices.Contains(d.AllowOrigins, "*"):
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(d.AllowOrigins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
	default:
		h.Add("Vary", "Origin")
		return
	}
	if r.Method != http.MethodOptions {
		return
	}
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	h.Set("Access-Control-Max-Age", "86400")
}
