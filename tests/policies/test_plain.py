"""Plain policies do not know throughputs, so jobs that differ in nothing else are alike to them."""

from __future__ import annotations

import numpy as np
import pytest
from recordings import state_of

from gavel_opt import Driver, make_policy
from simulator.world.job_types import JOB_TYPES


@pytest.mark.parametrize("name", ["max_min_fairness", "max_min_fairness_water_filling"])
@pytest.mark.parametrize("tie_break", ["canonical", "none"])
def test_jobs_of_all_types_get_the_same_bits(name, tie_break):
    draw = np.random.default_rng(0)
    kinds = draw.integers(0, len(JOB_TYPES), 400).tolist()
    state = state_of([36] * 3, [(i, JOB_TYPES[k], 1, 1.0, 1.0, 0.0) for i, k in enumerate(kinds)])
    state.weight = draw.choice([1.0, 5.0], 400)
    x = Driver(make_policy(name), tie_break=tie_break).allocate(state).x
    for weight in (1.0, 5.0):
        alike = x[state.weight == weight]
        assert (alike == alike[0]).all()
