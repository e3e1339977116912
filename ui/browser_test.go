package ui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/api/wire"
)

// loaded is true in a page that shows its first answer.
const loaded = `document.querySelector("#overview").checkVisibility() && document.querySelector("#state").textContent === "Live"`

func TestAnEmptyPlatformTeachesTheFirstApp(t *testing.T) {
	p := serve(t, world{})
	tab := newTab(t, 1280, 800)
	tab.open(p.URL+"/ui/", loaded)

	tab.wait(`document.querySelector("#first").checkVisibility() && !document.querySelector("#list").checkVisibility()`)
	command := fmt.Sprint(tab.eval(`document.querySelector("#curl").textContent`))
	if want := "curl -X POST " + p.URL + "/v2/apps"; !strings.HasPrefix(command, want) {
		t.Errorf("want a command that begins %q, got %q", want, command)
	}
	_, body, _ := strings.Cut(command, "-d '")
	var spec wire.App
	if err := json.Unmarshal([]byte(strings.TrimSuffix(body, "'")), &spec); err != nil || spec.ID != "/hello" || *spec.Instances != 2 {
		t.Errorf("the command's body is no app: %v, %+v", err, spec)
	}
	tab.click("#copy")
	tab.wait(`document.querySelector("#copy").textContent === "Copied"`)

	p.change(func(w *world) { w.apps = oneApp().apps }, "api_post_event")
	tab.wait(`document.querySelector("tr.app .leaf").textContent === "hello" && !document.querySelector("#first").checkVisibility()`)
}

// cells are the texts of the first row of the table.
const cells = `[...document.querySelector("tr.app").children].slice(0, 6).map((c) => c.innerText.replace(/\s+/g, " ").trim()).join("|")`

func TestAnAppIsOneRowAndOpensToItsInstances(t *testing.T) {
	p := serve(t, oneApp())
	tab := newTab(t, 1280, 800)
	tab.open(p.URL+"/ui/", loaded)

	want := "/hello HAPROXY_0_VHOST: hello.localhost note: <img src=x onerror=alert(1)>|0.5|256 MiB|Running|2 of 2|2 healthy"
	if got := tab.eval(cells); got != want {
		t.Errorf("row:\nwant %s\ngot  %s", want, got)
	}
	if got := tab.eval(`document.querySelector("tr.app .bar-of i").title`); got != "2 healthy (100 %)" {
		t.Errorf("the bar's tooltip is %q", got)
	}
	tab.eval(`document.querySelector(".open").focus()`)
	tab.press("Enter")
	tab.wait(`document.querySelector(".instances")`)
	got := tab.eval(`[...document.querySelector(".instances tbody tr").children].map((c) => c.innerText.trim()).join("|")`)
	if want := "1a2b3c00|127.0.1.1:31000|node-1|Running|Healthy|1 d ago|1 h|Log"; got != want {
		t.Errorf("instance:\nwant %s\ngot  %s", want, got)
	}
	if got := tab.eval(`document.querySelector(".instances .address").href`); got != "http://127.0.1.1:31000/" {
		t.Errorf("the address leads to %v", got)
	}
	if got := tab.eval(`new URL(document.querySelector(".instances tr td:last-child a").href).pathname`); got != "/pacer/v1/logs/hello.instance-1a2b3c00-0000-8000-8000-000000000001._app.1" {
		t.Errorf("the log is looked for at %v", got)
	}
	facts := fmt.Sprint(tab.eval(`document.querySelector("dl").innerText`))
	for _, want := range []string{"registry.example/team/hello:1.4.2", "hello.localhost · service port 10001", "serve --port $PORT0"} {
		if !strings.Contains(facts, want) {
			t.Errorf("the facts lack %q: %s", want, facts)
		}
	}
	if got := tab.eval(`location.search`); got != "?open=/hello" {
		t.Errorf("the address of the open row is %v", got)
	}
	tab.open(p.URL+"/ui/?open=/hello", `document.querySelectorAll(".instances tbody tr").length === 2`)
	tab.open(p.URL+"/ui/#/apps/%2Fhello", `document.querySelectorAll(".instances tbody tr").length === 2`)
	tab.press(".") // nothing has the focus: nothing happens
	tab.click(".open")
	tab.wait(`!document.querySelector(".detail") && document.querySelector(".open").ariaExpanded === "false"`)
}

