package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteDB is the embedded engine. One connection writes, several read; the
// write-ahead log lets them not wait for each other.
type sqliteDB struct {
	read, write *sql.DB
	lock        *os.File      // holds the lock of the file; nil in memory
	leads       chan struct{} // a token while nobody in this process leads

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // on write, by text
	lease    *Lease               // the one that is held, or was last
}

// sqliteReaders is how many connections read.
const sqliteReaders = 4

func openSQLite(ctx context.Context, path string) (*DB, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)",
		"synchronous(FULL)", // a commit is on the disk before it returns
	}}
	var err error
	s := &sqliteDB{leads: make(chan struct{}, 1), prepared: make(map[string]*sql.Stmt)}
	s.leads <- struct{}{}
	if path == ":memory:" {
		if s.write, err = sql.Open("sqlite", path+"?"+q.Encode()); err != nil {
			return nil, err
		}
		s.read = s.write // each connection would have a memory of its own
	} else {
		path = strings.TrimPrefix(path, "//") // file:///PATH
		if path == "" {
			return nil, errors.New("no file is named: write sqlite:PATH")
		}
		if s.lock, err = lockFile(path); err != nil {
			return nil, err
		}
		q.Add("_pragma", "journal_mode(WAL)")
		file := "file:" + (&url.URL{Path: path}).EscapedPath() + "?"
		if s.write, err = sql.Open("sqlite", file+q.Encode()); err != nil {
			return nil, errors.Join(err, s.lock.Close())
		}
		q.Set("_txlock", "deferred")
		q.Add("_pragma", "query_only(1)")
		if s.read, err = sql.Open("sqlite", file+q.Encode()); err != nil {
			return nil, errors.Join(err, s.write.Close(), s.lock.Close())
		}
		s.read.SetMaxOpenConns(sqliteReaders)
		s.read.SetMaxIdleConns(sqliteReaders)
	}
	s.write.SetMaxOpenConns(1)
	if err := s.write.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), s.close())
	}
	return &DB{engine: s, read: s.read, write: s.write}, nil
}

// lockFile makes the file of a database, and takes the lock that lets one process
// alone use it. The lock is a file beside it: SQLite's own locks on the database
// vanish when anybody in the process closes it.
func lockFile(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another process uses %s (it holds %s.lock): stop it, or give this one another --data-dir", path, path), lock.Close())
	}
	// Specs carry secrets: the file, and what SQLite makes beside it with the same
	// mode, is for its owner.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, file.Close()
}

func (s *sqliteDB) dialect() goose.Dialect { return goose.DialectSQLite3 }

func (s *sqliteDB) now() string { return `CAST(unixepoch('subsec') * 1000 AS BIGINT)` }

// exclusively: the lock on the file is enough. What the lease of a process that
// crashed says is over.
func (s *sqliteDB) exclusively(ctx context.Context, f func() error) error {
	if err := f(); err != nil {
		return err
	}
	_, err := s.write.ExecContext(ctx, `UPDATE lease SET until = 0 WHERE id = 1`)
	return err
}

func (s *sqliteDB) snapshot(ctx context.Context) (*sql.Tx, error) {
	return s.read.BeginTx(ctx, nil)
}

