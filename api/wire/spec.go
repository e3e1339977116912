package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"pacer/apps"
)

// Spec judges a completed app and makes the apps.App of it, in canonical form: two
// apps that mean the same are equal, field by field. It fails with Invalid and
// every fault with its path.
func (a *App) Spec(s Settings) (*apps.App, error) {
	if err := a.validate(s); err != nil {
		return nil, err
	}
	app := &apps.App{
		ID:        Absolute("/", a.ID),
		Instances: *a.Instances,
		Needs: apps.Resources{
			CPU:  int64(math.Round(*a.Cpus * 1000)),
			Mem:  int64(math.Ceil(*a.Mem)),
			Disk: int64(math.Ceil(*a.Disk)),
			GPU:  int64(*a.GPUs),
		},
		Limits:        a.ResourceLimits.spec(),
		TTY:           value(a.TTY, false),
		Gauge:         a.Check.spec(),
		Cmd:           value(a.Cmd, ""),
		Args:          orNil(a.Args),
		User:          value(a.User, ""),
		Network:       a.mode(),
		AcceptedRoles: orNil(a.AcceptedResourceRoles),
		Labels:        orNone(a.Labels),
		Upgrade:       apps.Upgrade{HealthyMin: a.UpgradeStrategy.MinimumHealthCapacity, OverMax: a.UpgradeStrategy.MaximumOverCapacity},
		Backoff:       apps.Backoff{First: seconds(a.BackoffSeconds), Factor: *a.BackoffFactor, Max: seconds(a.MaxLaunchDelaySeconds)},
		KillGrace:     seconds(a.TaskKillGracePeriodSeconds),
		KillOldest:    *a.KillSelection == "OLDEST_FIRST",
		Unreachable: apps.Unreachable{
			Disabled:      a.UnreachableStrategy.Disabled,
			InactiveAfter: time.Duration(a.UnreachableStrategy.InactiveAfterSeconds) * time.Second,
			ExpungeAfter:  time.Duration(a.UnreachableStrategy.ExpungeAfterSeconds) * time.Second,
		},
	}
	if *a.Role != "*" {
		app.Role = *a.Role
	}
	for _, id := range a.Dependencies {
		if d := apps.ID(id); !slices.Contains(app.Dependencies, d) {
			app.Dependencies = append(app.Dependencies, d)
		}
	}
	for _, c := range a.Constraints {
		constraint := apps.Constraint{Field: c[0], Operator: c[1]}
		if len(c) == 3 {
			constraint.Value = c[2]
		}
		if !slices.Contains(app.Constraints, constraint) {
			app.Constraints = append(app.Constraints, constraint)
		}
	}
	for _, f := range a.Fetch {
		app.Fetch = append(app.Fetch, apps.Artifact{
			URI: f.URI, Extract: *f.Extract, Executable: *f.Executable, Cache: *f.Cache, DestPath: value(f.DestPath, ""),
		})
	}
	for _, n := range a.Networks {
		if n.Name != nil {
			app.Networks = append(app.Networks, *n.Name)
		}
	}
	a.specEnv(app)
	a.specContainer(app)
	a.specPorts(app)
	a.specChecks(app)
	a.specEcho(app)
	return app, nil
}

func seconds(n *int) time.Duration { return time.Duration(value(n, 0)) * time.Second }

func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}

