// Marks of a study's curves: the shapes and colours that its pictures have.

import { el } from "./dom.js";

/** Colour, and marker by the letter that pictures have for it. @typedef {[string, string]} Style */

const SVG = "http://www.w3.org/2000/svg";

/** Corners of markers, from -1 to 1, y downwards. @type {Record<string, number[][]>} */
const SHAPES = {
  s: polygon(4, 1.15, 0.125),
  D: polygon(4, 1.1, 0),
  o: polygon(24, 1, 0),
  p: polygon(5, 1.1, -0.05),
  h: polygon(6, 1.1, 0.25),
  v: polygon(3, 1.25, 0.25),
  "^": polygon(3, 1.25, -0.25),
  "<": polygon(3, 1.25, 0.5),
  ">": polygon(3, 1.25, 0),
  P: cross(0),
  X: cross(0.125),
  "*": star(),
  _: bar(1.3, 0.3),
  "|": bar(0.3, 1.3),
  "+": cross(0, 0.26),
  x: cross(0.125, 0.26),
};

/** Colours of the theme for those that would be lost on it. @type {Record<string, string>} */
const THEMED = { "#000000": "var(--ink)", "#22262b": "var(--ink)", "#4D4D4D": "var(--muted)" };

/**
 * A style for each line, where no two may look alike: the first of a curve has the curve's, the others what is spare.
 * @param {string[]} curves the curve that each line is of; several lines may be of one
 * @param {Record<string, Style>} own
 * @param {Style[]} spare in order
 * @returns {Style[]}
 */
export function stylesApart(curves, own, spare) {
  const wanted = curves.map((name) => own[name]);
  const known = new Set(wanted.map(String));
  const taken = new Set();
  return wanted.map((style) => {
    const found = taken.has(String(style))
      ? (spare.find((one) => !taken.has(String(one)) && !known.has(String(one))) ?? style)
      : style;
    taken.add(String(found));
    return found;
  });
}

/** @param {Style} style */
export function colourOf([colour]) {
  return THEMED[colour] ?? colour;
}

/**
 * A mark at a place.
 * @param {string} letter
 * @param {number} x
 * @param {number} y
 * @param {string} colour
 * @param {boolean} [hollow]
 */
export function mark(letter, x, y, colour, hollow = false) {
  const corners = (SHAPES[letter] ?? SHAPES.o).map(([across, down]) => [x + 5.2 * across, y + 5.2 * down]);
  const made = svg("path", { d: `${outline(corners)}Z`, class: hollow ? "mark hollow" : "mark" });
  if (hollow) made.style.stroke = colour;
  else made.style.fill = colour;
  return made;
}

/**
 * A line of the legend: what stands for it, and its name.
 * @param {string} name
 * @param {SVGElement[]} parts drawn in 30 by 16
 * @param {string} [kind]
 */
export function legendEntry(name, parts, kind = "") {
  const drawn = svg("svg", { width: 30, height: 16, "aria-hidden": "true" });
  drawn.append(...parts);
  return el("span", { class: kind }, drawn, name);
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 */
export function svg(tag, attributes) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/** @param {number[][]} points */
export function outline(points) {
  return points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/**
 * A line through points.
 * @param {number[][]} points
 * @param {string} colour
 * @param {Record<string, string | number>} attributes
 */
export function path(points, colour, attributes) {
  const made = svg("path", { d: outline(points), fill: "none", ...attributes });
  made.style.stroke = colour;
  return made;
}

/**
 * @param {number} corners
 * @param {number} size
 * @param {number} turned in whole turns, from the right downwards
 */
function polygon(corners, size, turned) {
  return Array.from({ length: corners }, (_, corner) => {
    const angle = 2 * Math.PI * (corner / corners + turned);
    return [size * Math.cos(angle), size * Math.sin(angle)];
  });
}

/**
 * @param {number} across
 * @param {number} down
 */
function bar(across, down) {
  return [
    [-across, -down],
    [across, -down],
    [across, down],
    [-across, down],
  ];
}

/**
 * @param {number} turned
 * @param {number} [near] half the width of an arm
 */
function cross(turned, near = 0.42) {
  const far = 1.2;
  const arm = [
    [near, -near],
    [far, -near],
    [far, near],
  ];
  const angle = 2 * Math.PI * turned;
  return [0, 1, 2, 3].flatMap((quarter) =>
    arm.map(([x, y]) => {
      const turn = angle + (quarter * Math.PI) / 2;
      return [x * Math.cos(turn) - y * Math.sin(turn), x * Math.sin(turn) + y * Math.cos(turn)];
    }),
  );
}

function star() {
  return Array.from({ length: 10 }, (_, corner) => {
    const angle = Math.PI * (corner / 5 - 0.5);
    const size = corner % 2 ? 0.55 : 1.35;
    return [size * Math.cos(angle), size * Math.sin(angle)];
  });
}
