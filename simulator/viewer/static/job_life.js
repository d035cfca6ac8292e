// One job's life: waiting, running and where, and why it did not run.

import { FAMILY_COLOURS, pick, theme } from "./colours.js";
import { el, fill, onWidth, sized } from "./dom.js";
import { brief, duration, moment, number } from "./format.js";
import { EMBEDDED, json } from "./source.js";
import { answer as offline } from "./waits.js";
import { why } from "./why.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {{from: number, to: number, type: number, workers: number[], partner: number}} Stay */

const LANE = 26;

/**
 * @param {Run} run
 * @param {number} job
 */
export function jobLife(run, job) {
  const box = el("section", { class: "panel life", "aria-label": `Life of job ${job}` });
  const arrival = run.need("jobs/arrival")[job];
  const finish = run.need("jobs/finish")[job];
  fill(
    box,
    el(
      "h3",
      {},
      `Job ${number(job)}`,
      el(
        "small",
        {},
        ` ${brief(run.typeName(job))}, ${number(run.need("jobs/scale_factor")[job])} GPU${run.need("jobs/scale_factor")[job] === 1 ? "" : "s"}`,
      ),
    ),
    el("p", { class: "hint" }, "Reading …"),
  );
  const show = (/** @type {Stay[] | null} */ stays) => {
    const answer = el("div", { class: "why", "aria-live": "polite" });
    const ask = asker(run, job, answer);
    fill(
      box,
      /** @type {Element} */ (box.firstElementChild),
      facts(run, job, stays),
      stays && timeline(run, job, stays, ask),
      stays === null &&
        el(
          "p",
          { class: "hint" },
          "Who ran where was not recorded for this run; the Cluster tab can simulate it again.",
        ),
      whyForm(run, arrival, finish, ask),
      answer,
    );
  };
  Promise.all([
    run.entry.placements ? run.loadPlacements() : null,
    run.entry.allocations ? run.loadShares() : null,
  ]).then(
    () => show(run.placements ? staysOf(run, job) : null),
    (wrong) => fill(box, el("p", { class: "note" }, String(wrong.message))),
  );
  return box;
}

/**
 * Where a job was from when to when, its workers together.
 * @param {Run} run
 * @param {number} job
 * @returns {Stay[]}
 */
function staysOf(run, job) {
  const placements = run.placements;
  if (!placements) return [];
  /** @type {Stay[]} */
  const stays = [];
  for (const segment of placements.ofJob(job)) {
    const worker = placements.workerOf(segment);
    const from = placements.first[segment];
    const to = placements.last[segment];
    const last = stays[stays.length - 1];
    const partner = placements.job[segment] === job ? placements.partner[segment] : placements.job[segment];
    if (last && last.from === from && last.to === to && last.partner === partner) last.workers.push(worker);
    else stays.push({ from, to, type: run.typeOfWorker(worker), workers: [worker], partner });
  }
  return stays;
}

/**
 * @param {Run} run
 * @param {number} job
 * @param {Stay[] | null} stays
 */
