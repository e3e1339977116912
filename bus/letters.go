package bus

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"pacer/apps"
)

// SendAssign tells a host what it shall run.
func (c *Conn) SendAssign(a apps.Assignment) error { return send(c, assignSubject(a.Host), a) }

// OnAssign hands out the assignments of one host. As with every On…, f is called
// with one letter after the other and must not block: it is to put the letter into
// an inbox.
func (c *Conn) OnAssign(host string, f func(apps.Assignment)) (*Subscription, error) {
	return on(c, assignSubject(host), func(a *apps.Assignment) string { return assignSubject(a.Host) }, f)
}

// SendReport tells the leader what a host runs.
func (c *Conn) SendReport(r apps.Report) error { return send(c, reportSubject(r.Host.Name), r) }

// OnReport hands out the reports of all hosts.
func (c *Conn) OnReport(f func(apps.Report)) (*Subscription, error) {
	return on(c, reports, func(r *apps.Report) string { return reportSubject(r.Host.Name) }, f)
}

// SendService tells load balancers and DNS where an app answers.
func (c *Conn) SendService(s apps.Service) error { return send(c, serviceSubject(s.App), s) }

// OnService hands out the services of all apps.
func (c *Conn) OnService(f func(apps.Service)) (*Subscription, error) {
	return on(c, services, func(s *apps.Service) string { return serviceSubject(s.App) }, f)
}

// SendRoster tells load balancers and DNS which services there are.
func (c *Conn) SendRoster(r apps.Roster) error { return send(c, rosterSubject, r) }

// OnRoster hands out the rosters.
func (c *Conn) OnRoster(f func(apps.Roster)) (*Subscription, error) {
	return on(c, rosterSubject, func(*apps.Roster) string { return rosterSubject }, f)
}

// SendAddresses tells DNS where the cluster's own parts answer.
func (c *Conn) SendAddresses(a apps.Addresses) error { return send(c, addressesSubject, a) }

// OnAddresses hands out where the cluster's own parts answer.
func (c *Conn) OnAddresses(f func(apps.Addresses)) (*Subscription, error) {
	return on(c, addressesSubject, func(*apps.Addresses) string { return addressesSubject }, f)
}

// SendServer tells the leader that a server lives.
func (c *Conn) SendServer(s apps.Server) error { return send(c, serverSubject(s.Name), s) }

// OnServer hands out what all servers say that do not lead.
func (c *Conn) OnServer(f func(apps.Server)) (*Subscription, error) {
	return on(c, servers, func(s *apps.Server) string { return serverSubject(s.Name) }, f)
}

// SendServing tells the leader what a load balancer serves.
func (c *Conn) SendServing(s apps.Serving) error { return send(c, servingSubject(s.Balancer), s) }

// OnServing hands out what all load balancers say.
func (c *Conn) OnServing(f func(apps.Serving)) (*Subscription, error) {
	return on(c, servings, func(s *apps.Serving) string { return servingSubject(s.Balancer) }, f)
}

// OnNotice hands out the notices as they come, and none of the past.
func (c *Conn) OnNotice(f func(apps.Notice)) (*Subscription, error) {
	return on(c, notices, func(n *apps.Notice) string { return noticeSubject(n.Type) }, f)
}

// A Left is the letter of an agent that stops, or says that its connection is gone.
type Left struct {
	Host string `json:"host"`
	Boot int64  `json:"boot"` // of that agent
}

// SendLeft says goodbye for a host.
func (c *Conn) SendLeft(l Left) error { return send(c, leftSubject(l.Host), l) }

// OnLeft hands out the hosts whose agent said goodbye, and those whose connection
// is gone (see AgentName). The latter is heard only on a Conn to a server of this
// process, but then of all servers that it is routed to; with NATS elsewhere, only
// silence tells. An agent that was cut off and is connected again may be handed out
// late: its next report says that it lives.
func (c *Conn) OnLeft(f func(Left)) (*Subscription, error) {
	said, err := on(c, lefts, func(l *Left) string { return leftSubject(l.Host) }, f)
	if err != nil || c.server == nil {
		return said, err
	}
	sys, err := c.system()
	if err != nil {
		said.Stop()
		return nil, err
	}
	cut, err := c.subscribe(sys, disconnects, func(m *nats.Msg) {
		var event server.DisconnectEventMsg
		if err := json.Unmarshal(m.Data, &event); err != nil {
			c.log.Warn("letter unreadable", "subject", m.Subject, "err", err)
			return
		}
		if l, ok := parseAgentName(event.Client.Name); ok {
			f(l)
		}
	})
	if err != nil {
		said.Stop()
		return nil, err
	}
	return c.keep(func() { said.Stop(); cut.Stop() }), nil
}

const (
	// encodingHeader says how a letter is written, where it is not plain JSON.
	encodingHeader = "Pacer-Encoding"
	encodingS2     = "s2"
	// compressMin is from which size a letter is compressed, in bytes.
	compressMin = 4 << 10
	// letterMax bounds a letter after decompression, in bytes.
	letterMax = 128 << 20
)

// send sends a letter and does not wait.
func send[T any](c *Conn, subject string, letter T) error {
	data, err := json.Marshal(letter)
	if err != nil {
		return fmt.Errorf("send %s: %w", subject, err)
	}
	if len(data) > letterMax {
		return fmt.Errorf("send %s: a letter of %d bytes is too large; at most %d are allowed", subject, len(data), letterMax)
	}
	m := nats.NewMsg(subject)
	m.Data = data
	if len(data) >= compressMin {
		m.Data = s2.Encode(nil, data)
		m.Header.Set(encodingHeader, encodingS2)
	}
	if err := c.nc.PublishMsg(m); err != nil {
		if errors.Is(err, nats.ErrMaxPayload) {
			return fmt.Errorf("send %s: a letter of %d bytes (%d compressed) is too large: %w", subject, len(data), len(m.Data), err)
		}
		return fmt.Errorf("send %s: %w", subject, err)
	}
	return nil
}

// on hands out the letters of a subject. address is the subject that a letter
// belongs to: one that lies, and says it is from or about somebody else, is
// dropped.
func on[T any](c *Conn, subject string, address func(*T) string, f func(T)) (*Subscription, error) {
	return c.subscribe(c.nc, subject, func(m *nats.Msg) {
		var letter T
		if err := decode(m, &letter); err != nil {
			c.log.Warn("letter unreadable", "subject", m.Subject, "err", err)
			return
		}
		if is := address(&letter); is != m.Subject {
			c.log.Warn("letter dropped: it is not from who it says", "subject", m.Subject, "belongs to", is)
			return
		}
		f(letter)
	})
}

func decode(m *nats.Msg, letter any) error {
	data := m.Data
	switch e := m.Header.Get(encodingHeader); e {
	case "":
	case encodingS2:
		n, err := s2.DecodedLen(data)
		if err != nil {
			return err
		}
		if n > letterMax {
			return fmt.Errorf("it would be %d bytes large", n)
		}
		if data, err = s2.Decode(nil, data); err != nil {
			return err
		}
	default:
		return fmt.Errorf("it is written as %q", e)
	}
	return json.Unmarshal(data, letter)
}
