// Package store remembers: one schema and one set of queries on two engines,
// PostgreSQL and SQLite.
//
// All that the leader decides is written by Commit alone, one transaction per
// step of its loop, fenced by the epoch of its lease: what a deposed leader still
// tries to write is refused. Reads may be made on any server, leader or not.
//
// On PostgreSQL all sessions must reach the primary directly: a pooler in
// transaction mode breaks the session lock that leadership rests on. SQLite is
// for one process alone; a second one is refused by Open.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"pacer/apps"
	"pacer/migrations"
)

var (
	// ErrFenced: the lease has another epoch than the caller's. Nothing was written,
	// and nothing the caller may still write will be.
	ErrFenced = errors.New("another leader has taken over")

	// ErrUnknown: the connection was lost while the commit was under way, so it may
	// have happened or not. Only reading the store again tells: the caller steps
	// down and the next leader loads what is there.
	ErrUnknown = errors.New("the outcome of the commit is unknown")
)

// DB is a store. Its methods may be called by any number of goroutines.
type DB struct {
	engine
	read  *sql.DB // for what both engines do with the same text
	write *sql.DB // the same; on SQLite the only one that may write
}

// An engine is what PostgreSQL and SQLite do differently.
type engine interface {
	// commit runs the writes in one transaction, the fence first.
	commit(ctx context.Context, epoch uint64, writes []write) error
	// lead waits for the lease and takes it; prune is to be run while it is held.
	lead(ctx context.Context, holder, url string, ttl time.Duration, prune func(context.Context)) (*Lease, error)
	// now is the SQL for the database's clock in milliseconds.
	now() string
	// snapshot begins a transaction that sees one moment.
	snapshot(ctx context.Context) (*sql.Tx, error)
	// exclusively runs f while no other process migrates this database.
	exclusively(ctx context.Context, f func() error) error
	dialect() goose.Dialect
	close() error
}

// Open opens the store at url, creates or upgrades its schema, and returns it:
//
//	postgres://user:password@host/database?…    as pgx reads it (also postgresql://)
//	sqlite:PATH, file:PATH                      a file, made if it is not there
//	sqlite::memory:                             nothing outlives Close
func Open(ctx context.Context, url string) (*DB, error) {
	var d *DB
	var err error
	switch scheme, rest, _ := strings.Cut(url, ":"); scheme {
	case "postgres", "postgresql":
		d, err = openPostgres(ctx, url)
	case "sqlite", "file":
		d, err = openSQLite(ctx, rest)
	default:
		return nil, fmt.Errorf("open store: %q is neither postgres://user:password@host/database nor sqlite:PATH", scheme+":…")
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := d.exclusively(ctx, func() error { return d.migrate(ctx) }); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), d.Close())
	}
	return d, nil
}

// migrate brings the schema to what this program expects, and gives a new store
// its number.
func (d *DB) migrate(ctx context.Context) error {
	p, err := goose.NewProvider(d.dialect(), d.write, migrations.FS)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return fmt.Errorf("draw the cluster's number: %w", err)
	}
	_, err = d.write.ExecContext(ctx, `INSERT INTO meta (id, cluster, serial, seq) VALUES (1, $1, 0, 0) ON CONFLICT (id) DO NOTHING`,
		int64(binary.LittleEndian.Uint64(random[:])))
	if err != nil {
		return fmt.Errorf("draw the cluster's number: %w", err)
	}
	return nil
}

// Close ends a lease that is held and closes the store.
func (d *DB) Close() error { return d.close() }

// Ping asks the database for an answer; an *apps.Error of kind Unavailable says
// that there was none.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	if err := d.read.QueryRowContext(ctx, `SELECT 1 FROM meta`).Scan(&one); err != nil {
		return failed("ping", err)
	}
	return nil
}

// failed says what went wrong with a read. The user of the API can do nothing
// about it but try again.
func failed(doing string, err error) error {
	return &apps.Error{
		Kind:    apps.Unavailable,
		Message: "the store does not answer; try again in a moment",
		Err:     fmt.Errorf("%s: %w", doing, err),
	}
}
