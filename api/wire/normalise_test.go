package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
)

// create reads a body and makes the spec of it.
func create(t testing.TB, s Settings, body string) (*apps.App, error) {
	t.Helper()
	var a App
	if _, err := Read([]byte(body), &a); err != nil {
		return nil, err
	}
	return a.Create(s, "")
}

// answered is the JSON that GET would answer for a body, decoded.
func answered(t testing.TB, s Settings, body string) map[string]any {
	t.Helper()
	spec, err := create(t, s, body)
	if err != nil {
		t.Fatalf("%s\nwas refused: %v %+v", body, err, detailsOf(err))
	}
	return object(t, FromSpec(spec))
}

func object(t testing.TB, v any) map[string]any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func detailsOf(err error) []apps.FieldErrors {
	if e := (*apps.Error)(nil); errors.As(err, &e) {
		return e.Details
	}
	return nil
}

func parseJSON(t testing.TB, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestTheExampleOfTheReferenceIsAnsweredFieldForField(t *testing.T) {
	got := answered(t, Settings{}, `{"id":"/web","cpus":0.1,"mem":32,"container":{"docker":{"image":"nginx"},
		"portMappings":[{"containerPort":80,"name":"http","servicePort":10000}]},"networks":[{"mode":"container/bridge"}]}`)

	want := parseJSON(t, `{"id":"/web","backoffFactor":1.15,"backoffSeconds":1,"container":{"type":"DOCKER","docker":{"forcePullImage":false,
		"image":"nginx","parameters":[],"privileged":false},"volumes":[],"portMappings":[{"containerPort":80,"hostPort":0,"labels":{},
		"name":"http","protocol":"tcp","servicePort":10000}]},"cpus":0.1,"disk":0,"executor":"","gpus":0,"instances":1,
		"killSelection":"YOUNGEST_FIRST","labels":{},"maxLaunchDelaySeconds":300,"mem":32,"networks":[{"mode":"container/bridge"}],
		"requirePorts":false,"role":"*","unreachableStrategy":{"expungeAfterSeconds":0,"inactiveAfterSeconds":0},
		"upgradeStrategy":{"maximumOverCapacity":1,"minimumHealthCapacity":1}}`)
	if diff := cmp.Diff(want, any(got)); diff != "" {
		t.Fatalf("the answer differs (-want +got):\n%s", diff)
	}
}

func TestOldFormsAreAnsweredInTheNewForm(t *testing.T) {
	const docker = `"docker":{"image":"i"}`
	gone := "<absent>"
	for _, test := range []struct {
		name, body string
		settings   Settings
		want       map[string]string // path → JSON
	}{
		{
			name: "nothing given is one port on the host's network", body: `{"id":"a","cmd":"sleep 1"}`,
			want: map[string]string{
				"networks": `[{"mode":"host"}]`, "portDefinitions": `[{"port":0,"protocol":"tcp","name":"default"}]`,
				"requirePorts": `false`, "container": gone, "id": `"/a"`,
			},
		},
		{
			name: "uris", body: `{"id":"/a","cmd":"sleep 1","uris":["http://h/a.tar.gz","http://h/a.txt","http://h/b.zip"]}`,
			want: map[string]string{"uris": gone, "fetch": `[{"uri":"http://h/a.tar.gz","extract":true,"executable":false,"cache":false},
				{"uri":"http://h/a.txt","extract":false,"executable":false,"cache":false},{"uri":"http://h/b.zip","extract":true,"executable":false,"cache":false}]`},
		},
		{
			name: "ports", body: `{"id":"/a","cmd":"sleep 1","ports":[8080,0],"requirePorts":true}`,
			want: map[string]string{"ports": gone, "requirePorts": `true`, "portDefinitions": `[{"port":8080,"protocol":"tcp"},{"port":0,"protocol":"tcp"}]`},
		},
		{
			name: "ports and equal port definitions", body: `{"id":"/a","cmd":"sleep 1","ports":[8080],"portDefinitions":[{"port":8080,"name":"http"}]}`,
			want: map[string]string{"ports": gone, "portDefinitions": `[{"port":8080,"protocol":"tcp","name":"http"}]`},
		},
		{
			name: "no ports stay no ports", body: `{"id":"/a","cmd":"sleep 1","ports":[]}`,
			want: map[string]string{"portDefinitions": `[]`},
		},
		{
			name: "docker BRIDGE", body: `{"id":"/a","container":{"docker":{"image":"i","network":"BRIDGE","portMappings":[{"containerPort":80}]}}}`,
			want: map[string]string{
				"networks": `[{"mode":"container/bridge"}]`, "container/docker/network": gone, "container/docker/portMappings": gone,
				"container/portMappings": `[{"containerPort":80,"hostPort":0,"servicePort":0,"protocol":"tcp","labels":{}}]`, "portDefinitions": gone,
			},
		},
		{
			name: "docker HOST drops mappings", body: `{"id":"/a","container":{"docker":{"image":"i","network":"HOST","portMappings":[{"containerPort":80}]}}}`,
			want: map[string]string{
				"networks": `[{"mode":"host"}]`, "container/portMappings": gone, "portDefinitions": `[{"port":0,"protocol":"tcp","name":"default"}]`,
			},
		},
		{
			name: "docker USER takes the default network", body: `{"id":"/a","container":{"docker":{"image":"i","network":"USER"}}}`,
			settings: Settings{DefaultNetwork: "weave"},
			want: map[string]string{
				"networks":               `[{"mode":"container","name":"weave"}]`,
				"container/portMappings": `[{"containerPort":0,"servicePort":0,"protocol":"tcp","labels":{},"name":"default"}]`,
			},
		},
		{
			name: "docker USER with ipAddress", body: `{"id":"/a","ipAddress":{"networkName":"blue","labels":{"k":"v"}},"container":{"docker":{"image":"i","network":"USER"}}}`,
			want: map[string]string{"networks": `[{"mode":"container","name":"blue","labels":{"k":"v"}}]`, "ipAddress": gone},
		},
		{
			name: "docker BRIDGE with ipAddress", body: `{"id":"/a","ipAddress":{"labels":{"k":"v"}},"container":{"docker":{"image":"i","network":"BRIDGE"}}}`,
			want: map[string]string{"networks": `[{"mode":"container/bridge","labels":{"k":"v"}}]`},
		},
		{
			name: "docker HOST with ipAddress", body: `{"id":"/a","ipAddress":{},"container":{"docker":{"image":"i","network":"HOST"}}}`,
			want: map[string]string{"networks": `[{"mode":"host"}]`},
		},
		{
			name: "ipAddress alone implies a container", body: `{"id":"/a","cmd":"sleep 1","ipAddress":{"networkName":"blue","discovery":{"ports":[{"number":80,"name":"http","protocol":"tcp"}]}}}`,
			want: map[string]string{
				"networks":  `[{"mode":"container","name":"blue"}]`,
				"container": `{"type":"MESOS","volumes":[],"portMappings":[{"containerPort":80,"servicePort":0,"protocol":"tcp","name":"http","labels":{}}]}`,
			},
		},
		{
			name: "ipAddress on the bridge's name", body: `{"id":"/a","cmd":"sleep 1","ipAddress":{"networkName":"mesos-bridge"}}`,
			want: map[string]string{"networks": `[{"mode":"container/bridge"}]`},
		},
		{
			name: "no mappings given on the bridge is one", body: `{"id":"/a","container":{` + docker + `},"networks":[{"mode":"container/bridge"}]}`,
			want: map[string]string{"container/portMappings": `[{"containerPort":0,"hostPort":0,"servicePort":0,"protocol":"tcp","name":"default","labels":{}}]`},
		},
		{
			name: "no mappings wanted on the bridge is none", body: `{"id":"/a","container":{"portMappings":[],` + docker + `},"networks":[{"mode":"container/bridge"}]}`,
			want: map[string]string{"container/portMappings": `[]`},
		},
		{
			name: "mappings are padded to the number of ports", body: `{"id":"/a","ports":[1,2],"container":{"portMappings":[{"containerPort":80}],` + docker + `},"networks":[{"mode":"container/bridge"}]}`,
			want: map[string]string{
				"container/portMappings": `[{"containerPort":80,"hostPort":0,"servicePort":0,"protocol":"tcp","labels":{}},{"containerPort":0,"hostPort":0,"servicePort":0,"protocol":"tcp","labels":{}}]`,
				"portDefinitions":        gone, "requirePorts": `false`,
			},
		},
		{
			name: "a container network keeps missing host ports missing", body: `{"id":"/a","container":{"portMappings":[{"containerPort":80},{"containerPort":81,"hostPort":0}],` + docker + `},"networks":[{"name":"blue"}]}`,
			want: map[string]string{
				"networks":               `[{"mode":"container","name":"blue"}]`,
				"container/portMappings": `[{"containerPort":80,"servicePort":0,"protocol":"tcp","labels":{}},{"containerPort":81,"hostPort":0,"servicePort":0,"protocol":"tcp","labels":{}}]`,
			},
		},
		{
			name: "a health check without a port takes the first", body: `{"id":"/a","cmd":"sleep 1","healthChecks":[{},{"protocol":"COMMAND","command":{"value":"true"}},{"port":80},{"protocol":"MESOS_TCP"}]}`,
			want: map[string]string{"healthChecks": `[
				{"protocol":"HTTP","portIndex":0,"gracePeriodSeconds":300,"intervalSeconds":60,"timeoutSeconds":20,"maxConsecutiveFailures":3,"ipProtocol":"IPv4"},
				{"protocol":"COMMAND","command":{"value":"true"},"gracePeriodSeconds":300,"intervalSeconds":60,"timeoutSeconds":20,"maxConsecutiveFailures":3,"ipProtocol":"IPv4"},
				{"protocol":"HTTP","port":80,"gracePeriodSeconds":300,"intervalSeconds":60,"timeoutSeconds":20,"maxConsecutiveFailures":3,"ipProtocol":"IPv4"},
				{"protocol":"MESOS_TCP","portIndex":0,"delaySeconds":15,"gracePeriodSeconds":300,"intervalSeconds":60,"timeoutSeconds":20,"maxConsecutiveFailures":3,"ipProtocol":"IPv4"}]`},
		},
		{
			name: "a readiness check without codes", body: `{"id":"/a","cmd":"sleep 1","portDefinitions":[{"name":"http-api"}],"readinessChecks":[{"httpStatusCodesForReady":[]}]}`,
			want: map[string]string{"readinessChecks": `[{"name":"readinessCheck","protocol":"HTTP","path":"/","portName":"http-api","intervalSeconds":30,"timeoutSeconds":10,"httpStatusCodesForReady":[200],"preserveLastResponse":false}]`},
		},
		{
			name: "a persistent volume brings its defaults", body: `{"id":"/a","cmd":"sleep 1","container":{"type":"MESOS","volumes":[{"containerPath":"data","mode":"RW","persistent":{"size":10}}]}}`,
			want: map[string]string{
				"residency":       `{"relaunchEscalationTimeoutSeconds":3600,"taskLostBehavior":"WAIT_FOREVER"}`,
				"upgradeStrategy": `{"minimumHealthCapacity":0.5,"maximumOverCapacity":0}`, "unreachableStrategy": `"disabled"`,
				"container/volumes": `[{"containerPath":"data","mode":"RW","persistent":{"size":10}}]`,
			},
		},
		{
			name: "ids are made absolute", body: `{"id":"//shop///web/","cmd":"sleep 1","dependencies":["../db","cache","/x/./y"]}`,
			want: map[string]string{"id": `"/shop/web"`, "dependencies": `["/db","/shop/cache","/x/y"]`},
		},
		{
			name: "operators are upper-cased", body: `{"id":"/a","cmd":"sleep 1","constraints":[["hostname","unique"],["rack","group_by","3"]]}`,
			want: map[string]string{"constraints": `[["hostname","UNIQUE"],["rack","GROUP_BY","3"]]`},
		},
		{
			name: "what is seldom used comes back", body: `{"id":"/a","cmd":"sleep 1","executor":"//cmd","tty":true,"executorResources":{"cpus":0.2},
				"resourceLimits":{"cpus":2,"mem":"unlimited"},"check":{"tcp":{}},"residency":{"taskLostBehavior":"WAIT_FOREVER"}}`,
			want: map[string]string{
				"executor": `"//cmd"`, "tty": `true`, "executorResources": `{"cpus":0.2}`, "resourceLimits": `{"cpus":2,"mem":"unlimited"}`,
				"check": `{"tcp":{"portIndex":0},"intervalSeconds":60,"timeoutSeconds":20,"delaySeconds":15}`, "residency": `{"relaunchEscalationTimeoutSeconds":3600,"taskLostBehavior":"WAIT_FOREVER"}`,
			},
		},
		{
			name: "what is not set does not appear", body: `{"id":"/a","cmd":"sleep 1","env":{},"args":[],"constraints":[],"healthChecks":[],"fetch":[],"dependencies":[]}`,
			want: map[string]string{
				"env": gone, "args": gone, "constraints": gone, "healthChecks": gone, "fetch": gone, "dependencies": gone, "tty": gone, "check": gone,
				"resourceLimits": gone, "executorResources": gone, "acceptedResourceRoles": gone, "taskKillGracePeriodSeconds": gone, "labels": `{}`,
			},
		},
		{
			name: "null is absent", body: `{"id":"/a","cmd":"sleep 1","cpus":null,"env":null,"container":null,"labels":null}`,
			want: map[string]string{"cpus": `1`, "env": gone, "container": gone, "labels": `{}`},
		},
		{
			name: "secrets, once enabled", settings: Settings{Features: []string{"secrets"}},
			body: `{"id":"/a","cmd":"sleep 1","env":{"P":{"secret":"s"},"Q":"v"},"secrets":{"s":{"source":"/vault/s"}}}`,
			want: map[string]string{"env": `{"P":{"secret":"s"},"Q":"v"}`, "secrets": `{"s":{"source":"/vault/s"}}`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := answered(t, test.settings, test.body)
			for path, want := range test.want {
				v, there := at(got, path)
				if want == gone {
					if there {
						t.Errorf("%s: want it absent, got %v", path, v)
					}
					continue
				}
				if diff := cmp.Diff(parseJSON(t, want), v); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			}
		})
	}
}

func at(object map[string]any, path string) (v any, there bool) {
	v = object
	for _, name := range strings.Split(path, "/") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, there = m[name]; !there {
			return nil, false
		}
	}
	return v, true
}

