// One run: its summary, its rounds, its jobs, and who ran where.

import { decode } from "./column_file.js";
import { Placements } from "./placements.js";
import { Shares } from "./shares.js";
import { part } from "./source.js";
import { Waits } from "./waits.js";

/** @typedef {import("./column_file.js").Column} Column */
/** @typedef {{name: string, workers: number, per_server: number}} WorkerType */

export class Run {
  /**
   * @param {any} entry what the catalog says of it
   * @param {any} header
   * @param {Map<string, Column>} columns
   */
  constructor(entry, header, columns) {
    this.id = /** @type {string} */ (entry.id);
    this.label = /** @type {string} */ (entry.label);
    this.entry = entry;
    this.summary = header.summary;
    /** @type {WorkerType[]} */
    this.cluster = header.cluster;
    /** @type {string[]} */
    this.types = header.types;
    /** @type {string[]} */
    this.families = header.families;
    /** @type {number[]} */
    this.familyOfType = header.family_of_type;
    this.columns = columns;
    this.rounds = this.need("rounds/time").length;
    this.jobs = this.need("jobs/arrival").length;
    this.workers = this.cluster.reduce((sum, kind) => sum + kind.workers, 0);
    /** @type {Placements | null} */
    this.placements = null;
    /** @type {Shares | null} */
    this.shares = null;
    /** @type {Waits | null} */
    this.waits = null;
    /** @type {Map<string, ArrayLike<number>>} */
    this.derived = new Map();
  }

  /**
   * Read a run.
   * @param {any} entry
   */
  static async load(entry) {
    const { header, columns } = await decode(await part(`run/${entry.id}/overview`));
    return new Run(entry, header, columns);
  }

  /** Read who ran where, once. */
  async loadPlacements() {
    if (!this.placements) {
      const { header, columns } = await decode(await part(`run/${this.id}/placements`));
      this.placements = new Placements(header, columns, this.jobs);
    }
    return this.placements;
  }

  /** Read what share each job had, once. */
  async loadShares() {
    if (!this.shares) {
      const { columns } = await decode(await part(`run/${this.id}/allocations`));
      this.shares = new Shares(columns);
    }
    return this.shares;
  }

  /** Read why jobs waited, once, where a file holds it. */
  async loadWaits() {
    if (!this.waits && this.entry.waits) {
      const { header, columns } = await decode(await part(`run/${this.id}/waits`));
      this.waits = new Waits(header, columns);
    }
    return this.waits;
  }

  /** @param {string} name */
  need(name) {
    const found = this.columns.get(name);
    if (!found) throw new Error(`the run has no column ${name}`);
    return found;
  }

  /** Seconds at the start of each round. */
  get time() {
    return this.need("rounds/time");
  }

  /** Name of what decides. */
  get policy() {
    return String(this.summary.policy ?? this.summary.config?.policy ?? "");
  }

  /** First measured job and one past the last. @returns {[number, number]} */
  get window() {
    const window = this.summary.config?.window;
    return Array.isArray(window) ? [window[0], window[1]] : [0, this.jobs];
  }

  /** Model families that some job has, with their places. */
  get presentFamilies() {
    const there = new Set(this.familyOfType);
    return this.families.map((name, place) => ({ name, place })).filter(({ place }) => there.has(place));
  }

  /** @param {number} job */
  jct(job) {
    return this.need("jobs/finish")[job] - this.need("jobs/arrival")[job];
  }

  /** @param {number} job */
  typeName(job) {
    return this.types[this.need("jobs/type")[job]];
  }

  /** @param {number} job */
  family(job) {
    return this.familyOfType[this.need("jobs/type")[job]];
  }

  /**
   * Last round that has begun by a time; -1 before the first.
   * @param {number} seconds
   */
  roundAt(seconds) {
    const time = this.time;
    let low = 0;
    let high = time.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (time[middle] <= seconds) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /**
   * Worker type of a worker.
   * @param {number} worker
   */
  typeOfWorker(worker) {
    let first = 0;
    for (let place = 0; place < this.cluster.length; place++) {
      first += this.cluster[place].workers;
      if (worker < first) return place;
    }
    return this.cluster.length - 1;
  }

  /** End of simulated time. */
  get end() {
    return Number(this.summary.makespan ?? this.time[this.rounds - 1] ?? 0);
  }
}
