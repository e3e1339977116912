package healthcheck

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func check(protocol string, change ...func(*apps.Check)) apps.Check {
	c := apps.Check{Protocol: protocol, Interval: 10 * time.Second, Timeout: 2 * time.Second, FailuresMax: 3}
	for _, f := range change {
		f(&c)
	}
	return c
}

func grace(d time.Duration) func(*apps.Check) { return func(c *apps.Check) { c.Grace = d } }
func failures(n int) func(*apps.Check)        { return func(c *apps.Check) { c.FailuresMax = n } }
func delay(d time.Duration) func(*apps.Check) { return func(c *apps.Check) { c.Delay = d } }

var (
	good = Answer{OK: true}
	bad  = Answer{Cause: "refused"}
	none = Answer{Ignore: true}
)

// hear puts the question that is due, has it answered at once, and returns when
// that was, after noon.
func hear(t *testing.T, v *Verdict, a Answer) time.Duration {
	t.Helper()
	if v.Asking() {
		t.Fatal("a question is under way already")
	}
	now := v.Due()
	v.Ask(now)
	v.Hear(now, a)
	return now.Sub(noon)
}

func TestTheFirstQuestionIsPutAtOnceAndAgainAtGrowingPauses(t *testing.T) {
	v := Begin(check("COMMAND", grace(time.Minute)), noon, noon)
	var got []time.Duration
	for range 10 {
		got = append(got, hear(t, &v, bad))
	}
	want := []time.Duration{0, 50e6, 150e6, 350e6, 750e6, 1550e6, 3150e6, 6350e6, 12750e6, 22750e6}
	if !slices.Equal(got, want) {
		t.Fatalf("want commands at %v, got %v", want, got)
	}
}

func TestOverTheNetworkAnInstanceThatTookAWhileWaitsAQuarterOfItAtMost(t *testing.T) {
	v := Begin(check("HTTP", grace(time.Minute)), noon, noon)
	if at := []time.Duration{hear(t, &v, bad), hear(t, &v, bad), hear(t, &v, bad)}; !slices.Equal(at, []time.Duration{0, 5e6, 11.25e6}) {
		t.Fatalf("want the first questions at 0, 5 and 11.25 ms, got %v", at)
	}
	at, questions := 11250*time.Microsecond, 3
	for at < time.Minute {
		next := hear(t, &v, bad)
		if next > at+at/4+5*time.Millisecond || next > at+10*time.Second {
			t.Fatalf("asked at %v and then only at %v", at, next)
		}
		at, questions = next, questions+1
	}
	if questions > 40 {
		t.Fatalf("%d questions within a minute", questions)
	}
}

func TestAfterTheFirstSuccessItIsAskedEveryInterval(t *testing.T) {
	v := Begin(check("HTTP"), noon, noon)
	hear(t, &v, bad)
	first := hear(t, &v, good)
	for i, a := range []Answer{good, bad, none, good} {
		if at, want := hear(t, &v, a), first+time.Duration(i+1)*10*time.Second; at != want {
			t.Fatalf("question %d: want it at %v, got %v", i, want, at)
		}
	}
}

func TestASlowAnswerDoesNotStretchTheInterval(t *testing.T) {
	v := Begin(check("HTTP"), noon, noon)
	v.Ask(noon)
	v.Hear(noon.Add(2*time.Second), good)
	if got := v.Due().Sub(noon); got != 10*time.Second {
		t.Fatalf("want the next question 10s after this one was put, got %v", got)
	}
}

func TestDelayPutsOffTheFirstQuestion(t *testing.T) {
	v := Begin(check("MESOS_HTTP", delay(15*time.Second)), noon, noon)
	if got := v.Due().Sub(noon); got != 15*time.Second {
		t.Fatalf("want it after 15s, got %v", got)
	}
	late := Begin(check("MESOS_HTTP", delay(15*time.Second)), noon, noon.Add(time.Hour))
	if got := late.Due().Sub(noon); got != time.Hour {
		t.Fatalf("an adopted instance is past its delay: want it asked at once, got %v", got)
	}
}

