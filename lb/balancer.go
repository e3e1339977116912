package lb

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pacer/apps"
)

const (
	connsMax       = 8192             // client connections, where Config does not say
	requestMax     = 64 << 10         // bytes of a request's header; more is 431
	headerTimeout  = 10 * time.Second // for a request's header
	idleTimeout    = 120 * time.Second
	closeTimeout   = 2 * time.Second  // for what is in flight when Run ends
	portDrainMax   = 30 * time.Second // for what is in flight on a service port that goes away
	portRetryPause = time.Second      // between two attempts to open a service port
)

// Config is what a Balancer has to be told.
type Config struct {
	// Name is this balancer's, for the log.
	Name string
	// Bind is the address of the service ports, without a port. Empty: none is opened.
	Bind string
	// Domain gives every app a default host: /shop/web is web.shop.DOMAIN and leads to
	// its first port that speaks HTTP. Empty: none.
	Domain string
	// Groups narrow what is served to the ports that name one of them. Empty, or with
	// "*" among them: everything.
	Groups []string
	// ConnsMax bounds the client connections of all listeners together: beyond it
	// they wait to be accepted. 0 is 8192. Each may need two file descriptors.
	ConnsMax int
	// Log: nil discards.
	Log *slog.Logger
}

// A Balancer is an http.Handler that answers requests by virtual host and path, and
// owns the listeners of the service ports. Make one with New.
type Balancer struct {
	cfg   Config
	log   *slog.Logger
	table atomic.Pointer[table]
	stats stats
	slots chan struct{} // one per client connection

	ctx  context.Context // ends with Close
	stop context.CancelFunc

	mu        sync.Mutex
	apps      map[apps.ID]*app
	groups    map[string]map[*app]bool // deployment groups
	leaving   map[*backend]*app        // with something in flight
	listeners map[int]*listener
	portErrs  map[int]error
	signals   []chan<- struct{}
	closed    bool
	running   sync.WaitGroup // what spawn started
}

// New makes a balancer with an empty table. Close it, or Run it until its end.
func New(cfg Config) *Balancer {
	cfg.ConnsMax = cmp.Or(cfg.ConnsMax, connsMax)
	b := &Balancer{
		cfg:       cfg,
		log:       cfg.Log,
		slots:     make(chan struct{}, cfg.ConnsMax),
		apps:      map[apps.ID]*app{},
		groups:    map[string]map[*app]bool{},
		leaving:   map[*backend]*app{},
		listeners: map[int]*listener{},
		portErrs:  map[int]error{},
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Name != "" {
		b.log = b.log.With("balancer", cfg.Name)
	}
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.table.Store(&table{})
	return b
}

// Apply takes a letter and reports whether it was news: one that is not newer than
// what is served changes nothing. When it returns, every new request sees the new
// table. It does not remember apps that are gone; a [Follower] does.
func (b *Balancer) Apply(s apps.Service) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.apps[s.App]
	if a == nil && s.Gone || a != nil && !s.After(a.service.Stamp) {
		return false
	}
	if a == nil {
		a = &app{id: s.App, stats: new(appStats), own: new(endpoints), backends: map[string]*backend{}}
		a.endpoints.Store(&endpoints{})
		b.apps[s.App] = a
	}
	old := a.service
	a.service = s
	left := b.join(a, s)
	if s.Gone {
		delete(b.apps, s.App)
		b.route(a, nil)
		b.setEndpoints(a, nil)
		return true
	}
	// New endpoints first: a new route never leads to the old ones' ports.
	b.setEndpoints(a, s.Endpoints)
	if left != "" {
		b.publishGroup(left)
	}
	if a.claims == nil || !slices.EqualFunc(old.Ports, s.Ports, apps.ServicePort.Same) {
		b.route(a, claims(a, s, b.cfg))
	}
	return true
}

// setEndpoints gives the app its endpoints. Backends that stay keep their
// connections and what is known of them.
func (b *Balancer) setEndpoints(a *app, all []apps.Endpoint) {
	next := &endpoints{good: make([]*backend, 0, len(all))}
	stay := make(map[string]*backend, len(all))
	for _, e := range all {
		be := a.backends[e.Instance]
		if be == nil || !be.same(e) {
			be = newBackend(b, e)
		}
		stay[e.Instance] = be
		if e.Suspect {
			next.suspect = append(next.suspect, be)
		} else {
			next.good = append(next.good, be)
		}
	}
	a.own = next
	b.publish(a)
	for id, be := range a.backends {
		if stay[id] != be {
			be.leave()
			if be.inFlight.Load() > 0 {
				b.leaving[be] = a
			}
		}
	}
	a.backends = stay
}

