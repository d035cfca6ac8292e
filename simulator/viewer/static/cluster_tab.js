// Cluster: who runs where, played back; two runs side by side by simulated time.

import { FAMILY_COLOURS, pick } from "./colours.js";
import { choice, el, fill } from "./dom.js";
import { brief, duration, number } from "./format.js";
import { GpuGrid } from "./gpu_grid.js";
import { Playback } from "./playback.js";
import { simulateAgain } from "./simulate_again.js";
import { strip } from "./strip.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./placements.js").Placements} Placements */

/** @type {Map<string, number>} Round that was last looked at, by run. */
const seen = new Map();

/**
 * @param {Run[]} runs
 * @param {{openJob: (run: Run, job: number) => void, reload: () => void}} page
 */
export function clusterTab(runs, page) {
  const box = el("div", {}, el("p", { class: "hint" }, "Reading who ran where …"));
  const shown = runs.slice(0, 2);
  Promise.all(shown.map((run) => placementsOf(run)))
    .then((found) => {
      const whole = shown.flatMap((run, place) => {
        const placements = found[place];
        return placements ? [{ run, placements }] : [];
      });
      fill(
        box,
        shown.map(
          (run, place) =>
            !found[place] &&
            el(
              "section",
              { class: "panel" },
              simulateAgain(
                run,
                `${brief(run.label)}: who ran where was not recorded (gavel-sim run --record placements).`,
                page.reload,
              ),
            ),
        ),
        whole.length > 0 && grids(whole, page),
        runs.length > 2 && el("p", { class: "hint" }, "The first two runs are shown here."),
      );
    })
    .catch((wrong) => fill(box, el("p", { class: "note" }, String(wrong.message ?? wrong))));
  return box;
}

/** @param {Run} run */
async function placementsOf(run) {
  return run.entry.placements ? run.loadPlacements() : null;
}

/**
 * @param {{run: Run, placements: Placements}[]} whole
 * @param {{openJob: (run: Run, job: number) => void}} page
 */
function grids(whole, page) {
  const first = whole[0].run;
  const cards = whole.map(({ run, placements }) => card(run, placements, page));
  const overview = strip(first, (round) => {
    playback.stop();
    playback.to(round);
  });
  const playback = new Playback(first, (seconds) => {
    seen.set(first.id, playback.round);
    overview.show(playback.round);
    for (const one of cards) one.show(seconds);
  });
  const tab = el(
    "div",
    { class: "cluster", tabindex: -1, keydown: (/** @type {KeyboardEvent} */ event) => playback.key(event) },
    el(
      "section",
      { class: "panel" },
      playback.element,
      overview.element,
      el(
        "p",
        { class: "under" },
        "Space plays, arrows step (with shift by ten), home and end jump.",
        whole.some(({ placements }) => placements.every > 1) &&
          ` There are too many placements for a page: they are shown as of every ${number(Math.max(...whole.map(({ placements }) => placements.every)))} rounds.`,
      ),
    ),
    el(
      "div",
      { class: "tools" },
      choice(
        "Colour by",
        [
          { value: "family", label: "model family" },
          { value: "scale", label: "GPUs of the job" },
          { value: "job", label: "job" },
        ],
        "family",
        (value) => {
          for (const one of cards) one.colour(/** @type {"family" | "job" | "scale"} */ (value));
        },
      ),
    ),
    el(
      "div",
      { class: whole.length > 1 ? "two" : "" },
      cards.map((one) => one.element),
    ),
  );
  queueMicrotask(() => playback.to(seen.get(first.id) ?? Math.floor(first.rounds / 2)));
  return tab;
}

/**
 * The grid of one run, with its legend and the job under the pointer.
 * @param {Run} run
 * @param {Placements} placements
 * @param {{openJob: (run: Run, job: number) => void}} page
 */
function card(run, placements, page) {
  const said = el("div", { class: "about", "aria-live": "polite" });
  const counts = el("p", { class: "counts" });
  const legend = el("p", { class: "legend" });
  let round = 0;
  let pinned = -1;
  const grid = new GpuGrid(run, placements, {
    hovered: (worker, segment) => {
      if (pinned >= 0) return;
      grid.mark(segment < 0 ? -1 : placements.job[segment]);
      fill(said, about(worker, segment));
    },
    chosen: (segment) => {
      pinned = segment < 0 ? -1 : placements.job[segment];
      grid.mark(pinned);
      fill(said, segment < 0 ? hint() : about(placements.workerOf(segment), segment));
    },
  });
  const hint = () => el("p", { class: "hint" }, "Point at a GPU for its job; click to keep it marked.");
  const about = (/** @type {number} */ worker, /** @type {number} */ segment) => {
    if (worker < 0) return hint();
    const kind = run.cluster[run.typeOfWorker(worker)];
    if (segment < 0) return el("p", {}, `GPU ${number(worker)} (${brief(kind.name, 30)}) is free.`);
    const jobs = [placements.job[segment], placements.partner[segment]].filter((job) => job >= 0);
    return el(
      "p",
      {},
      `GPU ${number(worker)} (${brief(kind.name, 30)}): `,
      jobs.map((job, place) => [
        place > 0 && " beside ",
        el("button", { class: "link", click: () => page.openJob(run, job) }, `job ${number(job)}`),
        `, ${brief(run.typeName(job))}, ${gpus(run.need("jobs/scale_factor")[job])}`,
      ]),
      `, here in rounds ${number(placements.first[segment])} to ${number(placements.last[segment])}`,
      Number.isFinite(run.jct(jobs[0])) ? `; JCT ${duration(run.jct(jobs[0]))}` : "",
    );
  };
  const key = (/** @type {string} */ by) => {
    const sizes = ["1 GPU", "2", "4", "8"].map((name, place) => ({ name, place }));
    const entries = by === "scale" ? sizes : by === "family" ? run.presentFamilies : [];
    fill(
      legend,
      entries.map(({ name, place }) => {
        const mark = el("i", { class: "swatch" });
        mark.style.background = pick(FAMILY_COLOURS, place);
        return el("span", {}, mark, brief(name, 40));
      }),
    );
  };
  key("family");
  fill(said, hint());
  return {
    element: el(
      "section",
      { class: "panel" },
      el("h3", {}, brief(run.label, 80)),
      counts,
      legend,
      grid.element,
      said,
    ),
    colour: (/** @type {"family" | "job" | "scale"} */ by) => {
      grid.colour(by);
      key(by);
    },
    show: (/** @type {number} */ seconds) => {
      round = Math.max(0, run.roundAt(seconds));
      grid.show(round);
      const count = (/** @type {string} */ name) => number(run.need(`rounds/${name}`)[round]);
      counts.textContent =
        seconds > run.end && run.end > 0
          ? `over by then; its last round, ${number(round)}`
          : `round ${number(round)}: ${count("running")} jobs running, ${count("queued")} waiting, ${count("completed")} completed`;
    },
  };
}

/** @param {number} count */
function gpus(count) {
  return `${number(count)} GPU${count === 1 ? "" : "s"}`;
}
