// A study as a chart: curves with bands over seeds, the paper's own, and points that did not finish.

import { el, onWidth } from "./dom.js";
import { brief, number, short } from "./format.js";
import { colourOf, legendEntry, mark, outline, path, svg as make } from "./marks.js";
import { ticks } from "./scatter_chart.js";

/**
 * @typedef {object} StudyPoint
 * @property {number} x
 * @property {number | null} y mean over the seeds that completed; null where some run ended otherwise
 * @property {number} low
 * @property {number} high
 * @property {number} completed seeds that did
 * @property {number} seeds in all, as planned
 * @property {boolean} ended whether some run ended without all of its jobs
 * @property {string} ending how the first of these did
 * @property {string} state what became of the others
 * @property {number} undecided of how many of those that completed the verdict is
 * @property {number[]} entries places of the runs behind it
 */
/**
 * @typedef {object} StudyCurve
 * @property {string} name
 * @property {string} label
 * @property {import("./marks.js").Style} style
 * @property {StudyPoint[]} points
 * @property {{x: number[], y: number[]} | null} published
 */

/**
 * Marker and words for points without a value, by how their runs ended.
 * @typedef {Record<string, [string, string]>} Endings
 */

/** @type {[string, string]} */
const OTHERWISE = ["+", "ended otherwise"];

const LEFT = 58;
const RIGHT = 18;
const TOP = 22;
const BOTTOM = 46;
const HEIGHT = 400;
const PUBLISHED = { "stroke-dasharray": "5 4", "stroke-opacity": 0.75, "stroke-width": 1.6 };

/**
 * @param {{title: string, xLabel: string, yLabel: string, endings: Endings, undecided: [string, string]}} options
 * @param {StudyCurve[]} curves
 * @param {(curve: StudyCurve, point: StudyPoint) => void} clicked
 */
export function studyChart(options, curves, clicked) {
  const box = el("div", { class: "chart study" });
  onWidth(box, (width) => box.replaceChildren(drawing(options, curves, clicked, width)));
  return box;
}

/**
 * @param {{title: string, xLabel: string, yLabel: string, endings: Endings, undecided: [string, string]}} options
 * @param {StudyCurve[]} curves
 * @param {(curve: StudyCurve, point: StudyPoint) => void} clicked
 * @param {number} width
 */
