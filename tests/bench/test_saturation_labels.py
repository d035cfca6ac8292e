"""Ground truth of the saturation rule: what its runs are made of."""

from __future__ import annotations

import numpy as np

from bench.saturation_cases import CASES
from bench.saturation_labels import EVEN, config_of, even_out
from simulator.runs.saturation.bounds import highest_rate
from simulator.runs.simulation import Simulation


def test_every_block_of_jobs_brings_the_work_of_its_rate() -> None:
    """As drawn, the first of these blocks brings 2 % too much and the others less."""
    config = config_of(CASES[0], 3.0, 1000, window=(3 * EVEN, 3 * EVEN + 1))
    simulation = Simulation(config)
    even_out(simulation, 3 * EVEN + 2, 3.0)
    jobs = simulation.workload.jobs
    assert (np.diff(jobs.arrival) >= 0).all()
    work = highest_rate(config).key_prices[jobs.key] * jobs.duration * jobs.scale_factor
    for block in range(3):
        first, last = block * EVEN, (block + 1) * EVEN
        hours = (jobs.arrival[last] - jobs.arrival[first]) / 3600.0
        np.testing.assert_allclose(work[first:last].sum() / 3600.0 / hours, 3.0, rtol=1e-9)
    simulation.advance(200)
    assert abs(simulation.arrived - np.searchsorted(jobs.arrival, simulation.time)) <= 2
