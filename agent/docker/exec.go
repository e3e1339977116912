package docker

import (
	"bytes"
	"context"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// execOutput is how much of a command's output is kept, in bytes.
const execOutput = 4096

// Exec runs a shell command in the container. When ctx ends before the command, the
// engine lets the command go on: it has no way to end it.
func (d *Docker) Exec(ctx context.Context, instance, command string) (code int, output string, err error) {
	if code, output, err = d.exec(ctx, instance, command); err != nil {
		return 0, output, fmt.Errorf("exec in %s: %w", instance, explain(err))
	}
	return code, output, nil
}

func (d *Docker) exec(ctx context.Context, instance, command string) (code int, output string, err error) {
	in, ok, err := d.findPart(ctx, instance)
	if err != nil {
		return 0, "", err
	}
	if !ok {
		return 0, "", errNoContainer
	}
	made, err := d.api.ContainerExecCreate(ctx, in.ID, container.ExecOptions{
		Cmd: []string{"/bin/sh", "-c", command}, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, "", err
	}
	stream, err := d.api.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return 0, "", err
	}
	defer stream.Close()
	unblock := context.AfterFunc(ctx, func() { stream.Close() }) // reads know no ctx
	defer unblock()
	out := &head{most: execOutput}
	_, err = stdcopy.StdCopy(out, out, stream.Reader)
	if cause := context.Cause(ctx); cause != nil {
		return 0, out.String(), cause
	}
	if err != nil {
		return 0, out.String(), err
	}
	limited, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	end, err := d.api.ContainerExecInspect(limited, made.ID)
	return end.ExitCode, out.String(), err
}

// A head keeps the first bytes that are written to it.
type head struct {
	bytes.Buffer
	most int
}

func (h *head) Write(b []byte) (int, error) {
	h.Buffer.Write(b[:min(len(b), h.most-h.Len())])
	return len(b), nil
}
