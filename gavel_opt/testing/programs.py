"""Small programs with known answers, and what an engine must say of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Status

INF = np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A program and its answer.

    Attributes
    ----------
    name, about
        What the program tests.
    make
        Makes the program.
    status
        The answer. An engine that cannot tell infeasible from unbounded may say so.
    objective
        Value of the objective, if optimal.
    x, row_dual
        The optimum and its duals where they are unique.
    screened
        Answered before an engine sees it.
    """

    name: str
    about: str
    make: Callable[[], LinearProgram]
    status: Status = Status.OPTIMAL
    objective: float | None = None
    x: Sequence[float] | None = None
    row_dual: Sequence[float] | None = None
    screened: bool = False


KNOWN: list[Known] = []
"""All of them, in the order in which they are run."""


def _known(
    status: Status = Status.OPTIMAL,
    objective: float | None = None,
    x: Sequence[float] | None = None,
    row_dual: Sequence[float] | None = None,
    screened: bool = False,
) -> Callable[[Callable[[], LinearProgram]], Callable[[], LinearProgram]]:
    """Add the program that a function makes; its name and first line of text describe it."""

    def add(make: Callable[[], LinearProgram]) -> Callable[[], LinearProgram]:
        about = (make.__doc__ or "").splitlines()[0]
        KNOWN.append(Known(make.__name__, about, make, status, objective, x, row_dual, screened))
        return make

    return add


def _below(
    c: ArrayLike, a: Any, upper: ArrayLike, maximize: bool = True, offset: float = 0.0
) -> LinearProgram:
    """``A x <= upper``, ``x >= 0``."""
    return LinearProgram.build(c, a, -INF, upper, maximize=maximize, offset=offset)


# Optimal ---------------------------------------------------------------------------------------


@_known(objective=36.0, x=[2, 6], row_dual=[0, 1.5, 1])
def small_maximum() -> LinearProgram:
    """Three rows, two columns, one vertex."""
    return _below([3, 5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18])


@_known(objective=9.0, x=[3, 1], row_dual=[1.5, 0.5])
def small_minimum() -> LinearProgram:
    """Rows with lower bounds."""
    return LinearProgram.build([2, 3], [[1, 1], [1, 3]], [4, 6], INF, 0.0, 10.0)


@_known(objective=8.5, x=[3.5, 2.5, 0], row_dual=[1.5, -0.5])
def equality_rows() -> LinearProgram:
    """Rows with one value; a dual of each sign."""
    return LinearProgram.build([1, 2, 3], [[1, 1, 1], [1, -1, 0]], [6, 1], [6, 1])


@_known(objective=2.5, x=[0.5, 1.5], row_dual=[1.5, 0.5])
def ranged_rows_below() -> LinearProgram:
    """Rows bounded on both sides, both tight below."""
    return LinearProgram.build([2, 1], [[1, 1], [1, -1]], [2, -1], [6, 1])


@_known(objective=9.5, x=[3.5, 2.5], row_dual=[1.5, 0.5])
def ranged_rows_above() -> LinearProgram:
    """Rows bounded on both sides, both tight above."""
    return LinearProgram.build([2, 1], [[1, 1], [1, -1]], [2, -1], [6, 1], maximize=True)


@_known(objective=-7.0, x=[-4, 1], row_dual=[1.5, 0.5])
def free_columns() -> LinearProgram:
    """Columns without bounds, a negative optimum."""
    return LinearProgram.build([2, 1], [[1, 1], [1, -1]], [-3, -5], INF, -INF, INF)


@_known(objective=2.0, x=[-1, -3], row_dual=[0])
def negative_bounds() -> LinearProgram:
    """Columns whose bounds are below zero."""
    return LinearProgram.build([1, -1], [[1, 1]], -6, INF, [-5, -3], [-1, 4], maximize=True)


@_known(objective=4.5, x=[3, 1.5], row_dual=[0.5])
def upper_bounds_only() -> LinearProgram:
    """Columns that are open downwards."""
    return LinearProgram.build([1, 1], [[1, 2]], -INF, 6, -INF, [3, 2], maximize=True)


