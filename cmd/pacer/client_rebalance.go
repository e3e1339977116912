package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pacer/api/wire"
)

func rebalanceCommand(f *clientFlags) *cobra.Command {
	var dry, wait, stop bool
	var most int
	var timeout time.Duration
	cmd := f.verb("rebalance", "Move instances from hosts that are more loaded to such that are less", cobra.NoArgs, func(ctx context.Context, s *session, _ []string) error {
		switch {
		case stop && (dry || wait || most != 0):
			return usageError("--stop goes with no other flag")
		case dry && wait:
			return usageError("--dry-run moves nothing that could be waited for")
		case most < 0:
			return usageError("--max: %d is less than 1", most)
		case stop:
			left, err := s.StopRebalance(ctx)
			if err != nil {
				return err
			}
			s.say("the rebalance is stopped; %s that nothing can keep", countOf(left.Left, "move ends", "moves end"))
			return nil
		}
		plan, err := s.Rebalance(ctx, dry, most)
		if err != nil {
			return err
		}
		if err := print(s, plan, plan.Moves, "INSTANCE APP FROM TO WHY", func(m wire.HostMove) []any {
			return []any{m.Instance, m.App, m.From, m.To, m.Sentence}
		}); err != nil {
			return err
		}
		s.sayPlan(plan)
		if wait && len(plan.Moves) > 0 {
			return s.awaitMoves(ctx, len(plan.Moves), timeout)
		}
		return nil
	})
	cmd.Long = `Move instances from hosts that are more loaded to such that are less. A host is as
loaded as the resource of which most is taken. An instance moves where that leaves the
other host less loaded, by 5 %, than its own was, and where constraints, ports, room
and the spread of its app allow. It is stopped when its successor is ready and known
to every load balancer.

Left alone: volumes, jobs, apps that are being deployed or lack instances, that are
packed (PACER_PLACEMENT=pack), or that may not have one instance more than they want.

With --dry-run it only says what would be moved. With --wait it ends when all is moved.
--stop leaves the rest where it is.`
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be moved")
	cmd.Flags().BoolVar(&stop, "stop", false, "leave where it is what has not moved yet")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until all is moved")
	cmd.Flags().IntVar(&most, "max", 0, "move at most so many, up to 1000 (default 100)")
	cmd.Flags().DurationVar(&timeout, "timeout", defaultTimeout, "how long to wait")
	return cmd
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// sayPlan says what becomes of the hosts.
func (s *session) sayPlan(plan wire.Rebalance) {
	if len(plan.Moves) == 0 {
		s.say("nothing to move: no host is worth relieving")
		return
	}
	for _, h := range plan.Hosts {
		if h.Before != h.After {
			s.say("host %s: %.0f %% → %.0f %%", h.Name, 100*h.Before, 100*h.After)
		}
	}
	if plan.More {
		s.say("there is more to move: ask again when this is done")
	}
}

// awaitMoves says how many moves are left whenever that changes, until none is.
func (s *session) awaitMoves(ctx context.Context, of int, timeout time.Duration) error {
	bounded, stop := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer stop()
	tick := time.NewTicker(drainPause)
	defer tick.Stop()
	said := -1
	for {
		now, err := s.Moving(ctx)
		switch {
		case ctx.Err() != nil: // said below
		case err != nil:
			return err
		case now.Left == 0:
			s.say("the hosts are rebalanced")
			return nil
		case now.Left != said:
			said, of = now.Left, max(of, now.Left)
			s.say("rebalancing: %d of %d moves left", said, of)
		}
		select {
		case <-bounded.Done():
			if errors.Is(context.Cause(bounded), errTimeout) {
				return &exitError{exitStillRuns, fmt.Sprintf("%s left after %s", countOf(now.Left, "move is", "moves are"), timeout), "pacer host rebalance --stop ends them"}
			}
			return &exitError{exitInterrupted, "interrupted; the rebalance goes on", "pacer host rebalance --stop ends it"}
		case <-tick.C:
		}
	}
}
