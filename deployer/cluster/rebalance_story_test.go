package cluster

import (
	"slices"
	"strings"
)

// doBalance does what stories about moves and settings say.
func (st *story) doBalance(verb string, args []string) bool {
	switch verb {
	case "rebalance":
		if slices.Contains(args, "stop") {
			st.step(StopRebalance{Request: "r"})
			return true
		}
		ev := Rebalance{Request: "r", DryRun: slices.Contains(args, "dry")}
		for _, arg := range args {
			if n, ok := strings.CutPrefix(arg, "max="); ok {
				ev.Max = st.number(n)
			}
		}
		st.step(ev)
	case "settings":
		ev := SetSettings{Request: "r"}
		for _, arg := range args {
			key, value, _ := strings.Cut(arg, "=")
			switch key {
			case "placement":
				ev.Settings.Placement = value
			case "preemption":
				ev.Settings.Preemption = value == "on"
			case "fairness":
				ev.Settings.Fairness = value
			default:
				st.t.Fatalf("there is no setting %q", key)
			}
		}
		st.step(ev)
	default:
		return false
	}
	return true
}

// notePlan notes the moves of a rebalance, and the loads that they change.
func (st *story) notePlan(r *Rebalanced) {
	if r == nil {
		return
	}
	for _, m := range r.Moves {
		st.note("move   %s: %s", st.names[m.Instance], m.Sentence())
	}
	for _, h := range r.Hosts {
		if h.Before != h.After {
			st.note("load   %s %s → %s", h.Host, percent(h.Before), percent(h.After))
		}
	}
	if r.More {
		st.note("more   could be moved")
	}
}

// noteBalance notes who stays, and keeps the settings that are stored.
func (st *story) noteBalance(c *Changes) {
	if c.Settings != nil {
		st.stored.Settings = *c.Settings
	}
	for n := range c.Notices.All() {
		if n.Type == noticeNotMoved {
			st.note("stays  %s on %s: %s", st.names[n.Instance.ID], n.Host, n.Message)
		}
	}
}