function drawing(options, curves, clicked, width) {
  const svg = make("svg", {
    width,
    height: HEIGHT,
    role: "group",
    "aria-label": `${options.title}: ${options.yLabel} by ${options.xLabel}`,
  });
  const xs = curves.flatMap((curve) => curve.points.map((point) => point.x));
  const ours = curves.flatMap((curve) =>
    curve.points.flatMap((point) => (point.y === null ? [] : [point.high])),
  );
  const right = Math.max(...xs, 1e-9);
  const least = Math.min(...xs, right);
  const left = least > 0.35 * right ? least - 0.08 * (right - least) : Math.min(0, least);
  const theirs = curves.flatMap((curve) => within(curve.published, left, right).map(([, y]) => y));
  const top =
    Math.max(
      ...ours,
      ...theirs.filter((one) => one <= 2.5 * Math.max(...ours, 0) || ours.length === 0),
      1e-9,
    ) * 1.06;
  const alone = new Set(xs).size === 1;
  const px = (/** @type {number} */ x, place = 0) =>
    alone
      ? LEFT + ((place + 0.5) / curves.length) * (width - LEFT - RIGHT)
      : LEFT + ((x - left) / (right * 1.03 - left)) * (width - LEFT - RIGHT);
  const py = (/** @type {number} */ y) => HEIGHT - BOTTOM - (y / top) * (HEIGHT - BOTTOM - TOP);
  for (const tick of alone ? [] : ticks(left, right, width / 90)) {
    svg.append(make("line", { class: "rule", x1: px(tick), x2: px(tick), y1: TOP, y2: HEIGHT - BOTTOM }));
    svg.append(text(short(tick), px(tick), HEIGHT - BOTTOM + 16, "middle"));
  }
  for (const tick of ticks(0, top, 6)) {
    svg.append(make("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: py(tick), y2: py(tick) }));
    svg.append(text(short(tick), LEFT - 8, py(tick) + 4, "end"));
  }
  const along = alone ? `${options.xLabel}: ${short(xs[0])}` : options.xLabel;
  svg.append(text(along, (LEFT + width - RIGHT) / 2, HEIGHT - 8, "middle"));
  svg.append(text(options.yLabel, LEFT - 50, 12, "start"));
  const inside = (/** @type {number} */ y) => Math.max(TOP, py(y));
  for (const [place, curve] of curves.entries()) {
    const colour = colourOf(curve.style);
    if (curve.published && !alone) {
      svg.append(
        path(
          within(curve.published, left, right * 1.03).map(([x, y]) => [px(x), inside(y)]),
          colour,
          PUBLISHED,
        ),
      );
    }
    const whole = curve.points.filter((point) => point.completed === point.seeds);
    if (alone)
      for (const { x, low, high } of whole)
        svg.append(
          path(
            [low, high].map((y) => [px(x, place), inside(y)]),
            colour,
            { "stroke-width": 4, "stroke-opacity": 0.35 },
          ),
        );
    if (whole.length > 1) {
      const band = make("path", {
        d: `${outline(whole.map((point) => [px(point.x), inside(point.low)]))}L${outline(whole.map((point) => [px(point.x), inside(point.high)]).reverse()).slice(1)}Z`,
        "fill-opacity": 0.14,
      });
      band.style.fill = colour;
      svg.append(band);
    }
    svg.append(
      path(
        whole.map((point) => [px(point.x), inside(point.y ?? 0)]),
        colour,
        { "stroke-width": 2 },
      ),
    );
  }
  /** @type {Map<number, number>} */
  const stacked = new Map();
  for (const [place, curve] of curves.entries()) {
    const colour = colourOf(curve.style);
    for (const point of curve.points) {
      const value =
        point.y === null
          ? "no value"
          : `${number(point.y, 2)} (${number(point.low, 2)} to ${number(point.high, 2)})`;
      const name = `${curve.label}, ${options.xLabel} ${short(point.x)}: ${value}, ${seedsSaid(point)}`;
      const group = make("g", { class: "point", role: "button", tabindex: 0, "aria-label": name });
      group.append(
        make("circle", {
          cx: px(point.x, place),
          cy: point.y === null ? TOP : inside(point.y),
          r: 12,
          fill: "transparent",
        }),
      );
      if (point.y === null) {
        const nth = stacked.get(point.x) ?? 0;
        stacked.set(point.x, nth + 1);
        const x = px(point.x, place);
        const y = TOP - 6 + 13 * nth;
        /** @type {SVGElement} */ (group.firstChild).setAttribute("cy", String(y));
        group.append(mark(endingOf(point, options.endings)[0], x, y, colour, isPart(point)));
      } else {
        group.append(mark(curve.style[1], px(point.x, place), inside(point.y), colour, isPart(point)));
        if (point.undecided)
          group.append(sign(options.undecided[0], px(point.x, place), inside(point.y) - 9, colour));
      }
      const title = make("title", {});
      title.textContent = name;
      group.append(title);
      group.addEventListener("click", () => clicked(curve, point));
      group.addEventListener("keydown", (event) => {
        const pressed = /** @type {KeyboardEvent} */ (event);
        if (pressed.key === "Enter" || pressed.key === " ") {
          pressed.preventDefault();
          clicked(curve, point);
        }
      });
      svg.append(group);
    }
  }
  return svg;
}

/**
 * The part of a curve between two places of its axis, cut where it crosses them.
 * @param {{x: number[], y: number[]} | null} curve its places ascend
 * @param {number} low
 * @param {number} high
 */
export function within(curve, low, high) {
  const { x, y } = curve ?? { x: [], y: [] };
  return x.flatMap((one, i) => {
    const cuts = i === 0 ? [] : [low, high].filter((bound) => x[i - 1] < bound && bound < one);
    const cut = cuts.map((bound) => [
      bound,
      y[i - 1] + ((bound - x[i - 1]) / (one - x[i - 1])) * (y[i] - y[i - 1]),
    ]);
    return low <= one && one <= high ? [...cut, [one, y[i]]] : cut;
  });
}

/**
 * Each curve with its line and mark, and what else is drawn.
 * @param {StudyCurve[]} curves
 * @param {Endings} endings
 * @param {[string, string]} undecided sign and words
 */
export function studyLegend(curves, endings, undecided) {
  const across = [
    [1, 8],
    [29, 8],
  ];
  const points = curves.flatMap((curve) => curve.points);
  const muted = "var(--muted)";
  return el(
    "p",
    { class: "legend" },
    curves.map((curve) => {
      const colour = colourOf(curve.style);
      return legendEntry(brief(curve.label, 60), [
        path(across, colour, { "stroke-width": 2 }),
        mark(curve.style[1], 15, 8, colour),
      ]);
    }),
    curves.some((curve) => curve.published) &&
      legendEntry("the paper", [path(across, muted, PUBLISHED)], "muted"),
    [...new Map(points.filter((point) => point.ended).map((point) => endingOf(point, endings)))].map(
      ([letter, said]) => legendEntry(`no value: ${said}`, [mark(letter, 15, 9, muted)], "muted"),
    ),
    points.some((point) => point.undecided) &&
      legendEntry(undecided[1], [sign(undecided[0], 15, 13, muted)], "muted"),
    points.some(isPart) &&
      legendEntry(
        `hollow: not all seeds completed (${[...new Set(points.filter(isPart).map(partOf))].slice(0, 3).join(", ")} seeds)`,
        [mark("o", 15, 8, muted, true)],
        "muted",
      ),
  );
}

/**
 * @param {StudyPoint} point
 * @param {Endings} endings
 */
function endingOf(point, endings) {
  return endings[point.ending] ?? OTHERWISE;
}

/**
 * Whether a point has some of its seeds, and not all.
 * @param {StudyPoint} point
 */
function isPart(point) {
  return point.completed > 0 && point.completed < point.seeds;
}

/** @param {StudyPoint} point */
function partOf(point) {
  return `${number(point.completed)} of ${number(point.seeds)}`;
}

/**
 * How many seeds a point has, and what became of the others.
 * @param {StudyPoint} point
 */
export function seedsSaid(point) {
  const seeds = point.seeds === 1 ? "seed" : "seeds";
  if (point.completed === point.seeds) {
    const doubts = point.undecided ? `, the verdict on ${number(point.undecided)} undecided` : "";
    return `${number(point.seeds)} ${seeds}${doubts}`;
  }
  return `${partOf(point)} ${seeds} completed (${point.state})`;
}

/**
 * @param {string} said
 * @param {number} x
 * @param {number} y
 * @param {string} anchor
 */
function text(said, x, y, anchor) {
  const made = make("text", { x, y, "text-anchor": anchor });
  made.textContent = said;
  return made;
}

/**
 * A sign beside a mark, in its colour.
 * @param {string} letter
 * @param {number} x
 * @param {number} y
 * @param {string} colour
 */
function sign(letter, x, y, colour) {
  const made = text(letter, x, y, "middle");
  made.style.fill = colour;
  made.style.fontWeight = "bold";
  return made;
}
