package store

import (
	"context"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// settingsKind is the kind of the settings of the whole cluster.
const settingsKind = "cluster"

var settingsTable = newTable("settings", 2, "kind", "version#", "doc")

func (p *planner) putSettings(c *cluster.Changes) {
	if c.Settings == nil {
		return
	}
	putAll(p, settingsTable, []apps.Settings{*c.Settings}, nil, func(s apps.Settings) []any { return []any{settingsKind, int64(s.Version)} })
	p.writes = append(p.writes, trim{"settings", "kind", []string{settingsKind}})
}

func loadSettings(ctx context.Context, q querier) (apps.Settings, error) {
	newest, err := settings(ctx, q, 1)
	if err != nil || len(newest) == 0 {
		return apps.Settings{}, err
	}
	return newest[0], nil
}

func settings(ctx context.Context, q querier, limit int) ([]apps.Settings, error) {
	return readAll[apps.Settings](ctx, q, `SELECT doc FROM settings WHERE kind = $1 ORDER BY version DESC LIMIT $2`, settingsKind, limit)
}

// SettingsVersions are what the cluster's settings were, newest first.
func (d *DB) SettingsVersions(ctx context.Context) ([]apps.Settings, error) {
	all, err := settings(ctx, d.read, versionsMax)
	if err != nil {
		return nil, failed("read what the settings were", err)
	}
	return all, nil
}
