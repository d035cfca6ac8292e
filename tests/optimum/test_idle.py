"""Pairs that run nowhere: they take no share, and the centre is that of a program that has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import finish_time, max_min, with_pairs
from scipy.optimize import fsolve

from gavel_opt.model.allocation_program import AllocationProgram, Blocks, PairBlocks
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.settings import SETTINGS


def test_the_centre_is_where_calculus_says():
    """Two jobs that may idle together on 5 workers, and one on two that pins the level at 1.

    The others' share x and the idle time y of the two are where
    2 log x + 2 w log (2 x - 1) + 2 w log (1 - x - y) + log y + log (3 - 2 x - y) is largest.
    """
    pairs = PairBlocks(np.array([[0, 0]]), np.zeros((1, 2, 1)), np.full((1, 2), 0.5), np.ones(1))
    blocks = Blocks(
        np.array([[2.0], [1.0]]),
        np.array([2.0, 2.0]),
        np.array([2, 1]),
        np.array([5.0]),
        pairs=pairs,
    )
    answer, _, _ = optimum(AllocationProgram(blocks, np.ones(2), np.zeros(2)), "canonical")
    w = SETTINGS.slack_weight

    def slopes(point):
        x, y = point
        time, workers = 1.0 - x - y, 3.0 - 2.0 * x - y
        by_x = 2.0 / x + 4.0 * w / (2.0 * x - 1.0) - 2.0 * w / time - 2.0 / workers
        return by_x, -2.0 * w / time + 1.0 / y - 1.0 / workers

    x, _ = fsolve(slopes, (0.7, 0.1), xtol=1e-13)
    np.testing.assert_allclose(answer.x, [[x], [1.0], [0.0]], rtol=1e-10)


def partly_dead(kind, seed, low):
    """A program with pairs, half of them at ``low`` times their speed."""
    program = with_pairs(kind(seed), seed)
    pairs = program.blocks.pairs
    dead = np.random.default_rng(seed).random(pairs.use.size) < 0.5
    rate = pairs.rate * np.where(dead, low, 1.0)[:, None, None]
    return replace(program, blocks=replace(program.blocks, pairs=replace(pairs, rate=rate))), dead


@pytest.mark.parametrize("tie_break", ["canonical", "efficient"])
@pytest.mark.parametrize("kind", [max_min, finish_time])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31))
def test_it_is_as_if_they_ran_hardly_at_all(kind, tie_break, seed):
    """A speed of 1e-10 makes a column of the path; none makes one of the centre alone."""
    program, dead = partly_dead(kind, seed, 0.0)
    slow = partly_dead(kind, seed, 1e-10)[0]
    groups = program.blocks.groups
    (answer, proof, _), (other, doubt, _) = (optimum(one, tie_break) for one in (program, slow))
    assert not answer.x[groups:][dead].any()
    assert proof.within(1e-9)
    if doubt.within(1e-9):
        running = np.concatenate([np.ones(groups, bool), ~dead])
        np.testing.assert_allclose(answer.x[running], other.x[running], rtol=0, atol=1e-5)
