package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pacer/apps"
)

// A Suggestion is what would make a host take one more instance of an app. Each part
// alone would do.
type Suggestion struct {
	Needs  apps.Resources    // of the app, as it is
	Open   string            // this host would take it, were it not closed
	Closed string            // as which it is
	Lower  *apps.Resources   // with these needs a host would take it
	Ports  []int             // a host would take it, were these ports not demanded but any
	Relax  []apps.Constraint // a host would take it without these
	Accept string            // a host of this role would take it, did it accept that
	Add    *apps.Resources   // a new host with so much free would take it,
	Role   string            // if it belongs to this role
	Where  []apps.Constraint // if it fulfils these
	Raise  string            // this limit stands in the way, whatever hosts have
}

// leastPart is the smallest part of its needs, one in so many, that is worth being
// suggested.
const leastPart = 10

// Suggest works out what would make a host take one more instance of the app. It
// prefers what changes least; ties go to the name of the host.
func (b *Board) Suggest(app *apps.App) Suggestion {
	role := b.roles[app.FairRole()]
	if role == nil {
		role = &roleBook{}
	}
	return b.suggest(app, role)
}

func (b *Board) suggest(app *apps.App, role *roleBook) Suggestion {
	s := Suggestion{Needs: app.Needs}
	needs := vectorOf(app.Needs)
	if i := role.above(&needs); i >= 0 {
		s.Raise = fmt.Sprintf("%s of role %s", kindNames[i], role.name)
		return s
	}
	c := b.peek(app)
	ask := b.survey(app, c)
	leastCut, fewest, best := int64(-1), 0, 0
	for _, h := range b.inOrder() {
		if !h.known {
			continue
		}
		fits := app.Needs.Fits(h.free)
		lacking := 0
		if len(app.Ports) > 0 {
			lacking = h.ports.lacks(app)
		}
		broken := ask.broken(h)
		if !ask.of(h).takes {
			if s.Accept == "" && h.open && fits && lacking == 0 && len(broken) == 0 {
				s.Accept = cmp.Or(h.Host.Role, "*")
			}
			continue
		}
		switch open := h.open; {
		case !open && fits && lacking == 0 && len(broken) == 0:
			if rank := openingRank(h.Closed); s.Open == "" || rank < best {
				s.Open, s.Closed, best = h.name, h.Closed, rank
			}
		case open && !fits && lacking == 0 && len(broken) == 0:
			needs, cut, ok := lower(app.Needs, h.free)
			if ok && (s.Lower == nil || cut < leastCut) {
				s.Lower, leastCut = &needs, cut
			}
		case open && fits && lacking != 0 && len(broken) == 0:
			if taken := h.ports.demanded(app); s.Ports == nil && len(taken) > 0 {
				s.Ports = taken
			}
		case open && fits && lacking == 0 && len(broken) > 0:
			if s.Relax == nil || len(broken) < fewest {
				s.Relax, fewest = ask.constraints(broken), len(broken)
			}
		}
	}
	if where, ok := b.newcomer(app, c); ok {
		needs := app.Needs
		s.Add, s.Where = &needs, where
		if !app.Takes("") {
			s.Role = app.AcceptedRoles[0]
		}
	}
	return s
}

// openingRank orders the reasons why hosts are closed by how easily they are opened.
func openingRank(closed string) int {
	if i := slices.Index([]string{"cordoned", "draining", "lost"}, closed); i >= 0 {
		return i
	}
	return 3
}

// lower is what of the needs is free, and by how much that is less: the number of
// resources that lack, and of the one that lacks most the part in thousandths.
func lower(needs, free apps.Resources) (lowered apps.Resources, cut int64, ok bool) {
	lowered, ok = needs, true
	var worst, lack int64
	for _, r := range []struct {
		need *int64
		free int64
	}{{&lowered.CPU, free.CPU}, {&lowered.Mem, free.Mem}, {&lowered.Disk, free.Disk}, {&lowered.GPU, free.GPU}} {
		need := *r.need
		if need <= r.free {
			continue
		}
		if need <= 0 { // it is not needed, but so much more is given than there is that the host takes nobody
			ok = false
			continue
		}
		lack++
		worst = max(worst, (need-max(r.free, 0))*1000/need)
		*r.need = r.free
		ok = ok && r.free > 0 && r.free >= need/leastPart
	}
	return lowered, lack*1001 + worst, ok
}

