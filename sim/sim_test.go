package sim

import (
	"cmp"
	"context"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seeds = flag.Int("seeds", 300, "how many histories TestHistories lives")
	first = flag.Uint64("first", 1, "the first of them")
	seed  = flag.Uint64("seed", 0, "the one history to live")
	trace = flag.Bool("tell", false, "have TestSim tell all that happens")
)

// TestMain lets garbage pile up: histories hold little, make much, and soon end.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	m.Run()
}

// TestHistories lives many histories, each twice; with -seed only that one.
func TestHistories(t *testing.T) {
	if *seed != 0 {
		*first, *seeds = *seed, 1
	}
	began, cpu := time.Now(), cpuTime()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var next atomic.Uint64
	next.Store(*first - 1)
	var mu sync.Mutex
	var sum Result
	lived, failed := 0, 0
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1)
				if n >= *first+uint64(*seeds) {
					return
				}
				res, err := Live(n)
				mu.Lock()
				lived++
				sum.add(res)
				if err != nil {
					failed++
					t.Error(err)
					if failed >= 5 {
						cancel()
					}
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	t.Logf("%d deployments ended, %d leaders, %d steps", sum.Ended, sum.Terms, sum.Steps)
	took := time.Since(began)
	t.Logf("%d histories, each lived twice, %d failed: %.1f simulated hours in %v: %s", lived, failed, sum.Lived.Hours(), took.Round(10*time.Millisecond), pace(2*sum.Lived, took, cpuTime()-cpu))
}

func (r *Result) add(o Result) {
	r.Lived += o.Lived
	r.Steps += o.Steps
	r.Terms += o.Terms
	r.Ended += o.Ended
	r.Runs += o.Runs
	r.Preempted += o.Preempted
}

// stories are histories in which a bug showed that is mended, or that had to be planted
// to see whether it would show. A seed means another history as soon as the world draws
// its dice differently: each mended bug has a test of its own beside the core as well.
var stories = map[uint64]string{
	1:     "a rolling update forgot the old instances that only drained, and started one too many",
	4:     "an instance was stopped with a request in flight; an agent went back to a letter of an older leader",
	6:     "an app deleted with its last instance in one step came back from the store",
	12:    "an app was removed twice, and no balancer's digest matched ever after",
	52:    "a host got something new while it still stopped strays, on the same port",
	58:    "a drain waited for ever: the acknowledgement by digest alone was not noticed",
	64:    "an instance was given up without the word of its host, and its place given away",
	89:    "a letter was repeated and changed in one step, and kept its revision",
	243:   "a deployment took a spec that had not had its turn for the one in force",
	319:   "a late report took the place of a newer one",
	1118:  "a letter to any life of an agent came late, to one that knew nothing of what had ended meanwhile",
	2332:  "a change was led back twice, and instances of the configuration before it were taken for its own",
	32145: "a new leader did not tell of instances whose apps back off",
	50015: "a deployment waited for room for one app, and was held to be at its end though it still replaced another",
	87503: "a host that was forgotten and came back in one step had no row any more",
}

func TestStoriesOfOldStayTold(t *testing.T) {
	for seed, story := range stories {
		t.Run(story, func(t *testing.T) {
			t.Parallel()
			if _, err := Live(seed); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSim lives one history: the one of -seed, else the first; with -tell it says
// all that happens.
func TestSim(t *testing.T) {
	n := cmp.Or(*seed, *first)
	w := New(n)
	if *trace {
		w.Trace = os.Stdout
	}
	if _, err := w.Live(); err != nil {
		t.Fatal(err)
	}
	res, err := Live(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", res)
}
