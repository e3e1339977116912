package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is one PostgreSQL of our own for all tests of this package.
var server struct {
	once sync.Once
	dir  string
	url  string // without a database
	err  error
	stop func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.stop != nil {
		server.stop()
	}
	os.Exit(code)
}

var databases atomic.Int64

// newDatabase makes an empty database until the end of the test.
func newDatabase(tb testing.TB) (url string) {
	tb.Helper()
	server.once.Do(func() { server.url, server.err = startServer() })
	if server.err != nil {
		tb.Fatalf("start PostgreSQL: %v", server.err)
	}
	name := fmt.Sprintf("pacer%d", databases.Add(1))
	admin := func(query string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, server.url+"postgres")
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
	return server.url + name
}

func startServer() (url string, err error) {
	initdbs, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(initdbs) == 0 {
		return "", errors.New("it is not installed: apt-get install postgresql")
	}
	bin := filepath.Dir(slices.Max(initdbs))
	if server.dir, err = os.MkdirTemp("", "pacer-postgres"); err != nil {
		return "", err
	}
	server.stop = func() { _ = os.RemoveAll(server.dir) }
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() == 0 { // it refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return "", err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(server.dir, uid, gid); err != nil {
			return "", err
		}
	}
	data := filepath.Join(server.dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "pacer", "-A", "trust", "-E", "UTF8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = server.dir, attr
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return "", err
	}
	run := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", server.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300")
	run.Dir, run.SysProcAttr = server.dir, attr
	log, err := os.Create(filepath.Join(server.dir, "log"))
	if err != nil {
		return "", err
	}
	run.Stdout, run.Stderr = log, log
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		// The signal comes at the death of the thread that started the child: this one
		// lives as long as the tests do.
		runtime.LockOSThread()
		started <- run.Start()
		ended <- run.Wait()
	}()
	if err := <-started; err != nil {
		return "", err
	}
	server.stop = func() {
		_ = run.Process.Signal(syscall.SIGQUIT)
		<-ended
		_ = os.RemoveAll(server.dir)
	}
	url = fmt.Sprintf("postgres://pacer@127.0.0.1:%d/", port)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, url+"postgres")
		if err == nil {
			return url, conn.Close(ctx)
		}
		select {
		case e := <-ended:
			ended <- e
			out, _ := os.ReadFile(log.Name())
			return "", fmt.Errorf("it ended: %w\n%s", e, out)
		case <-ctx.Done():
			return "", err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
