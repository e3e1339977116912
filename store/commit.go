package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// Commit stores the changes of one step in one transaction, if the lease still has
// that epoch. It fails with ErrFenced where it has not, and with ErrUnknown where
// nobody can say whether it happened; after any other error nothing is stored.
// Whatever the error, the caller has to step down: what is stored is the truth.
//
// GoneApps go before Apps come, and GoneJobs before Jobs, so that one may be deleted
// and made anew in one step. Of two rows with the same key the last one wins.
func (d *DB) Commit(ctx context.Context, epoch uint64, c cluster.Changes) error {
	writes, err := plan(&c)
	if err == nil {
		err = d.commit(ctx, epoch, writes)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// A write is one part of a commit.
type write interface{ write() }

type (
	// put inserts rows, or replaces those with the same key where the table allows.
	put struct {
		into *table
		cols []any // a []string or []int64 for each column, all of one length
	}
	// drop deletes the rows whose column has one of the keys.
	drop struct {
		from, column string
		keys         []string
	}
	// trim keeps the newest versionsMax versions of each.
	trim struct {
		table, key string
		of         []string
	}
	// serial sets the number of the newest instance.
	serial struct{ to int64 }
	// advance sets the number of the newest event; it fails unless the one before
	// is stored as the newest.
	advance struct{ from, to int64 }
)

func (put) write()     {}
func (drop) write()    {}
func (trim) write()    {}
func (serial) write()  {}
func (advance) write() {}

// A table is where rows are put.
type table struct {
	name string
	cols []string // the last one is text; see ints for the others
	ints []bool   // which cols are BIGINT
	key  int      // so many of the first cols are the key; 0: a row with the same key is an error
}

func newTable(name string, key int, cols ...string) *table {
	t := &table{name: name, key: key}
	for _, c := range cols {
		col, isInt := strings.CutSuffix(c, "#")
		t.cols = append(t.cols, col)
		t.ints = append(t.ints, isInt)
	}
	return t
}

// The tables that are written row by row; # marks numbers.
var (
	appsTable        = newTable("apps", 1, "id", "version#", "doc")
	versionsTable    = newTable("app_versions", 2, "app", "version#", "doc")
	instancesTable   = newTable("instances", 1, "id", "app", "host", "doc")
	finishedTable    = newTable("finished", 1, "id", "app", "at#", "doc")
	evidenceTable    = newTable("evidence", 1, "instance", "app", "at#", "doc")
	deploymentsTable = newTable("deployments", 1, "id", "state", "started#", "ended#", "doc")
	jobsTable        = newTable("jobs", 1, "id", "doc")
	runsTable        = newTable("runs", 1, "id", "job", "doc")
	hostsTable       = newTable("hosts", 1, "name", "doc")
	claimsTable      = newTable("claims", 1, "id", "app", "host", "doc")
	answersTable     = newTable("answers", 1, "id", "at#", "doc")
	rolesTable       = newTable("roles", 1, "name", "doc")
	callbacksTable   = newTable("callbacks", 1, "url", "doc")
	roleVersions     = newTable("role_versions", 2, "name", "version#", "doc")
	eventsTable      = newTable("events", 0, "seq#", "at#", "type", "doc")
)

// onConflict is the tail of an INSERT into the table.
func (t *table) onConflict() string {
	if t.key == 0 {
		return ""
	}
	sets := make([]string, 0, len(t.cols))
	for _, c := range t.cols[t.key:] {
		sets = append(sets, c+" = excluded."+c)
	}
	return " ON CONFLICT (" + strings.Join(t.cols[:t.key], ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

// versionsMax is how many specs of an app, settings of a role, and of the cluster, are kept.
const versionsMax = 50

// one is the statement that trims the versions of $1.
func (t trim) one() string {
	return fmt.Sprintf(`DELETE FROM %[1]s WHERE %[2]s = $1 AND version <
	(SELECT version FROM %[1]s WHERE %[2]s = $1 ORDER BY version DESC LIMIT 1 OFFSET %[3]d)`, t.table, t.key, versionsMax-1)
}

const serialSQL = `UPDATE meta SET serial = $1 WHERE id = 1`

// advanceSQL fails, by a division by zero in Postgres and by NOT NULL in SQLite,
// where the stored number is not $1.
const advanceSQL = `UPDATE meta SET seq = CAST($2 AS BIGINT) / (CASE WHEN seq = $1 THEN 1 ELSE 0 END) WHERE id = 1`

// plan turns the changes into writes, in the order in which they have to be done.
func plan(c *cluster.Changes) ([]write, error) {
	var p planner
	p.drop("apps", "id", texts(c.GoneApps))
	p.drop("app_versions", "app", texts(c.GoneApps))
	putAll(&p, appsTable, c.Apps,
		func(a *apps.App) string { return string(a.ID) }, func(a *apps.App) []any { return []any{string(a.ID), int64(a.Version)} })
	putAll(&p, versionsTable, c.Apps,
		func(a *apps.App) string { return fmt.Sprint(a.ID, " ", int64(a.Version)) },
		func(a *apps.App) []any { return []any{string(a.ID), int64(a.Version)} })
	if len(c.Apps) > 0 {
		p.writes = append(p.writes, trim{"app_versions", "app", texts(each(c.Apps, func(a *apps.App) apps.ID { return a.ID }))})
	}
	p.putGroups(c.Groups)
	putAll(&p, instancesTable, c.Instances,
		func(in *apps.Instance) string { return in.ID }, func(in *apps.Instance) []any { return []any{in.ID, string(in.App), in.Host} })
	p.drop("instances", "id", each(c.Finished, func(f apps.Finished) string { return f.ID }))
	putAll(&p, finishedTable, c.Finished,
		func(f apps.Finished) string { return f.ID }, func(f apps.Finished) []any { return []any{f.ID, string(f.App), f.At.UnixMilli()} })
	putAll(&p, evidenceTable, c.Evidence,
		func(e apps.Evidence) string { return e.Instance }, func(e apps.Evidence) []any { return []any{e.Instance, string(e.App), e.At.UnixMilli()} })
	putAll(&p, deploymentsTable, c.Deployments,
		func(d apps.Deployment) string { return d.ID },
		func(d apps.Deployment) []any {
			var ended int64
			if d.State != apps.DeploymentRunning {
				ended = max(d.Ended.UnixMilli(), 1)
			}
			return []any{d.ID, string(d.State), d.Started.UnixMilli(), ended}
		})
	putAll(&p, hostsTable, c.Hosts, func(h apps.Host) string { return h.Name }, func(h apps.Host) []any { return []any{h.Name} })
	p.drop("hosts", "name", c.GoneHosts)
	p.drop("jobs", "id", each(c.GoneJobs, func(id apps.JobID) string { return string(id) }))
	putAll(&p, jobsTable, c.Jobs, func(j *apps.Job) string { return string(j.ID) }, func(j *apps.Job) []any { return []any{string(j.ID)} })
	putAll(&p, runsTable, c.Runs, func(r apps.Run) string { return r.ID }, func(r apps.Run) []any { return []any{r.ID, string(r.Job)} })
	p.drop("runs", "id", c.GoneRuns)
	putAll(&p, claimsTable, c.Claims, func(c apps.Claim) string { return c.ID },
		func(c apps.Claim) []any { return []any{c.ID, string(c.App), c.Host} })
	p.drop("claims", "id", c.GoneClaims)
	putAll(&p, rolesTable, c.Roles, func(r apps.Role) string { return r.Name }, func(r apps.Role) []any { return []any{r.Name} })
	putAll(&p, roleVersions, c.Roles, func(r apps.Role) string { return fmt.Sprint(r.Name, " ", int64(r.Version)) },
		func(r apps.Role) []any { return []any{r.Name, int64(r.Version)} })
	if len(c.Roles) > 0 {
		p.writes = append(p.writes, trim{"role_versions", "name", each(c.Roles, func(r apps.Role) string { return r.Name })})
	}
	p.drop("roles", "name", c.GoneRoles)
	p.putSettings(c)
	p.drop("callbacks", "url", c.GoneCallbacks)
	putAll(&p, callbacksTable, c.Callbacks, func(c apps.Callback) string { return c.URL }, func(c apps.Callback) []any { return []any{c.URL} })
	p.drop("answers", "id", c.GoneAnswers)
	putAll(&p, answersTable, c.Answers, func(a apps.Answer) string { return a.Key },
		func(a apps.Answer) []any { return []any{a.Key, a.At.UnixMilli()} })
	if c.Serial != 0 {
		p.writes = append(p.writes, serial{int64(c.Serial)})
	}
	if c.Notices.Len() > 0 {
		p.writes = append(p.writes, advance{int64(c.Notices.First()) - 1, int64(c.Notices.Last())})
		p.putNotices(c.Notices.Newest(noticesMax)) // the others would be pruned at once
	}
	return p.writes, p.err
}

type planner struct {
	writes []write
	err    error // the first
}

func (p *planner) drop(from, column string, keys []string) {
	if len(keys) > 0 {
		p.writes = append(p.writes, drop{from, column, keys})
	}
}

// putAll adds rows to be put: cells gives all columns but the last, the document. Only
// the last row of each key is put.
func putAll[T any](p *planner, into *table, rows []T, key func(T) string, cells func(T) []any) {
	if len(rows) == 0 {
		return
	}
	rows = lastOfEach(rows, key)
	putRows(p, into, len(rows), slices.Values(rows), cells)
}

// putRows adds n rows with unlike keys.
func putRows[T any](p *planner, into *table, n int, rows iter.Seq[T], cells func(T) []any) {
	w := put{into: into, cols: make([]any, len(into.cols))}
	for i, isInt := range into.ints {
		if isInt {
			w.cols[i] = make([]int64, 0, n)
		} else {
			w.cols[i] = make([]string, 0, n)
		}
	}
	for row := range rows {
		doc, err := encode(row)
		if err != nil {
			if p.err == nil {
				p.err = fmt.Errorf("encode for %s: %w", into.name, err)
			}
			return
		}
		for i, cell := range append(cells(row), doc) {
			switch cell := cell.(type) {
			case int64:
				w.cols[i] = append(w.cols[i].([]int64), cell)
			case string:
				w.cols[i] = append(w.cols[i].([]string), cell)
			default:
				panic(fmt.Sprintf("store: no column for %T", cell))
			}
		}
	}
	p.writes = append(p.writes, w)
}

// lastOfEach leaves out rows that a later one with the same key replaces.
func lastOfEach[T any](rows []T, key func(T) string) []T {
	if len(rows) == 1 {
		return rows
	}
	seen := make(map[string]bool, len(rows))
	kept := make([]T, 0, len(rows))
	for _, row := range slices.Backward(rows) {
		if k := key(row); !seen[k] {
			seen[k] = true
			kept = append(kept, row)
		}
	}
	slices.Reverse(kept)
	return kept
}

// encode writes a document. Unlike json.Marshal it leaves <, > and & as they are,
// so that JSON kept unread (apps.Raw) comes back as it came.
func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func each[T, R any](in []T, f func(T) R) []R {
	out := make([]R, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func texts(ids []apps.ID) []string { return each(ids, func(id apps.ID) string { return string(id) }) }

// len is the number of rows.
func (w put) len() int {
	switch col := w.cols[0].(type) {
	case []int64:
		return len(col)
	case []string:
		return len(col)
	default:
		panic(fmt.Sprintf("store: no column of %T", col))
	}
}

// what says what the write promises, for the error when it cannot be kept.
func (w advance) what() string {
	return fmt.Sprintf("notices %d to %d must follow the last stored one", w.from+1, w.to)
}
