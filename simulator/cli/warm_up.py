"""``gavel-sim warm-up``: compiles ahead what runs would compile, on all cores."""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gavel_opt import GavelError, InputError

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np

    from gavel_opt import ClusterState
    from gavel_opt.kernels.compiling import Lowered, Part

_SMALL: dict[str, Any] = {"cluster": "4:4:4", "jobs": 12}
_PACKED: dict[str, Any] = {"cluster": "8:8:8", "jobs": 8, "multi_gpu": True}

RUNS: tuple[dict[str, Any], ...] = (
    # long ones first
    {"policy": "max_min_fairness_packed", "record": "placements", **_PACKED},
    {"policy": "max_min_fairness_perf", **_SMALL},
    {"policy": "finish_time_fairness_perf", **_SMALL},
    {"policy": "max_min_fairness_perf", "engine": "highs", **_SMALL},
    {"policy": "finish_time_fairness", **_SMALL},
    {"policy": "min_total_duration_perf", **_SMALL},
    {"policy": "max_min_fairness_packed", "engine": "highs", "jobs": 6, "cluster": "2:2:2"},
    {"policy": "min_total_duration_packed", **_PACKED},
    {"policy": "max_min_fairness_water_filling_perf", **_SMALL},
    {"policy": "max_sum_throughput_normalized_by_cost_packed_SLOs", "slos": True, **_PACKED},
    {"policy": "min_total_duration_perf", "tie_break": "efficient", **_SMALL},
    {"policy": "finish_time_fairness_perf", "engine": "highs", **_SMALL},
    {"policy": "min_total_duration_perf", "engine": "highs", "cluster": "8:8:8", "jobs": 120},
    {"policy": "max_min_fairness_strategy_proof", "cluster": "3:3:3", "jobs": 12},
    {"policy": "gandiva", **_PACKED},
    {"policy": "max_min_fairness_packed", "ideal": True, **_PACKED},
    {"policy": "allox", "cluster": "8:8:8", "jobs": 80},
    {"policy": "fifo", **_SMALL},
    # stopped for what a long queue says
    {"policy": "fifo_perf", "cluster": "6:6:6", "rate": 0.93, "window": (4000, 5000)},
    {"policy": "isolated", **_SMALL},
)
"""Between them, and with those below, these call every kernel that runs call, with every kind of argument."""
DIFFERENT = (
    "max_min_fairness_packed",
    "finish_time_fairness_packed",
    "min_total_duration_packed",
    "max_sum_throughput_normalized_by_cost_packed_SLOs",
)
"""Policies that pack, for as many jobs, all different, that pairs are priced in as they are needed."""
FACES: tuple[tuple[str, tuple[int, int, int], bool], ...] = (
    ("min_total_duration_packed", (20, 20, 20), False),
    ("max_min_fairness_packed", (40, 8, 4), False),
    ("min_total_duration_packed", (12, 12, 12), True),
)
"""Policy, workers, and whether jobs are even: programs whose answer is in the midst of a face."""


