package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// eventually waits until a condition holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			tb.Fatalf("it never came true that %s", what)
		case <-tick.C:
		}
	}
}

// leading is a contender who waits for the lease.
type leading struct {
	lease *Lease
	err   error
	at    time.Time // when he won
}

func contend(ctx context.Context, d *DB, holder string, ttl time.Duration) <-chan leading {
	won := make(chan leading, 1)
	go func() {
		l, err := d.Lead(ctx, holder, "http://"+holder, ttl)
		won <- leading{l, err, time.Now()}
	}()
	return won
}

// within waits for a contender to win.
func within(tb testing.TB, won <-chan leading, limit time.Duration) leading {
	tb.Helper()
	select {
	case l := <-won:
		if l.err != nil {
			tb.Fatal(l.err)
		}
		tb.Cleanup(func() { _ = l.lease.Release(context.Background()) })
		return l
	case <-time.After(limit):
		tb.Fatalf("nobody won within %v", limit)
		panic("unreachable")
	}
}

func TestTheLeaseGoesToTheNextOnRelease(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		if _, _, _, ok, err := d.Leader(t.Context()); ok || err != nil {
			t.Fatalf("somebody leads a new store: %v %v", ok, err)
		}
		const long = time.Hour // so that it cannot be the end of the lease
		first, err := d.Lead(t.Context(), "a", "http://a", long)
		if err != nil {
			t.Fatal(err)
		}
		second := contend(t.Context(), d, "b", long)
		holder, url, epoch, ok, err := d.Leader(t.Context())
		if err != nil || !ok || holder != "a" || url != "http://a" || epoch != first.Epoch {
			t.Errorf("leader is %s at %s, epoch %d, %v, %v", holder, url, epoch, ok, err)
		}
		select {
		case <-second:
			t.Fatal("two hold the lease")
		case <-first.Lost():
			t.Fatal(first.Err())
		default:
		}

		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}

		<-first.Lost()
		if !errors.Is(first.Err(), ErrReleased) {
			t.Errorf("lost because of %v", first.Err())
		}
		next := within(t, second, 20*time.Second)
		if next.lease.Epoch != first.Epoch+1 {
			t.Errorf("epoch %d follows %d", next.lease.Epoch, first.Epoch)
		}
		if err := next.lease.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, _, ok, err := d.Leader(t.Context()); ok || err != nil {
			t.Errorf("somebody leads after the last release: %v %v", ok, err)
		}
	})
}

func TestWhoeverStopsWaitingDoesNotLead(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		first := lead(t, d)
		ctx, cancel := context.WithCancelCause(t.Context())
		tired := errors.New("tired of waiting")
		second := contend(ctx, d, "b", ttl)

		cancel(tired)

		if w := <-second; !errors.Is(w.err, tired) {
			t.Errorf("got %+v, expected %q", w, tired)
		}
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if next := within(t, contend(t.Context(), d, "c", ttl), 20*time.Second); next.lease.Epoch != first.Epoch+1 {
			t.Errorf("epoch %d follows %d", next.lease.Epoch, first.Epoch)
		}
	})
}

func TestALeaseIsRenewed(t *testing.T) {
	t.Parallel()
	d := open(t, newDatabase(t))
	l, err := d.Lead(t.Context(), "a", "", ttl)
	if err != nil {
		t.Fatal(err)
	}
	second := contend(t.Context(), open(t, newProxyURL(t, d)), "b", ttl)
	var until int64
	var renewed int
	eventually(t, "it was renewed for twice its length", func() bool {
		var u int64
		if err := d.read.QueryRowContext(t.Context(), `SELECT until FROM lease`).Scan(&u); err != nil {
			t.Fatal(err)
		}
		if u != until {
			until = u
			renewed++
		}
		return renewed > 6
	})
	select {
	case <-l.Lost():
		t.Error(l.Err())
	case w := <-second:
		t.Errorf("two hold the lease: %+v", w)
	default:
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, second, 20*time.Second)
}

// newProxyURL is the URL of an open database for a second server.
func newProxyURL(tb testing.TB, d *DB) string {
	_, url := newProxy(tb, d.engine.(*postgres).pool.Config().ConnString())
	return url
}

func TestAHolderWhoseSessionDiesIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	const long = time.Hour
	p, through := newProxy(t, url)
	a, b := open(t, through), open(t, url)
	first, err := a.Lead(t.Context(), "a", "", long)
	if err != nil {
		t.Fatal(err)
	}
	second := contend(t.Context(), b, "b", long)

	p.cut()

	next := within(t, second, 20*time.Second)
	if next.lease.Epoch != first.Epoch+1 {
		t.Errorf("epoch %d follows %d", next.lease.Epoch, first.Epoch)
	}
	<-first.Lost() // though its next renewal is due in twenty minutes
	eventually(t, "the old leader is connected again, and told", func() bool {
		err := a.Commit(t.Context(), first.Epoch, cluster.Changes{Serial: 1})
		if err == nil {
			t.Fatal("the old leader could commit")
		}
		return errors.Is(err, ErrFenced)
	})
}

func TestAFrozenHolderIsFollowedWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	p, through := newProxy(t, url)
	a, b := open(t, through), open(t, url)
	first, err := a.Lead(t.Context(), "a", "", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	lost := make(chan time.Time, 1)
	go func() { <-first.Lost(); lost <- time.Now() }()
	second := contend(t.Context(), b, "b", time.Second)

	p.set(frozen)
	froze := time.Now()

	next := within(t, second, 20*time.Second)
	if next.lease.Epoch != first.Epoch+1 {
		t.Errorf("epoch %d follows %d", next.lease.Epoch, first.Epoch)
	}
	if at := <-lost; !at.Before(next.at) {
		t.Errorf("both held the lease for %v", at.Sub(next.at))
	}
	t.Logf("followed %v after it froze", next.at.Sub(froze))
	p.set(passing)
	if err := a.Commit(t.Context(), first.Epoch, cluster.Changes{Serial: 1}); !errors.Is(err, ErrFenced) {
		t.Errorf("the old leader's commit: %v", err)
	}
}

// One who freezes between getting the lock and taking the row must not stand in
// the way for ever: the row does not name him.
func TestAContenderFrozenWithTheLockIsPassedOver(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	d := open(t, url)
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, d.engine.(*postgres).key); err != nil {
		t.Fatal(err)
	}

	within(t, contend(t.Context(), d, "a", time.Second), 20*time.Second)

	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the session that froze with the lock is still there")
	}
}

func connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// begin opens a fenced transaction that has written something.
func begin(tb testing.TB, url string, epoch uint64) *pgx.Conn {
	tb.Helper()
	conn := connect(tb, url)
	for _, query := range []string{`BEGIN`, `SELECT 1 / count(*) FROM (SELECT 1 FROM lease WHERE id = 1 AND epoch = ` + fmt.Sprint(epoch) + ` FOR KEY SHARE) AS held`, `UPDATE meta SET serial = 42`} {
		if _, err := conn.Exec(tb.Context(), query); err != nil {
			tb.Fatal(err)
		}
	}
	return conn
}

func TestATakeoverWaitsForTheCommitUnderWay(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	d := open(t, url)
	first := lead(t, d)
	old := begin(t, url, first.Epoch)
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := contend(t.Context(), d, "b", ttl)
	eventually(t, "the new leader waits for the row", func() bool {
		var n int
		err := d.read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
			AND wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE%' AND pid <> pg_backend_pid()`).Scan(&n)
		return err == nil && n == 1
	})
	select {
	case w := <-second:
		t.Fatalf("it did not wait: %+v", w)
	default:
	}

	if _, err := old.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}

	next := within(t, second, 20*time.Second)
	if s := load(t, d); s.Serial != 42 {
		t.Errorf("the new leader does not see what the old one committed: serial %d", s.Serial)
	}
	if err := d.Commit(t.Context(), first.Epoch, cluster.Changes{Serial: 43}); !errors.Is(err, ErrFenced) {
		t.Errorf("the old leader's next commit: %v", err)
	}
	commit(t, d, next.lease, cluster.Changes{Serial: 44})
}

func TestATakeoverDoesNotWaitForAFrozenCommit(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	d := open(t, url)
	first := lead(t, d)
	old := begin(t, url, first.Epoch)
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}

	within(t, contend(t.Context(), d, "b", ttl), 20*time.Second)

	if _, err := old.Exec(t.Context(), `COMMIT`); err == nil {
		t.Error("it could still commit")
	}
	if s := load(t, d); s.Serial != 0 {
		t.Errorf("what the frozen transaction wrote is there: serial %d", s.Serial)
	}
}

