package testbed

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/client"
	"golang.org/x/crypto/bcrypt"
)

// A Registry is a private image registry on loopback, which no engine started
// here asks for a certificate.
type Registry struct {
	Host     string // host:port, the front of its images' names
	User     string
	Password string

	job     job
	process *process
}

// NewRegistry runs a registry until the end of the test.
func NewRegistry(tb testing.TB) *Registry {
	tb.Helper()
	r, err := StartRegistry(tb.Context())
	if err != nil {
		fail(tb, "registry", err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// StartRegistry runs a registry until Close or the end of this process.
func StartRegistry(ctx context.Context) (*Registry, error) {
	program, err := Program(ctx, "docker-registry", "docker-registry")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pacer-r")
	if err != nil {
		return nil, err
	}
	r := &Registry{User: "ann", Password: "se:cret", job: job{dir: dir}}
	if err := r.start(ctx, program); err != nil {
		return nil, errors.Join(fmt.Errorf("start registry: %w", err), r.Close())
	}
	return r, nil
}

func (r *Registry) start(ctx context.Context, program string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.Host = l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(r.Password), bcrypt.MinCost)
	if err != nil {
		return err
	}
	users, config := filepath.Join(r.job.dir, "htpasswd"), filepath.Join(r.job.dir, "config.yml")
	text := fmt.Sprintf(`version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %s/images}}
http: {addr: %s}
auth: {htpasswd: {realm: test, path: %s}}
`, r.job.dir, r.Host, users)
	if err := errors.Join(
		os.WriteFile(users, fmt.Appendf(nil, "%s:%s\n", r.User, hash), 0o600),
		os.WriteFile(config, []byte(text), 0o600),
	); err != nil {
		return err
	}
	r.job.args = []string{program, "serve", config}
	if r.process, err = start(r.job); err != nil {
		return err
	}
	return r.process.await(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Host+"/v2/", nil)
		if err != nil {
			return err
		}
		req.SetBasicAuth(r.User, r.Password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// Push copies an image from an engine to the registry as name ("team/app:1"), takes
// it from the engine under that name again, and returns the full name to pull.
func (r *Registry) Push(ctx context.Context, api client.APIClient, source, name string) (string, error) {
	full := r.Host + "/" + name
	if err := api.ImageTag(ctx, source, full); err != nil {
		return "", err
	}
	auth, err := json.Marshal(registry.AuthConfig{Username: r.User, Password: r.Password, ServerAddress: r.Host})
	if err != nil {
		return "", err
	}
	out, err := api.ImagePush(ctx, full, image.PushOptions{RegistryAuth: base64.URLEncoding.EncodeToString(auth)})
	if err != nil {
		return "", err
	}
	defer out.Close()
	for dec := json.NewDecoder(out); ; {
		var line struct{ Error string }
		if err := dec.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			return "", err
		}
		if line.Error != "" {
			return "", fmt.Errorf("push %s: %s", full, line.Error)
		}
	}
	_, err = api.ImageRemove(ctx, full, image.RemoveOptions{})
	return full, err
}

// DockerConfig is a file like ~/.docker/config.json that holds its login.
func (r *Registry) DockerConfig() (path string, err error) {
	path = filepath.Join(r.job.dir, "config.json")
	login := base64.StdEncoding.EncodeToString([]byte(r.User + ":" + r.Password))
	return path, os.WriteFile(path, fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, r.Host, login), 0o600)
}

// Close ends the registry and removes its images.
func (r *Registry) Close() error { return r.process.discard(r.job) }