@_known(objective=4.0, x=[2, 4, 0], row_dual=[1, 0])
def fixed_column() -> LinearProgram:
    """A column with one value."""
    return LinearProgram.build(
        [0, 1, 2], [[0, 1, 1], [1, 1, 0]], [4, 5], INF, [2, 0, 0], [2, INF, INF]
    )


@_known(objective=8.0, x=[2, 3])
def all_columns_fixed() -> LinearProgram:
    """Nothing to decide, and it fits."""
    return LinearProgram.build([1, 2], [[1, 1]], -INF, 5, [2, 3], [2, 3])


@_known(objective=36.0, x=[2, 6])
def empty_rows() -> LinearProgram:
    """Rows without entries that hold."""
    return LinearProgram.build(
        [3, 5],
        [[0, 0], [1, 0], [0, 2], [0, 0], [3, 2]],
        [-1, -INF, -INF, 0, -INF],
        [INF, 4, 12, 0, 18],
        maximize=True,
    )


@_known(objective=40.0, x=[2, 6, 4, -1])
def empty_columns() -> LinearProgram:
    """Columns in no row go to the bound that pays; one without cost is fixed."""
    return LinearProgram.build(
        [3, 5, 1, 0],
        [[1, 0, 0, 0], [0, 2, 0, 0], [3, 2, 0, 0]],
        -INF,
        [4, 12, 18],
        [0, 0, -2, -1],
        [INF, INF, 4, -1],
        maximize=True,
    )


@_known(objective=36.0, x=[2, 6], row_dual=[0, 1.5, 1, 0])
def row_without_bounds() -> LinearProgram:
    """A row that asks for nothing."""
    return LinearProgram.build(
        [3, 5],
        [[1, 0], [0, 2], [3, 2], [7, -3]],
        -INF,
        [4, 12, 18, INF],
        maximize=True,
    )


@_known(objective=36.0, x=[2, 6], row_dual=[0, 1.5, 1])
def stored_zeros() -> LinearProgram:
    """A matrix that stores some of its zeros."""
    a = sparse.csc_array(
        ([1.0, 0.0, 3.0, 0.0, 2.0, 2.0], ([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1])), shape=(3, 2)
    )
    return _below([3, 5], a, [4, 12, 18])


@_known(objective=2.0, x=[2], row_dual=[1])
def single_column() -> LinearProgram:
    """One row, one column."""
    return LinearProgram.build([1], [[1]], 2, INF)


@_known(objective=0.0)
def no_objective() -> LinearProgram:
    """Any feasible point will do."""
    return LinearProgram.build([0, 0], [[1, 1]], 1, 1)


@_known(objective=136.0, x=[2, 6])
def maximum_with_offset() -> LinearProgram:
    """A constant in the objective of a maximisation."""
    return _below([3, 5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18], offset=100.0)


@_known(objective=-36.5, x=[2, 6], row_dual=[0, -1.5, -1])
def minimum_with_offset() -> LinearProgram:
    """The same turned round: the signs of the duals turn with it."""
    return _below([-3, -5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18], maximize=False, offset=-0.5)


# Degenerate, redundant, several optima ---------------------------------------------------------


@_known(objective=2.0, x=[1, 1])
def degenerate_vertex() -> LinearProgram:
    """Five rows through one vertex: the duals are not unique."""
    return _below([1, 1], [[1, 0], [0, 1], [1, 1], [1, 2], [2, 1]], [1, 1, 2, 3, 3])


@_known(objective=1.0)
def several_optima() -> LinearProgram:
    """A whole edge is optimal."""
    return _below([1, 1], [[1, 1]], [1])


@_known(objective=4.0, x=[1, 1])
def redundant_rows() -> LinearProgram:
    """Equalities that depend on each other."""
    return LinearProgram.build(
        [1, 3], [[1, 1], [2, 2], [1, -1], [1, 0]], [2, 4, 0, 1], [2, 4, 0, 1]
    )


