package docker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/registry"
)

// dockerConfig is the part of ~/.docker/config.json that tells of logins.
type dockerConfig struct {
	Auths       map[string]login  `json:"auths"`
	CredHelpers map[string]string `json:"credHelpers"` // by registry
	CredsStore  string            `json:"credsStore"`
}

type login struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
}

// hubKey is the name under which the login to Docker's own registry is kept.
const hubKey = "https://index.docker.io/v1/"

// registryAuth is the X-Registry-Auth for images of a registry ("docker.io",
// "10.0.0.1:5000"); empty where the file holds no login for it.
func registryAuth(ctx context.Context, file, host string) (string, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var c dockerConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	auth, ok, err := c.find(ctx, host)
	if err != nil || !ok {
		return "", err
	}
	if auth.ServerAddress = host; host == "docker.io" {
		auth.ServerAddress = hubKey
	}
	b, err = json.Marshal(auth)
	return base64.URLEncoding.EncodeToString(b), err
}

func (c *dockerConfig) find(ctx context.Context, host string) (a registry.AuthConfig, ok bool, err error) {
	server := host
	if host == "docker.io" {
		server = hubKey
	}
	if helper := c.CredHelpers[host]; helper != "" {
		return askHelper(ctx, helper, server)
	}
	for key, l := range c.Auths {
		if hostOf(key) != hostOf(server) {
			continue
		}
		a = registry.AuthConfig{Username: l.Username, Password: l.Password, IdentityToken: l.IdentityToken}
		if l.Auth != "" {
			b, err := base64.StdEncoding.DecodeString(l.Auth)
			user, password, ok := strings.Cut(string(bytes.TrimRight(b, "\x00")), ":")
			if err != nil || !ok {
				return a, false, fmt.Errorf("the login for %s is not base64 of user:password", key)
			}
			a.Username, a.Password = user, password
		}
		if a.Username != "" || a.IdentityToken != "" {
			return a, true, nil
		}
	}
	if c.CredsStore != "" {
		return askHelper(ctx, c.CredsStore, server)
	}
	return a, false, nil
}

// hostOf is the host in a key of auths: people write "registry:5000",
// "https://registry:5000" and "https://registry:5000/v2/".
func hostOf(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ := strings.Cut(key, "/")
	if host == "docker.io" || host == "registry-1.docker.io" {
		return "index.docker.io"
	}
	return host
}

// askHelper asks a credential helper of Docker (docker-credential-NAME get).
func askHelper(ctx context.Context, name, server string) (a registry.AuthConfig, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker-credential-"+filepath.Base(name), "get")
	cmd.Stdin = strings.NewReader(server)
	out, err := cmd.Output()
	if err != nil {
		if bytes.Contains(out, []byte("credentials not found")) {
			return a, false, nil
		}
		return a, false, fmt.Errorf("credential helper %s: %w", name, err)
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return a, false, fmt.Errorf("credential helper %s: %w", name, err)
	}
	if answer.Username == "<token>" {
		a.IdentityToken = answer.Secret
	} else {
		a.Username, a.Password = answer.Username, answer.Secret
	}
	return a, true, nil
}

// dockerConfigFile is where logins are read from.
func (d *Docker) dockerConfigFile() string {
	if d.config.DockerConfig != "" {
		return d.config.DockerConfig
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(cmp.Or(os.Getenv("DOCKER_CONFIG"), filepath.Join(home, ".docker")), "config.json")
}
