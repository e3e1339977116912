package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"pacer/apps"
)

// A Source is where the notices are kept: the store.
type Source interface {
	// Notices are up to limit notices that follow number after, oldest first.
	Notices(ctx context.Context, after uint64, limit int) ([]apps.Notice, error)
	// LastSeq is the number of the newest notice.
	LastSeq(ctx context.Context) (uint64, error)
}

// An Outbox copies the notices from the store into the JetStream stream
// PACER_EVENTS, in order and each once, on the subject pacer.notice.<type>, as
// JSON, with the notice's number as Nats-Msg-Id.
//
// The stream itself says how far it is: its last message has the number. So any
// server may take over at any time, and a stream that was lost is filled again with
// all that the store has kept. Two outboxes at once do no harm: each message is
// sent with the position at which the stream must be, so one of them fails and
// looks again.
type Outbox struct {
	conn   *Conn
	log    *slog.Logger
	poke   chan struct{}
	stream jetstream.StreamConfig
}

// What the stream keeps.
const (
	eventsAge   = 7 * 24 * time.Hour
	eventsMax   = 1_000_000
	eventsBytes = 2 << 30
	// duplicates is how long the stream knows the numbers of its messages.
	duplicates = 2 * time.Minute
)

// outboxPage is how many notices are on their way at once.
const outboxPage = 256

// outboxPoll is how often an outbox looks for news without being poked.
const outboxPoll = 5 * time.Second

// NewOutbox makes an outbox. replicas is how many servers keep a copy of the
// stream: 1, or 3 where at least three are routed to each other.
func NewOutbox(c *Conn, replicas int) *Outbox {
	return &Outbox{conn: c, log: c.log, poke: make(chan struct{}, 1), stream: jetstream.StreamConfig{
		Name:        eventsStream,
		Description: "What happened in Pacer; a copy of what its store keeps",
		Subjects:    []string{notices},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxAge:      eventsAge,
		MaxMsgs:     eventsMax,
		MaxBytes:    eventsBytes,
		Duplicates:  duplicates,
		Compression: jetstream.S2Compression,
		Replicas:    max(replicas, 1),
	}}
}

// Poke says that there may be news. It never blocks.
func (o *Outbox) Poke() {
	select {
	case o.poke <- struct{}{}:
	default:
	}
}

// Run copies until ctx ends, and returns its cause. What fails is tried again:
// nobody waits for it.
func (o *Outbox) Run(ctx context.Context, src Source) error {
	js, err := jetstream.New(o.conn.nc,
		jetstream.WithPublishAsyncMaxPending(outboxPage), jetstream.WithPublishAsyncTimeout(5*time.Second))
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	defer js.CleanupPublisher()
	const first, most = 100 * time.Millisecond, 5 * time.Second
	for pause := first; ; {
		progress, err := o.copy(ctx, js, src)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if progress {
			pause = first
		}
		o.log.Warn("events not published; trying again", "err", err, "pause", pause)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(2*pause, most)
	}
}

// errDiverged: the stream has what the store has not, or not what it should.
var errDiverged = errors.New("the stream does not follow the store; it is made anew")

// copy finds out where the stream is and copies from there until something fails.
// progress is whether it got something done first.
func (o *Outbox) copy(ctx context.Context, js jetstream.JetStream, src Source) (progress bool, err error) {
	defer func() {
		if !errors.Is(err, errDiverged) {
			return
		}
		if e := js.DeleteStream(ctx, eventsStream); e != nil && !errors.Is(e, jetstream.ErrStreamNotFound) {
			err = errors.Join(err, e)
		}
	}()
	at, err := o.position(ctx, js, src)
	if err != nil {
		return false, err
	}
	tick := time.NewTicker(outboxPoll)
	defer tick.Stop()
	for {
		page, err := src.Notices(ctx, at.notice, outboxPage)
		if err != nil {
			return progress, err
		}
		if len(page) > 0 {
			if err := o.publish(js, page, &at); err != nil {
				return progress, err
			}
			progress = true
			continue
		}
		select {
		case <-ctx.Done():
			return progress, context.Cause(ctx)
		case <-o.poke:
			continue
		case <-tick.C:
		}
		// The stream may have been lost since.
		now, err := o.position(ctx, js, src)
		if err != nil || now == at {
			if err != nil {
				return progress, err
			}
			continue
		}
		at = now
	}
}

