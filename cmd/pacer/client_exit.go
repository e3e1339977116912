package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"pacer/api/client"
)

// The exit codes of the client: scripts rely on them.
const (
	exitOK          = 0
	exitOther       = 1
	exitUsage       = 2 // or an invalid file
	exitRolledBack  = 3
	exitFailed      = 4 // and not rolled back
	exitUnplaceable = 5
	exitStillRuns   = 6
	exitConflict    = 7 // locked, or changed meanwhile
	exitForbidden   = 8 // not signed in, or not allowed
	exitNotFound    = 9
	exitUnreachable = 10
	exitInterrupted = 130
)

// An exitError is an error with an exit code of its own. Without a message nothing is
// printed: all was said.
type exitError struct {
	code int
	msg  string
	hint string // how to mend it; may be empty
}

func (e *exitError) Error() string { return e.msg }

func exitf(code int, format string, args ...any) error {
	return &exitError{code: code, msg: fmt.Sprintf(format, args...)}
}

func usageError(format string, args ...any) error { return exitf(exitUsage, format, args...) }

// misuse is wrong usage of a command, whatever found it.
func misuse(cmd *cobra.Command, err error) error {
	if own := (*exitError)(nil); errors.As(err, &own) {
		return err
	}
	return &exitError{exitUsage, err.Error(), "usage: " + cmd.UseLine()}
}

// exitCode is what the process ends with because of err.
func exitCode(err error) int {
	var refused *client.Error
	var away *client.Unreachable
	var own *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &own):
		return own.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &away):
		return exitUnreachable
	case errors.As(err, &refused):
		return exitOf(refused.Status)
	}
	for _, beginning := range []string{"unknown command", "unknown flag", "unknown shorthand"} { // cobra's, of the root command
		if strings.HasPrefix(err.Error(), beginning) {
			return exitUsage
		}
	}
	return exitOther
}

// exitOf is the exit code for an HTTP status that is no success.
func exitOf(status int) int {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return exitUsage
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitForbidden
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return exitConflict
	}
	return exitOther
}

// printError says what went wrong, and how to mend it where that is known.
func printError(w io.Writer, err error) {
	message := err.Error()
	if message == "" {
		return
	}
	if away := (*client.Unreachable)(nil); errors.As(err, &away) { // its URL may hold a password
		message = strings.ReplaceAll(message, away.Server, redact(away.Server))
	}
	fmt.Fprintf(w, "%s %s\n", paint(w, red, "error:"), message)
	if hint := hintFor(err); hint != "" {
		fmt.Fprintf(w, "  %s %s\n", paint(w, dim, "hint:"), hint)
	}
}

func hintFor(err error) string {
	var own *exitError
	var away *client.Unreachable
	var refused *client.Error
	switch {
	case errors.As(err, &own):
		return own.hint
	case errors.As(err, &away):
		return "is it running? pacer dev starts one here; --server or PACER_SERVER names another"
	case !errors.As(err, &refused):
		return ""
	case len(refused.Deployments) > 0:
		return fmt.Sprintf("wait for it (pacer deployment wait %s), or cancel it with --force", refused.Deployments[0])
	case refused.Status == http.StatusUnauthorized:
		return "sign in: put your token into PACER_TOKEN"
	case refused.Status == http.StatusServiceUnavailable:
		return "no server leads at the moment; one will in a few seconds: try again"
	}
	return ""
}
