// Every number that can be drawn over the rounds of a run: those that were recorded, and those that follow.

import { words } from "./format.js";

/** @typedef {import("./run.js").Run} Run */
/**
 * @typedef {object} Metric
 * @property {string} key
 * @property {string} label
 * @property {string} group
 * @property {string} unit metrics of one unit share an axis
 * @property {(run: Run) => ArrayLike<number>} values one a round
 */

const WINDOW = 10 * 3600;
const SLOTS = [1, 2, 4, 8];

/**
 * Metrics that some run has, by key.
 * @param {Run[]} runs
 * @returns {Map<string, Metric>}
 */
export function metricsOf(runs) {
  /** @type {Map<string, Metric>} */
  const found = new Map();
  for (const run of runs)
    for (const metric of candidates(run)) if (!found.has(metric.key)) found.set(metric.key, metric);
  return found;
}

/**
 * Values of a metric, kept with the run; all missing where the run does not have it.
 * @param {Run} run
 * @param {Metric} metric
 */
export function valuesOf(run, metric) {
  let values = run.derived.get(metric.key);
  if (!values) {
    try {
      values = metric.values(run);
    } catch {
      values = new Float64Array(run.rounds).fill(Number.NaN);
    }
    run.derived.set(metric.key, values);
  }
  return values;
}

/**
 * @param {Run} run
 * @returns {Metric[]}
 */
function candidates(run) {
  const column = (/** @type {string} */ name) => (/** @type {Run} */ of) => of.need(`rounds/${name}`);
  /** @type {Metric[]} */
  const list = [
    { key: "hours", label: "simulated hours", group: "time", unit: "h", values: hours },
    { key: "round", label: "round", group: "time", unit: "rounds", values: (of) => counting(of.rounds) },
    metric("active", "jobs in the system", "jobs", "jobs", column("active")),
    metric("running", "jobs running", "jobs", "jobs", column("running")),
    metric("queued", "jobs waiting", "jobs", "jobs", column("queued")),
    metric("arrived", "jobs arrived", "jobs", "jobs so far", column("arrived")),
    metric("completed", "jobs completed", "jobs", "jobs so far", column("completed")),
    metric("measured", "measured jobs completed", "jobs", "jobs so far", measuredDone),
    metric("rate", "completion rate, last 10 h", "jobs", "jobs per hour", column("completions_per_hour")),
    metric("utilization", "utilization, all", "utilization", "share", column("utilization")),
  ];
  for (const kind of run.cluster)
    list.push(
      metric(
        `utilization_${kind.name}`,
        `utilization, ${kind.name}`,
        "utilization",
        "share",
        column(`utilization_${kind.name}`),
      ),
    );
  list.push(
    metric("mean_jct", "mean JCT, cumulative", "completion times", "hours", (of) =>
      scaled(of.need("rounds/mean_jct"), 1 / 3600),
    ),
    metric("moving_jct", "mean JCT, last 10 h", "completion times", "hours", movingJct),
  );
  if (run.columns.has("rounds/lease_extensions"))
    list.push(metric("leases", "leases extended, last 10 h", "leases", "share", leaseShare));
  for (const name of run.columns.keys()) {
    const scale = /^rounds\/queued_scale_(\d+)$/.exec(name);
    if (scale)
      list.push(
        metric(
          name,
          `waiting for ${scale[1]} GPU${scale[1] === "1" ? "" : "s"}`,
          "queue by size",
          "jobs",
          (of) => of.need(name),
        ),
      );
  }
  for (const size of SLOTS)
    list.push(
      metric(`slots_${size}`, `free slots of ${size}`, "free GPUs", "slots", (of) => slots(of, size)),
    );
  for (const size of SLOTS)
    if (run.columns.has(`rounds/server_slots_${size}`))
      list.push(
        metric(
          `server_slots_${size}`,
          `free slots of ${size}, one server`,
          "free GPUs",
          "slots",
          column(`server_slots_${size}`),
        ),
      );
  const known = new Set([
    "time",
    "completions_per_hour",
    "lease_extensions",
    "lease_extension_opportunities",
  ]);
  for (const name of run.columns.keys())
    if (name.startsWith("rounds/")) {
      const key = name.slice("rounds/".length);
      if (!known.has(key) && !list.some((one) => one.key === key || one.key === name))
        list.push(metric(key, words(key), "other", words(key), column(key)));
    }
  return list;
}

/**
 * @param {string} key
 * @param {string} label
 * @param {string} group
 * @param {string} unit
 * @param {(run: Run) => ArrayLike<number>} values
 * @returns {Metric}
 */
function metric(key, label, group, unit, values) {
  return { key, label, group, unit, values };
}

/** @param {number} count */
function counting(count) {
  const values = new Int32Array(count);
  for (let i = 0; i < count; i++) values[i] = i;
  return values;
}

/** @param {Run} run */
function hours(run) {
  return scaled(run.time, 1 / 3600);
}

