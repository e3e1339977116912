package docker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pacer/apps"
)

// writer writes a line to its volume, by one of the volume's paths, and prints all, by
// the other.
func writer() *apps.App {
	a := shell("echo $PACER_LINE >> $MESOS_SANDBOX/data/log; cat /other/log")
	a.Container.Volumes = []apps.Volume{{ContainerPath: "data", Size: 10}, {ContainerPath: "/other", HostPath: "data"}}
	a.User = "65534:65534" // anybody may write
	return a
}

func TestPersistentVolumesOutliveTheContainer(t *testing.T) {
	d := real(t)
	a := writer()
	a.Env = map[string]string{"PACER_LINE": "one"}
	first := launch(t, d, a)
	first.Claim = first.Instance
	if _, _, err := d.Start(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if out := printed(t, d, first.Instance); out != "one\n" {
		t.Errorf("the first one printed %q", out)
	}
	if err := d.Remove(t.Context(), first.Instance); err != nil {
		t.Fatal(err)
	}

	a.Env = map[string]string{"PACER_LINE": "two"}
	second := launch(t, d, a)
	second.Claim, second.Made = first.Claim, true
	if _, _, err := d.Start(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if out := printed(t, d, second.Instance); out != "one\ntwo\n" {
		t.Errorf("the second one printed %q", out)
	}
	if c, ok := one(t, d, second.Instance); !ok || c.Claim != first.Claim {
		t.Errorf("its label tells whose volumes it has, but %+v", c)
	}
	if err := d.Remove(t.Context(), second.Instance); err != nil {
		t.Fatal(err)
	}

	if err := d.Wipe(t.Context(), first.Claim); err != nil {
		t.Fatal(err)
	}
	if err := d.Wipe(t.Context(), first.Claim); err != nil {
		t.Errorf("what is not there is wiped: %v", err)
	}
	third := launch(t, d, a)
	third.Claim, third.Made = first.Claim, true
	_, retry, err := d.Start(t.Context(), third)
	if err == nil || retry || !strings.Contains(err.Error(), "not on this host any more") {
		t.Errorf("lost data is no fresh data, but %v, retry %v", err, retry)
	}
}

func TestOnlyClaimsAreWiped(t *testing.T) {
	d := real(t)
	precious := filepath.Join(d.config.DataDir, "precious")
	if err := os.Mkdir(precious, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, claim := range []string{"", ".", "..", "../precious", "precious", "a.instance-1/../../precious"} {
		if err := d.Wipe(t.Context(), claim); err == nil {
			t.Errorf("%q was wiped", claim)
		}
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestPersistentVolumesNeedAPlace(t *testing.T) {
	d := real(t, func(c *Config) { c.DataDir = "" })
	l := launch(t, d, writer())
	l.Claim = l.Instance
	_, retry, err := d.Start(t.Context(), l)
	if err == nil || retry || !strings.Contains(err.Error(), "data directory") {
		t.Errorf("got %v, retry %v", err, retry)
	}
}
