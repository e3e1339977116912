package wire

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/apps"
)

// with is a good app with fields put in place of others.
func with(fields string) string { return `{"id":"/a","cmd":"sleep 1",` + fields + `}` }

func docker(fields string) string { return `{"id":"/a",` + fields + `}` }

func TestSchemaFaults(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                               `/id error.path.missing`,
		`{"id":3}`:                         `/id error.expected.jsstring`,
		with(`"cpus":"1"`):                 `/cpus error.expected.jsnumber`,
		with(`"cpus":0.0001`):              `/cpus error.min`,
		with(`"mem":-1`):                   `/mem error.min`,
		with(`"instances":-1`):             `/instances error.min`,
		with(`"instances":1.5`):            `/instances error.expected.int`,
		with(`"instances":true`):           `/instances error.expected.jsnumber`,
		with(`"instances":1e30`):           `/instances error.expected.int`,
		with(`"env":{"A":1}`):              `/env/A error.expected.jsstring`,
		with(`"env":[]`):                   `/env error.expected.jsobject`,
		with(`"env":{"A":null}`):           `/env/A error.expected.jsstring`,
		with(`"args":"x"`):                 `/args error.expected.jsarray`,
		with(`"args":["x",1]`):             `/args(1) error.expected.jsstring`,
		with(`"requirePorts":"true"`):      `/requirePorts error.expected.jsboolean`,
		with(`"container":[]`):             `/container error.expected.jsobject`,
		with(`"container":{"docker":{}}`):  `/container/docker/image error.path.missing`,
		with(`"container":{"type":"RKT"}`): `/container/type error.unknown.enum.literal`,
		with(`"killSelection":"ANY"`):      `/killSelection error.unknown.enum.literal`,
		with(`"ports":[70000]`):            `/ports(0) error.max`,
		with(`"ports":[-1]`):               `/ports(0) error.min`,
		with(`"backoffFactor":0.5`):        `/backoffFactor error.min`,
		with(`"upgradeStrategy":{"minimumHealthCapacity":2,"maximumOverCapacity":0}`): `/upgradeStrategy/minimumHealthCapacity error.max`,
		with(`"upgradeStrategy":{"minimumHealthCapacity":1}`):                         `/upgradeStrategy/maximumOverCapacity error.path.missing`,
		with(`"unreachableStrategy":"off"`):                                           `/unreachableStrategy error.unknown.enum.literal`,
		with(`"unreachableStrategy":{"inactiveAfterSeconds":"1"}`):                    `/unreachableStrategy/inactiveAfterSeconds error.expected.jsnumber`,
		with(`"fetch":[{}]`): `/fetch(0)/uri error.path.missing`,
		with(`"fetch":[{"uri":"` + strings.Repeat("x", 1025) + `"}]`): `/fetch(0)/uri error.maxLength`,
		with(`"healthChecks":[{"protocol":"PING"}]`):                  `/healthChecks(0)/protocol error.unknown.enum.literal`,
		with(`"healthChecks":[3]`):                                    `/healthChecks(0) error.expected.jsobject`,
		with(`"healthChecks":[{"command":{}}]`):                       `/healthChecks(0)/command/value error.path.missing`,
		with(`"readinessChecks":[{},{}]`):                             `/readinessChecks error.maxLength`,
		with(`"portDefinitions":[{"name":"Not OK"}]`):                 `/portDefinitions(0)/name error.pattern`,
		with(`"portDefinitions":[{"protocol":"sctp"}]`):               `/portDefinitions(0)/protocol error.unknown.enum.literal`,
		with(`"networks":[{"mode":"weave"}]`):                         `/networks(0)/mode error.unknown.enum.literal`,
		with(`"constraints":[["a",2]]`):                               `/constraints(0)(1) error.expected.jsstring`,
		with(`"constraints":[null]`):                                  `/constraints(0) error.expected.jsarray`,
		with(`"resourceLimits":{"cpus":"lots"}`):                      `/resourceLimits/cpus error.unknown.enum.literal`,
		with(`"executor":"a//b"`):                                     `/executor error.pattern`,
		with(`"check":[]`):                                            `/check error.expected.jsobject`,
		with(`"labels":{"a":true}`):                                   `/labels/a error.expected.jsstring`,
		with("\"labels\":{\"a\":\"\\u0000\"}"):                        `/labels/a must not contain the NUL character`,
	} {
		_, err := create(t, Settings{}, body)
		e := (*apps.Error)(nil)
		if !errors.As(err, &e) || e.Kind != apps.Invalid || e.Message != "Invalid JSON" || !has(e.Details, want) {
			t.Errorf("%s\n want Invalid JSON: %s\n  got %v %+v", body, want, err, detailsOf(err))
		}
	}
}

