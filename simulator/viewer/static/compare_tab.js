// Compare: two runs of one workload, job by job.

import { pick, RUN_COLOURS } from "./colours.js";
import { choice, el, fill } from "./dom.js";
import { figure } from "./figure.js";
import { brief, duration, exact, moment, number, short } from "./format.js";
import { percentile } from "./percentile.js";
import { firstDifference } from "./placements.js";
import { scatterChart } from "./scatter_chart.js";
import { table } from "./table.js";

/** @typedef {import("./run.js").Run} Run */

/**
 * @param {Run[]} runs
 * @param {(run: Run, job: number) => void} openJob
 */
export function compareTab(runs, openJob) {
  if (runs.length < 2)
    return el(
      "p",
      { class: "hint" },
      "Comparing takes two runs: choose a second one above, or open one from the Results tab.",
    );
  const box = el("div", {});
  const pair = [runs[0].id, runs[1].id];
  const show = () => {
    const [a, b] = pair.map((id) => /** @type {Run} */ (runs.find((run) => run.id === id)));
    const draw = () =>
      fill(
        box,
        a === b ? el("p", { class: "hint" }, "Choose two different runs.") : comparison(a, b, openJob),
      );
    // Who ran where tells most exactly when two runs part.
    const placed = [a, b].map((run) => run.entry.placements && run.loadPlacements());
    Promise.all(placed).then(draw, draw);
  };
  const picker = (/** @type {string} */ label, /** @type {number} */ place) =>
    choice(
      label,
      runs.map((run) => ({ value: run.id, label: brief(run.label, 60) })),
      pair[place],
      (value) => {
        pair[place] = value;
        show();
      },
    );
  show();
  return el(
    "div",
    {},
    runs.length > 2 && el("div", { class: "tools" }, picker("First", 0), picker("Second", 1)),
    box,
  );
}

/**
 * @param {Run} a
 * @param {Run} b
 * @param {(run: Run, job: number) => void} openJob
 */
function comparison(a, b, openJob) {
  const unlike = otherWorkload(a, b);
  if (unlike)
    return el("p", { class: "note" }, `Not the same workload: ${unlike}. Jobs of the two cannot be paired.`);
  const pairs = paired(a, b);
  const names = [brief(a.label, 50), brief(b.label, 50)];
  const parting = firstRound(a, b);
  if (pairs.length === 0)
    return el(
      "p",
      { class: "note" },
      `Nothing to compare: no measured job of ${names[0]} is done in ${names[1]}. `,
      parting ? `They part in round ${number(parting.round)} (${parting.what}).` : "All rounds are equal.",
    );
  const statistics = difference(pairs.map((one) => one.later));
  const gained = pairs.filter((one) => one.later < 0).sort((x, y) => x.later - y.later);
  const lost = pairs.filter((one) => one.later > 0).sort((x, y) => y.later - x.later);
  return [
    el(
      "section",
      { class: "panel" },
      el("h2", {}, `${names[1]} against ${names[0]}`),
      el(
        "dl",
        { class: "figures" },
        figure(
          "mean difference of JCT",
          signed(statistics.mean),
          `95% interval ${signed(statistics.low)} to ${signed(statistics.high)}, ${number(pairs.length)} measured jobs done in both`,
        ),
        figure("median difference", signed(statistics.median), "of the pairs"),
        figure("jobs that gained", number(gained.length), `finish earlier in ${names[1]}`),
        figure(
          "jobs that lost",
          number(lost.length),
          `finish later; ${number(pairs.length - gained.length - lost.length)} are equal`,
        ),
        figure(
          "they part",
          parting ? `round ${number(parting.round)}` : "never",
          parting ? `${moment(parting.time)}: ${parting.what}` : "all rounds are equal to the last bit",
        ),
      ),
      el(
        "p",
        { class: "under" },
        "The interval is that of a paired t-test; jobs of one run are not independent of each other, so it is a guide and no proof.",
      ),
    ),
    el(
      "div",
      { class: "two" },
      el(
        "section",
        { class: "panel" },
        el("h3", {}, "JCT of each job in both runs"),
        scatterChart(
          {
            title: "JCT of each job in both runs",
            xLabel: `hours in ${names[0]}`,
            yLabel: `hours in ${names[1]}`,
            xUnit: "h",
            yUnit: "h",
            height: 380,
            diagonal: true,
            log: true,
            describe: (_, place) => `job ${number(pairs[place].job)}`,
            clicked: (_, place) => openJob(b, pairs[place].job),
          },
          [
            {
              label: "jobs",
              x: pairs.map((one) => one.a / 3600),
              y: pairs.map((one) => one.b / 3600),
              colour: pick(RUN_COLOURS, 0),
            },
          ],
        ),
      ),
      el(
        "section",
        { class: "panel" },
        el("h3", {}, "Gained most"),
        list("Gained most", gained.slice(0, 8), b, openJob),
        el("h3", {}, "Lost most"),
        list("Lost most", lost.slice(0, 8), b, openJob),
      ),
    ),
  ];
}

