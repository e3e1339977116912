// Package loop is the event loop: it feeds a machine one batch of events at a
// time and performs what the machine answers. The deployer and the agent both
// run on it.
package loop

import (
	"context"
	"time"
)

// MaxBatch bounds the events of one Step, so that a flood delays the effects of
// the first event by one Step at most.
const MaxBatch = 1024

// A Machine is a pure function with memory. wake is when it wants to be stepped
// again though nothing happened; the zero time means "when something happens".
type Machine[E, F any] interface {
	Step(now time.Time, events []E) (effects F, wake time.Time)
}

// Run steps m until ctx ends or perform fails, and returns the reason. The
// machine belongs to this goroutine alone: nobody else may touch it. The slice of
// events is used again after the Step.
//
// The first Step has no events: a machine just loaded from the store decides
// what is overdue before it hears anything new. Every other Step has all that came until
// its now, or MaxBatch events. While perform is at work the next batch gathers in the
// inbox: that is the group commit.
func Run[E, F any](ctx context.Context, m Machine[E, F], inbox <-chan E, perform func(context.Context, F) error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	batch := make([]E, 0, 64)
	for now := time.Now(); ; {
		effects, wake := m.Step(now, batch)
		if err := perform(ctx, effects); err != nil {
			return err
		}
		if wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(wake))
		}
		clear(batch)
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case ev := <-inbox:
			batch = append(batch, ev)
		case <-timer.C:
		}
		now = time.Now() // before the inbox is read: a pause in between is later
		batch = drain(inbox, batch)
	}
}

// drain adds what else is waiting, without waiting for more.
func drain[E any](inbox <-chan E, batch []E) []E {
	for len(batch) < MaxBatch {
		select {
		case ev := <-inbox:
			batch = append(batch, ev)
		default:
			return batch
		}
	}
	return batch
}
