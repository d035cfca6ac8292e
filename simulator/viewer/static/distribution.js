// How long jobs take: the distribution, and the cumulative one with the short jobs enlarged.

import { DASHES, pick, RUN_COLOURS } from "./colours.js";
import { el } from "./dom.js";
import { brief, duration, number } from "./format.js";
import { lineChart } from "./line_chart.js";
import { percentile } from "./percentile.js";

/** @typedef {import("./run.js").Run} Run */

/**
 * Completion times in hours of the measured jobs, shortest first.
 * @param {Run} run
 */
export function sortedJct(run) {
  const measured = run.need("jobs/measured");
  const hours = [];
  for (let job = 0; job < run.jobs; job++) {
    const jct = run.jct(job);
    if (measured[job] && Number.isFinite(jct)) hours.push(jct / 3600);
  }
  return Float64Array.from(hours).sort();
}

/**
 * Measured jobs, those included that have not completed: shares are of all of them.
 * @param {Run} run
 * @param {Float64Array} hours of those that completed
 */
export function measuredJobs(run, hours) {
  return Math.max(Number(run.summary.jobs?.measured) || 0, hours.length);
}

/** @param {Run[]} runs */
export function distributions(runs) {
  const sorted = runs.map(sortedJct);
  if (sorted.every((hours) => hours.length === 0))
    return el(
      "section",
      { class: "panel" },
      el("h3", {}, "Completion times"),
      el("p", { class: "hint" }, "No measured job has completed."),
    );
  const short = Math.max(...sorted.map((hours) => percentile(hours, hours.length, 50) ?? 0));
  const total = runs.map((run, place) => measuredJobs(run, sorted[place]));
  const lines = (/** @type {(hours: Float64Array, total: number) => {x: number[], y: number[]}} */ shape) =>
    runs.map((run, place) => ({
      label: brief(runs.length > 1 ? run.label : "jobs", 50),
      ...shape(sorted[place], total[place]),
      colour: pick(RUN_COLOURS, place),
      dash: DASHES[place % DASHES.length],
      stepped: true,
    }));
  const chart = (/** @type {string} */ title, /** @type {any} */ options, /** @type {any} */ shape) =>
    el(
      "section",
      { class: "panel" },
      el("h3", {}, title),
      lineChart({ title, xLabel: "JCT in hours", ...options }, lines(shape)),
    );
  return el(
    "div",
    {},
    el(
      "div",
      { class: "three" },
      chart("All jobs", { unit: "share", yRange: [0, 1] }, cumulative),
      chart(
        `Short jobs: within ${duration(short * 3600)}`,
        { unit: "share", xRange: [0, short] },
        cumulative,
      ),
      chart("Distribution", { unit: "share of jobs", logX: true }, histogram),
    ),
    el(
      "p",
      { class: "under" },
      "Measured jobs that completed: ",
      runs.map((run, place) => [
        place > 0 && "; ",
        `${runs.length > 1 ? `${brief(run.label, 40)}: ` : ""}${number(sorted[place].length)} of ${number(total[place])}${ranks(sorted[place], total[place])}`,
      ]),
      ".",
    ),
  );
}

/**
 * The percentiles that can be known, in the words of the terminal.
 * @param {Float64Array} hours
 * @param {number} total
 */
function ranks(hours, total) {
  const names = /** @type {[string, number][]} */ ([
    ["median", 50],
    ["99th percentile", 99],
    ["longest", 100],
  ]);
  return names
    .map(([name, rank]) => ({ name, value: percentile(hours, total, rank) }))
    .map(({ name, value }) => (value === null ? "" : `, ${name} ${duration(3600 * value)}`))
    .join("");
}

/**
 * @param {Float64Array} hours of the jobs that completed
 * @param {number} total jobs of which these are a share
 */
export function cumulative(hours, total) {
  const x = [0];
  const y = [0];
  // More steps than a screen has dots would only cost time.
  const every = Math.max(1, Math.floor(hours.length / 4000));
  for (let i = 0; i < hours.length; i += every) {
    if (x[x.length - 1] === hours[i]) y[y.length - 1] = (i + 1) / total;
    else {
      x.push(hours[i]);
      y.push((i + 1) / total);
    }
  }
  if (hours.length > 0 && y[y.length - 1] < hours.length / total) {
    x.push(hours[hours.length - 1] * (1 + 1e-12));
    y.push(hours.length / total);
  }
  return { x, y };
}

/**
 * Shares of jobs in eight bins a decade.
 * @param {Float64Array} hours of the jobs that completed
 * @param {number} total jobs of which these are a share
 */
function histogram(hours, total) {
  const bins = new Map();
  for (const one of hours) {
    const bin = Math.floor(Math.log10(Math.max(one, 1e-6)) * 8);
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  const places = [...bins.keys()].sort((a, b) => a - b);
  const x = [];
  const y = [];
  for (let bin = places[0]; bin <= places[places.length - 1] + 1; bin++) {
    x.push(10 ** (bin / 8));
    y.push((bins.get(bin) ?? 0) / total);
  }
  return { x, y };
}
