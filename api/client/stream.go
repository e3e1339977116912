package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pacer/api/wire"
)

// EventOptions say which events are wanted.
type EventOptions struct {
	After  uint64   // with Resume: only events after this number
	Resume bool     // begin in the past, after After; otherwise with what happens now
	Types  []string // eventTypes; empty: all, those that Marathon does not have too
	Heavy  bool     // with the empty groups that some clients of Marathon insist on
}

// How a stream is kept.
const (
	eventMax  = 16 << 20         // bytes of one event
	silence   = 45 * time.Second // without a heartbeat, which comes every 10 s: the stream is dead
	pauseMax  = 5 * time.Second  // between two attempts to connect
	pauseFrom = 100 * time.Millisecond
)

// errSilent is why a stream without heartbeats is given up.
var errSilent = errors.New("the event stream went silent")

// FollowEvents calls each with every event, in order, until ctx ends or each fails;
// it returns why. Where the stream breaks it connects again and resumes after the
// last event, so nothing is missed or seen twice. A first connection that is refused
// is an error.
func (c *Client) FollowEvents(ctx context.Context, o EventOptions, each func(wire.Event) error) error {
	connected := false
	pause := pauseFrom
	for {
		err := c.events(ctx, o, func() { connected, pause = true, pauseFrom }, func(e wire.Event) error {
			if err := each(e); err != nil {
				return &stopped{err}
			}
			if e.ID > 0 {
				o.After, o.Resume = e.ID, true
			}
			return nil
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if s := (*stopped)(nil); errors.As(err, &s) {
			return s.err
		}
		if !connected || status(err) != 0 && !passing(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
		pause = min(pause*2, pauseMax)
	}
}

// stopped is the caller's own error on its way through.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }

// events is one connection.
func (c *Client) events(ctx context.Context, o EventOptions, connected func(), each func(wire.Event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q := url.Values{"event_type": o.Types, "own": {"true"}}
	if !o.Heavy {
		q.Set("plan-format", "light")
	}
	req, err := c.request(ctx, http.MethodGet, "/v2/events", q, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if o.Resume {
		req.Header.Set("Last-Event-ID", strconv.FormatUint(o.After, 10))
	}
	res, err := c.send(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	connected()
	alarm := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer alarm.Stop()
	if err := readEvents(res.Body, func() { alarm.Reset(silence) }, each); err != nil {
		return err
	}
	return &Unreachable{Server: c.server, Err: io.ErrUnexpectedEOF} // a stream has no end of its own
}

// readEvents reads server-sent events (WHATWG HTML, 9.2) until r ends. alive is
// called with each line.
func readEvents(r io.Reader, alive func(), each func(wire.Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), eventMax)
	var e wire.Event
	for lines.Scan() {
		alive()
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" {
			if len(e.Data) > 0 {
				if err := each(e); err != nil {
					return err
				}
			}
			e = wire.Event{}
			continue
		}
		name, v, _ := strings.Cut(line, ":")
		v = strings.TrimPrefix(v, " ")
		switch name {
		case "id":
			e.ID, _ = strconv.ParseUint(v, 10, 64) // another server's id: as none
		case "event":
			e.Type = v
		case "data":
			if len(e.Data) > 0 {
				e.Data = append(e.Data, '\n')
			}
			e.Data = append(e.Data, v...)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return nil
}

// AppLogs copies what the instances of an app print, each line after the id of its
// instance: the last tail lines of each (0: all), then with follow what comes, of
// new instances too, until ctx ends.
func (c *Client) AppLogs(ctx context.Context, id string, tail int, follow bool, out io.Writer) error {
	return c.copyLogs(ctx, path("/pacer/v1/apps", id, "logs"), "", tail, follow, out)
}

// TaskLogs copies what one instance prints. id may be a task's or an instance's.
func (c *Client) TaskLogs(ctx context.Context, id string, tail int, follow bool, out io.Writer) error {
	return c.copyLogs(ctx, path("/pacer/v1/logs", id), "", tail, follow, out)
}

// PodLogs copies what the containers of a pod print, or, each where it is not empty,
// those of one instance or of one name.
func (c *Client) PodLogs(ctx context.Context, id, instance, container string, tail int, follow bool, out io.Writer) error {
	at := path("/pacer/v1/apps", id, "logs")
	if instance != "" {
		at = path("/pacer/v1/logs", instance)
	}
	return c.copyLogs(ctx, at, container, tail, follow, out)
}

func (c *Client) copyLogs(ctx context.Context, path, container string, tail int, follow bool, out io.Writer) error {
	q := flags("follow", follow)
	q.Set("tail", strconv.Itoa(tail))
	if container != "" {
		q.Set("container", container)
	}
	req, err := c.request(ctx, http.MethodGet, path, q, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/plain")
	res, err := c.send(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(out, res.Body); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return &Unreachable{Server: c.server, Err: fmt.Errorf("read the log: %w", err)}
	}
	return nil
}
