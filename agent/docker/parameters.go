package docker

import (
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	"github.com/docker/go-units"

	"pacer/apps"
)

// A target is what the options of `docker run` are written into.
type target struct {
	config   *container.Config
	host     *container.HostConfig
	endpoint *network.EndpointSettings // of the first network
}

// CheckParameters reports the first parameter that can't be honoured, by name. It
// asks no engine, so an app can be refused before it is accepted.
func CheckParameters(parameters []apps.Parameter) error {
	return applyParameters(parameters, target{&container.Config{}, &container.HostConfig{}, &network.EndpointSettings{}})
}

func applyParameters(parameters []apps.Parameter, t target) error {
	for _, p := range parameters {
		name := strings.TrimLeft(p.Key, "-")
		if long, ok := shortOptions[name]; ok {
			name = long
		}
		if why, refused := refusedOptions[name]; refused {
			return fmt.Errorf("docker parameter %q: %s", p.Key, why)
		}
		set, ok := options[name]
		if !ok {
			return fmt.Errorf("docker parameter %q is not an option of docker run that Pacer knows", p.Key)
		}
		if err := set(t, p.Value); err != nil {
			return fmt.Errorf("docker parameter %s=%s: %w", p.Key, p.Value, err)
		}
	}
	return nil
}

var shortOptions = map[string]string{
	"c": "cpu-shares", "e": "env", "h": "hostname", "l": "label", "m": "memory", "p": "publish", "u": "user", "v": "volume", "w": "workdir",
	"net": "network", "net-alias": "network-alias", "dns-opt": "dns-option",
}

// refusedOptions are options that would take from Pacer what it decides.
var refusedOptions = map[string]string{
	"restart":     "Pacer itself replaces what ends",
	"rm":          "Pacer itself removes what ended",
	"name":        "the container has the name of its instance",
	"memory":      "say mem in the app",
	"network":     "say networks in the app",
	"publish":     "say portMappings in the app",
	"publish-all": "say portMappings in the app",
	"detach":      "it always is",
	"tty":         "say tty in the app",
	"interactive": "nobody types to an instance",
}

