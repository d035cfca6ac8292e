// A table of all jobs: sorted, filtered, and drawn only where one looks.

import { choice, el, fill } from "./dom.js";
import { brief, duration, moment, number } from "./format.js";

/** @typedef {import("./run.js").Run} Run */
/**
 * @typedef {object} Field
 * @property {string} name
 * @property {(job: number) => number | string} key to sort by
 * @property {(job: number) => string} text
 * @property {boolean} [left] text rather than a number
 * @property {boolean} [wide] a moment, which needs more room
 */

const ROW = 30;
const SEEN = 16;

/**
 * @param {Run} run
 * @param {(job: number) => void} opened
 */
export function jobTable(run, opened) {
  const fields = fieldsOf(run);
  let sorted = fields[0];
  let down = false;
  let order = new Uint32Array(0);
  let current = 0;
  const filters = { text: "", family: "", scale: "", state: "" };
  const said = el("p", { class: "under", "aria-live": "polite" });
  const rows = el("div", { class: "rows", role: "presentation" });
  const space = el("div", { class: "space", role: "presentation" }, rows);
  const head = el("div", { class: "row head", role: "row", "aria-rowindex": 1 });
  const body = el(
    "div",
    { class: "body", tabindex: 0, role: "rowgroup", "aria-label": "Jobs; arrows choose, enter opens" },
    space,
  );
  const table = el(
    "div",
    {
      class: "jobtable",
      role: "grid",
      "aria-label": `Jobs of ${brief(run.label)}`,
      "aria-colcount": fields.length,
    },
    el("div", { role: "rowgroup" }, head),
    body,
  );
  const others = fields.slice(3).map((field) => (field.wide ? "116px" : "minmax(74px, 1fr)"));
  table.style.setProperty("--others", others.join(" "));

  const draw = () => {
    const first = Math.max(0, Math.floor(body.scrollTop / ROW) - 4);
    const last = Math.min(order.length, first + SEEN + 10);
    rows.style.transform = `translateY(${first * ROW}px)`;
    const made = [];
    for (let place = first; place < last; place++) {
      const job = order[place];
      made.push(
        el(
          "div",
          {
            class: place === current ? "row current" : "row",
            role: "row",
            id: `job-row-${place}`,
            "aria-rowindex": place + 2,
            "aria-selected": place === current ? "true" : "false",
            click: () => {
              current = place;
              draw();
              opened(job);
            },
          },
          fields.map((field) =>
            el("span", { role: "gridcell", class: field.left ? "left" : "" }, field.text(job)),
          ),
        ),
      );
    }
    fill(rows, made);
  };
  const arrange = () => {
    const kept = [];
    const finish = run.need("jobs/finish");
    const dropped = run.columns.get("jobs/dropped");
    const measured = run.columns.get("jobs/measured");
    const scale = run.need("jobs/scale_factor");
    const wanted = filters.text.trim().toLowerCase();
    for (let job = 0; job < run.jobs; job++) {
      if (filters.family && run.family(job) !== Number(filters.family)) continue;
      if (filters.scale && scale[job] !== Number(filters.scale)) continue;
      if (filters.state === "completed" && !Number.isFinite(finish[job])) continue;
      if (filters.state === "unfinished" && (Number.isFinite(finish[job]) || dropped?.[job])) continue;
      if (filters.state === "dropped" && !dropped?.[job]) continue;
      if (filters.state === "measured" && !measured?.[job]) continue;
      if (wanted && String(job) !== wanted && !run.typeName(job).toLowerCase().includes(wanted)) continue;
      kept.push(job);
    }
    order = Uint32Array.from(kept);
    const text = typeof sorted.key(0) === "string";
    const sign = down ? -1 : 1;
    if (text) {
      const keys = new Map(kept.map((job) => [job, String(sorted.key(job))]));
      order.sort((a, b) => sign * (keys.get(a) ?? "").localeCompare(keys.get(b) ?? "") || a - b);
    } else {
      const keys = Float64Array.from({ length: run.jobs }, (_, job) => Number(sorted.key(job)));
      // Missing values come last, whatever the direction.
      order.sort((a, b) => {
        const missing = Number(Number.isNaN(keys[a])) - Number(Number.isNaN(keys[b]));
        return missing || sign * (keys[a] - keys[b]) || a - b;
      });
    }
    current = 0;
    body.scrollTop = 0;
    space.style.height = `${order.length * ROW}px`;
    table.setAttribute("aria-rowcount", String(order.length + 1));
    said.textContent = `${number(order.length)} of ${number(run.jobs)} jobs, by ${sorted.name}${down ? ", largest first" : ""}. A click or enter shows a job's life.`;
    heading();
    draw();
  };
  const heading = () =>
    fill(
      head,
      fields.map((field) =>
        el(
          "span",
          {
            role: "columnheader",
            class: field.left ? "left" : "",
            "aria-sort": field === sorted ? (down ? "descending" : "ascending") : "none",
          },
          el(
            "button",
            {
              click: () => {
                down = field === sorted ? !down : false;
                sorted = field;
                arrange();
              },
            },
            field.name,
            field === sorted ? (down ? " ↓" : " ↑") : "",
          ),
        ),
      ),
    );
  body.addEventListener("scroll", () => requestAnimationFrame(draw));
  body.addEventListener("keydown", (event) => {
    /** @type {Record<string, number>} */
    const moves = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: SEEN,
      PageUp: -SEEN,
      Home: -order.length,
      End: order.length,
    };
    if (event.key === "Enter" && order.length > 0) opened(order[current]);
    else if (event.key in moves) {
      current = Math.max(0, Math.min(order.length - 1, current + moves[event.key]));
      const top = current * ROW;
      if (top < body.scrollTop) body.scrollTop = top;
      if (top + ROW > body.scrollTop + body.clientHeight) body.scrollTop = top + ROW - body.clientHeight;
      draw();
      said.textContent = `job ${number(order[current])}, ${brief(run.typeName(order[current]))}`;
    } else return;
    event.preventDefault();
  });
  const scales = [...new Set(run.need("jobs/scale_factor"))].sort((a, b) => a - b);
  const search = el("input", {
    type: "search",
    placeholder: "number or type",
    input: () => {
      filters.text = search.value;
      arrange();
    },
  });
  const pickOne = (/** @type {"family" | "scale" | "state"} */ name) => (/** @type {string} */ value) => {
    filters[name] = value;
    arrange();
  };
  arrange();
  return el(
    "section",
    { class: "panel" },
    el("h3", {}, "Jobs"),
    el(
      "div",
      { class: "tools" },
      el("label", { class: "field" }, el("span", {}, "Find"), search),
      choice(
        "Family",
        [
          { value: "", label: "all" },
          ...run.presentFamilies.map(({ name, place }) => ({ value: String(place), label: brief(name, 40) })),
        ],
        "",
        pickOne("family"),
      ),
      choice(
        "GPUs",
        [
          { value: "", label: "any" },
          ...scales.map((scale) => ({ value: String(scale), label: number(scale) })),
        ],
        "",
        pickOne("scale"),
      ),
      choice(
        "State",
        [
          { value: "", label: "all" },
          ...["completed", "unfinished", "dropped", "measured"].map((one) => ({ value: one, label: one })),
        ],
        "",
        pickOne("state"),
      ),
    ),
    el("div", { class: "scrollx", tabindex: 0, role: "region", "aria-label": "Table of jobs" }, table),
    said,
  );
}

