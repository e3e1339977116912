// The table of applications. Every row is made once and then only told what is new
// about it; one that says the same as before is not touched.
import { $, exactly, h, icon, refill } from "./dom.js";
import { openMenu, pathOf } from "./actions.js";
import { api } from "./live.js";
import { ago, compare, cores, count, mebibytes, orders, taskHealth, taskState } from "./model.js";

const openMost = 10; // rows open at once: each asks the server for its instances
const firstInstances = 100; // shown of one app, until one asks for all

export class Table {
  constructor({ changed, moved }) {
    this.changed = changed; // something was done to an app: look again
    this.moved = moved; // order or open rows are others: remember them
    this.rows = new Map(); // by app id
    this.order = "name";
    this.filter = () => true;
    this.body = $("apps").tBodies[0];
    this.heads = [...$("apps").tHead.querySelectorAll("button")];
    for (const b of this.heads) {
      b.append(icon("sort"));
      b.onclick = () => this.sort(b.dataset.order);
    }
    this.body.addEventListener("click", (e) => this.click(e));
  }

  get opened() {
    return [...this.rows.values()].filter((r) => r.detail).map((r) => r.data.id);
  }

  // show takes the model's rows.
  show(list) {
    const gone = new Set(this.rows.keys());
    for (const data of list) {
      gone.delete(data.id);
      let row = this.rows.get(data.id);
      if (!row) this.rows.set(data.id, (row = make(data.id)));
      update(row, data);
    }
    for (const id of gone) {
      const row = this.rows.get(id);
      row.tr.remove();
      row.detail?.remove();
      this.rows.delete(id);
    }
    this.arrange();
  }

  // arrange puts rows into order and hides those that do not match.
  arrange() {
    const focus = document.activeElement;
    const by = compare(this.order);
    const sorted = [...this.rows.values()].sort((a, b) => by(a.data, b.data));
    if (!this.body.firstChild) this.body.append(...sorted.map((row) => row.tr)); // at once, which is cheaper
    let next = this.body.firstChild;
    const put = (el, hidden) => {
      if (el.hidden !== hidden) el.hidden = hidden;
      if (el === next) next = next.nextSibling;
      else this.body.insertBefore(el, next);
    };
    let shown = 0;
    for (const row of sorted) {
      const hidden = !this.filter(row.data);
      shown += hidden ? 0 : 1;
      put(row.tr, hidden);
      if (row.detail) put(row.detail, hidden);
    }
    if (focus !== document.activeElement && focus.isConnected) focus.focus({ preventScroll: true });
    for (const b of this.heads) {
      const down = this.order === `-${b.dataset.order}`;
      b.parentElement.ariaSort = down ? "descending" : this.order === b.dataset.order ? "ascending" : null;
    }
    this.shown = shown;
  }

  sort(by) {
    const down = orders[by].down;
    const first = down ? `-${by}` : by;
    this.order = this.order === first ? (down ? by : `-${by}`) : first;
    this.arrange();
    this.moved();
  }

  click(e) {
    const row = this.rows.get(e.target.closest("tr.app")?.dataset.id);
    if (!row) return;
    const button = e.target.closest("button");
    if (button?.classList.contains("more")) {
      e.preventDefault(); // or the browser would open the menu too
      openMenu(row.data, button, this.changed);
    } else if (button || !String(getSelection())) this.toggle(row);
  }

  toggle(row, open = !row.detail) {
    if (open === Boolean(row.detail)) return;
    row.button.setAttribute("aria-expanded", String(open));
    row.tr.classList.toggle("opened", open);
    if (open) {
      const already = this.opened;
      if (already.length >= openMost) this.toggle(this.rows.get(already[0]), false);
      row.detail = h("tr.detail", { role: "row" }, h("td", { role: "cell", colspan: 7, "aria-colspan": 7 }, h("p.muted", { "aria-busy": "true" }, "Loading instances")));
      row.tr.after(row.detail);
      this.look(row);
    } else {
      row.detail.remove();
      row.detail = row.all = null;
    }
    this.moved();
  }

  open(id) {
    const row = this.rows.get(id);
    if (row) this.toggle(row, true);
  }

