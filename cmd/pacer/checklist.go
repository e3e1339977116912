package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
)

// A checklist is what a start-up shows: one line a part, what listens where, and
// every problem with how to mend it.
type checklist struct {
	out   io.Writer
	color bool

	mu       sync.Mutex
	problems []string
}

func newChecklist(out *os.File) *checklist {
	info, err := out.Stat()
	tty := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &checklist{out: out, color: tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (c *checklist) paint(code, s string) string {
	if !c.color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (c *checklist) title(format string, args ...any) {
	fmt.Fprintf(c.out, "%s %s\n", c.paint("1", "==>"), fmt.Sprintf(format, args...))
}

func (c *checklist) ok(part, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, " %s %-8s %s\n", c.paint("32", "✓"), part, fmt.Sprintf(format, args...))
}

func (c *checklist) warn(part, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, " %s %-8s %s\n", c.paint("33", "!"), part, fmt.Sprintf(format, args...))
}

func (c *checklist) problem(part string, err error, mend string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, part)
	fmt.Fprintf(c.out, " %s %-8s %v\n", c.paint("31", "✗"), part, err)
	if mend != "" {
		fmt.Fprintf(c.out, "   %-8s → %s\n", "", mend)
	}
}

// err is all problems as one; nil when there is none.
func (c *checklist) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.problems) == 0 {
		return nil
	}
	return fmt.Errorf("not started: mend %s first", strings.Join(c.problems, ", "))
}

// listen opens a TCP port, or says what is in the way.
func (c *checklist) listen(part, flag, addr string) net.Listener {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		c.problem(part, err, listenMend(err, flag))
		return nil
	}
	return l
}

func listenMend(err error, flag string) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("another process listens there (ss -ltnp shows which): stop it, or choose another address by --%s", flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Sprintf("ports below 1024 need root: choose a higher one by --%s", flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("this machine does not have that address: choose another by --%s", flag)
	}
	return "choose another address by --" + flag
}
