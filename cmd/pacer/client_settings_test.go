package main

import "testing"

func TestSettingsSetChangesWhatIsGivenAlone(t *testing.T) {
	const version = "2026-01-01T00:00:00.000Z"
	now := reply{200, `{"placement":"pack","fairness":"drf","version":"` + version + `","history":[]}`}
	f := newFake(t, map[string][]reply{"GET /pacer/v1/settings": {now}, "PUT /pacer/v1/settings": {now}})
	pacer(t.Context(), "", "settings", "set", "--fairness", "tasks", "--server", f.url).check(t, 0, "fairness: drf", "")
	if want := `{"placement":"pack","fairness":"tasks","version":"` + version + `"}`; len(f.bodies) == 0 || f.bodies[len(f.bodies)-1] != want {
		t.Errorf("want %s, got %q", want, f.bodies)
	}
	pacer(t.Context(), "", "settings", "set", "--preemption", "--server", f.url).check(t, 0, "fairness: drf", "")
	if want := `{"placement":"pack","fairness":"drf","preemption":true,"version":"` + version + `"}`; f.bodies[len(f.bodies)-1] != want {
		t.Errorf("want %s, got %q", want, f.bodies)
	}
	pacer(t.Context(), "", "settings", "set", "--server", f.url).check(t, 2, "", "say what is to be set")
	pacer(t.Context(), "", "settings", "show", "-o", "json", "--server", f.url).check(t, 0, `"placement": "pack"`, "")
}
