package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer"
	"pacer/deployer/cluster"
	"pacer/store"
)

// A quiet cluster is a deployer on a store in memory with hosts that obey when they are
// told to: between two steps of a test only the clock changes anything.
type quietCluster struct {
	deployer *deployer.Deployer
	reader   *store.DB
	hosts    map[string]*pretendHost

	mu      sync.Mutex
	letters map[string]apps.Assignment
}

func (q *quietCluster) SendAssign(a apps.Assignment) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.letters[a.Host] = a
	return nil
}

func (q *quietCluster) SendService(apps.Service) error     { return nil }
func (q *quietCluster) SendRoster(apps.Roster) error       { return nil }
func (q *quietCluster) SendAddresses(apps.Addresses) error { return nil }
func (q *quietCluster) SendServer(apps.Server) error       { return nil }

func newQuietCluster(t testing.TB, hosts ...string) *quietCluster {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	q := &quietCluster{reader: db, hosts: map[string]*pretendHost{}, letters: map[string]apps.Assignment{}}
	q.deployer = deployer.New(deployer.Config{Name: "s1", URL: "http://s1", Store: db, Post: q, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.deployer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "leadership", func() bool { return q.deployer.View() != nil })
	for i, name := range hosts {
		h := &pretendHost{report: apps.Report{Boot: 1, Host: apps.Host{
			Name: name, Addr: fmt.Sprintf("127.0.1.%d", i+1), Total: apps.Resources{CPU: 80_000, Mem: 163_840, Disk: 100_000}, Ports: []apps.Range{{First: 31000, Last: 32000}},
		}}}
		q.hosts[name] = h
		q.report(h)
	}
	eventually(t, "the hosts are known", func() bool { return len(q.deployer.View().Hosts()) == len(hosts) })
	return q
}

func (q *quietCluster) report(h *pretendHost) {
	h.report.Revision++
	q.deployer.Tell(cluster.Reported{Report: h.report})
}

// obey has every host do what its last letter says, and say so.
func (q *quietCluster) obey() {
	q.mu.Lock()
	letters := q.letters
	q.letters = map[string]apps.Assignment{}
	q.mu.Unlock()
	for name, letter := range letters {
		h := q.hosts[name]
		h.obey(letter, apps.VersionAt(h.report.Host.Since).Time(), false)
		q.deployer.Tell(cluster.Reported{Report: h.report})
	}
}

func (q *quietCluster) config() Config {
	return Config{Deployer: FromDeployer(q.deployer), Reader: q.reader, Log: slog.New(slog.DiscardHandler)}
}

// reply is an answer's body; without a server between, it is fast.
func reply(door http.Handler, method, path, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// plainTree is the tree of all groups as it is written in one go.
func plainTree(t *testing.T, q *quietCluster, question string) string {
	t.Helper()
	v := look(q.deployer.View())
	e := groupEmbeds(httptest.NewRequest("GET", question, nil))
	tree := groupTree{embed: e, info: func(app *apps.App) wire.AppInfo { return v.info(app, e.app) }, pod: v.podStatus}
	g, _ := tree.of("/", v.members("/"), v.Groups("/"))
	text, err := encoded(g)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// What is kept answers as what is rendered anew would, whatever has happened.
func TestKeptAnswersAreNeverOld(t *testing.T) {
	q := newQuietCluster(t, "h1", "h2")
	kept := New(q.config())
	ids := []string{"/a", "/b", "/shop/web", "/shop/db", "/shop/deep/er"}
	questions := []string{
		"/v2/apps", "/v2/apps?embed=apps.tasks", "/v2/apps?embed=apps.failures&embed=apps.readiness", "/v2/apps?id=shop", "/v2/apps?label=team==b",
		"/v2/tasks", "/v2/tasks?status=running", "/v2/groups", "/v2/groups/shop", "/v2/groups/none", "/v2/groups?embed=group.pods", "/v2/groups?embed=group.groups&embed=group.pods", "/v2/groups?embed=group.groups&embed=group.apps&embed=group.apps.tasks",
	}
	for _, id := range ids {
		questions = append(questions, "/v2/apps"+id)
	}
	compare := func(step int, did string) {
		for _, question := range questions {
			for { // until nothing happened meanwhile
				before := q.deployer.View().AppsRevision()
				status, got := reply(kept, "GET", question, "")
				wantStatus, want := reply(New(q.config()), "GET", question, "")
				if path, _, _ := strings.Cut(question, "?"); path == "/v2/groups" {
					want = plainTree(t, q, question)
				}
				if q.deployer.View().AppsRevision() != before {
					continue
				}
				if status != wantStatus || got != want {
					t.Fatalf("step %d, after %s: GET %s\nkept: %d %s\nis:   %d %s", step, did, question, status, got, wantStatus, want)
				}
				break
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	one := func(of []string) string { return of[random.IntN(len(of))] }
	host := func() *pretendHost { return q.hosts[one([]string{"h1", "h2"})] }
	acts := map[string]func(step int){
		"put": func(step int) {
			status, body := reply(kept, "PUT", "/v2/apps"+one(ids)+"?force=true", fmt.Sprintf(`{"cmd": "sleep %d", "instances": %d, "labels": {"team": "%s"}, "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 1}}`,
				step, random.IntN(4), one([]string{"a", "b"})))
			if status/100 != 2 {
				t.Fatalf("step %d: PUT: %d %s", step, status, body)
			}
		},
		"delete": func(int) { reply(kept, "DELETE", "/v2/apps"+one(ids), "") },
		"kill":   func(int) { reply(kept, "DELETE", "/v2/apps"+one(ids)+"/tasks", "") },
		"cancel": func(int) {
			for _, d := range q.deployer.View().Deployments() {
				reply(kept, "DELETE", "/v2/deployments/"+d.ID+"?force=true", "")
			}
		},
		"pod": func(step int) {
			status, body := reply(kept, "PUT", "/v2/pods/shop/pod?force=true", strings.Replace(shopPod, `"/shop/pod"`, fmt.Sprintf(`"/shop/pod","labels":{"step":"%d"}`, step), 1))
			if status/100 != 2 && status != http.StatusNotFound {
				t.Fatalf("step %d: PUT of a pod: %d %s", step, status, body)
			}
			if status == http.StatusNotFound {
				reply(kept, "POST", "/v2/pods", shopPod)
			}
		},
		"group": func(step int) {
			body := fmt.Sprintf(`{"dependencies": ["/step-%d"]}`, step)
			if status, body := reply(kept, "PUT", "/v2/groups"+one([]string{"/", "/none", "/shop/none", "/shop"}), body); status != 200 {
				t.Fatalf("step %d: PUT of a group: %d %s", step, status, body)
			}
		},
		"ungroup": func(int) { reply(kept, "DELETE", "/v2/groups"+one([]string{"/none", "/shop/none"}), "") },
		"obey":    func(int) { q.obey() },
		"move": func(int) {
			h := host()
			h.report.Host.Zone = one([]string{"", "east", "west"})
			q.report(h)
		},
		"die": func(int) {
			h := host()
			h.report.Runs = slices.Clone(h.report.Runs) // the loop may still read the old ones
			for i := range h.report.Runs {
				h.report.Runs[i].Phase, h.report.Runs[i].Ready, h.report.Runs[i].ExitCode = apps.PhaseExited, false, 1
			}
			q.report(h)
		},
	}
	names := append(slices.Sorted(maps.Keys(acts)), "put", "obey", "obey")
	for step := range 150 {
		did := one(names)
		acts[did](step)
		compare(step, did)
	}
}

// Deployments of an app are found without looking at all of them; they are the same.
func TestDeploymentsOfAnAppAreThoseThatAffectIt(t *testing.T) {
	q := newQuietCluster(t, "h1")
	door := New(q.config())
	if status, body := reply(door, "PUT", "/v2/apps", `[{"id": "/a", "cmd": "sleep 1"}, {"id": "/b", "cmd": "sleep 1"}]`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := reply(door, "PUT", "/v2/apps/c", `{"cmd": "sleep 1"}`); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	v := q.deployer.View()
	running := v.Deployments()
	if len(running) != 2 || len(v.DeploymentsOf("/a")) != 1 || v.DeploymentsOf("/a")[0] != v.DeploymentsOf("/b")[0] || v.DeploymentsOf("/c")[0] == v.DeploymentsOf("/a")[0] {
		t.Fatalf("want one for /a and /b and one for /c, got %v %v %v", v.DeploymentsOf("/a"), v.DeploymentsOf("/b"), v.DeploymentsOf("/c"))
	}
	eventually(t, "the deployments end", func() bool {
		q.obey()
		return len(v.Deployments()) == 0
	})
	if of := v.DeploymentsOf("/a"); len(of) > 0 {
		t.Errorf("no deployment runs, but %v", of)
	}
}
