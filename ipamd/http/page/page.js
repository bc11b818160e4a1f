// SPDX-License-Identifier: Apache-2.0
// Asks /v1/node every few seconds and shows the answer; while there is none, says so over what was there last.
import {age, byId, setAttributes, setText, time, zone} from "./parts.js";
import {showHealth} from "./health.js";
import {showPool} from "./pool.js";
import {startFind} from "./find.js";
import {findEnis, showEnis, startEnis} from "./enis.js";
import {showPods, startPods} from "./pods.js";
import {showEvents} from "./events.js";
import {showCalls, showLatency} from "./latency.js";

const EVERY_MS = 3000;
const PATIENCE_MS = 8000;
const OLD_MS = 5000; // from here on the age is worth saying

let node = null; // the last answer
let receivedAt = 0; // performance.now() of it
let failure = null; // why there is none since
let timer = 0;
let asking = false;

async function ask() {
  const answer = await fetch("/v1/node", {cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS)});
  if (!answer.ok) throw new Error(`it answers ${answer.status}: ${(await answer.text()).slice(0, 300).trim()}`);
  return answer.json();
}

function whyNot(error) {
  if (error.name === "TimeoutError") return `it takes longer than ${PATIENCE_MS / 1000} s`;
  return error instanceof TypeError ? "it cannot be reached" : error.message;
}

function show() {
  showHealth(node, failure);
  tick();
  if (!node || failure) return;
  showPool(node);
  showEnis(node);
  showPods(node);
  showEvents(node);
  showLatency(node);
  showCalls(node);
  setAttributes(byId("main"), {"data-state": "shown"});
}

/** What changes by itself. The age stands apart: a screen reader says it once, not every second. */
function tick() {
  const old = node && performance.now() - receivedAt;
  if (node) {
    setText(byId("data-age"), time(node.now_ms) + (old > OLD_MS ? `, ${age(old)} ago` : ""));
    setText(byId("started"), `${age(node.now_ms + old - node.status.started_ms)} ago`);
  }
  if (failure) {
    setText(byId("stale-why"), `No answer from ipamd: ${failure}. Trying again; ipamctl doctor on the node says why.`);
    setText(byId("stale-age"), node ? `What you see is ${age(old)} old.` : "");
  }
  setAttributes(byId("stale"), {hidden: failure ? null : ""});
  document.documentElement.classList.toggle("is-stale", Boolean(failure));
}

async function refresh() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  try {
    const answer = await ask();
    if (node && node.status.version !== answer.status.version) location.reload(); // a new ipamd has a page of its own
    [node, receivedAt, failure] = [answer, performance.now(), null];
  } catch (error) {
    failure = whyNot(error);
  }
  asking = false;
  if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
  show();
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
setInterval(() => document.hidden || tick(), 1000);
setText(byId("zone"), `Times are your browser's: ${zone}; ipamctl says UTC`);
startEnis();
startPods();
startFind(() => (findEnis(), showPods()));
refresh();
