package main

import (
	"strings"
	"testing"
	"time"
)

func TestTheMedianRatioBelongsToPairs(t *testing.T) {
	raw := samples{100 * time.Millisecond, 1000 * time.Millisecond, 200 * time.Millisecond}
	ours := samples{120 * time.Millisecond, 1100 * time.Millisecond, 300 * time.Millisecond}

	if got := ours.over(raw); got < 1.199 || got > 1.201 {
		t.Errorf("want the median of 1.2, 1.1 and 1.5, got %v", got)
	}
	if got := raw.String(); got != "200 ms (100 ms to 1.00 s)" {
		t.Errorf("got %s", got)
	}
	if got := (samples{1, 2, 3, 4}).at(0.5); got != 2 { // 2.5, whole nanoseconds
		t.Errorf("the median of an even number: got %v", got)
	}
}

func TestLinesOfGoTestBenchAreRead(t *testing.T) {
	all := parseBenchmarks([]byte("goos: linux\nBenchmarkStep/x-2 \t 651\t 76340 cpu-p50-ns\t 7.5 steps/s\nBenchmarkCommit-2 100 2194000 ns/op\nPASS\nok pacer 2.1s\n"))

	if len(all) != 2 || all[0].name != "Step/x-2" || all[0].runs != 651 {
		t.Fatalf("got %+v", all)
	}
	if got := all[0].figures() + "; " + all[1].figures(); got != "cpu-p50 76 µs, 7.5 steps/s; each 2194 µs" {
		t.Errorf("got %s", got)
	}
}

func TestStagesAreShownWithTheirMedians(t *testing.T) {
	begun := time.Unix(1000, 0)
	at := func(ms ...int) (one timeline) {
		one.begun = begun
		for i, name := range []string{"started", "answered"} {
			one.add(name, begun.Add(time.Duration(ms[i])*time.Millisecond))
		}
		return one
	}

	got := timelines{at(100, 110), at(200, 240), at(150, 170)}.table("T").markdown()

	for _, line := range []string{"| started | 150 ms | 150 ms (100 ms to 200 ms) |", "| answered | 170 ms | 20.0 ms (10.0 ms to 40.0 ms) |"} {
		if !strings.Contains(got, line) {
			t.Errorf("want %s in\n%s", line, got)
		}
	}
}
