package sim

import (
	"flag"
	"testing"
)

var powerSeeds = flag.Int("powerseeds", 150, "how many histories with powers TestPowers lives")

// TestPowers lives histories in which operators pause, drain and rebalance, clocks leap,
// hosts change and leaders fall behind their commits, each twice; with -seed only that one.
func TestPowers(t *testing.T) {
	sum := livesWith(t, "powers", *powerSeeds, NewWithPowers, LiveWithPowers)
	t.Logf("%d deployments ended, %d instances gave way", sum.Ended, sum.Preempted)
	if *seed == 0 && (sum.Ended == 0 || sum.Preempted == 0) {
		t.Error("no deployment ever ended, or nobody ever gave way")
	}
}
