package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func TestBenchPlaceSaysWhatItDecided(t *testing.T) {
	var out strings.Builder
	if err := benchPlace(&session{out: &out, format: "table"}, benchSize{hosts: 20, instances: 301, apps: 3}); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^scheduler: 301 of 301 placed on 20 hosts in [0-9.]+ s, \d+ a second
core: 301 of 301 decided in [0-9.]+ s, \d+ a second; 1 steps of at most [0-9.]+ s, with 301 rows, 20 letters to hosts and \d+ notices
$`)
	if !want.MatchString(out.String()) {
		t.Errorf("want %s, got\n%s", want, &out)
	}
	if err := benchPlace(&session{out: &out, format: "table"}, benchSize{hosts: 0, instances: 1, apps: 1}); err == nil {
		t.Error("no hosts are no cluster")
	}
}

func TestBenchPlaceInJSON(t *testing.T) {
	var out strings.Builder
	cmd := benchCommand()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"place", "--hosts", "2", "--instances", "2000", "-o", "json"}) // of which 1,280 have room
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Placed  int     `json:"placed"`
		Decided float64 `json:"decided_seconds"`
		Rate    float64 `json:"placements_per_second"`
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if rate := float64(got.Placed) / got.Decided; got.Placed != 1280 || got.Decided <= 0 || rate/got.Rate < 0.99 || rate/got.Rate > 1.01 {
		t.Errorf("got %+v from %s", got, &out)
	}
}
