package docker

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/registry"
	"github.com/google/go-cmp/cmp"
)

func TestALoginIsFoundByItsRegistry(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	text := `{"auths":{"https://index.docker.io/v1/":{"auth":"aHViOnB3"}, "https://reg.example:5000/v2/":{"auth":"YW5uOnNlOmNyZXQ="},
"10.0.0.1:5000":{"username":"bob","password":"pw"}, "token.example":{"identitytoken":"tok"}, "broken.example":{"auth":"!"}}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]*registry.AuthConfig{
		"docker.io":        {Username: "hub", Password: "pw", ServerAddress: "https://index.docker.io/v1/"},
		"reg.example:5000": {Username: "ann", Password: "se:cret", ServerAddress: "reg.example:5000"},
		"10.0.0.1:5000":    {Username: "bob", Password: "pw", ServerAddress: "10.0.0.1:5000"},
		"token.example":    {IdentityToken: "tok", ServerAddress: "token.example"},
		"other.example":    nil,
	} {
		got, err := registryAuth(t.Context(), file, host)
		if err != nil {
			t.Fatal(err)
		}
		var auth *registry.AuthConfig
		if got != "" {
			b, err := base64.URLEncoding.DecodeString(got)
			if err != nil {
				t.Fatal(err)
			}
			auth = &registry.AuthConfig{}
			if err := json.Unmarshal(b, auth); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(want, auth); d != "" {
			t.Errorf("%s: %s", host, d)
		}
	}
	if _, err := registryAuth(t.Context(), file, "broken.example"); err == nil {
		t.Error("a login that can't be read is an error")
	}
	if got, err := registryAuth(t.Context(), file+".absent", "docker.io"); got != "" || err != nil {
		t.Errorf("no file is no login, but %q, %v", got, err)
	}
}

func TestACredentialHelperIsAsked(t *testing.T) {
	dir := t.TempDir()
	helper := "#!/bin/sh\nread -r server\n[ \"$1 $server\" = 'get reg.example' ] || { echo 'credentials not found in native keychain'; exit 1; }\necho '{\"Username\":\"ann\",\"Secret\":\"pw\"}'\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-test"), []byte(helper), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	c := dockerConfig{CredsStore: "test"}
	a, ok, err := c.find(t.Context(), "reg.example")
	if err != nil || !ok || a.Username != "ann" || a.Password != "pw" {
		t.Errorf("got %+v, %v, %v", a, ok, err)
	}
	if _, ok, err := c.find(t.Context(), "other.example"); ok || err != nil {
		t.Errorf("the helper does not know it, but %v, %v", ok, err)
	}
}
