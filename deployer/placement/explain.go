package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pacer/apps"
)

// Marathon's reject reasons, in the order in which the filters are asked.
const (
	AgentMaintenance      = "AgentMaintenance"
	UnfulfilledRole       = "UnfulfilledRole"
	UnfulfilledConstraint = "UnfulfilledConstraint"
	InsufficientCpus      = "InsufficientCpus"
	InsufficientMemory    = "InsufficientMemory"
	InsufficientDisk      = "InsufficientDisk"
	InsufficientGpus      = "InsufficientGpus"
	InsufficientPorts     = "InsufficientPorts"
)

// Explain says, host by host, why an instance of the app would not be placed now.
// Hosts that would take it do not appear, so it is a refusal only when the reasons
// add up to all hosts.
func (b *Board) Explain(app *apps.App) Refusal {
	role := b.roles[app.FairRole()]
	if role == nil {
		role = &roleBook{}
	}
	return b.explain(app, role)
}

func (b *Board) explain(app *apps.App, role *roleBook) Refusal {
	c := b.peek(app)
	needs := vectorOf(app.Needs)
	if i := role.above(&needs); i >= 0 {
		return Refusal{App: app.ID, Config: app.ConfigAt, Hosts: b.Hosts(), Reasons: []Reason{{Code: UnfulfilledRole, Text: role.aboveText(i, &needs), Hosts: b.Hosts(), Names: b.someNames("")}}}
	}
	out := Refusal{App: app.ID, Config: app.ConfigAt}
	ask := b.survey(app, c)
	index := map[refused]int{}
	var last refused // and where it is in the reasons: hosts that follow each other often refuse alike
	at := -1
	var most []int64 // of what is lacking, on the host that has most
	for _, h := range b.inOrder() {
		if !h.known {
			continue
		}
		out.Hosts++
		why, free := ask.refuses(h)
		if why.code == "" {
			continue
		}
		if at < 0 || why != last {
			i, seen := index[why]
			if !seen {
				i = len(out.Reasons)
				index[why] = i
				out.Reasons = append(out.Reasons, Reason{Code: why.code, Text: why.text(app)})
				most = append(most, free)
			}
			last, at = why, i
		}
		out.Reasons[at].add(h.Host.Name)
		most[at] = max(most[at], free)
	}
	for i := range out.Reasons {
		r := &out.Reasons[i]
		r.Text = lacking(app, r.Code, r.Text, most[i])
	}
	slices.SortStableFunc(out.Reasons, func(a, b Reason) int { return cmp.Compare(b.Hosts, a.Hosts) })
	return out
}

// add counts one more host.
func (r *Reason) add(name string) {
	if r.Hosts++; len(r.Names) < NamesMax {
		r.Names = append(r.Names, name)
	}
}

// someNames is the first hosts but one.
func (b *Board) someNames(but string) (names []string) {
	for _, h := range b.inOrder() {
		if len(names) == NamesMax {
			break
		}
		if h.known && h.Host.Name != but {
			names = append(names, h.Host.Name)
		}
	}
	return names
}

// lacking says what there is too little of, for people; most is what the host with
// most of it has. Of another reason it is the text.
func lacking(app *apps.App, code, text string, most int64) string {
	most = max(most, 0)
	switch code {
	case InsufficientCpus:
		return fmt.Sprintf("too little cpu (needs %s, most free %s)", cores(app.Needs.CPU), cores(most))
	case InsufficientMemory:
		return fmt.Sprintf("too little memory (needs %d MiB, most free %d)", app.Needs.Mem, most)
	case InsufficientDisk:
		return fmt.Sprintf("too little disk (needs %d MiB, most free %d)", app.Needs.Disk, most)
	case InsufficientGpus:
		return fmt.Sprintf("too few gpus (needs %d, most free %d)", app.Needs.GPU, most)
	}
	return text
}

// aboveText says which limit of the role stands in the way.
func (r *roleBook) aboveText(i int, needs *vector) string {
	held := vectorOf(r.held)
	write := func(n uint64) string {
		switch i {
		case 0:
			return cores(int64(n)) + " cpus"
		case 3:
			return fmt.Sprintf("%d gpus", n)
		}
		return fmt.Sprintf("%d MiB %s", n, [...]string{1: "memory", 2: "disk"}[i])
	}
	return fmt.Sprintf("limit of role %s reached (%s, of which it holds %s and needs %s more)", r.name, write(r.limit[i]), write(held[i]), write(needs[i]))
}

// A refused is why a host does not take an instance: what makes it differ from others.
type refused struct {
	code       string
	closed     string // as what the host is
	role       string // that the host belongs to
	constraint int
	missing    bool // the host has no such attribute
	port       int
}

func (r refused) text(app *apps.App) string {
	switch {
	case r.code == AgentMaintenance:
		return r.closed
	case r.code == UnfulfilledRole && r.role != "":
		return "reserved for role " + r.role
	case r.code == UnfulfilledRole:
		return "not reserved for role " + strings.Join(app.AcceptedRoles, " or ")
	case r.code == UnfulfilledConstraint && r.missing:
		return "no attribute " + app.Constraints[r.constraint].Field
	case r.code == UnfulfilledConstraint:
		return describe(app.Constraints[r.constraint])
	case r.code == InsufficientPorts:
		return lackText(r.port)
	}
	return ""
}

// refuses is what a survey of one host says.
func (b *Board) refuses(app *apps.App, c *crowd, h *host) (why refused, free int64) {
	return b.survey(app, c).refuses(h)
}

// cores writes thousandths of a core as cores: 1500 is "1.5".
func cores(milli int64) string {
	s := fmt.Sprintf("%d.%03d", milli/1000, milli%1000)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}
