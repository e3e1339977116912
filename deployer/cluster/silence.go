package cluster

import (
	"time"

	"pacer/apps"
)

// A host that was not heard for some beats is silent before it is lost: it gets nothing
// new, and all else stays as it is, for what runs there may run well.

// unheard looks whether a host that is not lost is silent, and returns when it has to be
// looked at again, deadline at the latest. After a pause of our own every host has the time
// of a beat to be heard first.
func (s *State) unheard(h *host, deadline time.Time) time.Time {
	if h.Silent || h.Lost {
		return deadline
	}
	if quiet := later(h.seen.Add(hostQuiet), s.awake.Add(drowsy)); quiet.After(s.read) {
		return sooner(deadline, quiet)
	}
	h.Silent = true
	s.saveHost(h)
	s.offer(h)
	s.tell(apps.Notice{Type: noticeHostSilent, Host: h.Name, Message: "its agent has not been heard for " + hostQuiet.String() + ": nothing new is placed there"})
	return deadline
}

// heard takes a host back that was silent.
func (s *State) heard(h *host) {
	if !h.Silent {
		return
	}
	h.Silent = false
	s.saveHost(h)
	s.offer(h)
	s.tell(apps.Notice{Type: noticeHostHeard, Host: h.Name})
}
