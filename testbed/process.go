package testbed

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// keeper is the script between us and a program; its first lines tell how it works.
//
//go:embed keeper.sh
var keeper string

// A process is a program and everything it forks. As root it has process and mount
// namespaces of its own, so that the kernel ends all of it at once and its mounts
// with it.
type process struct {
	dir     string   // its directory; its log is dir/log
	keeper  *os.File // what holds it alive
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the keeper has ended
	outcome error         // why, once ended is closed
}

// A job is a program to run.
type job struct {
	dir    string // exists already; removed when it is cleared up
	bridge string // network interface to delete then; may be empty
	cgroup string // name of the control group to delete then; may be empty
	user   string // to run as, where we are root; empty is ourselves
	env    []string
	args   []string
}

func (j job) keep(mode string) *exec.Cmd {
	cmd := exec.Command("bash", "-c", keeper, "pacer-keeper", mode, j.dir, j.bridge, j.cgroup)
	cmd.Env = append(os.Environ(), j.env...)
	if os.Getuid() == 0 && j.user != "" {
		cmd.Args = append(cmd.Args, "setpriv", "--reuid", j.user, "--regid", j.user, "--init-groups", "--")
	}
	cmd.Args = append(cmd.Args, j.args...)
	return cmd
}

func start(j job) (*process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	log, err := os.OpenFile(filepath.Join(j.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	defer log.Close()
	p := &process{dir: j.dir, keeper: write, cmd: j.keep("run"), ended: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = read, log, log
	p.cmd.Dir = j.dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Getuid() == 0 {
		p.cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
		p.cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	go func() {
		p.outcome = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// await waits until ready says so, and fails when the program ends before.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it ended (%v):\n%s", p.outcome, p.log())
		case <-ctx.Done():
			return fmt.Errorf("it did not come up: %w:\n%s", err, p.log())
		case <-tick.C:
		}
	}
}

func (p *process) log() []byte {
	out, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return tail(bytes.TrimSpace(out))
}

// stop ends the program with a signal like "TERM" and waits for it; its directory
// stays.
func (p *process) stop(signal string) error {
	if _, err := p.keeper.WriteString(signal + "\n"); err != nil && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	<-p.ended
	return p.keeper.Close()
}

// kill ends all of it with SIGKILL; its directory stays.
func (p *process) kill() error {
	if os.Getuid() != 0 { // no namespace: the keeper is not the program's end
		for _, pid := range p.pids() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return p.keeper.Close()
}

// discard ends all of it and clears up.
func (p *process) discard(j job) error {
	var err error
	if p != nil {
		err = p.keeper.Close() // the keeper does it, if it still lives
		<-p.ended
	}
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if out, e := j.keep("clear").CombinedOutput(); e != nil {
		err = errors.Join(err, fmt.Errorf("clear up %s: %w\n%s", j.dir, e, tail(out)))
	}
	return err
}

// pids are the processes below the keeper, the program itself first.
func (p *process) pids() []int {
	var all []int
	for _, pid := range children(p.cmd.Process.Pid) {
		all = append(append(all, pid), descendants(pid)...)
	}
	return all
}

func descendants(pid int) []int {
	var all []int
	for _, c := range children(pid) {
		all = append(append(all, c), descendants(c)...)
	}
	return all
}

func children(pid int) []int {
	var all []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, t := range tasks {
		b, _ := os.ReadFile(t)
		for _, f := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}
