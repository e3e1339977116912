package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// ErrCannot is why something can't be had on this machine at all: tests that
// need it are skipped.
var ErrCannot = errors.New("not possible here")

// EnsureDocker makes sure that this machine has the Docker engine's programs, from
// the distribution's package when run as root. It starts no service.
func EnsureDocker(ctx context.Context) error {
	return ensure(ctx, map[string]string{"dockerd": "docker.io", "containerd": "containerd", "runc": "runc", "ip": "iproute2"})
}

// ensure installs the packages of those programs that are absent.
func ensure(ctx context.Context, packages map[string]string) error {
	missing := map[string]bool{}
	for program, pkg := range packages {
		if find(program) == "" {
			missing[pkg] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var names []string
	for name := range missing {
		names = append(names, name)
	}
	slices.Sort(names)
	return install(ctx, names...)
}

// find is the path of a program, also of one for root alone; "" if it is absent.
func find(program string) string {
	if p, err := exec.LookPath(program); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"} {
		p := filepath.Join(dir, program)
		if st, err := os.Stat(p); err == nil && st.Mode()&0o111 != 0 {
			return p
		}
	}
	return ""
}

// install gets packages of Debian and its kin, one process of the machine at a
// time. Services they bring are not started: a policy-rc.d says so meanwhile.
func install(ctx context.Context, packages ...string) error {
	list := strings.Join(packages, " ")
	apt := find("apt-get")
	switch {
	case os.Getuid() != 0:
		return fmt.Errorf("%w: %s is not installed, and only root may install it: sudo apt-get install %s", ErrCannot, list, list)
	case apt == "":
		return fmt.Errorf("%w: %s is not installed, and there is no apt-get to install it", ErrCannot, list)
	}
	lock, err := os.OpenFile("/run/lock/pacer-install", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	const policy = "/usr/sbin/policy-rc.d"
	if f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755); err == nil {
		defer os.Remove(policy)
		_, err = f.WriteString("#!/bin/sh\nexit 101\n")
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	run := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-q", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
		return cmd.CombinedOutput()
	}
	args := append([]string{"install", "-y", "--no-install-recommends"}, packages...)
	out, err := run(args...)
	if err != nil { // the package lists may be absent or old
		if out, err := run("update"); err != nil {
			return fmt.Errorf("apt-get update: %w\n%s", err, tail(out))
		}
		out, err = run(args...)
	}
	if err != nil {
		return fmt.Errorf("apt-get install %s: %w\n%s", list, err, tail(out))
	}
	return nil
}

// tail is the end of a program's output, as much as a person wants to read.
func tail(out []byte) []byte {
	const most = 2000
	return out[max(0, len(out)-most):]
}

// Program is the path of a program; the package that brings it is installed where
// it is absent and we are root.
func Program(ctx context.Context, name, pkg string) (string, error) {
	if err := ensure(ctx, map[string]string{name: pkg}); err != nil {
		return "", err
	}
	if p := find(name); p != "" {
		return p, nil
	}
	return "", fmt.Errorf("the package %s brought no program %s", pkg, name)
}
