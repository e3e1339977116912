// What one can do to applications and deployments: the menu of a row, and the
// dialog that says what will happen before it does.
import { $, announce, h } from "./dom.js";
import { api } from "./live.js";
import { count } from "./model.js";

// pathOf is where the API has an app.
export const pathOf = (id) => id.split("/").filter(Boolean).map(encodeURIComponent).join("/");

const stops = (r) => (r.running > 0 ? `Stops ${count(r.running, "running instance")}` : "Starts no more instances");

const appActions = [
  {
    name: "Scale…",
    ask: (r) => ({
      title: `Scale ${r.id}`,
      text: `${r.running} of ${count(r.instances, "instance")} ${r.instances === 1 ? "is" : "are"} running.`,
      number: r.instances,
      yes: "Scale",
      done: (n) => `Scaling ${r.id} to ${count(n, "instance")}`,
      call: (force, n) => api("PUT", `v2/apps/${pathOf(r.id)}?force=${force}`, { instances: n }),
    }),
  },
  {
    name: "Restart…",
    when: (r) => r.instances > 0,
    ask: (r) => ({
      title: `Restart ${r.id}?`,
      text: `Replaces ${count(r.instances, "instance")} step by step, as far as the application's upgrade strategy allows at a time.`,
      yes: "Restart",
      done: () => `Restarting ${r.id}`,
      call: (force) => api("POST", `v2/apps/${pathOf(r.id)}/restart?force=${force}`),
    }),
  },
  {
    name: "Suspend…",
    when: (r) => r.instances > 0,
    ask: (r) => ({
      title: `Suspend ${r.id}?`,
      text: `${stops(r)}. The definition stays: scale the application to start it again.`,
      yes: "Suspend",
      done: () => `Suspending ${r.id}`,
      call: (force) => api("PUT", `v2/apps/${pathOf(r.id)}?force=${force}`, { instances: 0 }),
    }),
  },
  {
    name: "Reset delay",
    when: (r) => r.status === "Delayed",
    now: async (r) => {
      await api("DELETE", `v2/queue/${pathOf(r.id)}/delay`);
      return `${r.id} is tried again now`;
    },
  },
  {
    name: "Destroy…",
    danger: true,
    ask: (r) => ({
      title: `Destroy ${r.id}?`,
      text: `${stops(r)}, and forgets the application with all its versions. This cannot be undone.`,
      yes: "Destroy",
      danger: true,
      done: () => `Destroying ${r.id}`,
      call: (force) => api("DELETE", `v2/apps/${pathOf(r.id)}?force=${force}`),
    }),
  },
];

export const rollBack = (d) => ({
  title: "Roll back this deployment?",
  text: `Another deployment takes ${d.affectedApps.join(", ")} back to what was before.`,
  yes: "Roll back",
  done: () => "Rolling back",
  call: () => api("DELETE", `v2/deployments/${d.id}`),
});

export const stop = (d) => ({
  title: "Stop this deployment?",
  text: `Leaves ${d.affectedApps.join(", ")} as it is now: instances of the old and the new version may stay side by side.`,
  yes: "Stop",
  danger: true,
  done: () => "Stopped the deployment",
  call: () => api("DELETE", `v2/deployments/${d.id}?force=true`),
});

// The menu is one element that moves to the row that asks for it; so a refresh of
// the rows never closes it. The rows' buttons name it as their popover, or else the
// press that means to close it would close it before the click opens it again.
let menuOf; // {row, button, changed, top}: top is where the button was

