package cluster

import (
	"slices"
	"testing"
	"time"

	"pacer/apps"
)

func TestSubscriptionsAreKeptByTheNextLeader(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s := New(Stored{Cluster: 1, Seq: 41}, 1, noon)
	fx, _ := s.Step(noon, []Event{
		Subscribe{Request: "r1", URL: "http://a", On: true, ClientIP: "127.0.0.1"},
		Subscribe{Request: "r2", URL: "http://a", On: true},
		Subscribe{Request: "r3", URL: "http://b"}, // it never was
	})
	var told []string
	for n := range fx.Save.Notices.All() {
		told = append(told, n.Type+" "+n.Message)
	}
	if want := []apps.Callback{{URL: "http://a", Since: noon, Seq: 42}}; !slices.Equal(fx.Save.Callbacks, want) || len(fx.Reply) != 3 || !slices.Equal(told, []string{"subscribe_event http://a"}) {
		t.Fatalf("want %v and one event, got %v, %v, %v", want, fx.Save.Callbacks, told, fx.Reply)
	}
	next := New(Stored{Cluster: 1, Seq: 42, Callbacks: fx.Save.Callbacks}, 2, noon)
	fx, _ = next.Step(noon, []Event{Subscribe{Request: "r1", URL: "http://a"}})
	if !slices.Equal(fx.Save.GoneCallbacks, []string{"http://a"}) || fx.Save.Notices.Len() != 1 {
		t.Errorf("want it gone, and that told: %+v", fx.Save)
	}
}
