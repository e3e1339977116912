package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/image"
)

// A userland is how an app without an image sees the host, as in Mesos: an empty
// image, the host's programs mounted into it read-only.
type userland struct {
	image string   // its name tells what is in it
	binds []string // of the host's directories
	tree  []byte   // the image, as a tar archive
	init  string   // a program that passes signals on, of the host; empty: it has none
}

// initPrograms are tini by its names. As the first process of a container it hands
// SIGTERM to all others: a command that is the first itself would ignore it, unlike in
// Mesos.
var initPrograms = []string{"usr/bin/docker-init", "usr/bin/tini", "usr/libexec/docker/docker-init"}

// programDirs are the host's directories that hold programs. Where the host has a
// link instead (/bin is usr/bin on a merged /usr), so has the image.
var programDirs = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc"}

// emptyDirs are what else programs expect; with their modes.
var emptyDirs = map[string]int64{
	"dev": 0o755, "home": 0o755, "mnt": 0o755, "mnt/mesos": 0o755, "mnt/mesos/sandbox": 0o1777, "opt": 0o755, "proc": 0o555, "root": 0o700,
	"run": 0o755, "srv": 0o755, "sys": 0o555, "tmp": 0o1777, "var": 0o755, "var/lib": 0o755, "var/log": 0o755, "var/tmp": 0o1777,
}

// engineFiles are those that the engine mounts into /etc. They need something to be
// mounted on, and nothing can be made in a directory that is read-only.
var engineFiles = []string{"hostname", "hosts", "resolv.conf"}

// readUserland looks at the host whose root directory is root ("/").
func readUserland(root string) (*userland, error) {
	var u userland
	var tree bytes.Buffer
	w := tar.NewWriter(&tree)
	dir := func(name string, mode int64) error {
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
	}
	names := make([]string, 0, len(emptyDirs))
	for name := range emptyDirs {
		names = append(names, name)
	}
	slices.Sort(names)
	var err error
	for _, name := range names {
		err = errors.Join(err, dir(name, emptyDirs[name]))
	}
	err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "var/run", Linkname: "/run"}))
	for _, name := range programDirs {
		at := filepath.Join(root, name)
		st, e := os.Lstat(at)
		switch {
		case errors.Is(e, os.ErrNotExist):
		case e != nil:
			err = errors.Join(err, e)
		case st.Mode()&os.ModeSymlink != 0:
			link, e := os.Readlink(at)
			err = errors.Join(err, e, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: link}))
		case name == "etc":
			binds, e := etc(at)
			u.binds = append(u.binds, binds...)
			err = errors.Join(err, e, dir(name, 0o755))
		case st.IsDir():
			u.binds = append(u.binds, at+":/"+name+":ro")
			err = errors.Join(err, dir(name, 0o755))
		}
	}
	for _, name := range slices.Backward(initPrograms) {
		if st, e := os.Stat(filepath.Join(root, name)); e == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			u.init = "/" + name
		}
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("look at the host's own userland: %w", err)
	}
	u.tree = tree.Bytes()
	sum := sha256.Sum256(u.tree)
	u.image = "pacer/userland:" + hex.EncodeToString(sum[:6])
	return &u, nil
}

// etc is how /etc is mounted: as it is, or one by one where the engine would have
// to make files in it.
func etc(at string) (binds []string, err error) {
	whole := true
	for _, name := range engineFiles {
		if _, err := os.Lstat(filepath.Join(at, name)); err != nil {
			whole = false
		}
	}
	if whole {
		return []string{at + ":/etc:ro"}, nil
	}
	entries, err := os.ReadDir(at)
	for _, e := range entries {
		switch name := e.Name(); {
		case slices.Contains(engineFiles, name), strings.Contains(name, ":"):
		case e.IsDir(), e.Type().IsRegular():
			binds = append(binds, filepath.Join(at, name)+":/etc/"+name+":ro")
		}
	}
	return binds, err
}

// user is the numbers of a user of the host and its further groups: the engine
// looks names up in the image, which has none.
func (*userland) user(name string) (numbers string, groups []string, err error) {
	if name == "" {
		return "", nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return "", nil, fmt.Errorf("the host has no user %q", name)
		}
	}
	if groups, err = u.GroupIds(); err != nil {
		return "", nil, fmt.Errorf("groups of user %q: %w", name, err)
	}
	return u.Uid + ":" + u.Gid, slices.DeleteFunc(groups, func(g string) bool { return g == u.Gid }), nil
}

// importUserland gives the engine the empty image.
func (d *Docker) importUserland(ctx context.Context, u *userland) error {
	return d.pulls.do(ctx, u.image, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, createLimit, errSlow)
		defer cancel()
		out, err := d.api.ImageImport(ctx, image.ImportSource{Source: bytes.NewReader(u.tree), SourceName: "-"},
			u.image, image.ImportOptions{})
		if err != nil {
			return fmt.Errorf("import the empty image for apps without one: %w", explain(err))
		}
		defer out.Close()
		return progress(out, func(string) {})
	})
}
