package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pacer/apps"
)

// pageMax bounds what one read returns.
const pageMax = 10_000

// Versions are the kept versions of an app, newest first; none where there is no
// such app.
func (d *DB) Versions(ctx context.Context, app apps.ID) ([]apps.Version, error) {
	return d.versions(ctx, `SELECT version FROM app_versions WHERE app = $1 ORDER BY version DESC`, string(app))
}

func (d *DB) versions(ctx context.Context, query string, args ...any) ([]apps.Version, error) {
	rows, err := d.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, failed("read versions", err)
	}
	defer rows.Close()
	var versions []apps.Version
	for rows.Next() {
		var v apps.Version
		if err := rows.Scan(&v); err != nil {
			return nil, failed("read versions", err)
		}
		versions = append(versions, v)
	}
	if err := rows.Err(); err != nil {
		return nil, failed("read versions", err)
	}
	return versions, nil
}

// AppVersion is the spec of an app at one of its versions. It fails with
// NotFound where there is no such app, or where that version is not kept.
func (d *DB) AppVersion(ctx context.Context, app apps.ID, v apps.Version) (*apps.App, error) {
	found, err := readAll[*apps.App](ctx, d.read, `SELECT doc FROM app_versions WHERE app = $1 AND version = $2`, string(app), int64(v))
	if err != nil {
		return nil, failed("read a version", err)
	}
	if len(found) == 0 {
		return nil, apps.Errorf(apps.NotFound, "App '%s' has no version %s", app, v)
	}
	return found[0], nil
}

// Notices are up to limit notices that follow number after, oldest first. Those
// that are too old are pruned: the first one returned follows after directly
// unless FirstSeq says otherwise.
func (d *DB) Notices(ctx context.Context, after uint64, limit int) ([]apps.Notice, error) {
	notices, err := d.notices(ctx, after, page(limit))
	if err != nil {
		return nil, failed("read notices", err)
	}
	return notices, nil
}

// FirstSeq is the number of the oldest notice that is kept; LastSeq + 1 where
// none is.
func (d *DB) FirstSeq(ctx context.Context) (uint64, error) {
	return d.seq(ctx, `SELECT COALESCE((SELECT MIN(n) FROM (SELECT MIN(seq) AS n FROM events UNION ALL SELECT MIN(first_seq) FROM event_pages) AS oldest), seq + 1) FROM meta WHERE id = 1`)
}

// LastSeq is the number of the newest notice ever stored; 0 before the first.
func (d *DB) LastSeq(ctx context.Context) (uint64, error) {
	return d.seq(ctx, `SELECT seq FROM meta WHERE id = 1`)
}

func (d *DB) seq(ctx context.Context, query string) (uint64, error) {
	var seq int64
	if err := d.read.QueryRowContext(ctx, query).Scan(&seq); err != nil {
		return 0, failed("read the number of a notice", err)
	}
	return uint64(seq), nil
}

// Finished are up to limit instances of an app that are gone, newest first; those of
// all apps where app is empty. At least the newest 100 of each app are kept, while
// those of all apps together are among the newest 10,000.
func (d *DB) Finished(ctx context.Context, app apps.ID, limit int) ([]apps.Finished, error) {
	query, args := `SELECT doc FROM finished WHERE app = $2 ORDER BY at DESC, id DESC LIMIT $1`, []any{page(limit), string(app)}
	if app == "" {
		query, args = `SELECT doc FROM finished ORDER BY at DESC, id DESC LIMIT $1`, args[:1]
	}
	gone, err := readAll[apps.Finished](ctx, d.read, query, args...)
	if err != nil {
		return nil, failed("read finished instances", err)
	}
	return gone, nil
}

// Failures are up to limit ends of an app's instances that nobody asked for, newest
// first, among the finished ones that are kept. The newest 20 have their evidence,
// where their host told any.
func (d *DB) Failures(ctx context.Context, app apps.ID, limit int) ([]apps.Failure, error) {
	gone, err := d.Finished(ctx, app, finishedPerApp)
	if err != nil {
		return nil, err
	}
	kept, err := readAll[apps.Evidence](ctx, d.read, `SELECT doc FROM evidence WHERE app = $1 ORDER BY at DESC, instance DESC LIMIT $2`, string(app), finishedPerApp)
	if err != nil {
		return nil, failed("read evidence", err)
	}
	evidence := make(map[string]*apps.Evidence, len(kept))
	for i := range kept {
		evidence[kept[i].Instance] = &kept[i]
	}
	var failures []apps.Failure
	for _, f := range gone {
		if f.End != apps.EndStopped && f.End != apps.EndPreempted && len(failures) < limit {
			failures = append(failures, apps.Failure{Finished: f, Evidence: evidence[f.ID]})
		}
	}
	return failures, nil
}

// Deployment is a deployment, running or ended. It fails with NotFound.
func (d *DB) Deployment(ctx context.Context, id string) (apps.Deployment, error) {
	found, err := readAll[apps.Deployment](ctx, d.read, `SELECT doc FROM deployments WHERE id = $1`, id)
	if err != nil {
		return apps.Deployment{}, failed("read a deployment", err)
	}
	if len(found) == 0 {
		return apps.Deployment{}, apps.Errorf(apps.NotFound, "DeploymentPlan %s does not exist", id)
	}
	return found[0], nil
}

// Deployments are up to limit deployments that have ended, newest first.
func (d *DB) Deployments(ctx context.Context, limit int) ([]apps.Deployment, error) {
	ended, err := readAll[apps.Deployment](ctx, d.read, `SELECT doc FROM deployments WHERE ended > 0 ORDER BY ended DESC, id DESC LIMIT $1`, page(limit))
	if err != nil {
		return nil, failed("read deployments", err)
	}
	return ended, nil
}

func page(limit int) int { return max(0, min(limit, pageMax)) }

// Leader is who holds the lease by the clock of the database, for those who do
// not; ok is false where nobody does.
func (d *DB) Leader(ctx context.Context) (holder, url string, epoch uint64, ok bool, err error) {
	var e int64
	err = d.read.QueryRowContext(ctx, fmt.Sprintf(`SELECT holder, url, epoch FROM lease WHERE id = 1 AND until > %s`, d.now())).Scan(&holder, &url, &e)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", "", 0, false, nil
	case err != nil:
		return "", "", 0, false, failed("read the lease", err)
	}
	return holder, url, uint64(e), true, nil
}

// RoleVersions are what a role was set to, newest first; none where it never was.
func (d *DB) RoleVersions(ctx context.Context, name string) ([]apps.Role, error) {
	roles, err := readAll[apps.Role](ctx, d.read, `SELECT doc FROM role_versions WHERE name = $1 ORDER BY version DESC LIMIT $2`, name, versionsMax)
	if err != nil {
		return nil, failed("read what a role was", err)
	}
	return roles, nil
}
