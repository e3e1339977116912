package docker

import (
	"github.com/docker/docker/api/types/container"

	"pacer/apps"
)

// limits are hard limits on cores and memory, and the weight where cores are
// scarce (1,024 a core, as in Mesos). There is no swap beyond the memory. Where more
// than is needed is allowed, what is needed is what the kernel takes back to when
// memory is short.
//
// The limit on cores is kept out of the creation (see Docker.limit): it would throttle
// the runtime that sets the container up, and an app of a tenth of a core would take
// half as long again to start.
func limits(needs apps.Resources, above *apps.Limits) container.Resources {
	if above == nil {
		above = &apps.Limits{}
	}
	r := container.Resources{CPUShares: max(needs.CPU*1024/1000, sharesMin)}
	switch cores := max(above.CPU, needs.CPU); {
	case above.CPU == apps.Unlimited:
	case cores >= cpuMin:
		r.NanoCPUs = cores * 1e6
	}
	mem := max(needs.Mem, memMin)
	if needs.Mem <= 0 {
		mem = memNone
	}
	if above.Mem != 0 {
		r.MemoryReservation = mem * mib
	}
	if above.Mem != apps.Unlimited {
		r.Memory = max(mem, above.Mem) * mib
		r.MemorySwap = r.Memory
	}
	return r
}

// linux sets what an instance, or one container of a pod, is kept from. parent is whose
// shared memory IPCShared means.
func (s *spec) linux(l *apps.Linux, parent container.IpcMode) {
	if l == nil {
		return
	}
	if l.Unconfined {
		s.host.SecurityOpt = append(s.host.SecurityOpt, "seccomp=unconfined")
	}
	switch l.IPC {
	case apps.IPCPrivate:
		s.host.IpcMode = container.IPCModePrivate
	case apps.IPCShared:
		s.host.IpcMode = parent
	}
	if l.Shm > 0 {
		s.host.ShmSize = l.Shm * mib
	}
}

// podLinux is what the i-th container of a pod is kept from: what it does not say
// itself the pod says for it, and where the pod says whose memory is shared, its
// containers share it.
func podLinux(p *apps.Pod, i int) *apps.Linux {
	var l apps.Linux
	if own := p.Containers[i].Linux; own != nil {
		l = *own
	}
	if p.Linux != nil {
		l.Unconfined = l.Unconfined || p.Linux.Unconfined
		if l.IPC == "" && p.Linux.IPC != "" {
			l.IPC = apps.IPCShared
		}
	}
	return &l
}

// holderLinux has the container that holds a pod's network hold its shared memory, too.
func (s *spec) holderLinux(p *apps.Pod) {
	s.host.IpcMode = container.IPCModeShareable
	if p.Linux == nil {
		return
	}
	s.linux(&apps.Linux{Shm: p.Linux.Shm}, "")
	if p.Linux.IPC == apps.IPCShared {
		s.host.IpcMode = container.IPCModeHost
	}
}

// podParent is whose shared memory the containers of a pod share.
func podParent(p *apps.Pod, holder string) container.IpcMode {
	if p.Linux != nil && p.Linux.IPC == apps.IPCShared {
		return container.IPCModeHost
	}
	return container.IpcMode("container:" + holder)
}
