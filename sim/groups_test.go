package sim

import (
	"flag"
	"testing"
)

var groupSeeds = flag.Int("groupseeds", 60, "how many histories with groups TestGroups lives")

// TestGroups lives histories in which users make, change and delete groups, empty ones too,
// through the same faults, each twice; with -seed only that one.
func TestGroups(t *testing.T) {
	if sum := livesWith(t, "groups", *groupSeeds, NewWithGroups, LiveWithGroups); sum.Ended == 0 {
		t.Error("no deployment ever ended")
	}
}