func TestWhichFailuresCountAndWhenTheyKill(t *testing.T) {
	tests := []struct {
		name     string
		check    apps.Check
		answers  []Answer
		failures int
		known    bool
		kill     bool
	}{
		{"a failure within the grace period does not count", check("HTTP", grace(time.Hour)), []Answer{bad, bad, bad, bad}, 0, false, false},
		{"unless something succeeded before", check("HTTP", grace(time.Hour)), []Answer{good, bad}, 1, true, false},
		{"as many in a row as allowed kill", check("HTTP", grace(time.Hour)), []Answer{good, bad, bad, bad}, 3, true, true},
		{"a success in between starts anew", check("HTTP"), []Answer{good, bad, bad, good, bad, bad}, 2, true, false},
		{"a success takes the call for a kill back", check("HTTP"), []Answer{good, bad, bad, bad, good}, 0, true, false},
		{"an ignored answer counts neither way", check("HTTP"), []Answer{good, bad, bad, none, none, none}, 2, true, false},
		{"0 never kills", check("TCP", failures(0)), []Answer{good, bad, bad, bad, bad, bad, bad, bad, bad, bad}, 9, true, false},
		{"0 kills at the first failure for Mesos", check("MESOS_TCP", failures(0)), []Answer{good, bad}, 1, true, true},
		{"and not before there is one", check("MESOS_TCP", failures(0)), []Answer{good}, 0, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Begin(tt.check, noon, noon)
			for _, a := range tt.answers {
				hear(t, &v, a)
			}
			if h := v.Health(); h.Failures != tt.failures || h.Known != tt.known || h.Kill != tt.kill {
				t.Fatalf("want failures=%d known=%v kill=%v, got %+v", tt.failures, tt.known, tt.kill, h)
			}
		})
	}
}

func TestDenseQuestionsDoNotKillFasterThanTheInterval(t *testing.T) {
	v := Begin(check("HTTP"), noon, noon) // three failures every 10 s, no grace
	var at time.Duration
	for !v.Health().Kill {
		at = hear(t, &v, bad)
	}
	if at != 25*time.Second {
		t.Fatalf("Marathon asks at 5, 15 and 25 s and kills then; this killed at %v", at)
	}
}

func TestTheGracePeriodEndsOnTime(t *testing.T) {
	v := Begin(check("HTTP", grace(33*time.Second), failures(1)), noon, noon)
	var at time.Duration
	for !v.Health().Kill {
		at = hear(t, &v, bad)
	}
	if at != 33*time.Second {
		t.Fatalf("want the first failure to count at 33s, got %v", at)
	}
}

func TestHealthTellsWhatHappened(t *testing.T) {
	v := Begin(check("HTTP"), noon, noon)
	first := noon.Add(hear(t, &v, good))
	second := noon.Add(hear(t, &v, good))
	failed := noon.Add(hear(t, &v, Answer{Cause: "refused", Status: 503, Body: "no database", Took: 7 * time.Millisecond}))
	hear(t, &v, none)
	want := apps.Health{
		Known: true, Failures: 1, FirstSuccess: first, LastSuccess: second, LastFailure: failed, Cause: "refused",
		Last: &apps.CheckAnswer{At: failed, Status: 503, Body: "no database", Error: "refused", Latency: 7},
	}
	if diff := cmp.Diff(want, v.Health()); diff != "" {
		t.Fatalf("want the last answer that says anything, too (-want +got):\n%s", diff)
	}
}

func TestAnInstanceThatNeverSucceedsSaysWhyAfterAMoment(t *testing.T) {
	v := Begin(check("HTTP", grace(time.Hour)), noon, noon)
	hear(t, &v, bad)
	if got := v.Health().Cause; got != "" {
		t.Fatalf("a refused connection in the first moment is no news, but %q", got)
	}
	var at time.Duration
	for v.Health().Cause == "" {
		at = hear(t, &v, bad)
	}
	if at > 3*time.Second {
		t.Fatalf("want the cause told within 3 s, got it after %v", at)
	}
	hear(t, &v, good)
	if got := v.Health().Cause; got != "" {
		t.Fatalf("it is well now, but %q", got)
	}
}

