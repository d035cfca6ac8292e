"""Floors that rounding put out of reach: the sum of those of a round of water filling, 4e-9 too much."""

import numpy as np
import pytest

from gavel_opt.driver import Driver
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.policies import make_policy
from gavel_opt.testing.blocks import make_blocks

GROUPS, WORKERS = 57, [8.0, 8.0, 16.0]


def program():
    floor = np.concatenate([[0.0], np.full(GROUPS - 1, 32.0 / (GROUPS - 1))])
    floor[1:] *= 1.0 + 1.3e-10
    slope = np.zeros(GROUPS)
    slope[0] = 1.0
    blocks = make_blocks(rate=np.ones((GROUPS, 3)), workers=WORKERS)
    return AllocationProgram(blocks, slope, floor, probe=True)


@pytest.mark.parametrize(
    ("engine", "tie_break"),
    [("auto", "canonical"), ("auto", "efficient"), ("auto", "none"), ("highs", "none")],
)
def test_a_run_goes_on(engine, tie_break):
    driver = Driver(
        make_policy("max_min_fairness_water_filling"), engine, fallback=(), tie_break=tie_break
    )
    answer = driver.solve(program())
    assert answer.level == pytest.approx(0.0, abs=1e-7)
    assert driver.tally.max_primal_residual < 1e-8
    assert driver.tally.max_relative_gap < 1e-6
