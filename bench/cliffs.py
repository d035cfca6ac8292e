"""Where more jobs, more worker types or more GPUs must not cost out of proportion.

    python -m bench report --only cliffs         # every row, into the tables: first call, and the median of later ones
    python bench/cliffs.py                       # only printed
    python bench/cliffs.py --row "allox" --row "water filling perf"
    python bench/cliffs.py --beside ../other     # another tree's code on the same states, row by row

Each row and side runs in a process of its own, which has answered once before anything is timed, so
compiled code is loaded. A tree that does not answer within the limit is written down as such.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

LIMIT = 100.0
"""Seconds of wall clock that a row may take on one side."""
LATER = 5
"""Calls after the first that are timed, while they fit into :data:`PATIENCE`."""
PATIENCE = 8.0

SERVERS = {
    "v100": 2400,
    "v100-of4": 800,
    "v100-of2": 300,
    "p100": 1200,
    "p100-of2": 600,
    "p100-of1": 100,
    "k80": 512,
    "k80-of4": 300,
}
"""GPUs by worker type, 6,212 in all, of which those in small servers are slower for jobs that span some."""


@dataclass(frozen=True)
class Row:
    """A policy on a state of some size."""

    name: str
    policy: str
    state: Callable[[], Any]
    settings: dict[str, Any] = field(default_factory=dict)


def drawn(kind: str, jobs: int) -> Any:
    """A state of :mod:`bench.states`."""
    from bench.states import Drawn

    return Drawn(kind, jobs).now


def with_deadlines(jobs: int) -> Any:
    """Each job due after 1 to 12 times as long as it would take alone on the fastest type."""
    state = drawn("contended", jobs)
    alone = state.throughputs.alone[state.key].max(axis=1)
    spread = np.random.default_rng(2).uniform(1.0, 12.0, jobs)
    return replace(state, deadline=state.steps_left / alone * spread)


def with_weights(jobs: int) -> Any:
    """Each job of a weight of its own: jobs of few types, no two of which are alike."""
    state = drawn("single-GPU", jobs)
    return replace(state, weight=np.random.default_rng(3).uniform(0.5, 3.0, jobs))


def typed(jobs: int, part: float) -> Any:
    """The same with workers for that part of the jobs."""
    state = with_weights(jobs)
    each = max(1, round(part * jobs / state.workers.size))
    return replace(state, workers=np.full(state.workers.size, each))


def nearly_enough(jobs: int, part: float) -> Any:
    """No two jobs alike, and workers for that part of them: each is stopped at a level of its own."""
    from bench.packed import states

    state = next(states("distinct", jobs))
    workers = max(1, round(part * int(state.scale_factor.sum()) / state.workers.size))
    return replace(state, workers=np.full(state.workers.size, workers))


def nearly_different(jobs: int, part: float, alike: int = 20) -> Any:
    """The same with weights of their own, but that few run as others do."""
    state = nearly_enough(jobs, part)
    kind = np.arange(jobs)
    kind[:alike] = kind[-alike:]
    return replace(
        state,
        key=state.key[kind],
        scale_factor=state.scale_factor[kind],
        weight=np.random.default_rng(3).uniform(0.5, 3.0, jobs),
    )


def all_different(part: float, jobs: int) -> Any:
    """No two jobs alike, each of a weight of its own, and workers for that part of them."""
    state = drawn("distinct", jobs)
    workers = max(1, round(part * int(state.scale_factor.sum()) / state.workers.size))
    return replace(
        state,
        workers=np.full(state.workers.size, workers),
        weight=np.random.default_rng(3).uniform(0.5, 3.0, jobs),
    )


def many_types(types: int, jobs: int, contended: bool) -> Any:
    """Worker types whose speeds are drawn around those of the paper's three."""
    state = drawn("single-GPU", jobs)
    random = np.random.default_rng(3)
    base = state.throughputs.alone
    column = random.integers(0, base.shape[1], types)
    alone = base[:, column] * random.uniform(0.7, 1.4, (base.shape[0], types))
    each = max(1, round((0.25 if contended else 3.0) * jobs / types))
    return replace(
        state,
        worker_types=tuple(f"type{number:03d}" for number in range(types)),
        workers=np.full(types, each, dtype=np.int64),
        throughputs=replace(state.throughputs, alone=alone, paired=None),
        prices=None,
    )


def many_types_different(types: int, jobs: int, part: float, weights: bool) -> Any:
    """The same with no two jobs alike, or with weights of their own, and GPUs for that part of the jobs."""
    state = many_types(types, jobs, True)
    random = np.random.default_rng(5)
    state = replace(state, workers=np.full(types, max(1, round(part * jobs / types))))
    if weights:
        return replace(state, weight=random.uniform(0.5, 3.0, jobs))
    alone = state.throughputs.alone[state.key] * random.uniform(0.9, 1.1, (jobs, types))
    return replace(state, key=np.arange(jobs), throughputs=replace(state.throughputs, alone=alone))


