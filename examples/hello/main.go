// Command hello is the smallest app worth deploying: an HTTP server that says who
// answers, and leaves without dropping a request.
//
//	GET  /           hello from VERSION INSTANCE (any method; a body is read and ignored)
//	GET  /health     200 ok, for health checks
//	GET  /sleep?d=2s answers after that time, at most a minute: a request to drain
//	POST /break      from now on /health answers 500: watch it being replaced
//	POST /exit       ends with exit code 1: a crash
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// version is set when it is built: -ldflags "-X main.version=2".
var version = "0"

func main() {
	addr := ":" + port(os.Getenv)
	server := &http.Server{Addr: addr, Handler: handler(instance()), ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	log.Printf("hello %s listens on %s", version, addr)
	select {
	case err := <-ended:
		log.Fatal(err)
	case <-ctx.Done():
	}
	log.Print("finishing the requests in flight")
	patience, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		log.Fatal(err)
	}
}

// port is where to listen. PORT_8080 is set where our container's port 8080 was
// mapped to the host; with host networking PORT0 is the port that is ours.
func port(env func(string) string) string {
	if env("PORT_8080") != "" {
		return "8080"
	}
	return cmp.Or(env("PORT0"), "8080")
}

// instance is our own name: Pacer's for us, else the machine's.
func instance() string {
	if task := os.Getenv("MESOS_TASK_ID"); task != "" {
		return strings.TrimSuffix(task, "._app.1")
	}
	name, _ := os.Hostname()
	return name
}

func handler(instance string) http.Handler {
	var broken atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "hello from %s %s\n", version, instance)
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			http.Error(w, "broken", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /sleep", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.FormValue("d"))
		if err != nil {
			err = errors.New("say how long: /sleep?d=2s")
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		select {
		case <-time.After(min(d, time.Minute)):
			fmt.Fprintf(w, "slept %s in %s %s\n", min(d, time.Minute), version, instance)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /break", func(w http.ResponseWriter, _ *http.Request) {
		broken.Store(true)
		fmt.Fprintln(w, "broken")
	})
	mux.HandleFunc("POST /exit", func(http.ResponseWriter, *http.Request) {
		log.Print("told to crash")
		os.Exit(1)
	})
	return mux
}
