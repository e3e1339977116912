// What stands above the table: four tiles, and the panels that two of them open.
import { $, h, refill } from "./dom.js";
import { confirm, rollBack, stop } from "./actions.js";
import { api } from "./live.js";
import { changes, cores, count, share } from "./model.js";
import { time } from "./table.js";

const panels = ["deployments", "hosts"];
const troubleMost = 20; // deployments whose trouble is asked for
const hostsMost = 500; // shown

const open = (name) => !$(name).hidden;

// toggle opens or closes a panel; opening is for one at a time.
export function toggle(name, changed) {
  const to = !open(name);
  for (const p of panels) {
    $(p).hidden = !(to && p === name);
    $(`tile-${p}`).setAttribute("aria-expanded", String(to && p === name));
  }
  if (to) changed();
}

// troubles are why running deployments do not get on, by id; asked for while
// somebody looks.
export async function troubles(deployments) {
  if (!open("deployments")) return {};
  const asked = deployments.slice(0, troubleMost).map(async (d) => [d.id, await api("GET", `pacer/v1/deployments/${d.id}`).catch(() => null)]);
  const found = await Promise.all(asked);
  return Object.fromEntries(found.filter(([, d]) => d).map(([id, d]) => [id, trouble(d)]));
}

function trouble(d) {
  if (d.trouble) return d.trouble;
  return (d.waiting ?? []).map((w) => `${w.app}: ${count(w.waiting, "instance")} ${w.waiting === 1 ? "waits" : "wait"} for a host: ${w.reasons.map((r) => r.text).join("; ") || "none has joined"}`).join(". ");
}

export function showTiles(rows, { deployments, hosts }) {
  const attention = rows.filter((r) => r.unhealthy > 0 || r.status === "Waiting" || r.status === "Delayed").length;
  const running = rows.reduce((n, r) => n + r.running, 0);
  const wanted = rows.reduce((n, r) => n + r.instances, 0);
  const unhealthy = rows.reduce((n, r) => n + r.unhealthy, 0);
  const up = hosts.filter((x) => x.state === "up").length;

  const deploying = rows.filter((r) => r.status === "Deploying").length;
  const well = rows.length === 0 ? "yet" : deploying ? `${deploying} deploying` : "all as wanted";

  refill($("tile-apps"), [rows.length, attention, well], () => [
    h("b", null, rows.length),
    attention ? h("span.warn", null, `${attention} ${attention === 1 ? "needs" : "need"} attention`) : h("span", null, well),
  ]);
  refill($("tile-instances"), [running, wanted, unhealthy], () => [h("b", null, running), h("span", null, `of ${wanted} running`), unhealthy ? h("span.warn", null, `${unhealthy} unhealthy`) : null]);
  refill($("tile-deployments"), deployments.length, () => [
    h("span.h2", null, "Deployments"),
    h("span.p", null, h(deployments.length ? "b.count" : "b", null, deployments.length), h("span", null, "running")),
  ]);
  refill($("tile-hosts"), [up, hosts], () => [
    h("span.h2", null, "Hosts"),
    h("span.p", null, h("b", null, up), hosts.length === 0 ? h("span.warn", null, "no host has joined") : h("span", null, up === hosts.length ? "up" : `of ${hosts.length} up`)),
    hosts.length > 0 && h("span.meters", null, meter("CPU", total(hosts, "used", "cpus"), total(hosts, "total", "cpus"), shareOfCores), meter("Memory", total(hosts, "used", "mem"), total(hosts, "total", "mem"), share)),
  ]);
}

const total = (hosts, of, what) => hosts.filter((x) => x.state !== "lost").reduce((n, x) => n + (x[of]?.[what] ?? 0), 0);

const shareOfCores = (used, all) => `${cores(used)} of ${cores(all)}`;

// meter is how much of something is given away.
function meter(name, used, all, say) {
  const text = `${name} ${say(used, all)}`.trim();
  const fill = h("i");
  fill.style.width = `${all > 0 ? Math.min(100, (100 * used) / all) : 0}%`;
  return h("span.meter", { title: text }, h("small", null, text), h("span.track", { "aria-hidden": "true" }, fill));
}

export function showPanels({ deployments, hosts, troubles }, changed) {
  refill($("deployments"), [deployments, troubles], () => [
    h("h2", null, "Running deployments"),
    deployments.length ? h("ul.deployments", null, deployments.map((d) => deployment(d, troubles[d.id], changed))) : h("p.muted", null, "None: everything is as it was asked for."),
  ]);
  refill($("hosts"), hosts, () => [
    h("h2", null, "Hosts"),
    hosts.length ? hostTable(hosts) : h("p.muted", null, "No host has joined. Start an agent on each: ", h("code", null, "pacer agent --nats nats://SERVER:4222")),
    hosts.length > hostsMost ? h("p.muted", null, `and ${hosts.length - hostsMost} more: pacer host list`) : null,
  ]);
}

function deployment(d, why, changed) {
  const button = (name, ask) => {
    const b = h("button", { type: "button", "data-key": `${name} ${d.id}` }, name);
    b.onclick = () => confirm(ask(d), changed, b);
    return b;
  };
  const all = changes(d);
  const most = 8;
  const step = `step ${d.currentStep} of ${d.totalSteps}`;
  return h(
    "li",
    null,
    h(
      "div.what",
      null,
      h("p", null, all.slice(0, most).map(([app, verb]) => h("span.change", null, `${verb} `, h("b", null, app))), all.length > most ? `and ${all.length - most} more` : null),
      h("p.muted", null, h("code", { title: d.id }, d.id.slice(0, 8)), " · started ", time(d.version, " ago")),
      why ? h("p.trouble", null, why) : null,
    ),
    h("div.progress", null, h("small", null, step), steps(d)),
    h("div.buttons", null, button("Roll back", rollBack), button("Stop", stop)),
  );
}

function steps(d) {
  const most = 20; // pieces; beyond that each stands for several steps
  const n = Math.min(d.totalSteps, most);
  const at = d.totalSteps > 0 ? Math.ceil((d.currentStep * n) / d.totalSteps) : 0;
  return h("span.steps", { "aria-hidden": "true" }, Array.from({ length: n }, (_, i) => h(i + 1 < at ? "i.past" : i + 1 === at ? "i.now" : "i")));
}

const columns = ["Name", "Address", "State", "CPU", "Memory", "Instances", "Engine"];

function hostTable(hosts) {
  const cell = (i, ...kids) => h("td", { role: "cell", "data-title": columns[i] }, kids);
  return h(
    "table.hosts",
    { role: "table", "aria-label": "Hosts" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((c) => h("th", { role: "columnheader", scope: "col" }, c)))),
    h(
      "tbody",
      { role: "rowgroup" },
      hosts.slice(0, hostsMost).map((x) =>
        h(
          "tr",
          { role: "row" },
          cell(0, h("b", null, x.name)),
          cell(1, x.addr),
          cell(2, h("span", x.message ? { title: x.message } : null, h(`i.dot.host-${x.state}`), x.state), x.message ? h("small", null, x.message) : null),
          cell(3, meter("", x.used.cpus, x.total.cpus, shareOfCores)),
          cell(4, meter("", x.used.mem, x.total.mem, share)),
          cell(5, x.instances),
          cell(6, x.engine ?? "–"),
        ),
      ),
    ),
  );
}
