package api

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

const (
	callbackTries   = 3           // of one event; then it is given up
	callbackBlock   = time.Second // doubled with each failure in a row, up to
	callbackBlocked = 64 * time.Second
	callbackWait    = 10 * time.Second // for an answer (Marathon's)
	callbackBehind  = 10_000           // events; who is further behind is cut off
	callbackLook    = 250 * time.Millisecond
)

// A Courier sends events to the URLs that subscribed to them, while this server leads:
// to each in order, the next one when the one before was taken, so that a slow one
// delays nobody else. An event that is not answered by 2xx is sent callbackTries times,
// after a pause that doubles with each failure in a row; meanwhile the following ones
// stay in the store. Who is too far behind is cut off: it goes on with what comes next,
// and the event pacer_callback_cut_off says so. A new leader goes on from its first
// event: what the one before had not sent yet is not sent.
type Courier struct {
	Deployer Deployer
	Reader   Reader
	Log      *slog.Logger

	Block  time.Duration // the first pause; 0: a second
	Wait   time.Duration // for an answer; 0: 10 s
	Behind uint64        // events that may wait; 0: 10,000
}

// Run sends events until ctx ends.
func (c *Courier) Run(ctx context.Context) error {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	client := &http.Client{Timeout: cmp.Or(c.Wait, callbackWait), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	rounds := map[string]context.CancelFunc{}
	var under sync.WaitGroup
	defer under.Wait()
	begun, leads := uint64(0), false // where this term began
	look := time.NewTicker(callbackLook)
	defer look.Stop()
	for {
		wanted := map[string]apps.Callback{}
		if v := c.Deployer.View(); v != nil {
			if !leads {
				newest, err := c.Reader.LastSeq(ctx)
				begun, leads = newest, err == nil
			}
			for _, row := range v.Callbacks() {
				wanted[row.URL] = row
			}
		} else {
			leads = false
		}
		for url, cancel := range rounds {
			if _, there := wanted[url]; !there || !leads {
				cancel()
				delete(rounds, url)
			}
		}
		for url, row := range wanted {
			if rounds[url] != nil || !leads {
				continue
			}
			each, cancel := context.WithCancel(ctx)
			rounds[url] = cancel
			r := &round{Courier: c, client: client, url: url, last: max(begun, row.Seq-1)}
			under.Go(func() {
				defer cancel()
				r.run(each)
			})
		}
		select {
		case <-ctx.Done():
			for _, cancel := range rounds {
				cancel()
			}
			return context.Cause(ctx)
		case <-look.C:
		}
	}
}

// A round is one URL's deliveries.
type round struct {
	*Courier
	client   *http.Client
	url      string
	last     uint64 // number of the last event that was dealt with
	failures int    // in a row
}

func (r *round) run(ctx context.Context) {
	for ctx.Err() == nil {
		live, cancel := r.Deployer.Subscribe()
		r.catchUp(ctx)
		r.follow(ctx, live)
		cancel()
		r.pause(ctx, callbackLook) // cut off, or this server does not lead any more
	}
}

// follow delivers what comes, until it is too far behind to be told.
func (r *round) follow(ctx context.Context, live <-chan apps.Notice) {
	for {
		select {
		case <-ctx.Done():
			return
		case n, ok := <-live:
			if !ok {
				return
			}
			if n.Seq > r.last+1 { // numbers are dense: something passed by
				r.catchUp(ctx)
			}
			r.pass(ctx, &n)
		}
	}
}

// catchUp delivers what the store has after the last event.
func (r *round) catchUp(ctx context.Context) {
	for ctx.Err() == nil {
		r.cutOff(ctx)
		page, err := r.Reader.Notices(ctx, r.last, eventPage)
		if err != nil || len(page) == 0 {
			return // it is tried again with the next event
		}
		for i := range page {
			r.pass(ctx, &page[i])
		}
	}
}

// cutOff skips what has gathered, where it is too much.
func (r *round) cutOff(ctx context.Context) {
	newest, err := r.Reader.LastSeq(ctx)
	if err != nil || newest <= r.last || newest-r.last <= cmp.Or(r.Behind, callbackBehind) {
		return
	}
	missed := newest - r.last
	r.last = newest
	r.Log.Warn("a subscriber is too slow: events are left out", "url", r.url, "events", missed)
	told, cancel := context.WithTimeout(ctx, callbackWait)
	defer cancel()
	if _, err := r.Deployer.Submit(told, func(request string) cluster.Event {
		return cluster.CallbackCut{Request: request, URL: r.url, Missed: missed}
	}); err != nil {
		r.Log.Debug("nobody was told that a subscriber is too slow", "url", r.url, "err", err)
	}
}

// pass delivers an event, unless it was dealt with before.
func (r *round) pass(ctx context.Context, n *apps.Notice) {
	if n.Seq <= r.last || ctx.Err() != nil {
		return
	}
	if e, ok := render(n, false); ok && !strings.HasPrefix(n.Type, ownEvents) {
		r.deliver(ctx, e.Type, e.Data)
	}
	if ctx.Err() == nil {
		r.last = max(r.last, n.Seq)
	}
}

func (r *round) deliver(ctx context.Context, kind string, body []byte) {
	for try := 1; ; try++ {
		err := r.post(ctx, body)
		if err == nil {
			r.failures = 0
			return
		}
		r.failures++
		if ctx.Err() != nil {
			return
		}
		if try == callbackTries {
			r.Log.Warn("a subscriber did not take an event", "url", r.url, "event", kind, "err", err)
			return
		}
		r.pause(ctx, min(cmp.Or(r.Block, callbackBlock)<<min(r.failures-1, 20), callbackBlocked))
	}
}

func (r *round) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r *round) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // for politeness
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("it answers %s", res.Status)
	}
	return nil
}
