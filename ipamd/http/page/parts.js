// SPDX-License-Identifier: Apache-2.0
// What the page's parts are made with. Text that came from the daemon (pods' names, EC2's answers) goes into the document
// as text and nothing else; what did not change is not written again, so focus and tooltips outlive a refresh.

export const byId = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

/** A new element: make("p", {class: "quiet"}, "text", child, ...). */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

export function makeSvg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/** Control characters, and those that turn the direction of what follows: seen instead of obeyed. */
export const plain = (text) => text.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");

/** null takes the attribute away. */
export function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== plain(String(value))) element.setAttribute(name, plain(String(value)));
  }
}

export function setText(element, text) {
  if (element.textContent !== plain(text)) element.textContent = plain(text);
}

/** A name in CamelCase, which may be broken before its capitals. */
export function setName(element, text) {
  if (element.textContent === plain(text)) return;
  element.replaceChildren(...plain(text).split(/(?=\p{Lu})/u).flatMap((part, i) => (i ? [make("wbr"), part] : [part])));
}

/**
 * Makes the children of `parent` be those of `items`, in order: one element per key, made once by create(item), then brought
 * up to date by update(element, item). Elements that stay are never moved, as long as their order among each other stays.
 */
export function sync(parent, items, key, create, update) {
  const old = new Map();
  for (const element of parent.children) old.set(element.dataset.key, element);
  const wanted = items.map((item) => [String(key(item)), item]);
  const stays = new Set(wanted.map(([name]) => name));
  for (const [name, element] of old) if (!stays.has(name)) element.remove();
  let next = parent.firstElementChild;
  for (const [name, item] of wanted) {
    let element = old.get(name);
    if (!element) {
      element = create(item);
      element.dataset.key = name;
    }
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
    update(element, item);
  }
}

// ---- numbers and times for people ----

export const plural = (n, one, many = one + "s") => `${n} ${n === 1 ? one : many}`;

/** "0 ms", "0.42 ms", "12 ms", "3.1 s": two digits that count. */
export function duration(us) {
  if (us < 1000) return us < 5 ? "0 ms" : `${(us / 1000).toFixed(2)} ms`;
  if (us < 10000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1e6) return `${Math.round(us / 1000)} ms`;
  return us < 1e7 ? `${(us / 1e6).toFixed(1)} s` : `${Math.round(us / 1e6)} s`;
}

/** "42s", "12m05s", "3h20m", "5d3h": as ipamctl and kubectl have it (clock_span_format()). */
export function age(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(s / unit));
  const two = (n) => String(n).padStart(2, "0");
  if (!minutes) return `${s}s`;
  if (!hours) return `${minutes}m${two(s % 60)}s`;
  return days ? `${days}d${hours % 24}h` : `${hours}h${two(minutes % 60)}m`;
}

/** The same of a time to come, rounded up: what is not over is not "0s". */
export const until = (ms) => age(ms <= 0 ? 1000 : ms + 999);

const clock = new Intl.DateTimeFormat(undefined, {hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23"});
const calendar = new Intl.DateTimeFormat(undefined, {day: "numeric", month: "short"});

/** The viewer's time of day. */
export const time = (ms) => clock.format(ms);
/** In which zone, for who compares it with ipamctl's UTC. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** With the date where it is not today's. */
export const moment = (ms, nowMs) => (nowMs - ms < 20 * 3600e3 ? clock.format(ms) : `${calendar.format(ms)}, ${clock.format(ms)}`);
