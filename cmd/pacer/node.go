package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"pacer/agent"
	"pacer/agent/docker"
	"pacer/agent/fetch"
	"pacer/api"
	"pacer/api/wire"
	"pacer/apps"
	"pacer/bus"
	"pacer/deployer"
	"pacer/deployer/cluster"
	"pacer/discovery"
	"pacer/lb"
	"pacer/store"
	"pacer/ui"
)

// A node is the parts of Pacer that one process runs. Each part is opened first,
// so that all problems are told at once, and then served.
type node struct {
	cfg   nodeConfig
	log   *slog.Logger
	list  *checklist
	close []func() // in reverse order, when everything has ended

	nats     *bus.Server
	conn     *bus.Conn
	db       *store.DB
	deployer *deployer.Deployer
	balancer *lb.Balancer
	dns      *discovery.DNS
	hosts    []string // whose agents run in this process
	serve    []func(ctx context.Context) error
}

func newNode(cfg nodeConfig) (*node, error) {
	if err := cfg.resolve(); err != nil {
		return nil, err
	}
	log, err := cfg.logger()
	if err != nil {
		return nil, err
	}
	return &node{cfg: cfg, log: log, list: newChecklist(os.Stderr)}, nil
}

func (n *node) onClose(f func()) { n.close = append(n.close, f) }

