package client

import (
	"context"
	"net/http"

	"pacer/api/wire"
)

// Settings are what holds for the whole cluster, and what did.
func (c *Client) Settings(ctx context.Context) (wire.ClusterSettings, error) {
	var out wire.ClusterSettings
	err := c.get(ctx, "/pacer/v1/settings", nil, &out)
	return out, err
}

// SetSettings sets all of the settings: what is absent is as if it was never set. With
// a Version it fails where that is not in force any more.
func (c *Client) SetSettings(ctx context.Context, to wire.SettingsUpdate) (wire.ClusterSettings, error) {
	var out wire.ClusterSettings
	_, _, err := c.do(ctx, http.MethodPut, "/pacer/v1/settings", nil, to, &out)
	return out, err
}
