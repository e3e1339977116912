package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"pacer/apps"
)

func notice(seq uint64) apps.Notice {
	return apps.Notice{Seq: seq, Type: "app_terminated_event", App: apps.ID("/a" + strconv.FormatUint(seq, 10)), At: time.UnixMilli(int64(seq)).UTC()}
}

func TestTheFirstEventIsOnesOwnArrival(t *testing.T) {
	l := newLedger()
	events, _ := stream(t, serve(t, l.config()), "/v2/events", "")
	first := events.next(t)
	var data struct{ EventType, Timestamp, RemoteAddress string }
	if err := json.Unmarshal([]byte(first.data), &data); err != nil {
		t.Fatal(err)
	}
	if first.id != "" || first.event != "event_stream_attached" || data.EventType != first.event || data.RemoteAddress != "127.0.0.1" {
		t.Fatalf("want event_stream_attached without an id, got %+v", first)
	}
}

func TestAStreamResumesWithoutAGapOrARepetition(t *testing.T) {
	l := newLedger()
	const old, all = 1700, 2600
	for seq := uint64(1); seq <= old; seq++ {
		l.tell(notice(seq))
	}
	server := serve(t, l.config())
	events, _ := stream(t, server, "/v2/events", "3")
	told := make(chan bool)
	go func() { // while the past is still being read
		defer close(told)
		for seq := uint64(old + 1); seq <= all; seq++ {
			if seq%7 == 0 {
				l.untold(notice(seq)) // committed, but the live channel never says it
			} else {
				l.tell(notice(seq))
			}
		}
	}()
	if first := events.next(t); first.event != "event_stream_attached" {
		t.Fatalf("want event_stream_attached first, got %+v", first)
	}
	for want := uint64(4); want <= all; want++ {
		got := events.next(t)
		if got.id != strconv.FormatUint(want, 10) || !strings.Contains(got.data, fmt.Sprintf(`"appId":"/a%d"`, want)) {
			t.Fatalf("want event %d, got %+v", want, got)
		}
	}
	<-told
}

func TestAStreamOfTheFutureBeginsNow(t *testing.T) {
	l := newLedger()
	for seq := uint64(1); seq <= 5; seq++ {
		l.tell(notice(seq))
	}
	server := serve(t, l.config())
	for name, id := range map[string]string{"without an id": "", "with an id that is not there yet": "900"} {
		events, _ := stream(t, server, "/v2/events", id)
		events.next(t)
		l.mu.Lock()
		next := l.notices[len(l.notices)-1].Seq + 1
		l.mu.Unlock()
		l.tell(notice(next))
		if got := events.next(t); got.id != strconv.FormatUint(next, 10) {
			t.Errorf("%s: want event %d, got %+v", name, next, got)
		}
	}
}

func TestAStreamHasOnlyTheTypesThatAreWanted(t *testing.T) {
	l := newLedger()
	events, _ := stream(t, serve(t, l.config()), "/v2/events?event_type=deployment_success&event_type=group_change_success&lastEventId=0", "")
	l.tell(notice(1))
	l.tell(apps.Notice{Seq: 2, Type: "group_change_success"})
	l.tell(apps.Notice{Seq: 3, Type: "something_that_marathon_has_not"})
	l.tell(apps.Notice{Seq: 4, Type: "deployment_success", Deployment: &apps.Deployment{ID: "d"}})
	if got := events.next(t); got.id != "2" || got.event != "group_change_success" {
		t.Errorf("want event 2 first, got %+v", got)
	}
	if got := events.next(t); got.id != "4" || got.event != "deployment_success" {
		t.Errorf("want event 4 next, got %+v", got)
	}
}

func TestMarathonsClientsAreSparedEventsThatTheyDoNotKnow(t *testing.T) {
	l := newLedger()
	l.tell(apps.Notice{Seq: 1, Type: "pacer_host_lost", Host: "h1", Message: "silent for 5 s"})
	l.tell(notice(2))
	server := serve(t, l.config())
	for query, want := range map[string]string{"": "2", "?own=true": "1", "?event_type=pacer_host_lost": "1", "?own=true&event_type=app_terminated_event": "2"} {
		events, _ := stream(t, server, "/v2/events"+query, "0")
		got := events.next(t)
		if got.event == "event_stream_attached" {
			got = events.next(t)
		}
		if got.id != want || want == "1" && !strings.Contains(got.data, `"host":"h1","message":"silent for 5 s"`) {
			t.Errorf("%q: want event %s, got %+v", query, want, got)
		}
	}
}

