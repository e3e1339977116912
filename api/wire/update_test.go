package wire

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
)

const shop = `{"id":"/shop","cmd":"serve it","cpus":0.5,"mem":64,"instances":3,"env":{"A":"1","B":"2"},"labels":{"team":"red"},
	"container":{"docker":{"image":"shop:1"},"portMappings":[{"containerPort":80,"name":"http","servicePort":10007}]},
	"networks":[{"mode":"container/bridge"}],"healthChecks":[{"path":"/ok"}],"executorResources":{"cpus":0.1},"tty":true}`

func mustCreate(t testing.TB, body string) *apps.App {
	t.Helper()
	spec, err := create(t, Settings{}, body)
	if err != nil {
		t.Fatalf("%s\nwas refused: %v %+v", body, err, detailsOf(err))
	}
	return spec
}

// update applies a partial update to an app.
func update(t testing.TB, old *apps.App, body string) (*apps.App, error) {
	t.Helper()
	var u App
	if _, err := Read([]byte(body), &u); err != nil {
		return nil, err
	}
	if err := u.Migrate(Settings{}); err != nil {
		return nil, err
	}
	return Update(old, &u, Settings{})
}

func TestAPartialUpdateReplacesWholeFields(t *testing.T) {
	const gone = "<absent>"
	for _, test := range []struct {
		update string
		want   map[string]string
	}{
		{`{"instances":5}`, map[string]string{"instances": `5`, "cmd": `"serve it"`, "env": `{"A":"1","B":"2"}`}},
		{`{"env":{"C":"3"}}`, map[string]string{"env": `{"C":"3"}`, "labels": `{"team":"red"}`}},
		{`{"env":{}}`, map[string]string{"env": gone}},
		{`{"labels":{}}`, map[string]string{"labels": `{}`}},
		{`{"healthChecks":[]}`, map[string]string{"healthChecks": gone}},
		{`{"container":{"docker":{"image":"shop:2"},"portMappings":[{"containerPort":81}]}}`, map[string]string{
			"container/docker/image": `"shop:2"`,
			"container/portMappings": `[{"containerPort":81,"hostPort":0,"servicePort":0,"protocol":"tcp","labels":{}}]`,
			"networks":               `[{"mode":"container/bridge"}]`,
		}},
		{`{"container":{"docker":{"image":"shop:2","network":"HOST"}}}`, map[string]string{
			"networks": `[{"mode":"host"}]`, "container/portMappings": gone, "portDefinitions": `[{"port":0,"protocol":"tcp","name":"default"}]`,
		}},
		{`{"networks":[{"mode":"host"}]}`, map[string]string{"networks": `[{"mode":"host"}]`, "container/portMappings": gone, "container/docker/image": `"shop:1"`}},
		{`{"args":["--fast"]}`, map[string]string{"args": `["--fast"]`, "cmd": gone}},
		{`{"uris":["http://h/x.tgz"]}`, map[string]string{"fetch": `[{"uri":"http://h/x.tgz","extract":true,"executable":false,"cache":false}]`}},
		{`{"cmd":null,"cpus":null}`, map[string]string{"cmd": `"serve it"`, "cpus": `0.5`}},
		{`{"id":"/other","cpus":2}`, map[string]string{"id": `"/shop"`, "cpus": `2`}},
		{`{"cpus":2}`, map[string]string{"executorResources": gone, "tty": `true`}}, // upstream's quirk
		{`{"executorResources":{"cpus":0.3}}`, map[string]string{"executorResources": `{"cpus":0.3}`}},
		{`{"dependencies":["db"]}`, map[string]string{"dependencies": `["/db"]`}},
	} {
		next, err := update(t, mustCreate(t, shop), test.update)
		if err != nil {
			t.Errorf("%s was refused: %v %+v", test.update, err, detailsOf(err))
			continue
		}
		got := object(t, FromSpec(next))
		for path, want := range test.want {
			v, there := at(got, path)
			if want == gone && there {
				t.Errorf("%s: %s: want it absent, got %v", test.update, path, v)
			}
			if want != gone {
				if diff := cmp.Diff(parseJSON(t, want), v); diff != "" {
					t.Errorf("%s: %s (-want +got):\n%s", test.update, path, diff)
				}
			}
		}
	}
}

