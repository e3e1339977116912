package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pacer/api/wire"
)

// A platform answers the page like a server would, from what a test puts into it.
type platform struct {
	*httptest.Server
	quit chan struct{} // closed: streams end

	mu      sync.Mutex // guards what follows
	world   world
	asked   []string                 // "METHOD path?query body" of everything below /v2 and /pacer
	refuse  map[string]http.Handler  // by "METHOD path"
	streams map[chan string]struct{} // who listens
	mute    bool                     // the event stream is refused
	down    bool                     // connections are cut
}

// A world is what the API tells.
type world struct {
	apps        []wire.AppInfo
	deployments []wire.Deployment
	queue       []wire.QueueItem
	hosts       []wire.Host
	status      map[string]wire.DeploymentStatus
}

func serve(t *testing.T, w world) *platform {
	t.Helper()
	p := &platform{world: w, quit: make(chan struct{}), refuse: map[string]http.Handler{}, streams: map[chan string]struct{}{}}
	mux := http.NewServeMux()
	mux.Handle("/ui/", Handler())
	mux.HandleFunc("GET /v2/apps", p.answer(func(*http.Request) any { return wire.Apps{Apps: p.world.apps} }))
	mux.HandleFunc("GET /v2/apps/{id...}", p.answer(p.app))
	mux.HandleFunc("GET /v2/deployments", p.answer(func(*http.Request) any { return append([]wire.Deployment{}, p.world.deployments...) }))
	mux.HandleFunc("GET /v2/queue", p.answer(func(*http.Request) any { return wire.Queue{Queue: p.world.queue} }))
	mux.HandleFunc("GET /pacer/v1/hosts", p.answer(func(*http.Request) any { return wire.Hosts{Hosts: p.world.hosts} }))
	mux.HandleFunc("GET /pacer/v1/deployments/{id}", p.answer(func(r *http.Request) any { return p.world.status[r.PathValue("id")] }))
	mux.HandleFunc("GET /pacer/v1/discovery/{id...}", p.answer(func(r *http.Request) any {
		id := "/" + r.PathValue("id")
		return wire.Discovered{App: id, Ports: []wire.ServicePort{{Protocol: "tcp", Port: 10001, HTTP: true, Routes: []wire.Route{{Host: strings.ReplaceAll(id[1:], "/", "-") + ".localhost"}}}}}
	}))
	mux.HandleFunc("GET /v2/events", p.events)
	mux.HandleFunc("/", p.answer(func(*http.Request) any { return wire.DeploymentResult{Version: stampAgo(0), DeploymentID: "d-new"} }))
	p.Server = httptest.NewServer(p.cut(mux))
	t.Cleanup(func() {
		close(p.quit)
		p.Close()
	})
	return p
}

// cut closes the connection of every request while the platform is down.
func (p *platform) cut(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

func (p *platform) answer(of func(*http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		if no := p.refuse[r.Method+" "+r.URL.RequestURI()]; no != nil {
			no.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(of(r))
	}
}

func (p *platform) app(r *http.Request) any {
	id := "/" + r.PathValue("id")
	i := slices.IndexFunc(p.world.apps, func(a wire.AppInfo) bool { return a.ID == id })
	if i < 0 {
		return wire.Message{Message: "App '" + id + "' does not exist"}
	}
	info := p.world.apps[i]
	info.Tasks = tasksOf(info)
	if info.ID == "/shop/search" {
		info.LastTaskFailure = &wire.TaskFailure{AppID: id, Host: "10.0.0.2", SlaveID: "node-2", State: "TASK_FAILED", Message: "exited with code 137: out of memory", Timestamp: stampAgo(90 * time.Second)}
	}
	return wire.OneApp{App: info}
}

func (p *platform) events(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	mute := p.mute
	own := make(chan string, 1000)
	if !mute {
		p.streams[own] = struct{}{}
	}
	p.mu.Unlock()
	if mute {
		http.Error(w, `{"message":"no leader"}`, http.StatusServiceUnavailable)
		return
	}
	defer func() {
		p.mu.Lock()
		delete(p.streams, own)
		p.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "event: event_stream_attached\r\ndata: {}\r\n\r\n")
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case e, ok := <-own:
			if !ok {
				return
			}
			fmt.Fprintf(w, "event: %s\r\ndata: {}\r\n\r\n", e)
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		case <-p.quit:
			return
		}
	}
}

