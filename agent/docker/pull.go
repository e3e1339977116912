package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
)

// A group lets those who want the same thing at once share one piece of work. It
// goes on until all of them have given up. The zero value is empty.
type group struct {
	mu  sync.Mutex
	all map[string]*work
}

type work struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // once done is closed
}

func (g *group) do(ctx context.Context, key string, f func(context.Context) error) error {
	g.mu.Lock()
	w := g.all[key]
	if w == nil {
		// Not of the first one's life: others may wait when it has gone.
		work1, cancel := context.WithCancel(context.WithoutCancel(ctx))
		w = &work{cancel: cancel, done: make(chan struct{})}
		if g.all == nil {
			g.all = map[string]*work{}
		}
		g.all[key] = w
		go func() {
			defer cancel()
			w.err = f(work1)
			g.forget(key, w)
			close(w.done)
		}()
	}
	w.waiting++
	g.mu.Unlock()

	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
	}
	g.mu.Lock()
	w.waiting--
	last := w.waiting == 0
	if last && g.all[key] == w {
		delete(g.all, key) // who comes now starts anew
	}
	g.mu.Unlock()
	if last {
		w.cancel()
		<-w.done
	}
	return context.Cause(ctx)
}

func (g *group) forget(key string, w *work) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all[key] == w {
		delete(g.all, key)
	}
}

// errStalled is why a pull without progress is given up.
var errStalled = fmt.Errorf("no progress for %s", pullStall)

// pull fetches an image from its registry. A registry that refuses or is away is
// not the engine's trouble: another host may have the image.
func (d *Docker) pull(ctx context.Context, name string) error {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return &fault{message: fmt.Sprintf("%q is not the name of an image: %v", name, err)}
	}
	return d.pulls.do(ctx, name, func(ctx context.Context) error {
		auth, err := registryAuth(ctx, d.dockerConfigFile(), reference.Domain(named))
		if err != nil {
			return &fault{message: fmt.Sprintf("pull image %q: read the login to its registry: %v", name, err), err: err}
		}
		ctx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		stall := time.AfterFunc(pullStall, func() { stop(errStalled) })
		defer stall.Stop()
		began := time.Now()
		out, err := d.api.ImagePull(ctx, name, image.PullOptions{RegistryAuth: auth})
		if err == nil {
			err = progress(out, func(status string) {
				stall.Reset(pullStall)
				d.config.Log.Debug("pulling", "image", name, "status", status)
			})
			err = errors.Join(err, out.Close())
		}
		if err == nil {
			d.config.Log.Info("image pulled", "image", name, "took", time.Since(began))
			return nil
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return pullFault(name, err)
	})
}

// progress reads the engine's answers to a pull or an import to their end.
func progress(r io.Reader, seen func(status string)) error {
	for dec := json.NewDecoder(r); ; {
		var line struct{ Status, Error string }
		switch err := dec.Decode(&line); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case line.Error != "":
			return &fault{message: line.Error}
		}
		seen(line.Status)
	}
}
