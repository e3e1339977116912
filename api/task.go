package api

import (
	"net/netip"
	"time"

	"pacer/api/wire"
	"pacer/apps"
)

// stamp is a time on Marathon's wire: UTC, three digits; empty for no time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return apps.VersionAt(t).String()
}

// launched reports whether the instance is a task on Marathon's wire: one that only
// waits for a host is none yet.
func launched(in *apps.Instance) bool { return in.State != apps.Waiting && in.State != apps.Gone }

// taskState is Marathon's word for where an instance stands. Draining reads as
// killing, so that load balancers of others stop sending requests to it too.
func taskState(in *apps.Instance) string {
	switch {
	case in.State == apps.Gone:
		return "TASK_FINISHED"
	case in.State >= apps.Draining:
		return "TASK_KILLING"
	case in.Unreachable:
		return "TASK_UNREACHABLE"
	case in.State == apps.Running:
		return "TASK_RUNNING"
	}
	return "TASK_STAGING"
}

// running reports whether the instance counts as TASK_RUNNING.
func running(in *apps.Instance) bool { return taskState(in) == "TASK_RUNNING" }

// health sums up the checks of an instance: known is false before the first verdict.
func health(in *apps.Instance) (known, alive bool) {
	alive = true
	for _, h := range in.Health {
		if h.Known {
			known = true
			alive = alive && h.Alive
		}
	}
	return known, known && alive
}

// task writes an instance of an app; app may be nil where it is gone already.
func task(in *apps.Instance, app *apps.App, v View) wire.Task {
	host, _ := v.Host(in.Host)
	t := wire.Task{
		ID:                 in.TaskID(),
		AppID:              string(in.App),
		Host:               address(in),
		SlaveID:            in.Host,
		State:              taskState(in),
		StagedAt:           stamp(in.Staged),
		StartedAt:          stamp(in.Started),
		Version:            in.Version.String(),
		Ports:              hostPorts(in),
		ServicePorts:       []int{},
		IPAddresses:        ipAddresses(in),
		HealthCheckResults: []wire.HealthResult{},
		LocalVolumes:       localVolumes(in, app),
		Region:             host.Region,
		Zone:               host.Zone,
		Role:               wireRole(app),
	}
	for _, h := range in.Health {
		if h.Known {
			t.HealthCheckResults = append(t.HealthCheckResults, healthResult(h, in.ID))
		}
	}
	if app != nil && in.Reading != nil {
		t.CheckResult = wire.FromReading(app.Gauge, in.Reading)
	}
	return t
}

func healthResult(h apps.Health, instance string) wire.HealthResult {
	return wire.HealthResult{
		Alive: h.Alive, ConsecutiveFailures: h.Failures, InstanceID: instance,
		FirstSuccess: stamp(h.FirstSuccess), LastSuccess: stamp(h.LastSuccess), LastFailure: stamp(h.LastFailure), LastFailureCause: h.Cause,
	}
}

// address is where an instance's host ports answer. Load balancers resolve a task's
// host, so it has to be an address that works rather than a name that is nice; the
// name is the task's slaveId.
func address(in *apps.Instance) string {
	if in.Addr != "" {
		return in.Addr
	}
	return in.Host
}

func hostPorts(in *apps.Instance) []int {
	ports := []int{}
	for _, p := range in.Ports {
		if p > 0 {
			ports = append(ports, p)
		}
	}
	return ports
}

func ipAddresses(in *apps.Instance) []wire.IP {
	ip, err := netip.ParseAddr(in.IP)
	if err != nil {
		return []wire.IP{}
	}
	family := "IPv4"
	if ip.Is6() && !ip.Is4In6() {
		family = "IPv6"
	}
	return []wire.IP{{IPAddress: in.IP, Protocol: family}}
}

// wireRole is the role as Marathon writes it.
func wireRole(app *apps.App) string {
	if app == nil || app.Role == "" {
		return "*"
	}
	return app.Role
}

// failure is an end that nobody asked for.
func failure(f *apps.Finished) *wire.TaskFailure {
	state := map[apps.End]string{
		apps.EndFinished: "TASK_FINISHED", apps.EndFailed: "TASK_FAILED", apps.EndUnhealthy: "TASK_FAILED",
		apps.EndLost: "TASK_GONE", apps.EndStopped: "TASK_KILLED", apps.EndPreempted: "TASK_KILLED",
	}[f.End]
	return &wire.TaskFailure{
		AppID: string(f.App), Host: address(&f.Instance), Message: f.Message, State: state, TaskID: f.TaskID(),
		Timestamp: stamp(f.At), Version: f.Version.String(), SlaveID: f.Host,
	}
}
