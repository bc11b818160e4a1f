// SPDX-License-Identifier: Apache-2.0
// ENIs as rows, their addresses as cells, and who has one: on hover, on focus, on tap. Cells are made once and then only
// changed, so a refresh takes away neither focus nor tooltip, and 700 of them cost little.
import {age, byId, make, moment, plural, setAttributes, setText, sync, until} from "./parts.js";
import {matches, sought} from "./find.js";
import {STATES, stateOf} from "./pool.js";

const shown = new WeakMap(); // cell -> {address, state, label, ...}
let nowMs = 0; // the daemon's, of the last answer

const podOf = (address) => (address.pod ? `${address.namespace || "?"}/${address.pod}` : "");

// ---- cells ----

function describe(eni, address) {
  const state = stateOf(eni, address);
  const pod = podOf(address);
  const facts = [["Pod", pod], ["Container", address.container], ["Since", address.since_ms && moment(address.since_ms, nowMs)], ["Until", address.until_ms && moment(address.until_ms, nowMs)]].filter(([, value]) => value);
  const label = [`${address.address}: ${STATES[state][0].toLowerCase()}`, ...facts.map(([name, value]) => `${name.toLowerCase()} ${value}`)].join(", ");
  return {...address, state, pod, facts, label, eniId: eni.eni_id, device: deviceOf(eni), find: `${address.address} ${pod}`.toLowerCase()};
}

const createCell = () => make("button", {type: "button", class: "cell", tabindex: "-1"});

function updateCell(cell, address) {
  shown.set(cell, address);
  setAttributes(cell, {"data-state": address.state, "aria-label": address.label});
  cell.classList.toggle("miss", !matches(address.find));
}

// ---- rows ----

export const deviceOf = (eni) => (eni.network_card ? `card ${eni.network_card}, device ${eni.device_index}` : `device ${eni.device_index}`);

function createRow() {
  const title = make("h3", {}, make("span", {class: "device"}), make("span", {class: "badge"}), make("span", {class: "count quiet"}));
  const facts = make("p", {class: "eni-facts quiet"}, make("span", {class: "id"}), make("span"), make("span"), make("span", {title: "its own address, which no pod gets"}));
  return make("article", {class: "eni"}, make("div", {class: "eni-head"}, title, facts), make("div", {class: "cells", role: "group"}));
}

/** As `ip address` has it: 10.0.1.4/24. */
const ownAddress = ({primary_address, subnet_cidr}) => primary_address + (primary_address && subnet_cidr.replace(/^[^/]*/, ""));

function updateRow(row, eni) {
  const [title, facts] = row.firstElementChild.children;
  const cells = row.lastElementChild;
  const addresses = eni.addresses.map((address) => describe(eni, address));
  const used = addresses.filter(({state}) => state === "assigned" || state === "reserved" || state === "lost").length;
  const state = eni.managed ? eni.state : "not ours";

  [deviceOf(eni) + (eni.primary ? ", primary" : ""), state, eni.managed ? `${used} of ${addresses.length} used` : ""].forEach((text, i) => setText(title.children[i], text));
  setAttributes(title.children[1], {"data-state": state, title: `since ${moment(eni.since_ms, nowMs)}`});
  [eni.eni_id || "no id yet", eni.eni_id && eni.mac, eni.subnet_id, ownAddress(eni)].forEach((text, i) => setText(facts.children[i], text || ""));
  setAttributes(cells, {"aria-label": `Addresses of ${eni.eni_id || deviceOf(eni)}`});
  syncCells(cells, addresses);
}

/** A cell that had the focus and is gone hands it to the one in its place. */
function syncCells(cells, addresses) {
  const focused = cells.contains(document.activeElement) ? [...cells.children].indexOf(document.activeElement) : -1;
  sync(cells, addresses, ({address}) => address, createCell, updateCell);
  if (focused >= 0 && !cells.contains(document.activeElement)) cells.children[Math.min(focused, cells.children.length - 1)]?.focus();
  if (cells.firstElementChild && !cells.querySelector('[tabindex="0"]')) cells.firstElementChild.tabIndex = 0;
}

export function showEnis(node) {
  nowMs = node.now_ms;
  const enis = [...node.enis].sort((a, b) => a.network_card - b.network_card || a.device_index - b.device_index || a.key - b.key);
  sync(byId("eni-rows"), enis, (eni) => eni.key, createRow, updateRow);
  showFound();
  showTip();
}

