"""Allocations of a recorded run, in order: the mechanism alone must then reproduce the run."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gavel_opt import Allocation, InputError
from simulator.world.cluster import SHORT_ORDER


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
            raise InputError(
                f"{self._source}: recomputation {self.place} of this run is at {time:.3f} s, but "
                f"{found}; expected a recording of the same workload, cluster and policy"
            )
        self.place += 1
        singles: list[tuple[int, list[float]]] = []
        pairs: list[tuple[int, int, list[float]]] = []
        for name, share in event["alloc"].items():
            first, _, second = name.partition("+")
            row = [share[column] for column in self._columns]
            if not second:
                singles.append((int(first), row))
            elif any(row):
                pairs.append((int(first), int(second), row))
        singles.sort()
        pairs.sort()
        return Allocation(
            np.array([s[0] for s in singles], dtype=np.int64),
            np.array([s[1] for s in singles], dtype=np.float64).reshape(-1, len(self._columns)),
            np.array([p[:2] for p in pairs], dtype=np.int64).reshape(-1, 2),
            np.array([p[2] for p in pairs], dtype=np.float64).reshape(-1, len(self._columns)),
        )


def load_replay(path: Path, worker_types: Sequence[str]) -> Replay:
    """Load a recording (``.json`` or ``.json.gz``).

    Raises
    ------
    InputError
        If it cannot be read or holds no recorded allocations.
    """
    try:
        content = Path(path).read_bytes()
        text = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        recording = json.loads(text)
        events = recording["events"]
        for event in events:
            event["t"], event["alloc"]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"--replay: cannot read {path}: {error!r}; expected a recorded run with its events"
        ) from None
    unknown = [name for name in worker_types if name not in SHORT_ORDER]
    if unknown:
        raise InputError(
            f"--replay: recordings know {', '.join(SHORT_ORDER)}, but the cluster has {unknown[0]!r}"
        )
    return Replay(str(path), events, worker_types)
