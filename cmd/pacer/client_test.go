package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A reply is one answer of a fakeServer.
type reply struct {
	status int // 0: 200
	body   string
}

// A fakeServer gives recorded answers: to "GET /v2/apps" the first of its list, then
// the next; the last one again and again. What it has no answer for is a 404 of the
// kind that no client should meet.
type fakeServer struct {
	url string

	mu      sync.Mutex
	answers map[string][]reply
	asked   []*http.Request
	bodies  []string
	each    func(r *http.Request)
}

func newFake(t *testing.T, answers map[string][]reply) *fakeServer {
	t.Helper()
	f := &fakeServer{answers: maps.Clone(answers)}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked, f.bodies = append(f.asked, r), append(f.bodies, string(body))
	if f.each != nil {
		f.each(r)
	}
	key := r.Method + " " + r.URL.Path
	list := f.answers[key]
	if len(list) == 0 {
		w.WriteHeader(http.StatusNotImplemented)
		_, _ = io.WriteString(w, `{"message":"the test has no answer to `+key+`"}`)
		return
	}
	if len(list) > 1 {
		f.answers[key] = list[1:]
	}
	w.Header().Set("Content-Type", "application/json")
	if list[0].status != 0 {
		w.WriteHeader(list[0].status)
	}
	_, _ = io.WriteString(w, list[0].body)
}

// requests are those to a path by a method.
func (f *fakeServer) requests(method, path string) (list []*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.asked {
		if r.Method == method && r.URL.Path == path {
			list = append(list, r)
		}
	}
	return list
}

// A ran is what a run of the binary left behind.
type ran struct {
	code           int
	stdout, stderr string
}

// pacer runs a command line in this process, as main does.
func pacer(ctx context.Context, stdin string, args ...string) ran {
	var out, errs bytes.Buffer
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	err := root.ExecuteContext(ctx)
	if err != nil {
		printError(&errs, err)
	}
	return ran{exitCode(err), out.String(), errs.String()}
}

func (r ran) check(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code || !strings.Contains(r.stdout, stdout) || !strings.Contains(r.stderr, stderr) {
		t.Errorf("exited %d, want %d\nwant on stdout: %s\nwant on stderr: %s\nstdout:\n%s\nstderr:\n%s", r.code, code, stdout, stderr, r.stdout, r.stderr)
	}
}

// recorded is an answer of a real server.
func recorded(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "client", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// recordedWith is the same with some of its fields changed; nil takes one away.
func recordedWith(t *testing.T, name string, changes map[string]any) string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(recorded(t, name)), &doc); err != nil {
		t.Fatal(err)
	}
	for key, v := range changes {
		if doc[key] = v; v == nil {
			delete(doc, key)
		}
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// file writes a file of a test and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	deploymentID = "11dc53e7-d620-46c5-b50f-9c813e4bf6ff"
	backID       = "8e0bb1c1-7c60-8d8b-baf6-af6ce353ce1e"
	atDeployment = "GET /pacer/v1/deployments/" + deploymentID
	atBack       = "GET /pacer/v1/deployments/" + backID
)

var (
	accepted = reply{body: `{"version":"2026-11-24T13:06:16.156Z","deploymentId":"` + deploymentID + `"}`}
	reverted = reply{body: `{"version":"2026-11-24T13:07:00.000Z","deploymentId":"` + backID + `"}`}
)
