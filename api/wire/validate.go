package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pacer/apps"
)

// validate judges a completed app by Marathon's rules (reference: app validation),
// with Marathon's messages and paths. Bounds of single fields were judged by Read.
func (a *App) validate(s Settings) error {
	var f faults
	f.checkID(a.ID, "/id")
	for i, id := range a.Dependencies {
		f.checkID(id, index("/dependencies", i))
	}
	a.checkCommand(&f)
	a.checkEnv(s, &f)
	a.checkRoles(&f)
	a.checkNetworks(&f)
	a.checkPorts(&f)
	a.checkContainer(s, &f)
	a.checkHealth(&f)
	a.Check.check(a.ports(), &f)
	a.checkReadiness(&f)
	for i, c := range a.Constraints {
		f.checkConstraint(c, index("/constraints", i))
	}
	a.checkStrategies(s, &f)
	return f.err(notValid)
}

func index(path string, i int) string { return path + "(" + strconv.Itoa(i) + ")" }

func (a *App) checkCommand(f *faults) {
	if a.Cmd != nil && len(*a.Cmd) < 2 {
		f.fail("/cmd", "must not be an empty string")
	}
	cmd, args := a.Cmd != nil, len(a.Args) > 0
	image := a.Container != nil && a.Container.Docker != nil
	if cmd && args || !cmd && !args && !image {
		f.fail("/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.")
	}
	if *a.Executor != "" && *a.Executor != "//cmd" {
		f.fail("/executor", noExecutor)
	}
	for i, artifact := range a.Fetch {
		if strings.TrimSpace(artifact.URI) == "" {
			f.fail(index("/fetch", i)+"/uri", "must not be empty")
		}
	}
}

func (s Settings) enabled(feature string) bool { return slices.Contains(s.Features, feature) }

// need refuses a field whose feature is off.
func (f *faults) need(s Settings, feature, at string) {
	if !s.enabled(feature) {
		f.fail(at, fmt.Sprintf("Feature %s is not enabled. Enable with --enable_features %s)", feature, feature))
	}
}

func (a *App) checkEnv(s Settings, f *faults) {
	for name, v := range a.Env {
		if name == "" || strings.Contains(name, "=") {
			f.fail("/env", fmt.Sprintf("%q is no name for a variable: it must not be empty nor contain '='", name))
		}
		if v.Secret != "" {
			f.need(s, "secrets", "/env")
			if _, ok := a.Secrets[v.Secret]; !ok {
				f.fail("/env/"+name, fmt.Sprintf("references an undefined secret named '%s'", v.Secret))
			}
		}
	}
	if len(a.Secrets) > 0 {
		f.need(s, "secrets", "/secrets")
	}
}

const noRole = "is not a valid role: write a word without blanks or slashes, or *"

func (a *App) checkRoles(f *faults) {
	if !apps.ValidRole(*a.Role) {
		f.fail("/role", noRole)
	}
	if a.AcceptedResourceRoles != nil && len(a.AcceptedResourceRoles) == 0 {
		f.fail("/acceptedResourceRoles", "must not be empty")
	}
	f.checkAccepted(a.AcceptedResourceRoles, "/acceptedResourceRoles")
}

// checkAccepted judges the roles of hosts that an app accepts. Marathon allows * and the
// app's own alone, which is slave_public for every app on DC/OS; here any may be named.
func (f *faults) checkAccepted(roles []string, at string) {
	for i, role := range roles {
		if !apps.ValidRole(role) {
			f.fail(index(at, i), noRole)
		}
	}
}

func (a *App) checkNetworks(f *faults) {
	count := map[string]int{}
	names := map[string]bool{}
	for i, n := range a.Networks {
		at := index("/networks", i)
		count[*n.Mode]++
		switch {
		case *n.Mode == "host" && (n.Name != nil || len(n.Labels) > 0):
			f.fail(at, "Host networks may not have names or labels")
		case *n.Mode == "container/bridge" && n.Name != nil:
			f.fail(at, "Bridge networks may not have names")
		case n.Name != nil && names[*n.Name]:
			f.fail("/networks", "Duplicate networks are not allowed")
		}
		names[value(n.Name, "")] = true
	}
	if count["host"] > 1 || count["container/bridge"] > 1 || len(count) > 1 {
		f.fail("/networks", "May specify a single host network, single bridge network, or else 1-to-n container networks")
	}
	if count["container"] > 1 && a.Container.isDocker() {
		f.fail("/networks", "may only specify a single container network when using the Docker container engine")
	}
	if a.mode() == apps.NetworkHost {
		return
	}
	for i, m := range a.Container.PortMappings {
		at := index("/container/portMappings", i)
		if count["container"] > 1 && m.HostPort != nil && len(m.NetworkNames) != 1 {
			f.fail(at, "networkNames must be a single item list when hostPort is specified and more than 1 container network is defined")
		}
		for _, name := range m.NetworkNames {
			if !names[name] {
				f.fail(at+"/networkNames", fmt.Sprintf("'%s' is not the name of one of the app's networks", name))
			}
		}
	}
}

