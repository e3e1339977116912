package docker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/docker/docker/client"

	"pacer/agent"
	"pacer/apps"
)

// Deadlines of single calls to the engine. They are generous: a loaded engine is
// slow, and what takes longer is not coming back.
const (
	infoLimit   = 10 * time.Second
	listLimit   = 10 * time.Second // also of an inspect
	createLimit = 30 * time.Second
	startLimit  = 60 * time.Second
	stopLimit   = 15 * time.Second // beyond the grace period
	removeLimit = 30 * time.Second
	pullStall   = 5 * time.Minute // without any progress
	pingEvery   = 15 * time.Second
)

// Config is what a Docker needs to know. Every zero value works.
type Config struct {
	// Addr is the host's address: its published ports are bound on it alone, and it
	// is $HOST. Empty: 127.0.0.1.
	Addr string
	// DataDir holds the instances' sandboxes; the engine must see it under the same
	// path. Empty, or an engine on another machine: sandboxes are anonymous volumes.
	DataDir string
	// CommandImage runs the apps that have no image. Empty: the host's own userland.
	CommandImage string
	// DockerConfig is the file that logins to registries are read from, again for
	// each pull. Empty: $DOCKER_CONFIG/config.json, else ~/.docker/config.json.
	DockerConfig string
	// PidsLimit is the most processes and threads of a container; 0 is 4096.
	PidsLimit int64
	// Log may be nil.
	Log *slog.Logger
}

// Docker is an agent.Runtime on a Docker Engine of API 1.41 (20.10) or later. Its
// methods may be called by any number of goroutines.
type Docker struct {
	api    *client.Client
	config Config
	local  bool // the engine is on this machine and shares its file system

	pulls group
	gpus  gpus

	life context.Context // until Close
	end  context.CancelFunc
	work sync.WaitGroup // what goes on when a call has returned

	mu       sync.Mutex
	starting map[string]int // instances with a Start under way
	partings map[*parting]bool

	userland func() (*userland, error) // the host's, looked at once
}

var _ agent.Runtime = (*Docker)(nil)

// New is a Docker for the engine at endpoint ("unix:///var/run/docker.sock",
// "tcp://10.0.0.1:2375"); empty is $DOCKER_HOST, else the former. It does not
// connect: the engine may come later. TLS is set up by $DOCKER_CERT_PATH.
func New(endpoint string, config Config) (*Docker, error) {
	opts := []client.Opt{client.WithTLSClientConfigFromEnv(), client.WithAPIVersionNegotiation()}
	endpoint = cmp.Or(endpoint, os.Getenv(client.EnvOverrideHost), client.DefaultDockerHost)
	at, err := client.ParseHostURL(endpoint)
	if err != nil {
		return nil, fmt.Errorf("Docker endpoint %q: %w", endpoint, err)
	}
	api, err := client.NewClientWithOpts(append(opts, client.WithHost(endpoint))...)
	if err != nil {
		return nil, fmt.Errorf("Docker endpoint %q: %w", endpoint, err)
	}
	config.Addr = cmp.Or(config.Addr, "127.0.0.1")
	config.PidsLimit = cmp.Or(config.PidsLimit, 4096)
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.DataDir != "" {
		if config.DataDir, err = filepath.Abs(config.DataDir); err != nil {
			return nil, err
		}
	}
	d := &Docker{
		api: api, config: config, local: isLocal(at), starting: map[string]int{}, partings: map[*parting]bool{},
		userland: sync.OnceValues(func() (*userland, error) { return readUserland("/") }),
	}
	d.life, d.end = context.WithCancel(context.Background())
	return d, nil
}

func isLocal(endpoint *url.URL) bool { return endpoint.Scheme == "unix" }

// Close gives up the connections to the engine. Containers are not touched.
func (d *Docker) Close() error {
	d.end()
	d.work.Wait()
	return d.api.Close()
}

// Info is what the engine is and has. Of the host it fills in Name, Addr, Total
// and Engine; disk is known of an engine on this machine only.
func (d *Docker) Info(ctx context.Context) (apps.Host, error) {
	ctx, cancel := context.WithTimeout(ctx, infoLimit)
	defer cancel()
	info, err := d.api.Info(ctx)
	if err != nil {
		return apps.Host{}, fmt.Errorf("ask the Docker engine: %w", explain(err))
	}
	h := apps.Host{
		Name: info.Name, Addr: d.config.Addr, Engine: info.ServerVersion,
		Total: apps.Resources{CPU: int64(info.NCPU) * 1000, Mem: info.MemTotal / mib},
	}
	var disk syscall.Statfs_t
	if d.local && syscall.Statfs(info.DockerRootDir, &disk) == nil {
		h.Total.Disk = int64(disk.Blocks) * disk.Bsize / mib
	}
	return h, nil
}

const mib = 1 << 20
