package agent

import (
	"context"
	"fmt"
	"time"

	"pacer/apps"
	"pacer/healthcheck"
)

// start carries out a Launch under given, which is cancelled when the instance is
// not wanted any more. The Did goes by ctx, the agent's own: it comes all the same.
func (a *Agent) start(ctx, given context.Context, l Launch) {
	log := a.log.With("app", l.App.ID, "instance", l.Instance, "version", l.App.Version)
	log.Info("instance starts", "epoch", l.Epoch)
	began := time.Now()
	limited, cancel := context.WithTimeoutCause(given, startLimit, fmt.Errorf("the start took longer than %v", startLimit))
	c, retry, err := a.cfg.Runtime.Start(limited, l)
	did := Did{Op: OpStart, Instance: l.Instance, Container: c, Retry: retry}
	if err != nil {
		did.Err, did.Container = err.Error(), Container{}
		if limited.Err() != nil { // whatever it says, it was cut short
			did.Retry = true
			did.Err = fmt.Sprintf("%v: %v", context.Cause(limited), err)
		}
		if given.Err() != nil { // then what the engine was in the middle of tells nothing
			did.Err = context.Cause(given).Error()
		}
		log.Warn("instance did not start", "err", did.Err, "retry", did.Retry)
	} else {
		log.Info("instance started", "ip", c.IP, "took", time.Since(began))
	}
	cancel()
	a.startsMu.Lock()
	delete(a.starts, l.Instance)
	a.startsMu.Unlock()
	a.send(ctx, did)
}

func (a *Agent) stop(ctx context.Context, s Halt) {
	log := a.log.With("instance", s.Instance)
	log.Info("instance stops", "grace", s.Grace)
	did := Did{Op: OpStop, Instance: s.Instance}
	limited, cancel := context.WithTimeout(ctx, s.Grace+stopLimit)
	defer cancel()
	if err := a.cfg.Runtime.Stop(limited, s.Instance, s.Grace); err != nil {
		did.Err = err.Error()
		log.Warn("instance did not stop; it is tried again", "err", err)
	}
	a.send(ctx, did)
}

func (a *Agent) remove(ctx context.Context, id string) {
	did := Did{Op: OpRemove, Instance: id}
	limited, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	if err := a.cfg.Runtime.Remove(limited, id); err != nil {
		did.Err = err.Error()
		a.log.Warn("container was not removed; it is tried again", "instance", id, "err", err)
	} else {
		a.log.Info("instance gone", "instance", id)
	}
	a.send(ctx, did)
}

// evidence fetches the end of the log of an instance that failed.
func (a *Agent) evidence(ctx context.Context, id string) {
	limited, cancel := context.WithTimeout(ctx, evidenceLimit)
	defer cancel()
	did := Did{Op: OpEvidence, Instance: id}
	var log tail
	if err := a.cfg.Runtime.Logs(limited, id, apps.EvidenceLines, false, &log, &log); err != nil {
		did.Err = err.Error()
		a.log.Debug("log of a failed instance not kept, or not all of it", "instance", id, "err", err)
	}
	did.Log = log.String()
	a.send(ctx, did)
}

func (a *Agent) list(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	cs, err := a.cfg.Runtime.List(limited)
	if err != nil {
		a.log.Debug("engine not listed", "err", err)
		a.send(ctx, Listed{Err: err.Error()})
		return
	}
	a.send(ctx, Listed{Containers: cs})
}

func (a *Agent) probe(ctx context.Context, p Probe) {
	t := healthcheck.Target{Instance: p.Instance, App: p.App, Ports: p.Ports, Addr: a.cfg.Host.Addr, IP: p.IP, IP6: p.IP6}
	var ans healthcheck.Answer
	switch p.Check {
	case ReadyCheckIndex:
		ans = a.prober.Ready(ctx, t, p.App.Readiness[0])
	case GaugeIndex:
		ans = a.prober.Check(ctx, t, p.App.Gauge.Check())
	default:
		ans = a.prober.Check(ctx, t, p.App.Checks[p.Check])
	}
	a.send(ctx, Probed{
		Instance: p.Instance, Check: p.Check, OK: ans.OK, Cause: ans.Cause, Ignore: ans.Ignore,
		Status: ans.Status, Type: ans.ContentType, ExitCode: ans.ExitCode, Body: ans.Body, Took: ans.Took,
	})
}

// exec runs a COMMAND check. A runtime cannot always tell a command that cannot be
// run from an engine that is away, so after an error the engine is asked what it
// is: where that fails too, the instance is not to blame.
func (a *Agent) exec(ctx context.Context, instance, command string) (int, string, error) {
	code, output, err := a.cfg.Runtime.Exec(ctx, instance, command)
	if err == nil {
		return code, output, nil
	}
	if context.Cause(ctx) == context.Canceled {
		return 0, "", err // the agent ends: nobody wants to know
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), infoLimit/5)
	defer cancel()
	if _, down := a.cfg.Runtime.Info(asking); down != nil {
		return 0, "", fmt.Errorf("%w: %v", healthcheck.ErrUnasked, err)
	}
	return 0, "", err
}