func (a *App) checkPorts(f *faults) {
	names := map[string]bool{}
	taken := map[string]bool{} // "80/tcp"
	check := func(at string, name *string, number int, protocol string) {
		if name != nil && names[*name] {
			f.fail(at, "Port names must be unique.")
		}
		names[value(name, "")] = true
		for _, p := range strings.Split(protocol, ",") {
			key := strconv.Itoa(number) + "/" + p
			if number > 0 && taken[key] {
				f.fail(at, "Ports must be unique.")
			}
			taken[key] = true
		}
	}
	if a.mode() == apps.NetworkHost {
		for _, d := range a.PortDefinitions {
			check("/portDefinitions", d.Name, *d.Port, "tcp") // one number, one definition: "udp,tcp" is both
		}
		return
	}
	for _, m := range a.Container.PortMappings {
		check("/container/portMappings", m.Name, value(m.HostPort, 0), *m.Protocol)
	}
}

func (a *App) checkContainer(s Settings, f *faults) {
	c := a.Container
	docker := c != nil && c.isDocker()
	if *a.GPUs > 0 {
		if docker {
			f.fail("/", "GPU resources only work with the Mesos containerizer")
		} else {
			f.need(s, "gpu_resources", "/gpus")
		}
	}
	if docker && a.Check != nil {
		f.fail("/", "AppDefinition must not use 'checks' if using docker")
	}
	if c == nil {
		return
	}
	if docker && c.Docker == nil {
		f.fail("/container/docker", "not defined")
	}
	if c.Docker != nil && c.Docker.PullConfig != nil {
		if docker {
			f.fail("/container/docker/pullConfig", "pullConfig is not supported with Docker containerizer")
		}
		f.fail("/container/docker/pullConfig", noPullConfig)
	}
	c.LinuxInfo.check(f, "/container/linuxInfo", byParameter)
	if docker && c.Docker != nil && strings.TrimSpace(c.Docker.Image) != c.Docker.Image {
		f.fail("/container/docker/image", "must not start or end with blanks")
	}
	for i, v := range c.Volumes {
		a.checkVolume(s, f, v, index("/container/volumes", i))
		if v.Persistent != nil && slices.ContainsFunc(c.Volumes[:i], func(o Volume) bool { return o.Persistent != nil && o.ContainerPath == v.ContainerPath }) {
			f.fail(index("/container/volumes", i)+"/containerPath", "two persistent volumes have the same")
		}
	}
}

func (a *App) checkVolume(s Settings, f *faults, v Volume, at string) {
	kinds := 0
	for _, given := range []bool{v.HostPath != nil, v.Persistent != nil, v.External != nil, v.Secret != nil} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		f.fail(at+"/hostPath", "error.path.missing")
	case kinds > 1:
		f.fail(at, "must be one of a host, persistent, external or secret volume")
	case v.External != nil:
		f.need(s, "external_volumes", at)
	case v.Secret != nil:
		f.need(s, "secrets", at)
	case v.Persistent != nil:
		checkPersistent(f, v, at)
	}
	if v.Secret == nil && v.Mode == nil {
		f.fail(at+"/mode", "error.path.missing")
	}
}

func (a *App) checkHealth(f *faults) {
	mesos := 0
	docker := a.Container != nil && a.Container.isDocker()
	for i, c := range a.HealthChecks {
		at := index("/healthChecks", i)
		if strings.HasPrefix(*c.Protocol, "MESOS_") {
			mesos++
		}
		if *c.Protocol == "COMMAND" {
			if c.Command == nil {
				f.fail(at+"/command", "error.path.missing")
			}
		} else if c.Port == nil && (c.PortIndex == nil || *c.PortIndex >= a.ports()) {
			f.fail(at, "Health check port indices must address an element of the ports array or container port mappings.")
		}
		if *c.IPProtocol == "IPv6" && !(docker && strings.HasPrefix(*c.Protocol, "MESOS_")) {
			f.fail("/", "IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks")
		}
	}
	if mesos > 1 {
		f.fail("/", "AppDefinition can contain at most one Mesos health check")
	}
}

func (a *App) checkReadiness(f *faults) {
	for i, c := range a.ReadinessChecks {
		at := index("/readinessChecks", i)
		if !a.hasPort(*c.PortName) {
			f.fail(at, "No port definition reference for portName "+*c.PortName)
		}
		if *c.TimeoutSeconds >= *c.IntervalSeconds {
			f.fail(at+"/timeoutSeconds", "must be less than intervalSeconds")
		}
	}
}

func (a *App) hasPort(name string) bool {
	if a.mode() == apps.NetworkHost {
		return slices.ContainsFunc(a.PortDefinitions, func(d PortDefinition) bool { return value(d.Name, "") == name })
	}
	return slices.ContainsFunc(a.Container.PortMappings, func(m PortMapping) bool { return value(m.Name, "") == name })
}

