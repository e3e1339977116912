package store

import (
	"context"
	"time"
)

// What is kept of the past.
const (
	noticesMax     = 1_000_000
	noticesAge     = 7 * 24 * time.Hour
	finishedPerApp = 100
	finishedMax    = 10_000
	finishedOfRuns = 2_000 // of jobs: those of apps do not make way for them
	evidencePerApp = 20
	evidenceOfRuns = 500
	evidenceMax    = 2_000 // of 16 KiB and more: some 40 MB
	endedMax       = 1_000 // deployments
	goneGroupsMax  = 1_000
)

// pruneEvery is the pause between two prunings.
const pruneEvery = time.Minute

// pruneRows bounds one DELETE, so that a commit never waits long behind it.
const pruneRows = 2_000

// prune deletes what is too old, now and every minute, until ctx ends. The leader
// runs it, beside its commits; it is harmless where two do.
func (d *DB) prune(ctx context.Context) {
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		// What an error left undone, the next round does; a database that is away is
		// noticed and told by the commits.
		_ = d.pruneOnce(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// pruneOnce deletes what is too old at a moment.
func (d *DB) pruneOnce(ctx context.Context, now time.Time) error {
	for _, p := range []struct {
		sql  string
		args []any
	}{
		{`DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT $1)
			AND (at < $2 OR seq <= (SELECT seq FROM meta WHERE id = 1) - $3)`,
			[]any{pruneRows, now.Add(-noticesAge).UnixMilli(), noticesMax}},
		{`DELETE FROM event_pages WHERE first_seq IN (SELECT first_seq FROM event_pages ORDER BY first_seq LIMIT $1)
			AND (at < $2 OR last_seq <= (SELECT seq FROM meta WHERE id = 1) - $3)`,
			[]any{pruneRows, now.Add(-noticesAge).UnixMilli(), noticesMax}},
		{`DELETE FROM finished WHERE id IN (SELECT id FROM finished ORDER BY at DESC, id DESC LIMIT $1 OFFSET $2)`,
			[]any{pruneRows, finishedMax}},
		{`DELETE FROM finished WHERE id IN (SELECT id FROM
			(SELECT id, row_number() OVER (PARTITION BY app ORDER BY at DESC, id DESC) AS n FROM finished) AS numbered
			WHERE n > $2 LIMIT $1)`,
			[]any{pruneRows, finishedPerApp}},
		{`DELETE FROM finished WHERE id IN (SELECT id FROM finished WHERE app LIKE '%!_%' ESCAPE '!' ORDER BY at DESC, id DESC LIMIT $1 OFFSET $2)`,
			[]any{pruneRows, finishedOfRuns}},
		{`DELETE FROM evidence WHERE instance IN (SELECT instance FROM evidence WHERE app LIKE '%!_%' ESCAPE '!' ORDER BY at DESC, instance DESC LIMIT $1 OFFSET $2)`,
			[]any{pruneRows, evidenceOfRuns}},
		{`DELETE FROM evidence WHERE instance IN (SELECT instance FROM evidence ORDER BY at DESC, instance DESC LIMIT $1 OFFSET $2)`,
			[]any{pruneRows, evidenceMax}},
		{`DELETE FROM evidence WHERE instance IN (SELECT instance FROM
			(SELECT instance, row_number() OVER (PARTITION BY app ORDER BY at DESC, instance DESC) AS n FROM evidence) AS numbered
			WHERE n > $2 LIMIT $1)`,
			[]any{pruneRows, evidencePerApp}},
		{`DELETE FROM deployments WHERE id IN (SELECT id FROM deployments WHERE ended > 0 ORDER BY ended DESC, id DESC LIMIT $1 OFFSET $2)`,
			[]any{pruneRows, endedMax}},
		{`DELETE FROM group_versions WHERE id IN (SELECT id FROM
			(SELECT id, max(version) AS last FROM group_versions WHERE id NOT IN (SELECT id FROM groups) GROUP BY id) AS gone
			ORDER BY last DESC, id DESC LIMIT $1 OFFSET $2)`,
			[]any{pruneRows, goneGroupsMax}},
	} {
		for {
			result, err := d.write.ExecContext(ctx, p.sql, p.args...)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			if n < pruneRows {
				break
			}
		}
	}
	return nil
}
