// One figure with its name above and a note below.

import { el } from "./dom.js";

/**
 * @param {string} name
 * @param {string} value
 * @param {string} note
 * @param {boolean} [doubtful] set apart, since it is not the whole truth
 */
export function figure(name, value, note, doubtful) {
  return el(
    "div",
    { class: doubtful ? "figure doubtful" : "figure" },
    el("dt", {}, name),
    el("dd", {}, value),
    el("dd", { class: "small" }, note),
  );
}
