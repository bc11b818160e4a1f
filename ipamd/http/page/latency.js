// SPDX-License-Identifier: Apache-2.0
// How long ADD and DEL took in the last hour, stage by stage, and the last EC2 calls with their answers.
import {byId, duration, make, makeSvg, moment, plural, setAttributes, setName, setText, sync, time} from "./parts.js";

const ROWS = [
  ["add", "rpc", "ADD", "in ipamd"],
  ["add", "wait", "ADD", "waited for an address"],
  ["add", "wire", "ADD", "wiring the pod"],
  ["del", "rpc", "DEL", "in ipamd"],
  ["del", "wire", "DEL", "unwiring the pod"],
];
const NUMBERS = [["p50", (s) => duration(s.p50_us)], ["p99", (s) => duration(s.p99_us)], ["longest", (s) => duration(s.max_us)], ["count", (s) => String(s.n)]];

// ---- the strip of 60 minutes; one logarithmic scale for all, so that strips compare ----

const MINUTES = 60, MINUTE_MS = 60e3, STEP = 5, HEIGHT = 40;
const LEAST_US = 100, DECADES = 5; // 0.1 ms to 10 s

const heightOf = (us) => (HEIGHT * Math.min(DECADES, Math.max(0, Math.log10(us / LEAST_US)))) / DECADES;

function createStrip() {
  const strip = makeSvg("svg", {class: "strip", viewBox: `0 0 ${MINUTES * STEP} ${HEIGHT}`, preserveAspectRatio: "none", role: "img"});
  for (let decade = 0; decade <= DECADES; decade++) strip.append(makeSvg("path", {class: "line", d: `M0 ${HEIGHT - (HEIGHT * decade) / DECADES}H${MINUTES * STEP}`}));
  strip.append(makeSvg("g"));
  return strip;
}

const createMinute = () => makeSvg("g", {}, makeSvg("title"), makeSvg("rect", {class: "hit", width: STEP, y: 0, height: HEIGHT}), makeSvg("rect", {class: "below", width: STEP - 1}), makeSvg("rect", {class: "longest", width: 1}), makeSvg("rect", {class: "quantiles", width: STEP - 1}));

function updateMinute(group, {at_ms, x, n, p50_us, p99_us, max_us}) {
  const [title, hit, below, longest, quantiles] = group.children;
  const [low, high, top] = [p50_us, p99_us, max_us].map(heightOf);
  setText(title, `${time(at_ms)}: ${n}, p50 ${duration(p50_us)}, p99 ${duration(p99_us)}, longest ${duration(max_us)}`);
  setAttributes(hit, {x});
  setAttributes(below, {x: x + 0.5, y: HEIGHT - low, height: low});
  setAttributes(longest, {x: x + STEP / 2 - 0.5, y: HEIGHT - top, height: Math.max(0, top - low)});
  const height = Math.max(3, high - low);
  setAttributes(quantiles, {x: x + 0.5, y: Math.max(0, HEIGHT - low - height), height});
}

function showStrip(strip, node, verb, stage, label) {
  const minutes = node.minutes
    .filter((minute) => minute[verb][stage])
    .map((minute) => ({...minute[verb][stage], at_ms: minute.at_ms, x: STEP * (MINUTES - 1 - Math.floor((node.now_ms - minute.at_ms) / MINUTE_MS))}))
    .filter(({x}) => x >= 0 && x < STEP * MINUTES);
  sync(strip.lastElementChild, minutes, ({at_ms}) => Math.round(at_ms / MINUTE_MS), createMinute, updateMinute);
  setAttributes(strip, {"aria-label": label});
}

// ---- the table ----

function createTable() {
  const head = make("tr", {}, make("th", {scope: "col"}, "Stage"), make("th", {scope: "col", class: "strip-head"}, make("span", {}, "an hour ago"), make("span", {}, "now")), ...NUMBERS.map(([name]) => make("th", {scope: "col", class: "number"}, name)));
  return make("table", {class: "latency"}, make("thead", {}, head), make("tbody"));
}

function createLatencyRow([, , verb, what]) {
  return make("tr", {}, make("th", {scope: "row"}, make("b", {}, verb), " ", make("span", {class: "quiet"}, what)), make("td", {class: "strip-cell"}, createStrip()), ...NUMBERS.map(([name]) => make("td", {class: "number", "data-name": name})));
}

export function showLatency(node) {
  const place = byId("latency");
  if (!place.firstChild) place.append(createTable());
  sync(place.firstChild.tBodies[0], ROWS, ([verb, stage]) => verb + stage, createLatencyRow, (row, [verb, stage, name, what]) => {
    const summary = node.hour[verb][stage];
    NUMBERS.forEach(([, text], i) => setText(row.children[2 + i], summary ? text(summary) : "–"));
    setAttributes(row, {"data-none": summary ? null : ""});
    showStrip(row.querySelector(".strip"), node, verb, stage, `${name} ${what}: ${summary ? NUMBERS.map(([number, text]) => `${number} ${text(summary)}`).join(", ") : "none in the last hour"}`);
  });
}

// ---- EC2's answers ----

const createCall = () => make("tr", {}, make("td", {class: "quiet"}), make("td", {}, make("span"), make("details", {class: "why"}, make("summary"), make("p"))), make("td"), make("td", {class: "number"}));

function updateCall(row, {at_ms, action, class: kind, http_status, code, why, took_us, nowMs}) {
  const [when, what, answer, took] = row.children;
  const failed = kind !== "ok";
  setText(when, moment(at_ms, nowMs));
  setName(what.firstElementChild, action);
  const more = what.lastElementChild;
  setText(more.firstElementChild, code || "no answer");
  setText(more.lastElementChild, why);
  setAttributes(more, {hidden: failed && (code || why) ? null : ""});
  setText(answer, failed ? `✕ ${http_status ? `${http_status} ` : ""}${kind}` : `✓ ${http_status}`);
  setText(took, duration(took_us));
  setAttributes(row, {"data-failed": failed ? "" : null});
}

export function showCalls(node) {
  const seen = new Map();
  const calls = node.calls.map((call) => {
    const name = `${call.at_ms} ${call.action} ${call.took_us}`;
    seen.set(name, (seen.get(name) || 0) + 1);
    return {...call, key: `${name} ${seen.get(name)}`, nowMs: node.now_ms};
  });
  const failed = calls.filter((call) => call.class !== "ok").length;
  sync(byId("calls").tBodies[0], calls, ({key}) => key, createCall, updateCall);
  setText(byId("calls-verdict"), calls.length ? (failed ? `${failed} of the last ${calls.length} failed` : `${plural(calls.length, "call")}, none failed`) : "none yet");
  setAttributes(byId("calls-verdict"), {"data-kind": failed ? "warn" : "ok"});
}
