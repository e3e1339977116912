package agent

import (
	"context"
	"slices"
	"time"
)

// A wipe is a claim whose directories the leader wants deleted.
type wipe struct {
	claim   string
	under   bool // an operation is under way, since
	since   time.Time
	done    bool
	pause   time.Duration
	retryAt time.Time
}

// foldWipes takes the newest list over; what is done on it stays done.
func (h *Host) foldWipes(claims []string) {
	var next []*wipe
	for _, id := range claims {
		i := slices.IndexFunc(h.wipes, func(w *wipe) bool { return w.claim == id })
		if i >= 0 {
			next = append(next, h.wipes[i])
		} else if !slices.ContainsFunc(next, func(w *wipe) bool { return w.claim == id }) {
			next = append(next, &wipe{claim: id})
		}
	}
	h.wipes = next
}

// wipe deletes what is to be deleted, a few at a time, once nothing on this host has
// it any more.
func (h *Host) wipe(now time.Time, fx *Effects) {
	under := 0
	for _, w := range h.wipes {
		if w.under && now.Sub(w.since) > removeLimit+time.Minute {
			w.under = false // its Did is lost
		}
		if w.under {
			under++
		}
	}
	for _, w := range h.wipes {
		if w.done || w.under || w.retryAt.After(now) || under >= h.startsMax() || h.holder(w.claim, nil) != nil {
			continue
		}
		w.under, w.since = true, now
		under++
		fx.Wipe = append(fx.Wipe, w.claim)
	}
}

// foldWipeDid takes the outcome of a deletion over.
func (h *Host) foldWipeDid(now time.Time, ev Did) {
	i := slices.IndexFunc(h.wipes, func(w *wipe) bool { return w.claim == ev.Instance })
	if i < 0 || !h.wipes[i].under {
		return
	}
	w := h.wipes[i]
	w.under = false
	if ev.Err == "" {
		w.done, h.news = true, true
		return
	}
	w.pause = min(max(2*w.pause, retryFirst), retryMax)
	w.retryAt = now.Add(w.pause)
}

// holder is an instance other than but that has the claim's volumes, or may: a
// container that runs, is being started, or is not known to be gone while it is on its
// way out; nil: there is none.
func (h *Host) holder(claim string, but *instance) *instance {
	for _, id := range h.ids {
		in := h.instances[id]
		if in == but || in.claim != claim {
			continue
		}
		if in.op == OpStart || in.have && (in.running || !in.over()) || but == nil && (in.wanted || in.have) {
			return in
		}
	}
	return nil
}

// wiped are the claims that are deleted, for the report.
func (h *Host) wiped() (claims []string) {
	for _, w := range h.wipes {
		if w.done {
			claims = append(claims, w.claim)
		}
	}
	return claims
}

// wipe deletes a claim's directories.
func (a *Agent) wipe(ctx context.Context, claim string) {
	did := Did{Op: OpWipe, Instance: claim}
	limited, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	if err := a.cfg.Runtime.Wipe(limited, claim); err != nil {
		did.Err = err.Error()
		a.log.Warn("volumes were not deleted; it is tried again", "claim", claim, "err", err)
	} else {
		a.log.Info("volumes deleted", "claim", claim)
	}
	a.send(ctx, did)
}
