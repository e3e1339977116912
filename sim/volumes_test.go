package sim

import (
	"flag"
	"testing"
)

var volumeSeeds = flag.Int("volumeseeds", 40, "how many histories with volumes TestVolumes lives")

// TestVolumes lives histories in which apps keep data on their hosts, through the same
// faults, each twice; with -seed only that one.
func TestVolumes(t *testing.T) {
	livesWith(t, "volumes", *volumeSeeds, NewWithVolumes, LiveWithVolumes)
}
