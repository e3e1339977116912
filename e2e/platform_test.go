package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"pacer/examples"
	"pacer/testbed"
)

// pacer is the binary under test, built once.
var pacer string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pacer-e2e")
	if err != nil {
		panic(err)
	}
	pacer = filepath.Join(dir, "pacer")
	build := exec.Command("go", "build", "-o", pacer, "pacer/cmd/pacer")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build pacer: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// hosts are engines with the images of the examples.
func hosts(t testing.TB, n int) []*testbed.Engine {
	t.Helper()
	engines := testbed.Start(t, n)
	for _, e := range engines {
		if err := examples.Build(t.Context(), e.Client(), "hello"); err != nil {
			t.Fatal(err)
		}
	}
	return engines
}

// A process is a running pacer.
type process struct {
	t    testing.TB
	args []string
	cmd  *exec.Cmd
	log  *lockedBuffer
	done chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// spawn starts pacer; it is ended with the test, and its log shown if that failed.
func spawn(t testing.TB, args ...string) *process {
	t.Helper()
	p := &process{t: t, args: args, log: &lockedBuffer{}}
	p.start()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			log := p.log.String()
			t.Logf("pacer %s:\n%s", args[0], log[max(0, len(log)-8000):])
		}
	})
	return p
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(pacer, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	p.done = done
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(done)
	}(p.cmd)
}

// stop asks it to end and waits; kill does not ask.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.t.Errorf("pacer %s does not end on SIGTERM", p.args[0])
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// A platform is a Pacer to talk to.
type platform struct {
	t       testing.TB
	api     string // http://127.0.0.1:PORT
	lb      string // host:port of the load balancer
	bind    string // address of the service ports
	dns     string
	process *process
}

var bindings atomic.Int32

// freeAddr is an address that nothing listens on now.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// doors chooses addresses and returns the flags that say so.
func doors(t testing.TB) (*platform, []string) {
	t.Helper()
	p := &platform{t: t, lb: freeAddr(t), dns: freeAddr(t), bind: fmt.Sprintf("127.0.2.%d", bindings.Add(1))}
	http := freeAddr(t)
	p.api = "http://" + http
	return p, []string{"--http", http, "--lb-http", p.lb, "--dns", p.dns, "--lb-bind", p.bind}
}

// dockers are the flags that drive the engines: h1, h2, …
func dockers(engines []*testbed.Engine) []string {
	var flags []string
	for i, e := range engines {
		flags = append(flags, "--docker", fmt.Sprintf("h%d=%s,address=%s", i+1, e.Endpoint, e.Addr))
	}
	return flags
}

// dev starts pacer dev over the engines and waits until it is ready.
func dev(t testing.TB, engines []*testbed.Engine, more ...string) *platform {
	t.Helper()
	p, flags := doors(t)
	args := append([]string{"dev", "--data-dir", engines[0].TempDir(t)}, flags...)
	args = append(append(args, dockers(engines)...), more...)
	p.process = spawn(t, args...)
	p.ready()
	return p
}

func (p *platform) ready() {
	p.t.Helper()
	p.wait("pacer to be ready", func() error {
		code, body := p.call("GET", "/health/ready", nil)
		if code != 200 {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
}

var client = &http.Client{Timeout: 30 * time.Second}

// call is one request to the API; code 0 is no answer.
func (p *platform) call(method, path string, body any) (code int, answer string) {
	p.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			p.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.api+path, in)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(raw)
}

// do is a call that has to be answered by 2xx, decoded.
func (p *platform) do(method, path string, body any) map[string]any {
	p.t.Helper()
	code, answer := p.call(method, path, body)
	if code/100 != 2 {
		p.t.Fatalf("%s %s: %d %s", method, path, code, answer)
	}
	out := map[string]any{}
	if strings.HasPrefix(answer, "{") {
		if err := json.Unmarshal([]byte(answer), &out); err != nil {
			p.t.Fatal(err)
		}
	}
	return out
}

// wait asks again and again until ok has nothing to object.
func (p *platform) wait(what string, ok func() error) {
	p.t.Helper()
	waitFor(p.t, what, ok)
}

func waitFor(t testing.TB, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s: %v", what, err)
		}
		<-tick.C
	}
}

// deployed waits until no deployment runs.
func (p *platform) deployed() {
	p.t.Helper()
	p.wait("the deployment to end", func() error {
		if code, body := p.call("GET", "/v2/deployments", nil); code != 200 || strings.TrimSpace(body) != "[]" {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
}

// get is a request for a virtual host through the load balancer.
func (p *platform) get(host, path string) (code int, body string) {
	req, err := http.NewRequest("GET", "http://"+p.lb+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Host = host
	return fetch(req)
}

func fetch(req *http.Request) (code int, body string) {
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(raw)
}

// hello is the app of examples/hello, as it is or changed.
func hello(t testing.TB, changes map[string]any) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("../examples/hello/hello.json")
	if err != nil {
		t.Fatal(err)
	}
	app := map[string]any{}
	if err := json.Unmarshal(raw, &app); err != nil {
		t.Fatal(err)
	}
	for k, v := range changes {
		app[k] = v
	}
	return app
}

// image is a change of hello's image.
func image(t testing.TB, name string) map[string]any {
	c := hello(t, nil)["container"].(map[string]any)
	c["docker"].(map[string]any)["image"] = name
	return map[string]any{"container": c}
}

// A sighting is a container of ours as Docker shows it.
type sighting struct {
	Engine   *testbed.Engine
	ID       string
	Instance string
	Image    string
}

// containers asks Docker, not Pacer, what runs of an app.
func containers(engines []*testbed.Engine, app string) ([]sighting, error) {
	var out []sighting
	for _, e := range engines {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		list, err := e.Client().ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "pacer.app="+app))})
		cancel()
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			out = append(out, sighting{e, c.ID, c.Labels["pacer.instance"], c.Image})
		}
	}
	return out, nil
}

func mustContainers(t testing.TB, engines []*testbed.Engine, app string) []sighting {
	t.Helper()
	list, err := containers(engines, app)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// running waits until Docker runs n containers of an app.
func running(t testing.TB, engines []*testbed.Engine, app string, n int) []sighting {
	t.Helper()
	var list []sighting
	waitFor(t, fmt.Sprintf("%d containers of %s", n, app), func() (err error) {
		if list, err = containers(engines, app); err == nil && len(list) != n {
			err = fmt.Errorf("%d run", len(list))
		}
		return err
	})
	return list
}
