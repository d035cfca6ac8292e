"""What watching a run costs it: who ran where, and events. ``python -m bench.watching``

Each run is carried out without and with it in turn, in one warm process; a cost is the least CPU time with it over the
least without it, since what else the machine does only adds.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import simulator
from bench.report import between

_PAPER: dict[str, Any] = {"window": (4000, 5000)}
_MULTI_GPU = {"multi_gpu": True, **_PAPER}
PERF = "max_min_fairness_perf"
RUNS: dict[str, dict[str, Any]] = {
    "paper point": {"policy": PERF, "rate": 4.0, **_PAPER},
    "a tenth of it": {"policy": PERF, "rate": 4.0, "window": (300, 600)},
    "max-min perf, 2 jobs/hr": {"policy": PERF, "rate": 2.0, **_PAPER},
    "max-min perf, multi-GPU, 2 jobs/hr": {"policy": PERF, "rate": 2.0, **_MULTI_GPU},
    "finish-time perf, multi-GPU, 2 jobs/hr": {
        "policy": "finish_time_fairness_perf",
        "rate": 2.0,
        **_MULTI_GPU,
    },
    "AlloX, 4 jobs/hr": {"policy": "allox", "rate": 4.0, **_PAPER},
    "AlloX, 1 job/hr": {"policy": "allox", "rate": 1.0, **_PAPER},
    "Gandiva, 4 jobs/hr": {"policy": "gandiva", "rate": 4.0, **_PAPER},
    "Gandiva, multi-GPU, 0.4 jobs/hr": {"policy": "gandiva", "rate": 0.4, **_MULTI_GPU},
    "Gandiva, 1 job/hr": {"policy": "gandiva", "rate": 1.0, **_PAPER},
    "FIFO, 3 jobs/hr": {"policy": "fifo", "rate": 3.0, **_PAPER},
    "FIFO perf, 3 jobs/hr": {"policy": "fifo_perf", "rate": 3.0, **_PAPER},
    "isolated, 3 jobs/hr": {"policy": "isolated", "rate": 3.0, **_PAPER},
    "isolated on 2:2:2, 0.1 jobs/hr": {
        "policy": "isolated",
        "cluster": "2:2:2",
        "rate": 0.1,
        "window": (2000, 3000),
    },
    "max-min packed on 6:6:6, 0.5 jobs/hr": {
        "policy": "max_min_fairness_packed",
        "cluster": "6:6:6",
        "rate": 0.5,
        "window": (50, 100),
    },
}
IN_FULL = ("paper point", "a tenth of it")
"""Runs of which more than the cost of events is measured."""
README = Path(__file__).parent / "README.md"
PAIRS = 15


class Watched(NamedTuple):
    """A run and what watches it, as settings of :func:`simulator.run`; whether results are written."""

    run: str
    name: str
    settings: dict[str, Any]
    writes: bool = False


def _nothing(event: object) -> None:
    """Take an event."""


def rows() -> list[Watched]:
    """What is measured."""
    found = []
    for run in IN_FULL:
        found.append(Watched(run, "who ran where", {"record": "placements"}))
        found.append(Watched(run, "who ran where, results written", {"record": "placements"}, True))
        found.append(Watched(run, "events, every round", {"on_round": _nothing}))
    for run in RUNS:
        told = {"on_round": _nothing, "every": 100}
        found.append(Watched(run, "events, every 100 rounds", told))
    return found


def seconds(run: str, settings: dict[str, Any], writes: bool) -> float:
    """CPU time of one run, all threads."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        result = simulator.run(seed=0, **RUNS[run], **settings)
        if writes:
            result.write(Path(folder) / "run")
        return time.process_time() - started


def measure(watched: Watched, pairs: int = PAIRS) -> tuple[float, float]:
    """Least seconds without, and the least of with over it."""
    sides: list[Callable[[], float]] = [
        lambda: seconds(watched.run, {}, watched.writes),
        lambda: seconds(watched.run, watched.settings, watched.writes),
    ]
    for side in sides:
        side()
    least = [math.inf, math.inf]
    for k in range(2 * pairs):
        place = (k + k // 2) % 2  # one first, then the other
        least[place] = min(least[place], sides[place]())
    return least[0], least[1] / least[0]


def main() -> None:
    """Measure, print, and write the table of ``bench/README.md``."""
    argparse.ArgumentParser(prog="python -m bench.watching", description=main.__doc__).parse_args()
    lines = ["| run | watched | CPU without | with / without |", "| --- | --- | ---: | ---: |"]
    for watched in rows():
        took, ratio = measure(watched)
        lines.append(f"| {watched.run} | {watched.name} | {1e3 * took:.0f} ms | {ratio:.3f} |")
        print(lines[-1], flush=True)
    README.write_text(between(README.read_text(), "watching", "\n".join(lines)))


if __name__ == "__main__":
    main()