def servers(jobs: int, gpus: float = 1.0) -> Any:
    """Jobs on that part of 6,212 GPUs of 8 types."""
    from simulator.world.throughputs import load_throughputs

    state = drawn("uncontended", jobs)
    measured = load_throughputs()
    types = sorted(SERVERS)
    base = measured.table(("k80", "p100", "v100"))
    column = [("k80", "p100", "v100").index(name.partition("-")[0]) for name in types]
    scale = np.array([scale for _, scale in measured.keys])
    size = [int(name.partition("-of")[2] or 8) for name in types]
    slower = np.where(scale[:, None] > np.array(size), 0.8, 1.0)
    alone = base.alone[:, column] * slower
    paired = base.paired[:, :, :, column] * slower[:, None, None, :]
    return replace(
        state,
        worker_types=tuple(types),
        workers=np.array([max(8, round(gpus * SERVERS[name])) for name in types]),
        throughputs=replace(base, alone=alone, paired=paired),
        prices=None,
    )


def job_types(many: int, jobs: int) -> Any:
    """Single-GPU jobs of so many types: the paper's, and others up to a tenth off them."""
    state = drawn("single-GPU", jobs)
    random = np.random.default_rng(4)
    table = state.throughputs
    used = np.unique(state.key)
    own = used[np.arange(many) % used.size]
    noise = random.uniform(0.9, 1.1, many)
    noise[: used.size] = 1.0
    sides = np.stack([noise[:, None] + 0.0 * noise, noise[None, :] + 0.0 * noise[:, None]], axis=2)
    return replace(
        state,
        key=np.arange(jobs) % many,
        throughputs=replace(
            table,
            alone=table.alone[own] * noise[:, None],
            paired=table.paired[np.ix_(own, own)] * sides[..., None],
        ),
    )


def servers_with_weights(jobs: int, gpus: float) -> Any:
    """The same with each job of a weight of its own."""
    return replace(servers(jobs, gpus), weight=np.random.default_rng(3).uniform(0.5, 3.0, jobs))


def entities(jobs: int) -> Any:
    """Figure 14's state with entities."""
    from simulator.studies.experiments.scaling import state_of

    return state_of(jobs, 0, True)


_FIVE = {"entities": {"weights": [1.0, 2.0, 3.0, 1.0, 2.0], "within": "fairness"}}


