package agent

import "time"

// Deadlines of the operations at the edge.
const (
	infoLimit   = 10 * time.Second
	listLimit   = 20 * time.Second
	startLimit  = 15 * time.Minute // a pull may be long
	stopLimit   = 30 * time.Second // beyond the grace period
	removeLimit = time.Minute
)
