package api

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacer/api/client"
	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

func dial(t testing.TB, server *httptest.Server) *client.Client {
	t.Helper()
	c, err := client.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.HTTP.CloseIdleConnections)
	return c
}

func TestTheClientAsksWhatItSays(t *testing.T) {
	l := shelf(t)
	var asked []cluster.Event
	l.submit = func(ev cluster.Event) (cluster.Reply, error) {
		if c, ok := ev.(cluster.Change); ok { // closures and chance cannot be compared
			for i := range c.Edit {
				next, err := c.Edit[i].Edit(l.apps[c.Edit[i].App])
				if err != nil {
					return cluster.Reply{Err: err}, nil
				}
				c.Put = append(c.Put, cluster.PutApp{App: next})
			}
			c.Edit, c.Deployment, c.ClientIP = nil, "", ""
			ev = c
		}
		if c, ok := ev.(cluster.Cancel); ok {
			c.Deployment = ""
			ev = c
		}
		asked = append(asked, ev)
		return cluster.Reply{Deployment: "d1", Version: 9000}, nil
	}
	c := dial(t, serve(t, l.config()))
	ctx := t.Context()
	scaled := *l.apps["/shop/db"]
	scaled.Version, scaled.ConfigAt, scaled.ScaledAt, scaled.Instances = 0, 0, 0, 3
	smaller := *l.apps["/shop/web"]
	smaller.Instances = 2
	result := func(r client.Result, err error) error {
		if err == nil && (r.DeploymentID != "d1" || r.Version != "1970-01-01T00:00:09.000Z") {
			t.Errorf("want deployment d1 of version 9 s, got %+v", r)
		}
		return err
	}
	for _, test := range []struct {
		name string
		ask  func() error
		want cluster.Event
	}{
		{"ScaleApp", func() error { return result(c.ScaleApp(ctx, "/shop/db", 3, true)) },
			cluster.Change{Request: "r1", Put: []cluster.PutApp{{App: &scaled}}, Force: true, URI: "/v2/apps/shop/db?force=true"}},
		{"RestartApp", func() error { return result(c.RestartApp(ctx, "shop/db", false)) },
			cluster.Change{Request: "r1", Restart: []apps.ID{"/shop/db"}, URI: "/v2/apps/shop/db/restart"}},
		{"DeleteApp", func() error { return result(c.DeleteApp(ctx, "/lone", false)) },
			cluster.Change{Request: "r1", Delete: []apps.ID{"/lone"}, URI: "/v2/apps/lone?force=false"}},
		{"DeleteGroup", func() error { return result(c.DeleteGroup(ctx, "/shop", true)) },
			cluster.Change{Request: "r1", DropGroups: []apps.ID{"/shop"}, Force: true, URI: "/v2/groups/shop?force=true"}},
		{"KillTasksAndScale", func() error {
			return result(c.KillTasksAndScale(ctx, false, "shop_web.instance-1._app.1", "shop_web.instance-2", "shop_web.instance-1", "gone.instance-9._app.1"))
		}, cluster.Change{Request: "r1", Put: []cluster.PutApp{{App: &smaller}}, Kill: []string{"shop_web.instance-1", "shop_web.instance-2"}, URI: "/v2/tasks/delete?scale=true"}},
		{"KillTasks", func() error { _, err := c.KillTasks(ctx, false, "shop_web.instance-1._app.1"); return err },
			cluster.Kill{Request: "r1", Instances: []string{"shop_web.instance-1"}}},
		{"RevertDeployment", func() error { return result(c.RevertDeployment(ctx, "d7")) }, cluster.Cancel{Request: "r1", ID: "d7", Revert: true, ClientIP: "127.0.0.1"}},
		{"CancelDeployment", func() error { return c.CancelDeployment(ctx, "d7") }, cluster.Cancel{Request: "r1", ID: "d7", ClientIP: "127.0.0.1"}},
		{"ResetDelay", func() error { return c.ResetDelay(ctx, "/shop/db") }, cluster.ResetDelay{Request: "r1", App: "/shop/db"}},
		{"Cordon", func() error { _, err := c.Cordon(ctx, "h1", true); return err }, cluster.Cordon{Request: "r1", Host: "h1", On: true}},
		{"ForgetHost", func() error { return c.ForgetHost(ctx, "h1", true) }, cluster.Forget{Request: "r1", Host: "h1", Wipe: true}},
	} {
		asked = nil
		if err := test.ask(); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff([]cluster.Event{test.want}, asked); diff != "" {
			t.Errorf("%s asked for something else (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestTheClientReads(t *testing.T) {
	l := shelf(t)
	l.deployments["d2"] = apps.Deployment{ID: "d2", State: apps.DeploymentSucceeded, Started: noon, Ended: noon}
	logs := l.config()
	logs.Logs = printed{"shop_web.instance-1": "one\n"}
	c := dial(t, serve(t, logs))
	ctx := t.Context()
	check := func(name string, err error, ok bool) {
		t.Helper()
		if err != nil || !ok {
			t.Errorf("%s: %v, as expected: %v", name, err, ok)
		}
	}
	list, err := c.Apps(ctx, client.AppFilter{Label: "team in (red)", Embed: []string{"apps.tasks"}})
	check("Apps", err, len(list) == 1 && list[0].ID == "/shop/web" && len(list[0].Tasks) == 4)
	one, err := c.App(ctx, "/shop/web")
	check("App", err, *one.TasksRunning == 2 && one.Container.PortMappings != nil)
	versions, err := c.Versions(ctx, "/shop/web")
	check("Versions", err, len(versions) == 1)
	old, err := c.AppVersion(ctx, "/shop/web", versions[0])
	check("AppVersion", err, old.ID == "/shop/web")
	tasks, err := c.Tasks(ctx, "running")
	check("Tasks", err, len(tasks) == 3)
	tasks, err = c.AppTasks(ctx, "/shop/db")
	check("AppTasks", err, len(tasks) == 1)
	group, err := c.Group(ctx, "/")
	check("Group", err, len(group.Groups) == 1)
	running, err := c.Deployments(ctx)
	check("Deployments", err, len(running) == 0)
	ended, err := c.WaitDeployment(ctx, "d2", nil)
	check("WaitDeployment", err, ended.State == "succeeded")
	queue, err := c.Queue(ctx)
	check("Queue", err, len(queue) == 0)
	info, err := c.Info(ctx)
	check("Info", err, info.Name == "marathon" && info.Elected)
	leader, err := c.Leader(ctx)
	check("Leader", err, leader.Name == "s1" && leader.Self)
	hosts, err := c.Hosts(ctx)
	check("Hosts", err, len(hosts) == 2)
	host, err := c.Host(ctx, "h2")
	check("Host", err, host.Cordoned)
	found, err := c.Discover(ctx, "/shop/web")
	check("Discover", err, len(found.Ports) == 2)
	var out bytes.Buffer
	check("TaskLogs", c.TaskLogs(ctx, "shop_web.instance-1", 5, false, &out), true)
	check("TaskLogs", nil, out.String() == "h1 5\none\n")
	check("Ping", c.Ping(ctx), true)
	check("Ready", c.Ready(ctx), true)
	check("Abdicate", c.Abdicate(ctx), true)
}

func TestTheClientTellsRefusalsApart(t *testing.T) {
	l := shelf(t)
	l.submit = func(cluster.Event) (cluster.Reply, error) {
		return cluster.Reply{Err: &apps.Error{Kind: apps.Conflict, Message: "App is locked", Deployments: []string{"d1"}}}, nil
	}
	c := dial(t, serve(t, l.config()))
	_, err := c.App(t.Context(), "/nope")
	if !client.IsNotFound(err) || err.Error() != "App '/nope' does not exist" {
		t.Errorf("want not found, got %v", err)
	}
	_, err = c.RestartApp(t.Context(), "/lone", false)
	if e := (*client.Error)(nil); !errors.As(err, &e) || !client.IsConflict(err) || e.Deployments[0] != "d1" {
		t.Errorf("want a conflict with d1, got %v", err)
	}
	_, _, err = c.CreateApp(t.Context(), []byte(`{"id":"/x","cpus":"1"}`))
	if e := (*client.Error)(nil); !errors.As(err, &e) || e.Status != 422 || cmp.Diff([]wire.FieldErrors{{Path: "/cpus", Errors: []string{"error.expected.jsnumber"}}}, e.Details) != "" {
		t.Errorf("want the fault and its path, got %v", err)
	}
	_, _, err = c.CreateApp(t.Context(), []byte(`{"id":`))
	if e := (*client.Error)(nil); !errors.As(err, &e) || e.Status != 400 || e.Text != "unexpected EOF" {
		t.Errorf("want what is wrong with the JSON, got %v", err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	if err := dial(t, gone).Ping(t.Context()); !errors.As(err, new(*client.Unreachable)) {
		t.Errorf("want an *Unreachable, got %v", err)
	}
	for _, address := range []string{"", "localhost", "ftp://x", "http://"} {
		if _, err := client.New(address); err == nil {
			t.Errorf("%q is no address of a server", address)
		}
	}
}

func TestTheClientSeesAWarning(t *testing.T) {
	l := shelf(t)
	l.submit = func(cluster.Event) (cluster.Reply, error) { return cluster.Reply{Deployment: "d1"}, nil }
	r, err := dial(t, serve(t, l.config())).PutApp(t.Context(), "/lone", []byte(`{"instnaces":1}`), client.PutOptions{})
	if err != nil || r.Warning != "unknown fields ignored: /instnaces" || r.Created {
		t.Fatalf("want a warning, got %+v, %v", r, err)
	}
}

func TestTheClientWaitsThroughAChangeOfLeader(t *testing.T) {
	l := newLedger()
	set := func(state apps.DeploymentState) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.deployments["d1"] = apps.Deployment{ID: "d1", State: state, Reason: "why", Started: noon}
	}
	set(apps.DeploymentRunning)
	c := l.config()
	c.LeaderWait = time.Millisecond
	server := serve(t, c)
	seen := 0
	d, err := dial(t, server).WaitDeployment(t.Context(), "d1", func(d wire.DeploymentStatus) {
		switch seen++; seen {
		case 1:
			l.lead(false, true) // nobody leads for a while
			time.AfterFunc(100*time.Millisecond, func() { l.lead(false, false) })
		case 2:
			set(apps.DeploymentFailed)
		}
	})
	if err != nil || d.State != "failed" || d.Reason != "why" || seen != 3 {
		t.Fatalf("want a failure with its reason at the third look, got %+v, %v at %d", d, err, seen)
	}
	if _, err := dial(t, server).WaitDeployment(t.Context(), "nope", nil); !client.IsNotFound(err) {
		t.Fatalf("want not found, got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	set(apps.DeploymentRunning)
	if _, err := dial(t, server).WaitDeployment(ctx, "d1", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("want the end of the context, got %v", err)
	}
}

func TestTheClientResumesItsEvents(t *testing.T) {
	l := newLedger()
	server := serve(t, l.config())
	const all = 300
	last := uint64(0)
	enough := errors.New("enough")
	l.tell(notice(1))
	err := dial(t, server).FollowEvents(t.Context(), client.EventOptions{Resume: true}, func(e wire.Event) error {
		if e.ID == 0 {
			return nil // attached
		}
		if e.ID != last+1 || e.Type != "app_terminated_event" || !strings.Contains(string(e.Data), `"/a`+strconv.FormatUint(e.ID, 10)+`"`) {
			t.Fatalf("want event %d, got %d %s %s", last+1, e.ID, e.Type, e.Data)
		}
		if last = e.ID; last == all {
			return enough
		}
		l.tell(notice(last + 1))
		if last%50 == 0 {
			server.CloseClientConnections()
		}
		return nil
	})
	if err != enough || last != all {
		t.Fatalf("want %d events, got %d, %v", all, last, err)
	}
}

func TestAFirstConnectionThatIsRefusedIsAnError(t *testing.T) {
	l := newLedger()
	l.lead(false, true)
	c := l.config()
	c.LeaderWait = time.Millisecond
	err := dial(t, serve(t, c)).FollowEvents(t.Context(), client.EventOptions{}, func(wire.Event) error { return nil })
	if e := (*client.Error)(nil); !errors.As(err, &e) || e.Status != http.StatusBadGateway {
		t.Fatalf("want 502, got %v", err)
	}
}

// deaf opens an event stream and never reads it.
func deaf(t *testing.T, server *httptest.Server, l *ledger) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte("GET /v2/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stream listens", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.listeners) == 1
	})
}

func TestAListenerThatDoesNotReadIsCut(t *testing.T) {
	l := newLedger()
	c := l.config()
	c.StreamWait = 100 * time.Millisecond
	deaf(t, serve(t, c), l)
	big := strings.Repeat("x", 64<<10)
	seq := uint64(0)
	eventually(t, "the one who does not read is cut", func() bool { // its socket is full
		seq++
		l.tell(apps.Notice{Seq: seq, Type: "group_change_failed", Message: big})
		l.mu.Lock()
		defer l.mu.Unlock()
		l.notices = nil
		return len(l.listeners) == 0
	})
}

func TestAListenerThatDoesNotReadDelaysNobody(t *testing.T) {
	l := newLedger()
	c := l.config()
	c.StreamWait = time.Hour // it stays
	server := serve(t, c)
	deaf(t, server, l)
	var others []*frames
	for range 20 {
		events, _ := stream(t, server, "/v2/events", "")
		events.next(t)
		others = append(others, events)
	}
	big := strings.Repeat("x", 64<<10)
	for seq := uint64(1); seq <= 200; seq++ { // more than any socket takes unread
		l.tell(apps.Notice{Seq: seq, Type: "group_change_failed", Message: big})
		for _, events := range others {
			got := events.next(t)
			for got.event == streamAttached { // others who came
				got = events.next(t)
			}
			if got.id != strconv.FormatUint(seq, 10) {
				t.Fatalf("want event %d, got %s", seq, got.id)
			}
		}
	}
}
