package api

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAllHearWhoComesAndGoes(t *testing.T) {
	l := newLedger()
	server := serve(t, l.config())
	first, _ := stream(t, server, "/v2/events", "")
	deaf, _ := stream(t, server, "/v2/events?event_type=app_terminated_event", "")
	if own := first.next(t); own.event != streamAttached {
		t.Fatalf("want its own arrival first, got %+v", own)
	}
	if other := first.next(t); other.event != streamAttached || other.id != "" || !strings.Contains(other.data, `"remoteAddress":"127.0.0.1"`) {
		t.Fatalf("want the arrival of another client, without a number, got %+v", other)
	}
	l.tell(notice(1))
	guest, res := stream(t, server, "/v2/events", "0")
	if own, past := guest.next(t), guest.next(t); own.event != streamAttached || past.id != "1" {
		t.Fatalf("want its own arrival once, then what it missed, got %+v and %+v", own, past)
	}
	res.Body.Close()
	var heard []string
	for len(heard) < 3 {
		heard = append(heard, first.next(t).event)
	}
	if got := strings.Join(heard, " "); got != "app_terminated_event event_stream_attached event_stream_detached" {
		t.Errorf("want it told that a client came and went, got %s", got)
	}
	l.tell(notice(2))
	for i, f := range []*frames{first, deaf} {
		got := f.next(t)
		if i == 1 {
			got = f.next(t)
		}
		if got.id != "2" {
			t.Errorf("stream %d: want event 2 after those without a number, got %+v", i, got)
		}
	}
}

func TestACrowdThatComesAtOnceIsNoStorm(t *testing.T) {
	f := &feed{now: &broadcast{more: make(chan struct{})}}
	at := time.UnixMilli(0)
	for i := range 1000 {
		one := presence(streamAttached, strconv.Itoa(i))
		one.notice.At = at
		f.announce(one)
	}
	if told := f.now.end(); told != presenceBurst || f.untoldGuests() != 1000-presenceBurst {
		t.Errorf("want %d told of a thousand that come at once, got %d, and %d counted as untold", presenceBurst, told, f.untoldGuests())
	}
	one := presence(streamDetached, "later")
	one.notice.At = at.Add(time.Second)
	for range 1000 {
		f.announce(one)
	}
	if told := f.now.end(); told != presenceBurst+presencePerSecond {
		t.Errorf("want %d more a second later, got %d in all", presencePerSecond, told)
	}
}
