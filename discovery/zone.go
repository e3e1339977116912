package discovery

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"pacer/apps"
)

// ttlMax is the longest that anybody may remember an answer.
const ttlMax = 5 * time.Second

// A zone gives meaning to names below one domain.
type zone struct {
	dir       *Directory
	domain    string // absolute, lower-case: "pacer."
	ttl       time.Duration
	balancers []netip.Addr
	servers   []netip.Addr
}

// An answer is what a name means, whatever the type that is asked for.
type answer struct {
	exists bool
	apex   bool // the domain itself
	addrs  []netip.Addr
	srv    []target
}

// A target is one port of one instance, or of the leader.
type target struct {
	host string // its name, absolute
	addr netip.Addr
	ip   string // addr, or what the endpoint has instead
	port int
}

// relative is a lower-case absolute name without the domain; ok is false for names of
// other zones.
func (z *zone) relative(name string) (rel string, ok bool) {
	if name == z.domain {
		return "", true
	}
	if z.domain == "." {
		return strings.TrimSuffix(name, "."), true
	}
	return strings.CutSuffix(name, "."+z.domain)
}

func (z *zone) absolute(name string) string { return below(name, z.domain) }

// below is the absolute name below a domain.
func below(name, domain string) string {
	if domain == "." {
		return name + "."
	}
	return join(name, domain)
}

// find answers for a lower-case absolute name; ours is false for names that this server
// has nothing to say of.
func (z *zone) find(name string) (a answer, ours bool) {
	if rel, ok := z.relative(name); ok {
		return z.look(rel), true
	}
	return z.lookMesos(name)
}

// look answers for a lower-case name below the domain. A name exists when it has
// records or names below it (an empty non-terminal, RFC 8020).
func (z *zone) look(name string) answer {
	if name == "" {
		return answer{exists: true, apex: true, addrs: z.apex()}
	}
	if a, ok := z.lookCluster(name); ok {
		return a
	}
	q := parse(name)
	switch q.kind {
	case queryBalancer:
		e := z.dir.entry(q.name)
		a := answer{exists: q.name == "" || e.exists()}
		if e.app() != nil {
			a.addrs = z.balancers
		}
		return a
	case queryService:
		return z.lookService(q)
	}
	e := z.dir.entry(q.name)
	if r := e.app(); r != nil {
		return answer{exists: true, addrs: r.addrs}
	}
	if label, rest := cut(q.name); !e.exists() && rest != "" {
		if r := z.dir.entry(rest).app(); r != nil {
			addrs, ok := r.instances[label]
			return answer{exists: ok, addrs: addrs}
		}
	}
	return answer{exists: e.exists()}
}

// lookService answers for _web.shop._tcp and _http._web.shop._tcp, and for the names
// above them.
func (z *zone) lookService(q query) answer {
	e := z.dir.entry(q.name)
	if !q.exact {
		return answer{exists: q.port == "" && (q.name == "" || e.below > 0)}
	}
	r := e.app()
	if r == nil {
		return answer{}
	}
	var a answer
	for i, p := range r.service.Ports {
		if carries(p, q.protocol) && (q.port == "" || strings.EqualFold(p.Name, q.port)) {
			a.exists = true
			a.srv = append(a.srv, z.targets(r, i)...)
		}
	}
	return a
}

func carries(p apps.ServicePort, protocol string) bool {
	return p.Protocol == protocol || p.Protocol == "udp,tcp"
}

// targets are the endpoints of the app's i-th port. One whose name would be too long
// for DNS is left out.
func (z *zone) targets(r *record, i int) []target {
	var all []target
	for _, e := range r.endpoints {
		if i >= len(e.Ports) || e.Ports[i] <= 0 {
			continue
		}
		host := z.absolute(join(e.label, r.name))
		if fits(host) {
			all = append(all, target{host: host, addr: e.addr, ip: e.Addr, port: e.Ports[i]})
		}
	}
	return all
}

// soa is the zone's start of authority; its minimum bounds how long a "no" may be
// remembered (RFC 2308).
func (z *zone) soa() *dns.SOA {
	ttl := uint32(z.ttl / time.Second)
	mbox := "hostmaster."
	if z.domain != "." {
		mbox += z.domain
	}
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: z.domain, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns:  z.nameServer(), Mbox: mbox, Serial: z.dir.changes.Load(),
		Refresh: 60, Retry: 60, Expire: 600, Minttl: ttl,
	}
}

// parseDomain makes a domain absolute and lower-case.
func parseDomain(domain string) (string, error) {
	if domain == "" || !fits(domain) {
		return "", fmt.Errorf("%q is not a domain: write one like pacer or apps.example.com", domain)
	}
	return dns.CanonicalName(domain), nil
}

// parseAddrs reads IP addresses, each once.
func parseAddrs(all []string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, s := range all {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%q is not an IP address", s)
		}
		if a = a.Unmap(); !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return addrs, nil
}
