"""A linear program solved in exact rational arithmetic: two-phase simplex method with Bland's rule."""

import math
from fractions import Fraction

from gavel_opt.model.solution import Status

ZERO, ONE = Fraction(0), Fraction(1)


def solve_exactly(program):
    """Status and objective (a Fraction, or None) of a small program, without any rounding."""
    columns, constant, rows = _standard_form(program)
    sign = -1 if program.maximize else 1
    status, value = least([sign * cost for cost, _ in columns], rows)
    if status is not Status.OPTIMAL:
        return status, None
    return status, sign * value + constant + Fraction(program.offset)


def least(costs, rows):
    """Status and value of the least ``costs @ x`` with ``x >= 0``; rows are (sense, coefficients, side).

    A row says ``sense * coefficients @ x <= sense * side``.
    """
    tableau, basis = _with_slacks(rows, len(costs))
    artificial = len(tableau[0]) - 1
    for i, row in enumerate(tableau):  # right-hand sides are not negative
        for k, other in enumerate(tableau):
            other.insert(-1, ONE if k == i else ZERO)
        basis[i] = artificial + i
        del row
    first = [ZERO] * artificial + [ONE] * len(tableau)
    if _minimise(tableau, basis, first) is None or _value(tableau, basis, first) > 0:
        return Status.INFEASIBLE, None
    _drive_out(tableau, basis, artificial)
    tableau = [row[:artificial] + row[-1:] for row in tableau]
    costs = costs + [ZERO] * (artificial - len(costs))
    if _minimise(tableau, basis, costs) is None:
        return Status.UNBOUNDED, None
    return Status.OPTIMAL, _value(tableau, basis, costs)


def _standard_form(program):
    """Columns of ``x >= 0`` as (cost, {row: entry}), the constant, rows as (sense, coefficients, side)."""
    dense = program.a.toarray()
    m, n = dense.shape
    columns, constant, extra = [], ZERO, []
    shift = [ZERO] * m
    for j in range(n):
        low, high = float(program.col_lower[j]), float(program.col_upper[j])
        cost, entry = Fraction(float(program.c[j])), [Fraction(float(v)) for v in dense[:, j]]
        if math.isfinite(low):
            base, signs = Fraction(low), [1]
        elif math.isfinite(high):
            base, signs = Fraction(high), [-1]
        else:
            base, signs = ZERO, [1, -1]
        if math.isfinite(low) and math.isfinite(high):
            extra.append((len(columns), Fraction(high) - base))
        constant += cost * base
        shift = [s + e * base for s, e in zip(shift, entry, strict=True)]
        columns += [(s * cost, [s * e for e in entry]) for s in signs]
    rows = []
    for i in range(m):
        coefficients = [column[i] for _, column in columns]
        for bound, sense in ((program.row_lower[i], -1), (program.row_upper[i], 1)):
            if math.isfinite(bound):
                rows.append((sense, coefficients, Fraction(float(bound)) - shift[i]))
    for place, width in extra:
        unit = [ONE if k == place else ZERO for k in range(len(columns))]
        rows.append((1, unit, width))
    return columns, constant, rows


def _with_slacks(rows, count):
    tableau = []
    for i, (sense, coefficients, side) in enumerate(rows):
        slack = [ZERO] * len(rows)
        slack[i] = ONE
        row = [sense * v for v in coefficients] + slack + [sense * side]
        tableau.append([-v for v in row] if row[-1] < 0 else row)
    if not tableau:
        tableau = [[ZERO] * (count + 1)]
    return tableau, [0] * len(tableau)


def _value(tableau, basis, costs):
    return sum((costs[b] * row[-1] for b, row in zip(basis, tableau, strict=True)), ZERO)


def _minimise(tableau, basis, costs):
    """Bland's rule; None if there is no bound."""
    while True:
        entering = None
        for j in range(len(costs)):
            if j in basis:
                continue
            reduced = costs[j] - sum(
                (costs[b] * row[j] for b, row in zip(basis, tableau, strict=True)), ZERO
            )
            if reduced < 0:
                entering = j
                break
        if entering is None:
            return basis
        ratios = [
            (row[-1] / row[entering], basis[i], i)
            for i, row in enumerate(tableau)
            if row[entering] > 0
        ]
        if not ratios:
            return None
        _pivot(tableau, basis, min(ratios)[2], entering)


def _pivot(tableau, basis, at, column):
    pivot = tableau[at][column]
    tableau[at] = [v / pivot for v in tableau[at]]
    for i, row in enumerate(tableau):
        if i != at and row[column]:
            factor = row[column]
            tableau[i] = [v - factor * w for v, w in zip(row, tableau[at], strict=True)]
    basis[at] = column


def _drive_out(tableau, basis, artificial):
    """Take artificial columns out of the basis; rows that say nothing go."""
    for i in range(len(tableau) - 1, -1, -1):
        if basis[i] >= artificial:
            column = next((j for j in range(artificial) if tableau[i][j]), None)
            if column is None:
                del tableau[i], basis[i]
            else:
                _pivot(tableau, basis, i, column)
