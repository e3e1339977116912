package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"
)

const (
	ttlDefault  = time.Second
	packetMax   = 1232 // bytes of a UDP answer, whatever the client can take (DNS flag day 2020)
	tcpConnsMax = 512
	tcpIdle     = 10 * time.Second
	// portTriesMax: a port that is free for TCP may be taken for UDP.
	portTriesMax = 16
)

// Config is what a DNS server has to be told.
type Config struct {
	// Domain is the zone, like pacer.
	Domain string
	// TTL of all answers: 0 is one second, the most is five.
	TTL time.Duration
	// Balancers are the addresses of the load balancers, Servers those of the name
	// servers of this zone. IP addresses.
	Balancers, Servers []string
	// Upstreams are asked, in order, for names of other zones: HOST or HOST:PORT.
	// Empty: such names are refused.
	Upstreams []string
	// Version of Pacer, for /v1/version.
	Version string
	// Log: nil discards.
	Log *slog.Logger
}

// A DNS answers for one zone from a directory: an authoritative server over UDP and
// TCP, and Mesos-DNS's look-ups over HTTP.
type DNS struct {
	zone
	version   string
	upstreams *upstreams // nil: names of other zones are refused
	log       *slog.Logger
}

// NewDNS makes a server for the directory. It fails where the configuration makes no
// sense.
func NewDNS(dir *Directory, cfg Config) (*DNS, error) {
	d := &DNS{version: cfg.Version, log: cfg.Log}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.dir = dir
	d.ttl = cmp.Or(cfg.TTL, ttlDefault)
	if d.ttl < time.Second || d.ttl > ttlMax {
		return nil, fmt.Errorf("a TTL of %v: choose one from 1s to %v", d.ttl, ttlMax)
	}
	var err error
	if d.domain, err = parseDomain(cfg.Domain); err != nil {
		return nil, err
	}
	if d.balancers, err = parseAddrs(cfg.Balancers); err != nil {
		return nil, fmt.Errorf("load balancers: %w", err)
	}
	if d.servers, err = parseAddrs(cfg.Servers); err != nil {
		return nil, fmt.Errorf("name servers: %w", err)
	}
	if len(cfg.Upstreams) > 0 {
		d.upstreams = newUpstreams(cfg.Upstreams)
	}
	return d, nil
}

// ListenAndServe answers on addr, over UDP and TCP, until ctx ends.
func (d *DNS) ListenAndServe(ctx context.Context, addr string) error {
	pc, l, err := Listen(addr)
	if err != nil {
		return err
	}
	return d.Serve(ctx, pc, l)
}

// Listen opens the UDP and the TCP port of one address; port 0 is any that is free for
// both.
func Listen(addr string) (net.PacketConn, net.Listener, error) {
	_, port, _ := net.SplitHostPort(addr)
	for try := 1; ; try++ {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, nil, fmt.Errorf("DNS: %w", err)
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return pc, l, nil
		}
		_ = l.Close()
		if port != "0" || try == portTriesMax {
			return nil, nil, fmt.Errorf("DNS: %w", err)
		}
	}
}

// Serve answers on an open UDP and TCP port until ctx ends, and closes them.
func (d *DNS) Serve(ctx context.Context, pc net.PacketConn, l net.Listener) error {
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) { d.serve(ctx, w, r) })
	idle := func() time.Duration { return tcpIdle }
	servers := []*dns.Server{
		{PacketConn: pc, Handler: handler, UDPSize: packetMax},
		{Listener: netutil.LimitListener(l, tcpConnsMax), Handler: handler, IdleTimeout: idle, MaxTCPQueries: -1},
	}
	ended := make(chan error, len(servers))
	for _, s := range servers {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		failed := make(chan error, 1)
		go func() {
			err := s.ActivateAndServe()
			failed <- err
			ended <- err
		}()
		select {
		case <-started:
		case <-failed:
		}
	}
	left := len(servers)
	var err error
	select {
	case <-ctx.Done():
		err = context.Cause(ctx)
	case err = <-ended:
		left--
		err = fmt.Errorf("DNS: %w", cmp.Or(err, errStopped))
	}
	for _, s := range servers {
		_ = s.Shutdown()
	}
	_, _ = pc.Close(), l.Close()
	for range left {
		<-ended
	}
	return err
}

var errStopped = errors.New("stopped")

func (d *DNS) serve(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) {
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	m := d.Answer(ctx, r, tcp)
	if m == nil {
		_ = w.Close()
		return
	}
	if err := w.WriteMsg(m); err != nil {
		d.log.Debug("answer not sent", "err", err)
	}
}