func (s *sqliteDB) close() error {
	s.mu.Lock()
	lease := s.lease
	s.mu.Unlock()
	var errs []error
	if lease != nil {
		errs = append(errs, lease.Release(context.Background()))
	}
	if s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	errs = append(errs, s.write.Close())
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// lead waits until nobody in this process leads: no other process can.
func (s *sqliteDB) lead(ctx context.Context, holder, url string, _ time.Duration, prune func(context.Context)) (*Lease, error) {
	select {
	case <-s.leads:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	var epoch int64
	err := s.write.QueryRowContext(ctx, `UPDATE lease SET epoch = epoch + 1, holder = $1, url = $2, backend_pid = $3, until = $4 WHERE id = 1 RETURNING epoch`,
		holder, url, os.Getpid(), int64(math.MaxInt64)).Scan(&epoch)
	if err != nil {
		s.leads <- struct{}{}
		return nil, err
	}
	keep := func(ctx context.Context) error { <-ctx.Done(); return nil }
	giveBack := func(bool) error {
		defer func() { s.leads <- struct{}{} }()
		_, err := s.write.Exec(`UPDATE lease SET until = 0 WHERE id = 1`)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease = newLease(uint64(epoch), keep, giveBack, prune)
	return s.lease, nil
}

func (s *sqliteDB) commit(ctx context.Context, epoch uint64, writes []write) (err error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ended(tx.Rollback()))
		}
	}()
	var missing []string
	do := func(query string, args ...any) error {
		if stmt := s.statement(query); stmt != nil {
			_, err := tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
			return err
		}
		missing = append(missing, query)
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	}
	var one int
	switch err := tx.QueryRowContext(ctx, `SELECT 1 FROM lease WHERE id = 1 AND epoch = $1`, int64(epoch)).Scan(&one); {
	case errors.Is(err, sql.ErrNoRows):
		return ErrFenced
	case err != nil:
		return fmt.Errorf("fence: %w", err)
	}
	for _, w := range writes {
		if err := perform(w, do); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		var e *sqlite.Error
		if errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY {
			return err
		}
		return errors.Join(ErrUnknown, err)
	}
	s.prepare(missing)
	return nil
}

// statement is the prepared one of a text, or nil.
func (s *sqliteDB) statement(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prepared[query]
}

// prepare prepares statements for the next commit: within one, its transaction
// has the only connection. There are few texts: for each table, those that put one
// row and sqliteRows.
func (s *sqliteDB) prepare(queries []string) {
	for _, query := range queries {
		if s.statement(query) != nil {
			continue
		}
		// The statement outlives the commit, so its context is not the commit's. One
		// that cannot be prepared is run as text, as it just was.
		if stmt, err := s.write.Prepare(query); err == nil {
			s.mu.Lock()
			s.prepared[query] = stmt
			s.mu.Unlock()
		}
	}
}

// sqliteRows is how many rows a statement puts at once where there are so many.
const sqliteRows = 50

func perform(w write, do func(query string, args ...any) error) error {
	switch w := w.(type) {
	case put:
		return w.perform(do)
	case drop:
		keys, err := json.Marshal(w.keys)
		if err != nil {
			return err
		}
		return wrap("delete from "+w.from, do("DELETE FROM "+w.from+" WHERE "+w.column+" IN (SELECT value FROM json_each($1))", string(keys)))
	case trim:
		for _, key := range w.of {
			if err := do(w.one(), key); err != nil {
				return wrap("trim versions", err)
			}
		}
		return nil
	case serial:
		return wrap("serial", do(serialSQL, w.to))
	case advance:
		return wrap(w.what(), do(advanceSQL, w.from, w.to))
	default:
		panic(fmt.Sprintf("store: no case for %T", w))
	}
}

func (w put) perform(do func(query string, args ...any) error) error {
	n := w.len()
	args := make([]any, 0, sqliteRows*len(w.cols))
	for from := 0; from < n; {
		rows := 1
		if n-from >= sqliteRows {
			rows = sqliteRows
		}
		args = args[:0]
		for i := from; i < from+rows; i++ {
			for _, col := range w.cols {
				switch col := col.(type) {
				case []int64:
					args = append(args, col[i])
				case []string:
					args = append(args, col[i])
				}
			}
		}
		if err := do(w.into.insertValues(rows), args...); err != nil {
			return wrap("put into "+w.into.name, err)
		}
		from += rows
	}
	return nil
}

// insertValues is the statement that puts so many rows.
func (t *table) insertValues(rows int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(t.cols)), ", ") + ")"
	return "INSERT INTO " + t.name + " (" + strings.Join(t.cols, ", ") + ") VALUES " +
		strings.TrimSuffix(strings.Repeat(row+", ", rows), ", ") + t.onConflict()
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
