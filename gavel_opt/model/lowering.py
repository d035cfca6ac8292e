"""From blocks to a general program and back, in the layout in which cvxpy hands it to ECOS.

Columns: the level ``t`` if there is one, then the allocation column by column (all combinations on
the first worker type, then on the second, ...). Rows: levels, capacities, time sums, and last the
program's own (:class:`~gavel_opt.model.allocation_program.Limits`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from gavel_opt.arrays import Floats, Ints, frozen_floats
from gavel_opt.model.allocation_program import AllocationProgram, Answer, Blocks, Limits
from gavel_opt.model.linear_program import KINDS, LinearProgram
from gavel_opt.model.solution import Solution

_LEVEL, _TIME = 0, 1
_OWNER_LIMIT = 1 << 28


def lower(program: AllocationProgram) -> LinearProgram:
    """Write an allocation program as a general one; exact, no coefficient is changed."""
    blocks = program.blocks
    groups, types = blocks.groups, blocks.types
    level = int(program.has_level)
    rated = rated_groups(program)
    matrix = _matrix(program, rated)
    columns = level + types * blocks.combinations

    c = np.zeros(columns)
    c[:level] = 1.0
    if program.reward is not None:
        reward = program.reward.copy()
        reward[:groups] *= blocks.count[:, None]
        c[level:] = reward.ravel(order="F")
    rows = rated.size + types + groups
    row_lower = np.full(rows, -np.inf)
    row_lower[: rated.size] = program.floor[rated]
    row_upper = np.ones(rows)
    row_upper[: rated.size] = np.inf
    row_upper[rated.size : rated.size + types] = blocks.workers
    col_lower = np.zeros(columns)
    col_lower[:level] = -np.inf
    row_keys, col_keys = _keys(blocks, rated, level)
    limits = program.limits
    if limits is not None:
        matrix = scipy.sparse.csc_array(
            scipy.sparse.vstack([matrix, _limit_rows(blocks, limits, level)])
        )
        matrix.sum_duplicates()
        row_lower = np.concatenate([row_lower, limits.lower])
        row_upper = np.concatenate([row_upper, limits.upper])
        row_keys = col_keys = None
    return LinearProgram(
        c=frozen_floats(c),
        a=matrix,
        row_lower=frozen_floats(row_lower),
        row_upper=frozen_floats(row_upper),
        col_lower=frozen_floats(col_lower),
        col_upper=frozen_floats(np.full(columns, np.inf)),
        maximize=True,
        row_keys=row_keys,
        col_keys=col_keys,
    )


def _limit_rows(blocks: Blocks, limits: Limits, level: int) -> Any:
    """The program's own rows as a matrix, shape ``(R, columns)``."""
    coefficient = limits.coefficient.copy()
    coefficient[:, : blocks.groups] *= blocks.count[:, None]
    by_type = coefficient.transpose(0, 2, 1).reshape(len(limits.names), -1)
    return scipy.sparse.csc_array(np.pad(by_type, ((0, 0), (level, 0))))


def lift_answer(program: AllocationProgram, solution: Solution) -> Answer | None:
    """Read a solution of ``lower(program)`` back into the program's own shape."""
    if solution.x is None:
        return None
    blocks = program.blocks
    groups, types = blocks.groups, blocks.types
    level = int(program.has_level)
    x = solution.x[level:].reshape((blocks.combinations, types), order="F")
    level_dual = np.zeros(groups)
    capacity_dual = np.zeros(types)
    if solution.row_dual is not None:
        rated = rated_groups(program)
        level_dual[rated] = np.maximum(-solution.row_dual[: rated.size], 0.0)
        capacity_dual[:] = np.maximum(solution.row_dual[rated.size : rated.size + types], 0.0)
    t = float(solution.x[0]) if level else float("nan")
    return Answer(x, solution.objective, t, level_dual, capacity_dual)


def rated_groups(program: AllocationProgram) -> Ints:
    """Groups that have a level row, ascending."""
    return np.flatnonzero((program.slope > 0) | (program.floor > -np.inf))


def _matrix(program: AllocationProgram, rated: Ints) -> scipy.sparse.csc_array:
    """The constraint matrix, canonical; zero rates stay as explicit entries.

    That way the sparsity depends on the numbers of groups, pairs and types alone, and successive
    programs share it.
    """
    blocks = program.blocks
    groups, types = blocks.groups, blocks.types
    level = int(program.has_level)
    if blocks.pairs is not None:
        return _matrix_with_pairs(program, rated)
    if rated.size == groups and (not level or (program.slope > 0).all()):
        return full_matrix(blocks.rate, blocks.use, program.slope if level else None)

    row_of = np.full(groups, -1, dtype=np.int32)
    row_of[rated] = np.arange(rated.size, dtype=np.int32)
    entry_rows = np.empty((types, groups, 3), dtype=np.int32)
    entry_rows[:, :, 0] = row_of
    entry_rows[:, :, 1] = rated.size + np.arange(types, dtype=np.int32)[:, None]
    entry_rows[:, :, 2] = rated.size + types + np.arange(groups, dtype=np.int32)
    entries = np.empty((types, groups, 3))
    entries[:, :, 0] = blocks.rate.T
    entries[:, :, 1] = blocks.use
    entries[:, :, 2] = 1.0
    keep = entry_rows >= 0
    sloped = rated[program.slope[rated] > 0]
    counts = np.concatenate([[sloped.size] * level, keep.sum(axis=2).ravel()])
    return _canonical(
        np.concatenate([-program.slope[sloped], entries[keep]]),
        np.concatenate([row_of[sloped], entry_rows[keep]]),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        (rated.size + types + groups, counts.size),
    )


