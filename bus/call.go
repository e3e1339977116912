package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"pacer/apps"
)

// A Call is a question to one host that is answered by a stream of bytes, which
// may be without end.
//
// The answering side sends at most window chunks that the asking side has not
// taken yet, so a slow reader slows the writer and nothing is dropped. Both sides
// say every few seconds that they live; whoever hears nothing for three times as
// long ends the call.
type Call[Req any] struct{ verb string }

// LogsRequest asks for what an instance printed.
type LogsRequest struct {
	Instance string `json:"instance"`
	Tail     int    `json:"tail"` // the last lines; 0: all
	Follow   bool   `json:"follow,omitempty"`
}

// ExecRequest asks for a shell command to be run in an instance.
type ExecRequest struct {
	Instance string `json:"instance"`
	Command  string `json:"command"`
}

// The calls.
var (
	Logs = Call[LogsRequest]{"logs"}
	Exec = Call[ExecRequest]{"exec"}
)

// Bounds of calls.
const (
	chunkMax = 64 << 10 // bytes; more is sent as several
	window   = 32       // chunks on their way
	callsMax = 64       // answered by one Serve at once
)

// The messages of a call have a kind. Those of the answering side are numbered,
// chunk by chunk, and name the subject on which it listens; those of the asking
// side carry the number of the last chunk that was taken.
const (
	kindHeader   = "Pacer-Kind"
	numberHeader = "Pacer-Number"

	kindChunk = "chunk"
	kindBeat  = "beat"
	kindEnd   = "end" // with an ending, where it failed
	kindStop  = "stop"
)

// ending is why a call failed.
type ending struct {
	Kind    apps.Kind `json:"kind"`
	Message string    `json:"message"`
}

// Stream asks, and has recv called with one chunk of the answer after the other,
// until the answer ends (nil), recv fails (its error), ctx ends (its cause) or the
// other side fails. It fails with an *apps.Error: the other side's, or Unavailable
// where the host cannot be reached.
func (k Call[Req]) Stream(ctx context.Context, c *Conn, host string, req Req, recv func([]byte) error) error {
	data, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("%s: %w", k.verb, err)
	}
	unreachable := func(why string) error {
		return apps.Errorf(apps.Unavailable, "host '%s' %s; try again when it is back", host, why)
	}
	inbox := c.nc.NewInbox()
	answers := make(chan *nats.Msg, 2*window)
	sub, err := c.nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return fmt.Errorf("%s: %w", k.verb, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.nc.PublishRequest(callSubject(k.verb, host), inbox, data); err != nil {
		return fmt.Errorf("%s: %w", k.verb, err)
	}

	// The asker's signs of life go on while recv is busy.
	var control atomic.Pointer[string] // where to; nil until the first answer
	var taken atomic.Uint64
	say := func(kind string) {
		if to := control.Load(); to != nil {
			m := nats.NewMsg(*to)
			m.Header.Set(kindHeader, kind)
			m.Header.Set(numberHeader, strconv.FormatUint(taken.Load(), 10))
			_ = c.nc.PublishMsg(m) // the next one says it again
		}
	}
	var beating sync.WaitGroup
	beats, still := context.WithCancel(ctx)
	defer beating.Wait()
	defer still()
	beating.Go(func() {
		tick := time.NewTicker(c.beat)
		defer tick.Stop()
		for {
			select {
			case <-beats.Done():
				return
			case <-tick.C:
				say(kindBeat)
			}
		}
	})

	silence := time.NewTimer(c.gone)
	defer silence.Stop()
	for {
		silence.Reset(c.gone) // recv took its time
		var m *nats.Msg
		select {
		case <-ctx.Done():
			say(kindStop)
			return context.Cause(ctx)
		case <-silence.C:
			say(kindStop)
			return unreachable("does not answer any more")
		case m = <-answers:
		}
		if m.Header.Get("Status") == "503" { // NATS: no responders
			return unreachable("is not connected")
		}
		if m.Reply != "" {
			control.CompareAndSwap(nil, &m.Reply)
		}
		switch m.Header.Get(kindHeader) {
		case kindChunk:
			if n := m.Header.Get(numberHeader); n != strconv.FormatUint(taken.Load()+1, 10) {
				say(kindStop)
				return apps.Errorf(apps.Unavailable, "part of the answer of host '%s' was lost; try again", host)
			}
			if err := recv(m.Data); err != nil {
				say(kindStop)
				return err
			}
			if taken.Add(1)%(window/4) == 0 {
				say(kindBeat)
			}
		case kindEnd:
			if n := m.Header.Get(numberHeader); n != strconv.FormatUint(taken.Load(), 10) {
				return apps.Errorf(apps.Unavailable, "part of the answer of host '%s' was lost; try again", host)
			}
			if len(m.Data) == 0 {
				return nil
			}
			var e ending
			if err := json.Unmarshal(m.Data, &e); err != nil {
				return fmt.Errorf("%s: the end of the answer is unreadable: %w", k.verb, err)
			}
			return &apps.Error{Kind: e.Kind, Message: e.Message}
		}
	}
}

