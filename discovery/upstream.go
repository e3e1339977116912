package discovery

import (
	"context"
	"net"
	"time"

	"github.com/miekg/dns"
)

const (
	upstreamTimeout = 2 * time.Second // for each
	forwardsMax     = 512             // questions under way; more are answered SERVFAIL
)

// upstreams are resolvers for the names that are not ours.
type upstreams struct {
	addrs []string
	slots chan struct{}
}

func newUpstreams(addrs []string) *upstreams {
	u := &upstreams{slots: make(chan struct{}, forwardsMax)}
	for _, a := range addrs {
		if _, _, err := net.SplitHostPort(a); err != nil {
			a = net.JoinHostPort(a, "53")
		}
		u.addrs = append(u.addrs, a)
	}
	return u
}

// ask passes a question on; m is the answer to be given where nobody else gives one.
func (u *upstreams) ask(ctx context.Context, r, m *dns.Msg, size int) *dns.Msg {
	m.RecursionAvailable = true
	m.Rcode = dns.RcodeServerFailure
	select {
	case u.slots <- struct{}{}:
		defer func() { <-u.slots }()
	default:
		return m
	}
	question := r.Copy()
	question.Id = dns.Id()
	for _, addr := range u.addrs {
		answer := exchange(ctx, question, addr)
		if answer == nil || answer.Rcode == dns.RcodeServerFailure || answer.Rcode == dns.RcodeRefused {
			continue
		}
		answer.Id = r.Id
		answer.Question = r.Question
		answer.Compress = true
		fit(answer, size)
		return answer
	}
	return m
}

// exchange asks over UDP, and over TCP what does not fit; nil: no usable answer.
func exchange(ctx context.Context, question *dns.Msg, addr string) *dns.Msg {
	for _, network := range []string{"udp", "tcp"} {
		client := dns.Client{Net: network, Timeout: upstreamTimeout, UDPSize: packetMax}
		answer, _, err := client.ExchangeContext(ctx, question, addr)
		if err != nil {
			return nil
		}
		if !answer.Truncated {
			return answer
		}
	}
	return nil
}
