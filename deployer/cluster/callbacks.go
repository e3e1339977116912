package cluster

import (
	"fmt"
	"slices"

	"pacer/apps"
)

// callbacksMax is how many URLs events are sent to at most.
const callbacksMax = 100

const noticeCallbackCut = "pacer_callback_cut_off"

type (
	// Subscribe has events sent to a URL, or, not On, no more. Both may be repeated.
	Subscribe struct {
		Request  string
		URL      string
		On       bool
		ClientIP string
	}

	// CallbackCut says that a subscriber was too slow: so many events are not sent to it.
	CallbackCut struct {
		Request string
		URL     string
		Missed  uint64
	}
)

func (Subscribe) event()   {}
func (CallbackCut) event() {}

func (s *State) loadCallbacks(stored []apps.Callback) {
	s.callbacks = map[string]apps.Callback{}
	for _, c := range stored {
		s.callbacks[c.URL] = c
	}
}

func (s *State) foldSubscribe(ev Subscribe) {
	_, there := s.callbacks[ev.URL]
	if ev.On && !there && len(s.callbacks) >= callbacksMax {
		s.refuse(ev.Request, apps.Errorf(apps.Forbidden, "Events are sent to at most %d URLs: unsubscribe one", callbacksMax))
		return
	}
	n := apps.Notice{Type: "subscribe_event", ClientIP: ev.ClientIP, Message: ev.URL}
	switch {
	case ev.On && !there:
		c := apps.Callback{URL: ev.URL, Since: s.now, Seq: s.seq + 1}
		s.callbacks[ev.URL] = c
		s.fx.Save.Callbacks = append(s.fx.Save.Callbacks, c)
		s.tell(n)
	case !ev.On && there:
		n.Type = "unsubscribe_event"
		delete(s.callbacks, ev.URL)
		s.fx.Save.Callbacks = slices.DeleteFunc(s.fx.Save.Callbacks, func(c apps.Callback) bool { return c.URL == ev.URL })
		s.fx.Save.GoneCallbacks = append(s.fx.Save.GoneCallbacks, ev.URL)
		s.tell(n)
	}
	s.reply(Reply{Request: ev.Request})
}

func (s *State) foldCallbackCut(ev CallbackCut) {
	if _, there := s.callbacks[ev.URL]; there {
		s.tell(apps.Notice{Type: noticeCallbackCut, Message: fmt.Sprintf("%s was too slow: %d events are not sent to it", ev.URL, ev.Missed)})
	}
	s.reply(Reply{Request: ev.Request})
}