// change changes the world; the page is told by events, if there are any.
func (p *platform) change(f func(*world), events ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.world)
	for own := range p.streams {
		for _, e := range events {
			own <- e
		}
	}
}

// crash cuts all connections and takes no new ones; recover undoes it.
func (p *platform) crash() {
	p.mu.Lock()
	p.down = true
	for own := range p.streams {
		close(own)
		delete(p.streams, own)
	}
	p.mu.Unlock()
	p.CloseClientConnections()
}

func (p *platform) recover() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// count is how many requests began so.
func (p *platform) count(prefix string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.asked {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

// changes are all requests but those that only look.
func (p *platform) changes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.asked), func(a string) bool { return strings.HasPrefix(a, "GET ") })
}

func (p *platform) refuseOnce(request string, status int, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse[request] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		delete(p.refuse, request)
		refusal(status, body).ServeHTTP(w, r)
	})
}

func stampAgo(d time.Duration) string {
	return time.Now().Add(-d).UTC().Format("2006-01-02T15:04:05.000Z")
}

// app is one with as many tasks as its counters say.
func app(id string, instances, running, healthy, unhealthy, staged int) wire.AppInfo {
	cpus, mem, image, cmd := 0.25, 128.0, "registry.example/team/"+id[strings.LastIndexByte(id, '/')+1:]+":1.4.2", "serve --port $PORT0"
	a := wire.AppInfo{TasksRunning: &running, TasksHealthy: &healthy, TasksUnhealthy: &unhealthy, TasksStaged: &staged, Deployments: []wire.Ref{}}
	a.ID, a.Instances, a.Cpus, a.Mem = id, &instances, &cpus, &mem
	a.Cmd = &cmd
	a.Container = &wire.Container{Docker: &wire.Docker{Image: image}}
	version := stampAgo(26 * time.Hour)
	a.Version, a.VersionInfo = &version, &wire.VersionInfo{LastScalingAt: version, LastConfigChangeAt: version}
	if healthy+unhealthy > 0 {
		a.HealthChecks = []wire.HealthCheck{{}}
	}
	return a
}

func tasksOf(a wire.AppInfo) []wire.Task {
	tasks := []wire.Task{}
	name := strings.ReplaceAll(a.ID[1:], "/", "_")
	for i := range *a.TasksRunning + *a.TasksStaged {
		t := wire.Task{
			ID: fmt.Sprintf("%s.instance-%08x-0000-8000-8000-000000000001._app.1", name, 0x1a2b3c00+i*7919), AppID: a.ID, Host: fmt.Sprintf("127.0.1.%d", i%3+1),
			SlaveID: fmt.Sprintf("node-%d", i%3+1), State: "TASK_RUNNING", Version: *a.Version, StagedAt: stampAgo(3 * time.Hour), StartedAt: stampAgo(time.Duration(3*i+1) * time.Hour),
			Ports: []int{31000 + i*7}, HealthCheckResults: []wire.HealthResult{},
		}
		switch {
		case i >= *a.TasksRunning:
			t.State, t.StartedAt = "TASK_STAGING", ""
		case i < *a.TasksHealthy:
			t.HealthCheckResults = []wire.HealthResult{{Alive: true}}
		case i < *a.TasksHealthy+*a.TasksUnhealthy:
			t.HealthCheckResults = []wire.HealthResult{{ConsecutiveFailures: 2, LastFailureCause: "HTTP 503 from /health"}}
		}
		tasks = append(tasks, t)
	}
	return tasks
}

func labelled(a wire.AppInfo, labels ...string) wire.AppInfo {
	a.Labels = map[string]string{}
	for pair := range slices.Chunk(labels, 2) {
		a.Labels[pair[0]] = pair[1]
	}
	return a
}

func host(n int, cpus, used float64, state string) wire.Host {
	return wire.Host{
		Name: fmt.Sprintf("node-%d", n), Addr: fmt.Sprintf("127.0.1.%d", n), Engine: "28.5.2", State: state, Instances: int(used * 4),
		Total: wire.Resources{Cpus: cpus, Mem: 16384}, Used: wire.Resources{Cpus: used, Mem: int64(used * 1500)}, Attributes: map[string]string{},
	}
}

