package testbed

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// A Tree is the file system of an image.
type Tree struct {
	entries []entry
	have    map[string]bool
}

type entry struct {
	tar.Header
	source string // file to copy; empty: content
	bytes  []byte
}

func (t *Tree) add(e entry) {
	e.Name = strings.TrimPrefix(path.Clean("/"+e.Name), "/")
	if e.Name == "" || t.have[e.Name] {
		return
	}
	if t.have == nil {
		t.have = map[string]bool{}
	}
	if dir := path.Dir(e.Name); dir != "." {
		t.Dir(dir, 0o755)
	}
	t.have[e.Name] = true
	t.entries = append(t.entries, e)
}

// Dir adds a directory and those above it. What is there already stays.
func (t *Tree) Dir(name string, mode int64) {
	t.add(entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode}})
}

// Text adds a file with that content.
func (t *Tree) Text(name, content string) {
	t.add(entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, bytes: []byte(content)})
}

// File adds a copy of a file of this machine; links are followed.
func (t *Tree) File(name, source string) error {
	st, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return &fs.PathError{Op: "copy into image", Path: source, Err: errors.New("not a regular file")}
	}
	t.add(entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(st.Mode().Perm())}, source: source})
	return nil
}

// Static is the tree of a FROM scratch image: one static program at /app.
func Static(program string) (*Tree, error) {
	t := &Tree{}
	return t, t.File("/app", program)
}

// Debian is a tree of programs of this machine, by absolute paths, with the
// libraries they need and the few files that programs expect.
func Debian(programs ...string) (*Tree, error) {
	t := &Tree{}
	for _, dir := range []string{"/run", "/data", "/etc", "/root", "/var/run"} {
		t.Dir(dir, 0o755)
	}
	t.Dir("/tmp", 0o1777)
	t.Text("/etc/passwd", "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/false\nredis:x:100:100::/data:/bin/false\n")
	t.Text("/etc/group", "root:x:0:\nwww-data:x:33:\nredis:x:100:\nadm:x:4:\n")
	for _, p := range programs {
		if err := t.File(p, p); err != nil {
			return nil, err
		}
		libraries, err := libraries(p)
		if err != nil {
			return nil, err
		}
		for _, l := range libraries {
			if err := t.File(l, l); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// libraries are the shared objects that a program loads, by ldd, and those that
// look names up.
func libraries(program string) ([]string, error) {
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		return nil, err
	}
	out, err := exec.Command("ldd", real).CombinedOutput()
	if err != nil {
		if bytes.Contains(out, []byte("not a dynamic executable")) {
			return nil, nil
		}
		return nil, fmt.Errorf("ldd %s: %w: %s", real, err, out)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		switch {
		case len(f) >= 3 && f[1] == "=>" && strings.HasPrefix(f[2], "/"):
			all = append(all, f[2])
		case len(f) > 0 && strings.HasPrefix(f[0], "/"):
			all = append(all, f[0])
		}
	}
	for _, name := range []string{"libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"} {
		found, _ := filepath.Glob("/lib/*-linux-gnu/" + name)
		all = append(all, found...)
	}
	return all, nil
}

// WriteTo writes the tree as a tar archive.
func (t *Tree) WriteTo(w io.Writer) (int64, error) {
	counted := &counter{w: w}
	tw := tar.NewWriter(counted)
	for _, e := range t.entries {
		if err := e.write(tw); err != nil {
			return counted.n, fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	err := tw.Close()
	return counted.n, err
}

func (e entry) write(tw *tar.Writer) error {
	var content io.Reader = bytes.NewReader(e.bytes)
	e.Size = int64(len(e.bytes))
	if e.source != "" {
		f, err := os.Open(e.source)
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		content, e.Size = f, st.Size()
	}
	if err := tw.WriteHeader(&e.Header); err != nil {
		return err
	}
	_, err := io.Copy(tw, content)
	return err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// BuildGo builds the static program of a package ("pacer/examples/hello") into
// the file out. ldflags are for the linker, like "-X main.version=2".
func BuildGo(ctx context.Context, pkg, out, ldflags string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w "+ldflags, "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, tail(b))
	}
	return nil
}

// Import makes an image of a tree in an engine, without a registry. changes are
// lines of a Dockerfile, like `ENTRYPOINT ["/app"]`.
func Import(ctx context.Context, api client.APIClient, name string, t *Tree, changes ...string) error {
	read, write := io.Pipe()
	go func() {
		_, err := t.WriteTo(write)
		write.CloseWithError(err)
	}()
	defer read.Close()
	out, err := api.ImageImport(ctx, image.ImportSource{Source: read, SourceName: "-"}, name, image.ImportOptions{Changes: changes})
	if err != nil {
		return fmt.Errorf("import %s: %w", name, err)
	}
	defer out.Close()
	for dec := json.NewDecoder(out); ; {
		var line struct{ Error string }
		if err := dec.Decode(&line); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("import %s: %w", name, err)
		}
		if line.Error != "" {
			return fmt.Errorf("import %s: %s", name, line.Error)
		}
	}
}
