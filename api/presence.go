package api

import (
	"time"

	"pacer/apps"
)

// What Marathon tells of the clients of its event stream.
const (
	streamAttached = "event_stream_attached"
	streamDetached = "event_stream_detached"
)

// How many comings and goings are told to all at once, and per second from then on. When
// a thousand clients come back at once, a thousand events to each of them would be a storm
// that cuts off the slow ones, who would come back once more.
const (
	presenceBurst     = 64
	presencePerSecond = 16
)

// presence is the event that a client came or went. It happens to this server alone and is
// not stored: it has no number, and nothing that is missed when a client resumes.
func presence(eventType, remote string) *told {
	return &told{notice: apps.Notice{Type: eventType, At: time.Now(), ClientIP: remote}}
}

func presenceEvent(f event, n *apps.Notice, _ bool) { f["remoteAddress"] = n.ClientIP }

// guests bounds what is told of comings and goings.
type guests struct {
	allowed float64 // tellings, at most presenceBurst
	since   time.Time
	untold  uint64 // how many were too much
}

// may reports whether one more may be told now.
func (g *guests) may(now time.Time) bool {
	if g.since.IsZero() {
		g.allowed = presenceBurst
	} else {
		g.allowed = min(g.allowed+now.Sub(g.since).Seconds()*presencePerSecond, presenceBurst)
	}
	g.since = now
	if g.allowed < 1 {
		g.untold++
		return false
	}
	g.allowed--
	return true
}

// announce tells all who follow now that a client came or went.
func (f *feed) announce(one *told) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now != nil && f.guests.may(one.notice.At) {
		f.now.add([]*told{one})
	}
}

// untoldGuests is how many comings and goings were not told.
func (f *feed) untoldGuests() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.guests.untold
}
