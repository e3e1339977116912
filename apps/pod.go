package apps

import (
	"slices"
	"strings"
	"time"
)

// A Pod is what makes an app a pod: each of its instances is several containers that
// share a host, a network, volumes and their end. App.Needs is the sum of what they and
// Executor need, App.Ports are the endpoints of all containers in order, App.Checks
// their health checks.
type Pod struct {
	Containers []PodContainer `json:"containers"`
	Volumes    []PodVolume    `json:"volumes,omitempty"`
	Executor   Resources      `json:"executor"` // of what holds the containers together
	Linux      *Linux         `json:"linux,omitempty"`
}

// A PodContainer is one container of each instance of a pod.
type PodContainer struct {
	Name      string            `json:"name"`
	Shell     string            `json:"shell,omitempty"` // run as /bin/sh -c; exclusive with Argv
	Argv      []string          `json:"argv,omitempty"`  // to the image's entrypoint, or with Override instead of it
	Override  bool              `json:"override,omitempty"`
	Needs     Resources         `json:"needs"`
	Limits    *Limits           `json:"limits,omitempty"`
	Image     string            `json:"image,omitempty"`
	ForcePull bool              `json:"forcePull,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	User      string            `json:"user,omitempty"`
	Ports     int               `json:"ports,omitempty"` // how many of App.Ports are its own, after those of the containers before it
	Mounts    []PodMount        `json:"mounts,omitempty"`
	Fetch     []Artifact        `json:"fetch,omitempty"`
	KillGrace time.Duration     `json:"killGrace,omitempty"` // SIGTERM to SIGKILL; 0 is DefaultKillGrace
	TTY       bool              `json:"tty,omitempty"`
	Linux     *Linux            `json:"linux,omitempty"`
	// ImageLabels are given back.
	ImageLabels map[string]string `json:"imageLabels,omitempty"`
}

// A PodVolume is a directory that the containers of an instance may mount: of the host,
// or, without HostPath, one that ends with the instance.
type PodVolume struct {
	Name     string `json:"name"`
	HostPath string `json:"hostPath,omitempty"`
}

// A PodMount is where a container sees a volume of its pod.
type PodMount struct {
	Volume   string `json:"volume"`
	Path     string `json:"path"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// PortsOf are the indexes into App.Ports, from first up to end, of the i-th container.
func (p *Pod) PortsOf(i int) (first, end int) {
	for _, c := range p.Containers[:i] {
		first += c.Ports
	}
	return first, first + p.Containers[i].Ports
}

// Names are those of the containers, in order.
func (p *Pod) Names() []string {
	names := make([]string, len(p.Containers))
	for i, c := range p.Containers {
		names[i] = c.Name
	}
	return names
}

// A Part is how one container of an instance of a pod does.
type Part struct {
	Name     string    `json:"name"`
	ID       string    `json:"id,omitempty"` // the engine's
	Running  bool      `json:"running,omitempty"`
	Started  time.Time `json:"started,omitzero"` // zero: not yet
	Ended    time.Time `json:"ended,omitzero"`
	ExitCode int       `json:"exitCode,omitempty"` // where Ended
	Message  string    `json:"message,omitempty"`  // how it ended, for people
}

// SameParts reports whether two looks at a pod's containers saw the same.
func SameParts(a, b []Part) bool {
	return slices.EqualFunc(a, b, func(x, y Part) bool {
		same := x.Started.Equal(y.Started) && x.Ended.Equal(y.Ended)
		x.Started, x.Ended, y.Started, y.Ended = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		return same && x == y
	})
}

// PartID names one container of a pod's instance: where an instance is asked for logs
// or to run a command, it may stand for the instance.
func PartID(instance, container string) string { return instance + "." + container }

// SplitPart is the instance and the container of what PartID wrote; an instance's own id
// has no container.
func SplitPart(id string) (instance, container string) {
	const mark = ".instance-"
	i := strings.LastIndex(id, mark)
	if i < 0 {
		return id, ""
	}
	uuid, container, _ := strings.Cut(id[i+len(mark):], ".")
	return id[:i+len(mark)] + uuid, container
}
