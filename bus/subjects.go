package bus

import (
	"fmt"
	"strconv"
	"strings"

	"pacer/apps"
)

// Every subject there is:
//
//	pacer.assign.<host>        Assignment   leader → agent
//	pacer.report.<host>        Report       agent → leader
//	pacer.left.<host>          –            agent → leader: goodbye
//	pacer.service.<app path>   Service      leader → load balancers, DNS
//	pacer.roster               Roster       leader → load balancers, DNS
//	pacer.addresses            Addresses    leader → DNS
//	pacer.server.<server>      Server       server that does not lead → leader
//	pacer.serving.<balancer>   Serving      load balancer → leader
//	pacer.notice.<type>        Notice       leader → anyone; kept in the stream PACER_EVENTS
//	pacer.logs.<host>          call: what an instance printed
//	pacer.exec.<host>          call: a command in an instance
//
// The path of an app is one token for each element: /shop/web is shop.web, so that
// pacer.service.shop.> is all of a group.
const (
	rosterSubject    = "pacer.roster"
	addressesSubject = "pacer.addresses"

	reports  = "pacer.report.*"
	lefts    = "pacer.left.*"
	services = "pacer.service.>"
	servings = "pacer.serving.*"
	servers  = "pacer.server.*"
	notices  = "pacer.notice.*"
	// disconnects is where NATS tells, in its system account, who is gone.
	disconnects = "$SYS.ACCOUNT.*.DISCONNECT"

	// eventsStream keeps the notices.
	eventsStream = "PACER_EVENTS"
)

func assignSubject(host string) string      { return "pacer.assign." + token(host) }
func reportSubject(host string) string      { return "pacer.report." + token(host) }
func leftSubject(host string) string        { return "pacer.left." + token(host) }
func servingSubject(balancer string) string { return "pacer.serving." + token(balancer) }
func serverSubject(server string) string    { return "pacer.server." + token(server) }
func noticeSubject(kind string) string      { return "pacer.notice." + token(kind) }
func callSubject(verb, host string) string  { return "pacer." + verb + "." + token(host) }

func serviceSubject(app apps.ID) string {
	elements := app.Elements()
	for i, e := range elements {
		elements[i] = token(e)
	}
	return "pacer.service." + strings.Join(elements, ".")
}

// token writes a name as one token of a subject: what NATS gives a meaning, and
// what is not plain ASCII, becomes %XX. It is one to one.
func token(name string) string {
	plain := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() == 0 {
		return "%" // an empty name; nothing else is written so
	}
	return b.String()
}

// agentPrefix begins the name of an agent's connection.
const agentPrefix = "pacer-agent "

// AgentName is how the agent of a host has to name its connection, so that others
// hear when the connection is gone (OnLeft).
func AgentName(host string, boot int64) string {
	return agentPrefix + strconv.FormatInt(boot, 10) + " " + host
}

// parseAgentName reads an AgentName; ok is false where it is none.
func parseAgentName(name string) (l Left, ok bool) {
	rest, ok := strings.CutPrefix(name, agentPrefix)
	if !ok {
		return Left{}, false
	}
	first, host, ok := strings.Cut(rest, " ")
	boot, err := strconv.ParseInt(first, 10, 64)
	return Left{Host: host, Boot: boot}, ok && err == nil && host != ""
}
