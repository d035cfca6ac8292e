"""The labelled grid of the default saturation rule: is it right, and what does it cost?

``python -m bench saturation`` runs what ``bench/saturation.json`` does not hold yet, and writes the tables
of ``docs/saturation.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import simulator
from bench.report import between
from simulator.runs.files import write_atomically
from simulator.studies.executors import make_executor

HERE = Path(__file__).parent
RESULTS = HERE / "saturation.json"
DOCS = HERE.parent / "docs" / "saturation.md"
SEEDS = range(10)
CLUSTER = "36:36:36"
WINDOW = (4000, 5000)
CUT = 2500
"""Arrivals after which an undecided run beyond the knee counts as missed."""
CAP = 20_000
"""Arrivals to which a run goes that nothing stops, as over-rate runs do until users stop them. Its window
ends there: jobs 4000 to 5000 may still complete a little beyond the knee."""

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """Rates of one policy and workload, labelled.

    ``sustained`` lie below the knee; ``saturated`` are beyond what arithmetic allows by 8 % or more
    (``docs/saturation.md``).
    """

    policy: str
    name: str
    multi_gpu: bool
    sustained: tuple[float, ...]
    saturated: tuple[float, ...]

    @property
    def workload(self) -> str:
        """What its jobs are, for the tables."""
        return "multi-GPU" if self.multi_gpu else "single-GPU"


GRID = (
    Row("max_min_fairness", "max-min plain", False, (3.4, 3.8, 4.2, 4.4, 4.6), (5.2, 5.4, 5.6, 6.0, 6.4)),
    Row("max_min_fairness_perf", "max-min perf", False, (4.4, 4.8, 5.2, 5.4, 5.6), (6.4, 6.6, 6.8, 7.2, 7.6)),
    Row("max_min_fairness", "max-min plain", True, (1.4, 1.6, 1.8, 1.9, 2.0), (2.5, 2.6, 2.8, 3.0, 3.2)),
    Row("max_min_fairness_perf", "max-min perf", True, (1.6, 1.8, 2.0, 2.2, 2.4), (3.1, 3.2, 3.4, 3.6, 3.8)),
    Row("finish_time_fairness_perf", "finish-time perf", True, (1.6, 1.8, 2.0, 2.2, 2.4), (3.1, 3.2, 3.4, 3.6, 3.8)),
)  # fmt: skip


def measure(payload: Payload) -> Payload:
    """Carry out one run of the grid, in a process that has warmed up."""
    if payload.get("warm"):
        for row in GRID:  # loads all compiled code that a measured run uses
            simulator.run(policy=row.policy, cluster=CLUSTER, rate=8.0, window=(300, 310))
        return {}
    rate, watched = payload["rate"], payload["watched"]
    arrivals = CAP if not watched else CUT if payload["saturated"] else None
    limit = {} if arrivals is None else {"max_simulated_hours": arrivals / rate}
    result = simulator.run(
        policy=payload["policy"],
        cluster=CLUSTER,
        rate=rate,
        seed=payload["seed"],
        multi_gpu=payload["multi_gpu"],
        window=WINDOW if watched else (WINDOW[0], CAP),
        saturation="drift" if watched else "off",
        **limit,
    )
    found = result.summary
    return {
        "status": found["status"],
        "hours": round(found["makespan"] / 3600.0, 2),
        "arrived": int(result.rounds["arrived"][-1]),
    }


def run(processes: int) -> int:
    """Run what is missing, keeping each result as it comes, and write the tables."""
    known: dict[str, Payload] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    missing = [payload for payload in _payloads() if _key(payload) not in known]
    warm: list[Payload] = [{"warm": True}] * processes if missing else []
    payloads = warm + missing
    failed = 0
    for outcome in make_executor(processes=processes).run(measure, payloads):
        if outcome.error is not None:
            print(f"{payloads[outcome.index]}: {outcome.error}", flush=True)
            failed = 1
        elif outcome.value:
            key = _key(payloads[outcome.index])
            known[key] = {**outcome.value, "cpu": round(outcome.cpu_seconds, 4)}
            print(key, known[key], flush=True)
            lines = [f"{json.dumps(key)}: {json.dumps(known[key])}" for key in sorted(known)]
            write_atomically(RESULTS, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
    text = between(DOCS.read_text(), "grid", grid_table(known))
    DOCS.write_text(between(text, "cost", cost_table(known)))
    return failed


def grid_table(known: dict[str, Payload]) -> str:
    """Who was called saturated, and when."""
    lines = [
        "| policy | workload | sustained rates | called saturated | saturated rates | called saturated "
        "| decided after (h) | arrivals by then (median) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    right = runs = 0
    for row in GRID:
        cells = []
        stopped: list[Payload] = []
        for rates, saturated in ((row.sustained, False), (row.saturated, True)):
            found = [
                known[key]
                for rate in rates
                for seed in SEEDS
                if (key := _key(_payload(row, rate, seed, saturated, True))) in known
            ]
            called = [one for one in found if one["status"] == "saturated"]
            runs += len(found)
            right += len(called) if saturated else len(found) - len(called)
            cells += [", ".join(map(str, rates)), f"{len(called)} of {len(found)}"]
            stopped = called
        hours = sorted(one["hours"] for one in stopped)
        when = f"{hours[0]:.0f} - {hours[-1]:.0f}" if hours else ""
        arrived = f"{median(one['arrived'] for one in stopped):,.0f}" if stopped else ""
        lines.append("| " + " | ".join([row.name, row.workload, *cells, when, arrived]) + " |")
    lines += ["", f"{right} of {runs} runs are right ({right / max(runs, 1):.1%})."]
    return "\n".join(lines)


def cost_table(known: dict[str, Payload]) -> str:
    """CPU time to the verdict against CPU time to the cap."""
    lines = [
        "| run (seed 0) | to the verdict, s | to its cap, s | part |",
        "| --- | --- | --- | --- |",
    ]
    for row in GRID:
        for rate in row.saturated:
            pair = [
                known.get(_key(_payload(row, rate, 0, True, watched))) for watched in (True, False)
            ]
            if pair[0] is None or pair[1] is None or pair[0]["status"] != "saturated":
                continue
            verdict, cap = pair[0]["cpu"], pair[1]["cpu"]
            lines.append(
                f"| {row.name} {rate}, {row.workload} | {verdict:.2f} | {cap:.1f} | {verdict / cap:.1%} |"
            )
    return "\n".join(lines)


def _payloads() -> Iterator[Payload]:
    for seed in SEEDS:
        for row in GRID:
            for saturated, rates in ((True, row.saturated), (False, row.sustained)):
                for rate in rates:
                    yield _payload(row, rate, seed, saturated, True)
    for row in GRID:
        for rate in row.saturated:
            yield _payload(row, rate, 0, True, False)


def _payload(row: Row, rate: float, seed: int, saturated: bool, watched: bool) -> Payload:
    return {
        "policy": row.policy,
        "multi_gpu": row.multi_gpu,
        "rate": rate,
        "seed": seed,
        "saturated": saturated,
        "watched": watched,
    }


def _key(payload: Payload) -> str:
    kind = "multi" if payload["multi_gpu"] else "single"
    how = "watched" if payload["watched"] else "to its cap"
    return f"{payload['policy']} {kind} {payload['rate']} {payload['seed']} {how}"
