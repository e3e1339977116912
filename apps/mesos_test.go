package apps

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAttributesAreReadAsMesosDoes(t *testing.T) {
	got, err := ParseAttributes("rack:abc; zone:west;os:centos5;level:10.0;share:0.12345;keys:[1000-15000, 7];langs:{go, c}")

	want := map[string]string{"rack": "abc", "zone": "west", "os": "centos5", "level": "10", "share": "0.123", "keys": "[7-7,1000-15000]", "langs": "{go,c}"}
	if err != nil || !cmp.Equal(got, want) {
		t.Fatalf("%v, %s", err, cmp.Diff(want, got))
	}
}

func TestResourcesAreReadAsMesosDoes(t *testing.T) {
	got, ports, err := ParseResources("cpus:24.5;mem:24576;disk:409600;ports:[21000-24000,30000-34000]")

	want := Resources{CPU: 24500, Mem: 24576, Disk: 409600}
	if err != nil || got != want || !cmp.Equal(ports, []Range{{21000, 24000}, {30000, 34000}}) {
		t.Fatalf("%v: got %+v, %v", err, got, ports)
	}
}

func TestWhatIsNotMesosSyntaxIsRefused(t *testing.T) {
	for _, bad := range []string{"cpus", "cpus:x", "cpus:-1", "wheels:4", "ports:1-2", "ports:[2-1]", "ports:[1-5,5-9]", "ports:[0-70000]"} {
		if _, _, err := ParseResources(bad); err == nil {
			t.Errorf("resources %q should be refused", bad)
		}
	}
	for _, bad := range []string{"rack", ":x", "a:", "k:[1", "k:{a"} {
		if _, err := ParseAttributes(bad); err == nil {
			t.Errorf("attributes %q should be refused", bad)
		}
	}
}
