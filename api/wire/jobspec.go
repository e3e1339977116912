package wire

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"pacer/apps"
)

// What Metronome assumes.
const (
	maxLaunchDelay   = 3600 // seconds
	startingDeadline = 900  // seconds
)

// Make judges a job and makes the apps.Job of it, without schedules. id is what the
// path says, and wins; empty: the body says it. It fails with Invalid and every fault
// with its path.
func (j *Job) Make(s Settings, id string) (*apps.Job, error) {
	var f faults
	if id == "" {
		id = j.ID
	}
	if id == "" {
		f.fail("/id", "error.path.missing")
	}
	out := &apps.Job{ID: apps.JobID(id), Description: value(j.Description, ""), Labels: orNone(j.Labels)}
	for i, d := range j.Dependencies {
		if slices.Contains(out.Dependencies, apps.JobID(d.ID)) {
			f.fail(index("/dependencies", i), fmt.Sprintf("'%s' is named twice", d.ID))
		}
		out.Dependencies = append(out.Dependencies, apps.JobID(d.ID))
	}
	j.Run.check(s, &f)
	if err := f.err(notValid); err != nil {
		return nil, err
	}
	out.Spec = j.Run.spec()
	if r := j.Run.Restart; r != nil {
		out.Restart.OnFailure = value(r.Policy, "NEVER") == "ON_FAILURE"
		out.Restart.Deadline = seconds(r.ActiveDeadlineSeconds)
	}
	return out, nil
}

// MakeSchedules are the schedules that the job brings along; never nil.
func (j *Job) MakeSchedules() ([]apps.Schedule, error) {
	out := []apps.Schedule{}
	var f faults
	for i := range j.Schedules {
		made := j.Schedules[i].make("", index("/schedules", i), &f)
		if slices.ContainsFunc(out, func(o apps.Schedule) bool { return o.ID == made.ID }) {
			f.fail(index("/schedules", i)+"/id", "is named twice")
		}
		out = append(out, made)
	}
	return out, f.err(notValid)
}

// Make judges a schedule and makes the apps.Schedule of it. id is what the path says,
// and wins; empty: the body says it.
func (s *Schedule) Make(id string) (apps.Schedule, error) {
	var f faults
	out := s.make(id, "", &f)
	return out, f.err(notValid)
}

func (s *Schedule) make(id, at string, f *faults) apps.Schedule {
	if id == "" {
		id = s.ID
	}
	if id == "" {
		f.fail(at+"/id", "error.path.missing")
	}
	if _, err := apps.ParseCron(s.Cron); err != nil {
		f.fail(at+"/cron", err.Error())
	}
	zone := value(s.TimeZone, "UTC")
	if _, err := apps.Zone(zone); err != nil || zone == "" {
		f.fail(at+"/timezone", fmt.Sprintf("%q is no time zone: write one like Europe/Berlin, or UTC", zone))
	}
	return apps.Schedule{
		ID: id, Cron: strings.Join(strings.Fields(s.Cron), " "), Zone: zone, Enabled: value(s.Enabled, true),
		Forbid:   value(s.ConcurrencyPolicy, "ALLOW") == "FORBID",
		Deadline: time.Duration(value(s.StartingDeadlineSeconds, startingDeadline)) * time.Second,
	}
}

// check judges what the bounds of single fields leave open.
func (s *JobSpec) check(settings Settings, f *faults) {
	if s.Cmd != nil && len(s.Args) > 0 {
		f.fail("/run", "Either cmd or args can be given, not both")
	}
	if s.Docker != nil && s.UCR != nil {
		f.fail("/run", "Either docker or ucr can be given, not both")
	}
	if s.Cmd == nil && len(s.Args) == 0 && s.Docker == nil && s.UCR == nil {
		f.fail("/run", "Cmd, docker or ucr must be given")
	}
	if s.Cmd != nil && strings.TrimSpace(*s.Cmd) == "" {
		f.fail("/run/cmd", "must not be empty")
	}
	if len(s.Args) > 0 && s.Docker == nil && s.UCR == nil {
		f.fail("/run/args", "are for the entrypoint of an image: give docker or ucr, or use cmd")
	}
	if s.Docker != nil && strings.TrimSpace(s.Docker.Image) != s.Docker.Image {
		f.fail("/run/docker/image", "must not start or end with blanks")
	}
	if s.UCR != nil && value(s.UCR.Image.Kind, "docker") != "docker" {
		f.fail("/run/ucr/image/kind", "appc images need Mesos: give an image of kind docker")
	}
	if value(s.GPUs, 0) > 0 {
		if s.Docker != nil {
			f.fail("/run/gpus", "GPU resources only work with ucr")
		} else {
			f.need(settings, "gpu_resources", "/run/gpus")
		}
	}
	s.checkSecrets(settings, f)
	for i, v := range s.Volumes {
		s.checkVolume(v, index("/run/volumes", i), settings, f)
	}
	s.checkNetworks(settings, f)
	if s.Placement != nil {
		for i, c := range s.Placement.Constraints {
			c.check(index("/run/placement/constraints", i), f)
		}
	}
	for i, a := range s.Artifacts {
		if strings.TrimSpace(a.URI) == "" {
			f.fail(index("/run/artifacts", i)+"/uri", "must not be empty")
		}
	}
	if r := s.Restart; r != nil && r.ActiveDeadlineSeconds != nil && value(r.Policy, "NEVER") == "NEVER" {
		f.fail("/run/restart/activeDeadlineSeconds", "is for the policy ON_FAILURE")
	}
}

