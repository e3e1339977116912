package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer"
	"pacer/deployer/cluster"
)

// A Deployer is the event loop as this package needs it; see FromDeployer.
type Deployer interface {
	// Submit puts a request into the loop and waits for its reply; it fails with an *apps.Error.
	Submit(ctx context.Context, newEvent func(request string) cluster.Event) (cluster.Reply, error)
	// View is what is committed; nil when this server does not lead.
	View() View
	// Leader is who leads; ok is false while nobody is known to.
	Leader() (l deployer.Leader, ok bool)
	// Abdicate gives up leadership.
	Abdicate() bool
	// Subscribe delivers notices committed from now on, in order. The channel is
	// closed when the subscriber is too slow or leadership ends.
	Subscribe() (notices <-chan apps.Notice, cancel func())
}

// A View is the committed state of the cluster. What it returns must not be modified.
type View interface {
	App(id apps.ID) (*apps.App, bool)
	Apps() []*apps.App // ordered by id
	// Revision grows whenever something of an app changes that is told of it, and so does
	// AppsRevision for all apps; no two views have the same. 0: there is no such app.
	Revision(id apps.ID) uint64
	AppsRevision() uint64
	Revisions() []deployer.AppRevision // ordered by id
	// Changes are what changed after a revision of all apps; ok: nothing else did.
	Changes(since uint64) (changed []deployer.AppChange, now uint64, ok bool)
	// Group is the row of a group; "/" may have none, though it is there.
	Group(id apps.ID) (*apps.Group, bool)
	Groups(id apps.ID) []*apps.Group // it and those below it, ordered by id
	InstancesOf(id apps.ID) []apps.Instance
	Instance(id string) (apps.Instance, bool)
	Deployments() []apps.Deployment // running, oldest first
	DeploymentsOf(id apps.ID) []string
	Deployment(id string) (apps.Deployment, bool) // also recently ended ones
	Hosts() []apps.Host                           // ordered by name
	Host(name string) (apps.Host, bool)
	Wait(id apps.ID) (cluster.Wait, bool)
	Waits() []cluster.Wait // ordered by app
	LastFailure(id apps.ID) (apps.Finished, bool)
	Services() []apps.Service // ordered by app
	Claims() []apps.Claim     // ordered by app and age
	Roles() (roles []deployer.RoleStatus, total apps.Resources)
	Settings() apps.Settings
	Callbacks() []apps.Callback // ordered by URL
	JobView
}

// A Reader is the store as this package needs it: the past.
type Reader interface {
	// Versions are the kept versions of an app, newest first.
	Versions(ctx context.Context, app apps.ID) ([]apps.Version, error)
	// AppVersion fails with NotFound.
	AppVersion(ctx context.Context, app apps.ID, v apps.Version) (*apps.App, error)
	// GroupVersions are the kept versions of a group itself and of those below it, newest first.
	GroupVersions(ctx context.Context, group apps.ID) ([]apps.Version, error)
	// GroupsAt are a group and those below it as they were at a version, ordered by id.
	GroupsAt(ctx context.Context, group apps.ID, at apps.Version) ([]*apps.Group, error)
	// Notices are up to limit notices after number after, oldest first.
	Notices(ctx context.Context, after uint64, limit int) ([]apps.Notice, error)
	// LastSeq is the number of the newest notice.
	LastSeq(ctx context.Context) (uint64, error)
	// Deployment is one that runs or has ended; it fails with NotFound.
	Deployment(ctx context.Context, id string) (apps.Deployment, error)
	// Deployments are up to limit ended ones, newest first.
	Deployments(ctx context.Context, limit int) ([]apps.Deployment, error)
	// Failures are up to limit ends of an app's instances that nobody asked for, newest first.
	Failures(ctx context.Context, app apps.ID, limit int) ([]apps.Failure, error)
	// Finished are up to limit instances of an app that are gone, newest first; of all
	// apps where it is empty.
	Finished(ctx context.Context, app apps.ID, limit int) ([]apps.Finished, error)
	// RoleVersions are what a role was set to, newest first.
	RoleVersions(ctx context.Context, name string) ([]apps.Role, error)
	// SettingsVersions are what the settings of the cluster were, newest first.
	SettingsVersions(ctx context.Context) ([]apps.Settings, error)
}

// A LogStreamer fetches what instances print from their hosts.
type LogStreamer interface {
	// Logs copies the last tail lines (0: all) of an instance to out, then, with
	// follow, what comes, until ctx ends or the container does.
	Logs(ctx context.Context, host, instance string, tail int, follow bool, out io.Writer) error
}

// A Config is what the door needs to know. Deployer and Reader must be set.
type Config struct {
	Deployer Deployer
	Reader   Reader

	Logs    LogStreamer                     // nil: logs are Unavailable
	Ready   func(ctx context.Context) error // for /health/ready; nil: a leader is known
	Metrics []func(io.Writer)               // writers of Prometheus text for /metrics
	UI      http.Handler                    // for /ui/; nil: 404
	Log     *slog.Logger                    // nil: slog.Default

	// Plan works out ahead what a change would do; nil: it is Unavailable.
	Plan func(ctx context.Context, c cluster.Change) (cluster.Forecast, error)

	// Runnable refuses, with an *apps.Error, an app that hosts could never run; nil:
	// they find out.
	Runnable func(*apps.App) error

	// AllowOrigins are those whose pages may read the API; "*": all. Empty: none but its own.
	AllowOrigins []string

	Wire    wire.Settings
	Version string // for GET /v2/info; empty: the Marathon that is imitated
	Address string // host:port of this server's API, for GET /v2/info

	LeaderWait time.Duration // how long a request waits for a leader; 0: 2.5 s (Marathon's)
	Answer     time.Duration // how long a change may take; 0: 30 s
	Heartbeat  time.Duration // of event streams; 0: 10 s
	StreamWait time.Duration // how long a client of a stream may take to read what it is sent; 0: 10 s
}

const (
	marathonVersion = "1.10.17" // clients parse it and choose features by it
	bodyMax         = 10 << 20  // bytes of a request's body
)

// A door answers requests.
type door struct {
	Config

	proxy   http.Handler
	metrics metrics
	answers answers
	rolls   rolls
	trees   trees
	feed    feed
}

// New makes the handler of the whole API.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Version == "" {
		c.Version = marathonVersion
	}
	c.LeaderWait = orDuration(c.LeaderWait, 2500*time.Millisecond)
	c.Answer = orDuration(c.Answer, 30*time.Second)
	c.Heartbeat = orDuration(c.Heartbeat, 10*time.Second)
	c.StreamWait = orDuration(c.StreamWait, 10*time.Second)
	d := &door{Config: c}
	d.proxy = d.newProxy()
	router := chi.NewRouter()
	d.routes(router)
	return d.counted(d.guarded(d.crossOrigin(stripService(router))))
}

func orDuration(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// NewServer is an http.Server with the limits that a public door needs: headers of
// at most 64 KiB within 10 s, bodies within a minute. Streams extend their own
// deadlines.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}
