// Small tools to write elements.

export const $ = (id) => document.getElementById(id);

// h makes an element. Text is always text: nothing from an answer becomes markup.
export function h(tag, props, ...kids) {
  const [name, ...classes] = tag.split(".");
  const el = document.createElement(name);
  if (classes.length) el.className = classes.join(" ");
  for (const [k, v] of Object.entries(props ?? {})) if (v !== false && v != null) el.setAttribute(k, v === true ? "" : v);
  el.append(...kids.flat(Infinity).filter((kid) => kid != null && kid !== false && kid !== ""));
  return el;
}

// icon is one of the symbols of the page.
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(svg.namespaceURI, "use"));
  svg.firstChild.setAttribute("href", `#i-${name}`);
  return svg;
}

const shown = new WeakMap();

// refill gives el new content, unless key says it has it already. The focus stays
// on the element with the same data-key.
export function refill(el, key, content) {
  const text = JSON.stringify(key);
  if (shown.get(el) === text) return false;
  shown.set(el, text);
  const focus = el.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  el.replaceChildren(...[content()].flat(Infinity).filter((kid) => kid != null && kid !== false));
  if (focus) el.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  return true;
}

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
export const exactly = (when) => `${clock.format(Date.parse(when))} (${when})`;

// announce says something to whoever looks or listens.
let quiet;
export function announce(text) {
  clearTimeout(quiet);
  $("toast").textContent = text;
  quiet = setTimeout(() => ($("toast").textContent = ""), 6_000);
}

// toClipboard works without the clipboard's interface too, which browsers keep from
// pages that came by plain HTTP.
export async function toClipboard(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}
