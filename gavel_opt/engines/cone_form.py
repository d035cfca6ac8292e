"""General programs as cone programs, for interior points that take these: ranged rows are split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.linear_program import LinearProgram


@dataclass(slots=True)
class Cone:
    """``min c'x`` with ``A x = b`` and ``h - G x`` in the non-negative orthant, then cones of 3."""

    c: Floats
    g: Any
    h: Floats
    cones: int = 0
    a: Any = None
    b: Floats | None = None


@dataclass(slots=True)
class Rows:
    """Which rows of a general program became which rows of the cone program."""

    rows: int
    equal: Ints
    above: Ints
    below: Ints

    @classmethod
    def of(cls, program: LinearProgram) -> Rows:
        """Sort a program's rows by what they need."""
        # Rows without an entry say nothing (those that cannot hold never get here), and ECOS crashes
        # on matrices without any.
        used = np.zeros(program.shape[0], dtype=bool)
        used[program.a.indices[program.a.data != 0.0]] = True
        lower, upper = program.row_lower, program.row_upper
        ranged = lower != upper
        return cls(
            program.shape[0],
            np.flatnonzero(~ranged & used),
            np.flatnonzero(np.isfinite(lower) & ranged & used),
            np.flatnonzero(np.isfinite(upper) & ranged & used),
        )

    def cone(self, program: LinearProgram) -> Cone:
        """Write the program; fixed columns are equalities."""
        n = program.shape[1]
        a = sparse.csr_matrix(program.a)
        eye = sparse.eye_array(n, format="csr")
        fixed = np.flatnonzero(program.col_lower == program.col_upper)
        free = program.col_lower != program.col_upper
        low = np.flatnonzero(np.isfinite(program.col_lower) & free)
        high = np.flatnonzero(np.isfinite(program.col_upper) & free)
        g = [-a[self.above], a[self.below], -eye[low], eye[high]]
        h = [
            -program.row_lower[self.above],
            program.row_upper[self.below],
            -program.col_lower[low],
            program.col_upper[high],
        ]
        cone = Cone(
            -program.c if program.maximize else program.c.copy(),
            sparse.csc_matrix(sparse.vstack(g)),
            np.concatenate(h),
        )
        if self.equal.size or fixed.size:
            cone.a = sparse.csc_matrix(sparse.vstack([a[self.equal], eye[fixed]]))
            cone.b = np.concatenate([program.row_lower[self.equal], program.col_lower[fixed]])
        if not cone.h.size:  # nothing but equalities: ECOS wants a cone, so one column more has it
            cone.c = np.append(cone.c, 1.0)
            cone.g = sparse.csc_matrix(([-1.0], ([0], [n])), shape=(1, n + 1))
            cone.h = np.zeros(1)
            if cone.a is not None:
                cone.a.resize((cone.a.shape[0], n + 1))
        return cone

    def duals(self, z: Floats, y: Floats, sign: float) -> Floats:
        """Row duals of the general program; ``sign`` is -1 for a maximisation.

        Parameters
        ----------
        z, y
            Multipliers of the cone's inequalities and equalities, for which ``c + G'z + A'y`` is zero.
        """
        row_dual = np.zeros(self.rows)
        row_dual[self.above] = z[: self.above.size]
        row_dual[self.below] -= z[self.above.size : self.above.size + self.below.size]
        if self.equal.size:
            row_dual[self.equal] = -y[: self.equal.size]
        duals: Floats = sign * row_dual
        return duals


def stacked(cone: Cone) -> tuple[sparse.csc_matrix, np.ndarray, int]:
    """Equalities above inequalities, their right-hand sides, and how many equalities there are."""
    if cone.a is None or cone.b is None:
        return sparse.csc_matrix(cone.g), cone.h, 0
    matrix = sparse.csc_matrix(sparse.vstack([cone.a, cone.g]))
    return matrix, np.concatenate([cone.b, cone.h]), cone.b.size