// has reports whether "path message" is among the details.
func has(details []apps.FieldErrors, want string) bool {
	path, message, _ := strings.Cut(want, " ")
	return slices.ContainsFunc(details, func(f apps.FieldErrors) bool { return f.Path == path && slices.Contains(f.Errors, message) })
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, err := create(t, Settings{}, `{"id":3,"cpus":"1","env":{"A":1,"B":2},"container":{"docker":{"parameters":[{"key":"a"}]}}}`)
	want := []apps.FieldErrors{
		{Path: "/id", Errors: []string{"error.expected.jsstring"}},
		{Path: "/env/A", Errors: []string{"error.expected.jsstring"}},
		{Path: "/env/B", Errors: []string{"error.expected.jsstring"}},
		{Path: "/cpus", Errors: []string{"error.expected.jsnumber"}},
		{Path: "/container/docker/image", Errors: []string{"error.path.missing"}},
		{Path: "/container/docker/parameters(0)/value", Errors: []string{"error.path.missing"}},
	}
	if diff := cmp.Diff(want, detailsOf(err)); diff != "" {
		t.Fatalf("faults (-want +got):\n%s", diff)
	}
}

func TestWhatIsNoJSONIsMalformed(t *testing.T) {
	for body, want := range map[string]string{
		``: "Please specify data in JSON format", `  `: "Please specify data in JSON format", `3`: "Please specify data in JSON format",
		`[]`: "Please specify data in JSON format", `null`: "Please specify data in JSON format",
		`{`: "Invalid JSON", `{"id":}`: "Invalid JSON", `{} {}`: "Invalid JSON", `{"id":"/a",}`: "Invalid JSON", "\x00": "Invalid JSON",
		strings.Repeat(`{"a":`, 20000): "Invalid JSON",
	} {
		_, err := create(t, Settings{}, body)
		e := (*apps.Error)(nil)
		if !errors.As(err, &e) || e.Kind != apps.Malformed || e.Message != want || e.Err == nil {
			t.Errorf("%.40q: want Malformed %q with a cause, got %v", body, want, err)
		}
	}
}