func TestAQuietStreamHasAHeartbeat(t *testing.T) {
	l := newLedger()
	c := l.config()
	c.Heartbeat = time.Millisecond
	events, _ := stream(t, serve(t, c), "/v2/events", "")
	events.next(t)
	for i := range 3 { // blank lines alone: Marathon's heartbeat
		if line, err := events.lines.ReadString('\n'); err != nil || line != "\r\n" {
			t.Fatalf("heartbeat %d: want an empty line, got %q, %v", i, line, err)
		}
	}
}

func TestAListenerThatIsCutIsDisconnected(t *testing.T) {
	l := newLedger()
	events, _ := stream(t, serve(t, l.config()), "/v2/events", "")
	events.next(t)
	eventually(t, "the stream listens", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.listeners) > 0
	})
	l.cut()
	if line, err := events.lines.ReadString('\n'); err == nil {
		t.Fatalf("want the end of the stream, got %q", line)
	}
}

func TestAListenerThatLeavesIsForgotten(t *testing.T) {
	l := newLedger()
	events, res := stream(t, serve(t, l.config()), "/v2/events", "")
	events.next(t)
	eventually(t, "the stream listens", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.listeners) > 0
	})
	res.Body.Close()
	eventually(t, "its subscription ends", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.listeners) == 0
	})
}

func TestALastEventIDThatIsNoNumberIsRefused(t *testing.T) {
	l := newLedger()
	x := do(t, serve(t, l.config()), "GET", "/v2/events", "", "Accept", "text/event-stream", "Last-Event-ID", "x")
	if x.status != http.StatusUnprocessableEntity || message(t, x) != `Last-Event-ID must be the number of an event, not "x"` {
		t.Fatalf("want 422, got %d %s", x.status, x.body)
	}
}

