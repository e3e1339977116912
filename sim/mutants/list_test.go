package main

import "testing"

// TestTheListFitsTheCode keeps the list from rotting: every fault can be planted.
func TestTheListFitsTheCode(t *testing.T) {
	t.Chdir("../..")
	seen := map[string]bool{}
	for _, m := range mutants {
		if _, err := m.plant(t.TempDir()); err != nil {
			t.Error(err)
		}
		if seen[m.name] || m.old == m.new {
			t.Errorf("%s: twice, or no fault at all", m.name)
		}
		seen[m.name] = true
	}
	if len(mutants) < 30 {
		t.Errorf("only %d faults", len(mutants))
	}
}