// run serves the parts until ctx ends or one fails, and closes them.
func (n *node) run(ctx context.Context, started func()) error {
	defer n.shut()
	if err := n.list.err(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, serve := range n.serve {
		group.Go(func() error { return serve(ctx) })
	}
	if started != nil {
		started()
	}
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (n *node) shut() {
	for i := len(n.close) - 1; i >= 0; i-- {
		n.close[i]()
	}
	n.close = nil
}

// openNATS starts the embedded server, or connects to others.
func (n *node) openNATS(ctx context.Context) {
	if n.cfg.NATS != "" {
		conn, err := bus.Connect(ctx, n.cfg.NATS, n.cfg.Name, n.log)
		if err != nil {
			n.list.problem("nats", err, "--nats takes URLs like nats://10.0.0.1:4222, comma-separated")
			return
		}
		n.conn = conn
		n.onClose(conn.Close)
		n.list.ok("nats", "%s", redact(n.cfg.NATS))
		return
	}
	var routes []string
	if n.cfg.NATSRoutes != "" {
		routes = strings.Split(n.cfg.NATSRoutes, ",")
	}
	server, err := bus.Embedded(bus.ServerConfig{
		Name: n.cfg.Name, Listen: n.cfg.NATSListen, Routes: routes, Password: n.cfg.NATSPassword,
		StoreDir: filepath.Join(n.cfg.DataDir, "nats"), Log: n.log,
	})
	if err != nil {
		n.list.problem("nats", err, listenMend(err, "nats-listen"))
		return
	}
	n.nats = server
	n.onClose(server.Shutdown)
	if n.conn, err = server.Connect(ctx, n.cfg.Name); err != nil {
		n.list.problem("nats", err, "")
		return
	}
	n.onClose(n.conn.Close)
	where := "in process"
	if addr := server.Addr(); addr != "" {
		where = "nats://" + addr
	}
	if addr := server.ClusterAddr(); addr != "" {
		where += ", cluster nats://" + addr
	}
	n.list.ok("nats", "%s, JetStream in %s", where, filepath.Join(n.cfg.DataDir, "nats"))
}

// openStore opens Postgres, or the embedded SQLite.
func (n *node) openStore(ctx context.Context) {
	url, shown := n.cfg.Postgres, redact(n.cfg.Postgres)
	if url == "" {
		if err := os.MkdirAll(n.cfg.DataDir, 0o700); err != nil {
			n.list.problem("store", err, "choose another directory by --data-dir")
			return
		}
		path := filepath.Join(n.cfg.DataDir, "pacer.db")
		url, shown = "sqlite:"+path, "sqlite "+path
	}
	open, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	db, err := store.Open(open, url)
	if err != nil {
		mend := "is another pacer running on this directory? stop it, or choose another by --data-dir"
		if n.cfg.Postgres != "" {
			mend = "check --postgres: postgres://USER:PASSWORD@HOST:5432/DATABASE, and that the database is there"
		}
		n.list.problem("store", err, mend)
		return
	}
	n.db = db
	n.onClose(func() { _ = db.Close() })
	n.list.ok("store", "%s", shown)
}

// openDeployer is the control plane: the loop, what it hears, and the event stream.
func (n *node) openDeployer(ctx context.Context) {
	if n.conn == nil || n.db == nil {
		return
	}
	outbox := bus.NewOutbox(n.conn, replicas(n.cfg.NATSRoutes))
	api := n.cfg.Advertise
	if api == "" {
		api = "http://" + n.cfg.HTTP
	}
	addr, err := addressOf(ctx, api)
	if err != nil {
		n.list.warn("dns", "there is no name leader.%s while this server leads: %v", n.cfg.Domain, err)
	}
	d := deployer.New(deployer.Config{
		Name: n.cfg.Name + "-" + uuid.NewString()[:8], URL: api, Addr: addr, Store: n.db, Post: n.conn, Committed: outbox.Poke, DeploymentsMax: n.cfg.Deployments, Log: n.log,
	})
	n.deployer = d
	subscribe(n, n.conn.OnReport, func(r apps.Report) { d.Tell(cluster.Reported{Report: r}) })
	subscribe(n, n.conn.OnServing, func(s apps.Serving) { d.Tell(cluster.Served{Serving: s}) })
	subscribe(n, n.conn.OnServer, d.HearServer)
	subscribe(n, n.conn.OnLeft, func(l bus.Left) { d.Tell(cluster.Left(l)) })
	n.serve = append(n.serve, d.Run, func(ctx context.Context) error { return outbox.Run(ctx, n.db) })
}

// addressOf is where a URL leads, as IP:PORT.
func addressOf(ctx context.Context, raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return "", err
	}
	ip := ips[0].Unmap()
	if ip.IsUnspecified() {
		return "", fmt.Errorf("%s is no address to call: say by --advertise where others reach this server", u.Hostname())
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(ip.String(), port), nil
}

func replicas(routes string) int {
	if strings.Count(routes, ",") >= 1 { // three servers or more
		return 3
	}
	return 1
}

func subscribe[T any](n *node, on func(func(T)) (*bus.Subscription, error), f func(T)) {
	sub, err := on(f)
	if err != nil {
		n.list.problem("nats", err, "")
		return
	}
	n.onClose(sub.Stop)
}

// openAPI opens the REST API and the web UI.
func (n *node) openAPI() {
	l := n.list.listen("api", "http", n.cfg.HTTP)
	if l == nil || n.deployer == nil {
		return
	}
	metrics := []func(io.Writer){n.deployer.WriteMetrics}
	if n.balancer != nil {
		metrics = append(metrics, func(w io.Writer) { _ = n.balancer.WriteMetrics(w) })
	}
	handler := api.New(api.Config{
		Deployer: api.FromDeployer(n.deployer), Reader: n.db, Logs: hostLogs{n.conn}, Ready: n.ready, UI: ui.Handler(), Plan: n.deployer.Foresee, Runnable: runnable,
		Metrics: metrics, Log: n.log, Address: l.Addr().String(),
		AllowOrigins: n.cfg.AllowOrigins,
		Wire:         wire.Settings{Features: []string{"gpu_resources"}},
	})
	if n.dns != nil {
		handler = withMesosDNS(handler, n.dns.HTTP())
	}
	courier := &api.Courier{Deployer: api.FromDeployer(n.deployer), Reader: n.db, Log: n.log}
	n.serve = append(n.serve, courier.Run)
	server := api.NewServer(handler)
	n.serve = append(n.serve, func(ctx context.Context) error { return serveHTTP(ctx, server, l) })
	n.list.ok("api", "http://%s  Marathon's REST API at /v2, metrics at /metrics", l.Addr())
	n.list.ok("ui", "http://%s/ui/", l.Addr())
}

// runnable refuses options of docker run that the agents do not know, and what they
// could not fetch.
func runnable(spec *apps.App) error {
	for i, artifact := range spec.Fetch {
		if err := fetch.Check(artifact); err != nil {
			return &apps.Error{Kind: apps.Invalid, Message: "Object is not valid", Details: []apps.FieldErrors{{Path: fmt.Sprintf("/fetch(%d)/uri", i), Errors: []string{err.Error()}}}}
		}
	}
	if spec.Container == nil {
		return nil
	}
	if err := docker.CheckParameters(spec.Container.Parameters); err != nil {
		return &apps.Error{Kind: apps.Invalid, Message: "Object is not valid", Details: []apps.FieldErrors{{Path: "/container/docker/parameters", Errors: []string{err.Error()}}}}
	}
	return nil
}

// withMesosDNS lets the paths of Mesos-DNS's HTTP interface through to it.
func withMesosDNS(rest, names http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, prefix := range []string{"/v1/services/", "/v1/hosts/", "/v1/enumerate", "/v1/config", "/v1/version"} {
			if strings.HasPrefix(r.URL.Path, prefix) {
				names.ServeHTTP(w, r)
				return
			}
		}
		rest.ServeHTTP(w, r)
	})
}