MOST = 61
"""Processes that a pool of Python's takes on every system; there are not many more kernels."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim warm-up``."""
    parser.add_argument(
        "--processes", type=int, metavar="N", help="how many at once (default: one a core)"
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help="compile everything into a folder that is thrown away, and say what that costs",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compile in processes of their own, and say what it took; the exit status."""
    processes = arguments.processes if arguments.processes is not None else _cores()
    if processes < 1:
        raise InputError(f"--processes: {processes} is too few; give 1 or more")
    processes = min(processes, MOST)
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise InputError("NUMBA_DISABLE_JIT is set, so nothing is ever compiled; unset it")
    if not arguments.measure:
        _compile_all(processes)
        return 0
    before, folder = os.environ.get("GAVEL_OPT_CACHE"), tempfile.mkdtemp(prefix="gavel-opt-")
    os.environ["GAVEL_OPT_CACHE"] = folder
    try:
        seconds = _compile_all(processes)
        for name, cpu in sorted(seconds.items(), key=lambda item: -item[1]):
            print(f"{cpu:8.1f} s of CPU  {name}")
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop("GAVEL_OPT_CACHE")
        if before is not None:
            os.environ["GAVEL_OPT_CACHE"] = before


def _compile_all(processes: int) -> dict[str, float]:
    """Carry out all runs; seconds of CPU by the kernel that was compiled.

    Numba works here alone, since kernels share functions that it is to translate once; LLVM, which sees
    each kernel as a whole, works in other processes meanwhile.
    """
    from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
    from multiprocessing import get_context

    from gavel_opt.kernels import code_cache

    started = time.perf_counter()
    compiled: dict[str, float] = {}
    waiting: list[tuple[str, Future[tuple[bytes, float]]]] = []
    shared: dict[Part, Future[tuple[bytes, float]]] = {}
    with ProcessPoolExecutor(max(1, processes - 1), get_context("spawn")) as pool:

        def begin(name: str, part: Part) -> Future[tuple[bytes, float]]:
            if part not in shared:
                shared[part] = pool.submit(finish, part)
                waiting.append((name, shared[part]))
            return shared[part]

        def elsewhere(name: str, lowered: Lowered) -> Future[tuple[bytes, ...]]:
            finished: Future[tuple[bytes, ...]] = Future()
            parts = [begin(name, part) for part in lowered.parts]
            for part in parts:
                part.add_done_callback(lambda _: _hand_on(parts, finished))
            return finished

        try:
            works: list[Callable[[Elsewhere | None], dict[str, float]]]
            works = [functools.partial(exercise, settings) for settings in RUNS]
            works += [functools.partial(exercise_different, policy) for policy in DIFFERENT]
            works += [functools.partial(exercise_faces)]
            for done, work in enumerate(works, 1):
                for name, cpu in work(elsewhere if processes > 1 else None).items():
                    compiled[name] = compiled.get(name, 0.0) + cpu
                _say(f"{done} of {len(works)} runs done, {len(compiled)} kernels translated")
            for name, later in waiting:
                _, cpu = later.result()
                compiled[name] += cpu
        except BrokenExecutor:
            raise GavelError(
                "a process that compiles was ended from outside, perhaps out of memory; the same "
                "command goes on with what is left, in less memory with --processes 1"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    took = time.perf_counter() - started
    home = code_cache.home()
    _say("")
    print(
        f"compiled {len(compiled)} kernels in {took:.0f} s, {sum(compiled.values()):.0f} s of CPU, into {home}"
        if compiled
        else f"nothing to compile: all of it is in {home}"
    )
    return compiled


_handing_on = threading.Lock()


def _hand_on(parts: list[Future[tuple[bytes, float]]], to: Future[tuple[bytes, ...]]) -> None:
    """Give a kernel's object files to who waits for them, once all of them are there."""
    with _handing_on:
        if to.done() or not all(part.done() for part in parts):
            return
        if any(part.cancelled() for part in parts):
            to.cancel()
        elif failed := [wrong for part in parts if (wrong := part.exception()) is not None]:
            to.set_exception(failed[0])
        else:
            to.set_result(tuple(part.result()[0] for part in parts))


def finish(part: Part) -> tuple[bytes, float]:
    """LLVM's part of compiling a kernel, and the seconds of CPU that it takes."""
    from gavel_opt.kernels.compiling import object_file

    started = time.process_time()
    return object_file(part), time.process_time() - started


Elsewhere = Callable[[str, "Lowered"], "Future[tuple[bytes, ...]]"]
"""See :func:`gavel_opt.kernels.jit.compiling_at_once`."""


def exercise(settings: dict[str, Any], elsewhere: Elsewhere | None = None) -> dict[str, float]:
    """Carry out a small run, compiling each kernel that it calls; seconds of CPU by kernel."""
    import simulator

    return _compiling(functools.partial(simulator.run, **settings), elsewhere)


def exercise_different(policy: str, elsewhere: Elsewhere | None = None) -> dict[str, float]:
    """Two recomputations of a packing policy for jobs that all differ: few of their pairs are priced in."""
    import numpy as np

    from gavel_opt import Driver, make_policy

    jobs = 64
    driver = Driver(make_policy(policy))

    def recompute() -> None:
        for gone in (0, 1):
            driver.allocate(_different(np.arange(jobs) != gone, (8, 8, 8)))

    return _compiling(recompute, elsewhere)


def exercise_faces(elsewhere: Elsewhere | None = None) -> dict[str, float]:
    """Programs for such jobs with optima by the dozen, whose centre is sought among all pairs; and levels in order."""
    import numpy as np

    from gavel_opt import make_policy
    from gavel_opt.kernels.groups import group_rows
    from gavel_opt.solver.column_generation.handed_out import Mixes, hand_out, mark_rifts
    from gavel_opt.solver.column_generation.kinds_program import above, below, beyond
    from gavel_opt.solver.levels_by_parts.path_of_levels import Joined, PathOfLevels
    from gavel_opt.solver.many_types.method import solve_level
    from gavel_opt.solver.packed_optimum import packed_optimum
    from gavel_opt.solver.prices.cheapest_mix import Given
    from gavel_opt.solver.records import Found
    from gavel_opt.solver.water_filling_pairs import ordered_levels

    def solve() -> None:
        group_rows(np.zeros((2, 2)))
        # a pool of one group, and one rate
        ends, all_of_it = np.array([0, 1]), np.ones(1)
        pool = Mixes(ends, all_of_it, all_of_it, ends, all_of_it, all_of_it)
        mark_rifts(pool, np.ones(1, dtype=bool))
        hand_out(all_of_it, all_of_it, all_of_it, all_of_it, np.zeros((1, 1)))
        kind, bend = np.zeros(1, np.int64), np.zeros(1)
        beyond(ends, all_of_it, all_of_it, kind, bend)
        above(ends, all_of_it, all_of_it, kind, bend)
        below(ends, all_of_it, kind, bend, all_of_it)
        # six jobs on forty types, with workers for some of them and for all
        rate, one, none = (
            np.random.default_rng(0).uniform(1.0, 2.0, (6, 40)),
            np.ones(6),
            np.empty(0),
        )
        for use in (10.0, 1.0):
            rows = one, 0.0 * one, none, none, none
            few = Given(rate, use * one, np.ones(6, np.int64), np.ones(40), *rows)
            found = Found(np.empty((6, 40)), np.empty(6), np.empty(40), np.empty(6))
            solve_level(few, np.ones(41), found)
        for policy, workers, even in FACES:
            state = _different(np.ones(40, dtype=bool), workers, even)
            program: Any = next(iter(make_policy(policy).programs(state, merge=True)))
            packed_optimum(program, None, None)
            ordered_levels(program)
            path = PathOfLevels.of(program.blocks, program.blocks.pairs, None)
            passed = path.while_workers_last(path.pairs, 0.0)
            if passed is not None:
                path.go_on(passed, Joined(passed.basic, passed.held))

    return _compiling(solve, elsewhere)


def _different(
    there: np.ndarray, workers: tuple[int, int, int], even: bool = False
) -> ClusterState:
    """Jobs that all differ; with ``even`` their speeds and steps are of few kinds, so that vertices have zeros."""
    import numpy as np

    from gavel_opt import ClusterState, ThroughputTable

    rng = np.random.default_rng(0)
    jobs, many = there.size, int(there.sum())
    alone = (
        rng.uniform(1.0, 2.0, jobs)[:, None] * rng.uniform(0.5, 1.5, (jobs, 3)) * [1.0, 2.0, 4.0]
    )
    if even:
        alone = np.round(alone) + 1.0
    beside = alone[:, None] * rng.uniform(0.3, 0.9, (jobs, jobs, 3))
    paired = np.stack([beside, beside.transpose(1, 0, 2)], axis=2)
    steps = rng.uniform(1e4, 1e6, jobs)
    if even:
        steps = np.round(steps, -5) + 1e5
    return ClusterState(
        worker_types=("k80", "p100", "v100"),
        workers=np.array(workers),
        throughputs=ThroughputTable(alone, paired, 2),
        job=np.flatnonzero(there),
        key=np.flatnonzero(there),
        scale_factor=np.ones(many, dtype=np.int64),
        weight=np.ones(many),
        steps_left=steps[there],
        age=rng.uniform(0.0, 1e5, many),
        deadline=(rng.uniform(1.0, 8.0, jobs) * steps / alone.max(axis=1))[there],
        prices=np.array([1.0, 2.0, 4.0]),
    )


def _compiling(work: Callable[[], object], elsewhere: Elsewhere | None) -> dict[str, float]:
    from gavel_opt.kernels import jit

    jit.show_progress(lambda text: None)
    with jit.compiling_at_once(elsewhere) as compiled:
        work()
    return compiled


def _cores() -> int:
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known is not None else os.cpu_count() or 1


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)
