//go:build !linux

package cluster

import "time"

var begun = time.Now()

// cpuTime is the time on the wall, where nothing better is known.
func cpuTime() time.Duration { return time.Since(begun) }
