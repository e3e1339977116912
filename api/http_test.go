package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// serve opens a door on loopback, behind the server that production uses.
func serve(t testing.TB, c Config) *httptest.Server {
	t.Helper()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewServer(New(c))
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// An exchange is an answer, read to its end.
type exchange struct {
	status int
	header http.Header
	body   string
}

// do sends a request with its path exactly as written, and follows no redirect.
func do(t testing.TB, server *httptest.Server, method, target, body string, headers ...string) exchange {
	t.Helper()
	req, err := http.NewRequest(method, server.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	req.URL.Opaque = "//" + req.URL.Host + path
	req.URL.RawQuery = query
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	conform(t, method, target, res.StatusCode, res.Header, string(b))
	return exchange{res.StatusCode, res.Header, string(b)}
}

func app(t testing.TB, body string) *apps.App {
	t.Helper()
	var a wire.App
	if _, err := wire.Read([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	spec, err := a.Create(wire.Settings{DefaultNetwork: "blue"}, "")
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	spec.Version, spec.ConfigAt, spec.ScaledAt = 1000, 1000, 1000
	return spec
}

func message(t testing.TB, x exchange) string {
	t.Helper()
	var e wire.Error
	if err := json.Unmarshal([]byte(x.body), &e); err != nil {
		t.Fatalf("want a JSON error, got %d %q", x.status, x.body)
	}
	return e.Message
}

func TestEverySpellingOfAPathReachesTheSameApp(t *testing.T) {
	l := newLedger()
	l.put(app(t, `{"id":"/a/b","cmd":"sleep 1"}`))
	server := serve(t, l.config())
	for _, path := range []string{
		"/v2/apps/a/b", "/v2/apps//a/b", "/v2/apps/%2Fa%2Fb", "/v2/apps/%2fa/b", "/v2/apps/a%2Fb/", "/v2/apps///a//b//", "/v2/apps/%61/b",
		"/service/marathon/v2/apps/a/b", "/service/marathon/v2/apps//a/b",
	} {
		x := do(t, server, "GET", path, "")
		var one wire.OneApp
		if err := json.Unmarshal([]byte(x.body), &one); err != nil || x.status != 200 || one.App.ID != "/a/b" {
			t.Errorf("GET %s: want /a/b, got %d %s", path, x.status, x.body)
		}
	}
	for _, path := range []string{"/v2/apps/a/b/versions", "/v2/apps//a/b/versions", "/v2/apps/%2Fa%2Fb/versions", "/v2/apps/%2Fa%2Fb/versions/"} {
		if x := do(t, server, "GET", path, ""); x.status != 200 || x.body != `{"versions":["1970-01-01T00:00:01.000Z"]}`+"\n" {
			t.Errorf("GET %s: want its versions, got %d %s", path, x.status, x.body)
		}
	}
}

func TestEveryRefusalIsJSONWithAMessage(t *testing.T) {
	l := newLedger()
	l.put(app(t, `{"id":"/a","cmd":"sleep 1"}`))
	l.submit = func(cluster.Event) (cluster.Reply, error) { return cluster.Reply{}, errors.New("disk full") }
	c := l.config()
	c.UI = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh no") })
	server := serve(t, c)
	big := `{"id":"/b","cmd":"` + strings.Repeat("x", bodyMax) + `"}`
	for _, test := range []struct {
		method, path, body string
		headers            []string
		status             int
		message            string
	}{
		{"GET", "/v2/nothing", "", nil, 404, "URI not found: /v2/nothing"},
		{"GET", "/v2//nothing%20here", "", nil, 404, "URI not found: /v2//nothing%20here"},
		{"GET", "/v2/artifacts", "", nil, 404, "URI not found: /v2/artifacts"},
		{"PUT", "/ping", "", nil, 405, "PUT is not possible here: use GET, HEAD, OPTIONS"},
		{"BREW", "/v2/apps", "", nil, 405, "BREW is no method of HTTP"},
		{"POST", "/v2/apps/a", "{}", nil, 405, "POST is not possible here: use GET, HEAD, PUT, DELETE, PATCH, OPTIONS"},
		{"GET", "/v2/apps/a/restart", "", nil, 405, "GET is not possible here: use POST, OPTIONS"},
		{"GET", "/v2/events", "", nil, 405, "This is an event stream: ask for it with 'Accept: text/event-stream'"},
		{"GET", "/v2/apps/nope", "", nil, 404, "App '/nope' does not exist"},
		{"GET", "/v2/apps/nope/versions", "", nil, 404, "App '/nope' does not exist"},
		{"GET", "/v2/apps/nope/tasks", "", nil, 404, "App '/nope' does not exist"},
		{"GET", "/v2/apps/nope/*", "", nil, 404, "Group '/nope' does not exist"},
		{"GET", "/v2/apps/a/versions/2015-09-25T15:13:48.343Z", "", nil, 404, "App '/a' does not exist in version 2015-09-25T15:13:48.343Z"},
		{"GET", "/v2/apps/a/versions/now", "", nil, 422, `"now" is not a version: write a time like 2015-09-25T15:13:48.343Z`},
		{"GET", "/v2/apps?label=a%20b", "", nil, 422, "Can not parse label selector 'a b': not understood from 'b'"},
		{"GET", "/v2/groups/nope", "", nil, 404, "Group '/nope' does not exist"},
		{"DELETE", "/v2/groups/nope", "", nil, 404, "Group '/nope' does not exist"},
		{"GET", "/v2/queue/a", "", nil, 404, "URI not found: /v2/queue/a"},
		{"GET", "/v2/plugins/x/y", "", nil, 404, "No plugin with this pluginId: x"},
		{"POST", "/v2/eventSubscriptions", "", nil, 422, `callbackUrl must be an absolute http or https URL, not ""`},
		{"GET", "/pacer/v1/hosts/nope", "", nil, 404, "Host 'nope' does not exist"},
		{"GET", "/pacer/v1/deployments/nope", "", nil, 404, "DeploymentPlan nope does not exist"},
		{"GET", "/pacer/v1/discovery/nope", "", nil, 404, "App '/nope' does not exist"},
		{"GET", "/pacer/v1/apps/a/logs", "", nil, 503, "This server cannot fetch logs"},
		{"GET", "/pacer/v1/apps/a/logs?tail=-1", "", nil, 422, `tail must be a number of lines from 0 (all) to 100000, not "-1"`},
		{"POST", "/v2/apps", "{", nil, 400, "Invalid JSON"},
		{"POST", "/v2/apps", "", nil, 400, "Please specify data in JSON format"},
		{"POST", "/v2/apps", "[]", nil, 400, "Please specify data in JSON format"},
		{"PUT", "/v2/apps", "{}", nil, 400, "Please specify data in JSON format"},
		{"POST", "/v2/apps", "id=/a", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "The body must be JSON: send it with 'Content-Type: application/json'"},
		{"POST", "/v2/apps", big, nil, 413, "The body is larger than 10 MiB"},
		{"POST", "/v2/apps", `{"id":3}`, nil, 422, "Invalid JSON"},
		{"POST", "/v2/apps", `{"id":"/x"}`, nil, 422, "Object is not valid"},
		{"POST", "/v2/apps?force=maybe", `{"id":"/x","cmd":"sleep 1"}`, nil, 422, `force must be true or false, not "maybe"`},
		{"PATCH", "/v2/apps/nope", `{"instances":1}`, nil, 404, "App '/nope' does not exist"},
		{"PATCH", "/v2/apps", `[{"id":"/nope","instances":1}]`, nil, 404, "App '/nope' does not exist"},
		{"PUT", "/v2/apps/a", `{"version":"2015-09-25T15:13:48.343Z"}`, nil, 404, "App '/a' does not exist in version 2015-09-25T15:13:48.343Z"},
		{"PUT", "/v2/apps/a", `{"version":"2015-09-25T15:13:48.343Z","cpus":1}`, nil, 422, "The 'version' field may only be combined with the 'id' field."},
		{"POST", "/v2/tasks/delete", `{"ids":["nonsense"]}`, nil, 400, "Invalid task id 'nonsense'. [Expected the form app.instance-uuid._app.1]"},
		{"POST", "/v2/tasks/delete?scale=true&wipe=true", `{"ids":[]}`, nil, 400, "You cannot use scale and wipe at the same time."},
		{"DELETE", "/v2/apps/a/tasks/a.instance-x._app.1", "", nil, 404, "Task 'a.instance-x._app.1' does not exist"},
		{"DELETE", "/v2/apps/a", "", nil, 500, "Something went wrong on the server; its log says what"},
		{"GET", "/ui/", "", nil, 500, "Something went wrong on the server; its log says what"},
	} {
		x := do(t, server, test.method, test.path, test.body, test.headers...)
		if got := message(t, x); x.status != test.status || got != test.message {
			t.Errorf("%s %s %.40s\n want %d %s\n  got %d %s", test.method, test.path, test.body, test.status, test.message, x.status, got)
		}
		if kind := x.header.Get("Content-Type"); kind != "application/json" {
			t.Errorf("%s %s: want JSON, got %s", test.method, test.path, kind)
		}
	}
}

func TestFaultsOfABodyHavePaths(t *testing.T) {
	l := newLedger()
	server := serve(t, l.config())
	for _, test := range []struct{ method, path, body, want string }{
		{"POST", "/v2/apps", `{"id":"/a","cmd":"sleep 1","cpus":"1"}`, `{"message":"Invalid JSON","details":[{"path":"/cpus","errors":["error.expected.jsnumber"]}]}`},
		{"POST", "/v2/apps", `{"id":"/a","cmd":"sleep 1","constraints":[["a","UNIQUE","x"]]}`,
			`{"message":"Object is not valid","details":[{"path":"/constraints(0)","errors":["UNIQUE does not accept a value"]}]}`},
		{"PUT", "/v2/apps", `[{"id":"/a","cmd":"sleep 1"},{"id":"/b"}]`,
			`{"message":"Object is not valid","details":[{"path":"(1)","errors":["AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."]}]}`},
		{"PUT", "/v2/apps", `[{"cmd":"sleep 1"}]`, `{"message":"Invalid JSON","details":[{"path":"(0)/id","errors":["error.path.missing"]}]}`},
		{"POST", "/v2/apps", `{"id":`, `{"message":"Invalid JSON","details":"unexpected EOF"}`},
	} {
		x := do(t, server, test.method, test.path, test.body)
		if got := strings.TrimSpace(x.body); got != test.want {
			t.Errorf("%s %s %s\n want %s\n  got %s", test.method, test.path, test.body, test.want, got)
		}
	}
}

func TestErrorsOfTheDeployerBecomeStatuses(t *testing.T) {
	for want, refusal := range map[int]error{
		http.StatusConflict:  &apps.Error{Kind: apps.Conflict, Message: "App is locked", Deployments: []string{"d1", "d2"}},
		http.StatusForbidden: apps.Errorf(apps.Forbidden, "Max number (100)"), http.StatusServiceUnavailable: apps.Errorf(apps.Unavailable, "no database"),
		http.StatusNotFound: apps.Errorf(apps.NotFound, "App '/a' does not exist"), http.StatusUnprocessableEntity: apps.Errorf(apps.Invalid, "no"),
	} {
		l := newLedger()
		l.put(app(t, `{"id":"/a","cmd":"sleep 1"}`))
		l.submit = func(cluster.Event) (cluster.Reply, error) { return cluster.Reply{Err: refusal}, nil }
		x := do(t, serve(t, l.config()), "POST", "/v2/apps/a/restart", "")
		if x.status != want || message(t, x) != refusal.Error() {
			t.Errorf("want %d %v, got %d %s", want, refusal, x.status, x.body)
		}
		if locked := `"deployments":[{"id":"d1"},{"id":"d2"}]`; strings.Contains(x.body, "deployments") != (want == 409) || want == 409 && !strings.Contains(x.body, locked) {
			t.Errorf("%d: only a lock names deployments, got %s", want, x.body)
		}
	}
}

func TestAnAnswerThatTakesTooLongIs503(t *testing.T) {
	l := newLedger()
	c := l.config()
	c.Deployer = stuck{l}
	c.Answer = 10 * time.Millisecond
	x := do(t, serve(t, c), "DELETE", "/v2/apps/a", "")
	if want := "The answer took too long. A change may still take effect: look before you try again."; x.status != 503 || message(t, x) != want {
		t.Fatalf("want 503 %s, got %d %s", want, x.status, x.body)
	}
}

func TestHeadersOfAnswers(t *testing.T) {
	l := newLedger()
	l.put(app(t, `{"id":"/a","cmd":"sleep 1"}`))
	server := serve(t, l.config())
	x := do(t, server, "GET", "/v2/apps", "")
	for name, want := range map[string]string{
		"X-Marathon-Leader": "http://10.0.0.1:8080", "Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache", "Expires": "0",
		"X-Frame-Options": "DENY", "X-XSS-Protection": "1; mode=block", "Content-Type": "application/json", "Content-Encoding": "",
	} {
		if got := x.header.Get(name); got != want {
			t.Errorf("%s: want %q, got %q", name, want, got)
		}
	}
	if x := do(t, server, "GET", "/v2/apps", "", "Accept-Encoding", "gzip"); x.header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(x.body, "\x1f\x8b") {
		t.Errorf("want gzip for who takes it, got %q", x.header)
	}
	if x := do(t, server, "HEAD", "/v2/apps", ""); x.status != 200 || x.body != "" {
		t.Errorf("HEAD: want 200 and nothing, got %d %q", x.status, x.body)
	}
	if x := do(t, server, "OPTIONS", "/v2/apps/a", ""); x.status != 204 || x.header.Get("Allow") != "GET, HEAD, PUT, DELETE, PATCH, OPTIONS" {
		t.Errorf("OPTIONS: want the methods, got %d %q", x.status, x.header.Get("Allow"))
	}
	if x := do(t, server, "GET", "/", ""); x.status != 302 || x.header.Get("Location") != "/ui/" {
		t.Errorf("/: want a redirect to /ui/, got %d %q", x.status, x.header.Get("Location"))
	}
}

func TestAMisspelledFieldIsToldInAWarning(t *testing.T) {
	l := newLedger()
	l.submit = func(ev cluster.Event) (cluster.Reply, error) {
		return cluster.Reply{Deployment: "d1", Version: 2000}, nil
	}
	x := do(t, serve(t, l.config()), "PUT", "/v2/apps/a", `{"cmd":"sleep 1","instnaces":2}`)
	if want := `299 - "unknown fields ignored: /instnaces"`; x.status != 201 || x.header.Get("Warning") != want {
		t.Fatalf("want 201 and %s, got %d %s %s", want, x.status, x.header.Get("Warning"), x.body)
	}
}

func TestPing(t *testing.T) {
	l := newLedger()
	l.lead(false, true)
	server := serve(t, l.config())
	for accept, want := range map[string]exchange{
		"*/*": {200, nil, "pong"}, "text/*": {200, nil, "pong"}, "text/html, */*;q=0.1": {200, nil, "pong"},
		"application/json": {200, nil, `"pong"`}, "image/png": {204, nil, ""},
	} {
		if x := do(t, server, "GET", "/ping", "", "Accept", accept); x.status != want.status || x.body != want.body {
			t.Errorf("Accept %s: want %d %s, got %d %s", accept, want.status, want.body, x.status, x.body)
		}
	}
}

func TestHealthAndMetricsAreAnsweredWithoutALeader(t *testing.T) {
	l := newLedger()
	l.lead(false, true)
	c := l.config()
	c.Metrics = []func(io.Writer){func(w io.Writer) { fmt.Fprintln(w, "pacer_step_seconds 1") }}
	server := serve(t, c)
	if x := do(t, server, "GET", "/health/live", ""); x.status != 200 {
		t.Errorf("live: %d %s", x.status, x.body)
	}
	if x := do(t, server, "GET", "/health/ready", ""); x.status != 503 || message(t, x) != "Not ready: no leader is known" {
		t.Errorf("ready: %d %s", x.status, x.body)
	}
	x := do(t, server, "GET", "/metrics", "")
	for _, want := range []string{"pacer_step_seconds 1\n", `pacer_http_requests_total{status="2xx"} 1` + "\n", `pacer_http_requests_total{status="5xx"} 1` + "\n", "pacer_http_request_seconds_count 2\n"} {
		if !strings.Contains(x.body, want) {
			t.Errorf("metrics: want %q in\n%s", want, x.body)
		}
	}
	l.lead(false, false)
	l.put(app(t, `{"id":"/g/a","cmd":"sleep 1"}`))
	if x := do(t, server, "GET", "/metrics", "", "Accept", "application/json"); !strings.Contains(x.body, `"marathon.apps.active.gauge":{"value":1}`) ||
		!strings.Contains(x.body, `"marathon.groups.active.gauge":{"value":2}`) {
		t.Errorf("Marathon's metrics: %s", x.body)
	}
	if x := do(t, server, "GET", "/health/ready", ""); x.status != 200 {
		t.Errorf("ready with a leader: %d %s", x.status, x.body)
	}
}

func TestAFollowerPassesRequestsOn(t *testing.T) {
	leader := newLedger()
	leader.put(app(t, `{"id":"/a/b","cmd":"sleep 1"}`))
	var asked cluster.Change
	leader.submit = func(ev cluster.Event) (cluster.Reply, error) {
		asked = ev.(cluster.Change)
		return cluster.Reply{Deployment: "d1", Version: 2000}, nil
	}
	leads := serve(t, leader.config())
	leader.leader.URL = leads.URL
	follower := newLedger()
	follower.leader.URL = leads.URL
	follower.lead(true, false)
	server := serve(t, follower.config())

	if x := do(t, server, "GET", "/v2/apps/%2Fa%2Fb", ""); x.status != 200 || !strings.Contains(x.body, `"id":"/a/b"`) || x.header.Get("X-Marathon-Leader") != leads.URL {
		t.Errorf("want the leader's answer, got %d %s %v", x.status, x.body, x.header)
	}
	x := do(t, server, "POST", "/v2/apps", `{"id":"/c","cmd":"sleep 1"}`)
	if want := server.URL + "/c"; x.status != 201 || x.header.Get("Location") != want || x.header.Get("Marathon-Deployment-Id") != "d1" {
		t.Errorf("want 201 and Location %s, got %d %v %s", want, x.status, x.header, x.body)
	}
	if asked.ClientIP != "127.0.0.1" || asked.URI != "/v2/apps" || len(asked.Deployment) != 36 {
		t.Errorf("the change has to say who asked for what, got %+v", asked)
	}
	big := `{"id":"/b","cmd":"` + strings.Repeat("x", bodyMax) + `"}`
	if x := do(t, server, "POST", "/v2/apps", big); x.status != 413 {
		t.Errorf("a body that is too long: want 413, got %d %s", x.status, x.body)
	}
	if x := do(t, server, "GET", "/v2/apps", "", "Accept-Encoding", "gzip"); x.header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(x.body, "\x1f\x8b") {
		t.Errorf("want the leader's gzip as it is, got %v", x.header)
	}
	events, _ := stream(t, server, "/v2/events", "")
	if first := events.next(t); first.event != "event_stream_attached" {
		t.Errorf("want the leader's stream, got %+v", first)
	}
	leader.tell(apps.Notice{Seq: 1, Type: "app_terminated_event", App: "/x"})
	if second := events.next(t); second.event != "app_terminated_event" {
		t.Errorf("want an event at once, got %+v", second)
	}
}

func TestTwoThatBelieveInEachOtherDoNotPassARequestOnForEver(t *testing.T) {
	one, two := newLedger(), newLedger()
	one.lead(true, false)
	two.lead(true, false)
	c1, c2 := one.config(), two.config()
	c1.LeaderWait, c2.LeaderWait = 50*time.Millisecond, 50*time.Millisecond
	s1, s2 := serve(t, c1), serve(t, c2)
	one.leader.URL, two.leader.URL = s2.URL, s1.URL
	if x := do(t, s1, "GET", "/v2/apps", ""); x.status != 502 || message(t, x) != "Could not determine the current leader" {
		t.Fatalf("want 502, got %d %s", x.status, x.body)
	}
}

func TestARequestWaitsForALeader(t *testing.T) {
	l := newLedger()
	l.lead(false, true)
	server := serve(t, l.config())
	answer := make(chan exchange, 1)
	go func() { answer <- do(t, server, "GET", "/v2/apps", "") }()
	eventually(t, "the request waits", func() bool {
		return strings.Contains(do(t, server, "GET", "/metrics", "").body, "pacer_http_requests_active 2")
	})
	l.lead(false, false)
	if x := <-answer; x.status != 200 {
		t.Fatalf("want 200 once there is a leader, got %d %s", x.status, x.body)
	}
}

func TestWithoutALeaderARequestIsRefusedAfterAWhile(t *testing.T) {
	l := newLedger()
	l.lead(false, true)
	c := l.config()
	c.LeaderWait = 30 * time.Millisecond
	if x := do(t, serve(t, c), "GET", "/v2/apps", ""); x.status != 502 || message(t, x) != "Could not determine the current leader" {
		t.Fatalf("want 502, got %d %s", x.status, x.body)
	}
}

func TestALeaderThatIsGoneIs502(t *testing.T) {
	l := newLedger()
	l.lead(true, false)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.leader.URL = "http://" + listener.Addr().String()
	listener.Close()
	if x := do(t, serve(t, l.config()), "GET", "/v2/apps", ""); x.status != 502 || !strings.HasPrefix(message(t, x), "The leader did not answer.") {
		t.Fatalf("want 502, got %d %s", x.status, x.body)
	}
}

func TestAbdicating(t *testing.T) {
	l := newLedger()
	server := serve(t, l.config())
	if x := do(t, server, "GET", "/v2/leader", `""`); x.body != `{"leader":"10.0.0.1:8080"}`+"\n" { // go-marathon sends a body
		t.Errorf("leader: %s", x.body)
	}
	if x := do(t, server, "GET", "/pacer/v1/leader", ""); x.body != `{"name":"s1","url":"http://10.0.0.1:8080","epoch":7,"self":true}`+"\n" {
		t.Errorf("leader: %s", x.body)
	}
	if x := do(t, server, "DELETE", "/v2/leader", ""); x.status != 200 || x.body != `{"message":"Leadership abdicated"}`+"\n" {
		t.Errorf("abdicate: %d %s", x.status, x.body)
	}
	eventually(t, "leadership is given up", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.left
	})
}

// A frame is one server-sent event.
type frame struct{ id, event, data string }

// frames reads a stream.
type frames struct {
	lines *bufio.Reader
	beats int
}

// stream opens the event stream.
func stream(t testing.TB, server *httptest.Server, target, lastEventID string) (*frames, *http.Response) {
	t.Helper()
	u, err := url.Parse(server.URL + target)
	if err != nil {
		t.Fatal(err)
	}
	req := &http.Request{Method: "GET", URL: u, Header: http.Header{"Accept": {"text/event-stream"}}}
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	res, err := (&http.Client{Transport: transport}).Do(req.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || kind != "text/event-stream" || res.Header.Get("Content-Encoding") != "" {
		t.Fatalf("want a stream, got %d %v", res.StatusCode, res.Header)
	}
	return &frames{lines: bufio.NewReader(res.Body)}, res
}

// next reads a frame, byte by byte as Marathon writes it.
func (f *frames) next(t testing.TB) (out frame) {
	t.Helper()
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		text, crlf := strings.CutSuffix(line, "\r\n")
		if !crlf {
			t.Fatalf("want CRLF at the end of each line, got %q", line)
		}
		if text == "" {
			if out != (frame{}) {
				return out
			}
			f.beats++
			continue
		}
		name, v, _ := strings.Cut(text, ": ")
		switch name {
		case "id":
			out.id = v
		case "event":
			out.event = v
		case "data":
			out.data = v
		default:
			t.Fatalf("a line that Marathon does not send: %q", line)
		}
	}
}

func TestInfoHasNoKeyThatMarathonHasNot(t *testing.T) {
	l := newLedger()
	x := do(t, serve(t, l.config()), "GET", "/v2/info", "")
	var info map[string]any
	if err := json.Unmarshal([]byte(x.body), &info); err != nil {
		t.Fatal(err)
	}
	allowed := map[string]string{
		"": "event_subscriber frameworkId http_config leader marathon_config name version elected zookeeper_config buildref",
		"marathon_config": `access_control_allow_origin checkpoint decline_offer_duration default_network_name env_vars_prefix executor failover_timeout
			features framework_name ha hostname launch_token launch_token_refresh_interval leader_proxy_connection_timeout_ms
			leader_proxy_read_timeout_ms local_port_max local_port_min maintenance_mode master max_instances_per_offer mesos_bridge_name
			mesos_heartbeat_failure_threshold mesos_heartbeat_interval mesos_leader_ui_url mesos_role mesos_user min_revive_offers_interval
			new_group_enforce_role offer_matching_timeout on_elected_prepare_timeout reconciliation_initial_delay reconciliation_interval
			revive_offers_for_new_apps revive_offers_repetitions scale_apps_initial_delay scale_apps_interval store_cache marathon_store_timeout
			task_launch_confirm_timeout task_launch_timeout task_lost_expunge_initial_delay task_lost_expunge_interval task_reservation_timeout webui_url`,
		"zookeeper_config": `zk zk_hosts zk_path zk_state zk_timeout zk_future_timeout zk_max_versions zk_session_timeout zk_connection_timeout
			zk_compression zk_compression_threshold zk_max_node_size`,
		"http_config": "assets_path http_port https_port",
	}
	for section, keys := range allowed {
		object := info
		if section != "" {
			object = info[section].(map[string]any)
		}
		known := map[string]bool{}
		for _, key := range strings.Fields(keys) {
			known[key] = true
		}
		for key := range object {
			if !known[key] {
				t.Errorf("%s: clients stop at the key %s", section, key)
			}
		}
	}
	if diff := cmp.Diff([]any{"marathon", true, "10.0.0.1:8080", 8080.0}, []any{info["name"], info["elected"], info["leader"], info["http_config"].(map[string]any)["http_port"]}); diff != "" {
		t.Errorf("info (-want +got):\n%s", diff)
	}
}

// indent makes JSON readable and comparable.
func indent(t testing.TB, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("no JSON: %s", text)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