// Serve answers the calls to a host, each on a goroutine of its own; send may be
// called by several goroutines, blocks while the asker is slow, and fails when the
// call is over. ctx ends when the asker stops or is gone. An *apps.Error of
// handler reaches the asker as it is. Stopping the subscription ends all calls and
// waits for them.
func (k Call[Req]) Serve(c *Conn, host string, handler func(ctx context.Context, req Req, send func([]byte) error) error) (*Subscription, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	var calls sync.WaitGroup
	var mu sync.Mutex // no call begins once ctx has ended
	free := make(chan struct{}, callsMax)
	sub, err := c.subscribe(c.nc, callSubject(k.verb, host), func(m *nats.Msg) {
		a := &answer{c: c, to: m.Reply, room: make(chan struct{}, 1)}
		var req Req
		if err := json.Unmarshal(m.Data, &req); err != nil {
			a.end(apps.Errorf(apps.Malformed, "the request is unreadable: %v", err))
			return
		}
		select {
		case free <- struct{}{}:
		default:
			a.end(apps.Errorf(apps.Unavailable, "host '%s' answers %d such requests already; try again later", host, callsMax))
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil {
			calls.Go(func() {
				defer func() { <-free }()
				a.run(ctx, func(ctx context.Context) error { return handler(ctx, req, a.send) })
			})
		}
	})
	if err != nil {
		cancel(nil)
		return nil, err
	}
	return c.keep(func() {
		sub.Stop()
		mu.Lock()
		cancel(errShutdown)
		mu.Unlock()
		calls.Wait()
	}), nil
}

// An answer is the answering side of one call.
type answer struct {
	c       *Conn
	to      string // the asker's inbox
	control string // where we listen to him

	ctx    context.Context
	cancel context.CancelCauseFunc

	mu sync.Mutex // one sender at a time

	sent  atomic.Uint64 // chunks
	taken atomic.Uint64 // those that the asker has
	heard atomic.Int64  // from the asker, ns
	room  chan struct{} // something was taken
}

var (
	errGone     = errors.New("who asked is gone")
	errShutdown = errors.New("the agent is shutting down")
)

// full reports whether the asker has as much before him as he may: he is to take
// some of it first, and needs no sign of life.
func (a *answer) full() bool { return a.sent.Load()-a.taken.Load() >= window }

func (a *answer) run(parent context.Context, handle func(context.Context) error) {
	a.ctx, a.cancel = context.WithCancelCause(parent)
	defer a.cancel(nil)
	a.control = a.c.nc.NewInbox()
	start := time.Now()
	sub, err := a.c.subscribe(a.c.nc, a.control, func(m *nats.Msg) {
		a.heard.Store(int64(time.Since(start)))
		if m.Header.Get(kindHeader) == kindStop {
			a.cancel(errGone)
			return
		}
		if n, err := strconv.ParseUint(m.Header.Get(numberHeader), 10, 64); err == nil && n > a.taken.Load() {
			a.taken.Store(n)
			select {
			case a.room <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		a.end(err)
		return
	}
	defer sub.Stop()
	_ = a.publish(kindBeat, 0, nil) // tells the asker where we listen

	var beating sync.WaitGroup
	beating.Go(func() {
		tick := time.NewTicker(a.c.beat)
		defer tick.Stop()
		for {
			select {
			case <-a.ctx.Done():
				return
			case <-tick.C:
				if !a.full() {
					_ = a.publish(kindBeat, 0, nil)
				}
				if time.Since(start)-time.Duration(a.heard.Load()) > a.c.gone {
					a.cancel(errGone)
				}
			}
		}
	})
	err = handle(a.ctx)
	if parent.Err() != nil {
		err = apps.Errorf(apps.Unavailable, "the agent is shutting down; try again")
	}
	a.cancel(nil)
	beating.Wait()
	a.end(err)
}

// send sends bytes as chunks.
func (a *answer) send(data []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(data) > 0 {
		chunk := data[:min(len(data), chunkMax)]
		data = data[len(chunk):]
		for a.full() {
			select {
			case <-a.ctx.Done():
				return context.Cause(a.ctx)
			case <-a.room:
			}
		}
		if a.ctx.Err() != nil {
			return context.Cause(a.ctx)
		}
		if err := a.publish(kindChunk, a.sent.Load()+1, chunk); err != nil {
			return err
		}
		a.sent.Add(1)
	}
	return nil
}

// end tells the asker that this was all, or why there is no more.
func (a *answer) end(err error) {
	var data []byte
	if err != nil {
		e := ending{apps.Internal, "the host failed to answer: " + err.Error()}
		if known, ok := errors.AsType[*apps.Error](err); ok {
			e = ending{known.Kind, known.Message}
		}
		data, _ = json.Marshal(e) // of a number and a text
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.publish(kindEnd, a.sent.Load(), data); err != nil {
		a.c.log.Warn("end of an answer not sent", "err", err)
	}
}

func (a *answer) publish(kind string, number uint64, data []byte) error {
	m := nats.NewMsg(a.to)
	m.Reply = a.control
	m.Header.Set(kindHeader, kind)
	m.Header.Set(numberHeader, strconv.FormatUint(number, 10))
	m.Data = data
	return a.c.nc.PublishMsg(m)
}
