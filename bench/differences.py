"""Where ours differs from the published curves, and why: by more seeds and by changing one setting at a time.

``python -m bench differences`` goes on where an earlier one stopped (its folder keeps a file a run) and
writes the table of ``docs/measurements/2026-11-figures.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.report import between
from simulator.settings.config import RunConfig
from simulator.settings.options import make_config
from simulator.studies.batches.batch import Batch, Task, complain, file_name, run_batch
from simulator.studies.batches.identity import code_version
from simulator.studies.batches.stores import PointStore
from simulator.studies.executors import make_executor
from simulator.studies.experiments.simulate import point, simulate

PAGE = Path(__file__).parent.parent / "docs" / "measurements" / "2026-11-figures.md"
HOUR = 3600.0
WINDOW = (4000, 5000)
PAPER_SEEDS = (0, 1, 2)
SEEDS = tuple(range(20))

ORDERS = ("artifact", "paper")
"""Orders of the job table: the artifact's as published, and that of before August 2020."""


@dataclass(frozen=True, slots=True)
class Row:
    """One point of a published curve.

    Attributes
    ----------
    figure, curve
        Where it is.
    policy, at, settings
        The run.
    published
        Hours, mean over seeds 0, 1, 2.
    logged
        Hours of seed 0 that the artifact's notebooks printed from the paper's logs (commit c1bd44a).
    many
        Whether more seeds, and the efficient optimum, are run: where three seeds differ from the curve.
    why
        Why it differs, in a few words, where that is known.
    """

    figure: str
    curve: str
    policy: str
    at: float
    published: float
    logged: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    many: bool = False
    why: str = ""

    @property
    def name(self) -> str:
        """What sets it apart."""
        return f"{self.figure}, {self.curve}, {self.at:g}"

    def config(self, seed: int, **changes: Any) -> RunConfig:
        """Return one run of it."""
        patience = max(10.0 * WINDOW[1] / self.at, 10_000.0)
        given = {"workload": "paper"} | self.settings | changes
        return make_config(
            policy=self.policy,
            rate=self.at,
            window=WINDOW,
            seed=seed,
            saturation="off",
            max_simulated_hours=patience,
            **given,
        )


def _rows(
    figure: str,
    curve: str,
    policy: str,
    points: Sequence[tuple[float, float, float | None]],
    **more: Any,
) -> list[Row]:
    many, why = more.pop("many", False), more.pop("why", "")
    return [
        Row(figure, curve, policy, at, published, logged, more, many, why)
        for at, published, logged in points
    ]


MULTI: dict[str, Any] = {"multi_gpu": True}
NO_END = "one seed counted as 110 h"

ROWS = [
    *_rows("9", "LAS", "max_min_fairness", [(4.8, 34.751, 35.79), (5.6, 91.293, 95.99)]),
    *_rows("9", "Gavel", "max_min_fairness_perf", [(4.8, 18.019, 18.97), (5.6, 26.416, 28.96)]),
    *_rows("9", "Gandiva", "gandiva", [(5.2, 32.226, 34.32)]),
    *_rows("9", "Gandiva", "gandiva", [(5.6, 62.992, 42.54)], many=True, why=NO_END),
    *_rows("9", "space sharing", "max_min_fairness_packed", [(7.2, 27.796, None)]),
    *_rows("9", "space sharing", "max_min_fairness_packed", [(7.6, 58.984, None)], why=NO_END),
    *_rows("10", "Gavel", "max_min_fairness_perf",
           [(1.8, 17.757, 20.35), (2.0, 18.693, 21.90), (2.6, 32.519, 36.44)], **MULTI),
    *_rows("10", "Gavel", "max_min_fairness_perf",
           [(2.2, 20.535, 24.61), (2.4, 26.272, 30.03), (2.8, 45.973, 55.78)], many=True, **MULTI),
    *_rows("10", "Gandiva", "gandiva", [(2.4, 35.159, 38.79), (2.6, 57.963, 60.43)], **MULTI),
    *_rows("11", "FTF", "finish_time_fairness", [(2.2, 24.003, None)], many=True,
           why="published of seeds 1 and 2", **MULTI),
    *_rows("11", "FTF", "finish_time_fairness",
           [(2.4, 38.155, 38.65), (2.6, 62.095, 64.38)], many=True, **MULTI),
    *_rows("11", "Gavel", "finish_time_fairness_perf",
           [(2.4, 22.97, 27.93), (2.6, 28.649, 33.90), (2.8, 37.046, 41.56)], many=True,
           why="open", **MULTI),
]  # fmt: skip


def _name(row: Row, what: str, seed: int) -> str:
    return file_name([("", f"{row.figure}-{row.curve}-{row.at:g}"), ("", what), ("seed", seed)])