def full_matrix(rate: Floats, use: Floats, slope: Floats | None) -> scipy.sparse.csc_array:
    """The matrix where every group has a level row, and no pairs; ``slope`` None for no level."""
    groups, types = rate.shape
    level = 0 if slope is None else 1
    indices, indptr = _full_pattern(groups, types, level)
    data = np.empty(indices.size)
    if slope is not None:
        np.negative(slope, out=data[:groups])
    entries = data[level * groups :].reshape(types, groups, 3)
    entries[:, :, 0] = rate.T
    entries[:, :, 1] = use
    entries[:, :, 2] = 1.0
    return _canonical(data, indices, indptr, (2 * groups + types, level + types * groups))


def _matrix_with_pairs(program: AllocationProgram, rated: Ints) -> scipy.sparse.csc_array:
    blocks = program.blocks
    groups, types, combos = blocks.groups, blocks.types, blocks.combinations
    level = int(program.has_level)
    (group, combo), rate, share, use = _incidence(blocks)
    row_of = np.full(groups, -1)
    row_of[rated] = np.arange(rated.size)
    first_time = rated.size + types
    sloped = rated[program.slope[rated] > 0]
    rows, cols, values = (
        [row_of[sloped]],
        [np.zeros(sloped.size, np.int64)],
        [-program.slope[sloped]],
    )
    has_row = row_of[group] >= 0
    for j in range(types):
        first = level + j * combos
        rows += [row_of[group[has_row]], np.full(combos, rated.size + j), first_time + group]
        cols += [first + combo[has_row], first + np.arange(combos), first + combo]
        values += [(share * rate[:, j])[has_row], use, share]
    shape = (first_time + groups, level + types * combos)
    matrix = scipy.sparse.csc_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(cols))), shape=shape
    )
    matrix.sum_duplicates()
    return matrix


@lru_cache(maxsize=8)
def _full_pattern(
    groups: int, types: int, level: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Row indices and column starts where every group has a level row, and no pairs."""
    rows = np.empty((types, groups, 3), dtype=np.int32)
    rows[:, :, 0] = np.arange(groups)
    rows[:, :, 1] = groups + np.arange(types)[:, None]
    rows[:, :, 2] = groups + types + np.arange(groups)
    indices = np.concatenate([np.arange(level * groups, dtype=np.int32), rows.ravel()])
    starts = level * groups + 3 * np.arange(types * groups + 1, dtype=np.int32)
    indptr = np.concatenate([np.zeros(level, dtype=np.int32), starts])
    indices.flags.writeable = indptr.flags.writeable = False
    return indices, indptr


def _canonical(
    data: Floats, indices: NDArray[np.int32], indptr: NDArray[np.int32], shape: tuple[int, int]
) -> scipy.sparse.csc_array:
    matrix = scipy.sparse.csc_array((data, indices, indptr), shape=shape)
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix


def _incidence(
    blocks: Blocks,
) -> tuple[tuple[Ints, Ints], Floats, Floats, Floats]:
    """Every (group, combination) incidence with its rate and time share; workers a combination."""
    groups = blocks.groups
    single = np.arange(groups)
    if blocks.pairs is None:
        return (single, single), blocks.rate, np.ones(groups), blocks.use
    pairs = blocks.pairs
    index = groups + np.arange(pairs.use.size)
    group = np.concatenate([single, pairs.member[:, 0], pairs.member[:, 1]])
    combo = np.concatenate([single, index, index])
    rate = np.concatenate([blocks.rate, pairs.rate[:, 0], pairs.rate[:, 1]])
    share = np.concatenate([np.ones(groups), pairs.share[:, 0], pairs.share[:, 1]])
    return (group, combo), rate, share, np.concatenate([blocks.use, pairs.use])


def _keys(blocks: Blocks, rated: Ints, level: int) -> tuple[Ints | None, Ints | None]:
    """Keys of rows and columns (see ``LinearProgram``), if the groups have theirs."""
    key, types = blocks.key, blocks.types
    if key is None or types > KINDS - 2 or (key.size and int(key.max()) >= _OWNER_LIMIT):
        return None, None
    owner = key
    if blocks.pairs is not None:
        first, second = key[blocks.pairs.member.T]
        low, high = np.minimum(first, second), np.maximum(first, second)
        owner = np.concatenate([key, (low + 1) * _OWNER_LIMIT + high])
    shared = -KINDS
    rows = np.concatenate(
        [key[rated] * KINDS + _LEVEL, shared + 1 + np.arange(types), key * KINDS + _TIME]
    )
    x = (owner * KINDS + np.arange(types)[:, None]).ravel()
    return rows, np.concatenate([np.full(level, shared), x])
