package apps

// Unlimited is a limit that is none: as much as the host has.
const Unlimited = -1

// Limits are how far an instance may go beyond what it needs while its host has it to
// spare (Marathon's resourceLimits). 0 is no further than Needs.
type Limits struct {
	CPU int64 `json:"cpu,omitempty"` // thousandths of a core, or Unlimited
	Mem int64 `json:"mem,omitempty"` // MiB, or Unlimited
}

// Linux is what of the host's kernel an instance is kept from, or given (Marathon's
// linuxInfo).
type Linux struct {
	Unconfined bool `json:"unconfined,omitempty"` // without the engine's seccomp profile
	// IPC is whose memory and semaphores it shares: IPCPrivate or IPCShared; empty is
	// what the engine does.
	IPC string `json:"ipc,omitempty"`
	// Shm is the size of /dev/shm, MiB; 0 is the engine's.
	Shm int64 `json:"shm,omitempty"`
}

// Marathon's words for Linux.IPC. What is above an app, and above a pod, is its host;
// above a container of a pod, the pod.
const (
	IPCPrivate = "PRIVATE"
	IPCShared  = "SHARE_PARENT"
)