func TestMeaninglessAppsAreRefusedInMarathonsWords(t *testing.T) {
	const image = `"container":{"docker":{"image":"i"}}`
	const neither = "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."
	bridge := func(mappings, rest string) string {
		return docker(`"container":{"docker":{"image":"i"},"portMappings":[` + mappings + `]},"networks":[{"mode":"container/bridge"}]` + rest)
	}
	for _, test := range []struct{ body, want string }{
		{`{"id":"/a"}`, "/ " + neither},
		{with(`"args":["x"]`), "/ " + neither},
		{with(`"args":["x"],` + image), "/ " + neither},
		{`{"id":"/a","container":{"type":"MESOS"}}`, "/ " + neither},
		{`{"id":"/a","container":{"type":"DOCKER"},"cmd":"sleep 1"}`, "/container/docker not defined"},
		{`{"id":"/a","cmd":"x"}`, "/cmd must not be an empty string"},
		{`{"id":"/","cmd":"sleep 1"}`, "/id Path must contain at least one path element"},
		{`{"id":"/A","cmd":"sleep 1"}`, "/id must fully match regular expression '" + idPattern + "'"},
		{`{"id":"/a_b","cmd":"sleep 1"}`, "/id must fully match regular expression '" + segmentPattern + "'"},
		{`{"id":"/-a","cmd":"sleep 1"}`, "/id must fully match regular expression '" + segmentPattern + "'"},
		{`{"id":"/a b","cmd":"sleep 1"}`, "/id must fully match regular expression '" + segmentPattern + "'"},
		{`{"id":"/a/restart","cmd":"sleep 1"}`, "/id must not end with any of the following reserved keywords: restart, tasks, versions, ., .."},
		{`{"id":"/a/..","cmd":"sleep 1"}`, "/id must not end with any of the following reserved keywords: restart, tasks, versions, ., .."},
		{with(`"dependencies":["/B"]`), "/dependencies(0) must fully match regular expression '" + idPattern + "'"},

		{with(`"uris":["x"],"fetch":[{"uri":"y"}]`), "/ cannot specify both uris and fetch fields"},
		{with(`"ports":[1],"portDefinitions":[{"port":2}]`), "/ cannot specify both ports and port definitions"},
		{with(`"ports":[1,1]`), "/ ports must be unique"},
		{with(`"ports":[1],"ipAddress":{}`), "/ cannot specify both an IP address and port"},
		{with(`"portDefinitions":[{"port":1},{"port":1}]`), "/portDefinitions Ports must be unique."},
		{with(`"portDefinitions":[{"name":"x"},{"name":"x"}]`), "/portDefinitions Port names must be unique."},
		{bridge(`{"name":"x"},{"name":"x"}`, ""), "/container/portMappings Port names must be unique."},
		{bridge(`{"hostPort":80},{"hostPort":80,"protocol":"udp,tcp"}`, ""), "/container/portMappings Ports must be unique."},
		{docker(`"container":{"docker":{"image":"i"},"portMappings":[{"containerPort":80}]},"networks":[{"mode":"host"}]`), "/ portMappings are not allowed with host-networking"},
		{docker(`"container":{"docker":{"image":"i","network":"BRIDGE"}},"networks":[{"mode":"host"}]`), "/ must not specify both container.docker.network and networks"},
		{with(`"ipAddress":{},"networks":[{"mode":"host"}]`), "/ must not specify both networks and ipAddress"},
		{docker(`"container":{"docker":{"image":"i","network":"NONE"}}`), "/container/docker/network unsupported docker network type NONE"},
		{docker(`"container":{"docker":{"image":"i","portMappings":[{}]},"portMappings":[{}]}`), "/container cannot specify both container.docker.portMappings and container.portMappings"},
		{docker(image + `,"networks":[{}]`), "/networks Network name must be specified when container network is selected."},
		{with(`"networks":[{"mode":"host","name":"x"}]`), "/networks(0) Host networks may not have names or labels"},
		{docker(image + `,"networks":[{"mode":"container/bridge","name":"x"}]`), "/networks(0) Bridge networks may not have names"},
		{with(`"networks":[{"name":"x"},{"name":"x"}]`), "/networks Duplicate networks are not allowed"},
		{with(`"networks":[{"mode":"host"},{"name":"x"}]`), "/networks May specify a single host network, single bridge network, or else 1-to-n container networks"},
		{docker(image + `,"networks":[{"name":"x"},{"name":"y"}]`), "/networks may only specify a single container network when using the Docker container engine"},
		{with(`"networks":[{"name":"x"},{"name":"y"}],"container":{"type":"MESOS","portMappings":[{"hostPort":0}]}`),
			"/container/portMappings(0) networkNames must be a single item list when hostPort is specified and more than 1 container network is defined"},

		{with(`"healthChecks":[{"portIndex":1}]`), "/healthChecks(0) Health check port indices must address an element of the ports array or container port mappings."},
		{with(`"portDefinitions":[],"healthChecks":[{}]`), "/healthChecks(0) Health check port indices must address an element of the ports array or container port mappings."},
		{with(`"healthChecks":[{"protocol":"COMMAND"}]`), "/healthChecks(0)/command error.path.missing"},
		{with(`"healthChecks":[{"protocol":"MESOS_TCP"},{"protocol":"MESOS_HTTP"}]`), "/ AppDefinition can contain at most one Mesos health check"},
		{with(`"healthChecks":[{"ipProtocol":"IPv6"}]`), "/ IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks"},
		{with(`"readinessChecks":[{"portName":"x"}]`), "/readinessChecks(0) No port definition reference for portName x"},
		{with(`"readinessChecks":[{"portName":"default","timeoutSeconds":30}]`), "/readinessChecks(0)/timeoutSeconds must be less than intervalSeconds"},

		{with(`"constraints":[["a"]]`), "/constraints(0) Each constraint must have either 2 or 3 fields"},
		{with(`"constraints":[["a","NEAR"]]`), "/constraints(0) operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS"},
		{with(`"constraints":[["a","UNIQUE","x"]]`), "/constraints(0) UNIQUE does not accept a value"},
		{with(`"constraints":[["a","GROUP_BY","x"]]`), "/constraints(0) GROUP BY must define an integer value or else no value at all"},
		{with(`"constraints":[["a","MAX_PER"]]`), "/constraints(0) MAX_PER requires an integer value"},
		{with(`"constraints":[["a","LIKE"]]`), "/constraints(0) LIKE and UNLIKE require a non-empty, regular expression value"},
		{with(`"constraints":[["a","LIKE","("]]`), "/constraints(0) '(' is not a valid regular expression"},
		{with(`"constraints":[["a","IS","{x}"]]`), "/constraints(0) IS only supports Mesos text and float values (see http://mesos.apache.org/documentation/latest/attributes-resources/)"},
		{with(`"constraints":[["","UNIQUE"]]`), "/constraints(0) missing field for constraint declaration"},

		{with(`"secrets":{"s":{"source":"x"}}`), "/secrets Feature secrets is not enabled. Enable with --enable_features secrets)"},
		{with(`"env":{"A":{"secret":"s"}}`), "/env Feature secrets is not enabled. Enable with --enable_features secrets)"},
		{with(`"gpus":1`), "/gpus Feature gpu_resources is not enabled. Enable with --enable_features gpu_resources)"},
		{docker(`"gpus":1,` + image), "/ GPU resources only work with the Mesos containerizer"},
		{docker(`"check":{},` + image), "/ AppDefinition must not use 'checks' if using docker"},
		{docker(`"container":{"docker":{"image":"i","pullConfig":{"secret":"s"}}}`), "/container/docker/pullConfig pullConfig is not supported with Docker containerizer"},
		{docker(`"container":{"docker":{"image":"i"},"volumes":[{"containerPath":"/x","mode":"RW","external":{}}]}`),
			"/container/volumes(0) Feature external_volumes is not enabled. Enable with --enable_features external_volumes)"},
		{docker(`"container":{"docker":{"image":"i"},"volumes":[{"containerPath":"/x","mode":"RW"}]}`), "/container/volumes(0)/hostPath error.path.missing"},
		{docker(`"container":{"docker":{"image":"i"},"volumes":[{"containerPath":"/x","hostPath":"/y"}]}`), "/container/volumes(0)/mode error.path.missing"},
		{docker(`"container":{"docker":{"image":"i","credential":{"principal":"x"}}}`), "/container/docker/credential credential is not supported: use pullConfig"},

		{with(`"unreachableStrategy":{"inactiveAfterSeconds":3,"expungeAfterSeconds":2}`),
			"/unreachableStrategy inactiveAfterSeconds (3) must be less or equal to expungeAfterSeconds, which is 2"},
		{with(`"unreachableStrategy":{},"container":{"type":"MESOS","volumes":[{"containerPath":"d","persistent":{"size":1}}]}`),
			"/unreachableStrategy unreachableStrategy must be disabled for resident tasks"},
		{with(`"labels":{"MARATHON_SINGLE_INSTANCE_APP":"true"},"instances":2,"upgradeStrategy":{"minimumHealthCapacity":0,"maximumOverCapacity":0}`),
			"/instances Single instance app may only have one instance"},
		{with(`"labels":{"DCOS_MIGRATION_API_VERSION":"v2"}`), "/labels DCOS_MIGRATION_API_VERSION must be v1"},
		{with(`"acceptedResourceRoles":[]`), "/acceptedResourceRoles must not be empty"},
		{with(`"role":"a b"`), "/role is not a valid role: write a word without blanks or slashes, or *"},
		{with(`"resourceLimits":{"cpus":0.5}`), "/resourceLimits/cpus resource limit must be greater than or equal to requested resource value (1)"},
	} {
		_, err := create(t, Settings{}, test.body)
		e := (*apps.Error)(nil)
		if !errors.As(err, &e) || e.Kind != apps.Invalid || e.Message != "Object is not valid" || !has(e.Details, test.want) {
			t.Errorf("%s\n want %s\n  got %v %+v", test.body, test.want, err, detailsOf(err))
		}
	}
}

