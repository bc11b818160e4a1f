// SPDX-License-Identifier: Apache-2.0
// The newest events of the history, with the names that `ipamctl events` has for them.
import {byId, make, moment, setAttributes, setName, setText, sync} from "./parts.js";

const createEvent = () => make("tr", {}, make("td", {class: "quiet"}), make("td"), make("td", {}, make("bdi")), make("td", {}, make("bdi")));

/** A pod is named where the subject is its address. */
function updateEvent(row, {at_ms, kind, subject, pod, text, nowMs}) {
  const [when, what, whom, how] = row.children;
  setText(when, moment(at_ms, nowMs));
  setText(what, kind);
  setText(whom.firstElementChild, pod && pod !== subject ? `${subject} ${pod}` : subject);
  setText(how.firstElementChild, text);
}

export function showEvents(node) {
  sync(byId("events").tBodies[0], node.events.map((event) => ({...event, nowMs: node.now_ms})), ({id}) => id, createEvent, updateEvent);
  setAttributes(byId("events"), {"data-none": node.events.length ? null : ""});
}