// demanded is the ports that the app demands and that are taken, if any others in
// their place would do.
func (p *ports) demanded(app *apps.App) (taken []int) {
	free := *app
	free.Ports, free.RequirePorts = slices.Clone(app.Ports), false
	for i := range app.Ports {
		want := app.HostPort(i)
		if want <= 0 {
			continue
		}
		if p.used(want) || slices.Contains(taken, want) {
			taken = append(taken, want)
		}
		free.Ports[i].Host = 0
	}
	if lacking := p.lacks(&free); lacking != 0 {
		return nil
	}
	slices.Sort(taken)
	return slices.Compact(taken)
}

// newcomer is the constraints that a new host has to fulfil; ok is false where none
// could, since they name one that is there.
func (b *Board) newcomer(app *apps.App, c *crowd) (where []apps.Constraint, ok bool) {
	for _, con := range app.Constraints {
		if con.Field != "hostname" && con.Field != "@hostname" {
			where = append(where, con)
			continue
		}
		switch con.Operator {
		case "UNIQUE", "GROUP_BY": // of a new name there is none yet
		case "MAX_PER":
			if !b.holds(con, nil, "") {
				return nil, false
			}
		case "CLUSTER":
			if con.Value == "" && c == nil {
				continue
			}
			if h := b.byName[con.Value]; con.Value == "" || h != nil && h.known {
				return nil, false
			}
			where = append(where, con)
		case "IS":
			if h := b.byName[con.Value]; h != nil && h.known {
				return nil, false
			}
			where = append(where, con)
		default:
			where = append(where, con)
		}
	}
	return where, true
}

// String says it to people: "lower mem to ≤ 300 MiB, or add a host with ≥ 0.5 cpus and
// ≥ 512 MiB memory free".
func (s Suggestion) String() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s.Raise != "" {
		add("raise the limit of %s", s.Raise)
	}
	switch s.Closed {
	case "":
	case "cordoned":
		add("uncordon host %s", s.Open)
	case "draining":
		add("stop draining host %s", s.Open)
	case "lost":
		add("bring host %s back", s.Open)
	default:
		add("wait for host %s (%s)", s.Open, s.Closed)
	}
	if s.Lower != nil {
		add("lower %s", s.lowered())
	}
	if len(s.Ports) > 0 {
		add("let Pacer choose the host port instead of %s", strings.Trim(fmt.Sprint(s.Ports), "[]"))
	}
	if len(s.Relax) > 0 {
		add("relax %s", list(s.Relax))
	}
	if s.Accept != "" {
		add("accept resources of role %s", s.Accept)
	}
	if s.Add != nil {
		text := "add a host with " + s.free()
		if s.Role != "" {
			text = "add a host of role " + s.Role + " with " + s.free()
		}
		if len(s.Where) > 0 {
			text += ", where " + list(s.Where) + " holds"
		}
		add("%s", text)
	}
	return strings.Join(parts, ", or ")
}

// lowered says which needs are to be lowered.
func (s Suggestion) lowered() string {
	var parts []string
	now := amounts(s.Needs)
	for i, r := range amounts(*s.Lower) {
		if r.amount < now[i].amount {
			parts = append(parts, r.field+" to ≤ "+r.text)
		}
	}
	return strings.Join(parts, " and ")
}

func (s Suggestion) free() string {
	var parts []string
	for _, r := range amounts(*s.Add) {
		if r.amount > 0 {
			parts = append(parts, "≥ "+r.text+r.noun)
		}
	}
	if len(parts) == 0 {
		return "anything"
	}
	return strings.Join(parts, " and ") + " free"
}

type amount struct {
	field, text, noun string
	amount            int64
}

func amounts(r apps.Resources) []amount {
	return []amount{
		{"cpus", cores(r.CPU), " cpus", r.CPU},
		{"mem", fmt.Sprintf("%d MiB", r.Mem), " memory", r.Mem},
		{"disk", fmt.Sprintf("%d MiB", r.Disk), " disk", r.Disk},
		{"gpus", fmt.Sprint(r.GPU), " gpus", r.GPU},
	}
}

func list(constraints []apps.Constraint) string {
	parts := make([]string, len(constraints))
	for i, c := range constraints {
		parts[i] = strings.TrimPrefix(describe(c), "not ")
	}
	return strings.Join(parts, " and ")
}
