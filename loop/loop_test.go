package loop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// An alarm wants to be woken every minute and counts its steps and events.
type alarm struct{ steps, events, most int }

func (a *alarm) Step(now time.Time, events []string) (int, time.Time) {
	a.steps++
	a.events += len(events)
	a.most = max(a.most, len(events))
	return a.steps, now.Add(time.Minute)
}

func nothing(context.Context, int) error { return nil }

func TestTheMachineIsWokenWhenItAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour+time.Second)
		defer cancel()
		var a alarm

		err := Run(ctx, &a, make(chan string), nothing)

		if err != context.DeadlineExceeded || a.steps != 61 { // at 0, 1, … 60 minutes
			t.Fatalf("want 61 steps and a deadline, got %d steps, %v", a.steps, err)
		}
	})
}

func TestWhatWaitsWhileACommitIsUnderWayIsOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		inbox := make(chan string, 5000)
		go func() {
			time.Sleep(time.Second / 2) // fake time: inside the first commit
			for range 3000 {
				inbox <- "event"
			}
		}()
		var a alarm

		_ = Run(ctx, &a, inbox, func(context.Context, int) error { time.Sleep(time.Second); return nil })

		if a.events != 3000 || a.most != MaxBatch || a.steps != 4 {
			t.Fatalf("want 3000 events in batches of at most %d in 1+3 steps, got %d in %d steps, the largest %d", MaxBatch, a.events, a.steps, a.most)
		}
	})
}

func TestAFailedPerformEndsTheLoopWithItsError(t *testing.T) {
	full := errors.New("disk full")

	err := Run(t.Context(), &alarm{}, make(chan string), func(context.Context, int) error { return full })

	if err != full {
		t.Fatalf("want the error of perform, got %v", err)
	}
}

// A late one is called when both its wake and an event are due, and notes a step without
// the event.
type late struct{ steps, empty int }

func (l *late) Step(now time.Time, events []string) (int, time.Time) {
	if l.steps++; l.steps > 1 && len(events) == 0 {
		l.empty++
	}
	return 0, now.Add(time.Second)
}

func TestAMachineThatIsWokenHearsWhatCameBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		inbox := make(chan string, 1)
		var l late

		_ = Run(ctx, &l, inbox, func(context.Context, int) error {
			inbox <- "event"
			time.Sleep(2 * time.Second) // fake time: a commit that takes longer than until the wake
			return nil
		})

		if l.empty > 0 || l.steps < 40 {
			t.Fatalf("an event lay in the inbox at each wake, but %d of %d steps did not hear it", l.empty, l.steps)
		}
	})
}