func (s *JobSpec) checkSecrets(settings Settings, f *faults) {
	if len(s.Secrets) > 0 {
		f.need(settings, "secrets", "/run/secrets")
	}
	for name, v := range s.Env {
		if name == "" || strings.Contains(name, "=") {
			f.fail("/run/env", fmt.Sprintf("%q is no name for a variable: it must not be empty nor contain '='", name))
		}
		if _, ok := s.Secrets[v.Secret]; v.Secret != "" && !ok {
			f.fail("/run/env/"+name, fmt.Sprintf("references an undefined secret named '%s'", v.Secret))
		}
	}
}

func (s *JobSpec) checkVolume(v JobVolume, at string, settings Settings, f *faults) {
	switch {
	case v.Secret != nil && v.HostPath != nil:
		f.fail(at, "must be either of the host or a secret")
	case v.Secret != nil:
		f.need(settings, "secrets", at)
		if _, ok := s.Secrets[*v.Secret]; !ok {
			f.fail(at+"/secret", fmt.Sprintf("references an undefined secret named '%s'", *v.Secret))
		}
	case v.HostPath == nil:
		f.fail(at+"/hostPath", "error.path.missing")
	case v.Mode == nil:
		f.fail(at+"/mode", "error.path.missing")
	}
}

func (s *JobSpec) checkNetworks(settings Settings, f *faults) {
	if len(s.Networks) > 1 {
		f.fail("/run/networks", "a run joins one network")
	}
	for i, n := range s.Networks {
		mode := value(n.Mode, "container")
		switch {
		case mode != "container" && n.Name != nil:
			f.fail(index("/run/networks", i)+"/name", "only a network of mode container has a name")
		case mode == "container" && n.Name == nil && settings.DefaultNetwork == "":
			f.fail(index("/run/networks", i)+"/name", "error.path.missing")
		case len(n.Labels) > 0:
			f.fail(index("/run/networks", i)+"/labels", "are for Mesos' networks: Docker has none")
		}
		s.Networks[i].Mode = &mode
		if mode == "container" {
			setDefault(&s.Networks[i].Name, settings.DefaultNetwork)
		}
	}
}

func (c JobConstraint) check(at string, f *faults) {
	v := value(c.Value, "")
	switch c.Operator {
	case "LIKE", "UNLIKE":
		if v == "" {
			f.fail(at+"/value", "LIKE and UNLIKE require a non-empty, regular expression value")
		} else if _, err := regexp.Compile("^(?:" + v + ")$"); err != nil {
			f.fail(at+"/value", fmt.Sprintf("'%s' is not a valid regular expression", v))
		}
	default:
		if v == "" || !isValue.MatchString(v) {
			f.fail(at+"/value", "IS only supports Mesos text and float values")
		}
	}
}

// spec is what a run is made of; it was judged.
func (s *JobSpec) spec() apps.App {
	out := apps.App{
		Needs: apps.Resources{
			CPU: int64(math.Round(*s.Cpus * 1000)), Mem: int64(math.Ceil(*s.Mem)), Disk: int64(math.Ceil(*s.Disk)), GPU: int64(value(s.GPUs, 0)),
		},
		Cmd: value(s.Cmd, ""), Args: orNil(s.Args), User: value(s.User, ""), Network: apps.NetworkHost,
		Backoff:   apps.Backoff{Max: time.Duration(value(s.MaxLaunchDelay, maxLaunchDelay)) * time.Second},
		KillGrace: seconds(s.TaskKillGracePeriodSeconds),
	}
	for _, n := range s.Networks {
		out.Network = apps.NetworkMode(*n.Mode)
		if n.Name != nil {
			out.Networks = []string{*n.Name}
		}
	}
	secrets := false
	for name, v := range s.Env {
		if secrets = secrets || v.Secret != ""; v.Secret == "" {
			if out.Env == nil {
				out.Env = map[string]string{}
			}
			out.Env[name] = v.Value
		}
	}
	echo := map[string]apps.Raw{}
	if secrets {
		echo["env"] = raw(s.Env)
	}
	if len(s.Secrets) > 0 {
		echo["secrets"] = raw(s.Secrets)
	}
	if len(echo) > 0 {
		out.Echo = echo
	}
	for _, a := range s.Artifacts {
		out.Fetch = append(out.Fetch, apps.Artifact{
			URI: a.URI, Extract: value(a.Extract, true), Executable: value(a.Executable, false), Cache: value(a.Cache, false), DestPath: value(a.DestPath, ""),
		})
	}
	if s.Placement != nil {
		for _, c := range s.Placement.Constraints {
			operator := c.Operator
			if operator == "EQ" { // an older name
				operator = "IS"
			}
			out.Constraints = append(out.Constraints, apps.Constraint{Field: c.Attribute, Operator: operator, Value: value(c.Value, "")})
		}
	}
	out.Container = s.container()
	return out
}

func (s *JobSpec) container() *apps.Container {
	var out *apps.Container
	switch {
	case s.Docker != nil:
		out = &apps.Container{Type: "DOCKER", Image: s.Docker.Image, ForcePull: value(s.Docker.ForcePullImage, false), Privileged: value(s.Docker.Privileged, false)}
		for _, p := range s.Docker.Parameters {
			out.Parameters = append(out.Parameters, apps.Parameter(p))
		}
	case s.UCR != nil:
		out = &apps.Container{Type: "MESOS", Image: s.UCR.Image.ID, ForcePull: value(s.UCR.Image.ForcePull, false), Privileged: value(s.UCR.Privileged, false)}
	case len(s.Volumes) > 0:
		out = &apps.Container{Type: "MESOS"}
	}
	for _, v := range s.Volumes {
		volume := apps.Volume{ContainerPath: v.ContainerPath, HostPath: value(v.HostPath, ""), ReadOnly: value(v.Mode, "RW") == "RO"}
		if v.Secret != nil {
			volume.Echo = raw(v)
		}
		out.Volumes = append(out.Volumes, volume)
	}
	return out
}
