package placement

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pacer/apps"
)

// A setting is a cluster that can be made again, changed.
type setting struct {
	offers []Offer
	holds  []Hold
}

func (s setting) board() *Board {
	b := NewBoard()
	for _, o := range s.offers {
		b.SetHost(o)
	}
	for _, h := range s.holds {
		b.Hold(h)
	}
	return b
}

// takes reports whether one more instance of the app is placed, and where.
func (s setting) takes(app *apps.App) (host string, ok bool) {
	placed, _ := s.board().Place([]Ask{{Instance: "one", Serial: 1, App: app, Role: "*"}})
	if len(placed) == 0 {
		return "", false
	}
	return placed[0].Host, true
}

func drawApp(t *rapid.T, id apps.ID) *apps.App {
	app := &apps.App{ID: id, ConfigAt: 1, Network: apps.NetworkBridge, Needs: apps.Resources{
		CPU: int64(rapid.IntRange(1, 40).Draw(t, "cpu")) * 50, Mem: int64(rapid.IntRange(1, 40).Draw(t, "mem")) * 16,
		Disk: rapid.SampledFrom([]int64{0, 0, 10}).Draw(t, "disk"), GPU: rapid.SampledFrom([]int64{0, 0, 0, 1}).Draw(t, "gpu"),
	}}
	app.AcceptedRoles = drawRoles(t)
	for range rapid.IntRange(0, 2).Draw(t, "ports") {
		app.Ports = append(app.Ports, apps.Port{Protocol: "tcp", Host: rapid.SampledFrom([]int{0, 0, 80, 31001}).Draw(t, "port"), Service: 80})
	}
	if rapid.IntRange(0, 4).Draw(t, "host network") == 0 {
		app.Network, app.RequirePorts = apps.NetworkHost, rapid.Bool().Draw(t, "require ports")
	}
	for range rapid.IntRange(0, 2).Draw(t, "constraints") {
		app.Constraints = append(app.Constraints, rapid.SampledFrom([]apps.Constraint{
			{Field: "hostname", Operator: "UNIQUE"}, {Field: "hostname", Operator: "CLUSTER", Value: "h1"}, {Field: "hostname", Operator: "CLUSTER"},
			{Field: "hostname", Operator: "UNLIKE", Value: "h[12]"}, {Field: "hostname", Operator: "MAX_PER", Value: "1"}, {Field: "hostname", Operator: "IS", Value: "h2"},
			{Field: "rack", Operator: "LIKE", Value: "r1"}, {Field: "rack", Operator: "UNIQUE"}, {Field: "rack", Operator: "GROUP_BY", Value: "2"}, {Field: "@zone", Operator: "IS", Value: "b"},
		}).Draw(t, "constraint"))
	}
	return app
}

func drawSetting(t *rapid.T, app *apps.App) setting {
	var s setting
	for i := range rapid.IntRange(0, 5).Draw(t, "hosts") {
		s.offers = append(s.offers, Offer{
			Host: apps.Host{
				Name: fmt.Sprintf("h%d", i+1), Role: rapid.SampledFrom([]string{"", "", "", "public"}).Draw(t, "host's role"), Zone: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "zone"),
				Total: apps.Resources{CPU: int64(rapid.IntRange(0, 40).Draw(t, "has cpu")) * 100, Mem: int64(rapid.IntRange(0, 40).Draw(t, "has mem")) * 32, Disk: 10, GPU: rapid.SampledFrom([]int64{0, 2}).Draw(t, "has gpu")},
				Ports: []apps.Range{{First: 31000, Last: 31000 + rapid.IntRange(0, 3).Draw(t, "has ports")}},
			},
			Closed: rapid.SampledFrom([]string{"", "", "", "cordoned", "draining", "lost", "not heard yet"}).Draw(t, "closed"),
		})
		if rack := rapid.SampledFrom([]string{"", "r1", "r2"}).Draw(t, "rack"); rack != "" {
			s.offers[i].Host.Attributes = map[string]string{"rack": rack}
		}
	}
	others := []*apps.App{app, drawApp(t, "/other")}
	for i := range rapid.IntRange(0, 8).Draw(t, "held") {
		who := rapid.SampledFrom(others).Draw(t, "who")
		placed, _ := s.board().Place([]Ask{{Instance: fmt.Sprint("held", i), Serial: 1, App: who, Role: "*"}})
		for _, p := range placed {
			s.holds = append(s.holds, Hold{App: who, Host: p.Host, Role: "*", Needs: who.Needs, Ports: p.Ports})
		}
	}
	return s
}

