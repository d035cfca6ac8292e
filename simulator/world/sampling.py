"""Draws jobs, compiled: the same streams in the same order as the reference (``mechanism.md``)."""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.kernels.jit import compiled
from simulator.world.random_streams import next_below, next_float


@compiled
def draw_jobs(
    draws: np.ndarray,
    gaps: np.ndarray,
    deadlines: np.ndarray,
    row: np.ndarray,
    speed: np.ndarray,
    base: float,
    numbers: tuple[int, int],
    kinds: tuple[bool, bool, bool],
    seconds: tuple[float, float, float],
    floats: np.ndarray,
    ints: np.ndarray,
) -> float:
    """Draw as many jobs as the last two arrays have columns.

    Parameters
    ----------
    draws, gaps, deadlines
        Streams (:mod:`simulator.world.random_streams`), which move on.
    row, speed
        Row in the throughput table and steps per second on the reference type, by job type and scale
        factor, shape ``(types, 9)``; row -1 where a type does not run on that many workers.
    base
        10: what powers are taken of. Were it a constant, the compiler would take another function than
        Python does, with other last bits.
    numbers
        Number of the first job, how many entities take turns.
    kinds
        Whether jobs may need several workers, some have weight 5, and deadlines are drawn.
    seconds
        When the first job arrives, the mean time between arrivals (0: all at once), the duration of every
        job (NaN: drawn).
    floats
        Receives arrival, weight, steps, duration and deadline (as a multiple of the duration).
    ints
        Receives the row, the scale factor and the entity.

    Returns
    -------
    arrival
        Of the job after the last.
    """
    types = row.shape[0]
    first, entities = numbers
    several, priorities, slos = kinds
    arrival, mean, fixed = seconds
    for i in range(floats.shape[1]):
        part = next_float(draws)
        scale = 1
        if 0.7 <= part <= 0.8:  # both ends count
            scale = 2
        elif 0.8 <= part <= 0.95:
            scale = 4
        elif part >= 0.95:
            scale = 8
        duration = fixed
        if math.isnan(fixed):
            low, high = (3.0, 4.0) if next_float(draws) >= 0.8 else (1.5, 3.0)
            duration = 60.0 * base ** (low + (high - low) * next_float(draws))
        if not several:
            scale = 1
        kind = next_below(draws, types)
        while row[kind, scale] < 0:
            kind = next_below(draws, types)
        weight = 5.0 if priorities and next_float(draws) <= 0.2 else 1.0
        slo = math.nan
        if slos:
            part = next_float(deadlines)
            slo = 1.2 if part < 0.33 else 2.0 if part < 0.67 else 10.0
        floats[0, i], floats[1, i], floats[3, i], floats[4, i] = arrival, weight, duration, slo
        floats[2, i] = duration * speed[kind, scale]
        ints[0, i], ints[1, i], ints[2, i] = row[kind, scale], scale, (first + i) % entities
        if mean > 0.0:
            # The reference divides by a rate; multiplying by the mean differs in the last bit.
            arrival = -math.log(1.0 - next_float(gaps)) / (1.0 / mean) + arrival
    return arrival