// ready is nil once a leader is known, the store answers, and each engine of this
// process has registered with the leader.
func (n *node) ready(ctx context.Context) error {
	if _, ok := n.deployer.Leader(); !ok {
		return apps.Errorf(apps.Unavailable, "no leader is known yet")
	}
	if err := n.db.Ping(ctx); err != nil {
		return err
	}
	view := n.deployer.View()
	if view == nil { // another server leads; it knows its hosts
		return nil
	}
	known := map[string]apps.Host{}
	for _, h := range view.Hosts() {
		known[h.Name] = h
	}
	for _, name := range n.hosts {
		if h, ok := known[name]; !ok || h.Lost || h.Total.CPU == 0 {
			return apps.Errorf(apps.Unavailable, "host %s has not registered yet", name)
		}
	}
	return nil
}

// openBalancer opens the load balancer and the name server, which follow the
// leader's letters.
func (n *node) openBalancer() {
	if n.conn == nil {
		return
	}
	var targets []lb.Target
	if n.cfg.LBHTTP != "" || n.cfg.LBBind != "" {
		n.balancer = lb.New(lb.Config{Name: n.cfg.Name, Bind: n.cfg.LBBind, Domain: n.cfg.LBDomain, Groups: strings.FieldsFunc(n.cfg.LBGroup, func(r rune) bool { return r == ',' || r == ' ' }), Log: n.log})
		targets = append(targets, n.balancer)
		var l net.Listener
		if n.cfg.LBHTTP != "" {
			if l = n.list.listen("lb", "lb-http", n.cfg.LBHTTP); l == nil {
				return
			}
		}
		n.serve = append(n.serve, func(ctx context.Context) error { return n.balancer.Run(ctx, l) })
		if l != nil {
			n.list.ok("lb", "http://%s by host and path; service ports 10000-20000 on %s", l.Addr(), n.cfg.LBBind)
		}
	}
	if n.cfg.DNS != "" {
		n.openDNS(&targets)
	}
	if len(targets) == 0 {
		return
	}
	follower := lb.NewFollower(n.cfg.Name+"-"+uuid.NewString(), targets...)
	subscribe(n, n.conn.OnService, follower.Service)
	subscribe(n, n.conn.OnRoster, follower.Roster)
	n.serve = append(n.serve, func(ctx context.Context) error { return n.follow(ctx, follower) })
}

func (n *node) openDNS(targets *[]lb.Target) {
	directory := discovery.NewDirectory()
	address := n.cfg.LBAddr
	if address == "" {
		address = n.cfg.LBBind
	}
	cfg := discovery.Config{Domain: n.cfg.Domain, Version: version, Log: n.log}
	if address != "" {
		cfg.Balancers = []string{address}
	}
	if host, _, err := net.SplitHostPort(n.cfg.DNS); err == nil && net.ParseIP(host) != nil {
		cfg.Servers = []string{host}
	}
	if n.cfg.Upstream != "" {
		cfg.Upstreams = strings.Split(n.cfg.Upstream, ",")
	}
	dns, err := discovery.NewDNS(directory, cfg)
	if err != nil {
		n.list.problem("dns", err, "check --domain, --dns-upstream and --lb-address")
		return
	}
	packets, l, err := discovery.Listen(n.cfg.DNS)
	if err != nil {
		n.list.problem("dns", err, listenMend(err, "dns"))
		return
	}
	n.dns = dns
	subscribe(n, n.conn.OnAddresses, func(a apps.Addresses) { directory.Place(a) })
	*targets = append(*targets, directory)
	n.serve = append(n.serve, func(ctx context.Context) error { return dns.Serve(ctx, packets, l) })
	n.list.ok("dns", "%s  *.%s", packets.LocalAddr(), n.cfg.Domain)
}

// follow writes the follower's letters to the leader: at once when something was
// applied, else once a second.
func (n *node) follow(ctx context.Context, f *lb.Follower) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := n.conn.SendServing(f.Serving()); err != nil {
			n.log.Debug("letter not sent", "letter", "serving", "err", err)
		}
		select {
		case <-ctx.Done():
			bye := f.Serving()
			bye.Leaving = true
			_ = n.conn.SendServing(bye)
			return context.Cause(ctx)
		case <-f.Changed():
		case <-tick.C:
		}
	}
}

// openAgents makes an agent for each engine.
func (n *node) openAgents(ctx context.Context, connect func(ctx context.Context, name string) (*bus.Conn, error)) {
	engines, err := n.cfg.engines()
	if err != nil {
		n.list.problem("docker", err, "")
		return
	}
	for _, e := range engines {
		n.openAgent(ctx, e, connect)
	}
}

