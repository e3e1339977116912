package main

import (
	"strconv"
	"testing"
	"time"
)

// A small round of all that is measured of the API: every request has to be answered, and
// every event delivered, as in a large one.
func TestTheAPIIsMeasuredWhole(t *testing.T) {
	w, err := newWorld(t.Context(), "sqlite:"+t.TempDir()+"/pacer.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	s := scope{sizes: []int{20, 60}, perApp: 2, perHost: 20, puts: 3, burst: 30, subscribers: 20, changes: 3, pace: time.Millisecond, rounds: 2, load: 20 * time.Millisecond}

	tables, err := w.measure(t.Context(), s)

	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, one := range tables {
		rows[one.Title] = len(one.Rows)
	}
	for title, want := range map[string]int{
		"PUT of one app, one after the other": len(s.sizes), "GET, with 60 apps and 120 instances": len(w.readings()),
		"30 PUTs at once, each of another app": 3, "20 subscribers of /v2/events": 2,
	} {
		if rows[title] != want {
			t.Errorf("%s: want %d rows, got %d of %v", title, want, rows[title], rows)
		}
	}
	if got := len(w.deployer.View().Apps()); got != 60 {
		t.Errorf("want 60 apps, got %d", got)
	}
	for _, r := range tables[3].Rows {
		if events, _ := strconv.Atoi(r.Cells[1]); events < s.changes || r.Cells[2] != strconv.Itoa(events*s.subscribers) {
			t.Errorf("%s: want every event delivered to all of %d, got %v", r.Cells[0], s.subscribers, r.Cells)
		}
	}
}
