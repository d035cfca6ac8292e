"""What watching a run costs it: who ran where, and events. ``python -m bench.watching``

Each run is carried out without and with it in turn, in one warm process; a cost is the median over the
pairs of the CPU time with it over that without it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import simulator
from bench.report import between

RUNS: dict[str, dict[str, Any]] = {
    "paper point": {"rate": 4.0, "window": (4000, 5000)},
    "a tenth of it": {"rate": 4.0, "window": (300, 600)},
}
README = Path(__file__).parent / "README.md"
PAIRS = 9


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
    for run in RUNS:
        found.append(Watched(run, "who ran where", {"record": "placements"}))
        found.append(Watched(run, "who ran where, results written", {"record": "placements"}, True))
        for every in (100, 1):
            name = f"events, every {every} rounds" if every > 1 else "events, every round"
            found.append(Watched(run, name, {"on_round": _nothing, "every": every}))
    return found


def seconds(run: str, settings: dict[str, Any], writes: bool) -> float:
    """CPU time of one run, all threads."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        result = simulator.run(policy="max_min_fairness_perf", seed=0, **RUNS[run], **settings)
        if writes:
            result.write(Path(folder) / "run")
        return time.process_time() - started


def measure(watched: Watched, pairs: int = PAIRS) -> tuple[float, float]:
    """Median seconds without, and the median of with over without."""
    sides: list[Callable[[], float]] = [
        lambda: seconds(watched.run, {}, watched.writes),
        lambda: seconds(watched.run, watched.settings, watched.writes),
    ]
    for side in sides:
        side()
    taken = []
    for k in range(pairs):
        order = (0, 1) if k % 2 else (1, 0)
        both = {place: sides[place]() for place in order}
        taken.append((both[0], both[1]))
    return statistics.median(a for a, _ in taken), statistics.median(b / a for a, b in taken)


def main() -> None:
    """Measure, print, and write the table of ``bench/README.md``."""
    lines = ["| run | watched | CPU without | with / without |", "| --- | --- | ---: | ---: |"]
    for watched in rows():
        took, ratio = measure(watched)
        lines.append(f"| {watched.run} | {watched.name} | {1e3 * took:.0f} ms | {ratio:.3f} |")
        print(lines[-1], flush=True)
    README.write_text(between(README.read_text(), "watching", "\n".join(lines)))


if __name__ == "__main__":
    main()