func TestNumbersAreExactInside(t *testing.T) {
	spec, err := create(t, Settings{}, `{"id":"/a","cmd":"sleep 1","cpus":0.1,"mem":128.5,"disk":1e3,"gpus":0,"instances":3.0}`)
	if err != nil {
		t.Fatal(err)
	}
	if want := (apps.Resources{CPU: 100, Mem: 129, Disk: 1000}); spec.Needs != want || spec.Instances != 3 {
		t.Fatalf("want %+v and 3 instances, got %+v and %d", want, spec.Needs, spec.Instances)
	}
}

func TestUnknownFieldsAreNamedAndLeftAlone(t *testing.T) {
	var a App
	unknown, err := Read([]byte(`{"id":"/a","cmd":"sleep 1","instnaces":3,"Instances":4,"tasksRunning":1,"deployments":[],"storeUrls":[],
		"container":{"docker":{"image":"i","dockr":1}},"healthChecks":[{"paht":"/"}]}`), &a)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/container/docker/dockr", "/healthChecks(0)/paht", "/Instances", "/instnaces"}
	if diff := cmp.Diff(want, unknown); diff != "" {
		t.Fatalf("unknown fields (-want +got):\n%s", diff)
	}
	if a.Instances != nil {
		t.Fatalf("names are matched to the letter, but Instances was taken for instances: %d", *a.Instances)
	}
}
