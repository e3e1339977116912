package agent

import (
	"time"

	"pacer/apps"
)

// firstEnded is the container whose end was that of its pod; nil where none has ended.
func firstEnded(parts []apps.Part) (first *apps.Part) {
	for i := range parts {
		if p := &parts[i]; !p.Ended.IsZero() && (first == nil || p.Ended.Before(first.Ended)) {
			first = p
		}
	}
	return first
}

// quiet stops what still runs of a pod that has ended: its containers live and die
// together, also while nobody leads.
func (h *Host) quiet(now time.Time, in *instance, under map[OpKind]int, fx *Effects) {
	if !in.running || in.op != "" || in.retryAt.After(now) || under[OpStop] >= stopsMax {
		return
	}
	in.begins(OpStop, now, h.lists)
	under[OpStop]++
	fx.Stop = append(fx.Stop, Halt{Instance: in.id, Grace: in.grace()})
	h.touch(in)
}

// Ending says how a container of a pod ended, for people.
func Ending(c Container) string { return ending(c) }
