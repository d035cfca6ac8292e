"""Elimination of a group: as exact arithmetic has it, however far apart the diagonals are."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gavel_opt.kernels.records import aligned_zeros
from gavel_opt.solver.interior_point.kkt_alone import _coordinates, _eliminate, _shares_of
from gavel_opt.solver.interior_point.method import _room
from gavel_opt.solver.records import COLUMN, COMBINATION, GROUP, SCALARS, TYPE, VARIABLE, Tables


def group_of(rate, ratio, slack, slope):
    """The tables of one group and room for its elimination."""
    types = rate.size
    tables = Tables(
        np.zeros(types, COLUMN),
        aligned_zeros((types,), VARIABLE),
        np.zeros(1, COMBINATION),
        np.zeros(1, GROUP),
        np.zeros(types, TYPE),
        aligned_zeros((2 + types,), VARIABLE),
        np.zeros(1, SCALARS),
    )
    tables.columns["rate"], tables.cells["ratio"] = rate, ratio
    tables.rows["ratio"][:2] = slack
    tables.combinations["use"], tables.groups["slope"] = 1.0, slope
    tables.scalars["bottleneck"] = -1
    return tables, _room(1, types, False)


def exact(rate, ratio, slack, rhs, level, time):
    """``free``, the shares' steps and both multipliers, in rational numbers."""
    r, d, h = ([Fraction(float(v)) for v in values] for values in (rate, ratio, rhs))
    a = Fraction(slack[0]) + sum(x * x * y for x, y in zip(r, d, strict=True))
    b = -sum(x * y for x, y in zip(r, d, strict=True))
    c = Fraction(slack[1]) + sum(d)
    det = a * c - b * b
    inverse = ((c / det, -b / det), (-b / det, a / det))
    column = [(-x, Fraction(1)) for x in r]
    weighed = [[sum(inverse[p][q] * v[q] for q in (0, 1)) for p in (0, 1)] for v in column]
    free = [
        [
            (d[j] if j == m else 0)
            - d[j] * d[m] * sum(weighed[j][p] * column[m][p] for p in (0, 1))
            for m in range(len(r))
        ]
        for j in range(len(r))
    ]
    given = [Fraction(float(level)), Fraction(float(time))]
    for v, x, y in zip(column, d, h, strict=True):
        given = [given[p] + v[p] * x * y for p in (0, 1)]
    multipliers = [sum(inverse[p][q] * given[q] for q in (0, 1)) for p in (0, 1)]
    steps = [
        x * (y - v[0] * multipliers[0] - v[1] * multipliers[1])
        for v, x, y in zip(column, d, h, strict=True)
    ]
    return np.array(free, dtype=float), np.array(steps, dtype=float), np.array(multipliers, float)


@pytest.mark.parametrize("types", [1, 2, 4, 9])
@pytest.mark.parametrize("spread", [0, 8, 24])
def test_elimination_is_exact_to_the_last_digits(types, spread):
    for seed in range(12):
        random = np.random.default_rng(seed)
        rate = random.uniform(0.1, 3.0, types)
        if types > 2 and seed % 3 == 0:
            rate[1] = rate[0]
        ratio = 10.0 ** random.uniform(-spread / 2, spread / 2, types)
        slack = 10.0 ** random.uniform(-spread / 2, spread / 2, 2)
        rhs, (level, time) = random.normal(size=types), random.normal(size=2)
        tables, system = group_of(rate, ratio, slack, 1.0)
        tables.cells["rhs"] = rhs
        _eliminate(0, tables, system)
        free, steps, multipliers = exact(rate, ratio, slack, rhs, level, time)
        size = np.sqrt(np.outer(np.diag(free), np.diag(free)))
        lower = np.tril_indices(types)
        assert (abs(system.schur - free)[lower] <= 1e-13 * size[lower]).all()
        found = _shares_of(0, level, time, system.free, tables, system)
        # each share moves with the root of its own part of the matrix
        scale = abs(steps) + np.sqrt(np.diag(free)) * np.sqrt(abs(rhs @ free @ rhs))
        assert (abs(system.part[:types] - steps) <= 1e-12 * scale + 1e-13 * abs(steps).max()).all()
        np.testing.assert_allclose(found, multipliers, rtol=1e-9, atol=1e-12 * abs(rhs).max())


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_rows_that_say_the_same_leave_one(slope):
    rate = np.full(5, 2.0)
    ratio = np.array([1.0, 3.0, 0.0, 1e9, 2.0])
    tables, system = group_of(rate, ratio, np.zeros(2), slope)
    y, y_two, d = _coordinates(0, tables, system)
    assert tables.groups["two"][0] == -1
    assert tables.scalars["bottleneck"][0] == (0 if slope else -1)
    _eliminate(0, tables, system)
    free = -np.outer(ratio, ratio) / ratio.sum()
    np.fill_diagonal(free, [r * np.delete(ratio, j).sum() for j, r in enumerate(ratio)])
    free[np.diag_indices(5)] /= ratio.sum()
    size = np.sqrt(np.outer(np.diag(free), np.diag(free)))
    lower = np.tril_indices(5)
    assert (abs(system.schur - free)[lower] <= 1e-13 * size[lower] + 1e-15).all()
    assert not y_two.any()
    assert (y == 1.0)[:5].all()
    assert d[3] == 1e9