  // step moves the focus to the next row or the one before.
  step(by) {
    const list = [...this.body.querySelectorAll("tr.app:not([hidden])")];
    const at = list.findIndex((tr) => tr.contains(document.activeElement));
    const to = list[at < 0 ? (by > 0 ? 0 : list.length - 1) : at + by];
    to?.querySelector(".open").focus();
  }

  // refresh looks again at the rows that are open.
  refresh() {
    for (const row of this.rows.values()) if (row.detail) this.look(row);
  }

  async look(row) {
    const path = pathOf(row.data.id);
    const mark = (row.asked = (row.asked ?? 0) + 1);
    const got = await Promise.all([api("GET", `v2/apps/${path}`), api("GET", `pacer/v1/discovery/${path}`).catch(() => null)]).catch((err) => err);
    if (!row.detail || row.asked !== mark) return; // closed, or asked again meanwhile
    const cell = row.detail.firstChild;
    if (got instanceof Error) {
      if (!cell.dataset.has) refill(cell, got.message, () => h("p.error", null, got.message)); // the last known beats an error
      return;
    }
    cell.dataset.has = "true";
    const [{ app }, found] = got;
    const fill = () => refill(cell, [app, found, row.data.reasons, row.all], () => detail(app, found, row, fill));
    fill();
  }
}

function make(id) {
  const tr = $("row").content.firstElementChild.cloneNode(true);
  const cut = id.lastIndexOf("/") + 1;
  tr.dataset.id = id;
  tr.querySelector(".group").textContent = id.slice(0, cut);
  tr.querySelector(".leaf").textContent = id.slice(cut);
  tr.querySelector(".more").setAttribute("aria-label", `Actions for ${id}`);
  return { tr, button: tr.querySelector(".open"), labels: tr.querySelector(".labels"), cells: [...tr.children].slice(1, 6), detail: null };
}

function update(row, data) {
  row.data = data;
  const [cpu, mem, status, running, health] = row.cells;
  refill(row.labels, data.labels, () => badges(data.labels));
  refill(cpu, data.cpus, () => cores(data.cpus));
  refill(mem, data.mem, () => mebibytes(data.mem));
  refill(status, [data.status, data.why], () => [
    h("span", null, h(`i.dot.${data.status.toLowerCase()}`), data.status),
    data.why ? h("small", { title: data.why }, data.why) : null,
  ]);
  refill(running, [data.running, data.instances], () => [h("b", null, data.running), ` of ${data.instances}`]);
  refill(health, data.bar, () => [bar(data), h("small", null, data.health)]);
}

function badges(labels) {
  const most = 3;
  const badge = ([k, v]) => h("span.badge", { title: `${k}: ${v}` }, v ? `${k}: ${v}` : k);
  const rest = labels.slice(most);
  return [
    ...labels.slice(0, most).map(badge),
    rest.length ? h("span.badge.rest", { title: rest.map(([k, v]) => `${k}: ${v}`).join("\n") }, `+${rest.length}`) : null,
  ];
}

function bar(data) {
  return h(
    "div.bar-of",
    { role: "img", "aria-label": data.health },
    data.bar.map((s) => {
      const part = h(`i.${s.kind}`, { title: `${s.n} ${s.word} (${s.percent} %)` });
      part.style.flexGrow = s.n;
      return part;
    }),
  );
}

// detail is what an open row shows of its app.
function detail(app, found, row, again) {
  const tasks = (app.tasks ?? []).toSorted((a, b) => a.id.localeCompare(b.id));
  const shown = row.all ? tasks : tasks.slice(0, firstInstances);
  const more = tasks.length - shown.length;
  const all = h("button", { type: "button", "data-key": "all" }, `Show ${more} more`);
  all.onclick = () => {
    row.all = true;
    again();
  };
  return [facts(app, found, row.data), tasks.length ? instances(app, shown) : h("p.muted", null, "No instance has been placed."), more ? all : null];
}