func TestNoticesAreMarathonsEvents(t *testing.T) {
	at := time.Date(2015, 9, 25, 15, 13, 48, 343e6, time.UTC)
	version := apps.VersionAt(at)
	in := &apps.Instance{
		ID: "a.instance-1", App: "/a", Version: version, Host: "h1", Addr: "10.0.0.9", IP: "172.17.0.2", Ports: []int{31000, 0, 31001},
		State: apps.Running,
	}
	d := &apps.Deployment{ID: "d1", Version: version, Steps: []apps.Step{
		{Actions: []apps.Action{{Kind: apps.StartApplication, App: "/a"}}}, {Actions: []apps.Action{{Kind: apps.ScaleApplication, App: "/a"}}},
	}, Step: 1}
	check := &apps.Check{Protocol: "HTTP", Path: "/x", Grace: time.Second, Interval: time.Minute, Timeout: time.Second, FailuresMax: 3, IPProtocol: "IPv4"}
	const stamps = `"timestamp":"2015-09-25T15:13:48.343Z"`
	const steps = `"steps":[{"actions":[{"action":"StartApplication","app":"/a"}]},{"actions":[{"action":"ScaleApplication","app":"/a"}]}],"version":"2015-09-25T15:13:48.343Z"`
	const empty = `{"id":"/","apps":[],"groups":[],"pods":[],"dependencies":[],"version":"2015-09-25T15:13:48.343Z"}`
	for _, test := range []struct {
		notice apps.Notice
		light  bool
		want   string
	}{
		{apps.Notice{Type: "status_update_event", App: "/a", Instance: in, Status: "TASK_RUNNING", Message: "m"}, false,
			`{"slaveId":"h1","taskId":"a.instance-1._app.1","taskStatus":"TASK_RUNNING","message":"m","appId":"/a","host":"10.0.0.9",
			"ipAddresses":[{"ipAddress":"172.17.0.2","protocol":"IPv4"}],"ports":[31000,31001],"version":"2015-09-25T15:13:48.343Z"`},
		{apps.Notice{Type: "instance_changed_event", App: "/a", Instance: in, Status: "Running"}, false,
			`{"instanceId":"a.instance-1","condition":"Running","runSpecId":"/a","agentId":"h1","host":"10.0.0.9","runSpecVersion":"2015-09-25T15:13:48.343Z"`},
		{apps.Notice{Type: "instance_health_changed_event", App: "/a", Instance: in, Healthy: new(true)}, false,
			`{"instanceId":"a.instance-1","runSpecId":"/a","healthy":true,"runSpecVersion":"2015-09-25T15:13:48.343Z"`},
		{apps.Notice{Type: "instance_health_changed_event", App: "/a", Instance: in}, false,
			`{"instanceId":"a.instance-1","runSpecId":"/a","healthy":null,"runSpecVersion":"2015-09-25T15:13:48.343Z"`},
		{apps.Notice{Type: "unknown_instance_terminated_event", App: "/a", Instance: in, Status: "Gone"}, false,
			`{"instanceId":"a.instance-1","runSpecId":"/a","condition":"Gone"`},
		{apps.Notice{Type: "health_status_changed_event", App: "/a", Instance: in, Healthy: new(false)}, false,
			`{"appId":"/a","instanceId":"a.instance-1","taskId":"a.instance-1._app.1","version":"2015-09-25T15:13:48.343Z","alive":false`},
		{apps.Notice{Type: "failed_health_check_event", App: "/a", Instance: in, Check: check}, false,
			`{"appId":"/a","taskId":"a.instance-1","instanceId":"a.instance-1","healthCheck":{"protocol":"HTTP","path":"/x","portIndex":0,
			"gracePeriodSeconds":1,"intervalSeconds":60,"timeoutSeconds":1,"maxConsecutiveFailures":3,"ipProtocol":"IPv4"}`},
		{apps.Notice{Type: "add_health_check_event", App: "/a", Version: version, Check: &apps.Check{Protocol: "COMMAND", Command: "true", PortIndex: -1}}, false,
			`{"appId":"/a","version":"2015-09-25T15:13:48.343Z","healthCheck":{"protocol":"COMMAND","command":{"value":"true"},
			"gracePeriodSeconds":0,"intervalSeconds":0,"timeoutSeconds":0,"maxConsecutiveFailures":0,"ipProtocol":"IPv4"}`},
		{apps.Notice{Type: "remove_health_check_event", App: "/a"}, false, `{"appId":"/a"`},
		{apps.Notice{Type: "unhealthy_instance_kill_event", App: "/a", Instance: in, Message: "why"}, false,
			`{"appId":"/a","taskId":"a.instance-1._app.1","instanceId":"a.instance-1","version":"2015-09-25T15:13:48.343Z","reason":"why","host":"10.0.0.9","slaveId":"h1"`},
		{apps.Notice{Type: "group_change_success", App: "/g", Version: version}, false, `{"groupId":"/g","version":"2015-09-25T15:13:48.343Z"`},
		{apps.Notice{Type: "group_change_failed", Version: version, Message: "why"}, false, `{"groupId":"/","version":"2015-09-25T15:13:48.343Z","reason":"why"`},
		{apps.Notice{Type: "deployment_info", Deployment: d}, true,
			`{"plan":{"id":"d1",` + steps + `},"currentStep":{"actions":[{"action":"ScaleApplication","app":"/a"}]}`},
		{apps.Notice{Type: "deployment_step_success", Deployment: d}, false,
			`{"plan":{"id":"d1",` + steps + `,"original":` + empty + `,"target":` + empty + `},"currentStep":{"actions":[{"action":"ScaleApplication","app":"/a"}]}`},
		{apps.Notice{Type: "deployment_success", Deployment: d}, true, `{"id":"d1","plan":{"id":"d1",` + steps + `}`},
		{apps.Notice{Type: "deployment_failed", Deployment: d, Message: "why"}, true, `{"id":"d1","reason":"why","plan":{"id":"d1",` + steps + `}`},
		{apps.Notice{Type: "app_terminated_event", App: "/a"}, false, `{"appId":"/a"`},
		{apps.Notice{Type: "api_post_event", App: "/a", ClientIP: "10.1.1.1", URI: "/v2/apps"}, false, `{"clientIp":"10.1.1.1","uri":"/v2/apps"`},
	} {
		test.notice.Seq, test.notice.At = 9, at
		e, ok := render(&test.notice, test.light)
		want := test.want + `,"eventType":"` + test.notice.Type + `",` + stamps + `}`
		if !ok || e.ID != 9 || e.Type != test.notice.Type || indent(t, string(e.Data)) != indent(t, want) {
			t.Errorf("%s\n want %s\n  got %s", test.notice.Type, indent(t, want), indent(t, string(e.Data)))
		}
		if strings.ContainsAny(string(e.Data), "\r\n") {
			t.Errorf("%s: one event is one line, got %q", test.notice.Type, e.Data)
		}
	}
	spec := app(t, `{"id":"/a","cmd":"sleep <1>"}`)
	e, ok := render(&apps.Notice{Type: "api_post_event", App: "/a", Spec: spec}, false)
	if !ok || !strings.Contains(string(e.Data), `"appDefinition":{"id":"/a","cmd":"sleep <1>"`) {
		t.Errorf("api_post_event: want the app in it, got %s", e.Data)
	}
	if _, ok := render(&apps.Notice{Type: "host_lost"}, false); ok {
		t.Error("a client of Marathon stops at an eventType that it does not know")
	}
}
