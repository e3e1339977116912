package sim

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var manySeeds = flag.Int("manyseeds", 4, "how many histories TestManyHosts lives")

// pace is how much faster than real time so much was lived.
func pace(lived, took, cpu time.Duration) string {
	s := fmt.Sprintf("%.0f times real time", lived.Seconds()/took.Seconds())
	if cpu > 0 {
		s += fmt.Sprintf(", %.0f times per core (%v of CPU time)", lived.Seconds()/cpu.Seconds(), cpu.Round(10*time.Millisecond))
	}
	return s
}

// TestManyHosts lives histories on a hundred hosts, through the same faults, each twice,
// and says how much faster than real time; with -seed only that one.
func TestManyHosts(t *testing.T) {
	began, cpu := time.Now(), cpuTime()
	sum := livesWith(t, "many hosts", *manySeeds, NewWithManyHosts, LiveWithManyHosts)
	took, cpu := time.Since(began), cpuTime()-cpu
	t.Logf("%d deployments ended, %d leaders, %d steps", sum.Ended, sum.Terms, sum.Steps)
	t.Logf("%v on %d hosts lived twice in %v: %s", sum.Lived.Round(time.Second), manyHosts, took.Round(10*time.Millisecond), pace(2*sum.Lived, took, cpu))
	if sum.Ended == 0 {
		t.Error("no deployment ever ended")
	}
}
