package wire

// A RebalanceRequest is the body of POST /pacer/v1/rebalance.
type RebalanceRequest struct {
	DryRun bool `json:"dryRun,omitzero"`                    // only say what would be moved
	Max    *int `json:"max,omitzero" rule:"min=1 max=1000"` // moves; absent: 100
}

// A Rebalance is what is moved, or would be: the answer to POST /pacer/v1/rebalance.
type Rebalance struct {
	DryRun bool          `json:"dryRun"`
	Moves  []HostMove    `json:"moves"` // in this order
	Hosts  []HostBalance `json:"hosts"` // ordered by name
	More   bool          `json:"more"`  // there is more to move: max was reached
}

// A HostMove is one instance that changes its host. Loads are the largest part of any
// one resource that is held, 0 to 1, when the moves before it are done.
type HostMove struct {
	Instance   string  `json:"instance"`
	App        string  `json:"app"`
	From       string  `json:"from"`
	To         string  `json:"to"`
	FromBefore float64 `json:"fromBefore"`
	FromAfter  float64 `json:"fromAfter"`
	ToBefore   float64 `json:"toBefore"`
	ToAfter    float64 `json:"toAfter"`
	Sentence   string  `json:"sentence"`
}

// A HostBalance is the load of a host before and after all moves.
type HostBalance struct {
	Name   string  `json:"name"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// Moving is the answer to GET /pacer/v1/rebalance: what is being moved now.
type Moving struct {
	Left  int          `json:"left"`
	Moves []MovingItem `json:"moves"` // ordered by app and age
}

// A MovingItem is an instance that is being moved.
type MovingItem struct {
	Instance  string `json:"instance"`
	App       string `json:"app"`
	From      string `json:"from"`
	To        string `json:"to"`
	Successor string `json:"successor,omitzero"` // the instance that takes its place
	State     string `json:"state"`              // waiting for its turn; starting: its successor does not serve yet; leaving
}
