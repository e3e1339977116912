package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// dice are one sequence of chance. A world has its own; what is added to it brings
// others, so that without it the world's fall as ever.
type dice struct{ rng *rand.Rand }

func newDice(seed, stream uint64) dice { return dice{rand.New(rand.NewPCG(seed, stream))} }

func (d dice) chance(p float64) bool { return p > 0 && d.rng.Float64() < p }

func (d dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.rng.Int64N(int64(most-least)+1))
}

// exp is a pause of a thing that happens at random, once in mean.
func (d dice) exp(mean time.Duration) time.Duration {
	return time.Duration(-math.Log(1-d.rng.Float64()) * float64(mean))
}

func (d dice) intn(n int) int { return d.rng.IntN(n) }

func pick[T any](d interface{ intn(n int) int }, from ...T) T { return from[d.intn(len(from))] }
