package docker

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pacer/agent"
	"pacer/apps"
)

// sandboxPath is where an instance finds its sandbox ($MESOS_SANDBOX), as in Mesos.
const sandboxPath = "/mnt/mesos/sandbox"

// Marathon leaves out labels whose name or value would make a variable longer.
const (
	labelNameMax  = 512 - len("MARATHON_APP_LABEL_")
	labelValueMax = 512
)

// environment is the environment of an instance by Marathon's rules: the app's own
// variables win over those that tell it who and where it is. Sorted.
func environment(l agent.Launch, host string) []string {
	a := l.App
	env := map[string]string{
		"HOST":                            host,
		"MESOS_TASK_ID":                   taskID(l.Instance),
		"MESOS_SANDBOX":                   sandboxPath,
		"MARATHON_APP_ID":                 string(a.ID),
		"MARATHON_APP_VERSION":            a.Version.String(),
		"MARATHON_APP_RESOURCE_CPUS":      decimal(a.Needs.CPU, 1000),
		"MARATHON_APP_RESOURCE_MEM":       decimal(a.Needs.Mem, 1),
		"MARATHON_APP_RESOURCE_DISK":      decimal(a.Needs.Disk-a.VolumeSize(), 1),
		"MARATHON_APP_RESOURCE_GPUS":      strconv.FormatInt(a.Needs.GPU, 10),
		"MARATHON_APP_ENFORCE_GROUP_ROLE": strings.ToUpper(strconv.FormatBool(l.Enforced)),
	}
	if a.Container != nil && a.Container.Image != "" {
		env["MARATHON_APP_DOCKER_IMAGE"] = a.Container.Image
	}
	maps.Copy(env, labelVariables(a.Labels))
	maps.Copy(env, portVariables(l))
	maps.Copy(env, a.Env)
	all := make([]string, 0, len(env))
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

// decimal writes n/unit as Java does a double: 0.1, 128.0.
func decimal(n, unit int64) string {
	s := strconv.FormatFloat(float64(n)/float64(unit), 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func labelVariables(labels map[string]string) map[string]string {
	env := map[string]string{}
	var names []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		if len(label) >= labelNameMax || len(labels[label]) >= labelValueMax {
			continue
		}
		name := variableName(label)
		if _, twice := env["MARATHON_APP_LABEL_"+name]; !twice {
			names = append(names, name)
		}
		env["MARATHON_APP_LABEL_"+name] = labels[label]
	}
	env["MARATHON_APP_LABELS"] = strings.Join(names, " ")
	return env
}

// variableName is a label's name in upper case, each run of anything but letters,
// digits and _ replaced by one _.
func variableName(label string) string {
	var b strings.Builder
	other := false
	for _, r := range label {
		if r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			b.WriteRune(r)
			other = false
		} else if !other {
			b.WriteByte('_')
			other = true
		}
	}
	return strings.ToUpper(b.String())
}

// portVariables are PORT0… and their kin: the host ports, and where a port has
// none, the port inside the container.
func portVariables(l agent.Launch) map[string]string {
	env := map[string]string{}
	var list []string
	for i, p := range l.App.Ports {
		port := hostPort(l, i)
		if port == 0 {
			port = containerPort(l, i)
		}
		value := strconv.Itoa(port)
		list = append(list, value)
		env["PORT"+strconv.Itoa(i)] = value
		requested := p.Container
		if l.App.Network == apps.NetworkHost {
			requested = p.Service
		}
		if requested == 0 {
			requested = port
		}
		env["PORT_"+strconv.Itoa(requested)] = value
		if p.Name != "" {
			env["PORT_"+strings.ToUpper(p.Name)] = value
		}
	}
	if len(list) > 0 {
		env["PORT"] = list[0]
		env["PORTS"] = strings.Join(list, ",")
	}
	return env
}

// hostPort is the i-th port on the host; 0 is none.
func hostPort(l agent.Launch, i int) int {
	if i < len(l.Ports) {
		return l.Ports[i]
	}
	return 0
}

// containerPort is the i-th port inside the container: as the app says, else the
// same as on the host, else any above 1024, the same each time one asks.
func containerPort(l agent.Launch, i int) int {
	if p := l.App.Ports[i].Container; p > 0 && l.App.Network != apps.NetworkHost {
		return p
	}
	if p := hostPort(l, i); p > 0 {
		return p
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(l.Instance + "/" + strconv.Itoa(i)))
	return 1025 + int(h.Sum32()%(65535-1025+1))
}
