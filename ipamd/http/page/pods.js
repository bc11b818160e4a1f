// SPDX-License-Identifier: Apache-2.0
// The pods as a list: who waits for an address first, then who has one, sorted by any column and thinned out by Find. Rows are
// made once and then only changed.
import {age, byId, make, moment, plural, setAttributes, setText, sync} from "./parts.js";
import {deviceOf} from "./enis.js";
import {matches, sought} from "./find.js";
import {STATES, stateOf} from "./pool.js";

/** Columns: title, what is shown, what is sorted by (the same, where it is not said). */
const COLUMNS = [
  ["Pod", (pod) => pod.name],
  ["Namespace", (pod) => pod.namespace],
  ["Address", (pod) => pod.address],
  ["ENI", (pod) => pod.eni],
  ["State", (pod) => pod.stateText],
  ["Since", (pod) => `${moment(pod.since_ms, pod.nowMs)} (${age(pod.nowMs - pod.since_ms)})`, (pod) => pod.since_ms],
];
const WAITING = ["Waiting", "no address yet"];

let last = null; // the last answer
let sortedBy = 0, descending = false;

// ---- who is in the list ----

const podOf = (nowMs, {pod, namespace, container, since_ms}) => ({name: pod || container || "?", namespace: namespace || "", since_ms, nowMs});

function waitingPods({now_ms, waiting}) {
  return waiting.map((one, i) => ({...podOf(now_ms, one), key: `waiting ${one.namespace} ${one.pod} ${one.container} ${one.since_ms} ${i}`, address: "", eni: "", state: "waiting", stateText: WAITING[0], meaning: `${WAITING[1]}; it is refused at ${moment(one.deadline_ms, now_ms)} unless one comes`}));
}

function assignedPods({now_ms, enis}) {
  return enis.flatMap((eni) =>
    eni.addresses
      .filter(({lease}) => lease)
      .map((one) => {
        const state = stateOf(eni, one);
        return {...podOf(now_ms, one), key: one.address, address: one.address, eni: `${deviceOf(eni)} · ${eni.eni_id}`, state, stateText: STATES[state][0], meaning: STATES[state][1]};
      }),
  );
}

const {compare} = new Intl.Collator(undefined, {numeric: true});

function sorted(pods) {
  const [, text, by = text] = COLUMNS[sortedBy];
  const order = (a, b) => (typeof by(a) === "number" ? by(a) - by(b) : compare(by(a), by(b))) || compare(a.name, b.name) || compare(a.address, b.address);
  return pods.sort((a, b) => (descending ? order(b, a) : order(a, b)));
}

// ---- rows ----

function createPod() {
  return make("tr", {}, ...COLUMNS.map(([title]) => make(title === "Pod" ? "th" : "td", title === "Pod" ? {scope: "row"} : {}, ...(title === "State" ? [make("span", {class: "cell", "aria-hidden": "true"})] : []), make("bdi"))));
}

function updatePod(row, pod) {
  COLUMNS.forEach(([, text], i) => setText(row.children[i].lastElementChild, text(pod)));
  setAttributes(row.children[4], {title: pod.meaning});
  setAttributes(row.children[4].firstElementChild, {"data-state": pod.state});
  setAttributes(row, {"data-state": pod.state, hidden: matches(`${pod.namespace}/${pod.name} ${pod.address}`.toLowerCase()) ? null : ""});
}

function count(n, waiting, rows) {
  if (sought()) return `${rows.filter(({hidden}) => !hidden).length} of ${plural(n + waiting, "pod")}`;
  return waiting ? `${plural(n, "pod")}, and ${waiting} waiting` : plural(n, "pod");
}

export function showPods(node) {
  last = node || last;
  if (!last) return;
  const waiting = waitingPods(last), pods = assignedPods(last), rows = byId("pod-list").tBodies[0];
  sync(rows, [...waiting, ...sorted(pods)], ({key}) => key, createPod, updatePod);
  setText(byId("pods-count"), count(pods.length, waiting.length, [...rows.children]));
  setText(byId("pods-why"), waiting.length ? `Why pods wait: ${last.status.waiting_reason || last.status.room_summary || "no reason is known"}` : "");
}

// ---- sorting ----

function sortBy(column) {
  [sortedBy, descending] = [column, column === sortedBy && !descending];
  showSorting();
  showPods();
}

function showSorting() {
  [...byId("pod-list").tHead.rows[0].cells].forEach((cell, i) => setAttributes(cell, {"aria-sort": i === sortedBy ? (descending ? "descending" : "ascending") : "none"}));
}

export function startPods() {
  const head = byId("pod-list").tHead.rows[0];
  COLUMNS.forEach(([title], i) => {
    const button = make("button", {type: "button"}, title);
    button.addEventListener("click", () => sortBy(i));
    head.append(make("th", {scope: "col"}, button));
  });
  showSorting();
}