function facts(run, job, stays) {
  const arrival = run.need("jobs/arrival")[job];
  const finish = run.need("jobs/finish")[job];
  /** @type {[string, string][]} */
  const list = [
    ["arrived", moment(arrival)],
    [
      "finished",
      Number.isFinite(finish)
        ? moment(finish)
        : run.columns.get("jobs/dropped")?.[job]
          ? "dropped after five attempts without a whole step for each worker"
          : "not by the end of the run",
    ],
    ["JCT", duration(finish - arrival)],
  ];
  if (stays && stays.length > 0) {
    list.push(["waited before its first round", duration(run.time[stays[0].from] - arrival)]);
    const rounds = new Set();
    for (const stay of stays) for (let round = stay.from; round <= stay.to; round++) rounds.add(round);
    list.push(["rounds run", number(rounds.size)]);
    for (const [place, kind] of run.cluster.entries()) {
      let count = 0;
      const mine = new Set();
      for (const stay of stays)
        if (stay.type === place) for (let round = stay.from; round <= stay.to; round++) mine.add(round);
      count = mine.size;
      if (count > 0) list.push([`of them on ${brief(kind.name, 20)}`, number(count)]);
    }
  } else if (stays) list.push(["ran", "never"]);
  return el(
    "dl",
    { class: "pairs wide" },
    list.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}

/**
 * @param {Run} run
 * @param {number} job
 * @param {Stay[]} stays
 * @param {(round: number) => void} ask
 */
function timeline(run, job, stays, ask) {
  const arrival = run.need("jobs/arrival")[job];
  const finish = run.need("jobs/finish")[job];
  const end = Number.isFinite(finish) ? finish : run.end;
  const kinds = run.cluster;
  const height = LANE * (kinds.length + 1) + 26;
  const canvas = el("canvas", {
    role: "img",
    "aria-label": `Job ${job} from ${moment(arrival)} to ${moment(end)}: ${stays.length} stays on GPUs. The table of facts and the question below say the same in words.`,
  });
  const said = el(
    "p",
    { class: "under" },
    `Each lane is a worker type${run.shares ? ", the line in it the job's share" : ""}, the lowest one waiting. Click for the reason at that time.`,
  );
  const box = el("div", { class: "chart" }, canvas, said);
  const left = 74;
  let width = 0;
  const px = (/** @type {number} */ seconds) =>
    left + ((seconds - arrival) / Math.max(end - arrival, 1)) * (width - left - 6);
  const draw = () => {
    const context = sized(canvas, width, height);
    const look = theme();
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    kinds.forEach((kind, place) => {
      context.fillStyle = look.muted;
      context.fillText(brief(kind.name, 10), 0, LANE * place + LANE / 2);
      context.fillStyle = look.free;
      context.fillRect(left, LANE * place + 4, width - left - 6, LANE - 8);
    });
    context.fillStyle = look.muted;
    context.fillText("waiting", 0, LANE * kinds.length + LANE / 2);
    const over = (/** @type {Stay} */ stay) =>
      stay.to + 1 < run.rounds ? Math.min(run.time[stay.to + 1], end) : end;
    context.fillStyle = look.muted;
    for (const [from, to] of gaps(
      stays.map((stay) => [run.time[stay.from], over(stay)]),
      arrival,
      end,
    ))
      context.fillRect(px(from), LANE * kinds.length + 8, Math.max(px(to) - px(from), 1), LANE - 16);
    for (const stay of stays) {
      const from = px(run.time[stay.from]);
      const to = px(over(stay));
      context.fillStyle = pick(FAMILY_COLOURS, stay.type);
      context.globalAlpha = stay.partner >= 0 ? 0.55 : 1;
      context.fillRect(from, LANE * stay.type + 4, Math.max(to - from, 0.5), LANE - 8);
      context.globalAlpha = 1;
    }
    if (run.shares) drawShares(context, run, run.shares, job, px, end, look.ink);
    context.fillStyle = look.muted;
    context.textAlign = "left";
    context.fillText(moment(arrival), left, height - 12);
    context.textAlign = "right";
    context.fillText(moment(end), width - 6, height - 12);
    context.textAlign = "left";
  };
  const roundAt = (/** @type {MouseEvent} */ event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    return Math.max(0, run.roundAt(arrival + ((x - left) / (width - left - 6)) * (end - arrival)));
  };
  canvas.addEventListener("pointermove", (event) => {
    const round = roundAt(event);
    const stay = stays.find((one) => one.from <= round && round <= one.to);
    said.textContent = `round ${number(round)}, ${moment(run.time[round])}: ${
      stay
        ? `on ${brief(kinds[stay.type].name, 20)}, GPU${stay.workers.length > 1 ? "s" : ""} ${stay.workers.join(", ")}${stay.partner >= 0 ? `, beside job ${stay.partner}` : ""}`
        : "waiting"
    }${shareText(run, job, round)}`;
  });
  canvas.addEventListener("click", (event) => ask(roundAt(event)));
  onWidth(box, (wide) => {
    width = wide;
    draw();
  });
  return box;
}

/**
 * What of a stretch of time lies in none of some parts of it.
 * @param {number[][]} parts
 * @param {number} from
 * @param {number} to
 */
export function gaps(parts, from, to) {
  const found = [];
  let at = from;
  for (const [begins, ends] of parts.sort(([a], [b]) => a - b)) {
    if (begins > at) found.push([at, begins]);
    at = Math.max(at, ends);
  }
  if (at < to) found.push([at, to]);
  return found;
}

/**
 * A job's shares in a round, in words.
 * @param {Run} run
 * @param {number} job
 * @param {number} round
 */
function shareText(run, job, round) {
  if (!run.shares) return "";
  const all = run.shares.ofJob(job).filter((one) => one.round <= round);
  const last = all.length > 0 ? all[all.length - 1].round : -1;
  if (last < 0) return "; no share yet";
  if ((run.shares.next(last) ?? 0) <= round) return "; share 0";
  const now = all.filter((one) => one.round === last);
  const said = now.map(
    (one) =>
      `${number(one.share, 4)} on ${brief(run.cluster[one.type].name, 20)}${one.partner >= 0 ? ` beside job ${one.partner}` : ""}`,
  );
  return `; share ${said.join(", ")}`;
}

/**
 * A job's share on each worker type, as a line in its lane: at the top for a share of 1.
 * @param {CanvasRenderingContext2D} context
 * @param {Run} run
 * @param {import("./shares.js").Shares} shares
 * @param {number} job
 * @param {(seconds: number) => number} px
 * @param {number} end
 * @param {string} ink
 */
function drawShares(context, run, shares, job, px, end, ink) {
  context.strokeStyle = ink;
  context.lineWidth = 1.2;
  run.cluster.forEach((_, type) => {
    /** @type {Map<number, number>} */
    const sums = new Map();
    for (const one of shares.ofJob(job))
      sums.set(one.round, (sums.get(one.round) ?? 0) + (one.type === type ? one.share : 0));
    context.beginPath();
    for (const [round, share] of sums) {
      const until = shares.next(round);
      const from = px(run.time[Math.min(round, run.rounds - 1)]);
      const to = px(until < run.rounds ? Math.min(run.time[until], end) : end);
      const y = LANE * type + LANE - 4 - Math.min(share, 1) * (LANE - 8);
      context.moveTo(from, y);
      context.lineTo(Math.max(to, from), y);
    }
    context.stroke();
  });
}

/**
 * A form to ask for the reason in a round.
 * @param {Run} run
 * @param {number} arrival
 * @param {number} finish
 * @param {(round: number) => void} ask
 */
function whyForm(run, arrival, finish, ask) {
  const first = Math.max(0, run.roundAt(arrival));
  const last = Number.isFinite(finish) ? run.roundAt(finish) : run.rounds - 1;
  const input = el("input", {
    type: "number",
    min: 0,
    max: run.rounds - 1,
    value: Math.min(first + 1, last),
    name: "round",
  });
  return el(
    "form",
    {
      class: "tools",
      submit: (/** @type {Event} */ event) => {
        event.preventDefault();
        ask(Number(input.value));
      },
    },
    el(
      "label",
      { class: "field" },
      el("span", {}, `Why in round (it was there from ${number(first)} to ${number(last)})`),
      input,
    ),
    el("button", { class: "action", type: "submit" }, "Explain"),
  );
}

/**
 * @param {Run} run
 * @param {number} job
 * @param {HTMLElement} answer
 */
function asker(run, job, answer) {
  let asked = 0;
  return async (/** @type {number} */ round) => {
    if (EMBEDDED) {
      fill(answer, await embeddedAnswer(run, job, Math.min(Math.max(round, 0), run.rounds - 1)));
      return;
    }
    const mine = ++asked;
    fill(answer, el("p", { class: "hint" }, `Going back to round ${number(round)} …`));
    try {
      const found = await json(`run/${run.id}/explain?job=${job}&round=${round}`);
      if (mine === asked) fill(answer, why(found));
    } catch (wrong) {
      if (mine === asked)
        fill(answer, el("p", { class: "note" }, String(/** @type {Error} */ (wrong).message)));
    }
  };
}

/**
 * What the file itself knows, and how to find out more.
 * @param {Run} run
 * @param {number} job
 * @param {number} round
 */
async function embeddedAnswer(run, job, round) {
  const command = el(
    "pre",
    {},
    `gavel-sim explain ${quoted(String(run.summary.folder ?? run.label))} --job ${job} --round ${round}`,
  );
  const waits = await run.loadWaits();
  if (!waits)
    return [
      el("p", {}, `The reasons are not in this file (${run.entry.why}). The answer in a terminal: `),
      command,
    ];
  const stay = staysOf(run, job).find((one) => one.from <= round && round <= one.to);
  const where = stay
    ? `on ${brief(run.cluster[stay.type].name, 20)}, GPU${stay.workers.length > 1 ? "s" : ""} ${stay.workers.join(", ")}${stay.partner >= 0 ? `, beside job ${stay.partner}` : ""}`
    : "";
  const shares = shareText(run, job, round).replace(/^; (.)/, (_, first) => first.toUpperCase());
  return [
    why(offline(run, waits, job, round, shares, where)),
    el("p", { class: "hint" }, "The order in which jobs were considered, with priorities and prices: "),
    command,
  ];
}

/** @param {string} text */
function quoted(text) {
  return /^[\w./,=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