@_known(objective=5.0, x=[0, 1, 0, 1, 0, 0, 0, 0, 1])
def assignment() -> LinearProgram:
    """Three to three: equalities of deficient rank, a degenerate vertex."""
    a = np.zeros((6, 9))
    for i in range(3):
        a[i, 3 * i : 3 * i + 3] = 1
        a[3 + i, i::3] = 1
    return LinearProgram.build([4, 1, 3, 2, 0, 5, 3, 2, 2], a, 1, 1)


@_known(objective=-0.05, x=[0.04, 0, 1, 0])
def beale_cycling() -> LinearProgram:
    """Beale's program, on which a careless simplex method cycles for ever."""
    return _below(
        [-0.75, 150, -0.02, 6],
        [[0.25, -60, -0.04, 9], [0.5, -90, -0.02, 3], [0, 0, 1, 0]],
        [0, 0, 1],
        maximize=False,
    )


@_known(objective=-2.0)
def kuhn_cycling() -> LinearProgram:
    """Kuhn's program, another that cycles."""
    return _below(
        [-2, -3, 1, 12],
        [[-2, -9, 1, 9], [1 / 3, 1, -1 / 3, -2], [2, 3, -1, -12]],
        [0, 0, 2],
        maximize=False,
    )


@_known(objective=3125.0, x=[0, 0, 0, 0, 3125])
def klee_minty() -> LinearProgram:
    """The cube of Klee and Minty in five dimensions."""
    n = 5
    a = np.eye(n)
    for i in range(n):
        a[i, :i] = [2.0 ** (i - j + 1) for j in range(i)]
    c = [2.0 ** (n - 1 - j) for j in range(n)]
    return _below(c, a, [5.0 ** (i + 1) for i in range(n)])


# Scale -----------------------------------------------------------------------------------------


@_known(objective=36.0, x=[2e-3, 6e3], row_dual=[0, 1.5e3, 1])
def badly_scaled() -> LinearProgram:
    """Coefficients from 2e-6 to 1e6."""
    return _below([3e3, 5e-3], [[1e6, 0], [0, 2e-6], [3e3, 2e-3]], [4e3, 12e-3, 18])


@_known(objective=36e6, x=[2e6, 6e6], row_dual=[0, 1.5, 1])
def large_numbers() -> LinearProgram:
    """Bounds in millions."""
    return _below([3, 5], [[1, 0], [0, 2], [3, 2]], [4e6, 12e6, 18e6])


@_known(objective=36e-4, x=[2, 6], row_dual=[0, 1.5e-4, 1e-4])
def small_objective() -> LinearProgram:
    """An objective in ten-thousandths, whose tolerance must not be absolute."""
    return _below([3e-4, 5e-4], [[1, 0], [0, 2], [3, 2]], [4, 12, 18])


@_known()
def constructed() -> LinearProgram:
    """Sixty rows of all kinds, ninety columns; proven by its certificate."""
    rng = np.random.default_rng(7)
    m, n = 60, 90
    a = rng.integers(-3, 4, (m, n)) * (rng.random((m, n)) < 0.2)
    x = rng.integers(0, 4, n).astype(float)
    activity = a @ x
    kind = rng.integers(0, 4, m)
    lower = np.where(kind == 0, -INF, activity - np.where(kind == 1, 0, 2))
    upper = np.where(kind == 2, INF, activity + np.where(kind == 1, 0, 3))
    return LinearProgram.build(rng.integers(-5, 6, n), a, lower, upper, 0.0, 6.0)


# Infeasible, unbounded -------------------------------------------------------------------------


@_known(Status.INFEASIBLE)
def infeasible_rows() -> LinearProgram:
    """Two rows that contradict each other."""
    return LinearProgram.build([1, 1], [[1, 1], [1, 1]], [-INF, 3], [1, INF])


@_known(Status.INFEASIBLE)
def infeasible_bound() -> LinearProgram:
    """A row that asks for more than the bounds of its columns allow."""
    return LinearProgram.build([1, 1], [[1, 2]], 10, INF, 0, [2, 3])


