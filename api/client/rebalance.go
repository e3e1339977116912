package client

import (
	"context"
	"net/http"

	"pacer/api/wire"
)

// Rebalance moves up to max instances (0: 100) to less loaded hosts; with dryRun it only
// says which it would move.
func (c *Client) Rebalance(ctx context.Context, dryRun bool, max int) (wire.Rebalance, error) {
	ask := wire.RebalanceRequest{DryRun: dryRun}
	if max != 0 {
		ask.Max = &max
	}
	var out wire.Rebalance
	_, _, err := c.do(ctx, http.MethodPost, "/pacer/v1/rebalance", nil, ask, &out)
	return out, err
}

// Moving is what is being moved now.
func (c *Client) Moving(ctx context.Context) (wire.Moving, error) {
	var out wire.Moving
	err := c.get(ctx, "/pacer/v1/rebalance", nil, &out)
	return out, err
}

// StopRebalance leaves instances where they are whose successor does not serve yet; the
// answer is what is still being moved.
func (c *Client) StopRebalance(ctx context.Context) (wire.Moving, error) {
	var out wire.Moving
	_, _, err := c.do(ctx, http.MethodDelete, "/pacer/v1/rebalance", nil, nil, &out)
	return out, err
}
