r"""The optimal face: what is zero in every optimum, the centre of the rest, exact duals.

In every linear program with an optimum there is a strictly complementary pair of optima: each
variable is either zero in all optima, or has a reduced cost of zero in all dual optima (Goldman and
Tucker). The central path ends in such a pair, at the centre of the optimal face: the point
that maximises :math:`\sum_i w_i \log x_i` over the variables that are not zero in all optima. It is
unique, treats identical jobs alike and does not know the order of jobs.

The path method gives the partition; Newton's method on the face itself then finds the centre to the
last digits, with the others exactly zero.
"""

from __future__ import annotations

import math

from gavel_opt.arrays import Floats
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.tables import (
    BEND,
    D_LAM,
    D_P,
    D_Q,
    D_S,
    D_T,
    D_U,
    D_V,
    DIAG_S,
    DIAG_U,
    DIAG_V,
    DX,
    DZ,
    FACE,
    FACE_S,
    FACE_U,
    FACE_V,
    H_S,
    H_U,
    H_V,
    KEPT_P,
    KEPT_S,
    KEPT_T,
    KEPT_V,
    KEPT_X,
    KEPT_Z,
    LAM,
    R_LEVEL,
    R_T,
    R_TIME,
    R_USE,
    RD,
    W_S,
    W_V,
    D,
    H,
    P,
    Q,
    S,
    T,
    U,
    V,
    W,
    X,
    Z,
)


@compiled
def swap(c: Floats, g: Floats, t: Floats, k: Floats, back: bool) -> None:
    """Remember the point on the path, or go back to it."""
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            if back:
                c[X, m, j], c[Z, m, j] = c[KEPT_X, m, j], c[KEPT_Z, m, j]
            else:
                c[KEPT_X, m, j], c[KEPT_Z, m, j] = c[X, m, j], c[Z, m, j]
    for i in range(g.shape[1]):
        for row in range(4):
            now, then = (S, KEPT_S) if back else (KEPT_S, S)
            g[now + row, i] = g[then + row, i]
    for j in range(t.shape[1]):
        if back:
            t[V, j], t[P, j] = t[KEPT_V, j], t[KEPT_P, j]
        else:
            t[KEPT_V, j], t[KEPT_P, j] = t[V, j], t[P, j]
    if back:
        k[T] = k[KEPT_T]
    else:
        k[KEPT_T] = k[T]


@compiled
def restrict(c: Floats, g: Floats, t: Floats) -> None:
    """Hold at zero what shrank more than its dual in the last step (its changes are in the D rows)."""
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            stays = c[W, m, j] > 0.0 and _stays(c[X, m, j], c[DX, m, j], c[Z, m, j], c[DZ, m, j])
            c[FACE, m, j] = c[W, m, j] if stays else 0.0
            if not stays:
                c[X, m, j] = 0.0
    for i in range(g.shape[1]):
        for row in range(2):
            stays = g[W_S + row, i] > 0.0 and _stays(
                g[S + row, i], g[D_S + row, i], g[LAM + row, i], g[D_LAM + row, i]
            )
            g[FACE_S + row, i] = g[W_S + row, i] if stays else 0.0
            if not stays:
                g[S + row, i] = 0.0
    for j in range(t.shape[1]):
        stays = t[W_V, j] > 0.0 and _stays(t[V, j], t[D_V, j], t[P, j], t[D_P, j])
        t[FACE_V, j] = t[W_V, j] if stays else 0.0
        if not stays:
            t[V, j] = 0.0


@compiled
def _stays(x: float, dx: float, z: float, dz: float) -> bool:
    """Whether x changed by a larger part of what it was than its dual z did."""
    return dx * (z - dz) >= dz * (x - dx)


