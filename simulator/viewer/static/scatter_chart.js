// One metric against another, a dot a round: our own canvas, since neither axis is in order.

import { theme } from "./colours.js";
import { el, onWidth, sized } from "./dom.js";
import { exact, percent, short } from "./format.js";

/**
 * @typedef {object} Cloud
 * @property {string} label
 * @property {ArrayLike<number>} x
 * @property {ArrayLike<number>} y
 * @property {string} colour
 */
/**
 * @typedef {object} ScatterOptions
 * @property {string} title
 * @property {string} xLabel
 * @property {string} yLabel
 * @property {string} xUnit
 * @property {string} yUnit
 * @property {number} [height]
 * @property {boolean} [diagonal] draw where both are equal
 * @property {boolean} [log] both axes logarithmic
 * @property {(cloud: number, place: number) => string} [describe]
 * @property {(cloud: number, place: number) => void} [clicked]
 */

const LEFT = 62;
const BOTTOM = 44;
const TOP = 12;
const RIGHT = 14;

/**
 * @param {ScatterOptions} options
 * @param {Cloud[]} clouds
 */
export function scatterChart(options, clouds) {
  const canvas = el("canvas", { role: "img", "aria-label": describe(options, clouds) });
  const said = el(
    "p",
    { class: "under", "aria-live": "polite" },
    "Hover a point for its values; drag to zoom, double-click for all.",
  );
  const box = el("div", { class: "chart scatter" }, canvas, said);
  const height = options.height ?? 320;
  const to = options.log ? Math.log10 : (/** @type {number} */ value) => value;
  const from = options.log
    ? (/** @type {number} */ value) => 10 ** value
    : (/** @type {number} */ value) => value;
  const whole = limits(options, clouds, to);
  let shown = { ...whole };
  let width = 0;
  /** @type {{x: number, y: number, toX: number, toY: number} | null} */
  let drag = null;

  const px = (/** @type {number} */ x) =>
    LEFT + ((x - shown.x0) / (shown.x1 - shown.x0)) * (width - LEFT - RIGHT);
  const py = (/** @type {number} */ y) =>
    height - BOTTOM - ((y - shown.y0) / (shown.y1 - shown.y0)) * (height - BOTTOM - TOP);
  const vx = (/** @type {number} */ x) =>
    shown.x0 + ((x - LEFT) / (width - LEFT - RIGHT)) * (shown.x1 - shown.x0);
  const vy = (/** @type {number} */ y) =>
    shown.y0 + ((height - BOTTOM - y) / (height - BOTTOM - TOP)) * (shown.y1 - shown.y0);

  const draw = () => {
    const look = theme();
    const context = sized(canvas, width, height);
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.lineWidth = 1;
    const between = options.log ? powers : ticks;
    for (const tick of between(shown.x0, shown.x1, Math.max(3, width / 110))) {
      line(context, look.line, px(tick), TOP, px(tick), height - BOTTOM);
      context.fillStyle = look.muted;
      context.textAlign = "center";
      context.fillText(label(from(tick), options.xUnit), px(tick), height - BOTTOM + 13);
    }
    for (const tick of between(shown.y0, shown.y1, height / 60)) {
      line(context, look.line, LEFT, py(tick), width - RIGHT, py(tick));
      context.fillStyle = look.muted;
      context.textAlign = "right";
      context.fillText(label(from(tick), options.yUnit), LEFT - 7, py(tick));
    }
    context.textAlign = "center";
    context.fillText(options.xLabel, (LEFT + width - RIGHT) / 2, height - 9);
    context.save();
    context.translate(10, (height - BOTTOM + TOP) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(options.yLabel, 0, 0);
    context.restore();
    context.save();
    context.beginPath();
    context.rect(LEFT, TOP, width - LEFT - RIGHT, height - BOTTOM - TOP);
    context.clip();
    if (options.diagonal) {
      const low = Math.max(shown.x0, shown.y0);
      const high = Math.min(shown.x1, shown.y1);
      line(context, look.muted, px(low), py(low), px(high), py(high));
    }
    for (const cloud of clouds) {
      context.fillStyle = cloud.colour;
      context.globalAlpha = cloud.x.length > 3000 ? 0.35 : cloud.x.length > 400 ? 0.6 : 0.9;
      const side = cloud.x.length > 400 ? 3 : 5;
      for (let i = 0; i < cloud.x.length; i++) {
        const x = px(to(cloud.x[i])) - side / 2;
        const y = py(to(cloud.y[i])) - side / 2;
        if (Number.isFinite(x) && Number.isFinite(y)) context.fillRect(x, y, side, side);
      }
    }
    context.globalAlpha = 1;
    if (drag) {
      context.strokeStyle = look.accent;
      context.strokeRect(drag.x, drag.y, drag.toX - drag.x, drag.toY - drag.y);
    }
    context.restore();
  };
  const nearest = (/** @type {number} */ x, /** @type {number} */ y) => {
    let best = 144;
    let found = /** @type {[number, number] | null} */ (null);
    clouds.forEach((cloud, place) => {
      for (let i = 0; i < cloud.x.length; i++) {
        const distance = (px(to(cloud.x[i])) - x) ** 2 + (py(to(cloud.y[i])) - y) ** 2;
        if (distance < best) {
          best = distance;
          found = [place, i];
        }
      }
    });
    return /** @type {[number, number] | null} */ (found);
  };
  const at = (/** @type {PointerEvent} */ event) => {
    const place = canvas.getBoundingClientRect();
    return { x: event.clientX - place.left, y: event.clientY - place.top };
  };
  canvas.addEventListener("pointerdown", (event) => {
    const { x, y } = at(event);
    drag = { x, y, toX: x, toY: y };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const { x, y } = at(event);
    if (drag) {
      drag.toX = x;
      drag.toY = y;
      draw();
      return;
    }
    const found = nearest(x, y);
    if (!found) return;
    const [place, i] = found;
    const cloud = clouds[place];
    const more = options.describe ? `${options.describe(place, i)}: ` : "";
    said.textContent = `${clouds.length > 1 ? `${cloud.label}, ` : ""}${more}${options.xLabel} ${exact(cloud.x[i])}, ${options.yLabel} ${exact(cloud.y[i])}`;
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { x, y } = at(event);
    const { x: fromX, y: fromY } = drag;
    drag = null;
    if (Math.abs(x - fromX) > 6 && Math.abs(y - fromY) > 6)
      shown = {
        x0: vx(Math.min(x, fromX)),
        x1: vx(Math.max(x, fromX)),
        y0: vy(Math.max(y, fromY)),
        y1: vy(Math.min(y, fromY)),
      };
    else {
      const found = nearest(x, y);
      if (found && options.clicked) options.clicked(...found);
    }
    draw();
  });
  canvas.addEventListener("dblclick", () => {
    shown = { ...whole };
    draw();
  });
  onWidth(box, (wide) => {
    width = wide;
    draw();
  });
  return box;
}

/**
 * @param {ScatterOptions} options
 * @param {Cloud[]} clouds
 */
function describe(options, clouds) {
  const points = clouds.reduce((sum, cloud) => sum + cloud.x.length, 0);
  return `${options.title}: ${options.yLabel} against ${options.xLabel}, ${points} points`;
}

/**
 * @param {ScatterOptions} options
 * @param {Cloud[]} clouds
 * @param {(value: number) => number} to
 */
function limits(options, clouds, to) {
  const found = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity };
  for (const cloud of clouds)
    for (let i = 0; i < cloud.x.length; i++) {
      const x = to(cloud.x[i]);
      const y = to(cloud.y[i]);
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      found.x0 = Math.min(found.x0, x);
      found.x1 = Math.max(found.x1, x);
      found.y0 = Math.min(found.y0, y);
      found.y1 = Math.max(found.y1, y);
    }
  if (!(found.x1 >= found.x0)) return { x0: 0, x1: 1, y0: 0, y1: 1 };
  if (options.diagonal) {
    found.x0 = found.y0 = Math.min(found.x0, found.y0);
    found.x1 = found.y1 = Math.max(found.x1, found.y1);
  }
  const roomX = (found.x1 - found.x0) * 0.03 || 1;
  const roomY = (found.y1 - found.y0) * 0.05 || 1;
  return { x0: found.x0 - roomX, x1: found.x1 + roomX, y0: found.y0 - roomY, y1: found.y1 + roomY };
}

