// Results: a figure or a sweep, its runs filtered, and a way into each.

import { choice, el, fill } from "./dom.js";
import { brief, duration, number, percent, words } from "./format.js";
import { saveButtons } from "./save.js";
import { table } from "./table.js";
import { seedsSaid, studyChart, studyLegend } from "./study_chart.js";
import { curvesOf, done, passes, whole } from "./study_points.js";

/** @typedef {import("./study_chart.js").StudyCurve} StudyCurve */
/** @typedef {import("./study_chart.js").StudyPoint} StudyPoint */

/** @type {Record<string, {label: string, factor: number}>} */
const MEASURES = {
  average_jct: { label: "mean JCT in hours", factor: 1 / 3600 },
  makespan: { label: "makespan in hours", factor: 1 / 3600 },
  utilization: { label: "utilization", factor: 1 },
  cost: { label: "cost in dollars", factor: 1 },
  rounds: { label: "rounds", factor: 1 },
  allocations: { label: "allocations", factor: 1 },
};
const AXES = { rate: "jobs per hour", jobs: "jobs", round_seconds: "seconds a round", seed: "seed" };
const FILTERS = [
  "curve",
  "engine",
  "tie_break",
  "rate",
  "jobs",
  "round_seconds",
  "seed",
  "cluster",
  "status",
];

/** Names that stand as they are typed. */
const AS_TYPED = new Set(["curve", "engine"]);

/** What is chosen, by study. @type {Map<string, {measure: string, axis: string, out: Map<string, Set<string>>}>} */
const choices = new Map();

/**
 * @param {Record<string, any>} studies
 * @param {(study: string, entry: number, beside: boolean) => Promise<void>} open
 * @param {boolean} canOpen
 */
export function resultsTab(studies, open, canOpen) {
  const names = Object.keys(studies);
  if (names.length === 0)
    return el(
      "p",
      { class: "hint" },
      "Results are shown for the folder of a figure or a sweep: gavel-sim view FOLDER.",
    );
  const box = el("div", {});
  const show = (/** @type {string} */ id) => fill(box, study(id, studies[id], open, canOpen));
  show(names[0]);
  return el(
    "div",
    {},
    names.length > 1 &&
      choice(
        "Study",
        names.map((id) => ({ value: id, label: brief(studies[id].title, 90) })),
        names[0],
        show,
      ),
    box,
  );
}

/**
 * @param {string} id
 * @param {any} found
 * @param {(study: string, entry: number, beside: boolean) => Promise<void>} open
 * @param {boolean} canOpen
 */
function study(id, found, open, canOpen) {
  const entries = /** @type {any[]} */ (found.entries);
  let chosen = choices.get(id);
  if (!chosen) {
    chosen = { measure: "average_jct", axis: axisOf(entries), out: new Map() };
    choices.set(id, chosen);
  }
  const state = chosen;
  const chart = el("div", {});
  const behind = el("div", { class: "behind", "aria-live": "polite" });
  const filters = el("div", { class: "filters" });
  const said = el("p", { class: "note", hidden: true });
  const go = async (/** @type {number} */ entry, /** @type {boolean} */ beside) => {
    said.hidden = false;
    said.textContent = `Opening ${brief(String(entries[entry].name), 80)} …${found.kind === "figure" ? " A figure keeps no run folders, so the run is simulated again, to the same bits." : ""}`;
    try {
      await open(id, entry, beside);
    } catch (wrong) {
      said.textContent = String(/** @type {Error} */ (wrong).message);
    }
  };
  const draw = () => {
    const measure = MEASURES[state.measure];
    const curves = curvesOf(found, state, measure.factor);
    fill(filters, filterBoxes(entries, [...FILTERS, ...found.varied], state.out, draw));
    fill(
      chart,
      studyLegend(curves, found.endings, found.undecided),
      studyChart(
        {
          title: found.title,
          xLabel: AXES[/** @type {keyof typeof AXES} */ (state.axis)],
          yLabel: measure.label,
          endings: found.endings,
          undecided: found.undecided,
        },
        curves,
        (curve, point) => fill(behind, pointCard(curve, point, entries, measure, go, canOpen)),
      ),
      el(
        "p",
        { class: "under" },
        `${countOf(entries, state.out)}${nowhereOf(entries, state)} Lines are means over seeds, bands reach from the smallest to the largest; a hollow point has not all of its seeds, and no line goes through it. A point opens its runs.`,
      ),
      saveButtons(`${found.title}: ${measure.label}`, chart),
    );
  };
  draw();
  return el(
    "div",
    {},
    el(
      "section",
      { class: "panel" },
      el("h2", {}, brief(found.title, 110)),
      (found.notes ?? []).map((/** @type {string} */ note) => el("p", { class: "note" }, brief(note, 200))),
      el(
        "div",
        { class: "tools" },
        choice(
          "Show",
          Object.entries(MEASURES).map(([value, { label }]) => ({ value, label })),
          state.measure,
          (value) => {
            state.measure = value;
            draw();
          },
        ),
        choice(
          "Along",
          Object.entries(AXES).map(([value, label]) => ({ value, label })),
          state.axis,
          (value) => {
            state.axis = value;
            draw();
          },
        ),
      ),
      chart,
      said,
      behind,
    ),
    el("section", { class: "panel" }, el("h3", {}, "Filter"), filters),
    el("section", { class: "panel" }, el("h3", {}, "Runs"), runTable(entries, go, canOpen)),
  );
}

