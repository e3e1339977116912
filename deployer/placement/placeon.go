package placement

import (
	"cmp"
	"fmt"
)

// NoCorrespondingReservation is Marathon's word for a host that does not have the
// volumes of an instance.
const NoCorrespondingReservation = "NoCorrespondingReservationFound"

// PlaceOn gives an ask its place on one host, where its data is and room is kept for
// it by a hold: it has to be open; constraints and roles chose it long ago and are not
// asked again. The allocation is booked already, in place of kept. A refusal is not nil when
// there is none; kept stays booked then.
func (b *Board) PlaceOn(name string, ask Ask, kept Hold) (Allocation, *Refusal) {
	h := b.byName[name]
	free := *ask.App
	free.Constraints = nil
	var ports []int
	reason := Reason{Code: AgentMaintenance, Text: "not known any more", Hosts: 1}
	if h != nil && h.known {
		free.AcceptedRoles = []string{cmp.Or(h.Host.Role, "*")}
		h.free = h.free.Plus(kept.Needs)
		why, most := b.refuses(&free, nil, h)
		h.free = h.free.Minus(kept.Needs)
		if why.code == "" {
			b.Release(kept)
			ports = b.round.portsOf(len(ask.App.Ports))
			h.ports.take(ask.App, ports)
			b.Hold(Hold{App: ask.App, Host: name, Role: ask.Role, Needs: ask.App.Needs, Ports: ports})
			return Allocation{Instance: ask.Instance, Host: name, Addr: h.Host.Addr, Ports: ports}, nil
		}
		reason = Reason{Code: why.code, Text: lacking(&free, why.code, why.text(&free), most), Hosts: 1, Names: []string{name}}
	}
	reason.Text += " (" + name + ", where its volumes are)"
	refusal := &Refusal{App: ask.App.ID, Config: ask.App.ConfigAt, Reasons: []Reason{reason}, Hosts: 1}
	others := b.Hosts()
	if h != nil && h.known {
		others--
	}
	if others > 0 {
		refusal.Hosts += others
		refusal.Reasons = append(refusal.Reasons, Reason{Code: NoCorrespondingReservation, Text: fmt.Sprintf("not %s, where its volumes are", name), Hosts: others, Names: b.someNames(name)})
	}
	return Allocation{}, refusal
}
