// The GPUs of a cluster as a grid: by worker type and server, a job's GPUs joined.

import { FAMILY_COLOURS, jobColour, pick, theme } from "./colours.js";
import { el, onWidth, sized } from "./dom.js";
import { brief, number } from "./format.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./placements.js").Placements} Placements */

const HEAD = 22;

export class GpuGrid {
  /**
   * @param {Run} run
   * @param {Placements} placements
   * @param {{hovered: (worker: number, segment: number) => void, chosen: (segment: number) => void}} listeners
   */
  constructor(run, placements, listeners) {
    this.run = run;
    this.placements = placements;
    this.round = 0;
    this.width = 0;
    this.marked = -1;
    /** @type {"family" | "job" | "scale"} */
    this.by = "family";
    this.canvas = el("canvas", { role: "img", "aria-label": "GPUs and the jobs on them" });
    this.element = el("div", { class: "grid" }, this.canvas);
    this.x = new Int16Array(run.workers);
    this.y = new Int32Array(run.workers);
    this.segment = new Int32Array(run.workers).fill(-2);
    this.kinds = kindsOf(run);
    onWidth(this.element, (width) => {
      this.width = width;
      this.layout();
      this.draw(true);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const worker = this.workerAt(event);
      listeners.hovered(worker, worker < 0 ? -1 : this.segment[worker]);
    });
    this.canvas.addEventListener("pointerleave", () => listeners.hovered(-1, -1));
    this.canvas.addEventListener("click", (event) => {
      const worker = this.workerAt(event);
      listeners.chosen(worker < 0 ? -1 : this.segment[worker]);
    });
  }

  /** Find the largest cells that fit, and where each GPU stands. */
  layout() {
    const most = Math.max(220, Math.min(window.innerHeight - 360, 620));
    // A server stays in one row.
    const widest = Math.max(...this.kinds.map((kind) => kind.per_server));
    let cell = Math.max(3, Math.min(44, Math.floor(this.width / widest)));
    // All GPUs of a type in one row, if they are not too small for it.
    const inRow = Math.min(
      ...this.kinds.map((kind) => this.width / (kind.workers + kind.workers / kind.per_server / 2)),
    );
    if (inRow >= 20) cell = Math.min(cell, Math.floor(inRow));
    while (cell > 3 && this.heightWith(cell) > most) cell--;
    this.cell = cell;
    this.gap = cell >= 8 ? 2 : cell >= 5 ? 1 : 0;
    this.height = this.heightWith(cell);
    let top = 0;
    for (const kind of this.kinds) {
      kind.top = top;
      const { columns, between } = this.columns(kind, cell);
      for (let i = 0; i < kind.workers; i++) {
        const server = Math.floor(i / kind.per_server);
        const row = Math.floor(server / columns);
        const column = server % columns;
        this.x[kind.first + i] = column * (kind.per_server * cell + between) + (i % kind.per_server) * cell;
        this.y[kind.first + i] = top + HEAD + row * cell;
      }
      const servers = Math.ceil(kind.workers / kind.per_server);
      top += HEAD + Math.ceil(servers / columns) * cell + 10;
    }
  }

  /**
   * @param {{per_server: number}} kind
   * @param {number} cell
   */
  columns(kind, cell) {
    const between = kind.per_server > 1 ? Math.max(3, Math.round(cell / 2)) : 0;
    const wide = kind.per_server * cell + between;
    return { columns: Math.max(1, Math.floor((this.width + between) / wide)), between };
  }

  /** @param {number} cell */
  heightWith(cell) {
    let height = 0;
    for (const kind of this.kinds) {
      const { columns } = this.columns(kind, cell);
      height += HEAD + Math.ceil(Math.ceil(kind.workers / kind.per_server) / columns) * cell + 10;
    }
    return height;
  }

  /** @param {number} round */
  show(round) {
    this.round = round;
    this.draw(false);
  }

  /**
   * Colour the GPUs by something else.
   * @param {"family" | "job" | "scale"} by
   */
  colour(by) {
    this.by = by;
    this.draw(true);
  }

  /**
   * Outline the GPUs of a job.
   * @param {number} job
   */
  mark(job) {
    if (job === this.marked) return;
    this.marked = job;
    this.draw(true);
  }