/**
 * Round values between two limits.
 * @param {number} low
 * @param {number} high
 * @param {number} about how many
 */
export function ticks(low, high, about) {
  const rough = (high - low) / Math.max(about, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? power;
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step)
    found.push(Math.abs(tick) < step * 1e-9 ? 0 : tick);
  return found;
}

/**
 * Logarithms of round values between two limits: powers of ten, and 3 or 2 and 5 times as much where there is room.
 * @param {number} low
 * @param {number} high
 * @param {number} about how many
 */
function powers(low, high, about) {
  const stride = Math.max(1, Math.floor((high - low) / about));
  let best = /** @type {number[]} */ ([]);
  for (const factors of [[1], [1, 3], [1, 2, 5]]) {
    const found = [];
    for (let power = Math.floor(low / stride) * stride; power <= high; power += stride)
      for (const factor of factors) {
        const tick = power + Math.log10(factor);
        if (tick >= low && tick <= high) found.push(tick);
      }
    if (best.length < 2 || found.length <= about) best = found;
  }
  return best.length < 2 ? ticks(low, high, about) : best;
}

/**
 * @param {number} value
 * @param {string} unit
 */
function label(value, unit) {
  return unit === "share" ? percent(value, 0) : short(value);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} colour
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 */
function line(context, colour, x0, y0, x1, y1) {
  context.strokeStyle = colour;
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}
