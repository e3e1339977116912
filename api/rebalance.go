package api

import (
	"net/http"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// rebalance moves instances to less loaded hosts, or says which it would move.
func (d *door) rebalance(w http.ResponseWriter, r *http.Request) error {
	var body wire.RebalanceRequest
	if r.ContentLength != 0 {
		if err := read(w, r, &body); err != nil {
			return err
		}
	}
	ev := cluster.Rebalance{DryRun: body.DryRun, By: clientIP(r)}
	if body.Max != nil {
		ev.Max = *body.Max
	}
	reply, err := d.submit(r, func(request string) cluster.Event {
		ev.Request = request
		return ev
	})
	if err != nil {
		return err
	}
	return d.ok(w, rebalanced(reply.Rebalanced, body.DryRun))
}

func rebalanced(plan *cluster.Rebalanced, dry bool) wire.Rebalance {
	part := func(load int64) float64 { return float64(load) / cluster.LoadAll }
	out := wire.Rebalance{DryRun: dry, Moves: []wire.HostMove{}, Hosts: []wire.HostBalance{}, More: plan.More}
	for _, m := range plan.Moves {
		out.Moves = append(out.Moves, wire.HostMove{
			Instance: m.Instance, App: string(m.App), From: m.From, To: m.To, Sentence: m.Sentence(),
			FromBefore: part(m.FromBefore), FromAfter: part(m.FromAfter), ToBefore: part(m.ToBefore), ToAfter: part(m.ToAfter),
		})
	}
	for _, h := range plan.Hosts {
		out.Hosts = append(out.Hosts, wire.HostBalance{Name: h.Host, Before: part(h.Before), After: part(h.After)})
	}
	return out
}

// getRebalance shows what is being moved.
func (d *door) getRebalance(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	out := wire.Moving{Moves: []wire.MovingItem{}}
	for _, app := range v.Specs() {
		list := v.InstancesOf(app.ID)
		for i := range list {
			if list[i].MoveTo != "" {
				out.Moves = append(out.Moves, moving(&list[i], list))
			}
		}
	}
	out.Left = len(out.Moves)
	return d.ok(w, out)
}

func moving(in *apps.Instance, all []apps.Instance) wire.MovingItem {
	m := wire.MovingItem{Instance: in.ID, App: string(in.App), From: in.Host, To: in.MoveTo, State: "waiting"}
	if in.State >= apps.Draining {
		m.State = "leaving"
	}
	for i := range all {
		if all[i].Replaces != in.ID {
			continue
		}
		m.Successor = all[i].ID
		if all[i].Host != "" {
			m.State = "starting"
		}
	}
	return m
}

// stopRebalance leaves instances where they are whose successor does not serve yet.
func (d *door) stopRebalance(w http.ResponseWriter, r *http.Request) error {
	if _, err := d.submit(r, func(request string) cluster.Event {
		return cluster.StopRebalance{Request: request, By: clientIP(r)}
	}); err != nil {
		return err
	}
	return d.getRebalance(w, r)
}
