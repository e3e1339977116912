package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestThoseWhoWantTheSameAtOnceShareTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g group
		runs, finish := 0, make(chan error)
		work := func(ctx context.Context) error {
			runs++
			select {
			case err := <-finish:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		results := make(chan error, 3)
		join := func(ctx context.Context) { go func() { results <- g.do(ctx, "web:1", work) }() }

		first, leave := context.WithCancel(t.Context())
		join(first)
		synctest.Wait()
		join(t.Context())
		join(t.Context())
		synctest.Wait()
		leave() // whoever came first may go: the others still want it
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		broken := errors.New("broken")
		finish <- broken
		if a, b := <-results, <-results; a != broken || b != broken || runs != 1 {
			t.Errorf("want both to share one run and its end, got %v, %v after %d runs", a, b, runs)
		}

		last, leave := context.WithCancel(t.Context())
		join(last)
		synctest.Wait()
		leave()
		if err := <-results; !errors.Is(err, context.Canceled) || runs != 2 || len(g.all) != 0 {
			t.Errorf("when the last has left the work ends, but %v, %d runs, %d left", err, runs, len(g.all))
		}
	})
}

func TestTheUserlandHasTheShapeOfTheHost(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"usr/bin", "etc/ssl", "lib64"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(names ...string) {
		for _, n := range names {
			if err := os.WriteFile(filepath.Join(root, n), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("etc/passwd", "etc/hosts", "etc/hostname")
	if err := os.Symlink("usr/bin", filepath.Join(root, "bin")); err != nil {
		t.Fatal(err)
	}
	read := func() *userland {
		u, err := readUserland(root)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range u.binds {
			u.binds[i] = strings.TrimPrefix(b, root)
		}
		return u
	}

	u := read() // no etc/resolv.conf: the engine could not mount its own into a read-only /etc
	want := []string{"/lib64:/lib64:ro", "/usr:/usr:ro", "/etc/passwd:/etc/passwd:ro", "/etc/ssl:/etc/ssl:ro"}
	if !slices.Equal(u.binds, want) {
		t.Errorf("want %q, got %q", want, u.binds)
	}
	write("etc/resolv.conf")
	whole := read()
	if want := []string{"/lib64:/lib64:ro", "/usr:/usr:ro", "/etc:/etc:ro"}; !slices.Equal(whole.binds, want) {
		t.Errorf("want %q, got %q", want, whole.binds)
	}
	if whole.image != u.image {
		t.Error("the same shape is the same image")
	}
	if err := os.Remove(filepath.Join(root, "bin")); err != nil {
		t.Fatal(err)
	}
	if read().image == u.image {
		t.Error("without /bin it is another shape, and another image")
	}
}
