// Colours that colour-blind readers can tell apart (Okabe and Ito), and the theme's own.

/** Of model families, in order of their names. */
export const FAMILY_COLOURS = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#d55e00",
  "#b5a400",
  "#8a8f98",
];

/** Of runs on one chart; dashes tell them apart as well. */
export const RUN_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/** Dashes of lines, one a run. @type {number[][]} */
export const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [14, 5], [4, 2]];

/**
 * @param {string[]} palette
 * @param {number} place
 */
export function pick(palette, place) {
  return palette[place % palette.length];
}

/** Colours of the theme that canvases need, read anew when it changes. */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: read("ink"),
    muted: read("muted"),
    line: read("line"),
    paper: read("paper"),
    panel: read("panel"),
    free: read("free"),
    accent: read("accent"),
    band: read("band"),
  };
}

/**
 * A colour for a job, from its number: neighbours differ much.
 * @param {number} job
 */
export function jobColour(job) {
  return `hsl(${Math.round((job * 137.508) % 360)} 55% ${42 + ((job * 7) % 4) * 6}%)`;
}
