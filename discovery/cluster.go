package discovery

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"pacer/apps"
)

// mesosZone is where Mesos-DNS has the names of the cluster itself; marathonZone, below
// it, is that of the apps, and its apex Marathon.
const (
	mesosZone    = "mesos."
	marathonZone = "marathon." + mesosZone
)

// places is where the cluster's own parts answer. It is never changed.
type places struct {
	letter  apps.Addresses
	leader  netip.AddrPort // invalid: not known
	servers []netip.Addr
	hosts   []netip.Addr
}

// Place takes the letter that says where the cluster's own parts answer, and reports
// whether it was news.
func (d *Directory) Place(a apps.Addresses) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.places.Load()
	if old != nil && !a.After(old.letter.Stamp) {
		return false
	}
	d.places.Store(newPlaces(a))
	if old == nil || !a.Same(old.letter) {
		d.changes.Add(1)
	}
	return true
}

// newPlaces leaves out what is no address.
func newPlaces(a apps.Addresses) *places {
	p := &places{letter: a}
	if ap, err := netip.ParseAddrPort(a.Leader); err == nil {
		p.leader = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	for _, s := range a.Servers {
		if ap, err := netip.ParseAddrPort(s); err == nil {
			p.servers = append(p.servers, ap.Addr().Unmap())
		}
	}
	for _, h := range a.Hosts {
		if addr, err := netip.ParseAddr(h); err == nil {
			p.hosts = append(p.hosts, addr.Unmap())
		}
	}
	p.servers, p.hosts = each(p.servers), each(p.hosts)
	return p
}

// each orders addresses and leaves out doubles.
func each(addrs []netip.Addr) []netip.Addr {
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// mesos reports whether the zone is the one that Mesos-DNS has for Marathon's apps.
func (z *zone) mesos() bool { return z.domain == marathonZone }

// nameServer is the name of the zone's name servers.
func (z *zone) nameServer() string {
	if z.mesos() {
		return "ns1." + mesosZone // the zone's own name is Marathon's
	}
	return z.domain
}

// apex is the addresses of the domain itself: the name servers', and for Mesos-DNS's
// zone of Marathon those of Marathon.
func (z *zone) apex() []netip.Addr {
	if p := z.dir.places.Load(); z.mesos() && p != nil && p.leader.IsValid() {
		return []netip.Addr{p.leader.Addr()}
	}
	return z.servers
}

// lookCluster answers for the names of the cluster itself below our domain; an app of
// that name goes before them.
func (z *zone) lookCluster(name string) (a answer, ok bool) {
	if z.dir.entry(parse(name).name).app() != nil {
		return answer{}, false
	}
	if z.mesos() && name == "_framework._tcp" {
		return z.leaderService(z.domain)
	}
	return z.clusterName(name, z.domain)
}

// lookMesos answers for the names that Mesos-DNS has beside Marathon's zone. Others of
// that domain are not ours: whoever serves them may be an upstream.
func (z *zone) lookMesos(name string) (a answer, ok bool) {
	rel, below := strings.CutSuffix(name, "."+mesosZone)
	if !below || !z.mesos() {
		return answer{}, false
	}
	if name == z.nameServer() {
		return answer{exists: true, addrs: z.servers}, true
	}
	return z.clusterName(rel, mesosZone)
}

// clusterName answers for the names of the cluster itself, as Mesos-DNS has them below
// its domain; ok is false for all others, and while nobody has said where that is.
func (z *zone) clusterName(name, domain string) (a answer, ok bool) {
	p := z.dir.places.Load()
	if p == nil {
		return answer{}, false
	}
	switch name {
	case "leader":
		if p.leader.IsValid() {
			a.addrs = []netip.Addr{p.leader.Addr()}
		}
	case "master":
		a.addrs = p.servers
	case "slave":
		a.addrs = p.hosts
	case "_leader._tcp", "_leader._udp":
		return z.leaderService(below("leader", domain))
	default:
		if n, ok := masterNumber(name); ok && n < len(p.servers) {
			a.addrs = p.servers[n : n+1]
		}
	}
	a.exists = len(a.addrs) > 0
	return a, a.exists
}

// leaderService is the leader's API as a service at host.
func (z *zone) leaderService(host string) (a answer, ok bool) {
	p := z.dir.places.Load()
	if p == nil || !p.leader.IsValid() {
		return answer{}, false
	}
	addr := p.leader.Addr()
	return answer{exists: true, srv: []target{{host: host, addr: addr, ip: addr.String(), port: int(p.leader.Port())}}}, true
}

// masterNumber reads master0, master1, ….
func masterNumber(name string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(name, "master")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0 && strconv.Itoa(n) == digits
}