def _planned(row: Row) -> dict[str, tuple[Sequence[int], dict[str, Any]]]:
    """What is run of a row: name to seeds and the settings that change."""
    seeds = SEEDS if row.many else PAPER_SEEDS
    return {
        "paper": (seeds, {}),
        "artifact": (PAPER_SEEDS, {"workload": "artifact"}),
        "efficient": (PAPER_SEEDS if row.many else (), {"tie_break": "efficient"}),
    }


def run(rows: Sequence[str], folder: Path, processes: int | None, tables: bool = False) -> int:
    """Run what has not been, unless only tables are wanted, and write the table."""
    wanted = [row for row in ROWS if not rows or any(text in row.name for text in rows)]
    tasks = [
        Task(_name(row, what, seed), {"config": row.config(seed, **changes).to_json()})
        for row in wanted
        for what, (seeds, changes) in _planned(row).items()
        for seed in seeds
    ]
    tasks.sort(key=lambda task: not task.name.endswith(("seed=0", "seed=1", "seed=2")))
    store = PointStore(folder)
    if tables:
        known = {task.name: store.load(task.name, task.payload) for task in tasks}
        batch = Batch({name: kept for name, kept in known.items() if kept is not None})
    else:
        with closing(make_executor("local", processes)) as executor:
            log = folder / "failures"
            batch = run_batch(executor, simulate, tasks, store, "differences", log)
        complain(batch)
    PAGE.write_text(between(PAGE.read_text(), "differences", table(wanted, batch)))
    return 0


def table(rows: Sequence[Row], batch: Batch) -> str:
    """One row a point: published, ours by job table and by tie-break, the paper's own log, more seeds."""
    lines = [
        "| figure, curve, jobs/hr | published | ours | with the artifact's job table | with the efficient "
        "optimum | seed 0: the paper's log | seed 0: ours | 20 seeds | a mean of three of them (95 %) | |",
        "| --- |" + " ---: |" * 8 + " --- |",
    ]
    for row in rows:
        found = {
            what: _values(row, what, seeds, batch) for what, (seeds, _) in _planned(row).items()
        }
        ours = found["paper"][: len(PAPER_SEEDS)]
        many = [value for value in found["paper"] if value is not None]
        cells = [row.name, f"{row.published:.2f}", _mean(ours), _mean(found["artifact"])]
        cells += [_mean(found["efficient"])]
        cells += ["" if row.logged is None else f"{row.logged:.2f}"]
        cells += ["" if ours[0] is None else f"{ours[0]:.2f}"]
        low = high = math.nan
        if row.many and len(many) == len(SEEDS):
            mean, low, high = of_three(many)
            cells += [f"{mean:.2f}", f"{low:.2f} - {high:.2f}"]
        else:
            cells += ["", ""]
        cells.append(verdict(row, ours, low, high))
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"Hours. Version of the code that decides results: `{code_version()}`."]
    return "\n".join(lines)


def _values(row: Row, what: str, seeds: Sequence[int], batch: Batch) -> list[float | None]:
    names = [_name(row, what, seed) for seed in seeds]
    return list(point(batch, names, "average_jct", HOUR).values)


def _mean(values: Sequence[float | None]) -> str:
    whole = [value for value in values if value is not None]
    if not values:
        return ""
    return "" if len(whole) < len(values) else f"{math.fsum(whole) / len(whole):.2f}"


def of_three(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean, and between what a mean of three further seeds lies (Student's t on logarithms)."""
    from scipy.special import stdtrit

    logs = [math.log(value) for value in values]
    count, mean = len(logs), math.fsum(logs) / len(logs)
    variance = math.fsum((one - mean) ** 2 for one in logs) / (count - 1)
    half = float(stdtrit(count - 1, 0.975)) * math.sqrt(variance * (1.0 / 3.0 + 1.0 / count))
    return math.fsum(values) / count, math.exp(mean - half), math.exp(mean + half)


CLOSE = 0.04
"""Relative difference within which a point agrees."""


def verdict(row: Row, ours: Sequence[float | None], low: float, high: float) -> str:
    """Say in a few words what the numbers of a row say."""
    whole = [value for value in ours if value is not None]
    said = []
    if row.logged is not None and ours[0] is not None:
        off = ours[0] / row.logged - 1.0
        said.append(f"seed 0 {'as' if abs(off) <= CLOSE else f'{off:+.0%} from'} the paper's log")
    if len(whole) == len(PAPER_SEEDS):
        off = math.fsum(whole) / len(whole) / row.published - 1.0
        if abs(off) <= CLOSE:
            said.append("agrees")
        elif low <= row.published <= high:
            said.append(f"{off:+.0%}, which three seeds cannot tell")
        else:
            said.append(f"{off:+.0%}{f' ({row.why})' if row.why else ''}")
    return "; ".join(said)
