package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/docker/docker/api/types/container"

	"pacer/agent"
	"pacer/agent/fetch"
)

// fill brings what the app fetches into the instance's sandbox, before it starts. That
// it can't is the instance's trouble, not the engine's.
func (d *Docker) fill(ctx context.Context, l agent.Launch, id string) error {
	return d.fillPart(ctx, l, id, d.sandbox(l.Instance))
}

// fillPart does so for the sandbox in dir; empty: it is a volume of the container's.
func (d *Docker) fillPart(ctx context.Context, l agent.Launch, id, sandbox string) error {
	if len(l.App.Fetch) == 0 {
		return nil
	}
	dir := sandbox
	if dir == "" { // the sandbox is a volume of the engine's: it is filled by way of us
		temp, err := os.MkdirTemp("", "pacer-fetch-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = temp
	}
	f := fetch.Fetcher{}
	if d.config.DataDir != "" {
		f.CacheDir = filepath.Join(d.config.DataDir, "fetched")
	}
	if err := f.Fetch(ctx, l.App.Fetch, dir); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &fault{message: err.Error(), err: err}
	}
	if sandbox != "" {
		return nil
	}
	return d.send(ctx, id, dir)
}

// send copies a directory's content into the sandbox of a container that does not run.
func (d *Docker) send(ctx context.Context, id, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, pullStall)
	defer cancel()
	r, w := io.Pipe()
	go func() {
		out := tar.NewWriter(w)
		w.CloseWithError(errors.Join(out.AddFS(os.DirFS(dir)), out.Close()))
	}()
	err := d.api.CopyToContainer(ctx, id, sandboxPath, r, container.CopyToContainerOptions{})
	_ = r.CloseWithError(err) // ends the writer
	if err != nil {
		return fmt.Errorf("fill its sandbox: %w", explain(err))
	}
	return nil
}