var options = map[string]func(target, string) error{
	// identity and command
	"env": func(t target, v string) error {
		name, _, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return errors.New("write NAME=VALUE")
		}
		t.config.Env = slices.DeleteFunc(t.config.Env, func(s string) bool { return strings.HasPrefix(s, name+"=") })
		t.config.Env = append(t.config.Env, v)
		return nil
	},
	"label": func(t target, v string) error {
		name, value, _ := strings.Cut(v, "=")
		if name == "" {
			return errors.New("write NAME=VALUE")
		}
		if strings.HasPrefix(name, labelPrefix) || name == labelTask {
			return fmt.Errorf("labels %s* and %s are Pacer's own", labelPrefix, labelTask)
		}
		setIn(&t.config.Labels, name, value)
		return nil
	},
	"hostname":    func(t target, v string) error { t.config.Hostname = v; return filled(v) },
	"domainname":  func(t target, v string) error { t.config.Domainname = v; return filled(v) },
	"user":        func(t target, v string) error { t.config.User = v; return filled(v) },
	"workdir":     func(t target, v string) error { t.config.WorkingDir = v; return absolute(v) },
	"entrypoint":  func(t target, v string) error { t.config.Entrypoint = []string{v}; return nil },
	"stop-signal": func(t target, v string) error { t.config.StopSignal = v; return filled(v) },
	"init":        func(t target, v string) error { return flag(v, func(b bool) { t.host.Init = &b }) },

	// resources
	"cpu-shares":    func(t target, v string) error { return whole(v, 2, &t.host.CPUShares) },
	"cpuset-cpus":   func(t target, v string) error { t.host.CpusetCpus = v; return filled(v) },
	"cpuset-mems":   func(t target, v string) error { t.host.CpusetMems = v; return filled(v) },
	"cpu-period":    func(t target, v string) error { t.host.NanoCPUs = 0; return whole(v, 1000, &t.host.CPUPeriod) },
	"cpu-quota":     func(t target, v string) error { t.host.NanoCPUs = 0; return whole(v, -1, &t.host.CPUQuota) },
	"pids-limit":    func(t target, v string) error { t.host.PidsLimit = new(int64); return whole(v, -1, t.host.PidsLimit) },
	"shm-size":      func(t target, v string) error { return memory(v, &t.host.ShmSize) },
	"memory-swap":   func(t target, v string) error { return memory(v, &t.host.MemorySwap) },
	"oom-score-adj": func(t target, v string) error { return integer(v, -1000, 1000, &t.host.OomScoreAdj) },
	"memory-reservation": func(t target, v string) error {
		return memory(v, &t.host.MemoryReservation)
	},
	"memory-swappiness": func(t target, v string) error {
		t.host.MemorySwappiness = new(int64)
		return whole(v, -1, t.host.MemorySwappiness)
	},
	"oom-kill-disable": func(t target, v string) error {
		return flag(v, func(b bool) { t.host.OomKillDisable = &b })
	},
	"cpus": func(t target, v string) error {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || n <= 0 || n > 1e6 {
			return errors.New("write a number of cores, like 1.5")
		}
		t.host.NanoCPUs = int64(n * 1e9)
		return nil
	},
	"ulimit": func(t target, v string) error {
		u, err := units.ParseUlimit(v)
		if err == nil {
			t.host.Ulimits = append(t.host.Ulimits, u)
		}
		return err
	},

	// network
	"add-host": func(t target, v string) error {
		name, ip, ok := strings.Cut(v, ":")
		if !ok || name == "" || ip != "host-gateway" && net.ParseIP(ip) == nil {
			return errors.New("write NAME:IP")
		}
		t.host.ExtraHosts = append(t.host.ExtraHosts, v)
		return nil
	},
	"dns": func(t target, v string) error {
		if net.ParseIP(v) == nil {
			return errors.New("write an IP address")
		}
		t.host.DNS = append(t.host.DNS, v)
		return nil
	},
	"dns-search":    func(t target, v string) error { return list(v, &t.host.DNSSearch) },
	"dns-option":    func(t target, v string) error { return list(v, &t.host.DNSOptions) },
	"link":          func(t target, v string) error { return list(v, &t.host.Links) },
	"network-alias": func(t target, v string) error { return list(v, &t.endpoint.Aliases) },
	"mac-address": func(t target, v string) error {
		if _, err := net.ParseMAC(v); err != nil {
			return err
		}
		t.config.MacAddress = v //nolint:staticcheck // what engines before API 1.44 read
		return nil
	},
	"ip": func(t target, v string) error {
		if net.ParseIP(v).To4() == nil {
			return errors.New("write an IPv4 address")
		}
		t.endpoint.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: v}
		return nil
	},
	"expose": func(t target, v string) error {
		number, proto, ok := strings.Cut(v, "/")
		if !ok {
			proto = "tcp"
		}
		first, last, err := nat.ParsePortRangeToInt(number)
		if err != nil {
			return err
		}
		for n := first; n <= last; n++ {
			p, err := nat.NewPort(proto, strconv.Itoa(n))
			if err != nil {
				return err
			}
			setIn(&t.config.ExposedPorts, p, struct{}{})
		}
		return nil
	},

	// file systems and devices
	"volume": func(t target, v string) error {
		parts := strings.Split(v, ":")
		switch {
		case len(parts) > 3:
			return errors.New("write HOST:CONTAINER[:ro]")
		case len(parts) == 1:
			setIn(&t.config.Volumes, v, struct{}{})
			return absolute(v)
		}
		t.host.Binds = append(t.host.Binds, v)
		return absolute(parts[1])
	},
	"volumes-from":  func(t target, v string) error { return list(v, &t.host.VolumesFrom) },
	"volume-driver": func(t target, v string) error { t.host.VolumeDriver = v; return filled(v) },
	"tmpfs": func(t target, v string) error {
		dir, opts, _ := strings.Cut(v, ":")
		setIn(&t.host.Tmpfs, dir, opts)
		return absolute(dir)
	},
	"read-only":   func(t target, v string) error { return flag(v, func(b bool) { t.host.ReadonlyRootfs = b }) },
	"storage-opt": func(t target, v string) error { return pair(v, &t.host.StorageOpt) },
	"device": func(t target, v string) error {
		parts := strings.Split(v, ":")
		if len(parts) > 3 {
			return errors.New("write HOST[:CONTAINER[:rwm]]")
		}
		m := container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[0], CgroupPermissions: "rwm"}
		switch {
		case len(parts) == 2 && strings.Trim(parts[1], "rwm") == "": // HOST:rwm
			m.CgroupPermissions = parts[1]
		case len(parts) >= 2:
			m.PathInContainer = parts[1]
		}
		if len(parts) == 3 {
			m.CgroupPermissions = parts[2]
		}
		if m.CgroupPermissions == "" || strings.Trim(m.CgroupPermissions, "rwm") != "" {
			return errors.New("permissions are of the letters r, w and m")
		}
		t.host.Devices = append(t.host.Devices, m)
		return errors.Join(absolute(m.PathOnHost), absolute(m.PathInContainer))
	},

	// privileges and name spaces
	"privileged": func(t target, v string) error { return flag(v, func(b bool) { t.host.Privileged = b }) },
	"cap-add":    func(t target, v string) error { return list(v, (*[]string)(&t.host.CapAdd)) },
	"cap-drop":   func(t target, v string) error { return list(v, (*[]string)(&t.host.CapDrop)) },
	"group-add":  func(t target, v string) error { return list(v, &t.host.GroupAdd) },
	"ipc":        func(t target, v string) error { t.host.IpcMode = container.IpcMode(v); return filled(v) },
	"pid":        func(t target, v string) error { t.host.PidMode = container.PidMode(v); return filled(v) },
	"uts":        func(t target, v string) error { t.host.UTSMode = container.UTSMode(v); return filled(v) },
	"userns":     func(t target, v string) error { t.host.UsernsMode = container.UsernsMode(v); return filled(v) },
	"cgroupns":   func(t target, v string) error { t.host.CgroupnsMode = container.CgroupnsMode(v); return filled(v) },
	"runtime":    func(t target, v string) error { t.host.Runtime = v; return filled(v) },
	"sysctl":     func(t target, v string) error { return pair(v, &t.host.Sysctls) },
	"security-opt": func(t target, v string) error {
		// The command line reads a seccomp file where it runs; an app has no such place.
		if p, ok := strings.CutPrefix(v, "seccomp="); ok && p != "unconfined" && p != "builtin" && !strings.HasPrefix(p, "{") {
			return errors.New("write the seccomp profile itself, or unconfined")
		}
		return list(v, &t.host.SecurityOpt)
	},

	// logs
	"log-driver": func(t target, v string) error {
		t.host.LogConfig = container.LogConfig{Type: v, Config: t.host.LogConfig.Config}
		if v != "json-file" && v != "local" { // options of ours that others do not have
			delete(t.host.LogConfig.Config, "max-size")
			delete(t.host.LogConfig.Config, "max-file")
		}
		return filled(v)
	},
	"log-opt": func(t target, v string) error { return pair(v, &t.host.LogConfig.Config) },
}

