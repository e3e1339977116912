package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"pacer/apps"
)

// An answer handles a request; an error becomes its answer (see refuse).
type answer func(w http.ResponseWriter, r *http.Request) error

// methods are the answers of one resource by HTTP method.
type methods map[string]answer

// routes hangs every resource on the router. Resources whose path ends in an id
// (which may hold slashes, doubled and encoded ones too) take the rest of the path
// and find the verb in its suffix.
func (d *door) routes(router chi.Router) {
	router.Use(middleware.StripSlashes)
	router.NotFound(func(w http.ResponseWriter, r *http.Request) { d.refuse(w, r, notFoundURI(r)) })
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { // of names that HTTP does not know
		d.refuse(w, r, &httpError{http.StatusMethodNotAllowed, r.Method + " is no method of HTTP"})
	})

	router.HandleFunc("/ping", d.resource(methods{"GET": d.ping}))
	router.HandleFunc("/metrics", d.resource(methods{"GET": d.getMetrics}))
	router.HandleFunc("/metrics/prometheus", d.resource(methods{"GET": d.getPrometheus}))
	router.HandleFunc("/health/live", d.resource(methods{"GET": d.live}))
	router.HandleFunc("/health/ready", d.resource(methods{"GET": d.ready}))
	router.HandleFunc("/", d.resource(methods{"GET": d.root}))
	router.HandleFunc("/openapi.json", d.resource(methods{"GET": d.getOpenAPI}))
	router.HandleFunc("/openapi", d.resource(methods{"GET": d.getReference}))
	router.HandleFunc("/ui", d.serveUI)
	router.HandleFunc("/ui/*", d.serveUI)

	router.Group(func(router chi.Router) { // streams: not compressed
		router.Use(d.unbounded, d.led)
		router.HandleFunc("/v2/events", d.resource(methods{"GET": d.getEvents}))
		router.HandleFunc("/pacer/v1/logs/*", d.resource(methods{"GET": d.getInstanceLogs}))
		router.HandleFunc("/pacer/v1/apps/*", d.pacerApps)
		router.HandleFunc("/pacer/v1/roles", d.resource(methods{"GET": d.listRoles}))
	})
	router.Group(func(router chi.Router) {
		router.Use(d.led, zipped, tagged, d.idempotent)
		router.HandleFunc("/v2/apps", d.resource(methods{"GET": d.listApps, "POST": d.createApp, "PUT": d.changeApps, "PATCH": d.changeApps}))
		router.HandleFunc("/v2/apps/*", d.appPath)
		router.HandleFunc("/v2/tasks", d.resource(methods{"GET": d.listTasks}))
		router.HandleFunc("/v2/tasks/delete", d.resource(methods{"POST": d.deleteTasks}))
		router.HandleFunc("/v2/pods", d.podPath)
		router.HandleFunc("/v2/pods/*", d.podPath)
		router.HandleFunc("/v2/groups", d.groupPath)
		router.HandleFunc("/v2/groups/*", d.groupPath)
		router.HandleFunc("/v2/deployments", d.resource(methods{"GET": d.listDeployments}))
		router.HandleFunc("/v2/deployments/{id}", d.resource(methods{"DELETE": d.cancelDeployment}))
		router.HandleFunc("/v2/queue", d.resource(methods{"GET": d.getQueue}))
		router.HandleFunc("/v2/queue/*", d.queuePath)
		router.HandleFunc("/v2/info", d.resource(methods{"GET": d.getInfo}))
		router.HandleFunc("/v2/leader", d.resource(methods{"GET": d.getLeader, "DELETE": d.abdicate}))
		router.HandleFunc("/v2/eventSubscriptions", d.resource(methods{"GET": d.listCallbacks, "POST": d.subscribe(true), "DELETE": d.subscribe(false)}))
		router.HandleFunc("/v2/plugins", d.resource(methods{"GET": d.listPlugins}))
		router.HandleFunc("/v2/plugins/{id}", d.noPlugin)
		router.HandleFunc("/v2/plugins/{id}/*", d.noPlugin)

		d.jobRoutes(router)

		router.HandleFunc("/pacer/v1/hosts", d.resource(methods{"GET": d.listHosts}))
		router.HandleFunc("/pacer/v1/hosts/{name}", d.resource(methods{"GET": d.getHost, "PUT": d.updateHost, "DELETE": d.forgetHost}))
		router.HandleFunc("/pacer/v1/rebalance", d.resource(methods{"GET": d.getRebalance, "POST": d.rebalance, "DELETE": d.stopRebalance}))
		router.HandleFunc("/pacer/v1/discovery/*", d.resource(methods{"GET": d.discover}))
		router.HandleFunc("/pacer/v1/deployments", d.resource(methods{"GET": d.listKept}))
		router.HandleFunc("/pacer/v1/deployments/{id}", d.resource(methods{"GET": d.getDeployment}))
		router.HandleFunc("/pacer/v1/deployments/{id}/pause", d.resource(methods{"POST": d.pauseDeployment(true)}))
		router.HandleFunc("/pacer/v1/deployments/{id}/resume", d.resource(methods{"POST": d.pauseDeployment(false)}))
		router.HandleFunc("/pacer/v1/routes", d.resource(methods{"GET": d.listAppRoutes}))
		router.HandleFunc("/pacer/v1/tasks", d.resource(methods{"GET": d.listGone}))
		router.HandleFunc("/pacer/v1/volumes", d.resource(methods{"GET": d.listVolumes}))
		router.HandleFunc("/pacer/v1/volumes/{id}", d.resource(methods{"DELETE": d.wipeVolume}))
		router.HandleFunc("/pacer/v1/roles/{role}", d.resource(methods{"GET": d.getRole, "PUT": d.setRole, "DELETE": d.dropRole}))
		router.HandleFunc("/pacer/v1/settings", d.resource(methods{"GET": d.getSettings, "PUT": d.setSettings}))
		router.HandleFunc("/pacer/v1/plan", d.resource(methods{"POST": d.plan}))
		router.HandleFunc("/pacer/v1/leader", d.resource(methods{"GET": d.getPacerLeader}))
	})
}