@compiled
def aim_at_centre(c: Floats, g: Floats, t: Floats, k: Floats) -> None:
    """Diagonals and right-hand sides of Newton's method for the centre; residuals are there."""
    k[R_T] = 0.0
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            w, x = c[FACE, m, j], c[X, m, j]
            c[D, m, j] = x * x / w if w > 0.0 else 0.0
            c[H, m, j] = w / x if w > 0.0 else 0.0
            c[RD, m, j] = 0.0
    for i in range(g.shape[1]):
        w, x = g[FACE_S, i], g[S, i]
        g[DIAG_S, i] = x * x / w if w > 0.0 else 0.0
        g[H_S, i] = w / x if w > 0.0 else 0.0
        w, x = g[FACE_U, i], g[U, i]
        g[DIAG_U, i] = x * x / w if w > 0.0 else 0.0
        g[H_U, i] = w / x if w > 0.0 else 0.0
        g[BEND, i] = 0.0
    for j in range(t.shape[1]):
        w, x = t[FACE_V, j], t[V, j]
        t[DIAG_V, j] = x * x / w if w > 0.0 else 0.0
        t[H_V, j] = w / x if w > 0.0 else 0.0


@compiled
def towards_centre(c: Floats, g: Floats, t: Floats, k: Floats) -> float:
    """Take Newton's step, shortened to stay inside; the largest relative change asked for."""
    moved, down = 0.0, 0.0
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            if c[FACE, m, j] > 0.0:
                part = c[DX, m, j] / c[X, m, j]
                moved, down = max(moved, abs(part)), max(down, -part)
    for i in range(g.shape[1]):
        if g[FACE_S, i] > 0.0:
            part = g[D_S, i] / g[S, i]
            moved, down = max(moved, abs(part)), max(down, -part)
        if g[FACE_U, i] > 0.0:
            part = g[D_U, i] / g[U, i]
            moved, down = max(moved, abs(part)), max(down, -part)
    for j in range(t.shape[1]):
        if t[FACE_V, j] > 0.0:
            part = t[D_V, j] / t[V, j]
            moved, down = max(moved, abs(part)), max(down, -part)
    if not math.isfinite(moved):
        return math.inf
    length = 0.8 / down if down > 0.8 else 1.0
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            if c[FACE, m, j] > 0.0:
                c[X, m, j] += length * c[DX, m, j]
    for i in range(g.shape[1]):
        if g[FACE_S, i] > 0.0:
            g[S, i] += length * g[D_S, i]
        if g[FACE_U, i] > 0.0:
            g[U, i] += length * g[D_U, i]
    for j in range(t.shape[1]):
        if t[FACE_V, j] > 0.0:
            t[V, j] += length * t[D_V, j]
    k[T] += length * k[D_T]
    return moved


@compiled
def aim_at_duals(c: Floats, g: Floats, t: Floats) -> None:
    """Right-hand sides for duals that vanish on the face: a least-squares step from the path's.

    Residuals are there, the diagonals (and their factors) are those of the centre.
    """
    for m in range(c.shape[1]):
        for j in range(c.shape[2]):
            c[H, m, j] = -(c[Z, m, j] + c[RD, m, j])
    for i in range(g.shape[1]):
        g[H_S, i] = -g[LAM, i]
        g[H_U, i] = -g[Q, i]
        g[R_LEVEL, i] = 0.0
        g[R_TIME, i] = 0.0
    for j in range(t.shape[1]):
        t[H_V, j] = -t[P, j]
        t[R_USE, j] = 0.0


@compiled
def take_duals(g: Floats, t: Floats) -> None:
    """Add the step to the duals, with exact zeros where the slack is not zero."""
    for i in range(g.shape[1]):
        g[LAM, i] = 0.0 if g[FACE_S, i] > 0.0 else g[LAM, i] + g[D_LAM, i]
        g[Q, i] = 0.0 if g[FACE_U, i] > 0.0 else g[Q, i] + g[D_Q, i]
    for j in range(t.shape[1]):
        t[P, j] = 0.0 if t[FACE_V, j] > 0.0 else t[P, j] + t[D_P, j]
