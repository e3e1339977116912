package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

func TestAPlanSaysWhatWouldChangeAndWhere(t *testing.T) {
	l := newLedger()
	c := l.config()
	var asked cluster.Change
	c.Plan = func(_ context.Context, change cluster.Change) (cluster.Forecast, error) {
		asked = change
		host := apps.Host{Name: "h1", Addr: "127.0.0.1", Total: apps.Resources{CPU: 4000, Mem: 4096}, Ports: []apps.Range{{First: 31000, Last: 31010}}}
		return cluster.Foresee(cluster.Stored{Hosts: []apps.Host{host}}, change, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	}
	server := serve(t, c)

	x := do(t, server, "POST", "/pacer/v1/plan", `{"id":"/new","cmd":"sleep 100","instances":3,"mem":32}`)

	var got wire.Forecast
	if err := json.Unmarshal([]byte(x.body), &got); err != nil || x.status != 200 {
		t.Fatalf("%d %s", x.status, x.body)
	}
	if len(asked.Put) != 1 || !got.Changes || got.Stalls || len(got.Apps) != 1 {
		t.Fatalf("asked %+v, got %+v", asked, got)
	}
	a := got.Apps[0]
	if a.App != "/new" || a.Action != "ScaleApplication" || a.Most != 3 || len(a.Placements) != 1 || a.Placements[0] != (wire.Placement{Host: "h1", Instances: 3}) || len(a.Diff) == 0 {
		t.Errorf("want 3 new instances on h1 and the fields of the new app, got %+v", a)
	}
	for body, status := range map[string]int{`{"id":`: 400, `{"cmd":"sleep 1"}`: 422, `{"id":"/new"}`: 422, `[{"id":"/new","cmd":"sleep 1"}]`: 200, `{"id":"/g","apps":[{"id":"a","cmd":"sleep 1"}]}`: 200} {
		if x := do(t, server, "POST", "/pacer/v1/plan", body); x.status != status {
			t.Errorf("%s: want %d, got %d %s", body, status, x.status, x.body)
		}
	}
}

func TestAPlanOfGroupsSaysWhichChange(t *testing.T) {
	c := newLedger().config()
	c.Plan = func(_ context.Context, change cluster.Change) (cluster.Forecast, error) {
		stored := cluster.Stored{Groups: []*apps.Group{{ID: "/g", Version: 1, Dependencies: []apps.ID{"/db"}}, {ID: "/g/old", Version: 1}}}
		return cluster.Foresee(stored, change, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	}
	server := serve(t, c)
	for body, want := range map[string]string{
		`{"id":"/g","groups":[{"id":"old"}],"dependencies":["/db"]}`: `{"changes":false,"stalls":false,"tookSeconds":0,"steps":[],"apps":[],"groups":[]}`,
		`{"id":"/g","groups":[{"id":"new"}],"dependencies":[],"enforceRole":true}`: `{"changes":true,"stalls":false,"tookSeconds":0,"steps":[],"apps":[],"groups":[` +
			`{"group":"/g","action":"ChangeGroup","diff":[{"field":"dependencies","old":["/db"],"new":[]},{"field":"enforceRole","old":false,"new":true}]},` +
			`{"group":"/g/new","action":"CreateGroup","diff":[]}]}`,
	} {
		if x := do(t, server, "POST", "/pacer/v1/plan", body); x.status != 200 || strings.TrimSpace(x.body) != want {
			t.Errorf("%s: want %s, got %d %s", body, want, x.status, x.body)
		}
	}
}