// position is where the stream is.
type position struct {
	notice  uint64 // the number of its last notice
	message uint64 // the number that the stream gave its last message
}

// position makes the stream, should it not be there, and reads its last message.
func (o *Outbox) position(ctx context.Context, js jetstream.JetStream, src Source) (at position, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stream, err := js.CreateOrUpdateStream(ctx, o.stream)
	if err != nil {
		return at, fmt.Errorf("make the stream %s: %w", eventsStream, err)
	}
	at.message = stream.CachedInfo().State.LastSeq
	if stream.CachedInfo().State.Msgs == 0 {
		// New, or all too old. Those that the store has kept come (again).
		if at.message > 0 {
			return at, errDiverged
		}
		return at, nil
	}
	last, err := stream.GetLastMsgForSubject(ctx, notices)
	if err != nil {
		return at, fmt.Errorf("read the last event of the stream: %w", err)
	}
	if at.notice, err = strconv.ParseUint(last.Header.Get(jetstream.MsgIDHeader), 10, 64); err != nil {
		return at, errDiverged
	}
	stored, err := src.LastSeq(ctx)
	if err != nil {
		return at, err
	}
	if at.notice > stored {
		return at, errDiverged
	}
	return at, nil
}

// publish sends one page and waits until all of it is acknowledged.
func (o *Outbox) publish(js jetstream.JetStream, page []apps.Notice, at *position) error {
	acks := make([]jetstream.PubAckFuture, 0, len(page))
	var err error
	for i := range page {
		var m *nats.Msg
		if m, err = o.message(&page[i]); err != nil {
			break
		}
		var ack jetstream.PubAckFuture
		ack, err = js.PublishMsgAsync(m, jetstream.WithExpectLastSequence(at.message+uint64(i)))
		if err != nil {
			break
		}
		acks = append(acks, ack)
	}
	for i, ack := range acks { // all of them, or what is late would meet the next page
		select {
		case a := <-ack.Ok():
			switch {
			case err != nil:
			case a.Sequence != at.message+1:
				// Known already, but from elsewhere: some of the stream was deleted.
				err = fmt.Errorf("notice %d: %w", page[i].Seq, errDiverged)
			default:
				*at = position{page[i].Seq, a.Sequence}
			}
		case e := <-ack.Err():
			if err == nil {
				err = fmt.Errorf("publish notice %d: %w", page[i].Seq, e)
			}
		}
	}
	return err
}

func (o *Outbox) message(n *apps.Notice) (*nats.Msg, error) {
	m := nats.NewMsg(noticeSubject(n.Type))
	m.Header.Set(jetstream.MsgIDHeader, strconv.FormatUint(n.Seq, 10))
	var err error
	if m.Data, err = json.Marshal(n); err != nil {
		return nil, fmt.Errorf("encode notice %d: %w", n.Seq, err)
	}
	if len(m.Data) > MaxPayload-1024 { // the headers count too
		o.log.Warn("event too large for the bus: its details are left out", "seq", n.Seq, "type", n.Type, "bytes", len(m.Data))
		short := apps.Notice{Seq: n.Seq, At: n.At, Type: n.Type, App: n.App, Version: n.Version, Status: n.Status, Host: n.Host,
			Message: fmt.Sprintf("%d bytes of details are left out: they are in the store", len(m.Data))}
		if m.Data, err = json.Marshal(short); err != nil {
			return nil, fmt.Errorf("encode notice %d: %w", n.Seq, err)
		}
	}
	return m, nil
}
