"""Where the kernels keep their numbers: four tables, one row a quantity.

Few arrays with named rows, rather than many arrays, because every array that a compiled function
takes costs compile time and calls. Sizes: G groups, P pairs, M = G + P combinations, J worker types.

``c``  (rows below, M, J): what belongs to a combination on a worker type
``g``  (rows below, G): what belongs to a group
``t``  (rows below, J): what belongs to a worker type
``k``  (rows below,): single numbers

The program and its slacks and duals::

    max  T_REWARD t + sum REWARD x     subject to
    -level(x) + F(t) + S = 0   (LAM)   F(t) = FLOOR + SLOPE t, or 1 / (-t ISOLATED - AGE) if CURVED
     time(x)         + U = 1   (Q)
     use(x)          + V = WORKERS (P)

Weights ``W`` are those of the barrier: how many jobs (or pairs of jobs) a group (or a pair of groups)
stands for, so that merging identical jobs moves neither the central path nor its end. Weight 0 holds
a variable at zero. ``FACE`` are the same weights with zeros for all that is zero in every optimum.
``FIRST`` is what the weights and the duals were before the face became a program of its own.
"""

from __future__ import annotations

# c: combinations x worker types
X, Z, DX, DZ, D, H, RD, W, FACE, REWARD, KEPT_X, KEPT_Z, INV_X, INV_Z, FIRST_W = range(15)
C_ROWS = 15

# g: groups
# slacks and their duals, then what belongs to them, in the same order: rows are also reached as
# S + row, LAM + row with row 0 (level) or 1 (time)
S, U, LAM, Q = range(4)
D_S, D_U, D_LAM, D_Q = range(4, 8)
DIAG_S, DIAG_U, H_S, H_U, R_LEVEL, R_TIME = range(8, 14)
W_S, W_U, FACE_S, FACE_U, JOBS = range(14, 19)
SLOPE, FLOOR, AGE, ISOLATED, BEND, SCALE = range(19, 25)
I11, I12, I22 = range(25, 28)
KEPT_S, KEPT_U, KEPT_LAM, KEPT_Q = range(28, 32)
INV_S, INV_U, INV_LAM, INV_Q = range(32, 36)
FIRST_LAM, FIRST_Q = range(36, 38)
G_ROWS = 38

JOB_ROWS = 0.7
"""Weight of a job's two slacks in the barrier, beside 1 for each of its shares and for each worker type's
slack. Chosen by measurement: of the centres with 0.5 to 1 it is the nearest to what the reference's
solver returns (``docs/optimum.md``)."""

# t: worker types
V, P, D_V, D_P, DIAG_V, H_V, R_USE, W_V, FACE_V, WORKERS, TAU, KEPT_V, KEPT_P, INV_V, INV_P = range(
    15
)
FIRST_P = 15
T_ROWS = 16

# k: single numbers
# LOOSE: pivots below this part of their diagonal belong to rows that depend on others
T, D_T, R_T, T_REWARD, CURVED, THETA, PIN, KEPT_T, UNIT, WORTH, LOOSE = range(11)
K_ROWS = 11