/**
 * @param {ArrayLike<number>} values
 * @param {number} factor
 */
function scaled(values, factor) {
  const made = new Float64Array(values.length);
  for (let i = 0; i < made.length; i++) made[i] = values[i] * factor;
  return made;
}

/**
 * Completed jobs in order of their finish.
 * @param {Run} run
 */
function inOrderOfFinish(run) {
  const finish = run.need("jobs/finish");
  const done = [];
  for (let job = 0; job < run.jobs; job++) if (Number.isFinite(finish[job])) done.push(job);
  return Uint32Array.from(done).sort((a, b) => finish[a] - finish[b]);
}

/** @param {Run} run */
function movingJct(run) {
  const finish = run.need("jobs/finish");
  const done = inOrderOfFinish(run);
  const values = new Float64Array(run.rounds);
  let head = 0;
  let tail = 0;
  let sum = 0;
  for (let round = 0; round < run.rounds; round++) {
    const now = run.time[round];
    while (head < done.length && finish[done[head]] <= now) sum += run.jct(done[head++]);
    while (tail < head && finish[done[tail]] <= now - WINDOW) sum -= run.jct(done[tail++]);
    values[round] = head > tail ? sum / (head - tail) / 3600 : Number.NaN;
  }
  return values;
}

/** @param {Run} run */
function measuredDone(run) {
  const finish = run.need("jobs/finish");
  const measured = run.need("jobs/measured");
  const done = inOrderOfFinish(run).filter((job) => measured[job]);
  const values = new Int32Array(run.rounds);
  for (let round = 0, head = 0; round < run.rounds; round++) {
    while (head < done.length && finish[done[head]] <= run.time[round]) head++;
    values[round] = head;
  }
  return values;
}

/** @param {Run} run */
function leaseShare(run) {
  const kept = run.need("rounds/lease_extensions");
  const possible = run.need("rounds/lease_extension_opportunities");
  const values = new Float64Array(run.rounds);
  let tail = 0;
  let extended = 0;
  let opportunities = 0;
  for (let round = 0; round < run.rounds; round++) {
    extended += kept[round];
    opportunities += possible[round];
    while (run.time[tail] <= run.time[round] - WINDOW) {
      extended -= kept[tail];
      opportunities -= possible[tail];
      tail++;
    }
    values[round] = opportunities ? extended / opportunities : Number.NaN;
  }
  return values;
}

/**
 * How many jobs of a scale factor would find free workers of one type.
 * @param {Run} run
 * @param {number} size
 */
function slots(run, size) {
  const values = new Int32Array(run.rounds);
  for (const kind of run.cluster) {
    const used = run.need(`rounds/utilization_${kind.name}`);
    for (let round = 0; round < run.rounds; round++)
      values[round] += Math.floor(Math.round(kind.workers * (1 - used[round])) / size);
  }
  return values;
}

/**
 * Whether all jobs are there at once: their queue has nothing to grow by.
 * @param {Run} run
 */
export function isBatch(run) {
  const arrival = run.need("jobs/arrival");
  return arrival.every((/** @type {number} */ one) => one === arrival[0]);
}

/**
 * Straight line through the second half of a run's jobs in the system: how fast the queue grows; none of a batch.
 * @param {Run} run
 * @returns {{perDay: number, error: number, from: number, to: number, at: (seconds: number) => number} | null}
 */
export function growth(run) {
  const time = run.time;
  const active = run.need("rounds/active");
  const first = run.roundAt(run.end / 2);
  const count = run.rounds - first;
  if (first < 0 || count < 20 || isBatch(run)) return null;
  let meanT = 0;
  let meanA = 0;
  for (let i = first; i < run.rounds; i++) {
    meanT += time[i] / count;
    meanA += active[i] / count;
  }
  let square = 0;
  let product = 0;
  for (let i = first; i < run.rounds; i++) {
    square += (time[i] - meanT) ** 2;
    product += (time[i] - meanT) * (active[i] - meanA);
  }
  if (!(square > 0)) return null;
  const slope = product / square;
  const at = (/** @type {number} */ seconds) => meanA + slope * (seconds - meanT);
  // Neighbouring rounds are alike: the error comes from the slopes of ten stretches.
  const slopes = [];
  for (let k = 0; k < 10; k++) {
    const i = first + Math.floor((k * (count - 1)) / 10);
    const j = first + Math.floor(((k + 1) * (count - 1)) / 10);
    if (time[j] > time[i]) slopes.push((active[j] - active[i]) / (time[j] - time[i]));
  }
  const mean = slopes.reduce((sum, one) => sum + one, 0) / slopes.length;
  const spread = slopes.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(slopes.length - 1, 1);
  return {
    perDay: slope * 86400,
    error: Math.sqrt(spread / slopes.length) * 86400,
    from: time[first],
    to: time[run.rounds - 1],
    at,
  };
}
