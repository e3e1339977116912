package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pacer/apps"
)

// A nodeConfig is the flags of all modes; each mode offers those that it uses.
type nodeConfig struct {
	Name     string
	DataDir  string
	Insecure bool
	LogLevel string

	HTTP     string
	LBHTTP   string
	LBBind   string
	LBDomain string
	LBGroup  string
	LBAddr   string
	DNS      string
	Domain   string
	Upstream string

	Postgres     string
	Deployments  int
	SQLite       string
	NATS         string
	NATSListen   string
	NATSRoutes   string
	NATSPassword string
	Advertise    string
	AllowOrigins []string

	Docker       []string
	Resources    string
	Attributes   string
	DefaultRole  string
	CommandImage string
	DockerConfig string
}

func (c *nodeConfig) commonFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.Name, "name", "", "name of this process for the others (default: the host's name)")
	f.StringVar(&c.DataDir, "data-dir", defaultDataDir(), "where state is kept")
	f.BoolVar(&c.Insecure, "insecure", false, "allow listeners beyond loopback without TLS and authentication")
	f.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
}

func (c *nodeConfig) apiFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.HTTP, "http", "127.0.0.1:8080", "address of the REST API, the web UI and /metrics")
	f.StringVar(&c.Advertise, "advertise", "", "URL of this server's API for the other servers, and for the DNS name leader (default: http:// and --http)")
	f.StringSliceVar(&c.AllowOrigins, "cors-allow-origin", nil, "origins, like https://ui.example, whose pages may read the API (Marathon's --access_control_allow_origin); *: all")
	f.IntVar(&c.Deployments, "max-running-deployments", 100, "deployments that may run at once, as Marathon's flag of that name; 0: 100")
}

func (c *nodeConfig) lbFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.LBHTTP, "lb-http", "127.0.0.1:8000", "address of the load balancer, by virtual host; off: none")
	f.StringVar(&c.LBBind, "lb-bind", "127.0.0.1", "address that service ports are bound on; off: none")
	f.StringVar(&c.LBDomain, "lb-domain", "localhost", "every app answers to APP.DOMAIN on the load balancer; off: none")
	f.StringVar(&c.LBGroup, "lb-group", "", "serve only ports whose label HAPROXY_GROUP names one of these, comma-separated (default: all)")
	f.StringVar(&c.LBAddr, "lb-address", "", "address that DNS names load balancers by (default: --lb-bind)")
	f.StringVar(&c.DNS, "dns", "127.0.0.1:8053", "address of the name server, UDP and TCP; off: none")
	f.StringVar(&c.Domain, "domain", "pacer", "zone of the name server")
	f.StringVar(&c.Upstream, "dns-upstream", "", "name servers, comma-separated, for other zones (default: they are refused)")
}

func (c *nodeConfig) natsFlags(cmd *cobra.Command, listenDefault string) {
	f := cmd.Flags()
	f.StringVar(&c.NATS, "nats", "", "URLs of NATS servers, comma-separated")
	if listenDefault == "none" {
		return
	}
	f.StringVar(&c.NATSListen, "nats-listen", listenDefault, "address of the embedded NATS for agents; its cluster port is 1000 above")
	f.StringVar(&c.NATSRoutes, "nats-routes", "", "cluster addresses of the other servers' NATS: nats://HOST:5222,…")
	f.StringVar(&c.NATSPassword, "nats-password", "", "what agents and the other servers' NATS have to know: nats://pacer:PASSWORD@HOST:4222")
}

func (c *nodeConfig) hostFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&c.Docker, "docker", nil, "a Docker engine to drive, repeatable: [NAME=]ENDPOINT[,address=IP][,resources=…][,attributes=…][,role=…] (default: $DOCKER_HOST, else unix:///var/run/docker.sock)")
	f.StringVar(&c.Resources, "resources", "", "what each host offers, in Mesos's syntax (default: what its engine reports, ports:[31000-32000])")
	f.StringVar(&c.Attributes, "attributes", "", "what each host is, in Mesos's syntax: rack:abc;zone:west")
	f.StringVar(&c.DefaultRole, "default-role", "", "role that each host belongs to: only apps that accept it, or have it, come to run there (default: all do)")
	f.StringVar(&c.CommandImage, "command-image", "", "image for apps that have a cmd but no container (default: the host's own userland, read-only)")
	f.StringVar(&c.DockerConfig, "docker-config", "", "file with logins to private registries (default: ~/.docker/config.json)")
}

func defaultDataDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "pacer")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/var/lib"
	}
	return filepath.Join(home, ".local", "state", "pacer")
}

