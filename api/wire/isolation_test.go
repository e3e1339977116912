package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
)

func TestLimitsAndIsolationOfAnAppAreUnderstood(t *testing.T) {
	spec, err := create(t, Settings{}, `{"id":"/a","cmd":"sleep 1","cpus":0.5,"mem":64,"tty":true,"resourceLimits":{"cpus":1.5,"mem":"unlimited"},
		"container":{"type":"MESOS","docker":{"image":"i"},"linuxInfo":{"seccomp":{"unconfined":true},"ipcInfo":{"mode":"PRIVATE","shmSize":16}}}}`)
	if err != nil {
		t.Fatal(err, detailsOf(err))
	}
	if diff := cmp.Diff(&apps.Limits{CPU: 1500, Mem: apps.Unlimited}, spec.Limits); diff != "" || !spec.TTY {
		t.Errorf("tty %v, limits (-want +got):\n%s", spec.TTY, diff)
	}
	if diff := cmp.Diff(&apps.Linux{Unconfined: true, IPC: apps.IPCPrivate, Shm: 16}, spec.Container.Linux); diff != "" {
		t.Errorf("linuxInfo (-want +got):\n%s", diff)
	}
}

func TestWhatMeansNothingOfItsOwnIsNotKept(t *testing.T) {
	plain, err := create(t, Settings{}, `{"id":"/a","cmd":"sleep 1","container":{"type":"MESOS"}}`)
	if err != nil {
		t.Fatal(err)
	}
	same, err := create(t, Settings{}, `{"id":"/a","cmd":"sleep 1","tty":false,"resourceLimits":{},"container":{"type":"MESOS","linuxInfo":{"seccomp":{"unconfined":false}}}}`)
	if err != nil {
		t.Fatal(err, detailsOf(err))
	}
	if diff := cmp.Diff(plain, same); diff != "" {
		t.Errorf("both mean the same (-first +second):\n%s", diff)
	}
}

func TestWhatMesosAloneCouldDoIsRefusedWithWhatToUse(t *testing.T) {
	box := func(more string) string {
		return `{"id":"/a","cmd":"sleep 1","container":{"type":"MESOS","docker":{"image":"i"` + more + `}}`
	}
	for _, test := range []struct{ body, path, hint string }{
		{`{"id":"/a","cmd":"sleep 1","executor":"/opt/mine"}`, "/executor", "cmd or args"},
		{box(`,"pullConfig":{"secret":"s"}}`), "/container/docker/pullConfig", "docker login"},
		{box(`},"linuxInfo":{"seccomp":{"profileName":"strict.json"}}`), "/container/linuxInfo/seccomp/profileName", "security-opt"},
		{box(`},"linuxInfo":{"ipcInfo":{"mode":"SHARE_PARENT","shmSize":1}}`), "/container/linuxInfo/ipcInfo/shmSize", "PRIVATE"},
	} {
		_, err := create(t, Settings{}, test.body)
		refusedWith(t, test.body, err, test.path, test.hint)
	}
	container := func(more string) string {
		return `{"id":"/p","containers":[{"name":"c","resources":{"cpus":1,"mem":64},"image":{"kind":"DOCKER","id":"i"` + more + `}]}`
	}
	for _, test := range []struct{ body, path, hint string }{
		{container(`,"pullConfig":{"secret":"s"}}`), "/containers(0)/image/pullConfig", "docker login"},
		{container(`},"check":{"exec":{"command":{"shell":"true"}}}`), "/containers(0)/check", "healthCheck"},
		{container(`},"resourceLimits":{"mem":32}`), "/containers(0)/resourceLimits/mem", "greater than or equal"},
		{container(`},"linuxInfo":{"seccomp":{"profileName":"x"}}`), "/containers(0)/linuxInfo/seccomp/profileName", "unconfined"},
		{strings.Replace(container(`}`), `{"id"`, `{"legacySharedCgroups":true,"id"`, 1), "/legacySharedCgroups", "resourceLimits"},
	} {
		var p Pod
		if _, err := Read([]byte(test.body), &p); err != nil {
			t.Fatal(test.body, err, detailsOf(err))
		}
		_, err := p.Spec(Settings{})
		refusedWith(t, test.body, err, test.path, test.hint)
	}
}

func refusedWith(t *testing.T, body string, err error, path, hint string) {
	t.Helper()
	var e *apps.Error
	if !errors.As(err, &e) || e.Kind != apps.Invalid {
		t.Errorf("%s\nis not refused: %v", body, err)
		return
	}
	for _, f := range e.Details {
		if f.Path == path && strings.Contains(strings.Join(f.Errors, "; "), hint) {
			return
		}
	}
	t.Errorf("%s\nwant %s to be refused with %q, got %+v", body, path, hint, e.Details)
}

func TestLimitsAndIsolationOfAPodComeBack(t *testing.T) {
	text := `{"id":"/p","linuxInfo":{"seccomp":{"unconfined":true}},"networks":[{"mode":"container/bridge","labels":{"a":"b"}}],"containers":[{"name":"c",
		"resources":{"cpus":1,"mem":64},"resourceLimits":{"cpus":"unlimited","mem":128},"image":{"kind":"DOCKER","id":"i","labels":{"os":"linux"}},
		"linuxInfo":{"ipcInfo":{"mode":"SHARE_PARENT"}},"tty":true}]}`
	var p Pod
	if unknown, err := Read([]byte(text), &p); err != nil || len(unknown) > 0 {
		t.Fatal(unknown, err)
	}
	spec, err := p.Spec(Settings{})
	if err != nil {
		t.Fatal(err, detailsOf(err))
	}
	c := spec.Pod.Containers[0]
	if diff := cmp.Diff(&apps.Limits{CPU: apps.Unlimited, Mem: 128}, c.Limits); diff != "" || !c.TTY || !spec.Pod.Linux.Unconfined || c.Linux.IPC != apps.IPCShared {
		t.Errorf("got %+v in %+v", c, spec.Pod.Linux)
	}
	answer, err := json.Marshal(FromPod(spec))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"resourceLimits":{"cpus":"unlimited","mem":128}`, `"linuxInfo":{"ipcInfo":{"mode":"SHARE_PARENT"}}`, `"linuxInfo":{"seccomp":{"unconfined":true}}`,
		`"labels":{"os":"linux"}`, `"labels":{"a":"b"}`, `"tty":true`,
	} {
		if !strings.Contains(string(answer), want) {
			t.Errorf("no %s in %s", want, answer)
		}
	}
}
