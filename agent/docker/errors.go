package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"pacer/agent"
)

// A fault is a failure that we can name.
type fault struct {
	message string
	retry   bool // the engine is at fault, not the instance
	err     error
}

func (f *fault) Error() string { return f.message }
func (f *fault) Unwrap() error { return f.err }

// errSlow is why a call was given up.
var errSlow = errors.New("the Docker engine did not answer in time")

// engineTrouble are words of the engine about itself, in errors that look like any
// other.
var engineTrouble = []string{"containerd.sock", "transport is closing", "shutting down", "context deadline exceeded", "context canceled",
	"connection error", "ttrpc: closed"}

// retriable reports whether an error is the engine's trouble. What the engine said
// of the instance is not; that there was no answer is.
func retriable(err error) bool {
	var f *fault
	var n net.Error
	switch {
	case errors.As(err, &f):
		return f.retry
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errSlow),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &n),
		client.IsErrConnectionFailed(err), cerrdefs.IsUnavailable(err):
		return true
	}
	for _, words := range engineTrouble {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// explain makes an error of a call to the engine readable.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &fault{message: errSlow.Error(), retry: true, err: err}
	case client.IsErrConnectionFailed(err):
		return &fault{message: "the Docker engine can't be reached: " + err.Error(), retry: true, err: err}
	}
	return err
}

var inUse = []string{"address already in use", "port is already allocated"}

// startFault names what keeps a container from starting, where it is known.
func startFault(l agent.Launch, err error) error {
	text := err.Error()
	for _, words := range inUse {
		if !strings.Contains(text, words) {
			continue
		}
		for _, p := range l.Ports {
			if p > 0 && regexp.MustCompile(fmt.Sprintf(`:%d\b`, p)).MatchString(text) {
				return &fault{message: fmt.Sprintf("host port %d is already in use", p), err: err}
			}
		}
		return &fault{message: "a host port is already in use: " + text, err: err}
	}
	if strings.Contains(text, "invalid reference format") && l.App.Container != nil {
		return &fault{message: fmt.Sprintf("%q is not the name of an image", l.App.Container.Image), err: err}
	}
	if strings.Contains(text, "could not select device driver") {
		return &fault{message: "this host's engine cannot give out GPUs: it lacks the NVIDIA container toolkit", err: err}
	}
	if cerrdefs.IsNotFound(err) && strings.Contains(text, "network") {
		return &fault{message: fmt.Sprintf("this host has no container network %q: make it with docker network create",
			strings.Join(l.App.Networks, ", ")), err: err}
	}
	return explain(err)
}

var (
	notFoundWords = []string{"manifest unknown", "not found", "no such image", "does not exist", "name unknown"}
	deniedWords   = []string{"no basic auth credentials", "unauthorized", "authentication required", "denied"}
)

// pullFault names why an image could not be pulled.
func pullFault(name string, err error) error {
	f := &fault{err: err}
	text := strings.ToLower(err.Error())
	has := func(words []string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	var said *fault
	switch {
	case has(deniedWords) && has(notFoundWords):
		f.message = fmt.Sprintf("image %q was not found, or needs a login to its registry: %v", name, err)
	case has(deniedWords):
		f.message = fmt.Sprintf("image %q may not be pulled without a valid login to its registry: %v", name, err)
	case has(notFoundWords):
		f.message = fmt.Sprintf("image %q was not found: %v", name, err)
	default:
		f.message = fmt.Sprintf("image %q could not be pulled: %v", name, err)
		// The engine's own words, even "context deadline exceeded", are about the registry.
		transport := !errors.As(err, &said) && !cerrdefs.IsInternal(err) && !errors.Is(err, errStalled)
		f.retry = transport && retriable(err)
	}
	return f
}