export function openMenu(row, button, changed) {
  const menu = $("menu");
  const again = menuOf?.button === button && menu.matches(":popover-open");
  menu.hidePopover();
  if (again) return;
  menuOf = { row, button, changed };
  menu.replaceChildren(
    ...appActions
      .filter((a) => a.when?.(row) ?? true)
      .map((a) => {
        const b = h(a.danger ? "button.danger" : "button", { type: "button", role: "menuitem", tabindex: -1 }, a.name);
        b.onclick = () => choose(a);
        return b;
      }),
  );
  menu.setAttribute("aria-label", `Actions for ${row.id}`);
  menu.showPopover();
  const at = button.getBoundingClientRect();
  menuOf.top = at.top;
  const lowest = innerHeight - menu.offsetHeight - 8;
  const top = at.bottom + 4 < lowest ? at.bottom + 4 : at.top - menu.offsetHeight - 4;
  menu.style.left = `${Math.max(8, at.right - menu.offsetWidth)}px`;
  menu.style.top = `${Math.max(8, Math.min(top, lowest))}px`;
  menu.firstElementChild.focus({ preventScroll: true });
}

function choose(action) {
  const { row, button, changed } = menuOf;
  $("menu").hidePopover();
  if (action.ask) return confirm(action.ask(row), changed, button);
  action.now(row).then((said) => (announce(said), changed()), (err) => announce(`${row.id}: ${err.message}`));
}

$("menu").addEventListener("beforetoggle", (e) => menuOf.button.setAttribute("aria-expanded", String(e.newState === "open")));

$("menu").addEventListener("keydown", (e) => {
  const items = [...$("menu").children];
  const i = items.indexOf(document.activeElement);
  const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: -1 }[e.key];
  if (e.key === "Tab") $("menu").hidePopover();
  if (to === undefined) return;
  e.preventDefault();
  items.at(to % items.length).focus();
});
// A menu does not stay behind when its row moves away.
function moved() {
  if ($("menu").matches(":popover-open") && Math.abs(menuOf.button.getBoundingClientRect().top - menuOf.top) > 1) $("menu").hidePopover();
}
addEventListener("scroll", moved, { passive: true });
addEventListener("resize", moved);

// confirm asks, does it, and stays open with the reason where it does not work. An
// app that a deployment holds may be taken from it by force.
let asked; // {ask, changed, force, back}

export function confirm(ask, changed, back) {
  asked = { ask, changed, force: false, back };
  $("dialog-title").textContent = ask.title;
  $("dialog-text").textContent = ask.text;
  const input = $("dialog-number").querySelector("input");
  $("dialog-number").hidden = ask.number === undefined;
  input.disabled = ask.number === undefined;
  input.required = true;
  input.value = ask.number ?? "";
  $("dialog-error").hidden = true;
  ready(ask.yes);
  $("dialog").showModal();
  if (ask.number !== undefined) input.select();
  else (ask.danger ? $("dialog-no") : $("dialog-yes")).focus();
}

function ready(verb) {
  const yes = $("dialog-yes");
  yes.textContent = verb;
  yes.disabled = false;
  yes.classList.toggle("danger", asked.force || Boolean(asked.ask.danger));
}

$("dialog-no").onclick = () => $("dialog").close();
// The browser gives the focus back itself, unless what had it was drawn anew meanwhile.
$("dialog").addEventListener("close", () => document.activeElement === document.body && asked.back.isConnected && asked.back.focus({ preventScroll: true }));
$("dialog").addEventListener("click", (e) => e.target === $("dialog") && $("dialog").close()); // beside it

$("dialog").querySelector("form").addEventListener("submit", async (e) => {
  e.preventDefault();
  const mine = asked;
  const n = $("dialog-number").querySelector("input").valueAsNumber;
  $("dialog-yes").disabled = true;
  $("dialog-error").hidden = true;
  try {
    await mine.ask.call(mine.force, n);
    announce(mine.ask.done(n));
    if (asked === mine) $("dialog").close();
  } catch (err) {
    if (asked !== mine || !$("dialog").open) return announce(err.message);
    mine.force = err.locks?.length > 0;
    $("dialog-error").textContent = mine.force
      ? `${count(err.locks.length, "running deployment")} ${err.locks.length === 1 ? "holds" : "hold"} this application. By force it is cancelled, and what it has changed so far stays.`
      : err.message;
    $("dialog-error").hidden = false;
    ready(mine.force ? `${mine.ask.yes} by force` : mine.ask.yes);
  }
  mine.changed();
});
