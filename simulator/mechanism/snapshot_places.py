"""Places in a snapshot that compiled code goes to: each must be one of what it is a place in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gavel_opt import InputError

TWISTER = 624
"""Words of a Mersenne twister; behind them stands the place of the next one."""


def check_places(memory: Mapping[str, Any], keys: int, types: int, jobs: int) -> None:
    """Check every place in a snapshot of the mechanism.

    Parameters
    ----------
    memory
        As :meth:`simulator.mechanism.mechanism.Mechanism.snapshot` gives it.
    keys, types, jobs
        Rows of the table of throughputs, worker types, jobs that the workload has drawn.

    Raises
    ------
    ValueError
        Naming the array and what it holds.
    """
    slots, pairs = len(memory["jobs"]), len(memory["pairs"])
    workers, counts, segments = len(memory["workers"]), memory["counts"], memory["segments"]
    within: dict[str, tuple[NDArray[Any], int, int]] = {
        "jobs.first": (memory["jobs"]["first"], 0, slots),
        "jobs.second": (memory["jobs"]["second"], -1, 0),
        "jobs.number": (memory["jobs"]["number"], 0, jobs),
        "pairs.first": (memory["pairs"]["first"], 0, slots),
        "pairs.second": (memory["pairs"]["second"], 0, slots),
        "runs.entry": (memory["runs"]["entry"], -pairs, slots),
        "runs.on": (memory["runs"]["on"], 0, types),
        "runs.at": (memory["runs"]["at"], 0, workers),
        "runs.rank": (memory["runs"]["rank"], -1, keys),
        "first_run": (memory["first_run"], 0, workers + 1),
        "stop_run": (memory["stop_run"], 0, workers + 1),
        "placed": (memory["placed"], 0, workers),
        "open_segments": (memory["open_segments"], -1, len(segments)),
        "candidates.scale": (memory["candidates"]["scale"], 1, workers + 1),
        "stream": (memory["stream"][TWISTER:], 0, TWISTER + 1),
        "segments.worker": (segments[:, 0], 0, workers),
        "segments.job": (segments[:, 1], 0, jobs),
        "segments.partner": (segments[:, 2], -1, jobs),
    }
    for name in ("jobs", "pairs"):
        entries = memory[name]
        within |= {
            f"{name}.key": (entries["key"], 0, keys),
            f"{name}.scale": (entries["scale"], 1, workers + 1),
            f"{name}.ran_on": (entries["ran_on"], 0, types),
            f"{name}.ran_at": (entries["ran_at"], 0, workers),
        }
    most = {"known": jobs, "admitted": jobs, "completed": jobs, "active": slots, "used": workers}
    for name in counts.dtype.names:
        if counts[name].dtype.kind == "i":
            within[f"counts.{name}"] = (counts[name], 0, most.get(name, 2**62) + 1)
    for name, (found, low, stop) in within.items():
        require_within(name, found, low, stop)


def require_within(name: str, found: NDArray[Any], low: int, stop: int) -> None:
    """Check that whole numbers are at least ``low`` and below ``stop``.

    Raises
    ------
    ValueError
        With the first that is not.
    """
    wrong = np.flatnonzero((found < low) | (found >= stop))
    if wrong.size:
        value = int(found.flat[wrong[0]])
        raise ValueError(f"{name} is {value}, expected {low} to {stop - 1}")


def without_pairs(memory: Mapping[str, Any], policy: str) -> dict[str, Any]:
    """A snapshot of the mechanism for a policy that lets no two jobs share workers, which has no room for pairs.

    Raises
    ------
    InputError
        If two jobs share workers when the snapshot was made: their round must be charged to them.
    """
    kept = dict(memory)
    if (memory["runs"]["entry"] < 0).any():
        raise InputError(
            f"--fork-from: where the warm-up ends jobs share workers, and policy {policy} lets none: fork from a "
            "warm-up of a policy without pairs, or of the same policy"
        )
    kept["counts"] = memory["counts"].copy()
    kept["counts"]["pairs"] = 0
    for name in ("pairs", "pair_ledger"):
        kept[name] = memory[name][:0]
    return kept
