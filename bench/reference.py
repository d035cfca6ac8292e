"""The reference's own algorithms, where it does not solve one program a call: cvxpy, nothing kept.

The engine ``cvxpy-rebuild`` solves *our* programs as the reference would write them. Two policies
do more in the reference: makespan bisects over feasibility problems, water filling asks a
mixed-integer program which jobs are stuck. Both are rebuilt here from their description, on arrays
in and arrays out, so that ratios to what the reference does can be given as well. They look like a
driver to the harness.
"""

from __future__ import annotations

import warnings
from typing import Any

import cvxpy as cp
import numpy as np

from gavel_opt import Allocation, ClusterState, Policy, make_policy


class _Reference:
    """A policy call of the reference, dressed as a driver."""

    name = ""

    def __init__(self) -> None:
        self.policy: Policy = make_policy(self.name)
        self.tally = None

    def allocate(self, state: ClusterState) -> Allocation:
        """The reference's allocation of a state."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in the reference, whose solves may be inaccurate
            x = self._shares(state)
        return Allocation(state.job, np.clip(x, 0.0, 1.0))

    def _shares(self, state: ClusterState) -> np.ndarray:
        raise NotImplementedError


def _base(state: ClusterState, x: Any) -> list[Any]:
    scale = np.repeat(state.scale_factor[:, None].astype(float), state.workers.size, axis=1)
    return [
        x >= 0,
        cp.sum(cp.multiply(scale, x), axis=0) <= state.workers,
        cp.sum(x, axis=1) <= 1,
    ]


class BisectedMakespan(_Reference):
    """Feasibility problems at a total duration T, halving [100 s, 1,000,000 s] to within 5 %."""

    name = "min_total_duration_perf"

    def _shares(self, state: ClusterState) -> np.ndarray:
        rate = state.throughputs.alone[state.key]
        low, high, top = 100.0, 1e6, 1e6
        found = None
        while found is None:
            while 1.05 * low < high:
                middle = (low + high) / 2.0
                x = cp.Variable(rate.shape)
                enough = cp.sum(cp.multiply(rate, x), axis=1) >= state.steps_left / middle
                problem = cp.Problem(cp.Maximize(1), [*_base(state, x), enough])
                problem.solve(solver=cp.ECOS)
                if problem.status == cp.OPTIMAL:
                    found, high = x.value, middle
                else:
                    low = middle
            low, high, top = top, top * 10.0, top * 10.0
        return np.asarray(found)


class SearchedWaterFilling(_Reference):
    """A max-min program and a mixed-integer program in turns, until nobody is left to rise.

    The mixed-integer program finds as many jobs as possible that can rise by one part in 10,000;
    the others are stuck. Written once a call with parameters for what changes between turns, as in
    the reference. It asks GLPK there and HiGHS here, which is not slower.
    """

    name = "max_min_fairness_water_filling_perf"
    slack, least = 1.0001, 1e-5

    def _shares(self, state: ClusterState) -> np.ndarray:
        rate = state.throughputs.alone[state.key]
        n = state.job.size
        equal = rate @ (state.workers / state.workers.sum())
        unit = rate / equal[:, None]
        factor = state.scale_factor / state.weight
        big = float((unit * state.scale_factor[:, None]).max())
        x, y = cp.Variable(rate.shape), cp.Variable(rate.shape)
        rises = cp.Variable(n, boolean=True)
        reached, floor = cp.Parameter(n), cp.Parameter(n)
        times, plus, fixed = cp.Parameter(n), cp.Parameter(n), cp.Parameter(n)
        level, other = cp.sum(cp.multiply(unit, x), axis=1), cp.sum(cp.multiply(unit, y), axis=1)
        gain = cp.Maximize(cp.min(cp.multiply(level - reached, times) + plus))
        fill = cp.Problem(gain, [*_base(state, x), level >= floor])
        ask = cp.Problem(
            cp.Maximize(cp.sum(rises)),
            [
                *_base(state, y),
                big * rises >= other - reached * self.slack + self.least,
                big * (1 - rises) >= reached * self.slack - other,
                other >= floor,
                cp.multiply(fixed, rises) == 0,
            ],
        )
        so_far, final = np.zeros(n), np.full(n, np.nan)
        share = np.zeros(rate.shape)
        while True:
            done = ~np.isnan(final)
            reached.value = so_far
            floor.value = np.where(done, final, so_far)
            times.value = np.where(done, 0.0, factor)
            plus.value = np.where(done, big, 0.0)
            try:
                fill.solve(solver=cp.ECOS)
            except cp.SolverError:
                return share
            if x.value is None:
                return share
            share = np.asarray(x.value)
            so_far = so_far + np.where(done, 0.0, gain.value / factor)
            reached.value = so_far
            floor.value = np.where(done, final, so_far)
            fixed.value = done.astype(float)
            try:
                ask.solve(solver=cp.HIGHS)
                free = np.zeros(n) if rises.value is None else rises.value
            except cp.SolverError:
                free = np.zeros(n)
            stuck = ~done & ~(free > 0.5)
            if not stuck.any():
                return share
            final[stuck] = so_far[stuck]
            if not np.isnan(final).any():
                return share


REFERENCES = {kind.name: kind for kind in (BisectedMakespan, SearchedWaterFilling)}
