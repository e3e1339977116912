package discovery

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"github.com/miekg/dns"

	"pacer/apps"
)

// balancers is the label below which every app's name leads to the load balancers.
const balancers = "lb"

// nameOf is an app's name below the domain.
func nameOf(id apps.ID) string { return strings.ToLower(id.DNSName()) }

// flatName is the name as Mesos-DNS writes it, in one label.
func flatName(name string) string { return strings.ReplaceAll(name, ".", "-") }

// instanceLabel is the label of an instance below its app's name: the front of its
// UUID, which holds the instance's whole serial number and so is unique in its
// cluster; for an id of another form a hash of it.
func instanceLabel(id string) string {
	const front = 12 // hexadecimal digits
	if _, uuid, ok := strings.Cut(id, "instance-"); ok {
		label := strings.ReplaceAll(uuid, "-", "")
		if len(label) >= front && strings.Trim(label[:front], "0123456789abcdef") == "" {
			return label[:front]
		}
	}
	sum := sha1.Sum([]byte(id))
	return hex.EncodeToString(sum[:front/2])
}

// join puts a label before a name.
func join(label, name string) string {
	if name == "" {
		return label
	}
	return label + "." + name
}

// cut takes the first label off a name.
func cut(name string) (label, rest string) {
	label, rest, _ = strings.Cut(name, ".")
	return label, rest
}

// fits reports whether a name can be written in DNS: labels of at most 63 bytes, 255
// in all with a byte before each and a zero at the end (RFC 1035, section 2.3.4).
func fits(name string) bool {
	_, ok := dns.IsDomainName(name)
	return ok && len(dns.Fqdn(name))+1 <= 255
}

// A query is a name below the domain, understood.
type query struct {
	kind     queryKind
	name     string // of an app, or of a group of apps
	protocol string // queryService: "tcp" or "udp"
	port     string // queryService: the port's name; empty: all ports
	exact    bool   // queryService: name was written with its underscore
}

type queryKind uint8

const (
	queryHost queryKind = iota
	queryBalancer
	queryService
)

// parse understands a lower-case name, relative to the domain.
func parse(name string) query {
	last := name[strings.LastIndexByte(name, '.')+1:]
	head := strings.TrimSuffix(strings.TrimSuffix(name, last), ".")
	switch last {
	case balancers:
		return query{kind: queryBalancer, name: head}
	case "_tcp", "_udp":
		q := query{kind: queryService, protocol: last[1:], name: head}
		first, rest := cut(head)
		if second, _ := cut(rest); strings.HasPrefix(first, "_") && strings.HasPrefix(second, "_") {
			q.port, q.name = first[1:], rest
		}
		q.name, q.exact = strings.CutPrefix(q.name, "_")
		return q
	}
	return query{kind: queryHost, name: name}
}

func serviceName(port, name, protocol string) string {
	s := "_" + name + "._" + protocol
	if port != "" {
		s = "_" + strings.ToLower(port) + "." + s
	}
	return s
}
