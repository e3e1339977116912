package api

import (
	"net/http"
	"strings"
)

// ping answers pong: as text, or quoted to a client that takes JSON alone.
func (d *door) ping(w http.ResponseWriter, r *http.Request) error {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	w.Header().Set("Cache-Control", "no-cache")
	switch {
	case accept == "" || strings.Contains(accept, "*/*") || strings.Contains(accept, "text/*") || strings.Contains(accept, "text/plain"):
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("pong"))
	case strings.Contains(accept, "application/json") || strings.Contains(accept, "application/*"):
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`"pong"`))
	case strings.Contains(accept, "text/html"): // a browser
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("pong"))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// live says that this process answers at all.
func (d *door) live(w http.ResponseWriter, r *http.Request) error {
	return d.ok(w, map[string]string{"status": "live"})
}

// ready says that the platform can be used through this server.
func (d *door) ready(w http.ResponseWriter, r *http.Request) error {
	if d.Ready != nil {
		if err := d.Ready(r.Context()); err != nil {
			return &httpError{http.StatusServiceUnavailable, "Not ready: " + err.Error()}
		}
	} else if _, ok := d.Deployer.Leader(); !ok {
		return &httpError{http.StatusServiceUnavailable, "Not ready: no leader is known"}
	}
	return d.ok(w, map[string]string{"status": "ready"})
}
