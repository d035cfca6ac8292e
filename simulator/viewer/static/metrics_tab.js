// Metrics: any number over any other, for one run or several.

import { DASHES, pick, RUN_COLOURS } from "./colours.js";
import { choice, el, fill } from "./dom.js";
import { figure } from "./figure.js";
import { brief, duration, number, percent } from "./format.js";
import { lineChart } from "./line_chart.js";
import { growth, isBatch, metricsOf, valuesOf } from "./metrics.js";
import { scatterChart } from "./scatter_chart.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./metrics.js").Metric} Metric */

const START = ["active", "utilization", "rate", "mean_jct"];

// Of more rounds a step is less than a pixel, and drawing each takes long.
const MOST_STEPS = 50_000;

/** What is chosen; kept while the page is open. */
const chosen = { x: "hours", y: new Set(START) };

/**
 * @param {Run[]} runs
 */
export function metricsTab(runs) {
  const metrics = metricsOf(runs);
  const charts = el("div", { class: "charts" });
  const draw = () => fill(charts, panels(runs, metrics));
  draw();
  return el(
    "div",
    {},
    el(
      "div",
      { class: "summaries" },
      runs.map((run, place) => summary(run, place, runs.length > 1)),
    ),
    el("div", { class: "split" }, el("aside", { class: "panel choose" }, chooser(metrics, draw)), charts),
  );
}

/**
 * @param {Map<string, Metric>} metrics
 * @param {() => void} draw
 */
function chooser(metrics, draw) {
  const options = [...metrics.values()].map((one) => ({
    value: one.key,
    label: one.label,
    group: one.group,
  }));
  /** @type {Map<string, Metric[]>} */
  const groups = new Map();
  for (const one of metrics.values())
    if (one.group !== "time") groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return [
    choice("Horizontal axis", options, chosen.x, (value) => {
      chosen.x = value;
      draw();
    }),
    [...groups].map(([group, list]) =>
      el(
        "fieldset",
        {},
        el("legend", {}, group),
        list.map((one) => {
          const box = el("input", {
            type: "checkbox",
            checked: chosen.y.has(one.key),
            "data-metric": one.key,
            change: () => {
              if (box.checked) chosen.y.add(one.key);
              else chosen.y.delete(one.key);
              draw();
            },
          });
          return el("label", { class: "check" }, box, el("span", {}, brief(one.label)));
        }),
      ),
    ),
  ];
}

/**
 * A chart a unit.
 * @param {Run[]} runs
 * @param {Map<string, Metric>} metrics
 */
function panels(runs, metrics) {
  const x = metrics.get(chosen.x) ?? /** @type {Metric} */ (metrics.get("hours"));
  /** @type {Map<string, Metric[]>} */
  const units = new Map();
  for (const key of chosen.y) {
    const metric = metrics.get(key);
    if (metric) units.set(metric.unit, [...(units.get(metric.unit) ?? []), metric]);
  }
  if (units.size === 0) return el("p", { class: "hint" }, "Choose at least one metric to draw.");
  return [...units].map(([unit, list]) => {
    const title = list.map((one) => one.label).join(", ");
    return el(
      "section",
      { class: "panel" },
      el("h3", {}, brief(title, 110), el("small", {}, unit === "share" ? "" : ` (${unit})`)),
      x.group === "time" ? overTime(runs, x, list, unit, title) : against(runs, x, list, unit, title),
    );
  });
}

/**
 * @param {Run[]} runs
 * @param {Metric} x
 * @param {Metric[]} list
 * @param {string} unit
 * @param {string} title
 */
function overTime(runs, x, list, unit, title) {
  /** @type {import("./line_chart.js").Line[]} */
  const lines = runs.flatMap((run, place) =>
    list.map((metric, number) => ({
      label: brief(runs.length > 1 ? `${run.label}: ${metric.label}` : metric.label, 70),
      x: valuesOf(run, x),
      y: valuesOf(run, metric),
      colour: pick(RUN_COLOURS, runs.length > 1 && list.length === 1 ? place : number),
      dash: DASHES[(runs.length > 1 ? (list.length === 1 ? 0 : place) : 0) % DASHES.length],
      // While nobody is there no round begins: the next one may be hours away, and there is no slope to it.
      stepped: run.rounds <= MOST_STEPS,
    })),
  );
  if (list.some((metric) => metric.key === "active"))
    runs.forEach((run, place) => {
      const fitted = growth(run);
      if (!fitted) return;
      const ends = [run.roundAt(fitted.from), run.rounds - 1];
      const along = valuesOf(run, x);
      lines.push({
        label: `${runs.length > 1 ? `${brief(run.label, 40)}: ` : ""}fitted growth`,
        x: ends.map((round) => along[round]),
        y: ends.map((round) => fitted.at(run.time[round])),
        colour: pick(RUN_COLOURS, runs.length > 1 ? place : 1),
        dash: [3, 3],
      });
    });
  return lineChart(
    { title, xLabel: x.label, unit, group: `metrics-${x.key}`, bands: phases(runs[0], x, runs.length > 1) },
    lines,
  );
}