// route gives the app the traffic that it claims.
func (b *Balancer) route(a *app, next []claim) {
	t := b.table.Load().without(a, a.claims).with(next)
	b.table.Store(&t)
	touched := map[int]bool{}
	for _, c := range slices.Concat(a.claims, next) {
		if c.port > 0 && c.host == "" {
			touched[c.port] = true
		}
		if c.host == "" {
			continue
		}
		if rules, _ := t.hosts.get(c.host); len(rules) > 1 {
			b.warnOfRivals(c.host, rules)
		}
	}
	a.claims = next
	if next == nil {
		a.claims = []claim{}
	}
	for _, port := range slices.Sorted(maps.Keys(touched)) {
		b.syncPort(port)
	}
}

func (b *Balancer) warnOfRivals(host string, rules []rule) {
	for i := 1; i < len(rules); i++ {
		if x, y := rules[i-1], rules[i]; x.path == y.path && x.app != y.app && !y.auto && !x.app.sharesWith(y.app) {
			b.log.Warn("two apps claim one route", "host", host, "path", x.path, "served", x.app.id, "ignored", y.app.id)
		}
	}
}

// Busy names the instances that are out of the table and still have requests or
// connections in flight, in order. An instance that came back into the table is not
// among them.
func (b *Balancer) Busy() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for be, a := range b.leaving {
		if be.inFlight.Load() == 0 {
			delete(b.leaving, be)
		} else if a.backends[be.instance] == nil {
			ids = append(ids, be.instance)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// SignalDrained makes the balancer put something into ch, if there is room, whenever
// an instance has left Busy.
func (b *Balancer) SignalDrained(ch chan<- struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signals = append(b.signals, ch)
}

func (b *Balancer) drained() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ch := range b.signals {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// ServeHTTP answers a request by its host and path: 404 where nobody claims them,
// 503 where the app has no endpoint now, 502 where no endpoint could be reached.
func (b *Balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rule, known, ok := b.table.Load().find(r.Host, r.URL.Path)
	switch {
	case ok:
		b.forward(w, r, rule)
	case known:
		b.stats.unknown.Add(1)
		refuse(w, r, http.StatusNotFound, fmt.Sprintf("no app serves %s on host %q", r.URL.Path, r.Host))
	default:
		b.stats.unknown.Add(1)
		refuse(w, r, http.StatusNotFound, fmt.Sprintf("no app has the host %q: an app's label HAPROXY_0_VHOST gives it one", r.Host))
	}
}

// Run serves l by virtual host, and keeps trying to open service ports that could
// not be opened, until ctx ends. Then it closes everything, what is in flight
// after a few seconds. l may be nil.
func (b *Balancer) Run(ctx context.Context, l net.Listener) error {
	defer b.Close()
	failed := make(chan error, 1)
	if l != nil {
		server := b.server(b)
		defer func() { b.shutdown(server, closeTimeout) }()
		if !b.spawn(func(context.Context) { failed <- server.Serve(b.limit(l)) }) {
			return http.ErrServerClosed
		}
	}
	retry := time.NewTicker(portRetryPause)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-failed:
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		case <-retry.C:
			b.retryPorts()
		}
	}
}

// Close closes the service ports and ends what is in flight on them; it returns when
// nothing of the balancer runs any more. What ServeHTTP has in flight belongs to
// its server.
func (b *Balancer) Close() {
	b.mu.Lock()
	b.closed = true
	for n, l := range b.listeners {
		l.close(closeTimeout)
		delete(b.listeners, n)
	}
	for _, a := range b.apps {
		for _, be := range a.backends {
			be.closeIdle()
		}
	}
	b.mu.Unlock()
	time.AfterFunc(closeTimeout, b.stop)
	b.running.Wait()
	b.stop()
}

// spawn runs f on its own, with a context that ends with Close, unless the balancer
// is closed.
func (b *Balancer) spawn(f func(ctx context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spawnLocked(f)
}

func (b *Balancer) spawnLocked(f func(ctx context.Context)) bool {
	if b.closed {
		return false
	}
	b.running.Go(func() { f(b.ctx) })
	return true
}

// server is an HTTP server with our bounds: on the header's size and time and on
// idle connections, but none on a whole request, which may stream for hours.
func (b *Balancer) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    requestMax,
		ErrorLog:          slog.NewLogLogger(b.log.Handler(), slog.LevelDebug),
	}
}

// shutdown lets a server finish what it has in flight, at most for so long.
func (b *Balancer) shutdown(server *http.Server, most time.Duration) {
	ctx, cancel := context.WithTimeout(b.ctx, most)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}
