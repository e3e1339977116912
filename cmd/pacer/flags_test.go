package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"pacer/apps"
)

func TestADockerFlagNamesAHostAndWhatItIs(t *testing.T) {
	c := nodeConfig{Name: "box", Attributes: "os:debian", DefaultRole: "slave_public", Docker: []string{
		"/var/run/docker.sock,role=*",
		"h2=unix:///run/h2.sock,address=127.0.1.2",
		"h3=tcp://10.0.0.3:2375,resources=cpus:4;mem:1024;ports:[21000-21010,22000-22010],attributes=zone:west;keys:[1-2,5-6],role=dev,address=127.0.1.3",
	}}

	got, err := c.engines()

	if err != nil {
		t.Fatal(err)
	}
	want := []engineConfig{
		{"unix:///var/run/docker.sock", apps.Host{Name: "box", Addr: "127.0.0.1", Ports: defaultPorts, Attributes: map[string]string{"os": "debian"}, Agent: version}},
		{"unix:///run/h2.sock", apps.Host{Name: "h2", Addr: "127.0.1.2", Role: "slave_public", Ports: defaultPorts, Attributes: map[string]string{"os": "debian"}, Agent: version}},
		{"tcp://10.0.0.3:2375", apps.Host{Name: "h3", Addr: "127.0.1.3", Role: "dev", Total: apps.Resources{CPU: 4000, Mem: 1024}, Ports: []apps.Range{{First: 21000, Last: 21010}, {First: 22000, Last: 22010}},
			Attributes: map[string]string{"zone": "west", "keys": "[1-2,5-6]"}, Zone: "west", Agent: version}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestADockerFlagThatMakesNoSenseIsRefused(t *testing.T) {
	for _, bad := range [][]string{{"h1=nowhere"}, {"unix:///a,address=there"}, {"unix:///a,resources=cpus:x"}, {"unix:///a,role=a/b"}, {"unix:///a,colour=red"}, {"a=unix:///x", "a=unix:///y"}} {
		c := nodeConfig{Name: "box", Docker: bad}
		if got, err := c.engines(); exitCode(err) != exitUsage {
			t.Errorf("%v: want a usage error, got %v, %v", bad, got, err)
		}
	}
}

func TestAFlagBeatsTheVariableAndTheVariableTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pacer.yaml")
	if err := os.WriteFile(file, []byte("one: file\ntwo: file\nthree: file\nmany: [a, b]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PACER_ONE", "env")
	t.Setenv("PACER_TWO", "env")
	t.Setenv("PACER_CONFIG", file)
	var one, two, three string
	var many []string
	cmd := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { return nil }}
	cmd.Flags().StringVar(&one, "one", "default", "")
	cmd.Flags().StringVar(&two, "two", "default", "")
	cmd.Flags().StringVar(&three, "three", "default", "")
	cmd.Flags().StringArrayVar(&many, "many", nil, "")
	bindEnv(cmd)
	cmd.SetArgs([]string{"--one", "flag"})

	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}

	if one != "flag" || two != "env" || three != "file" || !cmp.Equal(many, []string{"a", "b"}) {
		t.Fatalf("got %s, %s, %s, %v", one, two, three, many)
	}
}

func TestAListenerBeyondLoopbackHasToBeSaidOutLoud(t *testing.T) {
	open := nodeConfig{Name: "x", HTTP: "0.0.0.0:8080", DataDir: t.TempDir()}
	if err := open.resolve(); exitCode(err) != exitUsage {
		t.Errorf("want a usage error, got %v", err)
	}
	open.Insecure = true
	if err := open.resolve(); err != nil {
		t.Error(err)
	}
	local := nodeConfig{Name: "x", HTTP: "127.0.0.1:8080", DataDir: t.TempDir()}
	if err := local.resolve(); err != nil {
		t.Error(err)
	}
}
