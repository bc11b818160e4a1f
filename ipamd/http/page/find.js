// SPDX-License-Identifier: Apache-2.0
// The one Find of the page: what is looked for, in whatever asks.
import {byId} from "./parts.js";

let needle = "";

/** What is typed; "" while nothing is looked for. */
export const sought = () => needle;
/** Of text in lower case. */
export const matches = (text) => text.includes(needle);

/** changed() is called whenever something else is looked for. */
export function startFind(changed) {
  byId("find").addEventListener("input", () => {
    needle = byId("find").value.trim().toLowerCase();
    changed();
  });
}
