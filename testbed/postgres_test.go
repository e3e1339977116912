package testbed

import (
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestPostgresKeepsWhatWasCommittedWhenItIsKilled(t *testing.T) {
	p := NewPostgres(t)
	do := func(query string) (n int) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), p.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	conn, err := pgx.Connect(t.Context(), p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE apps AS SELECT 17 AS n"); err != nil {
		t.Fatal(err)
	}

	if err := p.Kill9(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Fatal("the server was killed, but a back end still answers")
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	if n := do("SELECT n FROM apps"); n != 17 {
		t.Fatalf("17 was committed before the kill, but after it there is %d", n)
	}
	if err := errors.Join(p.Stop(), p.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	if n := do("SELECT n FROM apps"); n != 17 {
		t.Fatalf("17 was committed before the stop, but after it there is %d", n)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.job.dir); !os.IsNotExist(err) {
		t.Fatalf("a closed server leaves nothing behind, but its directory: %v", err)
	}
}