func TestARenewalDoesNotWaitForACommit(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	d := open(t, url)
	l, err := d.Lead(t.Context(), "a", "", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	old := begin(t, url, l.Epoch)
	var before, after int64
	until := func() (u int64) {
		if err := d.read.QueryRowContext(t.Context(), `SELECT until FROM lease`).Scan(&u); err != nil {
			t.Fatal(err)
		}
		return u
	}
	before = until()
	eventually(t, "it was renewed while a commit was under way", func() bool { after = until(); return after > before })
	if _, err := old.Exec(t.Context(), `COMMIT`); err != nil {
		t.Error(err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTheOutcomeOfACommitWithoutAnAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	p, through := newProxy(t, url)
	d, direct := open(t, through), open(t, url)
	l := lead(t, direct)
	commit(t, d, l, cluster.Changes{Serial: 1})

	p.set(cutCommits)
	err := d.Commit(t.Context(), l.Epoch, cluster.Changes{Serial: 2})
	p.set(passing)

	if !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v, expected ErrUnknown", err)
	}
	if s := load(t, direct); s.Serial != 2 {
		t.Errorf("this one did happen, but serial is %d", s.Serial)
	}

	p.set(cutRequests)
	err = d.Commit(t.Context(), l.Epoch, cluster.Changes{Serial: 3})
	p.set(passing)

	if err == nil || errors.Is(err, ErrFenced) {
		t.Errorf("got %v", err)
	}
	if s := load(t, direct); s.Serial != 2 {
		t.Errorf("this one did not happen, but serial is %d", s.Serial)
	}

	// A commit that hangs ends with its context.
	p.set(frozen)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := d.Commit(ctx, l.Epoch, cluster.Changes{Serial: 4}); err == nil {
		t.Error("a commit through a frozen network succeeded")
	}
	p.set(passing)
	commit(t, d, l, cluster.Changes{Serial: 5}) // and the store mends itself
}

// Three servers contend while their sessions are cut, frozen and given back, each
// committing as fast as it can. The notices tell who wrote when.
func TestNothingOfAnOldEpochFollowsANewOne(t *testing.T) {
	t.Parallel()
	const rounds, ttl = 24, 300 * time.Millisecond
	url := newDatabase(t)
	watch := open(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var epochs sync.Map // epoch → server
	var wins sync.WaitGroup
	wins.Add(rounds)
	var won struct {
		sync.Mutex
		n int
	}
	var servers sync.WaitGroup
	for i := range 3 {
		p, through := newProxy(t, url)
		d := open(t, through)
		dice := rand.New(rand.NewPCG(7, uint64(i)))
		servers.Go(func() {
			for ctx.Err() == nil {
				l, err := d.Lead(ctx, fmt.Sprint("server-", i), "", ttl)
				if err != nil {
					continue
				}
				if other, taken := epochs.LoadOrStore(l.Epoch, i); taken {
					t.Errorf("servers %d and %v both won epoch %d", i, other, l.Epoch)
				}
				won.Lock()
				if won.n++; won.n <= rounds {
					wins.Done()
				}
				won.Unlock()
				fault := time.AfterFunc(time.Duration(dice.IntN(150))*time.Millisecond, func() {
					switch dice.IntN(3) {
					case 0:
						p.cut()
					case 1:
						p.set(frozen)
					case 2:
						_ = l.Release(ctx)
					}
				})
				writeUntilLost(ctx, d, l)
				fault.Stop()
				p.set(passing)
				_ = l.Release(ctx)
			}
		})
	}
	wins.Wait()
	cancel()
	servers.Wait()

	var epoch, n uint64
	for after := uint64(0); ; {
		page := must(watch.Notices(t.Context(), after, 1000))(t)
		if len(page) == 0 {
			break
		}
		for _, notice := range page {
			if n++; notice.Seq != n {
				t.Fatalf("notice %d comes where %d is due", notice.Seq, n)
			}
			if e := uint64(notice.Version); e < epoch {
				t.Fatalf("notice %d of epoch %d follows epoch %d", notice.Seq, e, epoch)
			} else {
				epoch = e
			}
		}
		after = n
	}
	t.Logf("%d leaders, %d commits", won.n, n)
	if n < rounds {
		t.Errorf("only %d commits by %d leaders: this test tests nothing", n, won.n)
	}
}

// writeUntilLost is a leader: he loads, then commits until the first error. He
// does not look at his lease, so the store alone is what stops him.
func writeUntilLost(ctx context.Context, d *DB, l *Lease) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := d.Load(ctx)
	for seq := s.Seq + 1; err == nil; seq++ {
		err = d.Commit(ctx, l.Epoch, cluster.Changes{Notices: cluster.NoticesOf(apps.Notice{Seq: seq, At: today, Version: apps.Version(l.Epoch)})})
	}
}