func orNone(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

func (a *App) specEnv(app *apps.App) {
	for name, v := range a.Env {
		if v.Secret != "" {
			continue
		}
		if app.Env == nil {
			app.Env = make(map[string]string, len(a.Env))
		}
		app.Env[name] = v.Value
	}
}

func (a *App) specContainer(app *apps.App) {
	c := a.Container
	if c == nil {
		return
	}
	app.Container = &apps.Container{Type: *c.Type, Linux: c.LinuxInfo.spec()}
	if d := c.Docker; d != nil {
		app.Container.Image = d.Image
		app.Container.ForcePull = *d.ForcePullImage
		app.Container.Privileged = *d.Privileged
		for _, p := range d.Parameters {
			app.Container.Parameters = append(app.Container.Parameters, apps.Parameter(p))
		}
	}
	for _, v := range c.Volumes {
		volume := apps.Volume{ContainerPath: v.ContainerPath, HostPath: value(v.HostPath, ""), ReadOnly: value(v.Mode, "RW") == "RO"}
		if v.HostPath == nil {
			volume.Echo = raw(v)
		}
		if v.Persistent != nil {
			volume.Size = volumeSize(v.Persistent)
			app.Needs.Disk += volume.Size
		}
		app.Container.Volumes = append(app.Container.Volumes, volume)
	}
}

func (a *App) specPorts(app *apps.App) {
	if app.Network == apps.NetworkHost {
		app.RequirePorts = *a.RequirePorts
		for _, d := range a.PortDefinitions {
			app.Ports = append(app.Ports, apps.Port{
				Name: value(d.Name, ""), Protocol: protocol(d.Protocol), Service: *d.Port, Labels: orNone(d.Labels),
			})
		}
		return
	}
	for _, m := range a.Container.PortMappings {
		app.Ports = append(app.Ports, apps.Port{
			Name: value(m.Name, ""), Protocol: protocol(m.Protocol), Container: *m.ContainerPort, Host: value(m.HostPort, apps.NoHostPort),
			Service: *m.ServicePort, Labels: orNone(m.Labels), NetworkNames: orNil(m.NetworkNames),
		})
	}
}

func protocol(p *string) string { return value(p, "tcp") }

func (a *App) specChecks(app *apps.App) {
	for _, c := range a.HealthChecks {
		check := apps.Check{
			Protocol: *c.Protocol, Path: value(c.Path, ""), Port: value(c.Port, 0), PortIndex: value(c.PortIndex, -1),
			Grace: seconds(c.GracePeriodSeconds), Interval: seconds(c.IntervalSeconds), Timeout: seconds(c.TimeoutSeconds),
			Delay: seconds(c.DelaySeconds), FailuresMax: *c.MaxConsecutiveFailures,
			IgnoreHTTP1xx: value(c.IgnoreHTTP1xx, false), IPProtocol: *c.IPProtocol,
		}
		if c.Command != nil {
			check.Command = c.Command.Value
		}
		app.Checks = append(app.Checks, check)
	}
	for _, c := range a.ReadinessChecks {
		app.Readiness = append(app.Readiness, apps.ReadyCheck{
			Name: *c.Name, Protocol: *c.Protocol, Path: *c.Path, PortName: *c.PortName,
			Interval: seconds(c.IntervalSeconds), Timeout: seconds(c.TimeoutSeconds),
			StatusCodes: slices.Clone(c.HTTPStatusCodesForReady), KeepResponse: *c.PreserveLastResponse,
		})
	}
}

// specEcho keeps what Pacer does not act on, to give it back.
func (a *App) specEcho(app *apps.App) {
	echo := map[string]apps.Raw{}
	keep := func(name string, there bool, v any) {
		if there {
			echo[name] = raw(v)
		}
	}
	keep("executor", *a.Executor != "", a.Executor)
	keep("executorResources", a.ExecutorResources != nil, a.ExecutorResources)
	keep("secrets", len(a.Secrets) > 0, a.Secrets)
	keep("residency", a.Residency != nil, a.Residency)
	keep("networks", slices.ContainsFunc(a.Networks, func(n Network) bool { return len(n.Labels) > 0 }), a.Networks)
	secret := func(v EnvVar) bool { return v.Secret != "" }
	keep("env", slices.ContainsFunc(slices.Collect(maps.Values(a.Env)), secret), a.Env)
	if len(echo) > 0 {
		app.Echo = echo
	}
}

// raw is v as JSON. What was read from JSON can always be written as JSON.
func raw(v any) apps.Raw {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("wire: %T does not marshal: %v", v, err))
	}
	return b
}
