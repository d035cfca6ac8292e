// What share of time a job had on each worker type, from one recomputation to the next.

/** @typedef {import("./column_file.js").Column} Column */
/** @typedef {{round: number, type: number, partner: number, share: number}} Share */

export class Shares {
  /** @param {Map<string, Column>} columns */
  constructor(columns) {
    const column = (/** @type {string} */ name) => /** @type {Column} */ (columns.get(name));
    this.allocation = column("allocation");
    this.type = column("type");
    this.partner = column("partner");
    this.share = column("share");
    /** Round before which each allocation was made. */
    this.round = column("round");
    const count = column("count");
    this.start = new Uint32Array(count.length + 1);
    for (let job = 0; job < count.length; job++) this.start[job + 1] = this.start[job] + count[job];
  }

  /**
   * Shares of a job above 0 with the round from which they hold, in order.
   * @param {number} job
   * @returns {Share[]}
   */
  ofJob(job) {
    const found = [];
    for (let place = this.start[job]; place < this.start[job + 1]; place++)
      found.push({
        round: this.round[this.allocation[place]],
        type: this.type[place],
        partner: this.partner[place],
        share: this.share[place] / 65535,
      });
    return found;
  }

  /**
   * Round from which the next allocation holds.
   * @param {number} round
   */
  next(round) {
    for (let place = 0; place < this.round.length; place++)
      if (this.round[place] > round) return this.round[place];
    return Number.POSITIVE_INFINITY;
  }
}