// resolve fills in what was left out and refuses what makes no sense.
func (c *nodeConfig) resolve() error {
	if c.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("this machine has no name: give one by --name: %w", err)
		}
		c.Name = name
	}
	for _, v := range []*string{&c.LBHTTP, &c.LBBind, &c.LBDomain, &c.DNS, &c.NATSListen, &c.HTTP} {
		if *v == "off" || *v == "none" {
			*v = ""
		}
	}
	for flag, addr := range map[string]string{"http": c.HTTP, "lb-http": c.LBHTTP, "dns": c.DNS, "nats-listen": c.NATSListen} {
		if addr == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return usageError("--%s: %q is not HOST:PORT", flag, addr)
		}
	}
	if !c.Insecure {
		for flag, addr := range map[string]string{"http": c.HTTP, "nats-listen": c.NATSListen} {
			if addr != "" && !loopback(addr) && !(flag == "nats-listen" && c.NATSPassword != "") {
				return usageError("--%s %s can be reached from other machines, and nothing asks who calls: say --insecure if that is what you want, or listen on 127.0.0.1", flag, addr)
			}
		}
	}
	if c.Deployments < 0 {
		return usageError("--max-running-deployments: %d is negative", c.Deployments)
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return err
	}
	c.DataDir = dir
	return nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *nodeConfig) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, usageError("--log-level: %q is none of debug, info, warn and error", c.LogLevel)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})), nil
}

// An engineConfig is one --docker.
type engineConfig struct {
	Endpoint string
	Host     apps.Host // what the operator says of it
}

var defaultPorts = []apps.Range{{First: 31000, Last: 32000}}

// engines reads all --docker flags.
func (c *nodeConfig) engines() ([]engineConfig, error) {
	values := c.Docker
	if len(values) == 0 {
		endpoint := os.Getenv("DOCKER_HOST")
		if endpoint == "" {
			endpoint = "unix:///var/run/docker.sock"
		}
		values = []string{endpoint}
	}
	var out []engineConfig
	seen := map[string]bool{}
	for i, value := range values {
		e, err := c.engine(value)
		if err != nil {
			return nil, usageError("--docker %s: %v", value, err)
		}
		if e.Host.Name == "" {
			e.Host.Name = c.Name
			if i > 0 {
				e.Host.Name = fmt.Sprintf("%s-%d", c.Name, i+1)
			}
		}
		if seen[e.Host.Name] {
			return nil, usageError("--docker %s: there is another host named %s", value, e.Host.Name)
		}
		seen[e.Host.Name] = true
		out = append(out, e)
	}
	return out, nil
}

// engine reads [NAME=]ENDPOINT[,address=IP][,resources=…][,attributes=…][,role=…]. The values
// may have commas themselves (ranges, sets), so options are found by their names.
func (c *nodeConfig) engine(value string) (engineConfig, error) {
	options := map[string]string{"resources": c.Resources, "attributes": c.Attributes, "role": c.DefaultRole, "address": "127.0.0.1"}
	rest := value
	for {
		at, name := -1, ""
		for option := range options {
			if i := strings.LastIndex(rest, ","+option+"="); i > at {
				at, name = i, option
			}
		}
		if at < 0 {
			break
		}
		options[name] = rest[at+len(name)+2:]
		rest = rest[:at]
	}
	var e engineConfig
	if name, endpoint, ok := strings.Cut(rest, "="); ok && !strings.Contains(name, "://") {
		e.Host.Name, rest = name, endpoint
	}
	if strings.HasPrefix(rest, "/") {
		rest = "unix://" + rest
	}
	if !strings.Contains(rest, "://") || strings.Contains(rest, ",") {
		return e, fmt.Errorf("%q is not an endpoint like unix:///var/run/docker.sock", rest)
	}
	e.Endpoint = rest
	if net.ParseIP(options["address"]) == nil {
		return e, fmt.Errorf("address: %q is not an IP address", options["address"])
	}
	e.Host.Addr = options["address"]
	if role := options["role"]; role != "" && role != "*" {
		if !apps.ValidRole(role) {
			return e, fmt.Errorf("role: %q is no role: write a word without blanks or slashes", role)
		}
		e.Host.Role = role
	}
	var err error
	if e.Host.Total, e.Host.Ports, err = apps.ParseResources(options["resources"]); err != nil {
		return e, err
	}
	if e.Host.Ports == nil {
		e.Host.Ports = defaultPorts
	}
	if e.Host.Attributes, err = apps.ParseAttributes(options["attributes"]); err != nil {
		return e, err
	}
	e.Host.Zone, e.Host.Region, e.Host.Agent = e.Host.Attributes["zone"], e.Host.Attributes["region"], version
	return e, nil
}
