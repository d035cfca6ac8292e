"""Draws jobs, compiled: the same streams in the same order as the reference (``mechanism.md``)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.random_streams import next_below, next_float
from gavel_opt.kernels.records import record

RULES = record(
    base="f8",  # 10: what powers are taken of. Were it a constant, the compiler would take another
    # function than Python does, with other last bits.
    arrival="f8",  # of the next job; moves on
    interarrival="f8",  # mean seconds between arrivals; 0: all at once
    duration="f8",  # of every job; NaN: drawn
    number="i8",  # of the next job; moves on
    entities="i8",  # so many take turns
    multi_gpu="?",
    multi_priority="?",
    slos="?",
)

KIND = record(
    key="i8",  # row in the throughput table; -1 where a job type does not run on that many workers
    speed="f8",  # steps per second on the reference type
)


class Sampling(NamedTuple):
    """What jobs are drawn from.

    Attributes
    ----------
    rules
        RULES, one.
    kinds
        KIND by job type and scale factor, shape ``(types, 9)``.
    jobs, arrivals, deadlines
        Streams (:mod:`gavel_opt.kernels.random_streams`), which move on.
    """

    rules: np.ndarray
    kinds: np.ndarray
    jobs: np.ndarray
    arrivals: np.ndarray
    deadlines: np.ndarray


@compiled
def draw_jobs(sampling: Sampling, drawn: np.ndarray) -> None:
    """Draw as many jobs as there are records of JOB to fill."""
    rules = sampling.rules[0]
    for i in range(len(drawn)):
        job = drawn[i]
        _draw_job(sampling, job)
        job.arrival = rules.arrival
        job.entity = rules.number % rules.entities
        rules.number += 1
        if rules.interarrival > 0.0:
            # The reference divides by a rate; multiplying by the mean differs in the last bit.
            gap = -math.log(1.0 - next_float(sampling.arrivals)) / (1.0 / rules.interarrival)
            rules.arrival = gap + rules.arrival


@compiled
def _draw_job(sampling: Sampling, job: Any) -> None:
    """Draw what a job is; the order of the draws is the reference's."""
    rules = sampling.rules[0]
    part = next_float(sampling.jobs)
    scale = 1
    if 0.7 <= part <= 0.8:  # both ends count
        scale = 2
    elif 0.8 <= part <= 0.95:
        scale = 4
    elif part >= 0.95:
        scale = 8
    if not rules.multi_gpu:
        scale = 1
    job.scale_factor = scale
    job.duration = rules.duration
    if math.isnan(rules.duration):
        low, high = (3.0, 4.0) if next_float(sampling.jobs) >= 0.8 else (1.5, 3.0)
        job.duration = 60.0 * rules.base ** (low + (high - low) * next_float(sampling.jobs))
    kind = next_below(sampling.jobs, len(sampling.kinds))
    while sampling.kinds[kind, scale].key < 0:
        kind = next_below(sampling.jobs, len(sampling.kinds))
    job.key = sampling.kinds[kind, scale].key
    job.steps = job.duration * sampling.kinds[kind, scale].speed
    job.weight = 5.0 if rules.multi_priority and next_float(sampling.jobs) <= 0.2 else 1.0
    job.slo = math.nan
    if rules.slos:
        part = next_float(sampling.deadlines)
        job.slo = 1.2 if part < 0.33 else 2.0 if part < 0.67 else 10.0
