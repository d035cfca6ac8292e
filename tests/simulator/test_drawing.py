"""Drawn jobs: against the same draws written with Python's own generator."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from gavel_opt.kernels.random_streams import next_below, next_float, shuffle, stream
from simulator.world.job_types import DISTRIBUTED, JOB_TYPES
from simulator.world.throughputs import load_throughputs
from simulator.world.workload import DrawnWorkload, DrawSettings


def drawn(settings: DrawSettings, count: int) -> list[tuple[float, ...]]:
    """Jobs as ``mechanism.md`` draws them."""
    table = load_throughputs()
    speed = table.reference_speed("the test")
    jobs, gaps, slos = (random.Random(settings.seed + offset) for offset in (2, 3, 6))
    found, arrival = [], 0.0
    for number in range(count):
        part = jobs.uniform(0, 1)
        scale = 2 if 0.7 <= part <= 0.8 else 4 if 0.8 <= part <= 0.95 else 8 if part > 0.95 else 1
        if settings.fixed_duration is not None:
            duration = settings.fixed_duration
        elif jobs.random() >= 0.8:
            duration = 60 * 10 ** jobs.uniform(3, 4)
        else:
            duration = 60 * 10 ** jobs.uniform(1.5, 3)
        if not settings.multi_gpu:
            scale = 1
        kind = jobs.choice(range(len(JOB_TYPES)))
        while scale > 1 and not DISTRIBUTED[kind]:
            kind = jobs.choice(range(len(JOB_TYPES)))
        weight = 5.0 if settings.multi_priority and jobs.uniform(0, 1) <= 0.2 else 1.0
        slo = math.nan
        if settings.slos:
            part = slos.uniform(0, 1)
            slo = 1.2 if part < 0.33 else 2.0 if part < 0.67 else 10.0
        row = table.row(JOB_TYPES[kind], scale)
        steps = duration * speed[row]
        entity = number % settings.entities
        found.append((arrival, row, scale, weight, steps, duration, slo, entity))
        if settings.interarrival:
            arrival += -math.log(1.0 - gaps.random()) / (1.0 / settings.interarrival)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        DrawSettings(0, 900.0),
        DrawSettings(1, 1800.0, multi_gpu=True, multi_priority=True, slos=True, entities=3),
        DrawSettings(7, 0.0, limit=3000, multi_gpu=True),
        DrawSettings(2, 3600.0 / 5.6, multi_priority=True, fixed_duration=3600.0),
    ],
    ids=["single", "multi", "static", "fixed"],
)
def test_jobs_are_those_of_pythons_generator_to_the_bit(settings):
    workload = DrawnWorkload(settings, load_throughputs())
    for count in (1, 64, 2935):
        workload.extend(count)
    jobs = workload.jobs
    assert jobs.size == 3000
    names = ("arrival", "key", "scale_factor", "weight", "steps", "duration", "slo", "entity")
    for name, expected in zip(names, zip(*drawn(settings, 3000), strict=True), strict=True):
        np.testing.assert_array_equal(getattr(jobs, name), expected, err_msg=name)


def test_streams_are_pythons():
    words, python = stream(11), random.Random(11)
    for bound in (1, 2, 26, 27, 1000) * 300:
        assert next_below(words, bound) == python.choice(range(bound))
        assert next_float(words) == python.random()
    for size in (2, 3, 50):
        items, expected = np.arange(size), list(range(size))
        shuffle(words, items)
        python.shuffle(expected)
        assert items.tolist() == expected
