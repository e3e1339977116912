package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"pacer/testbed"
)

// A machine is where it was measured.
type machine struct {
	When   time.Time `json:"when"`
	Cores  int       `json:"cores"`
	Memory int64     `json:"memoryMiB"`
	Kernel string    `json:"kernel"`
	Docker string    `json:"docker"`
	Go     string    `json:"go"`
}

func lookAround(ctx context.Context, e *testbed.Engine) machine {
	m := machine{When: time.Now().UTC().Truncate(time.Second), Cores: runtime.NumCPU(), Go: runtime.Version()}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(b))
	}
	if kib, err := procField("/proc/meminfo", "MemTotal"); err == nil {
		m.Memory = kib / 1024
	}
	if e != nil {
		if v, err := e.Client().ServerVersion(ctx); err == nil {
			m.Docker = v.Version
		}
	}
	return m
}

func (m machine) String() string {
	kernel, _, _ := strings.Cut(m.Kernel, "-")
	engine := ""
	if m.Docker != "" {
		engine = "Docker " + m.Docker + ", "
	}
	return fmt.Sprintf("%d cores, %d GiB, Linux %s, %s%s; %s",
		m.Cores, (m.Memory+512)/1024, kernel, engine, m.Go, m.When.Format("2006-01-02 15:04 MST"))
}

// loadAverage is of the last minute.
func loadAverage() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

// procField is a number in KiB from a file of lines like "VmRSS:  123 kB".
func procField(path, name string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == name+":" {
			return strconv.ParseInt(f[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}

// resident is the memory that a process has in RAM, in MiB.
func resident(pid int) (float64, error) {
	kib, err := procField(fmt.Sprintf("/proc/%d/status", pid), "VmRSS")
	return float64(kib) / 1024, err
}

// clockTick is the unit of times in /proc/PID/stat: USER_HZ, 100 on every Linux that
// Go runs on.
const clockTick = 10 * time.Millisecond

// cpuTime is what a process has used, in user and system mode (proc(5), stat).
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), ") ") // the name may have blanks
	f := strings.Fields(rest)
	if !ok || len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is not what proc(5) says", pid)
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * clockTick, err
}

// switches is how often a process gave up the CPU of its own accord: about how often
// something woke it.
func switches(pid int) (int64, error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, t := range tasks {
		n, err := procField(fmt.Sprintf("/proc/%d/task/%s/status", pid, t.Name()), "voluntary_ctxt_switches")
		if err == nil { // a thread may have ended
			sum += n
		}
	}
	return sum, nil
}
