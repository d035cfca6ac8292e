// Why a job ran or did not run in a round, as explanation.py found out.

import { el } from "./dom.js";
import { brief } from "./format.js";
import { table } from "./table.js";

/** @param {any} found */
export function why(found) {
  return [
    el("p", { class: "answer" }, el("strong", {}, found.headline)),
    el(
      "ul",
      {},
      (found.lines ?? []).map((/** @type {string} */ line) => el("li", {}, brief(line, 400))),
    ),
    (found.queues ?? []).map((/** @type {any} */ queue) =>
      el(
        "details",
        {},
        el("summary", {}, queue.title),
        table(
          queue.title,
          queue.columns,
          queue.rows.map((/** @type {{cells: string[]}} */ row) => row.cells.map((cell) => brief(cell, 60))),
          {
            text: [1, queue.columns.length - 1],
            mine: queue.rows.findIndex((/** @type {{mine: boolean}} */ row) => row.mine),
          },
        ),
      ),
    ),
  ];
}
