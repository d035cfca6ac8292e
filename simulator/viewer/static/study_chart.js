// A study as a chart: curves with bands over seeds, the paper's own, and points that did not finish.

import { pick, RUN_COLOURS } from "./colours.js";
import { el, onWidth } from "./dom.js";
import { brief, number, short } from "./format.js";
import { ticks } from "./scatter_chart.js";

/**
 * @typedef {object} StudyPoint
 * @property {number} x
 * @property {number | null} y mean over seeds; null where some run did not finish
 * @property {number} low
 * @property {number} high
 * @property {string} state
 * @property {number[]} entries places of the runs behind it
 */
/**
 * @typedef {object} StudyCurve
 * @property {string} name
 * @property {string} label
 * @property {StudyPoint[]} points
 * @property {{x: number[], y: number[]} | null} published
 */

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 58;
const RIGHT = 18;
const TOP = 22;
const BOTTOM = 46;
const HEIGHT = 400;

/**
 * @param {{title: string, xLabel: string, yLabel: string}} options
 * @param {StudyCurve[]} curves
 * @param {(curve: StudyCurve, point: StudyPoint) => void} clicked
 */
export function studyChart(options, curves, clicked) {
  const box = el("div", { class: "chart study" });
  onWidth(box, (width) => box.replaceChildren(drawing(options, curves, clicked, width)));
  return box;
}

/**
 * @param {{title: string, xLabel: string, yLabel: string}} options
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
  const theirs = curves.flatMap((curve) =>
    (curve.published?.y ?? []).filter(
      (_, place) => xs.length === 0 || (curve.published?.x[place] ?? 0) <= Math.max(...xs),
    ),
  );
  const right = Math.max(...xs, 1e-9);
  const least = Math.min(...xs);
  const left = least > 0.35 * right ? least - 0.08 * (right - least) : Math.min(0, least);
  const top =
    Math.max(
      ...ours,
      ...theirs.filter((one) => one <= 2.5 * Math.max(...ours, 0) || ours.length === 0),
      1e-9,
    ) * 1.06;
  const px = (/** @type {number} */ x) =>
    LEFT + ((x - left) / (right * 1.03 - left)) * (width - LEFT - RIGHT);
  const py = (/** @type {number} */ y) => HEIGHT - BOTTOM - (y / top) * (HEIGHT - BOTTOM - TOP);
  for (const tick of ticks(left, right, width / 90)) {
    svg.append(make("line", { class: "rule", x1: px(tick), x2: px(tick), y1: TOP, y2: HEIGHT - BOTTOM }));
    svg.append(text(short(tick), px(tick), HEIGHT - BOTTOM + 16, "middle"));
  }
  for (const tick of ticks(0, top, 6)) {
    svg.append(make("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: py(tick), y2: py(tick) }));
    svg.append(text(short(tick), LEFT - 8, py(tick) + 4, "end"));
  }
  svg.append(text(options.xLabel, (LEFT + width - RIGHT) / 2, HEIGHT - 8, "middle"));
  svg.append(text(options.yLabel, LEFT - 50, 12, "start"));
  const inside = (/** @type {number} */ y) => Math.max(TOP, py(y));
  curves.forEach((curve, place) => {
    const colour = pick(RUN_COLOURS, place);
    if (curve.published) {
      const { x, y } = curve.published;
      const kept = x.map((one, i) => [one, y[i]]).filter(([one]) => one <= right * 1.03);
      svg.append(
        path(
          kept.map(([one, value]) => [px(one), inside(value)]),
          { stroke: colour, "stroke-dasharray": "5 4", "stroke-opacity": 0.6, "stroke-width": 1.6 },
        ),
      );
    }
    const whole = curve.points.filter((point) => point.y !== null);
    if (whole.length > 1)
      svg.append(
        make("path", {
          d: `${outline(whole.map((point) => [px(point.x), inside(point.low)]))}L${outline(whole.map((point) => [px(point.x), inside(point.high)]).reverse()).slice(1)}Z`,
          fill: colour,
          "fill-opacity": 0.14,
        }),
      );
    svg.append(
      path(
        whole.map((point) => [px(point.x), inside(point.y ?? 0)]),
        {
          stroke: colour,
          "stroke-width": 2,
        },
      ),
    );
  });
  /** @type {Map<number, number>} */
  const stacked = new Map();
  curves.forEach((curve, place) => {
    const colour = pick(RUN_COLOURS, place);
    for (const point of curve.points) {
      const name = `${curve.label}, ${options.xLabel} ${short(point.x)}: ${point.y === null ? point.state : `${number(point.y, 2)} (${number(point.low, 2)} to ${number(point.high, 2)})`}, ${point.entries.length} run${point.entries.length === 1 ? "" : "s"}`;
      const group = make("g", { class: "point", role: "button", tabindex: 0, "aria-label": name });
      group.append(
        make("circle", {
          cx: px(point.x),
          cy: point.y === null ? TOP : inside(point.y),
          r: 12,
          fill: "transparent",
        }),
      );
      if (point.y === null) {
        const nth = stacked.get(point.x) ?? 0;
        stacked.set(point.x, nth + 1);
        const x = px(point.x);
        const y = TOP - 6 + 13 * nth;
        /** @type {SVGElement} */ (group.firstChild).setAttribute("cy", String(y));
        group.append(
          make("path", {
            d: `M${x} ${y - 6}L${x + 6} ${y + 5}L${x - 6} ${y + 5}Z`,
            fill: colour,
            class: "mark",
          }),
        );
      } else
        group.append(
          make("path", { d: shape(place, px(point.x), inside(point.y)), fill: colour, class: "mark" }),
        );
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
  });
  return svg;
}

/**
 * Mark of a curve's points: circle, square, diamond, pentagon, hexagon.
 * @param {number} place
 * @param {number} x
 * @param {number} y
 */
function shape(place, x, y) {
  const corners = [24, 4, 4, 5, 6][place % 5];
  const turned = [0, 0.125, 0, -0.05, 0][place % 5];
  const size = corners === 4 ? 6 : 5;
  const points = Array.from({ length: corners }, (_, corner) => {
    const angle = 2 * Math.PI * (corner / corners + turned);
    return [x + size * Math.cos(angle), y + size * Math.sin(angle)];
  });
  return `${outline(points)}Z`;
}

/** @param {StudyCurve[]} curves */
export function studyLegend(curves) {
  return el(
    "p",
    { class: "legend" },
    curves.map((curve, place) => {
      const mark = el("i", { class: "swatch" });
      mark.style.background = pick(RUN_COLOURS, place);
      return el("span", {}, mark, brief(curve.label, 50));
    }),
    curves.some((curve) => curve.published) && el("span", { class: "muted" }, "dashed: the paper"),
    curves.some((curve) => curve.points.some((point) => point.y === null)) &&
      el("span", { class: "muted" }, "▲ did not finish (saturated or stopped): no value"),
  );
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 */
function make(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
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

/** @param {number[][]} points */
function outline(points) {
  return points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/**
 * @param {number[][]} points
 * @param {Record<string, string | number>} attributes
 */
function path(points, attributes) {
  return make("path", { d: outline(points), fill: "none", ...attributes });
}