func TestAppsThatMarathonAcceptsAreAccepted(t *testing.T) {
	for _, body := range []string{
		`{"id":"web","cmd":"sleep 1"}`,
		`{"id":"/a.b-c.d/e1","args":["x"],"container":{"docker":{"image":"i"}}}`,
		docker(`"container":{"docker":{"image":"i"}}`),
		docker(`"container":{"type":"MESOS","docker":{"image":"i"}}`),
		with(`"constraints":[["a","CLUSTER"],["a","CLUSTER","v"],["a","MAX_PER","2"],["a","UNLIKE","x.*"],["a","IS","1.5"],["@zone","GROUP_BY"]]`),
		with(`"portDefinitions":[{"port":53,"protocol":"udp,tcp"},{"port":0},{"port":0}]`),
		docker(`"container":{"docker":{"image":"i"},"portMappings":[{"hostPort":53,"protocol":"udp"},{"hostPort":53,"protocol":"tcp"}]},"networks":[{"mode":"container/bridge"}]`),
		docker(`"container":{"docker":{"image":"i"},"volumes":[{"containerPath":"/data","hostPath":"/srv","mode":"RO"}]}`),
		with(`"labels":{"MARATHON_SINGLE_INSTANCE_APP":"true"},"upgradeStrategy":{"minimumHealthCapacity":0,"maximumOverCapacity":0}`),
		with(`"unreachableStrategy":"disabled","killSelection":"OLDEST_FIRST","role":"dev","acceptedResourceRoles":["*","dev"]`),
		docker(`"container":{"docker":{"image":"i"}},"healthChecks":[{"protocol":"MESOS_HTTP","ipProtocol":"IPv6"},{"protocol":"COMMAND","command":{"value":"true"}}]`),
	} {
		if _, err := create(t, Settings{}, body); err != nil {
			t.Errorf("%s\n was refused: %v %+v", body, err, detailsOf(err))
		}
	}
}
