// A button that has the server carry a run out again, to the same bits, for what was not recorded.

import { el, fill } from "./dom.js";
import { EMBEDDED, json } from "./source.js";

/** @typedef {import("./run.js").Run} Run */

/**
 * @param {Run} run
 * @param {string} missing what was not recorded, as a sentence
 * @param {() => void} reload
 */
export function simulateAgain(run, missing, reload) {
  const box = el("div", { class: "again" });
  const again = el(
    "button",
    {
      class: "action",
      click: async () => {
        again.disabled = true;
        again.textContent = "Simulating …";
        try {
          await json(`run/${run.id}/simulate`);
          reload();
        } catch (wrong) {
          fill(box, el("p", { class: "note" }, String(/** @type {Error} */ (wrong).message)));
        }
      },
    },
    "Simulate this run again, to the same bits, and look",
  );
  fill(box, el("p", {}, missing), !EMBEDDED && run.entry.state !== "running" && again);
  return box;
}