func TestTroubleHasAReason(t *testing.T) {
	p := serve(t, stuck())
	tab := newTab(t, 1440, 1000)
	tab.open(p.URL+"/ui/", loaded)

	got := tab.eval(`[...document.querySelectorAll("tr.app")].map((r) => [r.dataset.id, r.querySelector("td.status").innerText, r.querySelector("td.running").innerText, r.querySelector(".health small").innerText].join("|").replace(/\n+/g, ": ")).join("\n")`)
	want := strings.Join([]string{
		"/data/redis|Running|1 of 1|1 unknown",
		"/data/warehouse/nightly-export-of-everything|Suspended|0 of 0|no instances",
		"/hello|Running|2 of 2|2 healthy",
		"/prod/api|Running|12 of 12|12 healthy",
		"/prod/shop/web|Deploying: step 2 of 2|5 of 4|3 healthy, 1 unhealthy, 2 over capacity",
		"/prod/worker|Running|6 of 6|4 healthy, 2 unhealthy",
		"/shop/search|Delayed: next try in 64 s|0 of 2|2 unscheduled",
		"/shop/thumbs|Waiting: not enough memory on 2 hosts|1 of 3|1 healthy, 2 unscheduled",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if got := tab.eval(`document.querySelector("#tile-deployments b.count").textContent`); got != "2" {
		t.Errorf("want a badge of 2 deployments, got %v", got)
	}
	if got := tab.eval(`document.querySelector("#tile-hosts").innerText.replace(/\s+/g, " ")`); got != "Hosts 2 of 4 up CPU 10.25 of 20 Memory 15 of 48 GiB" {
		t.Errorf("the hosts are summed up as %q", got)
	}

	tab.press("d")
	tab.wait(`document.querySelector("#deployments .trouble")`)
	list := fmt.Sprint(tab.eval(`document.querySelector("#deployments").innerText`))
	for _, want := range []string{"scale /prod/api", "restart /prod/shop/web", "step 2 of 2", "97c136bf", "started 6 min ago", "/shop/thumbs: 2 instances wait for a host: too little memory (needs 2048 MiB, most free 1400)"} {
		if !strings.Contains(list, want) {
			t.Errorf("the deployments lack %q:\n%s", want, list)
		}
	}
	tab.press("h")
	tab.wait(`document.querySelectorAll("#hosts tbody tr").length === 4 && !document.querySelector("#deployments").checkVisibility()`)
	if text := fmt.Sprint(tab.eval(`document.querySelector("#hosts tbody tr:last-child").innerText`)); !strings.Contains(text, "lost") || !strings.Contains(text, "no report for 75 s") {
		t.Errorf("the lost host does not say why: %s", text)
	}

	tab.eval(`document.querySelector('[data-id="/shop/thumbs"] .open').click()`)
	tab.wait(`document.querySelector("dl")?.innerText.includes("not enough memory on 2 hosts, taking nothing new on 1 host")`)
	tab.eval(`document.querySelector('[data-id="/shop/search"] .open').click()`)
	tab.wait(`document.querySelector('[data-id="/shop/search"] + .detail dl')?.innerText.includes("Failed on node-2 1 min ago: exited with code 137: out of memory")`)
}

func TestWhatIsLookedForIsInTheAddress(t *testing.T) {
	p := serve(t, stuck())
	tab := newTab(t, 1280, 900)
	tab.open(p.URL+"/ui/", loaded)
	visible := func() string {
		return fmt.Sprint(tab.eval(`[...document.querySelectorAll("tr.app")].filter((r) => r.checkVisibility()).map((r) => r.dataset.id).join(" ")`))
	}

	tab.press("/")
	for _, key := range "MEDIA" {
		tab.press(string(key))
	}
	tab.wait(`document.querySelector("#matches").textContent === "1 of 8 applications"`)
	if got := visible(); got != "/shop/thumbs" {
		t.Errorf("search by label: got %s", got)
	}
	tab.press("Escape")
	tab.eval(`document.querySelector("#search").value = ""; document.querySelector("#search").dispatchEvent(new Event("input"))`)
	tab.click(`#filters [data-key="Unhealthy"]`)
	if got := visible(); got != "/prod/shop/web /prod/worker" {
		t.Errorf("unhealthy: got %s", got)
	}
	tab.click(`[data-order="cpu"]`)
	if got, aria := visible(), tab.eval(`document.querySelector('[data-order="cpu"]').parentElement.ariaSort`); got != "/prod/worker /prod/shop/web" || aria != "descending" {
		t.Errorf("greatest CPU first: got %s, %v", got, aria)
	}
	if got := tab.eval(`location.search`); got != "?status=Unhealthy&sort=-cpu" {
		t.Errorf("address: got %v", got)
	}
	tab.open(p.URL+"/ui/?status=Unhealthy&sort=cpu", loaded)
	if got := visible(); got != "/prod/shop/web /prod/worker" {
		t.Errorf("from the address: got %s", got)
	}
	tab.open(p.URL+"/ui/?q=nothing-like-this", loaded)
	tab.wait(`document.querySelector("#nothing").checkVisibility()`)
	tab.click("#all")
	tab.wait(`document.querySelector("#matches").textContent === "8 applications"`)
}

func TestTheMenuAsksBeforeItActs(t *testing.T) {
	p := serve(t, stuck())
	tab := newTab(t, 1280, 900)
	tab.open(p.URL+"/ui/", loaded)
	asks := func(key string) {
		t.Helper()
		tab.eval(`document.querySelector('[data-id="/prod/api"] .open').focus()`)
		tab.press(".")
		tab.wait(`document.querySelector("#menu").matches(":popover-open") && document.activeElement.textContent === "Scale…"`)
		tab.press(key)
		tab.press("Enter")
		tab.wait(`document.querySelector("#dialog").open`)
	}
	const closed = `!document.querySelector("#dialog").open`
	said := func(text string) {
		t.Helper()
		tab.wait(fmt.Sprintf(`document.querySelector("#toast").textContent === %q`, text))
	}

	asks("Home") // scale
	if got := tab.eval(`document.querySelector("#dialog-text").textContent`); got != "12 of 12 instances are running." {
		t.Errorf("the dialog says %v", got)
	}
	tab.eval(`document.querySelector("#dialog input").value = "15"`)
	tab.press("Enter")
	tab.wait(closed)
	said("Scaling /prod/api to 15 instances")

	asks("Home") // not a number
	tab.eval(`document.querySelector("#dialog input").value = "-1"`)
	tab.press("Enter")
	tab.wait(`document.querySelector("#dialog").open && !document.querySelector("#dialog input").validity.valid`)
	tab.press("Escape")
	tab.wait(closed + ` && document.activeElement.closest("tr")?.dataset.id === "/prod/api"`)

	p.refuseOnce("PUT /v2/apps/prod/api?force=false", 422, `{"message":"Object is not valid","details":[{"path":"/instances","errors":["too many"]}]}`)
	asks("Home")
	tab.press("Enter")
	tab.wait(`document.querySelector("#dialog-error").innerText === "Object is not valid /instances: too many"`)
	tab.click("#dialog-no")
	tab.wait(closed)

	p.refuseOnce("POST /v2/apps/prod/api/restart?force=false", 409, `{"message":"App is locked","deployments":[{"id":"5ed4c0c5"}]}`)
	asks("ArrowDown")
	tab.press("Enter")
	tab.wait(`document.querySelector("#dialog-yes").textContent === "Restart by force" && document.querySelector("#dialog-error").innerText.startsWith("1 running deployment holds")`)
	tab.click("#dialog-yes")
	tab.wait(closed)

	asks("End") // destroy: the safe button has the focus
	tab.wait(`document.activeElement.id === "dialog-no"`)
	tab.click("#dialog-yes")
	tab.wait(closed)
	said("Destroying /prod/api")

	tab.click(`[data-id="/prod/api"] .more`)
	tab.wait(`document.querySelector("#menu").matches(":popover-open")`)
	tab.click(`[data-id="/prod/api"] .more`)
	tab.wait(`!document.querySelector("#menu").matches(":popover-open")`)
	tab.click(`[data-id="/shop/search"] .more`)
	tab.eval(`[...document.querySelectorAll("#menu button")].find((b) => b.textContent === "Reset delay").click()`)
	said("/shop/search is tried again now")

	tab.press("d")
	tab.click("#deployments li:last-child .buttons button")
	tab.wait(`document.querySelector("#dialog").open`)
	tab.click("#dialog-yes")
	said("Rolling back")

	want := []string{
		`PUT /v2/apps/prod/api?force=false {"instances":15}`,
		`PUT /v2/apps/prod/api?force=false {"instances":12}`,
		`POST /v2/apps/prod/api/restart?force=false`,
		`POST /v2/apps/prod/api/restart?force=true`,
		`DELETE /v2/apps/prod/api?force=false`,
		`DELETE /v2/queue/shop/search/delay`,
		`DELETE /v2/deployments/97c136bf-5a28-4821-9d94-480d9fbb01c8`,
	}
	if diff := cmp.Diff(want, p.changes()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestARefreshKeepsTheReadersPlace(t *testing.T) {
	p := serve(t, many(300))
	tab := newTab(t, 1280, 700)
	tab.open(p.URL+"/ui/?open=/group-5/service-0055", loaded)
	tab.wait(`document.querySelector(".instances")`)
	tab.eval(`(() => {
		const button = document.querySelector('[data-id="/group-5/service-0055"] .more');
		button.scrollIntoView({block: "center"});
		button.focus();
		window.before = {row: button.closest("tr"), top: button.getBoundingClientRect().top};
		window.touched = new Set();
		new MutationObserver((list) => list.forEach((m) => m.target.closest?.("tr.app") && touched.add(m.target.closest("tr.app").dataset.id)))
			.observe(document.querySelector("#apps tbody"), {subtree: true, childList: true, characterData: true, attributes: true});
	})()`)

	two := 2
	p.change(func(w *world) { // one changes, one goes, one comes, and all before and behind it
		i := slices.IndexFunc(w.apps, func(a wire.AppInfo) bool { return a.ID == "/group-9/service-0299" })
		w.apps[i].Instances = &two
		w.apps = append(w.apps[:298], w.apps[299:]...)
		w.apps = append(w.apps, app("/new", 1, 1, 1, 0, 0))
	}, "status_update_event")
	tab.wait(`document.querySelector('[data-id="/new"]') && !document.querySelector('[data-id="/group-8/service-0298"]')`)

	if got := tab.eval(`[...touched].join(" ")`); got != "/group-9/service-0299" {
		t.Errorf("one row changed, but these were touched: %v", got)
	}
	kept := tab.eval(`document.activeElement === before.row.querySelector(".more") && before.row.isConnected && Boolean(before.row.nextSibling.querySelector(".instances"))`)
	if kept != true {
		t.Error("the focus or the open row was lost")
	}
	if moved := tab.eval(`Math.abs(document.activeElement.getBoundingClientRect().top - before.top)`); moved.(float64) > 1 {
		t.Errorf("what one looks at moved by %v", moved)
	}
}

func TestAStormOfEventsIsFewFetches(t *testing.T) {
	p := serve(t, oneApp())
	tab := newTab(t, 1280, 800)
	tab.open(p.URL+"/ui/", loaded)
	before := p.count("GET /v2/apps")
	storm := make([]string, 500)
	for i := range storm {
		storm[i] = "status_update_event"
	}
	p.change(func(w *world) { w.apps[0] = app("/hello", 3, 3, 3, 0, 0) }, storm...)
	tab.wait(`document.querySelector("td.running").innerText === "3 of 3"`)
	if n := p.count("GET /v2/apps") - before; n > 4 {
		t.Errorf("500 events made %d fetches", n)
	}
}

func TestALostConnectionShowsAndHeals(t *testing.T) {
	p := serve(t, oneApp())
	tab := newTab(t, 1280, 800)
	tab.open(p.URL+"/ui/", loaded)

	p.crash()
	tab.wait(`document.querySelector("#banner").checkVisibility() && document.querySelector("#state").textContent.startsWith("Offline since ")`)
	text := fmt.Sprint(tab.eval(`document.querySelector("#banner").innerText`))
	if !strings.Contains(text, "cannot be reached") || !strings.Contains(text, "What you see is from ") {
		t.Errorf("the banner says %q", text)
	}
	if got := tab.eval(`document.querySelector(".leaf").checkVisibility()`); got != true {
		t.Error("the old rows are gone")
	}
	tab.shoot("offline")

	p.mu.Lock()
	p.mute = true // events stay away: polling has to do
	p.world.apps[0] = app("/hello", 4, 4, 4, 0, 0)
	p.mu.Unlock()
	p.recover()
	tab.click("#retry")
	tab.wait(`document.querySelector("td.running").innerText === "4 of 4" && document.querySelector("#state").textContent === "Every 5 s"`)
	p.change(func(w *world) { w.apps[0] = app("/hello", 5, 5, 5, 0, 0) })
	tab.wait(`document.querySelector("td.running").innerText === "5 of 5"`)

	p.mu.Lock()
	p.mute = false
	p.mu.Unlock()
	tab.wait(`document.querySelector("#state").textContent === "Live" && !document.querySelector("#banner").checkVisibility()`)
}

func TestARefusalIsSaidInTheServersWords(t *testing.T) {
	p := serve(t, oneApp())
	p.refuse["GET /v2/deployments"] = refusal(503, `{"message":"There is no leader"}`)
	tab := newTab(t, 1280, 800)
	tab.open(p.URL+"/ui/", `document.querySelector("#banner").innerText.includes("There is no leader There is nothing to show yet.")`)
}

// The bounds are of the page's own CPU time, several times what it takes: they tell
// a table whose rows are drawn once from one that is drawn a thousand times.
func TestAThousandAppsAreDrawnAtOnce(t *testing.T) {
	p := serve(t, oneApp())
	tab := newTab(t, 1440, 900)
	tab.call("Performance.enable", params{"timeDomain": "threadTicks"})
	tab.open(p.URL+"/ui/", loaded)
	body, err := json.Marshal(many(1000).apps)
	if err != nil {
		t.Fatal(err)
	}
	tab.eval(fmt.Sprintf(`(async () => {
		const {Table} = await import("./table.js");
		const {rows} = await import("./model.js");
		window.apps = %s;
		window.table = new Table({changed() {}, moved() {}});
		window.draw = () => table.show(rows({apps, queue: [], deployments: [], hosts: []}));
		window.painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
	})()`, body))
	for _, step := range []struct {
		what, do string
		most     float64 // seconds
	}{
		{"first", `draw()`, 1},
		{"again", `draw()`, 0.4},
		{"one changed", `apps[500].instances++; draw()`, 0.4},
		{"sorted", `table.sort("cpu")`, 0.6},
	} {
		before := tab.busy()
		tab.eval(step.do + "; painted()")
		took := tab.busy() - before
		t.Logf("1,000 apps, %s: %.0f ms", step.what, took*1000)
		if took > step.most {
			t.Errorf("%s took %.3f s, more than %.3f", step.what, took, step.most)
		}
	}
}
