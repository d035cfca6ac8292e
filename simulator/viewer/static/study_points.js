// Lines and points of a study: which runs differ in nothing but their seed, and whether all of these completed.

import { words } from "./format.js";
import { stylesApart } from "./marks.js";

/** @typedef {import("./study_chart.js").StudyCurve} StudyCurve */
/** @typedef {import("./study_chart.js").StudyPoint} StudyPoint */
/** @typedef {{entry: any, place: number}} Placed a run, and its place among all */
/** @typedef {Map<string, Set<string>>} Out values that were switched off, by setting */

/** What sets the lines of any study apart, in the order of their names; a seed does not. */
const APART = ["curve", "engine", "tie_break", "cluster", "rate", "jobs", "round_seconds", "ideal"];

/** States of a run that may yet give a value. */
const PENDING = new Set(["waiting", "running", "failed", "damaged"]);

/**
 * The lines of a study.
 *
 * How a run ended is no choice of what is averaged: of a point that is shown at all, the runs that are
 * switched off by their status count as well.
 * @param {any} found
 * @param {{measure: string, axis: string, out: Out}} state
 * @param {number} factor of the measure's unit
 * @returns {StudyCurve[]}
 */
export function curvesOf(found, state, factor) {
  const chosen = /** @type {any[]} */ (found.entries)
    .map((entry, place) => ({ entry, place }))
    .filter(({ entry }) => passes(entry, state.out, "status"));
  const names = [...APART, ...found.varied].filter(
    (name) =>
      name !== state.axis && (name === "curve" || new Set(chosen.map(({ entry }) => entry[name])).size > 1),
  );
  /** @type {Map<string, Map<number, Placed[]>>} */
  const lines = new Map();
  for (const one of chosen) {
    const x = one.entry[state.axis];
    if (x === null || x === undefined) continue;
    const key = JSON.stringify(names.map((name) => one.entry[name]));
    const points = lines.get(key) ?? new Map();
    points.set(x, [...(points.get(x) ?? []), one]);
    lines.set(key, points);
  }
  const everywhere = seedsOf(chosen);
  const curves = [...lines].flatMap(([name, points]) => {
    const runs = [...points.values()].flat();
    const expected =
      found.seeds === "plan" || state.axis === "seed"
        ? null
        : found.seeds === "study"
          ? everywhere
          : seedsOf(runs);
    const shown = [...points]
      .filter(([, there]) => there.some(({ entry }) => passes(entry, state.out)))
      .sort(([a], [b]) => a - b)
      .map(([x, there]) => pointOf(x, there, expected ?? seedsOf(there), state.measure, factor))
      .filter((point) => point !== null);
    const { entry } = runs[0];
    return shown.length ? [{ name, entry, points: shown }] : [];
  });
  const apart = stylesApart(
    curves.map(({ entry }) => entry.curve),
    found.styles,
    found.spare,
  );
  return curves.map(({ name, entry, points }, place) => ({
    name,
    label: names.map((setting) => labelOf(setting, entry, found.varied)).join(", "),
    style: apart[place],
    published:
      state.measure === "average_jct" && state.axis === "rate"
        ? (found.published[entry.curve] ?? null)
        : null,
    points,
  }));
}

/**
 * One point of the seeds that it ought to have; null where there is nothing to show yet, or no such measure.
 * @param {number} x
 * @param {Placed[]} runs that differ in their seed
 * @param {Set<any>} expected
 * @param {string} measure
 * @param {number} factor
 * @returns {StudyPoint | null}
 */
function pointOf(x, runs, expected, measure, factor) {
  const completed = runs.filter(({ entry }) => whole(entry));
  const values = completed
    .map(({ entry }) => entry[measure])
    .filter((value) => value !== null && value !== undefined)
    .map((value) => value * factor);
  if (values.length < completed.length) return null;
  const pending = runs.filter(({ entry }) => PENDING.has(entry.status));
  const ended = runs.filter((one) => !completed.includes(one) && !pending.includes(one));
  if (!values.length && !ended.length) return null;
  const absent = Math.max(expected.size - seedsOf(runs).size, 0);
  return {
    x,
    // those that did not end well would have been the slow ones: a mean of the rest is none
    y: ended.length || !values.length ? null : values.reduce((sum, value) => sum + value, 0) / values.length,
    low: Math.min(...values),
    high: Math.max(...values),
    completed: completed.length,
    seeds: runs.length + absent,
    ending: ended.length ? endingOf(ended[0].entry) : "",
    state: counted([
      ...[...ended, ...pending].map(({ entry }) => endingOf(entry)),
      ...Array(absent).fill("not there"),
    ]),
    ended: ended.length > 0,
    undecided: completed.filter(({ entry }) => entry.verdict === "undecided").length,
    entries: runs.map(({ place }) => place),
  };
}

/** @param {Placed[]} runs */
function seedsOf(runs) {
  return new Set(runs.map(({ entry }) => entry.seed));
}

/** @param {any} entry */
function endingOf(entry) {
  return entry.status === "completed" ? "without all jobs" : String(entry.status);
}

/** @param {string[]} states */
function counted(states) {
  return [...new Set(states)]
    .map((state) => `${states.filter((one) => one === state).length} ${state}`)
    .join(", ");
}

/**
 * @param {string} name of a setting
 * @param {any} entry
 * @param {string[]} varied
 */
function labelOf(name, entry, varied) {
  if (varied.includes(name)) return `${words(name)} ${entry[name]}`;
  if (name === "curve") return entry.label ?? entry.curve;
  if (name === "rate") return `${entry[name]} jobs per hour`;
  if (name === "jobs") return entry[name] === null ? "no set number of jobs" : `${entry[name]} jobs`;
  if (name === "round_seconds") return `${entry[name]} s`;
  if (name === "ideal") return entry[name] ? "ideal" : "in rounds";
  return String(entry[name]);
}

/**
 * Whether a run is among those that the filter leaves.
 * @param {any} entry
 * @param {Out} out
 * @param {string} [but] a setting that does not count
 */
export function passes(entry, out, but) {
  for (const [name, values] of out) if (name !== but && values.has(String(entry[name]))) return false;
  return true;
}

/**
 * Whether all measured jobs of a run completed.
 * @param {any} entry
 */
export function whole(entry) {
  return entry.status === "completed" && !entry.partial && entry.average_jct !== null;
}

/**
 * Whether a run is done, however it ended.
 * @param {any} entry
 */
export function done(entry) {
  return !PENDING.has(entry.status);
}