// isValue is what IS can compare: Mesos' texts and floats.
var isValue = regexp.MustCompile(`^[a-zA-Z0-9_/.-]*$`)

func (f *faults) checkConstraint(c []string, at string) {
	if len(c) < 2 || len(c) > 3 {
		f.fail(at, "Each constraint must have either 2 or 3 fields")
		return
	}
	given := len(c) == 3
	v := ""
	if given {
		v = c[2]
	}
	if c[0] == "" {
		f.fail(at, "missing field for constraint declaration")
	}
	switch c[1] {
	case "UNIQUE":
		if given {
			f.fail(at, "UNIQUE does not accept a value")
		}
	case "CLUSTER":
		if given && v == "" {
			f.fail(at, "CLUSTER value must not be empty")
		}
	case "GROUP_BY":
		if _, err := strconv.ParseInt(v, 10, 32); given && err != nil {
			f.fail(at, "GROUP BY must define an integer value or else no value at all")
		}
	case "MAX_PER":
		if _, err := strconv.ParseInt(v, 10, 32); err != nil {
			f.fail(at, "MAX_PER requires an integer value")
		}
	case "LIKE", "UNLIKE":
		if v == "" {
			f.fail(at, "LIKE and UNLIKE require a non-empty, regular expression value")
		} else if _, err := regexp.Compile("^(?:" + v + ")$"); err != nil {
			f.fail(at, fmt.Sprintf("'%s' is not a valid regular expression", v))
		}
	case "IS":
		if !given || !isValue.MatchString(v) {
			f.fail(at, "IS only supports Mesos text and float values (see http://mesos.apache.org/documentation/latest/attributes-resources/)")
		}
	default:
		f.fail(at, "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS")
	}
}

func (a *App) checkStrategies(s Settings, f *faults) {
	u, up := a.UnreachableStrategy, a.UpgradeStrategy
	if !u.Disabled && u.InactiveAfterSeconds > u.ExpungeAfterSeconds {
		f.fail("/unreachableStrategy", fmt.Sprintf("inactiveAfterSeconds (%d) must be less or equal to expungeAfterSeconds, which is %d",
			u.InactiveAfterSeconds, u.ExpungeAfterSeconds))
	}
	if persistent, _ := a.keepsData(); persistent {
		if !u.Disabled {
			f.fail("/unreachableStrategy", "unreachableStrategy must be disabled for resident tasks")
		}
		if up.MaximumOverCapacity != 0 {
			f.fail("/upgradeStrategy/maximumOverCapacity", "must be 0 for resident tasks")
		}
	}
	if strings.EqualFold(a.Labels["MARATHON_SINGLE_INSTANCE_APP"], "true") {
		if *a.Instances > 1 {
			f.fail("/instances", "Single instance app may only have one instance")
		}
		if *up != (UpgradeStrategy{}) {
			f.fail("/upgradeStrategy", "Single instance app may only have an upgradeStrategy with minimumHealthCapacity and maximumOverCapacity of 0")
		}
	}
	if v, ok := a.Labels["DCOS_MIGRATION_API_VERSION"]; ok {
		if v != "v1" {
			f.fail("/labels", "DCOS_MIGRATION_API_VERSION must be v1")
		}
		for _, name := range []string{"DCOS_PACKAGE_FRAMEWORK_NAME", "DCOS_MIGRATION_API_PATH"} {
			if a.Labels[name] == "" {
				f.fail("/labels", name+" must be set with DCOS_MIGRATION_API_VERSION")
			}
		}
	}
	a.ResourceLimits.check(f, "/resourceLimits", *a.Cpus, *a.Mem)
}

// CheckUpdate judges a change of an app that holds persistent volumes: what they
// were made for must not change under them. It fails with Invalid.
func CheckUpdate(old, next *apps.App) error {
	was, is := FromSpec(old), FromSpec(next)
	held, _ := was.keepsData()
	if !held {
		return nil
	}
	var f faults
	if !slices.EqualFunc(persistent(was), persistent(is), func(v, w Volume) bool {
		return v.ContainerPath == w.ContainerPath && string(v.Persistent) == string(w.Persistent)
	}) {
		f.fail("/container/volumes", "Persistent volumes can not be changed!")
	}
	ports := func(a *apps.App) (host []int) {
		for i := range a.Ports {
			host = append(host, a.HostPort(i))
		}
		return host
	}
	if old.Needs != next.Needs || old.RequirePorts != next.RequirePorts || !slices.Equal(ports(old), ports(next)) {
		f.fail("/", "Services with persistent volumes configured may not change resource requirements. If you need to make this change, please create a new service.")
	}
	return f.err(notValid)
}

func persistent(a App) (volumes []Volume) {
	if a.Container != nil {
		for _, v := range a.Container.Volumes {
			if v.Persistent != nil {
				volumes = append(volumes, v)
			}
		}
	}
	return volumes
}
