package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Leadership on PostgreSQL is three things together:
//
//   - a session advisory lock. It is free the moment the holder's process or
//     machine closes its connection, so a crash costs milliseconds. But a holder
//     that is frozen, or cut off, keeps it for ever;
//   - the row of the lease, with a time limit by the clock of the database. Once it
//     is over, whoever waits terminates the session that holds the lock;
//   - the epoch in that row. It grows when the lease is taken, under a row lock that
//     waits for the commits of the old epoch; what that leader sends later is
//     refused (fenceSQL).
//
// No two clocks are ever compared.

// lead waits for the lock, then takes the row.
func (p *postgres) lead(ctx context.Context, holder, url string, ttl time.Duration, prune func(context.Context)) (*Lease, error) {
	cfg := p.pool.Config().ConnConfig
	for name, value := range map[string]string{
		"application_name":                    "pacer leader",
		"idle_in_transaction_session_timeout": "500", // ms: a transaction of one who freezes does not stand in the way
		"client_connection_check_interval":    "1000",
		"tcp_keepalives_idle":                 "5", // s
		"tcp_keepalives_interval":             "2",
		"tcp_keepalives_count":                "3",
	} {
		cfg.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*Lease, error) {
		closeSoon(conn)
		return nil, err
	}
	if err := p.lock(ctx, conn, ttl); err != nil {
		return fail(err)
	}
	sent := time.Now()
	epoch, err := p.take(ctx, conn, holder, url, ttl)
	if err != nil {
		return fail(err)
	}
	// A renewal that a crash of the database loses only ends the lease sooner, so none
	// waits for the disk, behind what a big commit has yet to write.
	if _, err := conn.Exec(ctx, `SET synchronous_commit TO off`); err != nil {
		return fail(err)
	}
	k := &keeper{p: p, conn: conn, epoch: epoch, ttl: ttl, renewed: sent}
	return newLease(uint64(epoch), k.keep, k.giveBack, prune), nil
}

// closeSoon ends a session in at most a second. What is left of it is then the
// server's to notice.
func closeSoon(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// lock waits for the advisory lock, and sees to it that its holder does not keep
// it beyond his time.
func (p *postgres) lock(ctx context.Context, conn *pgx.Conn, ttl time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var deposing sync.WaitGroup
	defer deposing.Wait()
	deposing.Go(func() {
		if err := p.depose(ctx, ttl); err != nil {
			cancel(fmt.Errorf("watch the lease: %w", err))
		}
	})
	_, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, p.key)
	cancel(errors.New("the lock is ours"))
	return err
}

// depose looks, until ctx ends, whether the lease is over, and then terminates the
// session that holds the lock. Mostly that is the one which the row names. Another
// one has just got the lock and is about to take the row: it is left alone unless
// a second look, half a ttl later, still finds it so: then it is frozen too.
func (p *postgres) depose(ctx context.Context, ttl time.Duration) error {
	query := fmt.Sprintf(`SELECT until - %s, backend_pid, coalesce((SELECT pid FROM pg_locks
		WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = $1
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1), 0) FROM lease WHERE id = 1`, p.now())
	pause := time.NewTimer(0)
	defer pause.Stop()
	var suspect int64
	var suspected time.Time
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		var left, named, locker int64
		look, cancel := context.WithTimeout(ctx, ttl)
		err := p.pool.QueryRow(look, query, p.key).Scan(&left, &named, &locker)
		cancel()
		wait := ttl / 4
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			// The lock session may wait on a server that is gone: after a while a new
			// attempt is better.
			if failures++; failures >= 10 {
				return err
			}
		case left > 0:
			failures, suspect = 0, 0
			wait = min(time.Duration(left+1)*time.Millisecond, ttl/2)
		case locker == 0:
			failures, suspect = 0, 0
		case locker == named, locker == suspect && time.Since(suspected) >= ttl/2:
			failures = 0
			_, _ = p.pool.Exec(ctx, `SELECT pg_terminate_backend($1)`, locker)
		default:
			failures = 0
			if locker != suspect {
				suspect, suspected = locker, time.Now()
			}
		}
		pause.Reset(wait)
	}
}

// take raises the epoch. It waits for a commit of the old one that is under way,
// but not for one whose sender froze in the middle of it: after half a second such
// a session is terminated, and with it the transaction.
func (p *postgres) take(ctx context.Context, conn *pgx.Conn, holder, url string, ttl time.Duration) (epoch int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var clearing sync.WaitGroup
	defer clearing.Wait()
	defer cancel()
	pid := conn.PgConn().PID()
	clearing.Go(func() {
		ticker := time.NewTicker(500 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_, _ = p.pool.Exec(ctx, `SELECT pg_terminate_backend(blocker) FROM unnest(pg_blocking_pids($1)) AS blocker`, int64(pid))
			}
		}
	})
	tx, err := conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // where it is not committed
	if _, err := tx.Exec(ctx, `SELECT 1 FROM lease WHERE id = 1 FOR UPDATE`); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, fmt.Sprintf(`UPDATE lease SET epoch = epoch + 1, holder = $1, url = $2, backend_pid = $3, until = %s + $4 WHERE id = 1 RETURNING epoch`, p.now()),
		holder, url, int64(pid), ttl.Milliseconds()).Scan(&epoch)
	if err != nil {
		return 0, fmt.Errorf("take the lease: %w", err)
	}
	return epoch, tx.Commit(ctx)
}

// A keeper renews a lease on the session that holds its lock.
type keeper struct {
	p       *postgres
	conn    *pgx.Conn
	epoch   int64
	ttl     time.Duration
	renewed time.Time // the last renewal that was answered was sent then
}

// keep renews until ctx ends. Between renewals it listens to the session, so that
// its end is noticed at once.
func (k *keeper) keep(ctx context.Context) error {
	next := k.renewed.Add(k.ttl / 3)
	for {
		rest, cancel := context.WithDeadline(ctx, next)
		_, err := k.conn.WaitForNotification(rest)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && k.conn.IsClosed():
			return fmt.Errorf("lost the session that leads: %w", err)
		case time.Now().Before(next):
			continue // somebody notified this session of something
		}
		sent := time.Now()
		if err := k.renew(); err != nil {
			return err
		}
		k.renewed, next = sent, sent.Add(k.ttl/3)
	}
}

// renew gives up when nobody else can have won the lease yet: the row is valid
// for a ttl from when the last renewal reached the database, which was after it
// was sent.
func (k *keeper) renew() error {
	ctx, cancel := context.WithDeadline(context.Background(), k.renewed.Add(k.ttl-k.ttl/10))
	defer cancel()
	tag, err := k.conn.Exec(ctx, fmt.Sprintf(`UPDATE lease SET until = %s + $2 WHERE id = 1 AND epoch = $1`, k.p.now()), k.epoch, k.ttl.Milliseconds())
	switch {
	case err != nil:
		return fmt.Errorf("renew the lease: %w", err)
	case tag.RowsAffected() == 0:
		return fmt.Errorf("renew the lease: %w", ErrFenced)
	}
	return nil
}

// giveBack frees the lock; where the lease is not lost it also says in the row
// that nobody leads.
func (k *keeper) giveBack(lost bool) error {
	defer closeSoon(k.conn)
	if lost || k.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := k.conn.Exec(ctx, `UPDATE lease SET until = 0 WHERE id = 1 AND epoch = $1`, k.epoch); err != nil {
		return fmt.Errorf("give back the lease: %w", err)
	}
	if _, err := k.conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, k.p.key); err != nil {
		return fmt.Errorf("give back the lease: %w", err)
	}
	return nil
}
