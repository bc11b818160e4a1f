// SPDX-License-Identifier: Apache-2.0
// Does the node work (the lamp), is there room for another pod (the line beside it), and what needs attention (notices).
import {byId, make, plural, setAttributes, setText, sync, time, age, until} from "./parts.js";

// ---- the lamp and the room ----

function health(status, failure, n) {
  if (failure) return ["stale", "No answer"];
  if (!status.ready) return ["bad", "Not ready"];
  if (status.impaired) return ["bad", "Pods affected"];
  return n ? ["warn", `Ready, ${plural(n, "notice")}`] : ["ok", "Ready"];
}

function showRoom(status, failure, shown) {
  setAttributes(byId("room"), {"data-room": failure ? "unknown" : status.room || "unknown"});
  setText(byId("room-summary"), status.room_summary || "not known yet");
  const remedy = !shown.some((notice) => notice.fix === status.room_remedy) && status.room_remedy;
  setText(byId("room-fix"), remedy ? `Fix: ${remedy}` : "");
}

export function showHealth(node, failure) {
  const shown = node ? notices(node) : [];
  const [state, text] = health(node?.status, failure, shown.length);
  setAttributes(byId("lamp"), {"data-health": state});
  setText(byId("health"), text);
  if (!node) return;
  const {status} = node, facts = status.node;
  const name = facts.name || facts.instance_id || "unknown instance";
  setText(byId("node"), name);
  setText(byId("node-facts"), [facts.name && facts.instance_id, facts.instance_type, facts.availability_zone, facts.primary_address, facts.vpc_id].filter(Boolean).join(" · ") || "not known yet");
  setText(byId("version"), status.version);
  document.title = `${text} · ${name}`;
  showRoom(status, failure, shown);
  sync(byId("notices"), shown, (notice) => notice.key, createNotice, updateNotice);
}

// ---- what needs attention ----

/** What cannot be done, by kind; after these words comes the subject. Of other kinds the name is shown. */
const CANNOT = {
  resync: "sync with EC2",
  find_subnets: "look for subnets",
  create: "create an ENI in",
  recreate: "create an ENI in",
  attach: "attach an ENI",
  attach_refused: "attach an ENI",
  assign: "add addresses on",
  unassign: "return addresses of",
  detach: "detach",
  delete: "delete",
  delete_orphan: "delete the unused ENI",
  find_orphans: "look for unused ENIs",
  orphans: "look for unused ENIs",
  mark_delete_on_termination: "set DeleteOnTermination of",
  delete_on_termination: "set DeleteOnTermination of",
  security_groups: "set the security groups of",
  learn_subnet: "read the subnet of",
  tag_primary: "tag the primary ENI",
  identity: "learn which instance this is",
  network: "set up the host's network",
  firewalls: "check other programs' packet filters",
  grow: "add addresses",
  shrink: "return addresses",
};

/** "Cannot add addresses on eni-1, eni-2; create an ENI in subnet-1": of one reason. */
function cannot(calls) {
  const subjects = new Map(); // what is done -> to what
  for (const {kind, action, subject} of calls) {
    const what = CANNOT[kind] ? `cannot ${CANNOT[kind]}` : action;
    subjects.set(what, new Set([...(subjects.get(what) || []), ...(subject ? [subject] : [])]));
  }
  const text = [...subjects].map(([what, whom]) => (whom.size ? `${what} ${[...whom].join(", ")}` : what.replace(/ (in|on|of)$/, ""))).join("; ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** That the planner cannot grow is said by the room, or by the call that is delayed; or it passes by itself. */
const SAID_OTHERWISE = ["eni_limit", "pod_limit", "assign_blocked", "create_blocked", "under_way", "cooling", "eni_leaving"];
const isSaid = ({kind, cause}, status) => kind === "grow" && (SAID_OTHERWISE.includes(cause) || cause === status.room_cause);

function blockedNotices({status, now_ms}) {
  const reasons = new Map(); // a reason -> the calls that it stops
  for (const blocked of status.blocked) if (!isSaid(blocked, status)) reasons.set(blocked.reason, [...(reasons.get(blocked.reason) || []), blocked]);
  return [...reasons].map(([why, calls]) => {
    const next = Math.min(...calls.map(({until_ms}) => until_ms).filter(Boolean));
    return {
      key: `blocked ${why}`,
      kind: "warn",
      what: cannot(calls),
      why,
      when: !Number.isFinite(next) ? "" : next <= now_ms ? "Retrying now" : `Next try in ${until(next - now_ms)}, at ${time(next)}`,
      fix: calls.find(({remedy}) => remedy)?.remedy,
      details: [...new Set(calls.map(({detail}) => detail).filter(Boolean))],
    };
  });
}

function notices(node) {
  const {status, now_ms, waiting} = node;
  const found = [];
  if (!status.ready) found.push({key: "ready", kind: "bad", what: "Not ready", why: status.reason || "no reason is known"});
  if (status.impaired) found.push({key: "impaired", kind: "bad", what: "Running pods are affected", why: status.impaired_reason || "no reason is known"});
  if (waiting.length) {
    const longest = age(now_ms - Math.min(...waiting.map(({since_ms}) => since_ms)));
    found.push({key: "waiting", kind: "warn", what: plural(waiting.length, "pod waits for an address", "pods wait for an address"), why: `the longest for ${longest}`, link: ["#pods", "Show who waits"]});
  }
  found.push(...blockedNotices(node));
  for (const {subject, reason, remedy} of status.warnings) found.push({key: `warning ${subject} ${reason}`, kind: "warn", what: subject || "Warning", why: reason, fix: remedy});
  return found;
}

function createNotice({link}) {
  const answer = make("details", {}, make("summary", {}, "EC2's answer"), make("div"));
  return make("li", {}, make("b"), make("span", {class: "why"}), make("span", {class: "when quiet"}), ...(link ? [make("a", {href: link[0]}, link[1])] : []), make("p", {class: "fix"}), answer);
}

function updateNotice(element, {kind, what, why, when = "", fix, details = []}) {
  const [answer, remedy] = [element.lastElementChild, element.querySelector(".fix")];
  setAttributes(element, {"data-kind": kind});
  [what, why, when].forEach((text, i) => setText(element.children[i], text));
  setText(remedy, fix ? `Fix: ${fix}` : "");
  setAttributes(answer, {hidden: details.length ? null : ""});
  sync(answer.lastElementChild, details, (text) => text, () => make("p"), setText);
}
