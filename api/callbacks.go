package api

import (
	"net/http"
	"net/url"
	"time"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

func (d *door) listCallbacks(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	out := wire.Callbacks{CallbackURLs: []string{}}
	for _, c := range v.Callbacks() {
		out.CallbackURLs = append(out.CallbackURLs, c.URL)
	}
	return d.ok(w, out)
}

// subscribe has every event from now on sent to a URL, or no more; the answer is the
// event that says so. To ask for what is so already changes nothing.
func (d *door) subscribe(on bool) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := d.view(); err != nil {
			return err
		}
		to := r.URL.Query().Get("callbackUrl")
		if at, err := url.Parse(to); err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || len(to) > callbackMax {
			return apps.Errorf(apps.Invalid, "callbackUrl must be an absolute http or https URL, not %q", to[:min(len(to), 200)])
		}
		ev := cluster.Subscribe{URL: to, On: on, ClientIP: clientIP(r)}
		if _, err := d.submit(r, func(request string) cluster.Event {
			ev.Request = request
			return ev
		}); err != nil {
			return err
		}
		kind := "subscribe_event"
		if !on {
			kind = "unsubscribe_event"
		}
		return d.ok(w, wire.CallbackEvent{EventType: kind, ClientIP: ev.ClientIP, CallbackURL: to, Timestamp: stamp(time.Now())})
	}
}

// callbackMax is the longest URL, in bytes.
const callbackMax = 2048
