package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

var errNoContainer = errors.New("it has no container on this host")

// Logs copies what an instance printed, and with follow what it prints.
func (d *Docker) Logs(ctx context.Context, instance string, tail int, follow bool, stdout, stderr io.Writer) error {
	err := d.logsOfAll(ctx, instance, tail, follow, stdout, stderr)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("logs of %s: %w", instance, explain(err))
	}
	return nil
}

func (d *Docker) logs(ctx context.Context, instance string, tail int, follow bool, stdout, stderr io.Writer) error {
	in, ok, err := d.findPart(ctx, instance)
	if err != nil {
		return err
	}
	if !ok {
		return errNoContainer
	}
	opts := container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: follow, Tail: "all"}
	if tail > 0 {
		opts.Tail = strconv.Itoa(tail)
	}
	out, err := d.api.ContainerLogs(ctx, in.ID, opts)
	if err != nil {
		return err
	}
	if in.Config != nil && in.Config.Tty { // of a terminal all comes in one
		_, err = io.Copy(stdout, out)
	} else {
		_, err = stdcopy.StdCopy(stdout, stderr, out)
	}
	return errors.Join(err, out.Close())
}
