"""``gavel-sim warm-up``: compiles ahead what runs would compile, on all cores."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from typing import Any

from gavel_opt import InputError

_SMALL: dict[str, Any] = {"cluster": "4:4:4", "jobs": 12}
_PACKED: dict[str, Any] = {"cluster": "8:8:8", "jobs": 8, "multi_gpu": True}

RUNS: tuple[dict[str, Any], ...] = (
    # long ones first
    {"policy": "max_min_fairness_packed", "record": "placements", **_PACKED},
    {"policy": "max_min_fairness_perf", **_SMALL},
    {"policy": "finish_time_fairness_perf", **_SMALL},
    {"policy": "max_min_fairness_perf", "engine": "highs", **_SMALL},
    {"policy": "finish_time_fairness", **_SMALL},
    {"policy": "max_min_fairness_packed", "engine": "highs", "jobs": 6, "cluster": "2:2:2"},
    {"policy": "min_total_duration_packed", **_PACKED},
    {"policy": "max_min_fairness_water_filling_perf", **_SMALL},
    {"policy": "max_sum_throughput_normalized_by_cost_packed_SLOs", "slos": True, **_PACKED},
    {"policy": "min_total_duration_perf", "tie_break": "efficient", **_SMALL},
    {"policy": "finish_time_fairness_perf", "engine": "highs", **_SMALL},
    {"policy": "min_total_duration_perf", "engine": "highs", **_SMALL},
    {"policy": "gandiva", **_PACKED},
    {"policy": "max_min_fairness_packed", "ideal": True, **_PACKED},
    {"policy": "allox", "cluster": "8:8:8", "jobs": 80},
)
"""Between them these call every kernel that runs call, with every kind of argument."""


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
    """Carry out all runs; seconds of CPU by the kernel that was compiled."""
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    from gavel_opt.kernels import code_cache

    started, done = time.perf_counter(), 0
    compiled: dict[str, float] = {}
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        waiting = [pool.submit(exercise, settings) for settings in RUNS]
        try:
            for future in as_completed(waiting):
                for name, cpu in future.result().items():
                    compiled[name] = compiled.get(name, 0.0) + cpu
                done += 1
                _say(f"{done} of {len(RUNS)} runs done, {len(compiled)} kernels compiled")
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


def exercise(settings: dict[str, Any]) -> dict[str, float]:
    """Carry out a small run, compiling each kernel that it calls; seconds of CPU by kernel."""
    import simulator
    from gavel_opt.kernels import jit

    jit.show_progress(lambda text: None)
    with jit.compiling_at_once() as compiled:
        simulator.run(**settings)
    return compiled


def _cores() -> int:
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known is not None else os.cpu_count() or 1


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)