def rows() -> Iterator[Row]:
    """Every row, cheap ones first within a family."""
    perf, packed = "max_min_fairness_perf", "max_min_fairness_packed"
    filling = "max_min_fairness_water_filling"
    for jobs, part in ((128, 0.075), (1024, 0.6), (1700, 1.0)):
        state = partial(servers, jobs, part)
        yield Row(
            f"water filling perf, GPUs for all of 8 types, {jobs} jobs", f"{filling}_perf", state
        )
    for part in (0.3, 0.5, 0.7):
        yield Row(
            f"water filling perf, {part:.0%} of these GPUs, 1700 jobs",
            f"{filling}_perf",
            partial(servers, 1700, part),
        )
    for part in (0.25, 0.4, 0.5, 0.6, 0.8):
        yield Row(
            f"water filling perf, weights, {part:.0%} of these GPUs, 1700 jobs",
            f"{filling}_perf",
            partial(servers_with_weights, 1700, part),
        )
    for jobs in (128, 1024):
        yield Row(
            f"water filling perf, contended, {jobs} jobs",
            f"{filling}_perf",
            partial(drawn, "contended", jobs),
        )
    for jobs, part in ((128, 1.0), (1700, 0.8), (1700, 1.0), (1700, 1.5)):
        yield Row(
            f"water filling perf, all different, GPUs for {part:.0%}, {jobs} jobs",
            f"{filling}_perf",
            partial(all_different, part, jobs),
        )
    yield Row(
        "water filling plain, all different, GPUs for 90%, 1700 jobs",
        filling,
        partial(all_different, 0.9, 1700),
    )
    for jobs, part in ((128, 0.075), (1700, 1.0)):
        yield Row(
            f"water filling packed, GPUs for all of 8 types, {jobs} jobs",
            f"{filling}_packed",
            partial(servers, jobs, part),
        )
    different = {
        0.8: (64, 128, 256, 512, 1024, 2048),
        0.3: (2048,),
        0.4: (512, 2048),
        0.44: (512, 1024, 2048),
        0.46: (2048,),
        0.5: (256, 2048),
        0.55: (256, 512, 1024, 2048),
        1.2: (2048,),
    }
    for part, sizes in different.items():
        for jobs in sizes:
            yield Row(
                f"water filling packed, all different, GPUs for {100 * part:.0f} %, {jobs} jobs",
                f"{filling}_packed",
                partial(nearly_enough, jobs, part),
            )
    yield Row(
        "water filling packed, all but 20 different, weights, GPUs for 20 %, 1024 jobs",
        f"{filling}_packed",
        partial(nearly_different, 1024, 0.2),
    )
    for part in (0.2, 0.4, 0.45, 0.5):
        for jobs in (512, 2048):
            yield Row(
                f"max-min packed, all different, GPUs for {100 * part:.0f} %, {jobs} jobs",
                packed,
                partial(nearly_enough, jobs, part),
            )
    for part in (0.33, 0.4, 0.48):
        for jobs in (256, 512, 1024, 2048):
            yield Row(
                f"water filling packed, GPUs for {100 * part:.0f} %, {jobs} weights",
                f"{filling}_packed",
                partial(typed, jobs, part),
            )
    for jobs in (32, 64, 128):
        yield Row(
            f"hierarchical packed (figure 14), {jobs} jobs",
            f"{filling}_packed",
            partial(entities, jobs),
            _FIVE,
        )
    for jobs in (128, 1024):
        yield Row(
            f"hierarchical perf (figure 14), {jobs} jobs",
            f"{filling}_perf",
            partial(entities, jobs),
            _FIVE,
        )
    for jobs in (100, 1000, 3000):
        yield Row(f"allox, {jobs} jobs", "allox", partial(drawn, "single-GPU", jobs))
    for jobs in (64, 70, 80, 128, 149, 151, 256, 1024):
        state = partial(drawn, "single-GPU", jobs)
        yield Row(f"makespan packed, {jobs} jobs", "min_total_duration_packed", state)
    for jobs in (64, 70, 80, 128, 149, 151, 256, 1024):
        state = partial(drawn, "single-GPU", jobs)
        yield Row(f"finish-time packed, {jobs} jobs", "finish_time_fairness_packed", state)
    for jobs in (64, 90, 100, 256, 512, 2048):
        state = partial(with_weights, jobs)
        yield Row(f"max-min packed, {jobs} weights", packed, state)
        yield Row(f"water filling packed, {jobs} weights", f"{filling}_packed", state)
        yield Row(f"finish-time packed, {jobs} weights", "finish_time_fairness_packed", state)
    for jobs in (64, 128, 256, 512, 2048):
        yield Row(
            f"deadlines packed, {jobs} jobs",
            "max_sum_throughput_normalized_by_cost_packed_SLOs",
            partial(with_deadlines, jobs),
        )
    yield Row(
        "finish-time perf, 1700 jobs, 8 types", "finish_time_fairness_perf", partial(servers, 1700)
    )
    yield Row("max-min perf, 1700 jobs, 8 types", perf, partial(servers, 1700))
    for name in ("fifo", "fifo_perf"):
        yield Row(f"{name}, 128 jobs", name, partial(drawn, "contended", 128))
    for types in (60, 200):
        for jobs in (100, 1000):
            for contended in (True, False):
                yield Row(
                    f"{types} worker types, {jobs} jobs, {'contended' if contended else 'GPUs for all'}",
                    perf,
                    partial(many_types, types, jobs, contended),
                )
    for types in (60, 200):
        for part in (0.25, 0.8, 3.0):
            for weights in (False, True):
                kind = "weights" if weights else "all different"
                state = partial(many_types_different, types, 1000, part, weights)
                name = f"{types} worker types, 1000 jobs, {kind}, GPUs for {part:.0%}"
                yield Row(name, perf, state)
                if weights:
                    yield Row(f"plain, {name}", "max_min_fairness", state)
                yield Row(f"finish-time, {name}", "finish_time_fairness_perf", state)
                yield Row(f"makespan, {name}", "min_total_duration_perf", state)
    for jobs in (26, 52, 104, 150):
        yield Row(
            f"max-min packed, {jobs} job types, 2048 jobs", packed, partial(job_types, jobs, 2048)
        )
    for jobs in (100_000, 1_000_000):
        yield Row(
            f"makespan perf, {jobs} jobs",
            "min_total_duration_perf",
            partial(drawn, "contended", jobs),
        )
        yield Row(f"max-min perf, {jobs} jobs", perf, partial(drawn, "contended", jobs))
        yield Row(
            f"max-min perf, all different, {jobs} jobs", perf, partial(drawn, "distinct", jobs)
        )
    yield Row(
        "max-min perf, all different, GPUs for all, 100000 jobs",
        perf,
        partial(plenty_distinct, 100_000),
    )
    for jobs in (3000, 30_000):
        yield Row(
            f"sum of throughputs, all different, {jobs} jobs",
            "max_sum_throughput_perf",
            partial(drawn, "distinct", jobs),
        )


