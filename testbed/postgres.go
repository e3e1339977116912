package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A Postgres is a PostgreSQL server with a database of its own, on 127.0.0.1. It
// writes to disk before it answers (fsync), as in earnest.
type Postgres struct {
	URL string // of the database "pacer", for pgx; its user may do anything

	job     job
	process *process
	bin     string // directory of the server's programs
	port    int
}

// NewPostgres runs a PostgreSQL until the end of the test.
func NewPostgres(tb testing.TB) *Postgres {
	tb.Helper()
	p, err := StartPostgres(tb.Context())
	if err != nil {
		fail(tb, "PostgreSQL", err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// fail ends a test because it lacks something: skipped where it can't be had.
func fail(tb testing.TB, what string, err error) {
	tb.Helper()
	if errors.Is(err, ErrCannot) {
		tb.Skipf("%s: %v", what, err)
	}
	tb.Fatalf("%s: %v", what, err)
}

// StartPostgres runs a PostgreSQL until Close or the end of this process.
func StartPostgres(ctx context.Context) (*Postgres, error) {
	bin := postgresPrograms()
	if bin == "" {
		if err := install(ctx, "postgresql"); err != nil {
			return nil, err
		}
		if bin = postgresPrograms(); bin == "" {
			return nil, errors.New("the package postgresql brought no /usr/lib/postgresql/*/bin/initdb")
		}
	}
	dir, err := os.MkdirTemp("", "pacer-pg")
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, job: job{dir: dir}}
	if os.Getuid() == 0 { // it refuses to run as root
		p.job.user = "postgres"
	}
	if err := p.create(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.Start(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func postgresPrograms() string {
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(all) == 0 {
		return ""
	}
	slices.SortFunc(all, func(a, b string) int { // 9 < 15
		return version(a) - version(b)
	})
	return filepath.Dir(all[len(all)-1])
}

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// create makes an empty cluster and picks a port.
func (p *Postgres) create(ctx context.Context) error {
	if p.job.user != "" {
		if out, err := exec.CommandContext(ctx, "chown", p.job.user, p.job.dir).CombinedOutput(); err != nil {
			return fmt.Errorf("chown: %w: %s", err, out)
		}
	}
	initdb := []string{filepath.Join(p.bin, "initdb"), "-D", p.data(), "-U", "pacer", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"}
	if p.job.user != "" {
		initdb = append([]string{"setpriv", "--reuid", p.job.user, "--regid", p.job.user, "--init-groups", "--"}, initdb...)
	}
	cmd := exec.CommandContext(ctx, initdb[0], initdb[1:]...)
	cmd.Dir = p.job.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, tail(out))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	p.URL = fmt.Sprintf("postgres://pacer@127.0.0.1:%d/pacer?sslmode=disable", p.port)
	p.job.args = []string{filepath.Join(p.bin, "postgres"), "-D", p.data(), "-p", strconv.Itoa(p.port), "-k", p.job.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-c", "fsync=on"}
	return l.Close()
}

func (p *Postgres) data() string { return filepath.Join(p.job.dir, "data") }

// Start brings a server back that was stopped or killed, under the same URL.
func (p *Postgres) Start(ctx context.Context) error {
	// What the last run left of itself: who had that number is gone.
	if err := os.Remove(filepath.Join(p.data(), "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var err error
	if p.process, err = start(p.job); err != nil {
		return err
	}
	err = p.process.await(ctx, func(ctx context.Context) error {
		const query = "SELECT 'CREATE DATABASE pacer' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'pacer')\\gexec\n"
		cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1",
			"-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "pacer", "-d", "postgres", "-f", "-")
		cmd.Stdin = strings.NewReader(query)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("psql: %w: %s", err, tail(out))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return nil
}

// Kill9 ends the server and all its back ends at once, as a power cut does.
func (p *Postgres) Kill9() error { return p.process.kill() }

// Stop ends the server in order, and its clients' connections (fast shutdown).
func (p *Postgres) Stop() error { return p.process.stop("INT") }

// Restart kills the server and brings it back.
func (p *Postgres) Restart(ctx context.Context) error {
	return errors.Join(p.Kill9(), p.Start(ctx))
}

// Close ends the server and removes all that it had.
func (p *Postgres) Close() error { return p.process.discard(p.job) }
