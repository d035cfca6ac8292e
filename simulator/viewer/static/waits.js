// Why each job waited, in an exported file, which has no simulator to ask.

import { number, moment } from "./format.js";

/** @typedef {import("./column_file.js").Column} Column */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {{round: number, headline: string, lines: string[]}} Answer */

export class Waits {
  /**
   * @param {{reasons: string[]}} header the reasons as ends of sentences
   * @param {Map<string, Column>} columns
   */
  constructor(header, columns) {
    const column = (/** @type {string} */ name) => /** @type {Column} */ (columns.get(name));
    const count = column("count");
    this.reasons = header.reasons;
    this.gap = column("gap");
    this.rounds = column("rounds");
    this.reason = column("reason");
    this.start = new Uint32Array(count.length + 1);
    for (let job = 0; job < count.length; job++) this.start[job + 1] = this.start[job] + count[job];
  }

  /**
   * Why a job waited in a round, as the end of a sentence; null if it did not wait.
   * @param {number} job
   * @param {number} round
   */
  at(job, round) {
    let next = 0;
    for (let place = this.start[job]; place < this.start[job + 1]; place++) {
      const first = next + this.gap[place];
      next = first + this.rounds[place] + 1;
      if (first <= round && round < next) return this.reasons[this.reason[place]];
    }
    return null;
  }
}

/**
 * The answer for a job in a round.
 * @param {Run} run
 * @param {Waits} waits
 * @param {number} job
 * @param {number} round
 * @param {string} shares its shares in words, or nothing
 * @param {string} where it ran, in words; empty if that is not known
 * @returns {Answer}
 */
export function answer(run, waits, job, round, shares, where) {
  const time = run.time[round];
  const arrival = run.need("jobs/arrival")[job];
  const finish = run.need("jobs/finish")[job];
  const when = `in round ${number(round)} (${moment(time)})`;
  const say = (/** @type {string} */ headline, /** @type {string[]} */ lines = []) => ({
    round,
    headline,
    lines: lines.filter(Boolean),
  });
  if (arrival > time) return say(`Job ${job} had not arrived ${when}: it arrives at ${moment(arrival)}.`);
  if (finish <= time) return say(`Job ${job} had finished by round ${number(round)}: at ${moment(finish)}.`);
  const reason = waits.at(job, round);
  if (reason === null) return say(`Job ${job} ran ${when}${where ? `: ${where}` : ""}.`, [shares]);
  const size = run.need("jobs/scale_factor")[job];
  return say(`Job ${job} did not run ${when}: ${reason}.`, [
    `It needs ${number(size)} GPU${size === 1 ? "" : "s"} of one type.`,
    shares,
    ...held(run, round),
  ]);
}

const NAMED = 8;

/**
 * Who had the GPUs of each worker type in a round.
 * @param {Run} run
 * @param {number} round
 */
function held(run, round) {
  const placements = run.placements;
  if (!placements || placements.every > 1) return [];
  let worker = 0;
  return run.cluster.map((kind) => {
    const jobs = new Set();
    let free = 0;
    for (const end = worker + kind.workers; worker < end; worker++) {
      const segment = placements.at(worker, round);
      if (segment < 0) free++;
      else {
        jobs.add(placements.job[segment]);
        if (placements.partner[segment] >= 0) jobs.add(placements.partner[segment]);
      }
    }
    const named = [...jobs].sort((a, b) => a - b);
    const more = named.length > NAMED ? ` and ${number(named.length - NAMED)} more` : "";
    const who =
      named.length > 0
        ? `; had by job${named.length > 1 ? "s" : ""} ${named.slice(0, NAMED).join(", ")}${more}`
        : "";
    return `${kind.name}: ${number(free)} of ${number(kind.workers)} free at the end${who}.`;
  });
}
