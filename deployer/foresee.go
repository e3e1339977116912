package deployer

import (
	"context"
	"time"

	"pacer/deployer/cluster"
)

// Foresee works out ahead what a change would do, on a copy of what is stored. It
// changes nothing, may be asked on any server, and fails as the change would.
func (d *Deployer) Foresee(ctx context.Context, c cluster.Change) (cluster.Forecast, error) {
	stored, err := d.cfg.Store.Load(ctx)
	if err != nil {
		return cluster.Forecast{}, err
	}
	stored.DeploymentsMax = d.cfg.DeploymentsMax
	return cluster.Foresee(stored, c, time.Now())
}
