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
	from, to := uint64(1), uint64(*jobSeeds)
	if *seed != 0 {
		from, to = *seed, *seed
		if *trace {
			w := NewWithJobs(*seed)
			w.Trace = os.Stdout
			if _, err := w.Live(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var mu sync.Mutex
	runs := 0
	t.Run("seeds", func(t *testing.T) {
		for n := from; n <= to; n++ {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				res, err := LiveWithJobs(n)
				if err != nil {
					t.Errorf("%v\nwith jobs: go test ./sim -run TestJobs -v -seed=%d -tell", err, n)
				}
				mu.Lock()
				defer mu.Unlock()
				runs += res.Runs
			})
		}
	})
	if t.Logf("%d runs ended", runs); runs == 0 {
		t.Error("no job ever ran")
	}
}