func TestEveryPartOfASuggestionThatIsFollowedMakesItFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		app := drawApp(t, "/app")
		s := drawSetting(t, app)
		if _, fits := s.takes(app); fits {
			return
		}
		sug := s.board().Suggest(app)
		says := sug.String()
		fit := func(what string, s setting, app *apps.App) {
			if _, ok := s.takes(app); !ok {
				t.Fatalf("%s (%s) was followed, but %s is refused:\n%+v", what, says, app.ID, s.board().Explain(app))
			}
		}
		if sug.Open != "" {
			after := setting{slices.Clone(s.offers), s.holds}
			for i := range after.offers {
				if after.offers[i].Host.Name == sug.Open {
					after.offers[i].Closed = ""
				}
			}
			fit("open", after, app)
		}
		if sug.Lower != nil {
			less := *app
			less.Needs = *sug.Lower
			fit("lower", s, &less)
			if less.Needs == app.Needs || !less.Needs.Fits(app.Needs) {
				t.Fatalf("want less than %+v, got %+v", app.Needs, less.Needs)
			}
		}
		if len(sug.Ports) > 0 {
			free := *app
			free.Ports, free.RequirePorts = slices.Clone(app.Ports), false
			for i := range free.Ports {
				free.Ports[i].Host = 0
			}
			fit("ports", s, &free)
		}
		if len(sug.Relax) > 0 {
			relaxed := *app
			relaxed.Constraints = slices.DeleteFunc(slices.Clone(app.Constraints), func(c apps.Constraint) bool { return slices.Contains(sug.Relax, c) })
			fit("relax", s, &relaxed)
		}
		if sug.Accept != "" {
			if app.Takes(sug.Accept) {
				t.Fatalf("role %s is accepted already: %v", sug.Accept, app.AcceptedRoles)
			}
			more := *app
			more.AcceptedRoles = append(slices.Clone(app.AcceptedRoles), sug.Accept)
			fit("accept", s, &more)
		}
		if sug.Add != nil && len(sug.Where) == 0 && distinct(app) {
			after := setting{append(slices.Clone(s.offers), Offer{Host: apps.Host{Name: "new", Role: sug.Role, Total: *sug.Add, Ports: []apps.Range{{First: 31000, Last: 31099}}}}), s.holds}
			fit("add", after, app)
		}
		if sug.Add == nil && !slices.ContainsFunc(app.Constraints, func(c apps.Constraint) bool { return c.Field == "hostname" }) {
			t.Fatalf("a new host can always be had where no name is asked for, but %+v", sug)
		}
	})
}

// distinct reports whether the app does not demand a port twice: no host gives that.
func distinct(app *apps.App) bool {
	seen := map[int]bool{}
	for i := range app.Ports {
		if p := app.HostPort(i); p > 0 {
			if seen[p] {
				return false
			}
			seen[p] = true
		}
	}
	return true
}

func TestTheReasonsOfARefusalAddUpToTheHosts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		app := drawApp(t, "/app")
		s := drawSetting(t, app)
		_, refused := s.board().Place([]Ask{{Instance: "one", Serial: 1, App: app, Role: "*"}})
		for _, r := range refused {
			sum := 0
			for _, reason := range r.Reasons {
				sum += reason.Hosts
			}
			if sum != r.Hosts || r.Hosts != len(s.offers) {
				t.Fatalf("%d hosts, %d considered, %d in the reasons: %+v", len(s.offers), r.Hosts, sum, r)
			}
			if r.Hint != s.board().Suggest(app).String() {
				t.Fatalf("want the hint with the refusal, got %q", r.Hint)
			}
		}
	})
}

func TestASuggestionReadsWell(t *testing.T) {
	host := func(name string, cpu, mem int64, closed string) Offer {
		return Offer{Closed: closed, Host: apps.Host{Name: name, Total: apps.Resources{CPU: cpu, Mem: mem}, Ports: []apps.Range{{First: 31000, Last: 31099}}, Attributes: map[string]string{"rack": name}}}
	}
	app := apps.App{ID: "/app", ConfigAt: 1, Network: apps.NetworkBridge, Needs: apps.Resources{CPU: 500, Mem: 512}}
	picky := app
	picky.Constraints = []apps.Constraint{{Field: "rack", Operator: "LIKE", Value: "h[89]"}}
	ports := app
	ports.Ports = []apps.Port{{Protocol: "tcp", Container: 80, Host: 80}}
	public := app
	public.AcceptedRoles = []string{"public"}
	reserved := host("h1", 1000, 600, "")
	reserved.Host.Role = "public"
	const orAdd = "add a host with ≥ 0.5 cpus and ≥ 512 MiB memory free"
	for _, tt := range []struct {
		name string
		s    setting
		app  apps.App
		want string
	}{
		{"no host at all", setting{}, app, orAdd},
		{"the host where least is lacking counts", setting{offers: []Offer{host("h1", 1000, 200, ""), host("h2", 1000, 300, ""), host("h3", 100, 300, "")}}, app, "lower mem to ≤ 300 MiB, or " + orAdd},
		{"two resources", setting{offers: []Offer{host("h1", 250, 300, "")}}, app, "lower cpus to ≤ 0.25 and mem to ≤ 300 MiB, or " + orAdd},
		{"next to nothing is not suggested", setting{offers: []Offer{host("h1", 1000, 20, "")}}, app, orAdd},
		{"a cordoned host is opened sooner than a lost one comes back", setting{offers: []Offer{host("h1", 1000, 600, "lost"), host("h2", 1000, 600, "cordoned")}}, app, "uncordon host h2, or " + orAdd},
		{"constraints", setting{offers: []Offer{host("h1", 1000, 600, "")}}, picky, "relax rack LIKE h[89], or " + orAdd + ", where rack LIKE h[89] holds"},
		{"a role that is not accepted", setting{offers: []Offer{reserved}}, app, "accept resources of role public, or " + orAdd},
		{"a role that no host has", setting{offers: []Offer{host("h1", 1000, 600, "")}}, public, "accept resources of role *, or add a host of role public with ≥ 0.5 cpus and ≥ 512 MiB memory free"},
		{"ports", setting{offers: []Offer{host("h1", 2000, 2000, "")}, holds: []Hold{{App: &ports, Host: "h1", Role: "*", Needs: ports.Needs, Ports: []int{80}}}}, ports, "let Pacer choose the host port instead of 80, or " + orAdd},
	} {
		if got := tt.s.board().Suggest(&tt.app).String(); got != tt.want {
			t.Errorf("%s:\nwant %s\ngot  %s", tt.name, tt.want, got)
		}
	}
	if s := (setting{offers: []Offer{host("h1", 1000, 600, "draining")}}).board().Suggest(&app).String(); !strings.HasPrefix(s, "stop draining host h1") {
		t.Errorf("want the drain ended, got %s", s)
	}
}
