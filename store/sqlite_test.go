package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOneProcessUsesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pacer.db")
	d := open(t, "sqlite:"+path)

	_, err := Open(t.Context(), "file:"+path)

	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, expected a refusal that names the file", err)
	}
	commit(t, d, lead(t, d), everything()) // the first one is not disturbed
}

func TestTheFileIsForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pacer.db")
	d := open(t, "sqlite:"+path)
	commit(t, d, lead(t, d), everything())
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, expected -rw-------", name, info.Mode(), err)
		}
	}
}

func TestAFileLeftByACrashIsLedByNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pacer.db")
	d, err := Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	lead(t, d)
	// What a crash leaves: the row says that somebody leads, the lock is free.
	if _, err := d.write.ExecContext(t.Context(), `VACUUM INTO '`+path+`.copy'`); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = open(t, "sqlite:"+path+".copy")

	if _, _, _, ok, err := d.Leader(t.Context()); ok || err != nil {
		t.Errorf("somebody leads: %v %v", ok, err)
	}
}

func TestClosingTheStoreEndsTheLease(t *testing.T) {
	d, err := Open(t.Context(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	l := lead(t, d)
	ctx, cancel := l.Context(context.Background())
	defer cancel()

	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	<-l.Lost()
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), ErrReleased) {
		t.Errorf("the cause is %v", context.Cause(ctx))
	}
}