  /**
   * Draw what changed since the last time, or everything.
   * @param {boolean} all
   */
  draw(all) {
    if (!this.width) return;
    const { placements, cell = 10, gap = 1, segment } = this;
    const context = sized(this.canvas, this.width, this.height ?? 100);
    const look = theme();
    if (all) {
      context.clearRect(0, 0, this.width, this.height ?? 100);
      segment.fill(-2);
    }
    const round = Math.floor(this.round / placements.every) * placements.every;
    /** @type {Map<string, number[]>} */
    const painted = new Map();
    for (const kind of this.kinds) {
      let busy = 0;
      for (let worker = kind.first; worker < kind.first + kind.workers; worker++) {
        const now = placements.at(worker, round);
        if (now >= 0) busy++;
        if (now === segment[worker]) continue;
        segment[worker] = now;
        const colour = now < 0 ? look.free : this.colourOfJob(placements.job[now]);
        const list = painted.get(colour);
        if (list) list.push(worker);
        else painted.set(colour, [worker]);
      }
      if (all || busy !== kind.busy) {
        kind.busy = busy;
        context.clearRect(0, kind.top, this.width, HEAD - 1);
        context.font = "600 13px system-ui, sans-serif";
        context.textBaseline = "middle";
        context.fillStyle = look.ink;
        const name = brief(kind.name, 30);
        context.fillText(name, 0, kind.top + HEAD / 2);
        const wide = context.measureText(`${name} `).width;
        context.font = "13px system-ui, sans-serif";
        context.fillStyle = look.muted;
        context.fillText(` ${number(busy)} of ${number(kind.workers)} busy`, wide, kind.top + HEAD / 2);
      }
    }
    for (const [colour, workers] of painted) {
      for (const worker of workers) {
        context.fillStyle = look.panel;
        context.fillRect(this.x[worker], this.y[worker], cell, cell);
      }
      context.fillStyle = colour;
      for (const worker of workers) context.fillRect(this.x[worker], this.y[worker], cell - gap, cell - gap);
    }
    this.halve(context, painted);
    this.join(context, painted, look.panel);
    if (this.marked >= 0) this.outline(context, look.ink);
  }

  /**
   * Give the lower half of a GPU to the second of two jobs that share it.
   * @param {CanvasRenderingContext2D} context
   * @param {Map<string, number[]>} painted
   */
  halve(context, painted) {
    const { placements, cell = 10, gap = 1, segment } = this;
    const high = Math.floor((cell - gap) / 2);
    for (const workers of painted.values())
      for (const worker of workers) {
        const now = segment[worker];
        if (now < 0 || placements.partner[now] < 0) continue;
        context.fillStyle = this.colourOfJob(placements.partner[now]);
        context.fillRect(this.x[worker], this.y[worker] + cell - gap - high, cell - gap, high);
      }
  }

  /**
   * Close the gap between neighbours of one job.
   * @param {CanvasRenderingContext2D} context
   * @param {Map<string, number[]>} painted
   * @param {string} paper
   */
  join(context, painted, paper) {
    const { placements, cell = 10, gap = 1, segment } = this;
    if (gap === 0) return;
    const jobs = placements.job;
    const scale = this.run.need("jobs/scale_factor");
    for (const workers of painted.values())
      for (const worker of workers)
        for (const left of [worker - 1, worker]) {
          const right = left + 1;
          if (left < 0 || right >= segment.length || this.y[left] !== this.y[right]) continue;
          if (this.x[right] - this.x[left] !== cell) continue;
          const one = segment[left];
          const two = segment[right];
          const joined = one >= 0 && two >= 0 && jobs[one] === jobs[two] && scale[jobs[one]] > 1;
          context.fillStyle = joined ? this.colourOfJob(jobs[one]) : paper;
          context.fillRect(this.x[right] - gap, this.y[right], gap, cell - gap);
          if (joined && placements.partner[one] >= 0) {
            const high = Math.floor((cell - gap) / 2);
            context.fillStyle = this.colourOfJob(placements.partner[one]);
            context.fillRect(this.x[right] - gap, this.y[right] + cell - gap - high, gap, high);
          }
        }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {string} ink
   */
  outline(context, ink) {
    const { placements, cell = 10, gap = 1, segment } = this;
    context.strokeStyle = ink;
    context.lineWidth = 2;
    const mine = (/** @type {number} */ worker) => {
      const now = segment[worker];
      return now >= 0 && (placements.job[now] === this.marked || placements.partner[now] === this.marked);
    };
    for (let worker = 0; worker < segment.length; worker++) {
      if (!mine(worker)) continue;
      const first = worker;
      while (
        worker + 1 < segment.length &&
        mine(worker + 1) &&
        this.y[worker + 1] === this.y[first] &&
        this.x[worker + 1] - this.x[worker] === cell
      )
        worker++;
      const wide = this.x[worker] - this.x[first] + cell - gap;
      context.strokeRect(this.x[first] + 1, this.y[first] + 1, wide - 2, cell - gap - 2);
    }
  }

  /** @param {number} job */
  colourOfJob(job) {
    if (this.by === "job") return jobColour(job);
    if (this.by === "scale")
      return pick(FAMILY_COLOURS, Math.round(Math.log2(this.run.need("jobs/scale_factor")[job])));
    return pick(FAMILY_COLOURS, this.run.family(job));
  }

  /** @param {MouseEvent} event */
  workerAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const cell = this.cell ?? 10;
    for (const kind of this.kinds)
      for (let worker = kind.first; worker < kind.first + kind.workers; worker++)
        if (
          x >= this.x[worker] &&
          x < this.x[worker] + cell &&
          y >= this.y[worker] &&
          y < this.y[worker] + cell
        )
          return worker;
    return -1;
  }
}

/** @param {Run} run */
function kindsOf(run) {
  let first = 0;
  return run.cluster.map((kind) => {
    const made = { ...kind, first, top: 0, busy: -1 };
    first += kind.workers;
    return made;
  });
}
