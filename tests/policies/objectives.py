"""What each policy optimises, computed from a state and an allocation alone, in the paper's terms."""

from __future__ import annotations

from typing import Any

import numpy as np
from recordings import Event, Pairs, pairs_of

from gavel_opt import Allocation, ClusterState


def throughput(
    state: ClusterState, rate: np.ndarray, alone: np.ndarray, pairs: Pairs
) -> np.ndarray:
    """Steps per second of every job."""
    total = (rate * alone).sum(axis=1)
    index = {int(job): i for i, job in enumerate(state.job)}
    paired = state.throughputs.paired
    for (a, b), share in pairs.items():
        i, j = index[a], index[b]
        together = paired[state.key[i], state.key[j]]
        total[i] += together[0] @ share
        total[j] += together[1] @ share
    return total


def value(
    name: str, state: ClusterState, alone: np.ndarray, pairs: Pairs, past: dict[int, Any]
) -> float | np.ndarray:
    """Objective to maximise; for water filling, the sorted levels."""
    n = state.job.size
    real = state.throughputs.alone[state.key]
    share = state.workers / state.workers.sum()
    isolated = state.workers / n / state.scale_factor[:, None]
    isolated = isolated / np.maximum(isolated.sum(axis=1), 1.0)[:, None]
    plain = name in (
        "max_min_fairness",
        "max_min_fairness_water_filling",
        "finish_time_fairness",
        "min_total_duration",
    )
    rate = real
    if plain and name.startswith("max_min"):
        rate = np.ones_like(real)
    elif plain:
        rate = np.repeat(real[:, 2:], 3, axis=1)
    speed = throughput(state, rate, alone, pairs)
    if name.startswith("max_min"):
        level = speed * state.scale_factor / (rate @ share) / state.weight
        return np.sort(level) if "water" in name else float(level.min())
    if name.startswith("min_total"):
        return -float(np.max(state.steps_left / speed))
    if name.startswith("max_sum"):
        return float(speed.sum())
    solo = (rate * isolated).sum(axis=1)
    if name.endswith("packed"):  # as the reference has it, of speeds alone
        speed = speed / state.weight
    ratios = []
    for i, job in enumerate(state.job.tolist()):
        ratios.append(
            (state.age[i] + state.steps_left[i] / speed[i])
            / (past[job][0] + state.steps_left[i] / solo[i])
        )
    return -max(ratios)


def remember(name: str, state: ClusterState, past: dict[int, Any]) -> None:
    """Advance the time under isolation as the reference keeps it (finish-time fairness)."""
    real = state.throughputs.alone[state.key]
    rate = np.repeat(real[:, 2:], 3, axis=1) if name == "finish_time_fairness" else real
    isolated = state.workers / state.job.size / state.scale_factor[:, None]
    isolated = isolated / np.maximum(isolated.sum(axis=1), 1.0)[:, None]
    solo = (rate * isolated).sum(axis=1)
    for i, job in enumerate(state.job.tolist()):
        time, steps, then = past.get(job, (0.0, 0.0, 1.0))
        if job in past:
            time += (steps - state.steps_left[i]) / then
        past[job] = (time, state.steps_left[i], solo[i])


def better(
    name: str, event: Event, allocation: Allocation, past: dict[int, Any]
) -> tuple[float, float]:
    """Our objective and the recorded one (to maximise); levels at the first place they differ."""
    state = event.state
    if name.startswith("finish"):
        remember(name, state, past)
    ours = value(name, state, allocation.x, pairs_of(allocation), past)
    theirs = value(name, state, event.alone, event.pairs, past)
    if isinstance(ours, np.ndarray):
        apart = np.flatnonzero(np.abs(ours - theirs) > 1e-6 * np.abs(theirs))
        first = apart[0] if apart.size else 0
        return float(ours[first]), float(theirs[first])
    return ours, theirs
