// What the answers of the API mean for the page: no DOM, no network.

// Marathon's words, those that want attention first.
export const statuses = ["Waiting", "Delayed", "Deploying", "Running", "Suspended"];

// Segments of a health bar, in its order: class of the segment, its word.
const segments = [
  ["healthy", "healthy"],
  ["unhealthy", "unhealthy"],
  ["unknown", "unknown"],
  ["staged", "staged"],
  ["over", "over capacity"],
  ["unscheduled", "unscheduled"],
];

// Marathon's reasons for turning an offer down, for people.
const refusals = {
  UnfulfilledRole: "role not accepted",
  UnfulfilledConstraint: "constraint not met",
  NoCorrespondingReservationFound: "no reservation",
  AgentMaintenance: "taking nothing new",
  InsufficientCpus: "not enough CPU",
  InsufficientMemory: "not enough memory",
  InsufficientDisk: "not enough disk",
  InsufficientGpus: "not enough GPUs",
  InsufficientPorts: "ports taken",
};

const verbs = {
  StartApplication: "start",
  ScaleApplication: "scale",
  RestartApplication: "restart",
  StopApplication: "stop",
};

// rows are the lines of the table, one an app.
export function rows({ apps, queue, deployments, hosts }) {
  const queued = new Map(queue.map((q) => [(q.app ?? q.pod).id, q]));
  const running = new Map(deployments.map((d) => [d.id, d]));
  return apps.map((app) => row(app, queued.get(app.id), running, hosts.length));
}

function row(app, item, running, hosts) {
  const instances = app.instances ?? 0;
  const live = app.tasksRunning ?? 0;
  const deployments = app.deployments ?? [];
  const bar = health(app);
  const cut = app.id.lastIndexOf("/") + 1;
  const labels = Object.entries(app.labels ?? {}).sort();
  const r = {
    id: app.id,
    group: app.id.slice(0, cut),
    name: app.id.slice(cut),
    labels,
    cpus: (app.cpus ?? 0) * instances,
    mem: (app.mem ?? 0) * instances,
    instances,
    running: live,
    bar,
    health: words(bar) || "no instances",
    unhealthy: app.tasksUnhealthy ?? 0,
    weight: weight(bar),
    text: `${app.id} ${labels.map(([k, v]) => `${k}=${v}`).join(" ")}`.toLowerCase(),
  };
  if (item) {
    r.status = item.delay.overdue ? "Waiting" : "Delayed";
    r.why = item.delay.overdue ? refusal(item, hosts) : `next try in ${item.delay.timeLeftSeconds} s`;
    r.reasons = reasons(item);
  } else if (deployments.length) {
    r.status = "Deploying";
    const d = running.get(deployments[0].id);
    r.why = d ? `step ${d.currentStep} of ${d.totalSteps}` : "";
  } else {
    r.status = instances === 0 && live === 0 ? "Suspended" : "Running";
    r.why = "";
  }
  return r;
}

// health divides max(instances, running + staged) among the segments: what does not
// fit into the wanted number, counted in the bar's order, is over capacity.
export function health(app) {
  const wanted = app.instances ?? 0;
  const running = app.tasksRunning ?? 0;
  const staged = app.tasksStaged ?? 0;
  const healthy = app.tasksHealthy ?? 0;
  const unhealthy = app.tasksUnhealthy ?? 0;
  let room = wanted;
  const fits = [healthy, unhealthy, Math.max(running - healthy - unhealthy, 0), staged].map((n) => {
    const some = Math.min(n, room);
    room -= some;
    return some;
  });
  const sum = running + staged;
  const counts = [...fits, Math.max(sum - wanted, 0), Math.max(wanted - sum, 0)];
  const total = Math.max(wanted, sum);
  return segments
    .map(([kind, word], i) => ({ kind, word, n: counts[i], percent: Math.round((100 * counts[i]) / (total || 1)) }))
    .filter((s) => s.n > 0);
}

// words is a health bar for those who do not see it.
export const words = (bar) => bar.map((s) => `${s.n} ${s.word}`).join(", ");

// weight grows with how much is wrong: what is unhealthy counts more than what is
// only not there yet.
function weight(bar) {
  const cost = { healthy: 0, unhealthy: 5, unknown: 1, staged: 3, over: 2, unscheduled: 4 };
  const total = bar.reduce((sum, s) => sum + s.n, 0);
  return total ? bar.reduce((sum, s) => sum + cost[s.kind] * s.n, 0) / total : -1;
}

// reasons are the hosts that refused, those with the commonest reason first.
function reasons(item) {
  return (item.processedOffersSummary?.rejectSummaryLastOffers ?? [])
    .filter((r) => r.declined > 0)
    .sort((a, b) => b.declined - a.declined)
    .map((r) => `${refusals[r.reason] ?? "refused"} on ${count(r.declined, "host")}`);
}

function refusal(item, hosts) {
  if (hosts === 0) return "no host has joined";
  return reasons(item)[0] ?? "no host fits yet";
}

// changes says what a deployment does: ["/shop/web", "restart"], …
export function changes(d) {
  const all = d.steps.flatMap((s) => s.actions).map((a) => [a.app ?? a.pod, verbs[a.action] ?? a.action]);
  return [...new Map(all)];
}

// orders are what the table is sorted by; the first click on those of numbers shows
// the greatest first.
export const orders = {
  name: { by: (a, b) => names.compare(a.id, b.id) },
  cpu: { by: (a, b) => a.cpus - b.cpus, down: true },
  mem: { by: (a, b) => a.mem - b.mem, down: true },
  status: { by: (a, b) => statuses.indexOf(a.status) - statuses.indexOf(b.status) },
  running: { by: (a, b) => a.running - b.running || a.instances - b.instances, down: true },
  health: { by: (a, b) => a.weight - b.weight, down: true },
};
const names = new Intl.Collator("en", { numeric: true });

// compare sorts rows by an order like "cpu" or, downwards, "-cpu"; equals by name.
export function compare(order) {
  const down = order.startsWith("-");
  const { by } = orders[down ? order.slice(1) : order] ?? orders.name;
  return (a, b) => (down ? by(b, a) : by(a, b)) || names.compare(a.id, b.id);
}

export const cores = (n) => String(Math.round(n * 100) / 100);

const units = ["MiB", "GiB", "TiB"];
const scale = (n) => (n < 1024 ? 0 : n < 1 << 20 ? 1 : 2);
const tenth = (n) => Math.round(n * 10) / 10;

export const mebibytes = (n) => `${tenth(n / 1024 ** scale(n))} ${units[scale(n)]}`;

// share is a part of some memory, in the unit of the whole: "1.5 of 16 GiB".
export const share = (part, all) => `${tenth(part / 1024 ** scale(all))} of ${mebibytes(all)}`;

export const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

// ago is a time as people say it.
export function ago(when, now = Date.now()) {
  const s = Math.max(0, Math.round((now - Date.parse(when)) / 1000));
  if (Number.isNaN(s)) return "";
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

// taskHealth is what the checks say of an instance. checks: it has some.
export function taskHealth(task, checks) {
  const results = task.healthCheckResults ?? [];
  if (task.state !== "TASK_RUNNING" || results.length === 0) return { kind: "unknown", word: checks ? "Unknown" : "No checks" };
  const bad = results.find((r) => !r.alive);
  return bad ? { kind: "unhealthy", word: "Unhealthy", why: bad.lastFailureCause } : { kind: "healthy", word: "Healthy" };
}

// taskState is TASK_RUNNING as a word: Running.
export const taskState = (s) => s.charAt(5) + s.slice(6).toLowerCase();
