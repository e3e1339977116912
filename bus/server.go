package bus

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// MaxPayload is the largest letter, in bytes, after compression.
const MaxPayload = 8 << 20

// clusterPortOffset is the distance from the port for clients to the one for the
// other servers.
const clusterPortOffset = 1000

// ServerConfig is how to run NATS inside this process.
type ServerConfig struct {
	Name string // of this server; unique among those that it is routed to

	// Listen is the address (host:port) for clients outside of this process; empty:
	// none can connect. Port 0 is any free one.
	Listen string

	// Routes are the cluster addresses of the other servers, like
	// nats://10.0.0.2:5222. With any, this server also listens for them, on the port
	// for clients plus 1000, and JetStream becomes one for all: it then needs more
	// than half of the servers. Every server has to name all the others.
	Routes []string

	// Password is what clients (as the user "pacer") and the other servers have to
	// know: nats://pacer:PASSWORD@host:4222. Empty: anybody may connect.
	Password string

	// StoreDir is where JetStream keeps its streams; empty: there is no JetStream.
	StoreDir string

	Log *slog.Logger // nil: nothing is logged
}

// user is the name of those who may connect.
const user = "pacer"

// storeMax bounds the disk that JetStream takes, in bytes.
const storeMax = 4 << 30

// Server is a NATS server inside this process.
type Server struct {
	nats      *server.Server
	password  string // of user; empty: none
	sysSecret string // of the system account's user, known to this process alone
	log       *slog.Logger
}

// Embedded starts a NATS server in this process, and returns when clients can
// connect.
func Embedded(cfg ServerConfig) (*Server, error) {
	s := &Server{password: cfg.Password, sysSecret: rand.Text(), log: logger(cfg.Log)}
	options, err := s.options(cfg)
	if err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	if s.nats, err = server.NewServer(options); err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	s.nats.SetLoggerV2(serverLog{s.log}, false, false, false)
	s.nats.Start()
	if !s.nats.ReadyForConnections(20 * time.Second) {
		s.Shutdown()
		return nil, fmt.Errorf("start NATS: it was not ready within 20 s; is %q free, and the one %d above it where there are routes?", cfg.Listen, clusterPortOffset)
	}
	return s, nil
}

// options writes the configuration as NATS's own file format (which JSON is a part
// of): some of it cannot be said otherwise.
func (s *Server) options(cfg ServerConfig) (*server.Options, error) {
	type conf map[string]any
	pacer := conf{"user": user, "password": cfg.Password}
	if cfg.Password == "" {
		pacer["password"] = rand.Text() // nobody says it: see no_auth_user
	}
	account := conf{"users": []conf{pacer}}
	c := conf{
		"server_name": cfg.Name,
		"accounts": conf{
			"SYS":   conf{"users": []conf{{"user": "sys", "password": s.sysSecret}}},
			"PACER": account,
		},
		"system_account": "SYS",
		"max_payload":    MaxPayload,
		"max_pending":    64 << 20, // to one slow client, before it is cut off
		"write_deadline": "10s",
		"ping_interval":  "5s", // so a machine that is gone without a word is noticed in 15 s
		"ping_max":       2,
	}
	if cfg.Password == "" {
		c["no_auth_user"] = user
	}
	if cfg.StoreDir != "" {
		// always: what is acknowledged is on the disk (Jepsen, NATS 2.12.1).
		c["jetstream"] = conf{"store_dir": cfg.StoreDir, "sync_interval": "always", "max_file_store": storeMax, "max_memory_store": 64 << 20}
		account["jetstream"] = "enabled"
	}
	var host string
	var port int
	if cfg.Listen != "" {
		h, p, err := net.SplitHostPort(cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen on %q: %w; write host:port", cfg.Listen, err)
		}
		if port, err = strconv.Atoi(p); err != nil || port < 0 || port > 65535 {
			return nil, fmt.Errorf("listen on %q: %q is no port", cfg.Listen, p)
		}
		if host = h; host == "" {
			host = "0.0.0.0"
		}
	}
	if len(cfg.Routes) > 0 {
		if cfg.Listen == "" {
			return nil, errors.New("routes to other servers need an address to listen on")
		}
		clusterPort := port + clusterPortOffset
		if port == 0 {
			clusterPort = -1
		}
		routes := make([]string, len(cfg.Routes))
		for i, r := range cfg.Routes {
			u, err := url.Parse(r)
			if err != nil || u.Host == "" {
				return nil, fmt.Errorf("route %q: write nats://host:port", r)
			}
			if u.User == nil && cfg.Password != "" {
				u.User = url.UserPassword(user, cfg.Password)
			}
			routes[i] = u.String()
		}
		cluster := conf{"name": "pacer", "host": host, "port": clusterPort, "routes": routes, "pool_size": -1}
		if cfg.Password != "" {
			cluster["authorization"] = conf{"user": user, "password": cfg.Password}
		}
		c["cluster"] = cluster
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	o := &server.Options{}
	if err := o.ProcessConfigString(text.String()); err != nil {
		return nil, err
	}
	o.NoSigs = true
	o.Host, o.Port = host, port
	switch {
	case cfg.Listen == "":
		o.DontListen = true
	case port == 0:
		o.Port = server.RANDOM_PORT
	}
	return o, nil
}

// Addr is where clients connect, as host:port; empty where none can.
func (s *Server) Addr() string {
	if a := s.nats.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// ClusterAddr is where other servers connect, as host:port; empty where none can.
func (s *Server) ClusterAddr() string {
	if a := s.nats.ClusterAddr(); a != nil {
		return a.String()
	}
	return ""
}

// Shutdown ends the server and waits for it.
func (s *Server) Shutdown() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// Connect connects from within this process.
func (s *Server) Connect(ctx context.Context, name string) (*Conn, error) {
	return connect(ctx, "", name, s.log, s)
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// serverLog turns NATS's log into ours. Its notices are of no interest to those
// who run Pacer, but for finding a fault.
type serverLog struct{ log *slog.Logger }

func (l serverLog) say(level slog.Level, format string, v []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "nats server", "says", fmt.Sprintf(format, v...))
	}
}

func (l serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l serverLog) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }

// Warnf leaves out the warning about plain passwords in a configuration file: ours
// is in memory, made at start.
func (l serverLog) Warnf(format string, v ...any) {
	if !strings.HasPrefix(format, "Plaintext passwords") {
		l.say(slog.LevelWarn, format, v)
	}
}
func (l serverLog) Errorf(format string, v ...any) { l.say(slog.LevelError, format, v) }
func (l serverLog) Debugf(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l serverLog) Tracef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