/**
 * What differs in the workloads of two runs, if anything.
 * @param {Run} a
 * @param {Run} b
 */
function otherWorkload(a, b) {
  const both = Math.min(a.jobs, b.jobs);
  for (const name of ["arrival", "scale_factor", "steps"]) {
    const one = a.columns.get(`jobs/${name}`);
    const two = b.columns.get(`jobs/${name}`);
    if (!one || !two) continue;
    for (let job = 0; job < both; job++)
      if (one[job] !== two[job])
        return `job ${number(job)} has ${name.replace("_", " ")} ${exact(one[job])} in one and ${exact(two[job])} in the other`;
  }
  for (let job = 0; job < both; job++)
    if (a.typeName(job) !== b.typeName(job)) return `job ${number(job)} has another type`;
  return "";
}

/**
 * Measured jobs that completed in both.
 * @param {Run} a
 * @param {Run} b
 */
function paired(a, b) {
  const found = [];
  const measured = a.need("jobs/measured");
  for (let job = 0; job < Math.min(a.jobs, b.jobs); job++) {
    const one = a.jct(job);
    const two = b.jct(job);
    if (measured[job] && Number.isFinite(one) && Number.isFinite(two))
      found.push({ job, a: one, b: two, later: two - one });
  }
  return found;
}

/**
 * Mean of differences and its 95% interval, Student's t.
 * @param {number[]} values
 */
function difference(values) {
  const n = values.length;
  if (n === 0) return { mean: Number.NaN, low: Number.NaN, high: Number.NaN, median: Number.NaN };
  const mean = values.reduce((sum, one) => sum + one, 0) / n;
  const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(n - 1, 1);
  const half = n > 1 ? quantile(n - 1) * Math.sqrt(variance / n) : Number.NaN;
  const median = percentile(
    [...values].sort((x, y) => x - y),
    n,
    50,
  );
  return { mean, low: mean - half, high: mean + half, median: median ?? Number.NaN };
}

/**
 * The 0.975 quantile of Student's t (Cornish-Fisher expansion; three digits from 5 degrees on).
 * @param {number} degrees
 */
function quantile(degrees) {
  const table = [12.706, 4.303, 3.182, 2.776];
  if (degrees <= 4) return table[degrees - 1];
  const z = 1.959964;
  return (
    z +
    (z ** 3 + z) / (4 * degrees) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * degrees ** 3)
  );
}

/**
 * First round in which two runs differ.
 * @param {Run} a
 * @param {Run} b
 */
function firstRound(a, b) {
  const both = Math.min(a.rounds, b.rounds);
  const names = [...a.columns.keys()].filter((name) => name.startsWith("rounds/") && b.columns.has(name));
  let best = both;
  let column = "";
  for (const name of names) {
    const one = a.need(name);
    const two = b.need(name);
    for (let round = 0; round < best; round++)
      if (one[round] !== two[round] && !(Number.isNaN(one[round]) && Number.isNaN(two[round]))) {
        best = round;
        column = name;
      }
  }
  if (a.placements && b.placements && a.placements.every === 1 && b.placements.every === 1) {
    const other = firstDifference(a.placements, b.placements);
    if (other >= 0 && other < best)
      return { round: other, time: a.time[other], what: "jobs are on other GPUs" };
  }
  if (!column && a.rounds === b.rounds) return null;
  const time = a.time[Math.min(best, a.rounds - 1)];
  if (!column) return { round: best, time, what: "one of them is over" };
  const what = column.replace("rounds/", "").replaceAll("_", " ");
  return {
    round: best,
    time,
    what: `${what} is ${apart(a.need(column)[best], b.need(column)[best])}`,
  };
}

/**
 * Two values, to as many digits as tell them apart.
 * @param {number} one
 * @param {number} two
 */
function apart(one, two) {
  const few = [short(one), short(two)];
  return few[0] === few[1] ? `${exact(one)} and ${exact(two)}` : few.join(" and ");
}

/**
 * @param {string} title
 * @param {{job: number, a: number, b: number, later: number}[]} jobs
 * @param {Run} run
 * @param {(run: Run, job: number) => void} openJob
 */
function list(title, jobs, run, openJob) {
  if (jobs.length === 0) return el("p", { class: "hint" }, "none");
  return table(
    title,
    ["job", "type", "first", "second", "difference"],
    jobs.map((one) => [
      el("button", { class: "link", click: () => openJob(run, one.job) }, number(one.job)),
      brief(run.typeName(one.job), 34),
      duration(one.a),
      duration(one.b),
      signed(one.later),
    ]),
    { text: [1] },
  );
}

/** @param {number} seconds */
function signed(seconds) {
  return Number.isFinite(seconds)
    ? `${seconds > 0 ? "+" : seconds < 0 ? "−" : ""}${duration(Math.abs(seconds))}`
    : "–";
}
