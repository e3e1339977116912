package sim

import (
	"flag"
	"os"
	"sync"
	"testing"
)

var jobSeeds = flag.Int("jobseeds", 40, "how many histories with jobs TestJobs lives")

// TestJobs lives histories in which jobs run beside apps, through the same faults, each
// twice; with -seed only that one.
func TestJobs(t *testing.T) {
	sum := livesWith(t, "jobs", *jobSeeds, NewWithJobs, LiveWithJobs)
	if t.Logf("%d runs ended", sum.Runs); sum.Runs == 0 {
		t.Error("no job ever ran")
	}
}

// livesWith lives histories of worlds with something more, as -seed and -tell say, and
// adds up what they amount to.
func livesWith(t *testing.T, what string, seeds int, born func(seed uint64) *World, live func(seed uint64) (Result, error)) (sum Result) {
	t.Helper()
	from, to := uint64(1), uint64(seeds)
	if *seed != 0 {
		from, to = *seed, *seed
		if *trace {
			w := born(*seed)
			w.Trace = os.Stdout
			if _, err := w.Live(); err != nil {
				t.Fatal(err)
			}
		}
	}
	test := t.Name()
	var mu sync.Mutex
	t.Run("seeds", func(t *testing.T) {
		for n := from; n <= to; n++ {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				res, err := live(n)
				if err != nil {
					t.Errorf("%v\nwith %s: go test ./sim -run %s -v -seed=%d -tell", err, what, test, n)
				}
				mu.Lock()
				defer mu.Unlock()
				sum.add(res)
			})
		}
	})
	return sum
}
