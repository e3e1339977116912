package sim

import (
	"pacer/agent"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// mixEffects folds what the core decided into the running hash.
func (w *World) mixEffects(fx *cluster.Effects) {
	c := &fx.Save
	for _, a := range c.Apps {
		w.mixString(string(a.ID))
		w.mix(uint64(a.Version))
		w.mix(uint64(a.ConfigAt))
	}
	for _, id := range c.GoneApps {
		w.mixString(string(id))
	}
	for _, g := range c.Groups {
		w.mixString(string(g.ID))
		w.mix(uint64(g.Version))
		w.mix(uint64(len(g.Dependencies)))
	}
	for _, in := range c.Instances {
		w.mixInstance(in)
	}
	for i := range c.Finished {
		w.mixInstance(&c.Finished[i].Instance)
		w.mixString(string(c.Finished[i].End))
	}
	for i := range c.Evidence {
		w.mixString(c.Evidence[i].Instance)
		w.mixString(c.Evidence[i].Log)
	}
	for i := range c.Deployments {
		d := &c.Deployments[i]
		w.mixString(d.ID)
		w.mixString(string(d.State))
		w.mix(uint64(d.Step))
		for _, st := range d.Steps {
			for _, a := range st.Actions {
				w.mixString(string(a.Kind))
				w.mixString(string(a.App))
			}
		}
	}
	for i := range c.Hosts {
		w.mixString(c.Hosts[i].Name)
		w.mixFlags(c.Hosts[i].Lost, c.Hosts[i].Cordoned)
	}
	for n := range c.Notices.All() {
		w.mix(n.Seq)
		w.mixString(n.Type)
		w.mixString(string(n.App))
		w.mixString(n.Status)
		w.mixString(n.Host)
		w.mixString(n.Message)
		if n.Instance != nil {
			w.mixString(n.Instance.ID)
		}
	}
	w.mix(c.Serial)
	for i := range fx.Reply {
		w.mixString(fx.Reply[i].Request)
		w.mixFlags(fx.Reply[i].Err == nil)
	}
	for i := range fx.Assign {
		a := &fx.Assign[i]
		w.mixString(a.Host)
		w.mixStamp(a.Stamp)
		for j := range a.Instances {
			w.mixString(a.Instances[j].ID)
			w.mixFlags(a.Instances[j].Ran)
		}
		w.mix(uint64(len(a.Specs)))
	}
	for i := range fx.Serve {
		s := &fx.Serve[i]
		w.mixString(string(s.App))
		w.mixStamp(s.Stamp)
		for j := range s.Endpoints {
			w.mixString(s.Endpoints[j].Instance)
			w.mixFlags(s.Endpoints[j].Suspect)
		}
	}
	if fx.Roster != nil {
		w.mixStamp(fx.Roster.Stamp)
		w.mix(uint64(len(fx.Roster.Apps)))
	}
	for i := range fx.Waits {
		x := &fx.Waits[i]
		w.mixString(string(x.App))
		w.mix(uint64(x.Waiting))
		for _, r := range x.Reasons {
			w.mixString(r.Text)
			w.mix(uint64(r.Hosts))
		}
	}
}

func (w *World) mixInstance(in *apps.Instance) {
	w.mixString(in.ID)
	w.mixString(in.Host)
	w.mix(uint64(in.State))
	w.mix(uint64(in.Version))
	w.mixFlags(in.Ready, in.Unreachable, in.WasReady)
	w.mixString(in.Message)
	for _, p := range in.Ports {
		w.mix(uint64(p))
	}
}

func (w *World) mixStamp(s apps.Stamp) {
	w.mix(s.Epoch)
	w.mix(s.Revision)
}

func (w *World) mixFlags(flags ...bool) {
	x := uint64(1)
	for _, f := range flags {
		x <<= 1
		if f {
			x |= 1
		}
	}
	w.mix(x)
}

// mixHostEffects folds what an agent decided into the running hash.
func (w *World) mixHostEffects(fx *agent.Effects) {
	for i := range fx.Start {
		w.mixString(fx.Start[i].Instance)
		w.mix(fx.Start[i].Epoch)
	}
	for _, id := range fx.Cancel {
		w.mixString(id)
	}
	for i := range fx.Stop {
		w.mixString(fx.Stop[i].Instance)
	}
	for _, id := range fx.Remove {
		w.mixString(id)
	}
	for _, claim := range fx.Wipe {
		w.mixString(claim)
	}
	for _, id := range fx.Evidence {
		w.mixString(id)
	}
	for i := range fx.Probe {
		w.mixString(fx.Probe[i].Instance)
	}
	w.mixFlags(fx.List, fx.Report != nil)
	if r := fx.Report; r != nil {
		w.mix(r.Revision)
		w.mixStamp(r.Applied)
		for i := range r.Runs {
			w.mixString(r.Runs[i].ID)
			w.mixString(string(r.Runs[i].Phase))
			w.mixFlags(r.Runs[i].Ready, r.Runs[i].Unknown, r.Runs[i].Lost)
		}
		for i := range r.Evidence {
			w.mixString(r.Evidence[i].Instance)
			w.mixString(r.Evidence[i].Log)
		}
	}
}
