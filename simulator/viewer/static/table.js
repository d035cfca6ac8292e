// A plain table: text to the left, numbers to the right, headings over their columns.

import { el } from "./dom.js";

/** @typedef {import("./dom.js").Child} Child */

/**
 * @param {string} label what the table holds
 * @param {string[]} head one a column, empty for none
 * @param {Child[][]} rows
 * @param {{text?: number[], mine?: number, tall?: boolean}} [options]
 *   Columns of text besides the first; the row that is marked; whether it scrolls by itself.
 */
export function table(label, head, rows, options = {}) {
  const side = (/** @type {number} */ column) =>
    column === 0 || options.text?.includes(column) ? null : "number";
  return el(
    "div",
    {
      class: options.tall ? "scrollx tall" : "scrollx",
      tabindex: 0,
      role: "region",
      "aria-label": label,
    },
    el(
      "table",
      { class: "plain" },
      head.some((name) => name) &&
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            head.map((name, column) =>
              name ? el("th", { scope: "col", class: side(column) }, name) : el("td", {}),
            ),
          ),
        ),
      el(
        "tbody",
        {},
        rows.map((cells, row) =>
          el(
            "tr",
            { class: row === options.mine ? "mine" : null },
            cells.map((cell, column) => el("td", { class: side(column) }, cell)),
          ),
        ),
      ),
    ),
  );
}
