package wire

// Callbacks is the answer to GET /v2/eventSubscriptions: the URLs that events are sent to.
type Callbacks struct {
	CallbackURLs []string `json:"callbackUrls"`
}

// A CallbackEvent says that a URL was added to them, or taken away.
type CallbackEvent struct {
	EventType   string `json:"eventType"` // subscribe_event or unsubscribe_event
	ClientIP    string `json:"clientIp"`
	CallbackURL string `json:"callbackUrl"`
	Timestamp   string `json:"timestamp"`
}
