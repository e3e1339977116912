package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pacer/agent"
	"pacer/apps"
)

// claimDir is where a claim's volumes are; empty where the host has no place for them.
func (d *Docker) claimDir(claim string) string {
	if d.config.DataDir == "" || !d.local || claim == "" {
		return ""
	}
	return filepath.Join(d.config.DataDir, "volumes", filepath.Base(claim))
}

// makeVolumes makes the directories of an instance's persistent volumes where nothing
// has run with them yet; else they must be there: an empty one in their place would
// pass for the data that was lost. Anyone inside the container may write, as in the
// sandbox.
func (d *Docker) makeVolumes(l agent.Launch) error {
	paths := l.App.Persistent()
	if len(paths) == 0 {
		return nil
	}
	root := d.claimDir(l.Claim) // the spec was made: there is one
	if err := os.MkdirAll(filepath.Dir(root), 0o700); err != nil {
		return fmt.Errorf("make the directory of all volumes: %w", err)
	}
	for _, path := range paths {
		dir := filepath.Join(root, path)
		_, err := os.Stat(dir)
		switch {
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("volume %s: %w", path, err)
		case l.Made:
			return &fault{message: fmt.Sprintf("the persistent volume %s is not on this host any more: bring %s back, or give it up by wiping the instance", path, dir)}
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make volume %s: %w", path, err)
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			return fmt.Errorf("make volume %s: %w", path, err)
		}
	}
	return nil
}

// volumeDir is the directory of the host behind a path that a volume names: of a
// persistent volume, or below one. ok: it is one.
func volumeDir(all []apps.Volume, path, claims string) (dir string, ok bool) {
	first, _, _ := strings.Cut(path, "/")
	for _, v := range all {
		if v.Size > 0 && v.ContainerPath == first {
			return filepath.Join(claims, path), true
		}
	}
	return "", false
}

// Wipe deletes a claim's volumes. No such claim is success.
func (d *Docker) Wipe(_ context.Context, claim string) error {
	dir := d.claimDir(claim)
	if dir == "" || filepath.Base(claim) != claim || !strings.Contains(claim, ".instance-") {
		return fmt.Errorf("wipe: %q is no claim of this host", claim)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("wipe %s: %w", claim, err)
	}
	return nil
}