func reject(item *wire.QueueItem, reason string, declined int) {
	s := &item.ProcessedOffersSummary
	s.RejectSummaryLastOffers = append(s.RejectSummaryLastOffers, wire.RejectReason{Reason: reason, Declined: declined, Processed: 3})
}

// oneApp is a small, healthy world; a label tries to be markup.
func oneApp() world {
	return world{
		apps:  []wire.AppInfo{labelled(app("/hello", 2, 2, 2, 0, 0), "HAPROXY_0_VHOST", "hello.localhost", "note", "<img src=x onerror=alert(1)>")},
		hosts: []wire.Host{host(1, 2, 0.5, "up")},
	}
}

// stuck is a busy day: one of every status, and a deployment that does not get on.
func stuck() world {
	w := world{hosts: []wire.Host{host(1, 8, 6, "up"), host(2, 8, 3.5, "up"), host(3, 4, 0.75, "draining")}, queue: []wire.QueueItem{}}
	lost := host(4, 4, 0, "lost")
	lost.Message = "no report for 75 s"
	w.hosts = append(w.hosts, lost)
	web := labelled(app("/prod/shop/web", 4, 5, 3, 1, 1), "tier", "web", "team", "checkout")
	web.Deployments = []wire.Ref{{ID: "5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43"}}
	thumbs := labelled(app("/shop/thumbs", 3, 1, 1, 0, 0), "team", "media")
	mem := 2048.0
	thumbs.Mem = &mem
	thumbs.Deployments = []wire.Ref{{ID: "97c136bf-5a28-4821-9d94-480d9fbb01c8"}}
	crash := app("/shop/search", 2, 0, 0, 0, 0)
	w.apps = []wire.AppInfo{
		web, thumbs, crash,
		labelled(app("/data/redis", 1, 1, 0, 0, 0), "HAPROXY_GROUP", "internal"),
		app("/data/warehouse/nightly-export-of-everything", 0, 0, 0, 0, 0),
		labelled(app("/prod/api", 12, 12, 12, 0, 0), "tier", "api", "team", "platform", "HAPROXY_0_VHOST", "api.example", "owner", "ada", "cost-centre", "4711"),
		app("/prod/worker", 6, 6, 4, 2, 0),
		app("/hello", 2, 2, 2, 0, 0),
	}
	waiting := wire.QueueItem{App: wire.App{ID: "/shop/thumbs"}, Count: 2, Delay: wire.Delay{Overdue: true}}
	reject(&waiting, "InsufficientMemory", 2)
	reject(&waiting, "AgentMaintenance", 1)
	w.queue = []wire.QueueItem{waiting, {App: wire.App{ID: "/shop/search"}, Count: 2, Delay: wire.Delay{TimeLeftSeconds: 64}}}
	step := func(action, app string) wire.Step {
		return wire.Step{Actions: []wire.Action{{Action: action, App: app}}}
	}
	w.deployments = []wire.Deployment{
		{
			ID: "5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43", Version: stampAgo(41 * time.Second), AffectedApps: []string{"/prod/shop/web", "/prod/api"},
			Steps: []wire.Step{step("ScaleApplication", "/prod/api"), step("RestartApplication", "/prod/shop/web")}, CurrentStep: 2, TotalSteps: 2,
		},
		{
			ID: "97c136bf-5a28-4821-9d94-480d9fbb01c8", Version: stampAgo(372 * time.Second), AffectedApps: []string{"/shop/thumbs"},
			Steps: []wire.Step{step("ScaleApplication", "/shop/thumbs")}, CurrentStep: 1, TotalSteps: 1,
		},
	}
	w.status = map[string]wire.DeploymentStatus{"97c136bf-5a28-4821-9d94-480d9fbb01c8": {
		Waiting: []wire.AppWait{{App: "/shop/thumbs", Waiting: 2, Reasons: []wire.WaitReason{{Text: "too little memory (needs 2048 MiB, most free 1400)", Hosts: 2}}}},
	}}
	return w
}

// many is n apps in ten groups.
func many(n int) world {
	w := world{hosts: []wire.Host{host(1, 64, 20, "up")}}
	for i := range n {
		running := i%5 + 1
		w.apps = append(w.apps, labelled(app(fmt.Sprintf("/group-%d/service-%04d", i%10, i), i%5+1, running, running, 0, 0), "tier", []string{"web", "api", "job"}[i%3]))
	}
	return w
}

func refusal(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}
