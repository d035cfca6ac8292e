// A thin chart over the whole run: how full the cluster is; a click jumps there.

import { theme } from "./colours.js";
import { el, onWidth, sized } from "./dom.js";

/** @typedef {import("./run.js").Run} Run */

const HEIGHT = 44;

/**
 * @param {Run} run
 * @param {(round: number) => void} jump
 */
export function strip(run, jump) {
  const canvas = el("canvas", { class: "strip", role: "img", "aria-label": "Utilization over the run" });
  const box = el("div", { class: "stripbox" }, canvas);
  let width = 0;
  let round = 0;
  /** @type {ImageData | null} */
  let picture = null;
  const draw = () => {
    if (!width) return;
    const context = sized(canvas, width, HEIGHT);
    const look = theme();
    if (!picture) {
      const used = run.need("rounds/utilization");
      context.fillStyle = look.free;
      context.fillRect(0, 0, width, HEIGHT);
      context.fillStyle = look.accent;
      for (let x = 0; x < width; x++) {
        const from = Math.floor((x / width) * run.rounds);
        const to = Math.max(from + 1, Math.floor(((x + 1) / width) * run.rounds));
        let sum = 0;
        for (let i = from; i < to && i < run.rounds; i++) sum += used[i];
        const high = (sum / (to - from)) * HEIGHT;
        context.fillRect(x, HEIGHT - high, 1, high);
      }
      picture = context.getImageData(0, 0, canvas.width, canvas.height);
    } else context.putImageData(picture, 0, 0);
    context.fillStyle = look.ink;
    context.fillRect((round / Math.max(1, run.rounds - 1)) * (width - 2), 0, 2, HEIGHT);
  };
  const at = (/** @type {PointerEvent} */ event) => {
    const place = canvas.getBoundingClientRect();
    jump(((event.clientX - place.left) / place.width) * (run.rounds - 1));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    at(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) at(event);
  });
  onWidth(box, (wide) => {
    width = wide;
    picture = null;
    draw();
  });
  return {
    element: box,
    show: (/** @type {number} */ now) => {
      round = now;
      draw();
    },
  };
}
