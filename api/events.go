package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pacer/apps"
)

const (
	eventPage   = 500 // notices of the past that are read at once
	streamBatch = 128 // live ones that are written at once
)

// getEvents is Marathon's event stream, made resumable, and with own=true with the
// events that Marathon does not have. Each event has its number
// as id, and a client that comes back with Last-Event-ID gets all that followed,
// from the store and then live, without a gap and without a repetition. Who comes and
// goes is told too, as in Marathon; it is not stored, so these events have no number.
func (d *door) getEvents(w http.ResponseWriter, r *http.Request) error {
	if !strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/event-stream") {
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		return &httpError{http.StatusMethodNotAllowed, "This is an event stream: ask for it with 'Accept: text/event-stream'"}
	}
	after, resume, err := lastEventID(r)
	if err != nil {
		return err
	}
	if resume { // a number from before the store was made anew would silence us for long
		newest, err := d.Reader.LastSeq(r.Context())
		if err != nil {
			return err
		}
		after = min(after, newest)
	}
	s := &eventStream{
		door: d, w: w, ctx: r.Context(), last: after,
		light: r.URL.Query().Get("plan-format") == "light",
		types: r.URL.Query()["event_type"],
		own:   r.URL.Query().Get("own") == "true",
	}
	d.constants(w.Header())
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	d.metrics.streams.Add(1)
	defer d.metrics.streams.Add(-1)
	if err := s.run(clientIP(r), resume); err != nil && !errors.Is(err, errStreamEnded) && r.Context().Err() == nil {
		d.Log.Debug("event stream ended", "client", r.RemoteAddr, "err", err)
	}
	return nil // the headers are out: nothing more can be said
}

// lastEventID is the number after which to resume. Browsers send it as a header
// when they reconnect; others may put it into the query.
func lastEventID(r *http.Request) (after uint64, resume bool, err error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("lastEventId")
	}
	if text == "" {
		return 0, false, nil
	}
	after, err = strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, false, apps.Errorf(apps.Invalid, "Last-Event-ID must be the number of an event, not %q", text)
	}
	return after, true, nil
}

// An eventStream is one client of the events.
type eventStream struct {
	door  *door
	w     http.ResponseWriter
	ctx   context.Context
	light bool
	types []string // wanted; empty: all
	own   bool     // events that Marathon does not have, too: its clients stop at an eventType they do not know
	// arrival is the event that says it came; this stream had it first of all.
	arrival *told
	last    uint64 // number of the last notice that was passed; 0 before the first of a stream that does not resume
}

var errStreamEnded = errors.New("too slow, or this server does not lead any more")

func (s *eventStream) run(remote string, resume bool) error {
	var (
		live  *broadcast
		at    uint64
		leave func()
	)
	if !resume { // who has heard that he is attached misses nothing
		live, at, leave = s.door.feed.join(s.door.Deployer.Subscribe)
		defer leave()
	}
	s.arrival = presence(streamAttached, remote)
	if s.wants(streamAttached) {
		if err := s.write(s.arrival.text(s.light)); err != nil {
			return err
		}
	} else if err := http.NewResponseController(s.w).Flush(); err != nil {
		return err
	}
	s.door.feed.announce(s.arrival)
	defer func() { s.door.feed.announce(presence(streamDetached, remote)) }()
	if resume { // most of the past is read before anything can pile up live
		if err := s.catchUp(eventPage - 1); err != nil {
			return err
		}
	}
	if resume {
		live, at, leave = s.door.feed.join(s.door.Deployer.Subscribe)
		defer leave()
		if err := s.catchUp(0); err != nil {
			return err
		}
	}
	return s.follow(live, at)
}

// follow sends what comes, batch by batch.
func (s *eventStream) follow(live *broadcast, at uint64) error {
	room := make([]*told, 0, streamBatch)
	beat := time.NewTicker(s.door.Heartbeat)
	defer beat.Stop()
	for {
		batch, more, ok := live.from(at, room[:0])
		if !ok {
			return errStreamEnded
		}
		if len(batch) > 0 {
			at += uint64(len(batch))
			if err := s.passAll(batch); err != nil {
				return err
			}
			clear(batch) // it keeps none alive
			continue
		}
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-beat.C:
			if err := s.write([]byte("\r\n")); err != nil {
				return err
			}
		case <-more:
		}
	}
}

// passAll sends live notices, those that are wanted, in one piece.
func (s *eventStream) passAll(batch []*told) error {
	var out []byte
	flush := func() (err error) {
		if len(out) > 0 {
			err, out = s.write(out), nil
		}
		return err
	}
	for _, n := range batch {
		if s.last > 0 && n.notice.Seq > s.last+1 { // numbers are dense: something passed by
			if err := errors.Join(flush(), s.catchUp(0)); err != nil {
				return err
			}
		}
		if n == s.arrival || n.notice.Seq > 0 && n.notice.Seq <= s.last {
			continue
		}
		s.last = max(s.last, n.notice.Seq)
		if !s.wants(n.notice.Type) {
			continue
		}
		if text := n.text(s.light); out == nil {
			out = text[:len(text):len(text)] // nearly always the only one: not copied
		} else {
			out = append(out, text...)
		}
	}
	return flush()
}

// catchUp sends what the store has after s.last, page by page, until a page has at
// most rest notices.
func (s *eventStream) catchUp(rest int) error {
	for {
		page, err := s.door.Reader.Notices(s.ctx, s.last, eventPage)
		if err != nil {
			return fmt.Errorf("read notices: %w", err)
		}
		for i := range page {
			if err := s.pass(&page[i]); err != nil {
				return err
			}
		}
		if len(page) <= rest {
			return nil
		}
	}
}

// pass sends a notice unless it was passed before.
func (s *eventStream) pass(n *apps.Notice) error {
	if n.Seq <= s.last {
		return nil
	}
	s.last = n.Seq
	if !s.wants(n.Type) {
		return nil
	}
	e, ok := render(n, s.light)
	if !ok {
		return nil
	}
	return s.write(eventText(e.ID, e.Type, e.Data))
}

func (s *eventStream) wants(eventType string) bool {
	if len(s.types) == 0 {
		return s.own || !strings.HasPrefix(eventType, ownEvents)
	}
	return slices.Contains(s.types, eventType)
}

// eventText is one event as the stream has it.
func eventText(id uint64, eventType string, data []byte) []byte {
	var b []byte
	if id > 0 {
		b = fmt.Appendf(b, "id: %d\r\n", id)
	}
	return fmt.Appendf(b, "event: %s\r\ndata: %s\r\n\r\n", eventType, data)
}

// write sends whole events in one piece: some clients split what they read badly.
func (s *eventStream) write(text []byte) error {
	if _, err := s.w.Write(text); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}
