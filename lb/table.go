package lb

import (
	"cmp"
	"slices"
	"strings"

	"pacer/apps"
)

// A table says what traffic is meant for which app. It is never changed after it is
// published; the endpoints of an app change behind app.endpoints.
type table struct {
	hosts index[string, []rule] // by lower-case host; the rule to try first comes first
	ports index[int, []rule]    // by service port; the first has the port
}

// A rule sends traffic to one port of an app.
type rule struct {
	path string // a prefix without a slash at its end; empty: every path
	app  *app
	port int  // index into the app's ports
	auto bool // the host is the app's default one: it yields to a label's
	kind kind // of a service port

	sticky  bool // clients stay with their instance
	toHTTPS bool // plain HTTP is sent to HTTPS
}

// A kind is how a service port is carried.
type kind uint8

const (
	carryHTTP kind = iota
	carryTCP
	carryUDP
)

func (k kind) String() string { return [...]string{"http", "tcp", "udp"}[k] }

// before is the order of the rules of one host: the longest path first; of two
// equal claims a label's before a default one, then the app's that sorts first.
func (r rule) before(o rule) int {
	auto := 0
	if r.auto != o.auto {
		auto = 1
		if o.auto {
			auto = -1
		}
	}
	return cmp.Or(cmp.Compare(len(o.path), len(r.path)), strings.Compare(r.path, o.path), auto, cmp.Compare(r.app.id, o.app.id))
}

// find is the rule for a request. known says whether anybody claims the host.
func (t *table) find(host, path string) (r rule, known, ok bool) {
	rules, known := t.hosts.get(canonicalHost(host))
	for i := range rules {
		if within(path, rules[i].path) {
			return rules[i], true, true
		}
	}
	return rule{}, known, false
}

// port is the rule of a service port.
func (t *table) port(n int) (r rule, ok bool) {
	rules, _ := t.ports.get(n)
	if len(rules) == 0 {
		return rule{}, false
	}
	return rules[0], true
}

// within reports whether path is prefix or lies below it, on a segment boundary.
func within(path, prefix string) bool {
	return prefix == "" || strings.HasPrefix(path, prefix) && (len(path) == len(prefix) || path[len(prefix)] == '/')
}

// canonicalHost is a Host header in the form of the table: lower-case, without its
// port and without the dot of an absolute name.
func canonicalHost(host string) string {
	if strings.HasPrefix(host, "[") { // an IPv6 address
		if i := strings.IndexByte(host, ']'); i > 0 {
			host = host[:i+1]
		}
	} else if i := strings.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// A claim is one rule and where it belongs.
type claim struct {
	host string // empty: port
	port int
	rule rule
}

// claims is all the traffic that a service asks for.
func claims(a *app, s apps.Service, cfg Config) []claim {
	var all []claim
	for i, p := range s.Ports {
		if !cfg.serves(p) {
			continue
		}
		for _, route := range p.Routes {
			all = append(all, claim{host: canonicalHost(route.Host), rule: rule{path: strings.TrimRight(route.Path, "/"), app: a, port: i, sticky: p.Sticky, toHTTPS: p.ToHTTPS}})
		}
		if p.Port > 0 {
			k := carryHTTP
			switch {
			case p.Protocol == "udp":
				k = carryUDP
			case !p.HTTP:
				k = carryTCP
			}
			all = append(all, claim{port: p.Port, rule: rule{app: a, port: i, kind: k, sticky: p.Sticky}})
		}
	}
	if i := webPort(s.Ports, cfg); i >= 0 && cfg.Domain != "" {
		all = append(all, claim{host: canonicalHost(s.App.DNSName() + "." + cfg.Domain), rule: rule{app: a, port: i, auto: true, sticky: s.Ports[i].Sticky}})
	}
	return all
}

// serves reports whether a port is for a balancer of these groups.
func (c *Config) serves(p apps.ServicePort) bool {
	if p.Hidden {
		return false
	}
	return len(c.Groups) == 0 || slices.Contains(c.Groups, "*") ||
		slices.ContainsFunc(c.Groups, func(group string) bool { return slices.Contains(p.Groups, group) })
}

// webPort is the port that an app's default host leads to: the first that is known
// to speak HTTP, else the first that carries TCP; -1 where there is none.
func webPort(ports []apps.ServicePort, cfg Config) int {
	tcp := func(p apps.ServicePort) bool { return p.Protocol != "udp" && cfg.serves(p) }
	if i := slices.IndexFunc(ports, func(p apps.ServicePort) bool { return p.HTTP && tcp(p) }); i >= 0 {
		return i
	}
	return slices.IndexFunc(ports, tcp)
}

// with is the table with more claims.
func (t table) with(all []claim) table {
	for _, c := range all {
		if c.host != "" {
			t.hosts = t.hosts.with(c.host, insert(t.hosts, c.host, c.rule))
		} else {
			t.ports = t.ports.with(c.port, insert(t.ports, c.port, c.rule))
		}
	}
	return t
}

func insert[K comparable](ix index[K, []rule], k K, r rule) []rule {
	old, _ := ix.get(k)
	rules := append(slices.Clone(old), r)
	slices.SortStableFunc(rules, rule.before)
	return rules
}

// without is the table without the claims of an app.
func (t table) without(a *app, all []claim) table {
	for _, c := range all {
		if c.host != "" {
			t.hosts = remove(t.hosts, c.host, a)
		} else {
			t.ports = remove(t.ports, c.port, a)
		}
	}
	return t
}

func remove[K comparable](ix index[K, []rule], k K, a *app) index[K, []rule] {
	old, _ := ix.get(k)
	rules := slices.DeleteFunc(slices.Clone(old), func(r rule) bool { return r.app == a })
	if len(rules) == 0 {
		return ix.without(k)
	}
	return ix.with(k, rules)
}
