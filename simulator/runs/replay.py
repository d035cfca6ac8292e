"""Allocations of a recorded run, in order: the mechanism alone must then reproduce the run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gavel_opt import Allocation, InputError
from simulator.world.cluster import SHORT_ORDER
from simulator.world.untrusted_text import is_number, parse_json, read_text, shown


class Replay:
    """A recorded run's allocations.

    Parameters
    ----------
    source
        File name, for messages.
    events
        Recorded recomputations, each with its time and its allocation.
    worker_types
        Types of this run's cluster, alphabetical.

    Attributes
    ----------
    place
        The event that comes next.
    """

    def __init__(
        self, source: str, events: list[dict[str, Any]], worker_types: Sequence[str]
    ) -> None:
        self._source = source
        self._events = events
        self._columns = [SHORT_ORDER.index(name) for name in worker_types]
        self.place = 0

    def next(self, job: np.ndarray, time: float) -> Allocation | None:
        """Give the allocation of the next event; None where the recording has none for nobody.

        Raises
        ------
        InputError
            If the recording ends too early, or is of another run.
        """
        event = self._events[self.place] if self.place < len(self._events) else None
        if event is None or abs(event["t"] - time) > 1e-6 * max(1.0, time):
            if job.size == 0:
                return None
            found = "it ends before" if event is None else f"its next one is at {event['t']:.3f} s"
            raise self._another_run(time, found)
        active = set(job.tolist())
        strangers = {int(n) for name in event["alloc"] for n in name.split("+")} - active
        if strangers:
            raise self._another_run(time, f"it names job {min(strangers)}, which is not there")
        self.place += 1
        singles: list[tuple[int, list[float]]] = []
        pairs: list[tuple[int, int, list[float]]] = []
        for name, share in event["alloc"].items():
            first, _, second = name.partition("+")
            row = [share[column] for column in self._columns]
            if not second:
                singles.append((int(first), row))
            elif any(row):
                low, high = sorted((int(first), int(second)))
                pairs.append((low, high, row))
        singles.sort()
        pairs.sort()
        return Allocation(
            np.array([s[0] for s in singles], dtype=np.int64),
            np.array([s[1] for s in singles], dtype=np.float64).reshape(-1, len(self._columns)),
            np.array([p[:2] for p in pairs], dtype=np.int64).reshape(-1, 2),
            np.array([p[2] for p in pairs], dtype=np.float64).reshape(-1, len(self._columns)),
        )

    def _another_run(self, time: float, found: str) -> InputError:
        return InputError(
            f"{self._source}: recomputation {self.place} of this run is at {time:.3f} s, but "
            f"{found}; expected a recording of the same workload, cluster and policy"
        )


def load_replay(path: Path, worker_types: Sequence[str]) -> Replay:
    """Load a recording (``.json`` or ``.json.gz``).

    Raises
    ------
    InputError
        If it cannot be read or holds no recorded allocations.
    """
    if Path(path).suffix == ".parquet":  # a run's own table
        raise InputError(f"--replay: {path}: {_EXPECTED}")
    recording = parse_json(read_text(Path(path), "--replay"), str(path))
    events = recording.get("events") if isinstance(recording, dict) else None
    if not isinstance(events, list):
        raise InputError(f"--replay: {path}: {_EXPECTED}")
    before = 0.0
    for place, event in enumerate(events):
        problem = _problem(event, before)
        if problem:
            raise InputError(f"--replay: {path}: event {place}: {problem}")
        before = event["t"]
    unknown = [name for name in worker_types if name not in SHORT_ORDER]
    if unknown:
        raise InputError(
            f"--replay: recordings know {', '.join(SHORT_ORDER)}, but the cluster has {unknown[0]!r}"
        )
    return Replay(str(path), events, worker_types)


_EXPECTED = (
    'expected a recording of Gavel\'s allocations in JSON: {"events": [{"t": seconds, "alloc": {"job": '
    "[V100, P100, K80]}}, ...]}"
)

_JOB = r"(?:0|[1-9][0-9]{0,8})"
_JOBS = re.compile(rf"{_JOB}(\+{_JOB})?")


def _problem(event: Any, before: float) -> str:
    """What is wrong with a recorded recomputation, or nothing."""
    if not isinstance(event, dict) or not is_number(event.get("t")) or event["t"] < before:
        return f"expected a time t, {before:g} s or later"
    if not isinstance(event.get("alloc"), dict):
        return "expected alloc, an object from job, or pair such as 3+5, to its shares"
    for name, share in event["alloc"].items():
        first, _, second = name.partition("+")
        if not _JOBS.fullmatch(name) or first == second:
            return f"expected a job, or a pair such as 3+5, found {shown(name)}"
        if second and f"{second}+{first}" in event["alloc"]:
            return f"expected a pair once, found {shown(name)} and {shown(f'{second}+{first}')}"
        if not isinstance(share, list) or len(share) != len(SHORT_ORDER):
            return f"job {name}: expected a list of {len(SHORT_ORDER)} shares, found {shown(share)}"
        if not all(is_number(part) and -1e-3 <= part <= 1.001 for part in share):
            return f"job {name}: expected shares between 0 and 1, found {shown(share)}"
    return ""