func (n *node) openAgent(ctx context.Context, e engineConfig, connect func(ctx context.Context, name string) (*bus.Conn, error)) {
	runtime, err := docker.New(e.Endpoint, docker.Config{
		Addr: e.Host.Addr, DataDir: filepath.Join(n.cfg.DataDir, "hosts", e.Host.Name),
		CommandImage: n.cfg.CommandImage, DockerConfig: n.cfg.DockerConfig, Log: n.log.With("host", e.Host.Name),
	})
	if err != nil {
		n.list.problem("docker", err, "--docker takes an endpoint like unix:///var/run/docker.sock")
		return
	}
	n.onClose(func() { _ = runtime.Close() })
	ask, cancel := context.WithTimeout(ctx, 5*time.Second)
	info, err := runtime.Info(ask)
	cancel()
	if err != nil {
		n.list.warn("docker", "%s: %v; %s", e.Endpoint, err, dockerMend(err, e.Endpoint))
	} else {
		n.list.ok("docker", "%s  Docker %s, %s cores, %d MiB", e.Endpoint, info.Engine, trimCores(info.Total.CPU), info.Total.Mem)
	}
	boot := time.Now().UnixMilli()
	conn, err := connect(ctx, bus.AgentName(e.Host.Name, boot))
	if err != nil {
		n.list.problem("agent", err, "")
		return
	}
	n.onClose(conn.Close)
	a, err := agent.New(agent.Config{Host: e.Host, Runtime: runtime, Post: reports{conn}, Boot: boot, Log: n.log})
	if err != nil {
		n.list.problem("agent", err, "")
		return
	}
	sub, err := conn.OnAssign(e.Host.Name, a.Assigned)
	if err != nil {
		n.list.problem("agent", err, "")
		return
	}
	n.onClose(sub.Stop)
	logs, err := bus.Logs.Serve(conn, e.Host.Name, func(ctx context.Context, req bus.LogsRequest, send func([]byte) error) error {
		out := chunks(send)
		return runtime.Logs(ctx, req.Instance, req.Tail, req.Follow, out, out)
	})
	if err != nil {
		n.list.problem("agent", err, "")
		return
	}
	n.onClose(logs.Stop)
	n.hosts = append(n.hosts, e.Host.Name)
	n.serve = append(n.serve, func(ctx context.Context) error {
		err := a.Run(ctx)
		if err := conn.SendLeft(bus.Left{Host: e.Host.Name, Boot: boot}); err != nil {
			n.log.Debug("goodbye not sent", "host", e.Host.Name, "err", err)
		}
		return err
	})
	n.list.ok("agent", "%s  address %s, %s", e.Host.Name, e.Host.Addr, formatPorts(e.Host.Ports))
}

func dockerMend(err error, endpoint string) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		return "add yourself to the group docker, or run as root"
	case errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "Is the docker daemon running"):
		return "is the engine running? install it (apt-get install docker.io) or name another by --docker; it may also come later"
	}
	return "it may come later; " + endpoint + " is asked again and again"
}

func trimCores(milli int64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", float64(milli)/1000), "0"), ".")
}

func formatPorts(ports []apps.Range) string {
	var parts []string
	for _, r := range ports {
		parts = append(parts, fmt.Sprintf("%d-%d", r.First, r.Last))
	}
	return "ports " + strings.Join(parts, ",")
}

// reports is the agent's post.
type reports struct{ conn *bus.Conn }

func (r reports) Report(report apps.Report) error { return r.conn.SendReport(report) }

// chunks is a stream of bytes as a writer.
type chunks func([]byte) error

func (c chunks) Write(p []byte) (int, error) {
	if err := c(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// hostLogs fetches logs from the hosts for the API.
type hostLogs struct{ conn *bus.Conn }

func (h hostLogs) Logs(ctx context.Context, host, instance string, tail int, follow bool, out io.Writer) error {
	return bus.Logs.Stream(ctx, h.conn, host, bus.LogsRequest{Instance: instance, Tail: tail, Follow: follow}, func(chunk []byte) error {
		_, err := out.Write(chunk)
		return err
	})
}

func serveHTTP(ctx context.Context, server *http.Server, l net.Listener) error {
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if err := server.Shutdown(bye); err != nil {
			_ = server.Close()
		}
	}()
	err := server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		<-done
		return context.Cause(ctx)
	}
	return err
}

// redact hides the password of each of a comma list of URLs.
func redact(urls string) string {
	parts := strings.Split(urls, ",")
	for i, u := range parts {
		scheme, rest, ok := strings.Cut(u, "://")
		at := strings.LastIndex(rest, "@")
		if !ok || at < 0 {
			continue
		}
		user, _, _ := strings.Cut(rest[:at], ":")
		parts[i] = scheme + "://" + user + ":…@" + rest[at+1:]
	}
	return strings.Join(parts, ",")
}
