package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pacer/apps"
)

// doMore knows what else stories say:
//
//	uncordon h1 · undrain h1
//	unhealthy /web.1 [kill]                    a check fails; kill: as often as it may
//	reset /web                                 the delay of its backoff
//	ports /web                                 tells the host ports of its instances
//	agent leaves h1                            its agent says goodbye
func (st *story) doMore(verb string, args []string) bool {
	switch verb {
	case "uncordon":
		st.step(Cordon{Request: "r", Host: args[0], On: false})
	case "undrain":
		st.step(Drain{Request: "r", Host: args[0], On: false})
	case "unhealthy":
		st.unhealthy(args[0], slices.Contains(args, "kill"))
	case "reset":
		st.step(ResetDelay{Request: "r", App: apps.ID(args[0])})
	case "ports":
		st.tellPorts(apps.ID(args[0]))
	case "agent": // leaves
		st.hosts[args[1]].silent = true
		st.step(Left{Host: args[1], Boot: st.hosts[args[1]].Boot})
	default:
		return false
	}
	return true
}

// offer is what stories say of a host beside cpu, mem and zone:
//
//	gpus=2 region=eu role=slave_public ports=31000-31003
//	attributes=rack:a;level:10.0;keys:[1-5];langs:{go,c}
func (h *storyHost) offer(key, value string) bool {
	var err error
	switch key {
	case "gpus":
		h.Host.Total.GPU, err = strconv.ParseInt(value, 10, 64)
	case "region":
		h.Host.Region = value
	case "role":
		h.Host.Role = value
	case "ports":
		_, h.Host.Ports, err = apps.ParseResources("ports:[" + value + "]")
	case "attributes":
		h.Host.Attributes, err = apps.ParseAttributes(value)
	default:
		return false
	}
	if err != nil {
		panic(fmt.Sprintf("a host has no %s %q: %v", key, value, err))
	}
	return true
}

// setting is what stories say of an app beside its image and the like; most in
// Marathon's words:
//
//	gpus=1 hostPort=8080,0 requirePorts=8080,9090 constraint=… readinessCheck=/ready
//	acceptedResourceRoles=slave_public,* killSelection=OLDEST_FIRST label=KEY:VALUE
//	backoffSeconds=1 backoffFactor=2 maxLaunchDelaySeconds=60
//	inactiveAfterSeconds=30 expungeAfterSeconds=60 unreachableStrategy=disabled
//	check=/health maxConsecutiveFailures=0 role=shop
func setting(spec *apps.App, key, value string) bool {
	f, _ := strconv.ParseFloat(value, 64)
	seconds := time.Duration(f * float64(time.Second))
	switch key {
	case "gpus":
		spec.Needs.GPU = int64(f)
	case "hostPort":
		spec.Ports = ports(value, func(n int) apps.Port { return apps.Port{Protocol: "tcp", Container: 80, Host: n} })
	case "requirePorts":
		spec.Network, spec.RequirePorts = apps.NetworkHost, true
		spec.Ports = ports(value, func(n int) apps.Port { return apps.Port{Protocol: "tcp", Service: n} })
	case "readinessCheck":
		spec.Readiness = []apps.ReadyCheck{{Name: "ready", Protocol: "HTTP", Path: value, StatusCodes: []int{200}}}
	case "acceptedResourceRoles":
		spec.AcceptedRoles = strings.Split(value, ",")
	case "role":
		spec.Role = value
	case "killSelection":
		spec.KillOldest = value == "OLDEST_FIRST"
	case "label":
		name, text, _ := strings.Cut(value, ":")
		spec.Labels = map[string]string{name: text}
	case "backoffSeconds":
		spec.Backoff.First = seconds
	case "backoffFactor":
		spec.Backoff.Factor = f
	case "maxLaunchDelaySeconds":
		spec.Backoff.Max = seconds
	case "inactiveAfterSeconds":
		spec.Unreachable.InactiveAfter = seconds
	case "expungeAfterSeconds":
		spec.Unreachable.ExpungeAfter = seconds
	case "unreachableStrategy":
		spec.Unreachable = apps.Unreachable{Disabled: true}
	case "maxConsecutiveFailures":
		spec.Checks[0].FailuresMax = int(f)
	default:
		return false
	}
	return true
}

func ports(numbers string, make func(n int) apps.Port) (out []apps.Port) {
	for text := range strings.SplitSeq(numbers, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		out = append(out, make(n))
	}
	return out
}

func (st *story) unhealthy(name string, kill bool) {
	id := st.instance(name)
	for _, host := range sortedKeys(st.hosts) {
		if run, here := st.hosts[host].runs[id]; here {
			run.Ready = false
			run.Health = []apps.Health{{Known: true, Failures: 1, Cause: "status 503", Kill: kill}}
			st.hosts[host].runs[id] = run
			st.report(host)
		}
	}
}

func (st *story) tellPorts(id apps.ID) {
	for _, name := range sortedKeys(st.ids) {
		if in := st.rows[st.ids[name]]; in.App == id && in.Host != "" {
			st.note("ports  %s on %s: %s", name, in.Host, strings.Trim(fmt.Sprint(in.Ports), "[]"))
		}
	}
}