// appPath finds out which resource of an app is meant.
func (d *door) appPath(w http.ResponseWriter, r *http.Request) {
	path := rest(r, "/v2/apps")
	n := len(path)
	at := func(m methods) { d.resource(m)(w, r) }
	switch {
	case n == 0:
		at(methods{"GET": d.listApps, "POST": d.createApp, "PUT": d.changeApps, "PATCH": d.changeApps})
	case path[n-1] == "*":
		at(methods{"GET": d.listGroupApps(path[:n-1])})
	case n > 1 && path[n-1] == "restart":
		at(methods{"POST": d.restartApp(path[:n-1])})
	case n > 1 && path[n-1] == "tasks":
		at(methods{"GET": d.listAppTasks(path[:n-1]), "DELETE": d.deleteAppTasks(path[:n-1])})
	case n > 2 && path[n-2] == "tasks":
		at(methods{"DELETE": d.deleteAppTask(path[:n-2], path[n-1])})
	case n > 1 && path[n-1] == "versions":
		at(methods{"GET": d.listVersions(path[:n-1])})
	case n > 2 && path[n-2] == "versions":
		at(methods{"GET": d.getVersion(path[:n-2], path[n-1])})
	default:
		at(methods{"GET": d.getApp(path), "PUT": d.changeApp(path), "PATCH": d.changeApp(path), "DELETE": d.deleteApp(path)})
	}
}

// groupPath does the same for groups.
func (d *door) groupPath(w http.ResponseWriter, r *http.Request) {
	path := rest(r, "/v2/groups")
	n := len(path)
	at := func(m methods) { d.resource(m)(w, r) }
	switch {
	case n > 0 && path[n-1] == "apps":
		at(methods{"GET": d.listAppsOfGroup(path[:n-1])})
	case n > 0 && path[n-1] == "versions":
		at(methods{"GET": d.listGroupVersions(path[:n-1])})
	case n > 1 && path[n-2] == "versions":
		at(methods{"GET": d.getGroupVersion(path[:n-2], path[n-1])})
	default:
		at(methods{"GET": d.getGroup(path), "POST": d.changeGroup(path), "PUT": d.changeGroup(path), "PATCH": d.patchGroup(path), "DELETE": d.deleteGroup(path)})
	}
}

func (d *door) queuePath(w http.ResponseWriter, r *http.Request) {
	path := rest(r, "/v2/queue")
	if n := len(path); n > 1 && path[n-1] == "delay" {
		d.resource(methods{"DELETE": d.resetDelay(path[:n-1])})(w, r)
		return
	}
	d.refuse(w, r, notFoundURI(r))
}

func (d *door) pacerApps(w http.ResponseWriter, r *http.Request) {
	path := rest(r, "/pacer/v1/apps")
	if n := len(path); n > 1 {
		verbs := map[string]answer{
			"logs": d.getAppLogs(path[:n-1]), "failures": d.listFailures(path[:n-1]), "explain": d.explain(path[:n-1]), "decisions": d.decisions(path[:n-1]),
		}
		if handle, ok := verbs[path[n-1]]; ok {
			d.resource(methods{"GET": handle})(w, r)
			return
		}
	}
	d.refuse(w, r, notFoundURI(r))
}

// rest is what follows prefix in the path of the request, as it was sent: split at
// slashes, encoded ones too, without empty elements.
func rest(r *http.Request, prefix string) []string {
	path := strings.TrimPrefix(r.URL.EscapedPath(), prefix)
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	return strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
}

// appID is the id that elements of a path spell.
func appID(path []string) apps.ID { return apps.ID("/" + strings.Join(path, "/")) }

// resource answers by method: HEAD as GET, what is not there with 405.
func (d *door) resource(m methods) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		handle, ok := m[method]
		if !ok {
			w.Header().Set("Allow", m.allow())
			if method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			d.refuse(w, r, &httpError{http.StatusMethodNotAllowed, r.Method + " is not possible here: use " + m.allow()})
			return
		}
		if err := handle(w, r); err != nil {
			d.refuse(w, r, err)
		}
	}
}

// allow lists the methods in the order of RFC 9110.
func (m methods) allow() string {
	var list []string
	for _, name := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
		if m[name] == nil {
			continue
		}
		if list = append(list, name); name == "GET" {
			list = append(list, "HEAD")
		}
	}
	return strings.Join(append(list, "OPTIONS"), ", ")
}

// stripService lets DC/OS' command line in: it puts /service/marathon in front, or
// /service/metronome.
func stripService(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/service/marathon/") {
			r.Header.Set(mountedAt, "/service/marathon") // a header, so that a leader hears of it from a follower
			http.StripPrefix("/service/marathon", next).ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/service/metronome/") {
			http.StripPrefix("/service/metronome", next).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (d *door) root(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/ui/", http.StatusFound)
	return nil
}

func (d *door) serveUI(w http.ResponseWriter, r *http.Request) {
	switch {
	case d.UI == nil:
		d.refuse(w, r, notFoundURI(r))
	case r.URL.Path == "/ui":
		http.Redirect(w, r, "/ui/", http.StatusFound)
	default:
		d.UI.ServeHTTP(w, r)
	}
}
