r"""What the interior point method keeps of each thing: one type of record for each.

Sizes: G groups, P pairs, M = G + P combinations, J worker types. The program, its rows in the order in
which they stand::

    max  level_worth t + sum reward x     subject to
    level of a group      -level(x) + F(t) + s = 0      F(t) = floor + slope t
    time of a group        time(x)         + s = 1             or 1 / (-t isolated - age) if curved
    capacity of a type     use(x)          + s = workers

A *variable* is a share ``x`` with its reduced cost as dual ``z``, or the slack of a row with the row's dual. The
method follows :math:`x z = \mu w`: the weight w is that of the barrier, the number of jobs (or pairs of
jobs) that a group (or pair of groups) stands for, so that merging identical jobs moves neither the
central path nor its end. Weight 0 holds a variable at zero.

Arrays of one dimension: the share of combination m on type j is cell ``m * J + j``; rows are level and
time of each group, ``2 * i`` and ``2 * i + 1``, then capacities, ``2 * G + j``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.records import record

# the first line of memory is what most passes need
VARIABLE = record(
    x="f8",
    z="f8",
    dx="f8",  # the step; once taken, the change
    dz="f8",
    weight="f8",
    ratio="f8",  # what it adds to A D A': x / z on the path, x^2 / w at a centre
    rhs="f8",  # the step is dx = ratio (rhs - price)
    dual_residual="f8",  # of a share's reduced cost; 0 for slacks
    inverse_x="f8",  # 0 where held at zero
    inverse_z="f8",
    primal_residual="f8",  # of a slack's row; 0 for shares
    face="f8",  # the weight, or 0 if it is zero in every optimum
    saved_x="f8",  # the point on the path while a centre is sought
    saved_z="f8",
    first_weight="f8",  # before the face became a program of its own
    first_z="f8",
)

COLUMN = record(
    rate="f8",  # what a unit adds to the level of the first, or only, group
    rate_two="f8",  # to that of the second
    reward="f8",
    own_reward="f8",  # as the program has it, not scaled
)

COMBINATION = record(
    use="f8",  # workers a unit takes
    time="f8",  # time it takes from the first group's jobs
    time_two="f8",
    one="i8",  # the two groups of a pair; both are the group itself where there is no pair
    two="i8",
)

GROUP = record(
    jobs="f8",
    slope="f8",
    floor="f8",
    age="f8",
    isolated="f8",
    steps="f8",
    bend="f8",  # second derivative of F times the dual, if curved
    gain="f8",  # what a unit of level is worth in the efficient optimum
    scale="f8",  # its level row has been multiplied by this
    level_level="f8",  # inverse of the matrix of its two rows, where it is eliminated
    level_time="f8",
    time_time="f8",
    # but for two and three types, the basis that its columns are seen in
    one="i8",  # two columns: shares, level slack, time slack in this order; -1 where one row counts
    two="i8",
    one_level="f8",  # their inverse: what each takes of a unit of the level row, of the time row
    one_time="f8",
    two_level="f8",
    two_time="f8",
    inner="f8",  # inverse of the matrix of all coordinates
    inner_cross="f8",
    inner_two="f8",
    free_one="f8",  # how much a step in its right-hand side moves each
    free_two="f8",
)

TYPE = record(
    workers="f8",
    pull="f8",  # coefficient of t in the equations for prices
)

SCALARS = record(
    t="f8",
    dt="f8",
    t_residual="f8",  # of t's dual constraint
    saved_t="f8",
    level_worth="f8",  # 1 if the program has a level
    unit="f8",  # t is in this unit, the objective has been multiplied by the worth
    worth="f8",
    loose="f8",  # pivots below this part of their diagonal belong to rows that depend on others
    theta="f8",  # t's own pivot
    bottleneck="i8",  # the row that gives t, or -1
    curved="?",
    rewarded="?",
)


class Tables(NamedTuple):
    """All of a program, and where the method stands.

    Attributes
    ----------
    columns, cells
        COLUMN and VARIABLE, ``(M * J,)``.
    combinations
        COMBINATION, ``(M,)``, groups first.
    groups
        GROUP, ``(G,)``.
    types
        TYPE, ``(J,)``.
    rows
        VARIABLE, ``(2 * G + J,)``.
    scalars
        SCALARS, one of it.
    """

    columns: np.ndarray
    cells: np.ndarray
    combinations: np.ndarray
    groups: np.ndarray
    types: np.ndarray
    rows: np.ndarray
    scalars: np.ndarray


class System(NamedTuple):
    """The normal equations.

    Attributes
    ----------
    own
        Without pairs: of each group what :mod:`~gavel_opt.solver.interior_point.kkt_alone` keeps, ``(G, 15)`` with two or three
        types, else ``(G, 3 J + 6)``.
    schur, price
        Without pairs: equations in the prices, ``(J, J)``, and their right-hand side or solution, ``(J,)``.
    free
        Prices of zero, ``(J,)``.
    part
        Without pairs: sums over groups with two or three types, ``(9,)``, else the shares of a group, ``(J + 2,)``.
    matrix, vectors, place
        With pairs: all rows, ``(n, n)`` with n = 2 G + J, four vectors, ``(4, n)``, and where
        each row went, ``(n,)`` (:mod:`~gavel_opt.solver.interior_point.kkt_pairs`).
    """

    own: Floats
    schur: Floats
    price: Floats
    free: Floats
    part: Floats
    matrix: Floats
    vectors: Floats
    place: Ints


class Found(NamedTuple):
    """The best answer so far.

    Attributes
    ----------
    x, level_dual, capacity_dual
        Shapes ``(M, J)``, ``(G,)``, ``(J,)``.
    summary
        Objective, level, primal residual, dual residual, relative gap, iterations; then the certificate of the
        second program (:func:`~gavel_opt.solver.interior_point.certificate.certify_among_all`), NaN where there was none.
    """

    x: Floats
    level_dual: Floats
    capacity_dual: Floats
    summary: Floats
