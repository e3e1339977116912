package wire

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
)

func TestChecksOfAllKindsAreUnderstoodAndComeBack(t *testing.T) {
	for _, test := range []struct {
		check, back string
		want        apps.Gauge
	}{
		{`{"http":{"path":"/count"}}`, `{"http":{"portIndex":0,"path":"/count","scheme":"HTTP"},"intervalSeconds":60,"timeoutSeconds":20,"delaySeconds":15}`,
			apps.Gauge{Protocol: "HTTP", Path: "/count", Interval: time.Minute, Timeout: 20 * time.Second, Delay: 15 * time.Second}},
		{`{"tcp":{"portIndex":1},"intervalSeconds":5,"timeoutSeconds":1,"delaySeconds":0}`, `{"tcp":{"portIndex":1},"intervalSeconds":5,"timeoutSeconds":1,"delaySeconds":0}`,
			apps.Gauge{Protocol: "TCP", PortIndex: 1, Interval: 5 * time.Second, Timeout: time.Second}},
		{`{"exec":{"command":{"argv":["test","-e","it's"]}}}`, `{"exec":{"command":{"shell":"'test' '-e' 'it'\\''s'"}},"intervalSeconds":60,"timeoutSeconds":20,"delaySeconds":15}`,
			apps.Gauge{Protocol: "COMMAND", Command: `'test' '-e' 'it'\''s'`, Interval: time.Minute, Timeout: 20 * time.Second, Delay: 15 * time.Second}},
	} {
		spec, err := create(t, Settings{}, `{"id":"/a","cmd":"sleep 1","portDefinitions":[{},{}],"check":`+test.check+`}`)
		if err != nil {
			t.Fatalf("%s: %v %+v", test.check, err, detailsOf(err))
		}
		if diff := cmp.Diff(&test.want, spec.Gauge); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.check, diff)
		}
		if back, err := json.Marshal(FromSpec(spec).Check); err != nil || string(back) != test.back {
			t.Errorf("want it back as %s, got %s, %v", test.back, back, err)
		}
	}
	for check, path := range map[string]string{
		`{}`: "/check", `{"http":{},"tcp":{}}`: "/check", `{"tcp":{"portIndex":2}}`: "/check", `{"exec":{"command":{}}}`: "/check/exec/command",
	} {
		body := `{"id":"/a","cmd":"sleep 1","portDefinitions":[{},{}],"check":` + check + `}`
		_, err := create(t, Settings{}, body)
		refusedWith(t, body, err, path, "")
	}
}
