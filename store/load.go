package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// Load reads all that a leader starts from, as it was at one moment.
func (d *DB) Load(ctx context.Context) (cluster.Stored, error) {
	s, err := d.load(ctx)
	if err != nil {
		return cluster.Stored{}, failed("load", err)
	}
	return s, nil
}

func (d *DB) load(ctx context.Context) (s cluster.Stored, err error) {
	tx, err := d.snapshot(ctx)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, ended(tx.Rollback())) }()

	var id, serial, seq int64
	if err := tx.QueryRowContext(ctx, `SELECT cluster, serial, seq FROM meta WHERE id = 1`).Scan(&id, &serial, &seq); err != nil {
		return s, err
	}
	s.Cluster, s.Serial, s.Seq = uint64(id), uint64(serial), uint64(seq)
	if s.Apps, err = readAll[*apps.App](ctx, tx, `SELECT doc FROM apps ORDER BY id`); err != nil {
		return s, err
	}
	if s.Groups, err = readAll[*apps.Group](ctx, tx, `SELECT doc FROM groups ORDER BY id`); err != nil {
		return s, err
	}
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(max(version), 0) FROM group_versions`).Scan(&s.GroupsAt); err != nil {
		return s, err
	}
	if s.Instances, err = readAll[apps.Instance](ctx, tx, `SELECT doc FROM instances ORDER BY id`); err != nil {
		return s, err
	}
	if s.Specs, err = olderSpecs(ctx, tx, s.Apps, s.Instances); err != nil {
		return s, err
	}
	if s.Deployments, err = readAll[apps.Deployment](ctx, tx, `SELECT doc FROM deployments WHERE ended = 0 ORDER BY started, id`); err != nil {
		return s, err
	}
	if s.Hosts, err = readAll[apps.Host](ctx, tx, `SELECT doc FROM hosts ORDER BY name`); err != nil {
		return s, err
	}
	if s.Jobs, err = readAll[*apps.Job](ctx, tx, `SELECT doc FROM jobs ORDER BY id`); err != nil {
		return s, err
	}
	if s.Runs, err = readAll[apps.Run](ctx, tx, `SELECT doc FROM runs ORDER BY id`); err != nil {
		return s, err
	}
	if s.Claims, err = readAll[apps.Claim](ctx, tx, `SELECT doc FROM claims ORDER BY id`); err != nil {
		return s, err
	}
	if s.Roles, err = readAll[apps.Role](ctx, tx, `SELECT doc FROM roles ORDER BY name`); err != nil {
		return s, err
	}
	if s.Callbacks, err = readAll[apps.Callback](ctx, tx, `SELECT doc FROM callbacks ORDER BY url`); err != nil {
		return s, err
	}
	if s.Settings, err = loadSettings(ctx, tx); err != nil {
		return s, err
	}
	s.Answers, err = readAll[apps.Answer](ctx, tx, `SELECT doc FROM answers ORDER BY at, id`)
	return s, err
}

// olderSpecs are the specs that instances were made of and that are not their app's
// present ones, each once: in a rolling update, what the old instances are. One that
// has fallen out of the kept versions is left out.
func olderSpecs(ctx context.Context, q querier, present []*apps.App, instances []apps.Instance) (specs []*apps.App, err error) {
	type key struct {
		app     apps.ID
		version apps.Version
	}
	have := make(map[key]bool, len(present))
	for _, spec := range present {
		have[key{spec.ID, spec.Version}] = true
	}
	for _, in := range instances {
		k := key{in.App, in.Version}
		if have[k] {
			continue
		}
		have[k] = true
		found, err := readAll[*apps.App](ctx, q, `SELECT doc FROM app_versions WHERE app = $1 AND version = $2`, string(k.app), int64(k.version))
		if err != nil {
			return nil, err
		}
		specs = append(specs, found...)
	}
	return specs, nil
}

// ended is the error of a Rollback that only ends a transaction of reads.
func ended(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// readAll reads the documents that a query selects. Many of them are decoded on
// all cores at once.
func readAll[T any](ctx context.Context, q querier, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var docs [][]byte
	for rows.Next() {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, nil
	}
	out := make([]T, len(docs))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	const share = 2000
	for from := 0; from < len(docs); from += share {
		g.Go(func() error {
			for i := from; i < min(from+share, len(docs)); i++ {
				if err := json.Unmarshal(docs[i], &out[i]); err != nil {
					return fmt.Errorf("decode %T: %w", out[i], err)
				}
			}
			return nil
		})
	}
	return out, g.Wait()
}
