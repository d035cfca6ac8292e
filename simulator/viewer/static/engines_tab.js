// Engines: what solving cost, how good the answers were, who had to help out.

import { FAMILY_COLOURS, pick } from "./colours.js";
import { el } from "./dom.js";
import { figure } from "./figure.js";
import { brief, duration, number, percent, words } from "./format.js";
import { lineChart } from "./line_chart.js";
import { simulateAgain } from "./simulate_again.js";
import { table } from "./table.js";

/** @typedef {import("./run.js").Run} Run */

/**
 * @param {Run[]} runs
 * @param {() => void} reload
 */
export function enginesTab(runs, reload) {
  return el(
    "div",
    { class: runs.length > 1 ? "two" : "" },
    runs.map((run) => card(run, reload)),
  );
}

/**
 * @param {Run} run
 * @param {() => void} reload
 */
function card(run, reload) {
  const solve = run.summary.solve ?? {};
  const refusals = Object.entries(solve.refusals ?? {});
  const versions = run.summary.versions ?? {};
  const solved = solve.programs !== 0;
  return el(
    "section",
    { class: "panel" },
    el("h2", {}, solved ? brief(String(run.summary.engine ?? "engine"), 60) : "no program was solved"),
    el(
      "p",
      { class: "sub" },
      brief(run.label, 60),
      solved && versions.engine && ` · ${brief(String(versions.engine), 60)}`,
      solved && ` · ties: ${brief(String(run.summary.config?.tie_break ?? ""), 30)}`,
    ),
    el(
      "dl",
      { class: "figures" },
      figure(
        "programs solved",
        number(solve.programs ?? Number.NaN),
        `${number(run.summary.allocations ?? Number.NaN)} allocations`,
      ),
      solved && [
        figure(
          "models kept",
          number(solve.cache_hits ?? Number.NaN),
          solve.programs ? `${percent(solve.cache_hits / solve.programs)} of the programs` : "",
        ),
        figure("fallbacks", number(solve.fallbacks ?? Number.NaN), "answers refused and found elsewhere"),
        figure("primal residual", size(solve.max_primal_residual), "the worst of the run"),
        figure("dual residual", size(solve.max_dual_residual), "the worst of the run"),
        figure("relative gap", size(solve.max_relative_gap), "the worst of the run"),
      ],
    ),
    el("h3", {}, "Wall clock by part"),
    times(run.summary.time ?? {}),
    refusals.length > 0 && [
      el("h3", {}, "Why answers were refused"),
      table(
        "Why answers were refused",
        ["engine and reason", "times"],
        refusals.map(([reason, count]) => [brief(reason, 160), number(Number(count))]),
      ),
    ],
    certificates(run, reload),
  );
}

/**
 * Residuals, fallbacks and seconds from one recomputation to the next.
 * @param {Run} run
 * @param {() => void} reload
 */
function certificates(run, reload) {
  const hours = run.columns.get("solves/time");
  if (!hours)
    return [
      el("h3", {}, "By allocation"),
      simulateAgain(run, "Residuals, gaps and fallbacks over time were not kept with this run.", reload),
    ];
  if (hours.length === 0) return null;
  const x = Float64Array.from(hours, (seconds) => seconds / 3600);
  const names = ["primal_residual", "dual_residual", "relative_gap", "fallbacks", "seconds"];
  const shown = run.summary.solve?.programs === 0 ? ["seconds"] : names;
  return shown
    .filter((name) => run.columns.has(`solves/${name}`))
    .map((name) => [
      el("h3", {}, `${words(name)} by allocation`),
      lineChart(
        { title: words(name), xLabel: "simulated hours", unit: "", height: 150, group: `engines-${run.id}` },
        [
          {
            label: words(name),
            x,
            y: run.need(`solves/${name}`),
            colour: pick(FAMILY_COLOURS, names.indexOf(name)),
          },
        ],
      ),
    ]);
}

/** @param {Record<string, number>} spent */
function times(spent) {
  const parts = Object.entries(spent).filter(
    ([name, seconds]) => name !== "total" && name !== "cpu" && name !== "compile" && seconds > 0,
  );
  const total = spent.total || parts.reduce((sum, [, seconds]) => sum + seconds, 0);
  const known = parts.reduce((sum, [, seconds]) => sum + seconds, 0);
  if (total - known > 0.005 * total) parts.push(["rest", total - known]);
  const bar = el("div", {
    class: "bar",
    role: "img",
    "aria-label": `Wall clock of ${duration(total)} by part`,
  });
  parts.forEach(([, seconds], place) => {
    const piece = el("i", {});
    piece.style.width = `${(100 * seconds) / total}%`;
    piece.style.background = pick(FAMILY_COLOURS, place);
    bar.append(piece);
  });
  const rows = parts.map(([name, seconds], place) => {
    const mark = el("i", { class: "swatch" });
    mark.style.background = pick(FAMILY_COLOURS, place);
    return [[mark, words(name)], `${number(seconds, 3)} s`, percent(seconds / total)];
  });
  return [
    bar,
    table("Wall clock by part", ["", "", ""], [...rows, ["total", `${number(total, 3)} s`, ""]], {
      mine: rows.length,
    }),
    spent.compile > 0 &&
      el(
        "p",
        { class: "under" },
        `and ${number(spent.compile, 3)} s for compiled code, which later runs do not need`,
      ),
  ];
}

/** @param {number | undefined} value */
function size(value) {
  if (value === undefined || value === null) return "–";
  return value === 0 ? "0" : value.toExponential(1);
}
