package healthcheck

import (
	"testing"
	"time"

	"pacer/apps"
)

func TestAGaugeIsAskedAfterItsDelayAndThenEveryInterval(t *testing.T) {
	g := BeginGauge(&apps.Gauge{Protocol: "COMMAND", Interval: 10 * time.Second, Timeout: time.Second, Delay: 3 * time.Second}, noon, noon)
	for i, want := range []time.Duration{3 * time.Second, 13 * time.Second, 23 * time.Second} {
		now := g.Due()
		if now.Sub(noon) != want {
			t.Fatalf("question %d: want it at %v, got %v", i, want, now.Sub(noon))
		}
		g.Ask(now)
		g.Hear(now, Answer{ExitCode: i})
		g.Hear(now, Answer{ExitCode: 9}) // nobody asked
		if r := g.Reading(); r == nil || r.ExitCode != i {
			t.Fatalf("want the last answer, %d, got %+v", i, r)
		}
	}
}

func TestAGaugeKeepsItsReadingWhileTheEngineIsAway(t *testing.T) {
	g := BeginGauge(&apps.Gauge{Protocol: "HTTP"}, noon, noon)
	g.Ask(noon)
	g.Hear(noon, Answer{Status: 404})
	if least := noon.Add(time.Second); g.Due().Before(least) {
		t.Fatalf("an interval of 0 would ask without end; it is due at %v", g.Due())
	}
	g.Ask(g.Due())
	g.Hear(g.Due(), Answer{Ignore: true})
	if r := g.Reading(); r == nil || *r != (apps.Reading{Status: 404}) {
		t.Fatalf("want what was known, got %+v", r)
	}
}
