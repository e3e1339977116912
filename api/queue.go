package api

import (
	"math"
	"net/http"
	"slices"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// funnel is Marathon's reasons for refusing an offer, in the order it asks.
var funnel = []string{
	"UnfulfilledRole", "UnfulfilledConstraint", "NoCorrespondingReservationFound", "AgentMaintenance", "InsufficientCpus",
	"InsufficientMemory", "InsufficientDisk", "InsufficientGpus", "InsufficientPorts", "DeclinedScarceResources",
}

func (d *door) getQueue(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	offers := slices.Contains(r.URL.Query()["embed"], "lastUnusedOffers")
	out := wire.Queue{Queue: []wire.QueueItem{}}
	left := map[string]*spare{}
	for _, wait := range v.Waits() {
		app, ok := v.Spec(wait.App)
		if !ok || wait.Waiting == 0 {
			continue
		}
		item := v.queued(app, wait)
		if offers {
			item.LastUnusedOffers = v.unusedOffers(wait, left)
		}
		out.Queue = append(out.Queue, item)
	}
	return d.ok(w, out)
}

func (l *lookup) queued(app *apps.App, wait cluster.Wait) wire.QueueItem {
	left := int(math.Ceil(max(wait.Until.Sub(l.now).Seconds(), 0)))
	summary := rejects(wait)
	item := wire.QueueItem{
		Count: wait.Waiting, Since: stamp(wait.Since),
		Delay: wire.Delay{TimeLeftSeconds: left, Overdue: left == 0},
		ProcessedOffersSummary: wire.OffersSummary{
			UnusedOffersCount:          refused(wait),
			ProcessedOffersCount:       refused(wait),
			RejectSummaryLastOffers:    summary,
			RejectSummaryLaunchAttempt: summary,
		},
	}
	if app.Pod != nil {
		pod := wire.FromPod(app)
		item.Pod = &pod
	} else {
		item.App = wire.FromSpec(app)
	}
	if item.ProcessedOffersSummary.UnusedOffersCount > 0 {
		item.ProcessedOffersSummary.LastUnusedOfferAt = stamp(l.now)
	}
	return item
}

// refused is how many hosts said no in the last round.
func refused(wait cluster.Wait) (n int) {
	for _, reason := range wait.Reasons {
		n += reason.Hosts
	}
	return n
}

// rejects is the funnel: of the hosts that passed the stages before, how many each
// stage declined. All stages are listed.
func rejects(wait cluster.Wait) []wire.RejectReason {
	declined := map[string]int{}
	for _, reason := range wait.Reasons {
		declined[marathonReason(reason.Reason)] += reason.Hosts
	}
	left := refused(wait)
	list := make([]wire.RejectReason, len(funnel))
	for i, name := range funnel {
		list[i] = wire.RejectReason{Reason: name, Declined: declined[name], Processed: left}
		left -= declined[name]
	}
	return list
}

func (d *door) resetDelay(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		_, err := d.submit(r, func(request string) cluster.Event { return cluster.ResetDelay{Request: request, App: appID(path)} })
		if err != nil {
			return err
		}
		d.constants(w.Header())
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}