def plenty_distinct(jobs: int) -> Any:
    """Every job different, and more GPUs than they need."""
    state = drawn("distinct", jobs)
    return replace(state, workers=state.workers * 12)


def later(state: Any, call: int) -> Any:
    """The state some time after: every job is further on, and a few are others: like some others, of weights of their own."""
    random = np.random.default_rng(call)
    gone = random.choice(state.job.size, 3, replace=False)
    like, weight = random.choice(state.job.size, 3), state.weight.copy()
    weight[gone] = random.uniform(weight.min(), weight.max(), 3)
    order = np.concatenate([np.delete(np.arange(state.job.size), gone), gone[::-1]])
    job = np.sort(np.concatenate([np.delete(state.job, gone), state.job.max() + 1 + np.arange(3)]))

    def moved(values: Any) -> Any:
        return None if values is None else values[order]

    kind = np.arange(state.job.size)
    kind[gone] = like
    return replace(
        state,
        job=job,
        key=state.key[kind[order]],
        scale_factor=state.scale_factor[kind[order]],
        weight=weight[order],
        steps_left=state.steps_left[order] * random.uniform(0.9, 1.0, state.job.size),
        age=state.age[order] + 1800.0,
        deadline=moved(state.deadline),
        entity=moved(state.entity),
    )


def measure(name: str) -> dict[str, Any]:
    """CPU seconds of the first call of a fresh driver, and of the next ones of the same."""
    from gavel_opt import Driver, make_policy
    from gavel_opt.kernels import jit

    row = next(row for row in rows() if row.name == name)
    state = row.state()

    def timed(driver: Any, state: Any) -> float:
        started = time.process_time()
        driver.allocate(state)
        return time.process_time() - started

    def fresh() -> Any:
        return Driver(make_policy(row.policy, **row.settings), "auto")

    with jit.compiling_at_once():
        timed(fresh(), state)
    began = time.perf_counter()
    timed(fresh(), state)
    again, firsts = time.perf_counter() - began < PATIENCE, []
    driver = fresh()
    for _ in range(LATER if again else 1):
        driver = fresh()
        firsts.append(timed(driver, state))
    nexts, counted = [], driver.tally.programs
    for call in range(LATER):
        state = later(state, call)
        nexts.append(timed(driver, state))
        if time.perf_counter() - began > 3.0 * PATIENCE:
            break
    tally = driver.tally
    return {
        "first": statistics.median(firsts),
        "next": statistics.median(nexts),
        "worst": max(nexts),
        "programs": counted,
        "refused": sum(tally.refusals.values()),
    }


def run(name: str, tree: Path) -> dict[str, Any] | None:
    """Measure a row with a tree's code; None if it did not answer in time."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", name]
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def records(name: str) -> Iterator[dict[str, Any]]:
    """Measure a row with this tree's code."""
    found = run(name, Path(__file__).resolve().parent.parent)
    figures = {"failed": f"over {LIMIT:g} s"} if found is None else found
    median = {"median": figures["next"]} if "next" in figures else {}
    yield {"suite": "cliffs", "name": name, **figures, **median}


def shown(found: dict[str, Any] | None) -> str:
    """First and next call of one side, for the table."""
    if found is None:
        return f"over {LIMIT:g} s"
    if "failed" in found:
        return str(found["failed"])
    times = f"{found['first'] * 1e3:.3g} / {found['next'] * 1e3:.3g} ms"
    refused = f", {found['refused']} refused" if found["refused"] else ""
    return f"{times} ({found['programs']} programs{refused})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--row", action="append", default=[], help="only rows that contain this")
    parser.add_argument(
        "--beside", type=Path, help="another tree, measured row by row beside this one"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    here = Path(__file__).resolve().parent.parent
    trees = [given.beside.resolve(), here] if given.beside else [here]
    heads = ("before", "now") if given.beside else ("now",)
    print(f"| row: first / next | {' | '.join(heads)} | ratio, next |")
    print("| --- |" + " --- |" * (len(heads) + 1))
    for row in rows():
        if given.row and not any(part in row.name for part in given.row):
            continue
        found = [run(row.name, tree) for tree in trees]
        ratio = ""
        if len(found) == 2 and all(one and "next" in one for one in found):
            ratio = f"{found[0]['next'] / found[1]['next']:.2g}"  # type: ignore[index]
        print(f"| {row.name} | {' | '.join(map(shown, found))} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
