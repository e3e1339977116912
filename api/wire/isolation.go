package wire

import (
	"fmt"
	"math"

	"pacer/apps"
)

// LinuxInfo is what of the host's kernel a container is kept from, or given.
type LinuxInfo struct {
	Seccomp *Seccomp `json:"seccomp,omitzero"`
	IPCInfo *IPCInfo `json:"ipcInfo,omitzero"`
}

// Seccomp says which system calls are refused: those of the engine's own profile, or,
// unconfined, none.
type Seccomp struct {
	ProfileName *string `json:"profileName,omitzero"` // refused: a file of a Mesos agent
	Unconfined  *bool   `json:"unconfined,omitzero"`
}

// IPCInfo is whose memory and semaphores a container shares.
type IPCInfo struct {
	Mode    string `json:"mode" rule:"required enum=PRIVATE|SHARE_PARENT"`
	ShmSize *int   `json:"shmSize,omitzero" rule:"min=0 max=1048576"` // of /dev/shm, MiB
}

// check refuses what only Mesos could do; instead is what to use for a profile.
func (l *LinuxInfo) check(f *faults, at, instead string) {
	if l == nil {
		return
	}
	if s := l.Seccomp; s != nil && s.ProfileName != nil {
		f.fail(at+"/seccomp/profileName", "names a file of a Mesos agent, which Docker does not read: "+instead)
	}
	if i := l.IPCInfo; i != nil && i.ShmSize != nil && i.Mode != apps.IPCPrivate {
		f.fail(at+"/ipcInfo/shmSize", "may only be set with mode PRIVATE")
	}
}

func (l *LinuxInfo) spec() *apps.Linux {
	if l == nil {
		return nil
	}
	var out apps.Linux
	if l.Seccomp != nil {
		out.Unconfined = value(l.Seccomp.Unconfined, false)
	}
	if l.IPCInfo != nil {
		out.IPC, out.Shm = l.IPCInfo.Mode, int64(value(l.IPCInfo.ShmSize, 0))
	}
	if out == (apps.Linux{}) {
		return nil
	}
	return &out
}

func fromLinux(l *apps.Linux) *LinuxInfo {
	if l == nil {
		return nil
	}
	out := &LinuxInfo{}
	if l.Unconfined {
		out.Seccomp = &Seccomp{Unconfined: new(true)}
	}
	if l.IPC != "" {
		out.IPCInfo = &IPCInfo{Mode: l.IPC}
	}
	if l.Shm > 0 {
		out.IPCInfo.ShmSize = new(int(l.Shm))
	}
	return out
}

// check holds limits against what is needed.
func (l *ResourceLimits) check(f *faults, at string, cpus, mem float64) {
	if l == nil {
		return
	}
	judge := func(name string, limit *Limit, request, most float64) {
		switch {
		case limit == nil || limit.Unlimited:
		case limit.Value < request:
			f.fail(at+"/"+name, fmt.Sprintf("resource limit must be greater than or equal to requested resource value (%v)", request))
		case limit.Value > most:
			f.fail(at+"/"+name, "error.max")
		}
	}
	judge("cpus", l.Cpus, cpus, 1e6)
	judge("mem", l.Mem, mem, 1e12)
}

func (l *ResourceLimits) spec() *apps.Limits {
	if l == nil {
		return nil
	}
	amount := func(limit *Limit, unit float64, round func(float64) float64) int64 {
		switch {
		case limit == nil:
			return 0
		case limit.Unlimited:
			return apps.Unlimited
		}
		return int64(round(limit.Value * unit))
	}
	out := apps.Limits{CPU: amount(l.Cpus, 1000, math.Round), Mem: amount(l.Mem, 1, math.Ceil)}
	if out == (apps.Limits{}) {
		return nil
	}
	return &out
}

func fromLimits(l *apps.Limits) *ResourceLimits {
	if l == nil {
		return nil
	}
	amount := func(n int64, unit float64) *Limit {
		switch n {
		case 0:
			return nil
		case apps.Unlimited:
			return &Limit{Unlimited: true}
		}
		return &Limit{Value: float64(n) / unit}
	}
	return &ResourceLimits{Cpus: amount(l.CPU, 1000), Mem: amount(l.Mem, 1)}
}

// What is said where Mesos alone could do something.
const (
	noExecutor   = "custom executors run on Mesos alone: leave it out, and say what to run in cmd or args"
	noPullConfig = "Pacer has no secrets: log each host in to the registry by `docker login`, and agents use that"
	byParameter  = "give the profile itself by the docker parameter security-opt, as seccomp={…}"
	byEngine     = "leave it out for the engine's own profile, or set unconfined"
)