@_known(Status.INFEASIBLE)
def infeasible_equalities() -> LinearProgram:
    """Parallel equalities, free columns."""
    return LinearProgram.build([1, 1], [[1, 1], [2, 2]], [1, 3], [1, 3], -INF, INF)


@_known(Status.INFEASIBLE)
def infeasible_fixed() -> LinearProgram:
    """All columns fixed, and they do not fit."""
    return LinearProgram.build([1, 1], [[1, 1]], -INF, 3, 2, 2)


@_known(Status.INFEASIBLE)
def infeasible_both_ways() -> LinearProgram:
    """Neither the program nor its dual is feasible: it is infeasible, not unbounded."""
    return _below([1, 1], [[1, -1], [-1, 1]], [-1, -1])


@_known(Status.UNBOUNDED)
def unbounded() -> LinearProgram:
    """A ray that improves for ever."""
    return _below([1, 1], [[1, -1]], [1])


@_known(Status.UNBOUNDED)
def unbounded_below() -> LinearProgram:
    """A free column falls for ever."""
    return LinearProgram.build([1, 0], [[1, 1]], -INF, 4, [-INF, 0], INF)


@_known(Status.UNBOUNDED)
def unbounded_empty_column() -> LinearProgram:
    """A column in no row has no bound on the side that pays."""
    return LinearProgram.build([1, 1], [[1, 0]], -INF, 4, maximize=True)


# Answered before an engine sees them -----------------------------------------------------------


@_known(Status.INFEASIBLE, screened=True)
def crossed_row() -> LinearProgram:
    """A row whose lower bound is above its upper."""
    return LinearProgram.build([1, 1], [[1, 1]], 3, 1)


@_known(Status.INFEASIBLE, screened=True)
def crossed_column() -> LinearProgram:
    """A column whose lower bound is above its upper."""
    return LinearProgram.build([1, 1], [[1, 1]], 0, 5, [0, 2], [1, 1])


@_known(Status.INFEASIBLE, screened=True)
def wrong_infinity() -> LinearProgram:
    """A row that asks for infinity."""
    return LinearProgram.build([1, 1], [[1, 1]], INF, INF)


@_known(Status.INFEASIBLE, screened=True)
def impossible_empty_row() -> LinearProgram:
    """A row without entries that asks for one."""
    return LinearProgram.build([1, 1], [[1, 1], [0, 0]], [0, 1], [5, 2])


@_known(objective=-7.0, x=[-1, 3, 2], screened=True)
def zero_matrix() -> LinearProgram:
    """Nothing but zeros: every column goes to its bound."""
    return LinearProgram.build([1, -2, 0], np.zeros((2, 3)), -1, [0, INF], [-1, -4, 2], [9, 3, 5])


@_known(Status.UNBOUNDED, screened=True)
def zero_matrix_unbounded() -> LinearProgram:
    """Nothing but zeros, and a column without a bound."""
    return LinearProgram.build([1], [[0]], -1, 1, maximize=True)


@_known(Status.INFEASIBLE, screened=True)
def zero_matrix_infeasible() -> LinearProgram:
    """Nothing but zeros, where one was asked for: infeasible, though a column could run away."""
    return LinearProgram.build([1], [[0]], 1, 1, maximize=True)


@_known(objective=3.0, x=[1, 2], screened=True)
def no_rows() -> LinearProgram:
    """Bounds alone."""
    return LinearProgram.build([1, 1], sparse.csc_array((0, 2)), [], [], [1, 2], 9)


@_known(objective=5.0, x=[], screened=True)
def no_columns() -> LinearProgram:
    """Nothing to decide, and the rows hold."""
    return LinearProgram.build(np.zeros(0), sparse.csc_array((1, 0)), -1, 1, offset=5.0)


@_known(Status.INFEASIBLE, screened=True)
def no_columns_infeasible() -> LinearProgram:
    """Nothing to decide, and a row does not hold."""
    return LinearProgram.build(np.zeros(0), sparse.csc_array((1, 0)), 1, 1)
