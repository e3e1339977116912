package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/api/wire"
	"pacer/apps"
)

// Who waits is told, host by host, what the explanation of the app counts.
func TestTheQueueNamesTheHostsThatRefused(t *testing.T) {
	p := newPlatform(t, "h1", "h2", "h3")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "PUT /pacer/v1/hosts/h3", body: `{"cordoned":true}`, status: 200},
		{ask: "POST /v2/apps", body: `{"id":"/on","cmd":"run","cpus":7,"mem":64,"constraints":[["hostname","CLUSTER","h1"]]}`, status: 201},
		{settle: true},
		{ask: "POST /v2/apps", body: `{"id":"/web","cmd":"run","cpus":2,"mem":64,"constraints":[["hostname","LIKE","h[13]"]]}`, status: 201},
		{settle: true},
	})
	var queue wire.Queue
	get(t, server, "/v2/queue?embed=lastUnusedOffers", &queue)
	if len(queue.Queue) != 1 {
		t.Fatalf("want one app to wait, got %+v", queue)
	}
	item := queue.Queue[0]
	var why wire.Explanation
	get(t, server, "/pacer/v1/apps/web/explain", &why)
	got, want := map[string]string{}, map[string]string{"h1": "InsufficientCpus", "h2": "UnfulfilledConstraint", "h3": "AgentMaintenance"}
	for _, o := range item.LastUnusedOffers {
		got[o.Offer.AgentID] = o.Reason[0]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who refused and why (-want +got):\n%s", diff)
	}
	summary := item.ProcessedOffersSummary
	if summary.UnusedOffersCount != why.Hosts || len(item.LastUnusedOffers) != why.Hosts {
		t.Errorf("the explanation counts %d hosts, the queue %d, of which it names %d", why.Hosts, summary.UnusedOffersCount, len(item.LastUnusedOffers))
	}
	for _, reason := range why.Reasons {
		for _, r := range summary.RejectSummaryLastOffers {
			if r.Reason == reason.Reason && r.Declined != reason.Hosts {
				t.Errorf("%s: the explanation counts %d hosts, the queue %d", r.Reason, reason.Hosts, r.Declined)
			}
		}
	}
	h1 := item.LastUnusedOffers[0].Offer
	for _, o := range item.LastUnusedOffers {
		if o.Offer.AgentID == "h1" {
			h1 = o.Offer
		}
	}
	if h1.Hostname != "127.0.1.1" || h1.Resources[0].Name != "cpus" || *h1.Resources[0].Scalar != 1 {
		t.Errorf("want what /on leaves of h1, got %+v", h1)
	}
}

func TestAnOfferIsWhatAHostHasLeft(t *testing.T) {
	h := apps.Host{
		Name: "h1", Addr: "10.0.0.1", Total: apps.Resources{CPU: 4000, Mem: 1024, Disk: 100}, Ports: []apps.Range{{First: 31000, Last: 31004}, {First: 32000, Last: 32000}},
		Attributes: map[string]string{"rack": "abc", "level": "10", "keys": "[1000-1500,7-7]", "odd": "[x]"},
	}
	got := offer(&h, &spare{resources: apps.Resources{CPU: 1500, Mem: 24, Disk: 100}, taken: []int{31003, 31000, 32000, 0}})
	want := wire.Offer{
		ID: "h1", AgentID: "h1", Hostname: "10.0.0.1",
		Resources: []wire.OfferResource{
			{Name: "cpus", Role: "*", Scalar: new(1.5)}, {Name: "mem", Role: "*", Scalar: new(24.0)}, {Name: "disk", Role: "*", Scalar: new(100.0)},
			{Name: "ports", Role: "*", Ranges: []wire.PortRange{{Begin: 31001, End: 31002}, {Begin: 31004, End: 31004}}},
		},
		Attributes: []wire.OfferAttribute{
			{Name: "keys", Ranges: []wire.PortRange{{Begin: 1000, End: 1500}, {Begin: 7, End: 7}}}, {Name: "level", Scalar: new(10.0)},
			{Name: "odd", Text: new("[x]")}, {Name: "rack", Text: new("abc")},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
