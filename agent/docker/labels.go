package docker

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"pacer/agent"
	"pacer/apps"
)

// The labels that make a container ours. App labels come along under their own
// names; names with our prefix are refused to them.
const (
	labelPrefix   = "pacer."
	labelInstance = "pacer.instance"
	labelApp      = "pacer.app"
	labelVersion  = "pacer.version" // as apps.Version is written
	labelEpoch    = "pacer.epoch"
	labelCPU      = "pacer.cpu"        // thousandths of a core
	labelMem      = "pacer.mem"        // MiB
	labelMemMax   = "pacer.memmax"     // MiB; -1 is none; absent where it is labelMem
	labelDisk     = "pacer.disk"       // MiB
	labelGPU      = "pacer.gpu"        // whole ones
	labelGPUs     = "pacer.gpus"       // the numbers of those it has, by comma
	labelPorts    = "pacer.ports"      // host ports by comma, in the order of App.Ports; 0 is none
	labelGrace    = "pacer.grace"      // SIGTERM to SIGKILL, like 10s
	labelClaim    = "pacer.claim"      // of its persistent volumes
	labelPart     = "pacer.container"  // of a pod: which of its containers this is
	labelParts    = "pacer.containers" // of what holds a pod's network: the names of them all, by comma
	labelTask     = "MESOS_TASK_ID"
)

func labels(l agent.Launch) map[string]string {
	all := map[string]string{}
	for name, value := range l.App.Labels {
		if !strings.HasPrefix(name, labelPrefix) {
			all[name] = value
		}
	}
	ports := make([]string, len(l.Ports))
	for i, p := range l.Ports {
		ports[i] = strconv.Itoa(p)
	}
	maps.Copy(all, map[string]string{
		labelInstance: l.Instance,
		labelApp:      string(l.App.ID),
		labelVersion:  l.App.Version.String(),
		labelEpoch:    strconv.FormatUint(l.Epoch, 10),
		labelCPU:      strconv.FormatInt(l.App.Needs.CPU, 10),
		labelMem:      strconv.FormatInt(l.App.Needs.Mem, 10),
		labelDisk:     strconv.FormatInt(l.App.Needs.Disk, 10),
		labelGPU:      strconv.FormatInt(l.App.Needs.GPU, 10),
		labelPorts:    strings.Join(ports, ","),
		labelGrace:    l.App.Grace().String(),
		labelTask:     taskID(l.Instance),
	})
	if l.Claim != "" {
		all[labelClaim] = l.Claim
	}
	if above := l.App.Limits; above != nil && above.Mem != 0 {
		all[labelMemMax] = strconv.FormatInt(above.Mem, 10)
	}
	return all
}

func taskID(instance string) string { return (&apps.Instance{ID: instance}).TaskID() }

// fromLabels is what the labels of a container say; ok is whether it is ours. What
// can't be read is zero: we wrote it, so nobody else has an idea either.
func fromLabels(all map[string]string) (c agent.Container, ok bool) {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(all[name], 10, 64)
		return n
	}
	c.Instance = all[labelInstance]
	c.App = apps.ID(all[labelApp])
	c.Claim = all[labelClaim]
	c.Version, _ = apps.ParseVersion(all[labelVersion])
	c.MemMax = number(labelMemMax)
	c.Epoch, _ = strconv.ParseUint(all[labelEpoch], 10, 64)
	c.Needs = apps.Resources{CPU: number(labelCPU), Mem: number(labelMem), Disk: number(labelDisk), GPU: number(labelGPU)}
	if list := all[labelPorts]; list != "" {
		for s := range strings.SplitSeq(list, ",") {
			n, _ := strconv.Atoi(s)
			c.Ports = append(c.Ports, n)
		}
	}
	c.Grace, _ = time.ParseDuration(all[labelGrace])
	return c, c.Instance != ""
}
