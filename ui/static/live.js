// Keeps what the page shows as new as can be: the event stream says that something
// changed, a fetch says what is. Events carry no data here, so none can be missed.

export const api = async (method, path, body) => {
  let answer;
  try {
    answer = await fetch(`../${path}`, {
      method,
      body: body && JSON.stringify(body),
      headers: { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) },
      signal: AbortSignal.timeout(10_000),
    });
  } catch (err) {
    throw new Failure(0, err.name === "TimeoutError" ? "There was no answer within 10 s." : "The server cannot be reached.");
  }
  const text = await answer.text().catch(() => "");
  let json = null;
  try {
    json = text && JSON.parse(text);
  } catch {
    // a proxy's page: the status has to do
  }
  if (!answer.ok) throw new Failure(answer.status, explain(answer.status, json), json?.deployments);
  return json;
};

// A Failure is an answer that is not a success; status 0 is none at all.
export class Failure extends Error {
  constructor(status, message, deployments) {
    super(message);
    this.status = status;
    this.locks = status === 409 ? (deployments ?? []) : []; // deployments that hold the app
  }
}

function explain(status, json) {
  const details = Array.isArray(json?.details) ? json.details.map((d) => `${d.path}: ${d.errors.join(", ")}`).join("; ") : "";
  const said = [json?.message, details].filter(Boolean).join(" ");
  if (status === 401) return "You are not signed in. Sign in and load the page again.";
  if (status === 403) return said || "You are not allowed to do this.";
  return said || `The server answered ${status}.`;
}

const eventTypes = `api_post_event app_terminated_event deployment_failed deployment_info deployment_step_failure
  deployment_step_success deployment_success group_change_failed group_change_success
  health_status_changed_event instance_changed_event instance_health_changed_event pacer_host_found
  pacer_host_joined pacer_host_lost pacer_mass_failure_brake status_update_event unhealthy_instance_kill_event
  unknown_instance_terminated_event`.split(/\s+/);

const gap = 500; // ms between fetches, at least
const poll = 5_000; // ms between fetches without events
const recheck = 15_000; // ms, with them: for what happens without one, and for a stream that hangs

// A Feed fetches by load and hands it to show. note is told whether events arrive
// ("live"), or fetches alone succeed ("polling"), or nothing ("offline").
export class Feed {
  constructor({ load, show, note }) {
    Object.assign(this, { load, show, note, streaming: false, error: null, busy: false, again: false, next: 0, due: Infinity });
    // A page that nobody sees lets go of its stream: browsers open few connections
    // to one server, and many tabs would use them up.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stream?.close() : this.listen()));
    this.listen();
    this.fetch();
  }

  // soon fetches as early as the gap allows; calls until then are one.
  soon() {
    this.at(this.next);
  }

  at(when) {
    if (this.busy) {
      this.again = true;
      return;
    }
    if (this.due <= when) return;
    clearTimeout(this.timer);
    this.due = when;
    this.timer = setTimeout(() => this.fetch(), Math.max(0, when - performance.now()));
  }

  async fetch() {
    this.due = Infinity;
    if (document.hidden && this.shown) return; // until somebody looks
    this.busy = true;
    this.again = false;
    const begun = performance.now();
    try {
      const data = await this.load();
      this.error = null;
      this.show(data);
      this.shown = true;
    } catch (err) {
      if (!(err instanceof Failure)) console.error(err);
      this.error = err;
    }
    this.busy = false;
    const now = performance.now();
    this.next = now + Math.max(gap, 3 * (now - begun)); // a busy server is not asked more than a quarter of the time
    this.tell();
    this.at(this.again && !this.error ? this.next : now + (this.streaming && !this.error ? recheck : poll));
  }

  listen() {
    this.stream?.close();
    const stream = (this.stream = new EventSource("../v2/events?plan-format=light&own=true"));
    for (const type of eventTypes) stream.addEventListener(type, () => this.soon());
    stream.onopen = () => {
      this.streaming = true;
      this.tell();
      this.soon();
    };
    stream.onerror = () => {
      this.streaming = false;
      this.tell();
      this.soon();
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => stream === this.stream && this.listen(), poll); // else it tries again itself
    };
  }

  tell() {
    this.note(this.error ? "offline" : this.streaming ? "live" : "polling", this.error);
  }
}
