package testbed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"
)

// An Engine is a Docker engine that stands for one host: it shares nothing but the
// kernel with the others. Its published ports are to be bound on Addr, so several
// hosts may give out the same port.
type Engine struct {
	Endpoint string // like unix:///tmp/pacer-e12/sock
	Addr     string // 127.0.1.n, the host's own

	job     job
	process *process
	frozen  []int // processes that were stopped by Freeze
	api     *client.Client
}

// Start runs n engines until the end of the test.
func Start(tb testing.TB, n int) []*Engine {
	tb.Helper()
	all, err := StartEngines(tb.Context(), n)
	if err != nil {
		fail(tb, "Docker", err)
	}
	tb.Cleanup(func() {
		if err := CloseEngines(all); err != nil {
			tb.Error(err)
		}
	})
	return all
}

// StartEngines runs n engines until CloseEngines or the end of this process.
func StartEngines(ctx context.Context, n int) ([]*Engine, error) {
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("%w: only root may run a Docker engine", ErrCannot)
	}
	if err := EnsureDocker(ctx); err != nil {
		return nil, err
	}
	all := make([]*Engine, n)
	var g errgroup.Group
	for i := range all {
		g.Go(func() (err error) {
			all[i], err = startEngine(ctx)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, CloseEngines(all))
	}
	return all, nil
}

// CloseEngines closes all that are not nil.
func CloseEngines(all []*Engine) error {
	var g errgroup.Group
	for _, e := range all {
		if e != nil {
			g.Go(e.Close)
		}
	}
	return g.Wait()
}

func startEngine(ctx context.Context) (*Engine, error) {
	// The path of a Unix socket has at most 107 bytes.
	base := os.TempDir()
	if len(base) > 60 {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "pacer-e")
	if err != nil {
		return nil, err
	}
	e := &Engine{Endpoint: "unix://" + dir + "/sock", job: job{dir: dir}}
	if err := e.prepare(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	if err := e.Start(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// prepare makes the bridge. Its name is also the claim to the number n: the kernel
// gives it to one process only.
func (e *Engine) prepare() error {
	ip := find("ip")
	first := rand.IntN(250)
	for i := range 250 {
		n := 4 + (first+i)%250
		name := fmt.Sprintf("pacerb-%d", n)
		if exec.Command(ip, "link", "add", name, "type", "bridge").Run() != nil {
			if _, err := os.Stat("/sys/class/net/" + name); err == nil {
				continue // taken
			}
			return fmt.Errorf("%w: this kernel makes no network bridge: ip link add %s type bridge", ErrCannot, name)
		}
		e.job.bridge, e.job.cgroup = name, name
		e.Addr = fmt.Sprintf("127.0.1.%d", n)
		for _, args := range [][]string{
			{"addr", "add", fmt.Sprintf("10.213.%d.1/24", n), "dev", name},
			{"link", "set", name, "up"},
		} {
			if out, err := exec.Command(ip, args...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
			}
		}
		config := filepath.Join(e.job.dir, "daemon.json") // and not the machine's own
		if err := os.WriteFile(config, []byte("{}\n"), 0o600); err != nil {
			return err
		}
		e.job.env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin"} // of runc, docker-proxy
		e.job.args = []string{find("dockerd"), "--config-file", config, "--log-level", "warn",
			"--data-root", e.job.dir + "/data", "--exec-root", e.job.dir + "/exec", "--pidfile", e.job.dir + "/pid",
			"--host", e.Endpoint, "--bridge", name, "--iptables=false", "--ip-masq=false", "--ip-forward=false",
			"--cgroup-parent", "/" + name, "--exec-opt", "native.cgroupdriver=cgroupfs", "--insecure-registry", "127.0.0.0/8"}
		return nil
	}
	return errors.New("250 engines run already, or were left behind: ip link | grep pacerb-")
}

// Start brings back a host that was stopped or killed. Its disk is as it was.
func (e *Engine) Start(ctx context.Context) error {
	for _, name := range []string{"exec", "pid", "sock"} { // what a boot finds empty
		if err := os.RemoveAll(filepath.Join(e.job.dir, name)); err != nil {
			return err
		}
	}
	p, err := start(e.job)
	if err != nil {
		return err
	}
	e.process = p
	if err := p.await(ctx, func(ctx context.Context) error {
		_, err := e.Client().Ping(ctx)
		return err
	}); err != nil {
		return fmt.Errorf("start Docker engine: %w", err)
	}
	return nil
}

// TempDir makes a directory on the host's disk. It goes with the host and not before its
// containers, which may write to what is mounted from it until they end.
func (e *Engine) TempDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp(e.job.dir, "disk")
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// Client speaks to the engine.
func (e *Engine) Client() *client.Client {
	if e.api == nil {
		api, err := client.NewClientWithOpts(client.WithHost(e.Endpoint), client.WithAPIVersionNegotiation())
		if err != nil {
			panic(err) // the endpoint is ours, and well formed
		}
		e.api = api
	}
	return e.api
}

// Kill9 is the death of the host: engine and containers end at once, by SIGKILL.
func (e *Engine) Kill9() error {
	e.frozen = nil
	return e.process.kill()
}

// Stop ends the engine in order; it stops its containers before.
func (e *Engine) Stop() error { return e.process.stop("TERM") }

// Restart stops the engine in order and brings it back.
func (e *Engine) Restart(ctx context.Context) error {
	return errors.Join(e.Stop(), e.Start(ctx))
}

// Freeze makes the host's API hang while its containers go on.
func (e *Engine) Freeze() error {
	for _, pid := range e.process.pids() {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if n := strings.TrimSpace(string(name)); n != "dockerd" && n != "containerd" {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		e.frozen = append(e.frozen, pid)
	}
	return nil
}

// Thaw ends Freeze.
func (e *Engine) Thaw() error {
	var err error
	for _, pid := range e.frozen {
		err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
	}
	e.frozen = nil
	return err
}

// KillContainer kills all processes of a container from outside, with SIGKILL: the
// engine learns of it as of any crash. It returns when they are dead, their sockets
// closed: on a busy machine that is some milliseconds after the signal. id is the
// container's full id.
func (e *Engine) KillContainer(id string) error {
	for _, pattern := range []string{"/sys/fs/cgroup/pids/%s/%s/cgroup.procs", "/sys/fs/cgroup/%s/%s/cgroup.procs"} {
		b, err := os.ReadFile(fmt.Sprintf(pattern, e.job.cgroup, id))
		if err != nil {
			continue
		}
		pids := strings.Fields(string(b))
		if len(pids) == 0 {
			return fmt.Errorf("container %s does not run", id)
		}
		for _, s := range pids {
			pid, err := strconv.Atoi(s)
			if err != nil {
				return err
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		return waitEmpty(fmt.Sprintf(pattern, e.job.cgroup, id))
	}
	return fmt.Errorf("container %s has no control group: it does not run", id)
}

// waitEmpty waits until a control group has no process any more, or is gone.
func waitEmpty(procs string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(200 * time.Microsecond) {
		b, err := os.ReadFile(procs)
		if err != nil || len(b) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %q do not die", b)
		}
	}
}

// Log is the end of what the engine said.
func (e *Engine) Log() string { return string(e.process.log()) }

// Close ends the host and removes all that it had.
func (e *Engine) Close() error {
	var err error
	if e.api != nil {
		err = e.api.Close()
	}
	return errors.Join(err, e.Thaw(), e.process.discard(e.job))
}
