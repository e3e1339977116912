package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	pollEvery = 2 * time.Millisecond // how often somebody asks whether it answers yet
	waitMax   = 2 * time.Minute      // for anything
)

// A platform is a running pacer dev over the bench's engine.
type platform struct {
	b    *bench
	api  string // http://HOST:PORT
	lb   string // HOST:PORT
	log  *lines
	cmd  *exec.Cmd
	done chan struct{}
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs pacer dev and waits until it is ready.
func (b *bench) start(ctx context.Context) (*platform, error) {
	var addrs [3]string
	for i := range addrs {
		var err error
		if addrs[i], err = freeAddr(); err != nil {
			return nil, err
		}
	}
	data, err := os.MkdirTemp(b.dir, "dev")
	if err != nil {
		return nil, err
	}
	p := &platform{b: b, api: "http://" + addrs[0], lb: addrs[1], log: &lines{}, done: make(chan struct{})}
	p.cmd = exec.Command(b.pacer, "dev", "--data-dir", filepath.Join(data, "state"),
		"--http", addrs[0], "--lb-http", addrs[1], "--dns", addrs[2], "--lb-bind", "127.0.3.1",
		"--docker", fmt.Sprintf("h1=%s,address=%s", b.engine.Endpoint, b.engine.Addr))
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	err = p.wait(ctx, "pacer dev to be ready", func(ctx context.Context) error {
		_, err := p.call(ctx, "GET", "/health/ready", nil)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// stop ends it and waits. Containers go on.
func (p *platform) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		return errors.New("pacer dev does not end on SIGTERM")
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// apiClient does without compression, which would cost more than all else.
var apiClient = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableCompression: true}}

// call is one request to the API that has to be answered by 2xx.
func (p *platform) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.api+path, in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := apiClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s %s", method, path, resp.Status, raw)
	}
	return raw, err
}

// waitEvery is how often the API is asked whether something is done. It costs Pacer
// CPU: rarely enough to be lost in what is waited for.
const waitEvery = 100 * time.Millisecond

// wait asks until ok has nothing to object.
func (p *platform) wait(ctx context.Context, what string, ok func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, waitMax)
	defer cancel()
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	for {
		err := ok(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("pacer dev ended while waiting for %s:\n%s", what, p.log)
		case <-ctx.Done():
			log := p.log.String()
			return fmt.Errorf("waited too long for %s: %w\n%s", what, err, log[max(0, len(log)-4000):])
		case <-tick.C:
		}
	}
}

// deployed waits until no deployment runs.
func (p *platform) deployed(ctx context.Context) error {
	return p.wait(ctx, "the deployment to end", func(ctx context.Context) error {
		body, err := p.call(ctx, "GET", "/v2/deployments", nil)
		if err == nil && strings.TrimSpace(string(body)) != "[]" {
			err = fmt.Errorf("%s", body)
		}
		return err
	})
}

// drop deletes an app and waits until its containers are gone.
func (p *platform) drop(ctx context.Context, id string) error {
	if _, err := p.call(ctx, "DELETE", "/v2/apps"+id+"?force=true", nil); err != nil {
		return err
	}
	if err := p.deployed(ctx); err != nil {
		return err
	}
	return p.wait(ctx, "the containers of "+id+" to be gone", func(ctx context.Context) error {
		list, err := p.b.containers(ctx, "pacer.app="+id)
		if err == nil && len(list) > 0 {
			err = fmt.Errorf("%d are left", len(list))
		}
		return err
	})
}

// hello is the app of examples/hello, without health checks where checked is false.
func hello(id string, instances int, checked bool, more map[string]any) map[string]any {
	app := map[string]any{
		"id": id, "instances": instances, "cpus": 0.02, "mem": 16,
		"container": map[string]any{
			"type": "DOCKER", "docker": map[string]any{"image": "pacer/hello:1"},
			"portMappings": []any{map[string]any{"containerPort": 8080, "hostPort": 0}},
		},
		"networks": []any{map[string]any{"mode": "container/bridge"}},
	}
	if checked {
		app["healthChecks"] = []any{map[string]any{
			"protocol": "HTTP", "path": "/health", "gracePeriodSeconds": 10, "intervalSeconds": 2, "timeoutSeconds": 2,
		}}
	}
	for k, v := range more {
		app[k] = v
	}
	return app
}

// vhost is the name under which every app answers on the load balancer.
func vhost(id string) string { return strings.TrimPrefix(id, "/") + ".localhost" }

// A caller asks one address for /, as one host name.
type caller struct {
	client *http.Client
	url    string
	host   string
}

func newCaller(addr, host string) *caller {
	return &caller{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 5 * time.Second},
		url:    "http://" + addr + "/", host: host,
	}
}

func (c *caller) close() { c.client.CloseIdleConnections() }

// get is one request that has to be answered by 200.
func (c *caller) get(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", c.url, nil)
	if err != nil {
		return "", err
	}
	req.Host = c.host
	resp, err := c.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(body), err
}

// first asks every pollEvery until the first 200 and returns its body.
func (c *caller) first(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, waitMax)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		body, err := c.get(ctx)
		if err == nil {
			return body, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%s as %s never answered 200: %w", c.url, c.host, err)
		case <-tick.C:
		}
	}
}
