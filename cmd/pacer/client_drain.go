package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func drainCommand(f *clientFlags) *cobra.Command {
	var wait bool
	var timeout time.Duration
	cmd := f.verb("drain NAME", "Move everything on a host away, within the apps' capacity rules", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		h, err := s.Drain(ctx, args[0], true)
		if err == nil && wait {
			h, err = s.awaitDrained(ctx, h, timeout)
		}
		if err != nil {
			return err
		}
		return s.show(h)
	})
	cmd.Long = `Move everything on a host away, within the apps' capacity rules. Each instance has a
successor elsewhere, ready and known to every load balancer, before it is stopped; an
app may allow itself less. Nothing new comes to the host until pacer host uncordon.

With --wait it ends when the host is empty; what is left meanwhile is said. When
--timeout is over the draining goes on, and the code is 6.`
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the host is empty")
	cmd.Flags().DurationVar(&timeout, "timeout", defaultTimeout, "how long to wait")
	return cmd
}

// drainPause is between two looks at a host that is drained.
const drainPause = 250 * time.Millisecond

// awaitDrained says how many instances are left on a host whenever that changes, until
// there are none.
func (s *session) awaitDrained(ctx context.Context, h wire.Host, timeout time.Duration) (wire.Host, error) {
	bounded, stop := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer stop()
	tick := time.NewTicker(drainPause)
	defer tick.Stop()
	began, said := h.Instances, -1
	for {
		switch {
		case h.Lost:
			return h, exitf(exitOther, "host %s is lost: %s", h.Name, h.Message)
		case !h.Draining:
			return h, exitf(exitFailed, "host %s is not drained any more: somebody let it take part again", h.Name)
		case h.Instances == 0:
			s.say("host %s is drained", h.Name)
			return h, nil
		case h.Instances != said:
			began, said = max(began, h.Instances), h.Instances
			s.say("host %s is draining: %d of %d instances left", h.Name, said, began)
		}
		select {
		case <-bounded.Done():
			if errors.Is(context.Cause(bounded), errTimeout) {
				return h, &exitError{exitStillRuns, fmt.Sprintf("host %s still has %d instances after %s", h.Name, h.Instances, timeout), "pacer app explain APP says what one of them waits for; pacer host uncordon " + h.Name + " stops the draining"}
			}
			return h, &exitError{exitInterrupted, "interrupted; the draining goes on", "pacer host uncordon " + h.Name + " stops it"}
		case <-tick.C:
		}
		next, err := s.Host(ctx, h.Name)
		switch {
		case err == nil:
			h = next
		case ctx.Err() != nil: // said above
		default:
			return h, err
		}
	}
}
