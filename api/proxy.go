package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// passedOn marks a request that a follower has passed on: one that does not lead
// either must not pass it on again, or two that believe in each other would do so
// for ever.
const passedOn = "X-Pacer-Passed-On"

type leaderURL struct{}

// led has a request answered by the leader: here if this is it, else by passing the
// request on. While nobody is known to lead it waits, for LeaderWait at most.
func (d *door) led(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.Deployer.View() != nil { // nearly always
			next.ServeHTTP(w, r)
			return
		}
		deadline := time.NewTimer(d.LeaderWait)
		defer deadline.Stop()
		look := time.NewTicker(20 * time.Millisecond)
		defer look.Stop()
		for {
			if d.Deployer.View() != nil {
				next.ServeHTTP(w, r)
				return
			}
			if l, ok := d.Deployer.Leader(); ok && !l.Self && r.Header.Get(passedOn) == "" {
				if target, err := url.Parse(l.URL); err == nil && target.Host != "" {
					d.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), leaderURL{}, target)))
					return
				}
			}
			select {
			case <-r.Context().Done():
				return
			case <-deadline.C:
				d.refuse(w, r, &httpError{http.StatusBadGateway, "Could not determine the current leader"})
				return
			case <-look.C:
			}
		}
	})
}

func (d *door) newProxy() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(p.In.Context().Value(leaderURL{}).(*url.URL))
			p.Out.Host = p.In.Host // Location is made of it
			p.SetXForwarded()
			p.Out.Header.Set(passedOn, "1")
		},
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       time.Minute,
			ResponseHeaderTimeout: d.Answer + 10*time.Second,
			DisableCompression:    true, // as the leader sent it
		},
		FlushInterval: -1, // streams
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.As(err, new(*http.MaxBytesError)) {
				d.refuse(w, r, err)
				return
			}
			if r.Context().Err() != nil {
				return
			}
			d.Log.Warn("leader did not answer", "path", r.URL.Path, "err", err)
			d.refuse(w, r, &httpError{http.StatusBadGateway, "The leader did not answer. A change may have taken effect: look before you try again."})
		},
	}
}

// clientIP is who asked: the first that a follower saw, or who is connected.
func clientIP(r *http.Request) string {
	if r.Header.Get(passedOn) != "" {
		if first := r.Header.Get("X-Forwarded-For"); first != "" {
			return first
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