func TestAnUpdateIsJudgedAsTheWholeItMakes(t *testing.T) {
	for body, want := range map[string]string{
		`{"healthChecks":[{"portIndex":4}]}`: "/healthChecks(0) Health check port indices must address an element of the ports array or container port mappings.",
		`{"cmd":"serve it","args":["x"]}`:    "/ AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.",
		`{"cpus":-1}`:                        "/cpus error.min",
		`{"networks":[{"mode":"host"}],"container":{"docker":{"image":"i"},"portMappings":[{}]}}`: "/ portMappings are not allowed with host-networking",
	} {
		if _, err := update(t, mustCreate(t, shop), body); !has(detailsOf(err), want) {
			t.Errorf("%s: want %s, got %v %+v", body, want, err, detailsOf(err))
		}
	}
}

func TestAnUpdateCanBeAppliedAgain(t *testing.T) {
	var u App
	if _, err := Read([]byte(`{"constraints":[["rack","unique"]],"healthChecks":[{}],"container":{"docker":{"image":"i"}},"dependencies":["x"]}`), &u); err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Update(mustCreate(t, shop), &u, Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	after, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Fatalf("an update must not be modified by being applied:\nbefore %s\n after %s", before, after)
	}
}

func TestTheOldSpecIsNotTouchedByAnUpdate(t *testing.T) {
	old, untouched := mustCreate(t, shop), mustCreate(t, shop)
	if _, err := update(t, old, `{"networks":[{"mode":"host"}],"constraints":[["a","unique"]]}`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(untouched, old); diff != "" {
		t.Fatalf("the old spec changed (-want +got):\n%s", diff)
	}
}

func TestPersistentVolumesHoldAnAppInPlace(t *testing.T) {
	const db = `{"id":"/db","cmd":"serve it","cpus":1,"container":{"type":"MESOS","volumes":[{"containerPath":"data","mode":"RW","persistent":{"size":10}}]}}`
	for body, want := range map[string]string{
		`{"cpus":2}`: "/ Services with persistent volumes configured may not change resource requirements. If you need to make this change, please create a new service.",
		`{"container":{"type":"MESOS","volumes":[{"containerPath":"data","mode":"RW","persistent":{"size":20}}]}}`: "/container/volumes Persistent volumes can not be changed!",
	} {
		if _, err := update(t, mustCreate(t, db), body); !has(detailsOf(err), want) {
			t.Errorf("%s: want %s, got %v %+v", body, want, err, detailsOf(err))
		}
	}
	if _, err := update(t, mustCreate(t, db), `{"instances":2,"cmd":"serve more"}`); err != nil {
		t.Errorf("what does not touch the volumes is allowed: %v", err)
	}
}

func TestOnlyAVersionAloneIsARollback(t *testing.T) {
	at, err := apps.ParseVersion("2015-09-25T15:13:48.343Z")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]struct {
		ok     bool
		refuse string
	}{
		`{"version":"2015-09-25T15:13:48.343Z"}`:                 {ok: true},
		`{"id":"/a","version":"2015-09-25T17:13:48.343+02:00"}`:  {ok: true},
		`{"cmd":"sleep 1"}`:                                      {},
		`{"cmd":"sleep 1","version":"2015-09-25T15:13:48.343Z"}`: {refuse: "The 'version' field may only be combined with the 'id' field."},
		`{"version":"yesterday"}`:                                {refuse: `"yesterday" is not a version: write a time like 2015-09-25T15:13:48.343Z`},
		`{"cmd":"sleep 1","version":"2015-09-25T15:13:48.343Z","versionInfo":{"lastScalingAt":"2015-09-25T15:13:48.343Z"}}`: {},
	} {
		var a App
		if _, err := Read([]byte(body), &a); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		v, ok, err := a.RollbackVersion()
		if e := (*apps.Error)(nil); want.refuse != "" {
			if !errors.As(err, &e) || e.Kind != apps.Invalid || e.Message != want.refuse {
				t.Errorf("%s: want %q, got %v", body, want.refuse, err)
			}
			continue
		}
		if err != nil || ok != want.ok || ok && v != at {
			t.Errorf("%s: want a rollback: %v, got %v %s, %v", body, want.ok, ok, v, err)
		}
	}
}