/**
 * @param {Run} run
 * @returns {Field[]}
 */
function fieldsOf(run) {
  const column = (/** @type {string} */ name) => run.columns.get(`jobs/${name}`);
  const arrival = run.need("jobs/arrival");
  const finish = run.need("jobs/finish");
  const scale = run.need("jobs/scale_factor");
  /** @type {Field[]} */
  const fields = [
    { name: "job", key: (job) => job, text: (job) => number(job) },
    {
      name: "type",
      key: (job) => run.typeName(job),
      text: (job) => brief(run.typeName(job), 48),
      left: true,
    },
    { name: "GPUs", key: (job) => scale[job], text: (job) => number(scale[job]) },
    { name: "arrived", key: (job) => arrival[job], text: (job) => moment(arrival[job]), wide: true },
  ];
  const start = column("first_start");
  if (start)
    fields.push({
      name: "waited first",
      key: (job) => start[job] - arrival[job],
      text: (job) => duration(start[job] - arrival[job]),
    });
  fields.push(
    {
      name: "finished",
      key: (job) => finish[job],
      text: (job) => (column("dropped")?.[job] ? "dropped" : moment(finish[job])),
      wide: true,
    },
    { name: "JCT", key: (job) => run.jct(job), text: (job) => duration(run.jct(job)) },
  );
  const length = column("duration");
  if (length)
    fields.push({
      name: "slowdown",
      key: (job) => run.jct(job) / length[job],
      text: (job) => number(run.jct(job) / length[job], 2),
    });
  /** @type {[string, string, (value: number) => string][]} */
  const more = [
    ["finish_time_fairness", "FT fairness", (value) => number(value, 2)],
    ["preemptions", "preempted", (value) => number(value)],
    ["cost", "cost, $", (value) => number(value, 2)],
  ];
  for (const [name, label, text] of more) {
    const values = column(name);
    if (values) fields.push({ name: label, key: (job) => values[job], text: (job) => text(values[job]) });
  }
  return fields;
}
