// Lines over a common axis, with zoom, pan and the values under the pointer; uPlot draws.

import { theme } from "./colours.js";
import { el, onWidth } from "./dom.js";
import { exact, percent, short } from "./format.js";
import { path, svg } from "./marks.js";

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {ArrayLike<number>} x ascending
 * @property {ArrayLike<number>} y
 * @property {string} colour
 * @property {number[]} [dash]
 * @property {boolean} [stepped]
 * @property {boolean} [points]
 * @property {boolean} [quiet] drawn pale, without a value under the pointer
 */
/** @typedef {{from: number, to: number, label: string}} Band */
/**
 * @typedef {object} Options
 * @property {string} title
 * @property {string} xLabel
 * @property {string} unit
 * @property {number} [height]
 * @property {Band[]} [bands] stretches that are marked
 * @property {boolean} [logX]
 * @property {[number, number]} [xRange]
 * @property {[number, number]} [yRange]
 * @property {string} [group] charts of one group share cursor and zoom
 */

/** @type {Map<string, Set<any>>} */
const groups = new Map();

/**
 * A chart that fills its box.
 * @param {Options} options
 * @param {Line[]} lines
 */
export function lineChart(options, lines) {
  const box = el("div", {
    class: "chart",
    tabindex: 0,
    role: "group",
    "aria-label": `${options.title}: ${lines.map((line) => line.label).join(", ")}. Arrow keys move, plus and minus zoom, 0 shows all.`,
  });
  const data = joined(lines);
  const shownUnit = (/** @type {number} */ value) =>
    options.unit === "share" ? percent(value, 0) : short(value);
  /** @type {any} */
  let plot = null;
  const height = options.height ?? 220;

  const draw = (/** @type {number} */ width) => {
    if (plot) {
      plot.setSize({ width, height });
      return;
    }
    const look = theme();
    const axis = {
      stroke: look.muted,
      font: "12px system-ui, sans-serif",
      labelFont: "12px system-ui, sans-serif",
      grid: { stroke: look.line, width: 1 },
      ticks: { stroke: look.line, width: 1, size: 4 },
    };
    plot = new uPlot(
      {
        width,
        height,
        padding: [10, 22, 0, 0],
        scales: {
          x: {
            time: false,
            distr: options.logX ? 3 : 1,
            ...(options.xRange ? { range: options.xRange } : {}),
          },
          y: {
            range: options.yRange
              ? options.yRange
              : (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) =>
                  span(low, high, options.unit),
          },
        },
        axes: [
          {
            ...axis,
            label: options.xLabel,
            labelSize: 18,
            labelGap: 0,
            size: 34,
            values: (/** @type {any} */ _, /** @type {number[]} */ ticks) =>
              ticks.map((tick) => (tick === null ? "" : short(tick))),
          },
          {
            ...axis,
            size: 58,
            values: (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map(shownUnit),
          },
        ],
        series: [
          {
            label: options.xLabel,
            value: (/** @type {any} */ _, /** @type {number} */ value) => exact(value),
          },
          ...lines.map((line) => ({
            label: line.label,
            stroke: line.colour,
            width: line.quiet ? 1.5 : 1.8,
            alpha: line.quiet ? 0.6 : 1,
            dash: line.dash,
            spanGaps: true,
            points: { show: Boolean(line.points), size: 7 },
            paths: line.stepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined,
            value: (/** @type {any} */ _, /** @type {number} */ value) => exact(value),
          })),
        ],
        focus: { alpha: 0.55 },
        cursor: {
          drag: { x: true, y: false, setScale: true },
          focus: { prox: 24 },
          points: { size: 7 },
          ...(options.group ? { sync: { key: options.group, setSeries: false } } : {}),
        },
        legend: { live: true },
        hooks: {
          drawClear: [(/** @type {any} */ self) => bands(self, options.bands ?? [])],
          setScale: [
            (/** @type {any} */ self, /** @type {string} */ key) =>
              key === "x" && shareZoom(self, options.group),
          ],
        },
      },
      data,
      box,
    );
    markAsDrawn(plot.root, lines);
    interact(box, plot, data[0]);
    watcher.observe(box);
    if (options.group) {
      const others = groups.get(options.group) ?? new Set();
      for (const other of others) if (!other.root.isConnected) others.delete(other);
      others.add(plot);
      groups.set(options.group, others);
    }
  };
  onWidth(box, draw);
  return box;
}

/**
 * Give each line's name in the legend a piece of the line itself, with its dashes.
 * @param {HTMLElement} root
 * @param {Line[]} lines
 */
function markAsDrawn(root, lines) {
  root.querySelectorAll(".u-legend .u-marker").forEach((marker, place) => {
    const line = lines[place - 1]; // the first is the horizontal axis
    if (!line) return;
    const drawn = svg("svg", { width: 24, height: 10, class: "u-marker", "aria-hidden": "true" });
    const dash = line.dash?.length ? line.dash.join(" ") : "none";
    drawn.append(
      path(
        [
          [0, 5],
          [24, 5],
        ],
        line.colour,
        { "stroke-width": 2, "stroke-dasharray": dash },
      ),
    );
    marker.replaceWith(drawn);
  });
}

/**
 * Limits of the vertical axis: from 0 for what is counted, a little room above.
 * @param {number} low
 * @param {number} high
 * @param {string} unit
 * @returns {[number, number]}
 */
function span(low, high, unit) {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  if (unit === "share") return [Math.min(0, low), Math.max(1, high)];
  const bottom = low >= 0 && low < 0.6 * high ? 0 : low;
  const room = (high - bottom) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [bottom === 0 ? 0 : bottom - room, high + room];
}

/** @type {boolean} */
let sharing = false;

/** Charts out of sight take part in a zoom only when they come into it. */
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    seen.set(target, isIntersecting);
    const waits = isIntersecting && waiting.get(target);
    if (waits) {
      waiting.delete(target);
      waits();
    }
  }
});
/** @type {WeakMap<Element, boolean>} */
const seen = new WeakMap();
/** @type {WeakMap<Element, () => void>} */
const waiting = new WeakMap();

