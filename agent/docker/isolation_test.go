package docker

import (
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"pacer/apps"
)

func TestLimitsAboveWhatIsNeeded(t *testing.T) {
	for _, c := range []struct {
		above                         apps.Limits
		quota, memory, swap, reserved int64 // cores 1e-9, MiB
	}{
		{apps.Limits{CPU: 2000}, 2e9, 64, 64, 0},
		{apps.Limits{CPU: apps.Unlimited}, 0, 64, 64, 0},
		{apps.Limits{Mem: 256}, 5e8, 256, 256, 64},
		{apps.Limits{CPU: apps.Unlimited, Mem: apps.Unlimited}, 0, 0, 0, 64},
	} {
		s := mustSpec(t, boxed(func(a *apps.App) { a.Needs, a.Limits = apps.Resources{CPU: 500, Mem: 64}, &c.above }))
		r := s.host.Resources
		if s.quota != c.quota || r.Memory != c.memory*mib || r.MemorySwap != c.swap*mib || r.MemoryReservation != c.reserved*mib || r.CPUShares != 512 {
			t.Errorf("%+v: quota %d, memory %d, with swap %d, reserved %d, shares %d", c.above, s.quota, r.Memory, r.MemorySwap, r.MemoryReservation, r.CPUShares)
		}
	}
}

func TestIsolationInTheEnginesWords(t *testing.T) {
	s := mustSpec(t, boxed(func(a *apps.App) {
		a.Container.Linux = &apps.Linux{Unconfined: true, IPC: apps.IPCShared}
		a.Container.Parameters = []apps.Parameter{{Key: "shm-size", Value: "8m"}}
	}))
	if h := s.host; len(h.SecurityOpt) != 1 || h.SecurityOpt[0] != "seccomp=unconfined" || h.IpcMode != container.IPCModeHost || h.ShmSize != 8*mib {
		t.Errorf("got %v, ipc %q, shm %d", h.SecurityOpt, h.IpcMode, h.ShmSize)
	}
	s = mustSpec(t, boxed(func(a *apps.App) { a.Container.Linux = &apps.Linux{IPC: apps.IPCPrivate, Shm: 16} }))
	if h := s.host; len(h.SecurityOpt) != 0 || h.IpcMode != container.IPCModePrivate || h.ShmSize != 16*mib {
		t.Errorf("got %v, ipc %q, shm %d", h.SecurityOpt, h.IpcMode, h.ShmSize)
	}
}

func TestMemoryAboveWhatIsNeededCanBeUsed(t *testing.T) {
	d := real(t)
	a := shell("a=xxxxxxxxxxxxxxxx; while true; do a=$a$a; done")
	a.Needs, a.Limits = apps.Resources{CPU: 1000, Mem: 16}, &apps.Limits{Mem: 48}
	l, _ := start(t, d, a)
	eventually(t, "its death", func() bool { c, _ := one(t, d, l.Instance); return !c.Running })
	if c, _ := one(t, d, l.Instance); !c.OOM || c.MemMax != 48 {
		t.Errorf("killed at its limit, which is above what it needs: %+v", c)
	}
}

func TestATerminalIsOneAndItsLogIsRead(t *testing.T) {
	d := real(t)
	a := shell("if [ -t 1 ]; then echo a terminal; else echo none; fi")
	a.TTY = true
	l, _ := start(t, d, a)
	if got := printed(t, d, l.Instance); got != "a terminal\r\n" {
		t.Errorf("it printed %q", got)
	}
}

func TestContainersOfAPodShareMemoryWhereTheySayIt(t *testing.T) {
	d := real(t)
	a := twins("until cat /dev/shm/note; do sleep 0.1; done; " + forever)
	a.Pod.Linux = &apps.Linux{IPC: apps.IPCPrivate, Shm: 16}
	a.Pod.Containers[0].Linux = &apps.Linux{IPC: apps.IPCPrivate}
	a.Pod.Containers[1].Shell = "echo shared > /dev/shm/note; " + forever
	a.Pod.Containers[2].Limits, a.Pod.Containers[2].TTY = &apps.Limits{CPU: apps.Unlimited, Mem: 64}, true
	l, _ := start(t, d, a)
	eventually(t, "a word by way of the shared memory", func() bool {
		var out safeBuffer
		return d.Logs(t.Context(), apps.PartID(l.Instance, "second"), 0, false, &out, &out) == nil && strings.Contains(out.String(), "shared")
	})
	in, _, err := d.findPart(t.Context(), apps.PartID(l.Instance, "second"))
	if err != nil || in.HostConfig.Memory != 64*mib || in.HostConfig.MemoryReservation != 32*mib || !in.Config.Tty {
		t.Errorf("limits and terminal of a container: %+v, %v", in.HostConfig, err)
	}
	in, _, err = d.findPart(t.Context(), apps.PartID(l.Instance, "web"))
	if err != nil || !in.HostConfig.IpcMode.IsPrivate() {
		t.Errorf("who wants its own memory has it: %+v, %v", in.HostConfig.IpcMode, err)
	}
}
