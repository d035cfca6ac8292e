// Who ran where: segments by worker, and by job.

/** @typedef {import("./column_file.js").Column} Column */

export class Placements {
  /**
   * @param {any} header
   * @param {Map<string, Column>} columns
   * @param {number} jobs
   */
  constructor(header, columns, jobs) {
    const column = (/** @type {string} */ name) => /** @type {Column} */ (columns.get(name));
    const count = column("count");
    const gap = column("gap");
    const rounds = column("rounds");
    /** Every how many rounds placements are known. @type {number} */
    this.every = header.every;
    this.job = column("job");
    this.partner = column("partner");
    this.start = new Uint32Array(count.length + 1);
    this.first = new Int32Array(gap.length);
    this.last = new Int32Array(gap.length);
    for (let worker = 0, place = 0; worker < count.length; worker++) {
      let next = 0;
      for (const end = place + count[worker]; place < end; place++) {
        this.first[place] = next + gap[place];
        this.last[place] = this.first[place] + rounds[place];
        next = this.last[place] + 1;
      }
      this.start[worker + 1] = place;
    }
    this.cursor = Uint32Array.from(this.start.subarray(0, count.length));
    this.jobs = jobs;
    /** @type {{start: Uint32Array, segment: Uint32Array} | null} */
    this.byJob = null;
  }

  /**
   * Segment of a worker in a round, or -1. Fast when rounds are asked for one after the other.
   * @param {number} worker
   * @param {number} round
   */
  at(worker, round) {
    const { first, last, start } = this;
    let low = this.cursor[worker];
    const end = start[worker + 1];
    if (low >= end || first[low] > round || (low + 1 < end && first[low + 1] <= round)) {
      if (low + 1 < end && first[low + 1] <= round && (low + 2 >= end || first[low + 2] > round)) low++;
      else {
        low = start[worker];
        let high = end;
        while (low < high) {
          const middle = (low + high) >> 1;
          if (first[middle] <= round) low = middle + 1;
          else high = middle;
        }
        low--;
        if (low < start[worker]) {
          this.cursor[worker] = start[worker];
          return -1;
        }
      }
      this.cursor[worker] = low;
    }
    return low < end && first[low] <= round && last[low] >= round ? low : -1;
  }

  /**
   * Worker of a segment.
   * @param {number} segment
   */
  workerOf(segment) {
    let low = 0;
    let high = this.start.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.start[middle + 1] <= segment) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Segments of a job, alone or beside another, in order of rounds.
   * @param {number} job
   */
  ofJob(job) {
    if (!this.byJob) this.byJob = this.indexed();
    const { start, segment } = this.byJob;
    const mine = Array.from(segment.subarray(start[job], start[job + 1]));
    return mine.sort((a, b) => this.first[a] - this.first[b]);
  }

  indexed() {
    const start = new Uint32Array(this.jobs + 2);
    for (let i = 0; i < this.job.length; i++) {
      start[this.job[i] + 2]++;
      if (this.partner[i] >= 0) start[this.partner[i] + 2]++;
    }
    for (let job = 2; job < start.length; job++) start[job] += start[job - 1];
    const segment = new Uint32Array(start[this.jobs + 1]);
    for (let i = 0; i < this.job.length; i++) {
      segment[start[this.job[i] + 1]++] = i;
      if (this.partner[i] >= 0) segment[start[this.partner[i] + 1]++] = i;
    }
    return { start, segment };
  }
}

/**
 * First round in which a worker has other jobs in one run than in the other, or -1.
 * @param {Placements} a
 * @param {Placements} b
 */
export function firstDifference(a, b) {
  let best = Number.POSITIVE_INFINITY;
  const workers = Math.min(a.start.length, b.start.length) - 1;
  for (let worker = 0; worker < workers; worker++) {
    let i = a.start[worker];
    let j = b.start[worker];
    while (i < a.start[worker + 1] && j < b.start[worker + 1]) {
      const same = a.first[i] === b.first[j] && a.job[i] === b.job[j] && a.partner[i] === b.partner[j];
      if (!same || a.last[i] !== b.last[j]) {
        const round = same ? Math.min(a.last[i], b.last[j]) + 1 : Math.min(a.first[i], b.first[j]);
        best = Math.min(best, round);
        break;
      }
      i++;
      j++;
    }
    const more = i < a.start[worker + 1] ? a.first[i] : j < b.start[worker + 1] ? b.first[j] : -1;
    if (more >= 0 && (i >= a.start[worker + 1] || j >= b.start[worker + 1])) best = Math.min(best, more);
  }
  return Number.isFinite(best) ? best : -1;
}