// ---- find ----

const allCells = () => [...byId("eni-rows").querySelectorAll(".cell")];

function showFound() {
  setText(byId("found"), sought() ? plural(allCells().filter((cell) => matches(shown.get(cell).find)).length, "address", "addresses") : "");
}

export function findEnis() {
  for (const cell of allCells()) cell.classList.toggle("miss", !matches(shown.get(cell).find));
  showFound();
}

// ---- the tooltip: of the cell under the pointer, else of the one with the focus or the last tap ----

let hovered = null, chosen = null;

function fillTip(tip, address) {
  const rows = [...address.facts, ["On", `${deviceName(address)}`]];
  if (!tip.firstChild) tip.append(make("p", {class: "tip-head"}, make("span", {class: "cell", "aria-hidden": "true"}), make("b"), make("span")), make("p", {class: "quiet"}), make("dl"));
  const [head, meaning, list] = tip.children;
  setAttributes(head.children[0], {"data-state": address.state});
  setText(head.children[1], address.address);
  setText(head.children[2], STATES[address.state][0]);
  setText(meaning, STATES[address.state][1]);
  sync(list, rows, ([name]) => name, ([name]) => make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi"))), (row, [name, value]) => {
    const since = name === "Since" ? ` (${age(nowMs - address.since_ms)})` : name === "Until" ? ` (in ${until(address.until_ms - nowMs)})` : "";
    setText(row.lastElementChild.firstElementChild, value + since);
  });
}

const deviceName = ({eniId, device}) => (eniId ? `${eniId}, ${device}` : device);

/** Left of the cells, where it hides none of them; on a phone the style sheet has it at the bottom. */
function placeTip(tip, cell) {
  const at = cell.getBoundingClientRect(), own = tip.getBoundingClientRect(), gap = 8;
  const left = cell.parentElement.getBoundingClientRect().left - own.width - 2 * gap;
  tip.style.left = `${Math.max(gap, left)}px`;
  tip.style.top = `${Math.max(gap, Math.min(at.top - gap, window.innerHeight - own.height - gap))}px`;
}

function showTip() {
  const tip = byId("tip");
  if (hovered && !hovered.isConnected) hovered = null;
  if (chosen && !chosen.isConnected) chosen = null;
  const cell = hovered || chosen;
  for (const old of document.querySelectorAll(".cell.is-shown")) if (old !== cell) old.classList.remove("is-shown");
  tip.hidden = !cell;
  if (!cell) return;
  cell.classList.add("is-shown");
  fillTip(tip, shown.get(cell));
  placeTip(tip, cell);
}

// ---- keys and pointers ----

/** One stop for the Tab key per ENI, arrows inside. */
function neighbour(cell, key) {
  const cells = [...cell.parentElement.children], i = cells.indexOf(cell);
  const perLine = cells.findIndex((other) => other.offsetTop > cells[0].offsetTop);
  const line = perLine < 0 ? cells.length : perLine;
  const to = {ArrowLeft: i - 1, ArrowRight: i + 1, ArrowUp: i - line, ArrowDown: i + line, Home: 0, End: cells.length - 1}[key];
  return cells[to];
}

function onKey(event) {
  const cell = event.target.closest(".cells .cell");
  const to = cell && neighbour(cell, event.key);
  if (!to) return;
  event.preventDefault();
  to.focus();
}

function choose(cell) {
  chosen = cell;
  if (cell) {
    for (const old of cell.parentElement.querySelectorAll('[tabindex="0"]')) old.tabIndex = -1;
    cell.tabIndex = 0;
  }
  showTip();
}

export function startEnis() {
  const rows = byId("eni-rows");
  const cellOf = (event) => event.target.closest?.(".cells .cell") || null;
  rows.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    hovered = cellOf(event);
    showTip();
  });
  rows.addEventListener("pointerleave", () => ((hovered = null), showTip()));
  rows.addEventListener("focusin", (event) => choose(cellOf(event)));
  rows.addEventListener("focusout", (event) => event.relatedTarget && choose(null));
  rows.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => choose(cellOf(event)));
  document.addEventListener("keydown", (event) => event.key === "Escape" && ((hovered = null), choose(null)));
  for (const name of ["scroll", "resize"]) window.addEventListener(name, showTip, {passive: true});
}
