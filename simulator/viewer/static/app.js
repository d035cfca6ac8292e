// The page: which runs are open, which tab is shown, and the address that remembers both.

import { pick, RUN_COLOURS } from "./colours.js";
import { clusterTab } from "./cluster_tab.js";
import { compareTab } from "./compare_tab.js";
import { el, fill } from "./dom.js";
import { enginesTab } from "./engines_tab.js";
import { brief } from "./format.js";
import { jobsTab } from "./jobs_tab.js";
import { metricsTab } from "./metrics_tab.js";
import { resultsTab } from "./results_tab.js";
import { Run } from "./run.js";
import { EMBEDDED, json } from "./source.js";

const TABS = ["Results", "Metrics", "Cluster", "Jobs", "Engines", "Compare"];
const EVERY = 2000;

const app = /** @type {HTMLElement} */ (document.getElementById("app"));

const state = {
  catalog: /** @type {any} */ (null),
  /** @type {string[]} Runs that are open, in order. */
  open: [],
  tab: "Metrics",
  job: { run: "", job: -1 },
};

/** @type {Map<string, {reading: Promise<Run>, stamp: number, read: boolean}>} */
const loaded = new Map();
/** How many drawings have been asked for. */
let drawing = 0;

const content = el("main", { id: "content", role: "tabpanel", tabindex: -1 });
const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "Views" });
const picker = el("div", { class: "runs" });

const THEMES = ["auto", "light", "dark"];
const dark = matchMedia("(prefers-color-scheme: dark)");

wear(THEMES[0]);
start();

async function start() {
  try {
    state.catalog = await json("catalog");
  } catch (wrong) {
    fill(app, el("p", { class: "boot" }, `The runs cannot be read: ${/** @type {Error} */ (wrong).message}`));
    return;
  }
  remembered();
  fill(
    app,
    el("header", {}, el("div", { class: "bar1" }, el("h1", {}, "gavel-sim"), tabs, themeButton()), picker),
    content,
  );
  await show();
  if (state.catalog.follow) setTimeout(follow, EVERY);
}

/** Take the tab and the open runs from the address, or choose what suits. */
function remembered() {
  const said = new URLSearchParams(location.hash.slice(1));
  const known = new Set(state.catalog.runs.map((/** @type {any} */ one) => one.id));
  state.open = (said.get("runs") ?? "").split(",").filter((id) => known.has(id));
  const readable = state.catalog.runs.filter((/** @type {any} */ one) => one.readable);
  if (state.open.length === 0) state.open = readable.slice(0, 2).map((/** @type {any} */ one) => one.id);
  const wanted = said.get("tab") ?? "";
  state.tab = TABS.includes(wanted) ? wanted : studies() ? "Results" : "Metrics";
  if (said.has("job")) state.job = { run: state.open[0], job: Number(said.get("job")) };
}

function remember() {
  const said = new URLSearchParams({ tab: state.tab, runs: state.open.join(",") });
  history.replaceState(null, "", `#${said}`);
}

/** Draw everything anew: the last that asked is drawn, whoever waits longer for its runs. */
async function show() {
  drawing += 1;
  const mine = drawing;
  remember();
  drawTabs();
  drawPicker();
  content.setAttribute("aria-label", state.tab);
  if (state.tab === "Results") {
    fill(content, resultsTab(state.catalog.studies, openEntry, !EMBEDDED));
    return;
  }
  const damaged = notices();
  const wanted = state.open.filter((id) => entry(id)?.readable);
  if (!wanted.every(isRead)) fill(content, damaged, el("p", { class: "boot" }, "Reading the runs …"));
  let runs;
  try {
    runs = await Promise.all(wanted.map(load));
  } catch (wrong) {
    if (mine !== drawing) return;
    fill(
      content,
      damaged,
      el("p", { class: "note" }, `A run cannot be read: ${/** @type {Error} */ (wrong).message}`),
    );
    return;
  }
  if (mine !== drawing) return;
  if (runs.length === 0) {
    fill(
      content,
      damaged,
      el(
        "p",
        { class: "hint" },
        studies()
          ? "No run is open. In Results a point opens its runs."
          : "No run is open. The buttons above open one.",
      ),
    );
    return;
  }
  document.title = `${brief(runs.map((run) => run.label).join(", "), 80)} – gavel-sim`;
  /** @type {Record<string, () => Node>} */
  const made = {
    Metrics: () => metricsTab(runs),
    Cluster: () => clusterTab(runs, { openJob, reload }),
    Jobs: () => jobsTab(runs, state.job),
    Engines: () => enginesTab(runs, reload),
    Compare: () => compareTab(runs, openJob),
  };
  fill(content, damaged, made[state.tab]());
}

