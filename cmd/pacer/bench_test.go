package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestBenchPlaceSaysWhatItDecided(t *testing.T) {
	var out strings.Builder
	if err := benchPlace(&out, benchSize{hosts: 20, instances: 301, apps: 3}); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^scheduler: 301 of 301 placed on 20 hosts in \S+, \d+ a second
core: 301 of 301 placed in one step of \S+, with 301 rows, 20 letters to hosts and \d+ notices
$`)
	if !want.MatchString(out.String()) {
		t.Errorf("want %s, got\n%s", want, &out)
	}
	if err := benchPlace(&out, benchSize{hosts: 0, instances: 1, apps: 1}); err == nil {
		t.Error("no hosts are no cluster")
	}
}
