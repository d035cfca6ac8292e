"""The highest rate without space sharing, against an engine on the same program."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.optimize

from simulator.runs.saturation.cheapest_types import cheapest_types


@pytest.mark.parametrize("seed", range(40))
def test_same_as_an_engine(seed):
    """Rate, and prices that prove it, for 1 to 7 types, some of which have no workers or do not take a key."""
    draws = np.random.default_rng(seed)
    keys, types = int(draws.integers(1, 40)), 1 + seed % 7
    speed = draws.lognormal(size=(keys, types))
    speed[draws.random(speed.shape) < 0.3] = 0.0
    speed[np.arange(keys), draws.integers(0, types, keys)] = 1.0
    work, workers = draws.random(keys) + 0.01, draws.integers(1, 50, types).astype(float)
    if types > 2:  # as clusters have it: nothing fits on what is not there
        workers[0], speed[:, 0] = 0.0, 0.0
        speed[speed.max(axis=1) == 0.0, 1] = 1.0

    rate, prices, used = cheapest_types(speed, work, workers)

    assert rate == pytest.approx(_by_engine(speed, work, workers), rel=1e-9)
    assert prices @ workers == pytest.approx(rate, rel=1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = np.where(speed > 0.0, prices / speed, np.inf).min(axis=1)
    assert worth @ work == pytest.approx(1.0, rel=1e-9)
    assert (prices >= 0.0).all()
    assert (used <= workers * (1.0 + 1e-9)).all()
    assert used[prices > 1e-9] == pytest.approx(workers[prices > 1e-9], rel=1e-9)


def _by_engine(speed, work, workers):
    """The most that is done of all keys, as a program of its own."""
    keys, types = speed.shape
    done = np.zeros((keys, keys * types + 1))
    for key in range(keys):
        done[key, key * types : (key + 1) * types] = -speed[key]
    done[:, -1] = work
    taken = np.hstack([np.tile(np.eye(types), keys), np.zeros((types, 1))])
    found = scipy.optimize.linprog(
        np.append(np.zeros(keys * types), -1.0),
        np.vstack([done, taken]),
        np.concatenate([np.zeros(keys), workers]),
    )
    return -found.fun


def test_a_look_loads_no_engine():
    """An engine takes longer to be loaded than a short run under its rule takes."""
    program = (
        "import sys, simulator; run = simulator.run(policy='fifo_perf', cluster='6:6:6', rate=0.95, "
        "window=(400, 500)); assert 'pace' in run.summary['saturation']['figures'], run.summary; "
        "sys.exit('highspy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
