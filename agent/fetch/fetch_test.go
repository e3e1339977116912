package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"

	"pacer/apps"
)

// tarBz2 is a tar with the file bin/run, "run", mode 0755, packed by bzip2: Go's
// library only unpacks it.
const tarBz2 = "QlpoOTFBWSZTWcqVxsgAACzbgMmAQADegAAgcCEeAAgIIABUQgAAD1NBIpqNAepoAcYD+RA2gI6mprlfUQweOcS0XMRaiKWnFWNcYVzxAdRqAkkZ/F3JFOFCQypXGyA="

type entry struct {
	name, body, link string
	mode             int64
	kind             byte
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.body)), Typeflag: e.kind, Linkname: e.link}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packed(t testing.TB, w io.WriteCloser, b *bytes.Buffer, plain []byte) []byte {
	t.Helper()
	_, err := w.Write(plain)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unbase64(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gz(t testing.TB, plain []byte) []byte {
	var b bytes.Buffer
	return packed(t, gzip.NewWriter(&b), &b, plain)
}

func zipOf(t testing.TB, name, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = io.WriteString(w, body)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// site is a web server with files, and how often each was asked for.
func site(t testing.TB, files map[string][]byte) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	asked := &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s, asked
}

// found is all regular files below dir: mode and content.
func found(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		body, err := os.ReadFile(filepath.Join(dir, name))
		if len(body) > 20 {
			body = []byte("…")
		}
		all[name] = fmt.Sprintf("%o %s", info.Mode().Perm(), body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsFetchedLiesInTheSandbox(t *testing.T) {
	tree := tarOf(t, entry{"bin/", "", "", 0o700, tar.TypeDir}, entry{"bin/run", "run", "", 0o755, tar.TypeReg}, entry{"note", "n", "", 0o600, tar.TypeReg},
		entry{"link", "", "note", 0o777, tar.TypeSymlink}, entry{"same", "", "note", 0o600, tar.TypeLink})
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	unpacked := map[string]string{"bin/run": "777 run", "note": "666 n", "same": "666 n"}
	with := func(archive string, more map[string]string) map[string]string {
		all := map[string]string{archive: "666 …"}
		for name, what := range more {
			all[name] = what
		}
		return all
	}
	server, _ := site(t, map[string][]byte{
		"/a.tgz": gz(t, tree), "/a.tar.gz": gz(t, tree), "/a.tar": tree, "/a.txz": packed(t, w, &b, tree), "/a.zip": zipOf(t, "x/y", "zipped"),
		"/a.tar.bz2": unbase64(t, tarBz2), "/note.gz": gz(t, []byte("a note")), "/run": []byte("#!/bin/sh"), "/d/": nil,
	})
	host := filepath.Join(t.TempDir(), "of the host")
	if err := os.WriteFile(host, []byte("h"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		artifact apps.Artifact
		want     map[string]string
	}{
		{apps.Artifact{URI: server.URL + "/a.tgz", Extract: true}, with("a.tgz", unpacked)},
		{apps.Artifact{URI: server.URL + "/a.tar.gz?version=2", Extract: true}, with("a.tar.gz", unpacked)},
		{apps.Artifact{URI: server.URL + "/a.tar", Extract: true}, with("a.tar", unpacked)},
		{apps.Artifact{URI: server.URL + "/a.txz", Extract: true}, with("a.txz", unpacked)},
		{apps.Artifact{URI: server.URL + "/a.tar.bz2", Extract: true}, with("a.tar.bz2", map[string]string{"bin/run": "777 run"})},
		{apps.Artifact{URI: server.URL + "/a.zip", Extract: true}, with("a.zip", map[string]string{"x/y": "777 zipped"})},
		{apps.Artifact{URI: server.URL + "/note.gz", Extract: true}, with("note.gz", map[string]string{"note": "666 a note"})},
		{apps.Artifact{URI: server.URL + "/a.tgz"}, with("a.tgz", nil)},
		{apps.Artifact{URI: server.URL + "/a.tgz", Extract: true, DestPath: "lib/a.zip"}, nil}, // named as what it isn't
		{apps.Artifact{URI: server.URL + "/a.zip", Extract: true, DestPath: "lib/in/b.zip"}, map[string]string{"lib/in/b.zip": "666 …", "lib/in/x/y": "777 zipped"}},
		{apps.Artifact{URI: server.URL + "/run", Executable: true, Extract: true}, map[string]string{"run": "777 #!/bin/sh"}},
		{apps.Artifact{URI: server.URL + "/d/", DestPath: "empty"}, map[string]string{"empty": "666 "}},
		{apps.Artifact{URI: "file://" + host, DestPath: "h"}, map[string]string{"h": "666 h"}},
		{apps.Artifact{URI: host}, map[string]string{"of the host": "666 h"}},
	} {
		dir := t.TempDir()
		err := new(Fetcher).Fetch(t.Context(), []apps.Artifact{test.artifact}, dir)
		if test.want == nil {
			if err == nil || !strings.Contains(err.Error(), "unpack it") {
				t.Errorf("%+v: want that it can't be unpacked, got %v", test.artifact, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", test.artifact, err)
			continue
		}
		if diff := cmp.Diff(test.want, found(t, dir)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.artifact, diff)
		}
	}
}

func TestNothingLeadsOutOfTheSandbox(t *testing.T) {
	outside := t.TempDir()
	for name, evil := range map[string][]byte{
		"by its name":       tarOf(t, entry{"../../evil", "e", "", 0o644, tar.TypeReg}),
		"by an absolute":    tarOf(t, entry{filepath.Join(outside, "evil"), "e", "", 0o644, tar.TypeReg}),
		"by a link":         tarOf(t, entry{"out", "", outside, 0o777, tar.TypeSymlink}, entry{"out/evil", "e", "", 0o644, tar.TypeReg}),
		"by a link upwards": tarOf(t, entry{"out", "", "../..", 0o777, tar.TypeSymlink}, entry{"out/evil", "e", "", 0o644, tar.TypeReg}),
		"by a hard link":    tarOf(t, entry{"out", "", "../../etc", 0o777, tar.TypeLink}),
		"by a device":       tarOf(t, entry{"null", "", "", 0o666, tar.TypeChar}),
	} {
		server, _ := site(t, map[string][]byte{"/a.tar": evil})
		dir := filepath.Join(outside, "s", "andbox")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := new(Fetcher).Fetch(t.Context(), []apps.Artifact{{URI: server.URL + "/a.tar", Extract: true}}, dir); err == nil {
			t.Errorf("%s: it was unpacked", name)
		}
		for at := range found(t, outside) {
			if strings.Contains(at, "evil") {
				t.Errorf("%s: %s was written", name, at)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBoundsHold(t *testing.T) {
	zeros := tarOf(t, entry{"zeros", strings.Repeat("0", 5000), "", 0o644, tar.TypeReg})
	many := tarOf(t, entry{"1", "", "", 0o644, tar.TypeReg}, entry{"2", "", "", 0o644, tar.TypeReg}, entry{"3", "", "", 0o644, tar.TypeReg})
	server, _ := site(t, map[string][]byte{"/zeros.tgz": gz(t, zeros), "/many.tar": many, "/big": make([]byte, 3000)})
	for _, test := range []struct {
		name   string
		limits Limits
		want   string
	}{
		{"big", Limits{Bytes: 2999}, "it is larger than 2999 bytes"},
		{"big", Limits{Bytes: 3000}, ""},
		{"zeros.tgz", Limits{Total: 4999}, "unpack it: zeros: it unpacks to more than 4999 bytes"},
		{"zeros.tgz", Limits{Total: 5000}, ""},
		{"many.tar", Limits{Files: 2}, "unpack it: 3: it holds more than 2 files"},
		{"many.tar", Limits{Files: 3}, ""},
		{"none", Limits{}, "the server answered 404 Not Found"},
	} {
		uri := server.URL + "/" + test.name
		err := (&Fetcher{Limits: test.limits}).Fetch(t.Context(), []apps.Artifact{{URI: uri, Extract: true}}, t.TempDir())
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s within its bounds: %v", test.name, err)
		case test.want != "" && (err == nil || err.Error() != "fetch "+uri+": "+test.want):
			t.Errorf("%s: want %q, got %v", test.name, test.want, err)
		}
	}
}

func TestAServerThatFallsSilentIsLeft(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	dir := t.TempDir()
	err := (&Fetcher{Limits: Limits{Stall: 20 * time.Millisecond}}).Fetch(t.Context(), []apps.Artifact{{URI: server.URL + "/a"}}, dir)
	if !errors.Is(err, errStalled) {
		t.Errorf("want %v, got %v", errStalled, err)
	}
	if left := found(t, dir); len(left) > 0 {
		t.Errorf("half a file stays: %v", left)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("its host goes down")
	cancel(why)
	if err := new(Fetcher).Fetch(ctx, []apps.Artifact{{URI: server.URL + "/a"}}, dir); !errors.Is(err, why) {
		t.Errorf("want %v, got %v", why, err)
	}
}

func TestTheCacheAsksOnceAndMakesRoom(t *testing.T) {
	server, asked := site(t, map[string][]byte{"/a": make([]byte, 600), "/b": make([]byte, 600)})
	f := &Fetcher{CacheDir: filepath.Join(t.TempDir(), "cache"), CacheBytes: 1000}
	fetch := func(name string, cache bool) {
		t.Helper()
		dir := t.TempDir()
		if err := f.Fetch(t.Context(), []apps.Artifact{{URI: server.URL + "/" + name, Cache: cache}}, dir); err != nil {
			t.Fatal(err)
		}
		if all := found(t, dir); len(all) != 1 || all[name] != "666 …" {
			t.Errorf("fetched %s: %v", name, all)
		}
	}
	for _, step := range []struct {
		name  string
		cache bool
		asked int64
	}{{"a", true, 1}, {"a", true, 1}, {"a", false, 2}, {"b", true, 3}, {"b", true, 3}, {"a", true, 4}} { // b took the place of a
		if fetch(step.name, step.cache); asked.Load() != step.asked {
			t.Errorf("%+v: the server was asked %d times", step, asked.Load())
		}
	}
	if kept := found(t, f.CacheDir); len(kept) != 1 {
		t.Errorf("the cache keeps more than fits: %v", kept)
	}
}

func TestWhatCanNotBeFetchedIsRefusedAhead(t *testing.T) {
	for _, test := range []struct{ uri, dest, want string }{
		{"http://h/a.tgz", "", ""},
		{"/etc/motd", "", ""},
		{"file:///etc/motd", "", ""},
		{"http://h", "a", ""},
		{"http://h/", "", "names no file"},
		{"http:///a", "", "names no server"},
		{"hdfs://h/a", "", "has the scheme hdfs, which cannot be fetched"},
		{"ftp://h/a", "", "cannot be fetched"},
		{"file://other/a", "", "absolute path"},
		{"relative", "", "absolute path"},
		{"http://h/%", "", "is not a URI"},
		{"http://h/a", "../a", "inside of the sandbox"},
		{"http://h/a", "/a", "inside of the sandbox"},
		{"http://h/a", ".", "inside of the sandbox"},
	} {
		err := Check(apps.Artifact{URI: test.uri, DestPath: test.dest})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s to %q: want %q, got %v", test.uri, test.dest, test.want, err)
		}
	}
}

func TestErrorsDoNotTellPasswords(t *testing.T) {
	server, _ := site(t, nil)
	uri := strings.Replace(server.URL, "http://", "http://ann:secret@", 1) + "/a"
	err := new(Fetcher).Fetch(t.Context(), []apps.Artifact{{URI: uri}}, t.TempDir())
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "/a: the server answered 404") {
		t.Errorf("got %v", err)
	}
	server.Close()
	if err := new(Fetcher).Fetch(t.Context(), []apps.Artifact{{URI: uri}}, t.TempDir()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
