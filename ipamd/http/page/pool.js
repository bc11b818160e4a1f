// SPDX-License-Identifier: Apache-2.0
// The pool: its addresses by state against the targets, and what is left in the subnets.
import {age, byId, make, moment, plural, setAttributes, setText, sync} from "./parts.js";

/** States of an address as the page shows them, in the order of the bar: name, what it means. */
export const STATES = {
  assigned: ["Assigned", "a pod has it"],
  reserved: ["Being wired", "given to a pod that is not wired yet"],
  cooling: ["Cooling", "released a short while ago; free when its time is over"],
  free: ["Free", "usable now"],
  preparing: ["Preparing", "this node's, not usable yet"],
  leaving: ["Leaving", "on its way back to EC2"],
  lost: ["Lost", "EC2 no longer assigns it to this node, though a pod still has it"],
};

/** Of an address of this ENI. What is free on an ENI that cannot give it is not free. */
export function stateOf(eni, address) {
  if (address.state === "leased") return address.lease === "reserved" ? "reserved" : "assigned";
  if (address.state === "free" && eni.state !== "ready") return eni.state === "draining" ? "leaving" : "preparing";
  return address.state;
}

const CAUSES = {
  growing: "growing",
  "under-way": "EC2 calls are under way",
  "assign-blocked": "EC2 refused more addresses (see above)",
  "create-blocked": "EC2 refused another ENI (see above)",
  "eni-leaving": "an ENI must leave before another one fits",
  "eni-limit": "the limit of ENIs is reached",
  "pod-limit": "VPCWIRE_MAX_PODS is reached",
  "type-limit": "this instance type has no addresses for pods",
  cooling: "addresses are cooling",
  "node-unknown": "the node is not known yet",
};

const LIMITS = ["eni-limit", "pod-limit"];

/** At the instance's limit there is nothing that anybody must act on: the room says what it means. */
function verdict({pool}) {
  const target = `the target of ${plural(pool.target, "address", "addresses")}`;
  if (pool.missing) {
    const why = pool.why.map((cause) => CAUSES[cause] || cause).join(", ");
    return [pool.why.length && pool.why.every((cause) => LIMITS.includes(cause)) ? "none" : "warn", `${pool.missing} short of ${target}: ${why || "no cause is known"}`];
  }
  if (!pool.target) return ["none", "No target yet"];
  return ["ok", pool.surplus ? `${pool.surplus} more than ${target}` : `Meets ${target}`];
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

/** [name, value, kind]; of no kind where it is only a fact. */
function facts({status: {targets, pool, enis, max_enis, addresses_limit}}) {
  return [
    ["ENIs", max_enis ? `${enis} of ${max_enis}` : String(enis)],
    ["Addresses", addresses_limit ? `${pool.total} of ${addresses_limit}` : String(pool.total)],
    ["WARM_ENI_TARGET", orNot(targets.warm_eni)],
    ["WARM_IP_TARGET", orNot(targets.warm_ip)],
    ["MINIMUM_IP_TARGET", orNot(targets.minimum_ip)],
    ["MAX_ENI", orNot(targets.max_eni)],
    ["VPCWIRE_MAX_PODS", orNot(targets.max_pods)],
    ["IP_COOLDOWN_PERIOD", age(targets.cooldown_ms)],
  ];
}

/** Few are left where there are not enough for one more ENI: its own address, and those for pods. */
function subnetFacts({now_ms, status: {subnets = [], addresses_per_eni}}) {
  return subnets.map(({subnet_id, cidr, available, seen_at_ms}) => {
    const few = addresses_per_eni > 0 && available < addresses_per_eni + 1;
    return [subnet_id, `${cidr}: ${available} free at ${moment(seen_at_ms, now_ms)}${few ? ", too few for an ENI" : ""}`, few ? "warn" : "none"];
  });
}

function showFacts(list, rows) {
  sync(list, rows, ([name]) => name, () => make("div", {}, make("dt"), make("dd")), (row, [name, value, kind = "none"]) => {
    setText(row.children[0], name);
    setText(row.children[1], value);
    setAttributes(row, {"data-kind": kind});
  });
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
  showFacts(byId("targets"), facts(node));
  const subnets = subnetFacts(node);
  setAttributes(byId("subnets"), {hidden: subnets.length ? null : ""});
  showFacts(byId("subnets"), subnets);
}