func filled(v string) error {
	if v == "" {
		return errors.New("it needs a value")
	}
	return nil
}

func absolute(v string) error {
	if !path.IsAbs(v) {
		return fmt.Errorf("%q is not an absolute path", v)
	}
	return nil
}

func list(v string, to *[]string) error {
	*to = append(*to, v)
	return filled(v)
}

func pair(v string, to *map[string]string) error {
	name, value, ok := strings.Cut(v, "=")
	if !ok || name == "" {
		return errors.New("write NAME=VALUE")
	}
	setIn(to, name, value)
	return nil
}

func setIn[M ~map[K]V, K comparable, V any](m *M, k K, v V) {
	if *m == nil {
		*m = M{}
	}
	(*m)[k] = v
}

func flag(v string, set func(bool)) error {
	if v == "" {
		v = "true"
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return errors.New("write true or false")
	}
	set(b)
	return nil
}

func whole(v string, least int64, to *int64) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < least {
		return fmt.Errorf("write a whole number from %d", least)
	}
	*to = n
	return nil
}

func integer(v string, least, most int, to *int) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return fmt.Errorf("write a whole number from %d to %d", least, most)
	}
	*to = n
	return nil
}

func memory(v string, to *int64) error {
	if v == "-1" {
		*to = -1
		return nil
	}
	n, err := units.RAMInBytes(v)
	if err != nil {
		return errors.New("write an amount of memory, like 64m")
	}
	*to = n
	return nil
}
