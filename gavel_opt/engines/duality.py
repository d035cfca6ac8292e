r"""The dual of a linear program as a linear program, for engines that give no duals.

For ``min c'x`` subject to :math:`l_r \le A x \le u_r,\ l_c \le x \le u_c` the dual is

.. math::

    \max\ l_r^T p - u_r^T q + l_c^T s - u_c^T w
    \quad\text{s.t.}\quad A^T (p - q) + s - w = c, \qquad p, q, s, w \ge 0,

with a variable for each *finite* bound only; an equality row gets one free variable. A slack whose
bound is zero costs nothing, so its row becomes an inequality instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.engines.asking import ask
from gavel_opt.engines.protocol import Engine, Options
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.presolve import screen
from gavel_opt.model.solution import Solution


@dataclass(frozen=True, slots=True, eq=False)
class Dual:
    """A dual program and how to read row duals from its answer.

    Attributes
    ----------
    program
        A maximisation; its objective is that of the primal (offset included, in the primal's
        minimising form).
    row
        Row of the primal that each of the first columns stands for.
    sign
        What a unit of each of those columns adds to its row's dual.
    primal
        The program that it is the dual of.
    """

    program: LinearProgram
    row: Ints
    sign: Floats
    primal: LinearProgram

    def row_dual(self, x: Floats) -> Floats:
        """Row duals of the primal, shape ``(m,)``, with the sign that ``Solution`` documents."""
        m = self.primal.row_lower.size
        value: Floats = self.sign * x[: self.row.size]
        y = np.bincount(self.row, value, m).astype(np.float64, copy=False)
        return -y if self.primal.maximize else y


def dual_program(program: LinearProgram) -> Dual:
    """Write the dual of ``program``."""
    n = program.c.size
    c = -program.c if program.maximize else program.c
    lower, upper = program.row_lower, program.row_upper
    has_lower, has_upper = np.isfinite(lower), np.isfinite(upper)
    equal: Bools = has_lower & has_upper & (lower == upper)
    free = np.flatnonzero(equal)
    up = np.flatnonzero(has_lower & ~equal)
    down = np.flatnonzero(has_upper & ~equal)
    row = np.concatenate([free, up, down])
    sign = np.concatenate([np.ones(free.size + up.size), -np.ones(down.size)])
    cost = np.concatenate([lower[free], lower[up], -upper[down]])
    y_lower = np.concatenate([np.full(free.size, -np.inf), np.zeros(up.size + down.size)])

    col_lower, col_upper = program.col_lower, program.col_upper
    priced_low = np.flatnonzero(np.isfinite(col_lower) & (col_lower != 0.0))
    priced_high = np.flatnonzero(np.isfinite(col_upper) & (col_upper != 0.0))
    by_row = scipy.sparse.csr_array(program.a).T.tocsc()[:, row] @ scipy.sparse.diags_array(sign)
    identity = scipy.sparse.eye_array(n, format="csc")
    matrix = scipy.sparse.hstack(
        [by_row, identity[:, priced_low], -identity[:, priced_high]], format="csc"
    )
    return Dual(
        LinearProgram.build(
            np.concatenate([cost, col_lower[priced_low], -col_upper[priced_high]]),
            matrix,
            # The slack of a zero bound has no cost: it is room on one side of the row.
            _room(c, col_lower, -np.inf),
            _room(c, col_upper, np.inf),
            np.concatenate([y_lower, np.zeros(priced_low.size + priced_high.size)]),
            np.inf,
            maximize=True,
            offset=-program.offset if program.maximize else program.offset,
        ),
        row,
        sign,
        program,
    )


def duals_by_solving(
    program: LinearProgram, engine: Engine, options: Options
) -> tuple[Floats | None, Solution]:
    """Solve the dual of ``program`` on ``engine``.

    Returns
    -------
    row_dual, solution
        Row duals of ``program``, or None if the engine gave no answer, and the dual's own solution.
    """
    dual = dual_program(program)
    screened = screen(dual.program)
    solution = ask(engine, dual.program, options) if screened is None else screened
    if solution.x is None or not solution.status.has_answer:
        return None, solution
    return dual.row_dual(solution.x), solution


def _room(c: Floats, bound: Floats, infinity: float) -> Floats:
    return np.where(bound == 0.0, infinity, c)