// Answer is the answer to one message; nil: none is due. Over UDP it fits what the
// client can take, with the TC bit where something had to be left out.
func (d *DNS) Answer(ctx context.Context, r *dns.Msg, tcp bool) *dns.Msg {
	if r.Response || len(r.Question) != 1 {
		if r.Response {
			return nil // answering answers is how loops begin
		}
		return new(dns.Msg).SetRcode(r, dns.RcodeFormatError)
	}
	m := new(dns.Msg).SetReply(r)
	m.Compress = true
	size := dns.MinMsgSize
	if tcp {
		size = dns.MaxMsgSize
	}
	if opt := r.IsEdns0(); opt != nil {
		if !tcp {
			size = max(min(int(opt.UDPSize()), packetMax), dns.MinMsgSize)
		}
		ours := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		ours.SetUDPSize(packetMax)
		if opt.Do() {
			ours.SetDo() // RFC 3225: copied
		}
		m.Extra = append(m.Extra, ours)
		if opt.Version() != 0 {
			m.Rcode = dns.RcodeBadVers
			return m
		}
	}
	q := r.Question[0]
	switch a, ours := d.find(dns.CanonicalName(q.Name)); {
	case r.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
	case q.Qclass != dns.ClassINET && q.Qclass != dns.ClassANY,
		q.Qtype == dns.TypeAXFR, q.Qtype == dns.TypeIXFR:
		m.Rcode = dns.RcodeRefused
	case ours:
		d.fill(m, q, a)
	case d.upstreams != nil && r.RecursionDesired:
		return d.upstreams.ask(ctx, r, m, size)
	default:
		m.Rcode = dns.RcodeRefused
	}
	fit(m, size)
	return m
}

// fill answers a question about our zone with what its name means. Owner names repeat the question's
// spelling, as clients that mix cases against forgery expect.
func (d *DNS) fill(m *dns.Msg, q dns.Question, a answer) {
	m.Authoritative = true
	m.RecursionAvailable = d.upstreams != nil
	if !a.exists {
		m.Rcode = dns.RcodeNameError
		m.Ns = append(m.Ns, d.soa())
		return
	}
	ttl := uint32(d.ttl / time.Second)
	header := func(name string, rrtype uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
	}
	switch q.Qtype {
	case dns.TypeA, dns.TypeAAAA:
		for _, addr := range rotated(a.addrs) {
			if rr := addressRecord(header(q.Name, q.Qtype), addr); rr != nil {
				m.Answer = append(m.Answer, rr)
			}
		}
	case dns.TypeSRV:
		for _, t := range rotated(a.srv) {
			m.Answer = append(m.Answer, &dns.SRV{Hdr: header(q.Name, dns.TypeSRV), Weight: 1, Port: uint16(t.port), Target: t.host})
		}
		m.Extra = append(m.Extra, d.glue(a.srv, header)...)
	case dns.TypeSOA:
		if a.apex {
			soa := d.soa()
			soa.Hdr.Name = q.Name
			m.Answer = append(m.Answer, soa)
		}
	case dns.TypeNS:
		if a.apex {
			m.Answer = append(m.Answer, &dns.NS{Hdr: header(q.Name, dns.TypeNS), Ns: d.nameServer()})
		}
	case dns.TypeANY: // RFC 8482: as little as is allowed
		m.Answer = append(m.Answer, &dns.HINFO{Hdr: header(q.Name, dns.TypeHINFO), Cpu: "RFC8482"})
	}
	if len(m.Answer) == 0 {
		soa := d.soa()
		if _, ours := d.relative(dns.CanonicalName(q.Name)); !ours {
			soa.Hdr.Name = mesosZone // its owner has to be above the name
		}
		m.Ns = append(m.Ns, soa)
	}
}

// glue is the addresses of SRV targets, each instance once.
func (d *DNS) glue(all []target, header func(string, uint16) dns.RR_Header) []dns.RR {
	var extra []dns.RR
	seen := map[string]bool{}
	for _, t := range all {
		if !t.addr.IsValid() || seen[t.host] {
			continue
		}
		seen[t.host] = true
		rrtype := dns.TypeAAAA
		if t.addr.Is4() {
			rrtype = dns.TypeA
		}
		extra = append(extra, addressRecord(header(t.host, rrtype), t.addr))
	}
	return extra
}

// addressRecord is nil where addr is not of the header's type.
func addressRecord(h dns.RR_Header, addr netip.Addr) dns.RR {
	switch {
	case h.Rrtype == dns.TypeA && addr.Is4():
		return &dns.A{Hdr: h, A: addr.AsSlice()}
	case h.Rrtype == dns.TypeAAAA && addr.Is6():
		return &dns.AAAA{Hdr: h, AAAA: addr.AsSlice()}
	}
	return nil
}

// rotated begins the list anywhere: many clients take the first.
func rotated[T any](all []T) []T {
	if len(all) < 2 {
		return all
	}
	i := rand.IntN(len(all))
	return append(append(make([]T, 0, len(all)), all[i:]...), all[:i]...)
}

// fit makes a message as short as it must be: first the additional records go, which
// the client can ask for, then answers, and the TC bit says so.
func fit(m *dns.Msg, size int) {
	if m.Len() <= size {
		return
	}
	opt := m.IsEdns0()
	m.Extra = nil
	if opt != nil {
		m.Extra = []dns.RR{opt}
	}
	m.Truncate(size)
}

// domainName is the domain without its dot at the end.
func (d *DNS) domainName() string { return strings.TrimSuffix(d.domain, ".") }