/** What is to be said of runs that cannot be shown, or not as a whole. */
function notices() {
  return state.catalog.runs
    .filter((/** @type {any} */ one) => !one.readable)
    .map((/** @type {any} */ one) =>
      el(
        "p",
        { class: "note", role: "status" },
        `${brief(one.label, 80)}: ${brief(one.message || one.state, 300)}`,
      ),
    );
}

/**
 * @param {string} id
 * @returns {any}
 */
function entry(id) {
  return state.catalog.runs.find((/** @type {any} */ one) => one.id === id);
}

/** @param {string} id */
function isRead(id) {
  const kept = loaded.get(id);
  return kept?.read && kept.stamp === entry(id)?.stamp;
}

/**
 * A run, read once however many ask for it meanwhile.
 * @param {string} id
 * @returns {Promise<Run>}
 */
function load(id) {
  const found = entry(id);
  const kept = loaded.get(id);
  if (kept && kept.stamp === found.stamp) return kept.reading;
  const made = { reading: Run.load(found), stamp: found.stamp, read: false };
  made.reading.then(
    () => {
      made.read = true;
    },
    () => {
      if (loaded.get(id) === made) loaded.delete(id);
    },
  );
  loaded.set(id, made);
  return made.reading;
}

function studies() {
  return Object.keys(state.catalog.studies).length > 0;
}

function drawTabs() {
  const shown = TABS.filter((name) => studies() || name !== "Results");
  fill(
    tabs,
    shown.map((name) =>
      el(
        "button",
        {
          role: "tab",
          id: `tab-${name}`,
          "aria-selected": name === state.tab ? "true" : "false",
          "aria-controls": "content",
          tabindex: name === state.tab ? 0 : -1,
          click: () => go(name),
          keydown: (/** @type {KeyboardEvent} */ event) => {
            const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
            if (!step) return;
            event.preventDefault();
            const next = shown[(shown.indexOf(name) + step + shown.length) % shown.length];
            go(next).then(() => document.getElementById(`tab-${next}`)?.focus());
          },
        },
        name,
      ),
    ),
  );
}

/** @param {string} name */
function go(name) {
  state.tab = name;
  return show();
}

function drawPicker() {
  const runs = state.catalog.runs.filter((/** @type {any} */ one) => one.readable);
  if (runs.length < 2) {
    fill(picker);
    return;
  }
  fill(
    picker,
    runs.map((/** @type {any} */ one) => {
      const place = state.open.indexOf(one.id);
      const mark = el("i", { class: "swatch" });
      if (place >= 0) mark.style.background = pick(RUN_COLOURS, place);
      return el(
        "button",
        {
          class: "run",
          "aria-pressed": place >= 0 ? "true" : "false",
          title: place >= 0 ? "Close this run" : "Open this run beside the others",
          click: () => {
            state.open = place >= 0 ? state.open.filter((id) => id !== one.id) : [...state.open, one.id];
            show();
          },
        },
        mark,
        brief(one.label, 60),
      );
    }),
  );
}

/**
 * Open the run behind an entry of a study.
 * @param {string} study
 * @param {number} place
 * @param {boolean} beside
 */
async function openEntry(study, place, beside) {
  const { run } = await json(`study/${study}/open?entry=${place}`);
  state.catalog = await json("catalog");
  state.open = beside ? [...state.open.filter((id) => id !== run).slice(0, 5), run] : [run];
  await go(beside && state.open.length > 1 ? "Compare" : "Metrics");
}

/**
 * @param {Run} run
 * @param {number} job
 */
function openJob(run, job) {
  state.job = { run: run.id, job };
  go("Jobs");
}

async function reload() {
  state.catalog = await json("catalog");
  loaded.clear();
  await show();
}

/** Ask what is new, and draw it if something is. */
async function follow() {
  try {
    const before = JSON.stringify(state.catalog);
    const found = await json("catalog");
    if (JSON.stringify(found) !== before) {
      state.catalog = found;
      if (state.open.length === 0) remembered();
      const scrolled = window.scrollY;
      await show();
      window.scrollTo(0, scrolled);
    }
  } catch {
    content.prepend(
      el(
        "p",
        { class: "note", role: "status" },
        "The viewer has been stopped: what you see is not followed any more.",
      ),
    );
    return;
  }
  setTimeout(follow, EVERY);
}

/**
 * Puts a theme on the page.
 * @param {string} theme
 */
function wear(theme) {
  document.documentElement.dataset.theme = theme !== "auto" ? theme : dark.matches ? "dark" : "light";
}

/** Light, dark, or as the system is. */
function themeButton() {
  let now = 0;
  const button = el(
    "button",
    {
      class: "theme",
      click: () => {
        now = (now + 1) % THEMES.length;
        wear(THEMES[now]);
        button.textContent = `colours: ${THEMES[now]}`;
        show();
      },
      title: "As the system has them, light or dark",
    },
    `colours: ${THEMES[0]}`,
  );
  dark.addEventListener("change", () => {
    wear(THEMES[now]);
    if (now === 0) show();
  });
  return button;
}