/**
 * Charts of a group show the same stretch.
 * @param {any} plot
 * @param {string | undefined} group
 */
function shareZoom(plot, group) {
  if (!group || sharing) return;
  const { min, max } = plot.scales.x;
  sharing = true;
  for (const other of groups.get(group) ?? []) {
    if (other === plot || (other.scales.x.min === min && other.scales.x.max === max)) continue;
    const box = other.root.parentElement;
    if (seen.get(box) === false) waiting.set(box, () => other.setScale("x", { min, max }));
    else {
      waiting.delete(box);
      other.setScale("x", { min, max });
    }
  }
  sharing = false;
}

/**
 * Lines on their common axis: every x once, gaps where a line has no value there.
 * @param {Line[]} lines
 * @returns {any}
 */
function joined(lines) {
  if (lines.length === 0) return [[]];
  const first = lines[0].x;
  const clean = (/** @type {ArrayLike<number>} */ values) =>
    Array.from(values, (value) => (Number.isFinite(value) ? value : null));
  if (lines.every((line) => line.x === first || same(line.x, first)))
    return [Array.from(first), ...lines.map((line) => clean(line.y))];
  return uPlot.join(lines.map((line) => /** @type {any} */ ([Array.from(line.x), clean(line.y)])));
}

/**
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 */
function same(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Mark stretches of the horizontal axis.
 * @param {any} plot
 * @param {Band[]} marked
 */
function bands(plot, marked) {
  const look = theme();
  const context = plot.ctx;
  const { left, top, width, height } = plot.bbox;
  context.save();
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  for (const band of marked) {
    const from = Math.max(left, plot.valToPos(band.from, "x", true));
    const to = Math.min(left + width, plot.valToPos(band.to, "x", true));
    if (!(to > from)) continue;
    context.fillStyle = look.band;
    context.fillRect(from, top, to - from, height);
    const ratio = window.devicePixelRatio || 1;
    context.fillStyle = look.muted;
    context.font = `${11 * ratio}px system-ui, sans-serif`;
    if (context.measureText(band.label).width < to - from - 8 * ratio)
      context.fillText(band.label, from + 5 * ratio, top + 13 * ratio);
  }
  context.restore();
}

/**
 * Wheel zooms, dragging with shift or the middle button pans, keys do both.
 * @param {HTMLElement} box
 * @param {any} plot
 * @param {number[]} xs
 */
function interact(box, plot, xs) {
  const whole = { min: xs[0], max: xs[xs.length - 1] };
  const show = (/** @type {number} */ min, /** @type {number} */ max) => {
    const width = Math.min(max - min, whole.max - whole.min);
    const from = Math.min(Math.max(min, whole.min), whole.max - width);
    plot.setScale("x", { min: from, max: from + width });
  };
  const zoom = (/** @type {number} */ factor, /** @type {number} */ around) => {
    const { min, max } = plot.scales.x;
    show(around - (around - min) * factor, around + (max - around) * factor);
  };
  const pan = (/** @type {number} */ part) => {
    const { min, max } = plot.scales.x;
    show(min + part * (max - min), max + part * (max - min));
  };
  plot.over.addEventListener(
    "wheel",
    (/** @type {WheelEvent} */ event) => {
      event.preventDefault();
      const at = plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x");
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
        pan((event.deltaX || event.deltaY) / 1000);
      else zoom(event.deltaY < 0 ? 0.8 : 1.25, at);
    },
    { passive: false },
  );
  let held = /** @type {{x: number, min: number, max: number} | null} */ (null);
  plot.over.addEventListener(
    "mousedown",
    (/** @type {MouseEvent} */ event) => {
      if (event.button !== 1 && !event.shiftKey) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      held = { x: event.clientX, min: plot.scales.x.min, max: plot.scales.x.max };
    },
    true,
  );
  window.addEventListener("mousemove", (event) => {
    if (!held || !box.isConnected) return;
    const moved = ((held.x - event.clientX) / plot.over.clientWidth) * (held.max - held.min);
    show(held.min + moved, held.max + moved);
  });
  window.addEventListener("mouseup", () => {
    held = null;
  });
  plot.over.addEventListener("dblclick", () => show(whole.min, whole.max));
  box.addEventListener("keydown", (event) => {
    const middle = (plot.scales.x.min + plot.scales.x.max) / 2;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => pan(-0.1),
      ArrowRight: () => pan(0.1),
      "+": () => zoom(0.7, middle),
      "=": () => zoom(0.7, middle),
      "-": () => zoom(1 / 0.7, middle),
      0: () => show(whole.min, whole.max),
      Home: () => show(whole.min, whole.min + plot.scales.x.max - plot.scales.x.min),
      End: () => show(whole.max - plot.scales.x.max + plot.scales.x.min, whole.max),
    };
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
}