func TestAnAnswerWithoutAQuestionIsDropped(t *testing.T) {
	v := Begin(check("HTTP"), noon, noon)
	v.Ask(noon)
	v.Hear(noon, good)
	v.Hear(noon, bad)
	if h := v.Health(); !h.Alive {
		t.Fatalf("the second answer is doubled, but %+v", h)
	}
}

func TestAQuestionThatIsNeverAnsweredIsPutAgain(t *testing.T) {
	v := Begin(check("HTTP"), noon, noon)
	v.Ask(noon)
	if got := v.Due().Sub(noon); got != 2*time.Second+patience {
		t.Fatalf("want it due again after its timeout and %v, got %v", patience, got)
	}
}

func TestAStartInTheFutureIsNow(t *testing.T) {
	v := Begin(check("HTTP", failures(1)), noon.Add(time.Hour), noon) // the engine's clock is ahead
	var at time.Duration
	for !v.Health().Kill {
		at = hear(t, &v, bad)
	}
	if at != 5*time.Second {
		t.Fatalf("want it to count after 5s, got %v", at)
	}
}

// Whatever the answers: a kill has as many failures in a row behind it, each an
// interval apart, and never comes within the grace period before a success.
func TestNoVerdictKillsTooEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := apps.Check{
			Protocol:    "HTTP",
			Grace:       time.Duration(rapid.IntRange(0, 120).Draw(t, "grace")) * time.Second,
			Interval:    time.Duration(rapid.IntRange(1, 60).Draw(t, "interval")) * time.Second,
			Timeout:     time.Second,
			FailuresMax: rapid.IntRange(1, 5).Draw(t, "max"),
		}
		v := Begin(c, noon, noon)
		succeeded := false
		last := noon // last success, or the start
		for range rapid.IntRange(1, 60).Draw(t, "answers") {
			asked := v.Due()
			v.Ask(asked)
			ok := rapid.IntRange(0, 3).Draw(t, "answer") == 0
			now := asked.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond)
			v.Hear(now, Answer{OK: ok, Cause: "bad"})
			if !v.Due().After(now) {
				t.Fatalf("asked without a pause at %v", now.Sub(noon))
			}
			if ok {
				succeeded, last = true, asked
			}
			h := v.Health()
			if h.Alive != ok && succeeded {
				t.Fatalf("the last answer was %v, but %+v", ok, h)
			}
			if !h.Kill {
				continue
			}
			if h.Failures < c.FailuresMax {
				t.Fatalf("killed after %d of %d failures", h.Failures, c.FailuresMax)
			}
			if !succeeded && asked.Before(noon.Add(c.Grace)) {
				t.Fatalf("killed at %v within the grace period of %v", asked.Sub(noon), c.Grace)
			}
			if least := time.Duration(c.FailuresMax-1) * c.Interval; asked.Sub(last) < least {
				t.Fatalf("%d failures take at least %v, but killed after %v", c.FailuresMax, least, asked.Sub(last))
			}
		}
	})
}

func TestReadinessIsAskedUntilItPassedOnce(t *testing.T) {
	r := BeginReadiness(apps.ReadyCheck{Interval: 30 * time.Second, Timeout: time.Second}, noon)
	var at []time.Duration
	for _, a := range []Answer{bad, none, bad, good} {
		now := r.Due()
		at = append(at, now.Sub(noon))
		r.Ask(now)
		r.Hear(now, a)
		r.Hear(now, bad) // doubled
	}
	if want := []time.Duration{0, 5e6, 11.25e6, 19.0625e6}; !slices.Equal(at, want) || !r.Passed() {
		t.Fatalf("want it passed after questions at %v, got %v at %v", want, r.Passed(), at)
	}
	r.Ask(r.Due())
	r.Hear(r.Due(), bad)
	if !r.Passed() {
		t.Fatal("ready once is ready for good")
	}
}

func TestReadinessSaysWhyNotAfterAMoment(t *testing.T) {
	r := BeginReadiness(apps.ReadyCheck{Interval: 30 * time.Second, Timeout: time.Second}, noon)
	for range 20 {
		now := r.Due()
		r.Ask(now)
		r.Hear(now, bad)
	}
	if r.Cause() != "refused" {
		t.Fatalf("want the cause, got %q", r.Cause())
	}
}
