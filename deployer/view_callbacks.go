package deployer

import (
	"cmp"
	"maps"
	"slices"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// foldCallbacks takes over whom events are sent to. Of one URL that went and came in one
// step the row is the later one: a step's rows go after what is gone.
func (v *View) foldCallbacks(c *cluster.Changes) {
	if v.callbacks == nil {
		v.callbacks = map[string]apps.Callback{}
	}
	for _, url := range c.GoneCallbacks {
		delete(v.callbacks, url)
	}
	for _, row := range c.Callbacks {
		v.callbacks[row.URL] = row
	}
}

// Callbacks are the URLs that events are sent to, ordered.
func (v *View) Callbacks() []apps.Callback {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.SortedFunc(maps.Values(v.callbacks), func(a, b apps.Callback) int { return cmp.Compare(a.URL, b.URL) })
}
