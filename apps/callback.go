package apps

import "time"

// A Callback is a URL that every event is sent to (Marathon's eventSubscriptions).
type Callback struct {
	URL   string    `json:"url"`
	Since time.Time `json:"since"`
	Seq   uint64    `json:"seq"` // of the notice of its subscription: the first event it gets
}