function facts(app, found, data) {
  const image = app.container?.docker?.image;
  const list = [
    ["Image", image && h("code", null, image)],
    ["Command", (app.cmd || app.args?.length > 0) && h("code", null, app.cmd || app.args.join(" "))],
    ["Reach it at", reach(found)],
    ["Version", app.version && time(app.version, " ago")],
    ["Waiting", data.reasons?.length > 0 && data.reasons.join(", ")],
    ["Last failure", failure(app.lastTaskFailure)],
  ];
  return h("dl", null, list.filter(([, value]) => value).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
}

// reach names the load balancer's doors to the app. Where it listens is not known
// here, so these are no links.
function reach(found) {
  const ports = found?.ports ?? [];
  const names = ports.flatMap((p) => p.routes.map((r) => r.host + (r.path ?? "")));
  const numbers = ports.filter((p) => p.port > 0).map((p) => p.port);
  const said = [names.join(", "), numbers.length ? `service port ${numbers.join(", ")}` : ""].filter(Boolean);
  return said.length > 0 && said.join(" · ");
}

function failure(f) {
  return f && [`${taskState(f.state)} on ${f.slaveId || f.host} `, time(f.timestamp, " ago"), f.message ? `: ${f.message}` : ""];
}

const columns = ["ID", "Address", "Host", "State", "Health", "Version", "Running for", "Output"];

function instances(app, tasks) {
  const cell = (i, ...kids) => h("td", { role: "cell", "data-title": columns[i] }, kids);
  return h(
    "table.instances",
    { role: "table", "aria-label": `Instances of ${app.id}` },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((c) => h("th", { role: "columnheader", scope: "col" }, c)))),
    h(
      "tbody",
      { role: "rowgroup" },
      tasks.map((t) => {
        const health = taskHealth(t, app.healthChecks?.length > 0);
        const old = app.versionInfo && t.version < app.versionInfo.lastConfigChangeAt;
        return h(
          "tr",
          { role: "row" },
          cell(0, h("code", { title: t.id }, short(t.id))),
          cell(1, addresses(app, t)),
          cell(2, t.slaveId),
          cell(3, h("span", null, h(`i.dot.${t.state === "TASK_RUNNING" ? "running" : "deploying"}`), taskState(t.state))),
          cell(4, h("span", health.why ? { title: health.why } : null, h(`i.dot.${health.kind}`), health.word), health.why ? h("small", null, health.why) : null),
          cell(5, t.version && time(t.version, " ago"), old ? h("span.badge", null, "old") : null),
          cell(6, t.startedAt ? time(t.startedAt, "") : "–"),
          cell(7, h("a", { href: `../pacer/v1/logs/${encodeURIComponent(t.id)}?tail=1000`, target: "_blank", rel: "noopener", "data-key": `log ${t.id}`, "aria-label": `Log of ${t.id}` }, "Log")),
        );
      }),
    ),
  );
}

// short is the part of an instance's id by which people tell it from others.
const short = (id) => /\.instance-([0-9a-f]{8})/.exec(id)?.[1] ?? id;

function addresses(app, t) {
  const ports = app.container?.portMappings?.filter((p) => p.hostPort !== undefined && p.hostPort !== null) ?? app.portDefinitions ?? [];
  const host = t.host.includes(":") ? `[${t.host}]` : t.host;
  if (!t.ports?.length) return t.ipAddresses?.map((ip) => ip.ipAddress).join(", ") || t.host;
  return t.ports.map((port, i) => {
    const at = `${host}:${port}`;
    if (ports[i]?.protocol === "udp") return h("span.address", null, at, " udp");
    const scheme = ports[i]?.name === "https" ? "https" : "http";
    return h("a.address", { href: `${scheme}://${at}/`, target: "_blank", rel: "noopener noreferrer", "data-key": `at ${at}` }, at);
  });
}

// time is how long ago something was; tick keeps it true.
export function time(when, tail) {
  return h("time", { datetime: when, "data-tail": tail, title: exactly(when) }, ago(when) + tail);
}

export function tick(root) {
  for (const t of root.querySelectorAll("time")) {
    const now = ago(t.dateTime) + t.dataset.tail;
    if (t.textContent !== now) t.textContent = now;
  }
}

export const summary = (n, of) => (n === of ? count(of, "application") : `${n} of ${count(of, "application")}`);
