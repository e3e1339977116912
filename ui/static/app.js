// Starts the page: what it fetches, what is shown of it, and what the address says.
import { $, h, refill, toClipboard } from "./dom.js";
import { Failure, Feed, api } from "./live.js";
import { rows, statuses } from "./model.js";
import { showPanels, showTiles, toggle, troubles } from "./panels.js";
import { Table, summary, tick } from "./table.js";

const view = { q: "", status: "", list: [] };
const table = new Table({ changed: () => feed.soon(), moved: remember });
const wantOpen = recall();
let lastGood = null;

async function load() {
  const [apps, deployments, queue, hosts] = await Promise.all([
    api("GET", "v2/apps"),
    api("GET", "v2/deployments"),
    api("GET", "v2/queue"),
    api("GET", "pacer/v1/hosts").catch((err) => {
      if (err.status === 404) return { hosts: [] }; // a Marathon
      throw err;
    }),
  ]);
  return { apps: apps.apps ?? [], deployments, queue: queue.queue ?? [], hosts: hosts.hosts ?? [], troubles: await troubles(deployments) };
}

function show(data) {
  lastGood = new Date();
  view.list = rows(data);
  table.show(view.list);
  for (const id of wantOpen.splice(0)) table.open(id);
  table.refresh();
  showTiles(view.list, data);
  showPanels(data, feed.soon.bind(feed));
  showFilters();
  showMatches();
  const empty = view.list.length === 0;
  $("loading").hidden = true;
  $("overview").hidden = false;
  $("first").hidden = !empty;
  $("list").hidden = empty;
}

// note says how new the page is; one that is old never looks new.
function note(how, err) {
  const since = (lastGood ?? started).toLocaleTimeString();
  const text = { live: "Live", polling: "Every 5 s", offline: `Offline since ${since}` }[how];
  refill($("state"), [how, text], () => h("span", null, h(`i.dot.${how}`), text));
  const why = err instanceof Failure ? err.message : "The page itself failed: its console says how.";
  const what = lastGood ? `What you see is from ${since}.` : "There is nothing to show yet.";
  $("banner").hidden = how !== "offline";
  if (how === "offline") refill($("banner").firstElementChild, [why, what], () => [h("b", null, "Connection lost. "), `${why} ${what} Trying again every 5 s.`]);
}

function showFilters() {
  const counts = [
    ["", "All", view.list.length],
    ...statuses.map((s) => [s, s, view.list.filter((r) => r.status === s).length]),
    ["Unhealthy", "Unhealthy", view.list.filter((r) => r.unhealthy > 0).length],
  ];
  refill($("filters"), [counts, view.status], () =>
    counts.map(([status, name, n]) => {
      const b = h("button", { type: "button", "data-key": name, "aria-pressed": String(view.status === status) }, name, " ", h("span", null, n));
      b.onclick = () => choose({ status: view.status === status ? "" : status });
      return b;
    }),
  );
}

function showMatches() {
  const text = summary(table.shown, view.list.length);
  if ($("matches").textContent !== text) $("matches").textContent = text;
  $("nothing").hidden = table.shown > 0;
  $("apps").classList.toggle("none", table.shown === 0);
}

function choose(some) {
  Object.assign(view, some);
  const q = view.q.trim().toLowerCase().split(/\s+/);
  table.filter = (r) => q.every((word) => r.text.includes(word)) && (!view.status || r.status === view.status || (view.status === "Unhealthy" && r.unhealthy > 0));
  table.arrange();
  showFilters();
  showMatches();
  remember();
}

// remember writes what is looked at into the address, to be passed on.
function remember() {
  const to = new URLSearchParams();
  if (view.q) to.set("q", view.q);
  if (view.status) to.set("status", view.status);
  if (table.order !== "name") to.set("sort", table.order);
  for (const id of [...table.opened, ...wantOpen]) to.append("open", id);
  const query = to.toString().replaceAll("%2F", "/");
  history.replaceState(null, "", (query && `?${query}`) || location.pathname);
}

// recall reads it. Links of Marathon's UI, #/apps/%2Fshop%2Fweb, open their app.
function recall() {
  const from = new URLSearchParams(location.search);
  const old = /^#\/apps\/([^/?]+)/.exec(location.hash);
  view.q = from.get("q") ?? "";
  view.status = from.get("status") ?? "";
  table.order = from.get("sort") ?? "name";
  $("search").value = view.q;
  return [...from.getAll("open"), ...(old ? [decodeURIComponent(old[1])] : [])];
}

$("curl").textContent = `curl -X POST ${new URL("../v2/apps", location)} \\
  -H 'Content-Type: application/json' \\
  -d '{"id": "/hello", "cmd": "exec python3 -m http.server $PORT0", "cpus": 0.1, "mem": 64, "instances": 2}'`;
$("copy").onclick = async () => {
  $("copy").textContent = (await toClipboard($("curl"))) ? "Copied" : "Select the command to copy it";
};
$("search").oninput = () => choose({ q: $("search").value });
$("all").onclick = () => {
  $("search").value = "";
  choose({ q: "", status: "" });
  $("search").focus();
};

const keys = {
  "/": () => $("search").focus(),
  s: () => $("search").focus(),
  j: () => table.step(1),
  k: () => table.step(-1),
  ".": () => document.activeElement.closest("tr.app")?.querySelector(".more").click(),
  d: () => $("tile-deployments").click(),
  h: () => $("tile-hosts").click(),
};
addEventListener("keydown", (e) => {
  const typing = e.target.closest("input, dialog, [popover]");
  if (e.key === "Escape" && e.target === $("search")) $("search").blur();
  if (typing || e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
  e.preventDefault();
  keys[e.key]();
});

const started = new Date();
choose({});
const feed = new Feed({ load, show, note });
for (const name of ["deployments", "hosts"]) $(`tile-${name}`).onclick = () => toggle(name, () => feed.soon());
$("retry").onclick = () => feed.soon();
setInterval(() => document.hidden || tick(document), 1_000);
