package fetch

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"
)

// archives are the suffixes that Mesos' fetcher unpacks, and how. Longer ones first.
var archives = []struct {
	suffix string
	unpack func(*unpacking, *os.File) error
}{
	{".tar.gz", gzipped}, {".tgz", gzipped}, {".tar.bz2", bzipped}, {".tbz2", bzipped}, {".tar.xz", xzipped}, {".txz", xzipped},
	{".tar", func(u *unpacking, in *os.File) error { return u.tar(in) }}, {".zip", zipped}, {".gz", single},
}

// An unpacking is one archive on its way into the directory it lies in.
type unpacking struct {
	Limits
	ctx   context.Context
	root  *os.Root
	dir   string // of the archive
	name  string // of the archive, without its suffix
	bytes int64
	files int
}

// extract unpacks a file if it is an archive by its name; the archive stays.
func (l Limits) extract(ctx context.Context, root *os.Root, name string) error {
	for _, a := range archives {
		if !strings.HasSuffix(name, a.suffix) {
			continue
		}
		in, err := root.Open(name)
		if err != nil {
			return err
		}
		defer in.Close()
		u := &unpacking{Limits: l, ctx: ctx, root: root, dir: path.Dir(name), name: strings.TrimSuffix(path.Base(name), a.suffix)}
		if err := a.unpack(u, in); err != nil {
			return fmt.Errorf("unpack it: %w", err)
		}
		return nil
	}
	return nil
}

func gzipped(u *unpacking, in *os.File) error {
	r, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	return u.tar(r)
}

func bzipped(u *unpacking, in *os.File) error { return u.tar(bzip2.NewReader(in)) }

func xzipped(u *unpacking, in *os.File) error {
	r, err := xz.NewReader(in)
	if err != nil {
		return err
	}
	return u.tar(r)
}

// single is a file that was packed alone.
func single(u *unpacking, in *os.File) error {
	r, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	return u.file(u.name, 0, r)
}

func (u *unpacking) tar(in io.Reader) error {
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.entry(h, r); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// entry makes one thing of a tar. Devices and the like have no place in a sandbox.
func (u *unpacking) entry(h *tar.Header, r io.Reader) error {
	mode := fs.FileMode(h.Mode) & 0o777
	switch h.Typeflag {
	case tar.TypeDir:
		return u.directory(h.Name)
	case tar.TypeReg:
		return u.file(h.Name, mode, r)
	case tar.TypeSymlink:
		return u.link(h.Name, func(at string) error { return u.root.Symlink(h.Linkname, at) })
	case tar.TypeLink:
		return u.link(h.Name, func(at string) error {
			to, err := u.place(h.Linkname)
			if err != nil {
				return err
			}
			return u.root.Link(to, at)
		})
	case tar.TypeXGlobalHeader:
		return nil
	}
	return errors.New("is neither a file, a directory nor a link")
}

func zipped(u *unpacking, in *os.File) error {
	info, err := in.Stat()
	if err != nil {
		return err
	}
	r, err := zip.NewReader(in, info.Size())
	if err != nil {
		return err
	}
	for _, f := range r.File {
		if err := u.zipEntry(f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func (u *unpacking) zipEntry(f *zip.File) error {
	if f.FileInfo().IsDir() {
		return u.directory(f.Name)
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if f.Mode()&fs.ModeSymlink != 0 {
		to, err := io.ReadAll(io.LimitReader(r, 4096))
		if err != nil {
			return err
		}
		return u.link(f.Name, func(at string) error { return u.root.Symlink(string(to), at) })
	}
	return u.file(f.Name, f.Mode().Perm(), r)
}

// place is where in the sandbox an entry goes, counting it.
func (u *unpacking) place(name string) (string, error) {
	clean := path.Clean(name)
	if !filepath.IsLocal(clean) {
		return "", errors.New("leads out of the sandbox")
	}
	return path.Join(u.dir, clean), nil
}

func (u *unpacking) count() error {
	if u.files++; u.files > u.Files {
		return fmt.Errorf("it holds more than %d files", u.Files)
	}
	return u.ctx.Err()
}

func (u *unpacking) directory(name string) error {
	at, err := u.place(name)
	if err != nil {
		return err
	}
	if err := u.count(); err != nil {
		return err
	}
	return makeDirs(u.root, at)
}

// file writes one; it may be written by anyone in the container, and whoever could run
// it still can.
func (u *unpacking) file(name string, mode fs.FileMode, r io.Reader) error {
	at, err := u.clear(name)
	if err != nil {
		return err
	}
	out, err := u.root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	w := &bounded{w: out, left: u.Total - u.bytes, what: "it unpacks to more"}
	_, err = io.Copy(w, cancellable{u.ctx, r})
	u.bytes += w.wrote
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return u.root.Chmod(at, mode|0o666|(mode&0o100>>6)|(mode&0o100>>3))
}

func (u *unpacking) link(name string, link func(at string) error) error {
	at, err := u.clear(name)
	if err != nil {
		return err
	}
	return link(at)
}

// clear counts one more file, makes the directories above it, and removes what is in
// its place.
func (u *unpacking) clear(name string) (at string, err error) {
	if at, err = u.place(name); err != nil {
		return "", err
	}
	if err := errors.Join(u.count(), makeDirs(u.root, path.Dir(at))); err != nil {
		return "", err
	}
	if err := u.root.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return at, nil
}

// cancellable stops reading when its context ends.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
