// Package fetch fills a sandbox with what an app's fetch names, before the app
// starts: files from http, https and the host itself, unpacked where they are
// archives (Mesos' fetcher, as Marathon documents it).
//
// It never writes outside of the directory it is given, whatever an archive says, and
// everything it does is bounded: sizes, numbers of files, and time without progress.
package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"pacer/apps"
)

// Limits bound one artifact. Every zero value works.
type Limits struct {
	Bytes int64         // of a download; 0: 4 GiB
	Total int64         // of what an archive unpacks to; 0: 16 GiB
	Files int           // in an archive; 0: 200,000
	Stall time.Duration // without a byte of a download; 0: one minute
}

// A Fetcher fetches artifacts. The zero value works, without a cache.
type Fetcher struct {
	Limits
	// CacheDir keeps what is fetched with "cache"; empty: nothing is kept.
	CacheDir string
	// CacheBytes is how much is kept there, the least recently used goes first; 0: 2 GiB.
	CacheBytes int64
	// Client asks web servers; nil: http.DefaultClient.
	Client *http.Client
}

func (f *Fetcher) limits() Limits {
	return Limits{
		Bytes: cmp.Or(f.Bytes, 4<<30), Total: cmp.Or(f.Total, 16<<30), Files: cmp.Or(f.Files, 200_000), Stall: cmp.Or(f.Stall, time.Minute),
	}
}

// Check refuses, without fetching anything, what no Fetcher could fetch.
func Check(a apps.Artifact) error {
	u, err := url.Parse(a.URI)
	if err != nil {
		return errors.New("is not a URI")
	}
	switch {
	case u.Scheme == "" && path.IsAbs(u.Path):
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	case u.Scheme == "file" && (u.Host == "" || u.Host == "localhost") && path.IsAbs(u.Path):
	case u.Scheme == "http" || u.Scheme == "https":
		return errors.New("names no server")
	case u.Scheme == "" || u.Scheme == "file":
		return errors.New("must be the absolute path of a file on the host, or http:// or https://")
	default:
		return fmt.Errorf("has the scheme %s, which cannot be fetched: offer the file by http:// or https://, or put it into the image", u.Scheme)
	}
	if _, err := destination(a, u); err != nil {
		return err
	}
	return nil
}

// destination is where in the sandbox the file goes.
func destination(a apps.Artifact, u *url.URL) (string, error) {
	if a.DestPath != "" {
		clean := path.Clean(a.DestPath)
		if !filepath.IsLocal(clean) || clean == "." {
			return "", fmt.Errorf("destPath %q must be a path inside of the sandbox", a.DestPath)
		}
		return clean, nil
	}
	name := path.Base(u.Path)
	if name == "/" || name == "." || name == ".." || strings.HasSuffix(u.Path, "/") {
		return "", errors.New("names no file: say destPath")
	}
	return name, nil
}

// Fetch puts each artifact into dir, in order. The error names the artifact, and what
// to do where that is known; credentials in a URI are not in it.
func (f *Fetcher) Fetch(ctx context.Context, artifacts []apps.Artifact, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, a := range artifacts {
		if err := f.one(ctx, a, root); err != nil {
			return fmt.Errorf("fetch %s: %w", shown(a.URI), err)
		}
	}
	return nil
}

// shown is a URI without its password.
func shown(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	return u.Redacted()
}

func (f *Fetcher) one(ctx context.Context, a apps.Artifact, root *os.Root) error {
	if err := Check(a); err != nil {
		return err
	}
	u, err := url.Parse(a.URI)
	if err != nil {
		return err
	}
	name, err := destination(a, u)
	if err != nil {
		return err
	}
	if err := makeDirs(root, path.Dir(name)); err != nil {
		return err
	}
	if err := f.file(ctx, a, u, root, name); err != nil {
		return err
	}
	switch {
	case a.Executable:
		return root.Chmod(name, 0o777)
	case a.Extract:
		return f.limits().extract(ctx, root, name)
	}
	return nil
}

// file brings the file itself, from the cache where it is wanted and there.
func (f *Fetcher) file(ctx context.Context, a apps.Artifact, u *url.URL, root *os.Root, name string) error {
	if !a.Cache || f.CacheDir == "" || u.Scheme == "" || u.Scheme == "file" { // a file of the host is near enough
		return f.write(root, name, func(w io.Writer) error { return f.copyFrom(ctx, u, w) })
	}
	kept, err := f.cached(ctx, a.URI, u)
	if err != nil {
		return err
	}
	defer kept.Close()
	return f.write(root, name, func(w io.Writer) error {
		_, err := io.Copy(w, kept)
		return err
	})
}

// write makes a file anew; one that could not be written whole does not stay.
func (f *Fetcher) write(root *os.Root, name string, fill func(io.Writer) error) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = errors.Join(fill(&bounded{w: out, left: f.limits().Bytes, what: "it is larger"}), out.Close())
	if err == nil {
		err = root.Chmod(name, 0o666) // anyone inside the container may write, as in the whole sandbox
	}
	if err != nil {
		_ = root.Remove(name)
	}
	return err
}

// copyFrom copies what a URI names.
func (f *Fetcher) copyFrom(ctx context.Context, u *url.URL, w io.Writer) error {
	if u.Scheme == "" || u.Scheme == "file" {
		return copyFile(u.Path, w)
	}
	return f.download(ctx, u, w)
}

func copyFile(name string, w io.Writer) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, errors.New("it is not a regular file"))
	}
	_, err = io.Copy(w, in)
	return err
}

var errStalled = errors.New("the server sent nothing more for too long")

func (f *Fetcher) download(ctx context.Context, u *url.URL, w io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	limits := f.limits()
	stall := time.AfterFunc(limits.Stall, func() { stop(errStalled) })
	defer stall.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := cmp.Or(f.Client, http.DefaultClient).Do(req)
	if err != nil {
		return f.cause(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	if resp.ContentLength > limits.Bytes {
		return tooLarge("it is larger", limits.Bytes)
	}
	_, err = io.Copy(w, &lively{resp.Body, func() { stall.Reset(limits.Stall) }})
	return f.cause(ctx, err)
}

// cause is why a download ended, without the URL that net/http puts in front.
func (f *Fetcher) cause(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if why := context.Cause(ctx); why != nil {
		return why
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// lively tells of each piece that is read.
type lively struct {
	io.Reader
	seen func()
}

func (l *lively) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if n > 0 {
		l.seen()
	}
	return n, err
}

// bounded fails with the first byte that is too many.
type bounded struct {
	w     io.Writer
	left  int64
	wrote int64
	what  string
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left-b.wrote {
		return 0, tooLarge(b.what, b.left)
	}
	n, err := b.w.Write(p)
	b.wrote += int64(n)
	return n, err
}

func tooLarge(what string, limit int64) error {
	if limit < 1<<20 {
		return fmt.Errorf("%s than %d bytes", what, limit)
	}
	return fmt.Errorf("%s than %d MiB", what, limit>>20)
}

// makeDirs makes directories that anyone inside the container may write to.
func makeDirs(root *os.Root, dir string) error {
	if dir == "." || dir == "" {
		return nil
	}
	made := ""
	for _, el := range strings.Split(dir, "/") {
		made = path.Join(made, el)
		switch err := root.Mkdir(made, 0o777); {
		case err == nil:
			if err := root.Chmod(made, 0o777); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	return nil
}
