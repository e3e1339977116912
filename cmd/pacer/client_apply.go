package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"pacer/api/client"
	"pacer/apps"
)

func applyCommand(f *clientFlags) *cobra.Command {
	var w waitFlags
	var detach, noRollback bool
	var ifVersion string
	cmd := f.verb("apply FILE", "Make what FILE says true: an app, a list of apps or a group; - is standard input", cobra.ExactArgs(1), func(ctx context.Context, s *session, args []string) error {
		b, err := s.read(args[0])
		if err != nil {
			return err
		}
		if ifVersion != "" {
			if err := seen(b, ifVersion); err != nil {
				return err
			}
		}
		wait := w.wait && !detach
		r, err := s.apply(ctx, b, client.PutOptions{Force: w.force, Whole: true, Rollback: wait && !noRollback, IfVersion: ifVersion})
		if err != nil {
			return err
		}
		return s.started(ctx, r, wait, follower{timeout: w.timeout, goBack: !noRollback})
	})
	cmd.Long = `Make what FILE says true. FILE holds an app, a list of apps or a group, in Marathon's
JSON, or in YAML if its name ends so; - is standard input. All of it is one deployment.

FILE is the whole definition: what it leaves out takes its default, the number of
instances too. The apps of a group that FILE does not name are deleted.

It waits until the deployment has ended. If that fails the apps go back to the version
before, and the exit code is 3; with --no-rollback, or where there was none before, it
is 4. If no host has room the code is 5, and the reason is printed. When --timeout is
over and nothing has failed the deployment goes on, and the code is 6.`
	w.add(cmd)
	wait := cmd.Flags().Lookup("wait")
	wait.DefValue, wait.Usage, w.wait = "true", "wait until the deployment has ended; what it does anyway", true
	cmd.Flags().BoolVar(&detach, "detach", false, "do not wait for the deployment; then it does not go back either")
	cmd.Flags().BoolVar(&noRollback, "no-rollback", false, "when it fails, do not go back to the version before")
	cmd.Flags().StringVar(&ifVersion, "if-version", "", "only if the app still has this version")
	return cmd
}

// bodyMax is what the server takes.
const bodyMax = 10 << 20

// A body is a definition as JSON, and what it is of.
type body struct {
	json []byte
	kind string // app, list or group
	id   string // of an app or a group, as it is written
}

// read reads a definition from a file, or from standard input for "-".
func (s *session) read(path string) (body, error) {
	raw, err := s.readJSON(path)
	if err != nil {
		return body{}, err
	}
	b, err := identify(raw)
	if err != nil {
		return body{}, &exitError{exitUsage, path + ": " + err.Error(), "it holds an app, a list of apps or a group: {\"id\": \"/web\", …}"}
	}
	return b, nil
}

// readJSON reads a file as JSON, whatever is in it.
func (s *session) readJSON(path string) (raw []byte, err error) {
	if path == "-" {
		raw, err = io.ReadAll(io.LimitReader(s.in, bodyMax+1))
	} else {
		raw, err = os.ReadFile(path)
	}
	switch {
	case err != nil:
		return nil, usageError("%v", err)
	case len(raw) > bodyMax:
		return nil, usageError("%s is larger than %d MiB", path, bodyMax>>20)
	}
	if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
		if raw, err = fromYAML(raw); err != nil {
			return nil, usageError("%s is not YAML: %v", path, err)
		}
	}
	return raw, nil
}

func fromYAML(raw []byte) ([]byte, error) {
	var doc any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// identify finds out what JSON text defines.
func identify(raw []byte) (body, error) {
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return body{}, fmt.Errorf("%s%w", place(raw, err), err)
	}
	switch doc := doc.(type) {
	case []any:
		return body{json: raw, kind: "list"}, nil
	case map[string]any:
		b := body{json: raw, kind: "app"}
		for _, key := range []string{"apps", "groups", "pods", "enforceRole"} {
			if doc[key] != nil {
				b.kind = "group"
			}
		}
		b.id, _ = doc["id"].(string)
		if b.kind == "app" && strings.Trim(b.id, "/") == "" {
			return body{}, errors.New("the app has no id")
		}
		return b, nil
	}
	return body{}, errors.New("neither an object nor a list")
}

// place is the line and column of a fault in JSON, for the front of its message.
func place(raw []byte, err error) string {
	syntax := (*json.SyntaxError)(nil)
	if !errors.As(err, &syntax) {
		return ""
	}
	before := string(raw[:min(int(syntax.Offset), len(raw))])
	line := strings.Count(before, "\n") + 1
	return fmt.Sprintf("line %d, column %d: ", line, len(before)-strings.LastIndex(before, "\n")-1)
}

// apply submits a definition. A group of the old way of writing, "shop" for "/shop",
// is meant from the root.
func (s *session) apply(ctx context.Context, b body, o client.PutOptions) (client.Result, error) {
	switch b.kind {
	case "list":
		return s.PutApps(ctx, b.json, o)
	case "group":
		return s.PutGroup(ctx, "/", b.json, o)
	}
	return s.PutApp(ctx, b.id, b.json, o)
}

// seen judges the version that an app shall still have.
func seen(b body, version string) error {
	if b.kind != "app" {
		return usageError("--if-version is for one app, and this is a %s", b.kind)
	}
	if _, err := apps.ParseVersion(version); err != nil {
		return usageError("--if-version: %v", err)
	}
	return nil
}
