// Jobs: the table, how long they took, and the life of one.

import { choice, el, fill } from "./dom.js";
import { brief } from "./format.js";
import { distributions } from "./distribution.js";
import { jobLife } from "./job_life.js";
import { jobTable } from "./job_table.js";

/** @typedef {import("./run.js").Run} Run */

/**
 * @param {Run[]} runs
 * @param {{run: string, job: number}} chosen the job to open, -1 for none
 */
export function jobsTab(runs, chosen) {
  const life = el("div", { class: "lifebox" });
  const table = el("div", {});
  let shown = runs.find((run) => run.id === chosen.run) ?? runs[0];
  const open = (/** @type {number} */ job, /** @type {boolean} */ scroll) => {
    chosen.run = shown.id;
    chosen.job = job;
    fill(life, jobLife(shown, job));
    if (scroll) life.scrollIntoView({ block: "start", behavior: "smooth" });
  };
  const show = () =>
    fill(
      table,
      jobTable(shown, (job) => open(job, true)),
    );
  show();
  if (chosen.job >= 0 && chosen.job < shown.jobs) open(chosen.job, false);
  return el(
    "div",
    {},
    runs.length > 1 &&
      choice(
        "Run",
        runs.map((run) => ({ value: run.id, label: brief(run.label, 60) })),
        shown.id,
        (value) => {
          shown = runs.find((run) => run.id === value) ?? runs[0];
          fill(life);
          show();
        },
      ),
    life,
    table,
    el("h2", {}, "How long jobs took"),
    distributions(runs),
  );
}
