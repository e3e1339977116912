package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgres is the engine for more than one server. It needs PostgreSQL 14 or newer.
type postgres struct {
	pool *pgxpool.Pool
	sql  *sql.DB // the same pool
	key  int64   // of the advisory lock that leadership rests on; key+1 is for migrations
}

// poolMin is the least number of connections that a pool may grow to: one commit,
// and a few reads and watches beside it.
const poolMin = 8

func openPostgres(ctx context.Context, url string) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = max(cfg.MaxConns, poolMin)
	conn := cfg.ConnConfig
	// A server that is gone without a word is noticed in seconds, not in minutes.
	conn.DialFunc = (&net.Dialer{
		Timeout:         max(conn.ConnectTimeout, 5*time.Second),
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
	}).DialContext
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "pacer"
	}
	if conn.ValidateConnect == nil {
		// All of it is for the primary: what a standby shows may be old, and in another
		// order (Jepsen, RDS for PostgreSQL 17.4).
		conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p := &postgres{pool: pool, sql: stdlib.OpenDBFromPool(pool)}
	p.sql.SetMaxIdleConns(0) // the pool keeps them
	// One database may hold several Pacers, each in a schema of its own.
	err = pool.QueryRow(ctx, `SELECT hashtextextended('pacer.lease.' || coalesce(current_schema(), ''), 0)`).Scan(&p.key)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return &DB{engine: p, read: p.sql, write: p.sql}, nil
}

func (p *postgres) dialect() goose.Dialect { return goose.DialectPostgres }

func (p *postgres) now() string { return `(extract(epoch FROM clock_timestamp()) * 1000)::bigint` }

func (p *postgres) snapshot(ctx context.Context) (*sql.Tx, error) {
	return p.sql.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

func (p *postgres) exclusively(ctx context.Context, f func() error) error {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, p.key+1); err != nil {
		return err
	}
	if err := f(); err != nil {
		return errors.Join(err, conn.Conn().Close(context.WithoutCancel(ctx))) // and so the lock is free
	}
	_, err = conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, p.key+1)
	return err
}

func (p *postgres) close() error {
	err := p.sql.Close()
	p.pool.Close()
	return err
}

// fenceSQL takes a lock on the row of the lease that a new leader has to wait
// for, and that the renewals of this one do not; where the epoch is another, it
// fails with a division by zero.
const fenceSQL = `SELECT 1 / count(*) FROM (SELECT 1 FROM lease WHERE id = 1 AND epoch = $1 FOR KEY SHARE) AS held`

const divisionByZero = "22012"

// commit sends the whole transaction in one go and then reads the answers: one
// round trip, whatever is in it.
func (p *postgres) commit(ctx context.Context, epoch uint64, writes []write) error {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes it, should a transaction still be open
	var batch pgx.Batch
	var doing []string
	queue := func(what, query string, args ...any) {
		batch.Queue(query, args...)
		doing = append(doing, what)
	}
	queue("begin", `BEGIN`)
	queue("fence", fenceSQL, int64(epoch))
	for _, w := range writes {
		enqueue(w, queue)
	}
	queue("commit", `COMMIT`)

	results := conn.SendBatch(ctx, &batch)
	for _, what := range doing {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return outcome(what, err)
		}
	}
	// It is committed: whatever happens to the connection now.
	_ = results.Close()
	return nil
}

// outcome says what an error in the middle of a transaction means. Only an error
// that the server reports and lives on with is the end of the transaction. A
// session that was terminated may have been so just after it committed.
func outcome(what string, err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Severity != "ERROR" {
		return fmt.Errorf("%s: %w: %w", what, ErrUnknown, err)
	}
	if what == "fence" && e.Code == divisionByZero {
		return ErrFenced
	}
	return fmt.Errorf("%s: %w", what, err)
}

// postgresRows is how many rows a statement puts at most.
const postgresRows = 10_000

func enqueue(w write, queue func(what, query string, args ...any)) {
	switch w := w.(type) {
	case put:
		n := w.len()
		for from := 0; from < n; from += postgresRows {
			to := min(from+postgresRows, n)
			args := make([]any, len(w.cols))
			for i, col := range w.cols {
				switch col := col.(type) {
				case []int64:
					args[i] = col[from:to]
				case []string:
					args[i] = col[from:to]
				}
			}
			queue("put into "+w.into.name, w.into.insertArrays(), args...)
		}
	case drop:
		queue("delete from "+w.from, "DELETE FROM "+w.from+" WHERE "+w.column+" = ANY($1)", w.keys)
	case trim:
		queue("trim versions", w.all(), w.of)
	case serial:
		queue("serial", serialSQL, w.to)
	case advance:
		queue(w.what(), advanceSQL, w.from, w.to)
	default:
		panic(fmt.Sprintf("store: no case for %T", w))
	}
}

// all is the statement that trims the versions of all of an array: one for a commit,
// however many it changes. By OFFSET in a lateral subquery and by ctid PostgreSQL has no
// choice but to look up each key in the index: a join may read the whole table.
func (t trim) all() string {
	return fmt.Sprintf(`DELETE FROM %[1]s WHERE ctid = ANY (ARRAY (SELECT old.ctid FROM unnest($1::text[]) AS changed (id),
	LATERAL (SELECT ctid FROM %[1]s WHERE %[2]s = changed.id ORDER BY version DESC OFFSET %[3]d) AS old))`, t.table, t.key, versionsMax)
}

// insertArrays is the statement that puts any number of rows, given as one array
// for each column.
func (t *table) insertArrays() string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + t.name + " (" + strings.Join(t.cols, ", ") + ") SELECT * FROM unnest(")
	for i, isInt := range t.ints {
		kind := "text"
		if isInt {
			kind = "bigint"
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d::%s[]", i+1, kind)
	}
	b.WriteString(")" + t.onConflict())
	return b.String()
}