/**
 * The axis along which the runs of a study differ.
 * @param {any[]} entries
 */
function axisOf(entries) {
  for (const axis of ["rate", "jobs", "round_seconds"])
    if (new Set(entries.map((entry) => entry[axis])).size > 1) return axis;
  return entries.some((entry) => entry.rate !== null) ? "rate" : "jobs";
}

/**
 * How many runs are done, and how many the filter leaves.
 * @param {any[]} entries
 * @param {Map<string, Set<string>>} out
 */
function countOf(entries, out) {
  const left = entries.filter((entry) => passes(entry, out)).length;
  const said = `${number(entries.filter(done).length)} of ${number(entries.length)} runs done`;
  if (left === entries.length) return `${said}.`;
  const seeds = out.get("seed")?.size ? " Means are over the seeds that are chosen." : "";
  const status = out.get("status")?.size ? " How runs ended never changes a mean." : "";
  return `${said}, the filter leaves ${number(left)}.${seeds}${status}`;
}

/**
 * Runs that the chart has no place for: those of a trace, or of a rate, along numbers of jobs.
 * @param {any[]} entries
 * @param {{axis: string, out: Map<string, Set<string>>}} state
 */
function nowhereOf(entries, state) {
  const left = entries.filter(
    (entry) => passes(entry, state.out) && (entry[state.axis] ?? null) === null,
  ).length;
  const label = AXES[/** @type {keyof typeof AXES} */ (state.axis)];
  return left === 0
    ? ""
    : ` ${number(left)} of these have no place along ${label}, and are in the table only.`;
}

/**
 * @param {any[]} entries
 * @param {string[]} by
 * @param {Map<string, Set<string>>} out
 * @param {() => void} changed
 */
function filterBoxes(entries, by, out, changed) {
  return by.map((name) => {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const entry of entries)
      if (entry[name] !== null && entry[name] !== undefined)
        counts.set(String(entry[name]), (counts.get(String(entry[name])) ?? 0) + 1);
    if (counts.size < 2) return null;
    const values = [...counts].sort(([a], [b]) => Number(a) - Number(b) || a.localeCompare(b, "en"));
    return el(
      "fieldset",
      {},
      el("legend", {}, name === "curve" ? "policy" : words(name)),
      values.map(([value, count]) => {
        const box = el("input", {
          type: "checkbox",
          checked: !out.get(name)?.has(value),
          change: () => {
            const set = out.get(name) ?? new Set();
            if (box.checked) set.delete(value);
            else set.add(value);
            out.set(name, set);
            changed();
          },
        });
        return el(
          "label",
          { class: "check" },
          box,
          el(
            "span",
            {},
            `${brief(AS_TYPED.has(name) ? value : words(value), 50)} `,
            el("small", {}, `(${number(count)})`),
          ),
        );
      }),
    );
  });
}

/**
 * The runs behind a point.
 * @param {StudyCurve} curve
 * @param {StudyPoint} point
 * @param {any[]} entries
 * @param {{label: string, factor: number}} measure
 * @param {(entry: number, beside: boolean) => void} go
 * @param {boolean} canOpen
 */
function pointCard(curve, point, entries, measure, go, canOpen) {
  return [
    el("h3", {}, `${brief(curve.label, 70)} at ${number(point.x, 2)}`),
    el(
      "p",
      {},
      point.y === null
        ? `No value: ${seedsSaid(point)}.`
        : `${number(point.y, 3)} (${measure.label}), ${seedsSaid(point)}, from ${number(point.low, 3)} to ${number(point.high, 3)}`,
    ),
    el(
      "div",
      { class: "tools" },
      point.entries.map((place) =>
        buttons(`seed ${entries[place].seed}`, place, go, canOpen && done(entries[place])),
      ),
    ),
  ];
}

/**
 * @param {string} label
 * @param {number} place
 * @param {(entry: number, beside: boolean) => void} go
 * @param {boolean} canOpen
 */
function buttons(label, place, go, canOpen) {
  if (!canOpen) return el("span", {}, label);
  return el(
    "span",
    { class: "pairbuttons" },
    el("button", { class: "action", click: () => go(place, false) }, `Open ${label}`),
    el(
      "button",
      { click: () => go(place, true), "aria-label": `Open ${label} beside the run that is open` },
      "beside",
    ),
  );
}

/**
 * @param {any[]} entries
 * @param {(entry: number, beside: boolean) => void} go
 * @param {boolean} canOpen
 */
function runTable(entries, go, canOpen) {
  const head = ["run", "status", "mean JCT", "measured jobs", "utilization", "rounds", ""];
  return table(
    "Runs of the study",
    head,
    entries.map((entry, place) => [
      brief(String(entry.name), 70),
      statusOf(entry),
      whole(entry) ? duration(entry.average_jct) : "–",
      entry.measured ? `${number(entry.completed)} of ${number(entry.measured)}` : "–",
      entry.utilization === null ? "–" : percent(entry.utilization),
      entry.rounds === null ? "–" : number(entry.rounds),
      canOpen && done(entry) && buttons("", place, go, canOpen),
    ]),
    { text: [1], tall: true },
  );
}

/** How a run ended, and what is to be said of a completed one. @param {any} entry */
function statusOf(entry) {
  if (entry.status !== "completed") return entry.status;
  return `completed${entry.partial ? ", partial" : ""}${entry.verdict === "undecided" ? ", undecided" : ""}`;
}
