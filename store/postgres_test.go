package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pacer/deployer/cluster"
	"pacer/testbed"
)

// server is one PostgreSQL of our own for the tests of this package.
var server struct {
	sync.Once
	*testbed.Postgres
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.Postgres != nil {
		if err := server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var databases atomic.Int64

// newDatabase makes an empty database until the end of the test.
func newDatabase(tb testing.TB) string {
	tb.Helper()
	server.Do(func() { server.Postgres, server.err = testbed.StartPostgres(context.Background()) })
	if errors.Is(server.err, testbed.ErrCannot) {
		tb.Skip(server.err)
	}
	if server.err != nil {
		tb.Fatal(server.err)
	}
	name := fmt.Sprintf("pacer%d", databases.Add(1))
	admin := func(query string) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		conn, err := pgx.Connect(ctx, server.URL)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, query)
		return errors.Join(err, conn.Close(ctx))
	}
	if err := admin("CREATE DATABASE " + name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := admin("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
	})
	u, err := url.Parse(server.URL)
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// The power of the database server is cut while a leader commits: he steps down,
// what he was told to be stored is stored, and the next leader goes on with it.
func TestAPowerCutOfTheDatabaseLosesNothing(t *testing.T) {
	t.Parallel()
	p := testbed.NewPostgres(t)
	d := open(t, p.URL)
	l, err := d.Lead(t.Context(), "a", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	stored := make(chan uint64, 1) // the last one that was acknowledged
	under := make(chan struct{})   // some were
	go func() {
		for seq := uint64(1); ; seq++ {
			if err := d.Commit(context.Background(), l.Epoch, cluster.Changes{Serial: seq, Notices: cluster.NoticesOf(notices(seq, seq)...)}); err != nil {
				stored <- seq - 1
				return
			}
			if seq == 50 {
				close(under)
			}
		}
	}()
	<-under

	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}

	last := <-stored
	<-l.Lost()
	next := must(d.Lead(t.Context(), "a", "", ttl))(t)
	t.Cleanup(func() { _ = next.Release(context.Background()) })
	s := load(t, d)
	if s.Seq != last && s.Seq != last+1 { // the one under way may have happened
		t.Errorf("%d was acknowledged, %d is stored", last, s.Seq)
	}
	if s.Serial != s.Seq || next.Epoch != l.Epoch+1 {
		t.Errorf("serial %d, seq %d; epoch %d follows %d", s.Serial, s.Seq, next.Epoch, l.Epoch)
	}
	commit(t, d, next, cluster.Changes{Notices: cluster.NoticesOf(notices(s.Seq+1, s.Seq+1)...)})
}

func TestTwoServersOpenANewDatabaseAtOnce(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	ids := make([]uint64, 4)
	var opening sync.WaitGroup
	for i := range ids {
		opening.Go(func() {
			d, err := Open(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			s, err := d.Load(t.Context())
			if err = errors.Join(err, d.Close()); err != nil {
				t.Error(err)
			}
			ids[i] = s.Cluster
		})
	}
	opening.Wait()
	for _, id := range ids {
		if id != ids[0] || id == 0 {
			t.Errorf("they drew different numbers for the cluster: %v", ids)
			break
		}
	}
}