/**
 * Warm-up, measured window and cool-down of a run.
 * @param {Run} run
 * @param {Metric} x
 * @param {boolean} named
 */
function phases(run, x, named) {
  if (!Array.isArray(run.summary.config?.window)) return [];
  const arrival = run.need("jobs/arrival");
  const along = valuesOf(run, x);
  const place = (/** @type {number} */ job) => {
    if (job >= run.jobs) return along[run.rounds - 1];
    return along[Math.max(0, run.roundAt(arrival[job]))];
  };
  const [start, end] = run.window;
  const of = named ? ` of ${brief(run.label, 24)}` : "";
  return [
    { from: along[0], to: place(start), label: `warm-up${of}` },
    { from: place(end), to: along[run.rounds - 1], label: "cool-down" },
  ].filter((band) => band.to > band.from);
}

/**
 * @param {Run[]} runs
 * @param {Metric} x
 * @param {Metric[]} list
 * @param {string} unit
 * @param {string} title
 */
function against(runs, x, list, unit, title) {
  const clouds = runs.flatMap((run, place) =>
    list.map((metric, number) => ({
      label: brief(runs.length > 1 ? `${run.label}: ${metric.label}` : metric.label, 60),
      x: valuesOf(run, x),
      y: valuesOf(run, metric),
      colour: pick(RUN_COLOURS, runs.length > 1 ? place : number),
    })),
  );
  return [
    clouds.length > 1 &&
      el(
        "p",
        { class: "legend" },
        clouds.map((cloud) => {
          const mark = el("i", { class: "swatch" });
          mark.style.background = cloud.colour;
          return el("span", {}, mark, cloud.label);
        }),
      ),
    scatterChart(
      {
        title,
        xLabel: x.label,
        yLabel: list.length === 1 ? list[0].label : unit,
        xUnit: x.unit,
        yUnit: unit,
        describe: (_, round) => `round ${number(round)}`,
      },
      clouds,
    ),
  ];
}

/**
 * What came of a run, in figures.
 * @param {Run} run
 * @param {number} place
 * @param {boolean} named
 */
function summary(run, place, named) {
  const found = run.summary;
  const jobs = found.jobs ?? {};
  const whole = found.average_jct !== null && found.average_jct !== undefined && !found.partial;
  const low = whole ? null : (found.average_jct_partial ?? found.average_jct);
  const verdict = found.saturation ?? {};
  const fitted = growth(run);
  const mark = el("i", { class: "swatch" });
  mark.style.background = pick(RUN_COLOURS, place);
  const figures = [
    figure(
      "mean JCT",
      whole ? duration(found.average_jct) : "none",
      jobs.measured === undefined
        ? ""
        : `${number(jobs.completed)} of ${number(jobs.measured)} measured jobs${typeof low === "number" ? `, over which it is ${duration(low)}${jobs.missing === 0 ? "" : ": too low"}` : ""}`,
      !whole,
    ),
    figure("utilization", percent(found.utilization ?? Number.NaN), "mean over GPUs"),
    figure("simulated", duration(run.end), `${number(run.rounds)} rounds, ${number(run.jobs)} jobs`),
    figure(
      "leases extended",
      found.lease_extension_opportunities
        ? percent(found.lease_extensions / found.lease_extension_opportunities)
        : "–",
      `${number(found.allocations ?? Number.NaN)} allocations`,
    ),
    !isBatch(run) &&
      figure(
        "queue growth",
        fitted ? `${number(fitted.perDay, 2)} ± ${number(fitted.error, 2)}` : "–",
        "jobs a day, second half",
      ),
  ];
  return el(
    "section",
    { class: "panel summary" },
    el(
      "h2",
      {},
      named && mark,
      brief(run.label, 80),
      el("span", { class: `badge ${badge(run)}` }, state(run)),
    ),
    el(
      "p",
      { class: "sub" },
      `${brief(run.policy)} on ${run.cluster.map((kind) => `${number(kind.workers)} ${brief(kind.name, 20)}`).join(", ")}`,
    ),
    run.entry.message && el("p", { class: "note" }, run.entry.message),
    el("dl", { class: "figures" }, figures),
    verdict.verdict &&
      verdict.verdict !== "off" &&
      el(
        "details",
        { class: "verdict" },
        el(
          "summary",
          {},
          el("strong", {}, `Saturation: ${verdict.verdict}`),
          verdict.reason ? ` – ${verdict.reason}` : "",
        ),
        el(
          "dl",
          { class: "pairs" },
          Object.entries(verdict.figures ?? {}).map(([name, value]) => [
            el("dt", {}, name.replaceAll("_", " ")),
            el("dd", {}, number(Number(value), Number.isInteger(value) ? 0 : 4)),
          ]),
        ),
      ),
  );
}

/** @param {Run} run */
export function state(run) {
  if (run.entry.state === "finished" || run.entry.state === "partial")
    return String(run.summary.status ?? run.entry.state);
  return run.entry.state;
}

/** @param {Run} run */
function badge(run) {
  const said = state(run);
  return said === "completed" ? "good" : said === "saturated" || said === "damaged" ? "bad" : "fair";
}
