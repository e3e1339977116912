package sim

import (
	"flag"
	"os"
	"testing"
)

var volumeSeeds = flag.Int("volumeseeds", 40, "how many histories with volumes TestVolumes lives")

// TestVolumes lives histories in which apps keep data on their hosts, through the same
// faults, each twice; with -seed only that one.
func TestVolumes(t *testing.T) {
	from, to := uint64(1), uint64(*volumeSeeds)
	if *seed != 0 {
		from, to = *seed, *seed
		if *trace {
			w := NewWithVolumes(*seed)
			w.Trace = os.Stdout
			if _, err := w.Live(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n := from; n <= to; n++ {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if _, err := LiveWithVolumes(n); err != nil {
				t.Errorf("%v\nwith volumes: go test ./sim -run TestVolumes -v -seed=%d -tell", err, n)
			}
		})
	}
}
