"""A program written in PuLP, and where its rows and columns stand in the solver that PuLP builds.

PuLP 4 keeps problems in compiled code: variables belong to a problem, expressions are made by name, a constraint is
an expression with a sense, and none can be changed once it is in the problem. What differs stands here alone.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pulp

from gavel_opt.arrays import Ints
from gavel_opt.engines.highs import QuietHighs
from gavel_opt.engines.persistent import Snapshot
from gavel_opt.errors import counted

_COMPILED = hasattr(pulp.LpAffineExpression, "from_list")
"""Whether this is PuLP 4."""


class _InProcess(pulp.HiGHS):  # type: ignore[misc]  # PuLP has no types
    """PuLP's HiGHS on a solver that prints nothing."""

    def createAndConfigureSolver(self, lp: Any) -> None:
        lp.solverModel = QuietHighs()
        lp.solverModel.setOptionValue("output_flag", False)


class RowsRefused(Exception):
    """HiGHS did not take all rows of a problem, which PuLP does not notice."""


def solver_of(snapshot: Snapshot, maximize: bool) -> tuple[QuietHighs, Ints, Ints]:
    """Write a program in PuLP and let PuLP build its solver.

    Returns
    -------
    solver
        HiGHS with the problem as PuLP handed it over, which minimises in any case.
    columns
        Its column of each of the program's columns, shape ``(n,)``.
    rows
        Its row for the lower and the upper bound of each of the program's rows, shape ``(2, m)``: -1 for
        an infinite bound; an equality has the same in both.

    Raises
    ------
    RowsRefused
        If the solver left out rows (for coefficients of 1e15 and more), after which all would be off their places.
    """
    with warnings.catch_warnings():
        # PuLP 3 says of each variable that PuLP 4 will make it in another way.
        warnings.simplefilter("ignore", DeprecationWarning)
        problem = pulp.LpProblem("program", pulp.LpMaximize if maximize else pulp.LpMinimize)
        variables = _variables(problem, snapshot)
        rows = _rows(problem, variables, snapshot)
        interface = _InProcess(msg=False)
        interface.createAndConfigureSolver(problem)
        interface.buildSolverModel(problem)
        solver = problem.solverModel
        left_out = int(rows.max(initial=-1)) + 1 - solver.getNumRow()
        if left_out:
            raise RowsRefused(f"HiGHS did not take {counted(left_out, 'row')}")
        return solver, _columns(problem, variables), rows


def _variables(problem: Any, snapshot: Snapshot) -> list[Any]:
    make = problem.add_variable if _COMPILED else pulp.LpVariable
    bounds = zip(snapshot.col_lower.tolist(), snapshot.col_upper.tolist(), strict=True)
    variables = [
        make(f"x{j}", _or_none(low), _or_none(high)) for j, (low, high) in enumerate(bounds)
    ]
    # Columns in no row would be missing, so all of them are named in the objective.
    problem.setObjective(_expression(list(zip(variables, snapshot.c.tolist(), strict=True))))
    return variables


def _rows(problem: Any, variables: list[Any], snapshot: Snapshot) -> Ints:
    m = snapshot.row_lower.size
    order = np.argsort(snapshot.indices, kind="stable")
    column = np.repeat(np.arange(len(variables)), np.diff(snapshot.indptr))[order].tolist()
    value = snapshot.data[order].tolist()
    starts = np.searchsorted(snapshot.indices[order], np.arange(m + 1)).tolist()
    rows = np.full((2, m), -1, dtype=np.int64)
    made = 0
    for i, (low, high) in enumerate(
        zip(snapshot.row_lower.tolist(), snapshot.row_upper.tolist(), strict=True)
    ):
        terms = [(variables[column[k]], value[k]) for k in range(starts[i], starts[i + 1])]
        sides: list[tuple[int | slice, int, float]] = [
            (0, pulp.LpConstraintGE, low),
            (1, pulp.LpConstraintLE, high),
        ]
        if low == high:
            sides = [(slice(None), pulp.LpConstraintEQ, low)]
        for side, sense, bound in sides:
            if math.isfinite(bound):
                problem.addConstraint(_constraint(terms, sense, bound))
                rows[side, i] = made
                made += 1
    return rows


def _columns(problem: Any, variables: list[Any]) -> Ints:
    if not _COMPILED:  # sorted by name: x10 before x2
        return np.array([variable.index for variable in variables], dtype=np.int64)
    place = {variable.id: j for j, variable in enumerate(problem.exported_variables())}
    return np.array([place[variable.id] for variable in variables], dtype=np.int64)


def _expression(terms: list[tuple[Any, float]]) -> Any:
    return pulp.LpAffineExpression.from_list(terms) if _COMPILED else pulp.LpAffineExpression(terms)


def _constraint(terms: list[tuple[Any, float]], sense: int, bound: float) -> Any:
    if not _COMPILED:
        return pulp.LpConstraint(_expression(terms), sense, rhs=bound)
    expression = pulp.LpAffineExpression.from_list(terms, constant=-bound)
    expression.sense = sense
    return expression


def _or_none(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None
