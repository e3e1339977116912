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
	got, ports, err := ParseResources("cpus(*):24.5;mem:24576;disk:409600;ports:[21000-24000,30000-34000]")

	want := Resources{CPU: 24500, Mem: 24576, Disk: 409600}
	if err != nil || got != want || !cmp.Equal(ports, []Range{{21000, 24000}, {30000, 34000}}) {
		t.Fatalf("%v: got %+v, %v", err, got, ports)
	}
}

func TestWhatIsNotMesosSyntaxIsRefused(t *testing.T) {
	for _, bad := range []string{"cpus", "cpus(prod):4", "cpus:x", "cpus:-1", "wheels:4", "ports:1-2", "ports:[2-1]", "ports:[1-5,5-9]", "ports:[0-70000]"} {
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

// FuzzParseResources reads anything as what a host offers: never more than can be
// counted, never less than nothing.
func FuzzParseResources(f *testing.F) {
	for _, seed := range []string{"cpus:24;mem:24576;disk:409600;gpus:2;ports:[21000-24000,30000-34000]", "cpus(role):1.5", "ports:[1]", "mem:-1", "cpus:NaN", ";;", "disk:1e99", "ports:[2-1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, ports, err := ParseResources(text)
		if err != nil {
			return
		}
		if !(Resources{}).Fits(r) || r.CPU > 1e15 || r.Mem > 1e12 {
			t.Errorf("%q offers %+v", text, r)
		}
		for i, p := range ports {
			if p.First < 1 || p.Last > 65535 || p.First > p.Last || i > 0 && p.First <= ports[i-1].Last {
				t.Errorf("%q offers the ports %v", text, ports)
			}
		}
	})
}

// FuzzParseAttributes reads anything as what a host is; what is read has a name.
func FuzzParseAttributes(f *testing.F) {
	for _, seed := range []string{"rack:abc;zone:west;os:centos5;level:10;keys:[1000-15000]", "set:{a,b}", "a", ":", "a:;b:c", "x:[1-", "y:{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseAttributes(text)
		if err != nil {
			return
		}
		for name := range all {
			if name == "" {
				t.Errorf("%q has an attribute without a name: %q", text, all)
			}
		}
	})
}
