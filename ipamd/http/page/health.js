// SPDX-License-Identifier: Apache-2.0
// Is the node well: the lamp, what needs attention, and the pool against its targets.
import {age, byId, make, plural, setAttributes, setText, sync, time} from "./parts.js";

/** States of an address as the page shows them, in the order of the bar: name, what it means. */
export const STATES = {
  assigned: ["Assigned", "a pod has it"],
  reserved: ["Being wired", "given to a pod that is not wired yet"],
  cooling: ["Cooling", "released a short while ago; free when its time is over"],
  free: ["Free", "usable now"],
  preparing: ["Preparing", "ours, not usable yet"],
  leaving: ["Leaving", "on its way back to EC2"],
  lost: ["Lost", "not ours any more, though a pod still has it"],
};

/** Of an address of this ENI. What is free on an ENI that cannot give it is not free. */
export function stateOf(eni, address) {
  if (address.state === "leased") return address.lease === "reserved" ? "reserved" : "assigned";
  if (address.state === "free" && eni.state !== "ready") return eni.state === "draining" ? "leaving" : "preparing";
  return address.state;
}

// ---- the lamp ----

function health(node, failure) {
  if (failure) return ["stale", "No answer"];
  const {status} = node;
  if (!status.ready) return ["bad", "Not ready"];
  if (status.impaired) return ["bad", "Impaired"];
  if (status.exhausted) return ["bad", "No address"];
  const n = status.blocked.length + status.warnings.length + (status.waiting_reason ? 1 : 0);
  return n ? ["warn", `Ready, ${plural(n, "notice")}`] : ["ok", "Ready"];
}

export function showHealth(node, failure) {
  const [state, text] = health(node, failure);
  setAttributes(byId("lamp"), {"data-health": state});
  setText(byId("health"), text);
  if (!node) return;
  const {status} = node, facts = status.node;
  const name = facts.instance_id || "unknown instance";
  setText(byId("node"), name);
  setText(byId("node-facts"), [facts.instance_type, facts.availability_zone, facts.primary_address, facts.vpc_id].filter(Boolean).join(" · ") || "not known yet");
  setText(byId("version"), status.version);
  document.title = `${text} · ${name}`;
  sync(byId("notices"), notices(node), (notice) => notice.key, createNotice, updateNotice);
}

// ---- what needs attention ----

function notices(node) {
  const {status, now_ms} = node;
  const found = [];
  if (!status.ready) found.push({key: "ready", kind: "bad", what: "Not ready", why: status.reason || "no reason is known"});
  if (status.waiting_reason) found.push({key: "wait", kind: status.exhausted ? "bad" : "warn", what: "Pods wait", why: status.waiting_reason});
  if (status.impaired) found.push({key: "impaired", kind: "bad", what: "Impaired", why: status.impaired_reason || "no reason is known"});
  for (const {action, subject, reason, until_ms} of status.blocked)
    found.push({key: `blocked ${action} ${subject}`, kind: "warn", what: ["Blocked:", action, subject].filter(Boolean).join(" "), why: reason, when: until_ms ? `next attempt at ${time(until_ms)}, in ${age(until_ms - now_ms)}` : undefined});
  for (const {subject, reason} of status.warnings) found.push({key: `warning ${subject}`, kind: "warn", what: subject || "Warning", why: reason});
  return found;
}

function createNotice() {
  return make("li", {}, make("b"), make("span", {class: "why"}), make("span", {class: "when quiet"}));
}

function updateNotice(element, {kind, what, why, when = ""}) {
  setAttributes(element, {"data-kind": kind});
  [what, why, when].forEach((text, i) => setText(element.children[i], text));
}

// ---- the pool ----

const CAUSES = {
  growing: "growing",
  "under-way": "EC2 calls are under way",
  "assign-blocked": "EC2 gives no more addresses now",
  "create-blocked": "EC2 gives no more interfaces now",
  "eni-leaving": "an interface must leave before another one fits",
  "eni-limit": "no more interfaces fit the instance",
  "pod-limit": "max pods is reached",
  "type-limit": "the instance type takes no addresses for pods",
  cooling: "addresses are cooling",
  "node-unknown": "the node is not known yet",
};

function verdict({pool, status}) {
  const waiting = status.pool.waiting ? `${plural(status.pool.waiting, "pod waits", "pods wait")} for an address. ` : "";
  if (pool.missing) return ["warn", `${waiting}${pool.missing} short of the target of ${pool.target}: ${pool.why.map((cause) => CAUSES[cause] || cause).join(", ") || "no cause is known"}`];
  if (!pool.target) return ["none", `${waiting}No target yet`];
  if (pool.surplus) return [waiting ? "warn" : "ok", `${waiting}${pool.surplus} more than the target of ${pool.target}`];
  return [waiting ? "warn" : "ok", `${waiting}At the target of ${pool.target}`];
}

function countStates(node) {
  const counts = Object.fromEntries(Object.keys(STATES).map((state) => [state, 0]));
  for (const eni of node.enis) for (const address of eni.addresses) counts[stateOf(eni, address)]++;
  return Object.entries(counts);
}

function showBar(counts, target) {
  const bar = byId("pool-bar");
  const total = counts.reduce((sum, [, n]) => sum + n, 0);
  const scale = Math.max(total, target, 1);
  const parts = [...counts.filter(([, n]) => n), ...(target > total ? [["missing", target - total]] : [])];
  sync(bar, parts, ([state]) => state, ([state]) => make("i", {"data-state": state}), (part, [, n]) => (part.style.flexGrow = n));
  bar.style.setProperty("--target", `${(100 * target) / scale}%`);
  setAttributes(bar, {"aria-label": `Target ${target}. ${counts.map(([state, n]) => `${STATES[state][0]} ${n}`).join(", ")}`});
}

function createLegend([state]) {
  const [name, meaning] = STATES[state];
  return make("li", {title: meaning}, make("span", {class: "cell", "data-state": state, "aria-hidden": "true"}), make("span", {}, name), make("b"));
}

const orNot = (value) => (value === undefined ? "not set" : String(value));

function facts({status: {targets, pool, enis, max_enis, addresses_per_eni}}) {
  return {
    "Interfaces": max_enis ? `${enis} of ${max_enis}` : String(enis),
    "Addresses": max_enis ? `${pool.total} of ${max_enis * addresses_per_eni}` : String(pool.total),
    "Pods waiting": String(pool.waiting),
    "Max pods": orNot(targets.max_pods),
    "WARM_ENI_TARGET": orNot(targets.warm_eni),
    "WARM_IP_TARGET": orNot(targets.warm_ip),
    "MINIMUM_IP_TARGET": orNot(targets.minimum_ip),
    "MAX_ENI": orNot(targets.max_eni),
    "IP_COOLDOWN_PERIOD": `${Math.round(targets.cooldown_ms / 1000)} s`,
  };
}

export function showPool(node) {
  const counts = countStates(node);
  const [kind, text] = verdict(node);
  setText(byId("pool-verdict"), text);
  setAttributes(byId("pool-verdict"), {"data-kind": kind});
  showBar(counts, node.pool.target);
  sync(byId("legend"), counts, ([state]) => state, createLegend, (item, [, n]) => {
    setText(item.lastElementChild, String(n));
    setAttributes(item, {"data-none": n ? null : ""});
  });
  sync(byId("targets"), Object.entries(facts(node)), ([name]) => name, ([name]) => make("div", {}, make("dt", {}, name), make("dd")), (row, [, value]) => setText(row.lastElementChild, value));
}
