"""From a program to the interior point method's tables, with the numbers that the program has."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.records import aligned_zeros
from gavel_opt.model.allocation_program import FinishTimeProgram, PairBlocks, Program
from gavel_opt.solver.records import (
    COLUMN,
    COMBINATION,
    GROUP,
    SCALARS,
    TYPE,
    VARIABLE,
    Tables,
)


def order_of_pairs(program: Program) -> tuple[Ints, int]:
    """The pairs, those first that run somewhere, and how many these are.

    The others only idle (:mod:`gavel_opt.solver.interior_point.idle_pairs`).
    """
    pairs = program.blocks.pairs
    if pairs is None:
        return np.empty(0, np.int64), 0
    runs = pairs.rate.any(axis=(1, 2))
    reward = None if isinstance(program, FinishTimeProgram) else program.reward
    if reward is not None:
        runs |= (reward[program.blocks.groups :] > 0.0).any(axis=1)
    return np.argsort(~runs, kind="stable"), int(runs.sum())


def room_for_tables(groups: int, types: int) -> Tables:
    """Tables for so many groups that run alone, of zeros."""
    shares = groups * types
    return Tables(
        np.zeros(shares, COLUMN),
        aligned_zeros((shares,), VARIABLE),
        np.zeros(groups, COMBINATION),
        np.zeros(groups, GROUP),
        np.zeros(types, TYPE),
        aligned_zeros((2 * groups + types,), VARIABLE),
        np.zeros(1, SCALARS),
    )


def tables_of(program: Program, gain: Floats, order: Ints, running: int) -> tuple[Tables, Tables]:
    """Tables without the pairs that only idle, and tables with all.

    Parameters
    ----------
    program
        Any allocation or finish-time program.
    gain
        What a unit of each group's level is worth, shape ``(G,)``; empty where that does not matter.
    order, running
        As :func:`order_of_pairs` gives them.

    Returns
    -------
    narrow, wide
        They have all in common but the cells, and those too where there are no pairs.
    """
    blocks = program.blocks
    groups, types = blocks.rate.shape
    combinations = groups + order.size
    shares = combinations * types
    variables = aligned_zeros((shares + 2 * groups + types,), VARIABLE)
    wide = Tables(
        np.zeros(shares, COLUMN),
        variables[:shares],
        np.zeros(combinations, COMBINATION),
        np.zeros(groups, GROUP),
        np.zeros(types, TYPE),
        variables[shares:],
        np.zeros(1, SCALARS),
    )
    columns = wide.columns.reshape(combinations, types)
    columns["rate"][:groups] = blocks.rate
    wide.combinations["use"][:groups] = blocks.use
    wide.types["workers"] = blocks.workers
    group, scalar = wide.groups, wide.scalars
    group["jobs"] = blocks.count
    if gain.size:
        group["gain"] = gain
    reward = None
    if isinstance(program, FinishTimeProgram):
        scalar["curved"] = True
        group["age"], group["steps"], group["isolated"] = (
            program.age,
            program.steps,
            program.isolated,
        )
    else:
        reward = program.reward
        group["slope"], group["floor"] = program.slope, program.floor
    if reward is not None:
        scalar["rewarded"] = True
        columns["own_reward"][:groups] = reward[:groups]
        columns["own_reward"][groups:] = reward[groups:][order]
    if blocks.pairs is None:
        return wide, wide
    _add_pairs(wide, blocks.pairs, order)
    kept = groups + running
    narrow = wide._replace(
        columns=wide.columns[: kept * types],
        cells=aligned_zeros((kept * types,), VARIABLE),
        combinations=wide.combinations[:kept],
    )
    return narrow, wide


def _add_pairs(tables: Tables, pairs: PairBlocks, order: Ints) -> None:
    groups, types = tables.groups.size, tables.types.size
    columns = tables.columns.reshape(-1, types)[groups:]
    columns["rate"], columns["rate_two"] = pairs.rate[order, 0], pairs.rate[order, 1]
    combinations = tables.combinations[groups:]
    combinations["use"] = pairs.use[order]
    combinations["time"], combinations["time_two"] = pairs.share[order].T
    combinations["one"], combinations["two"] = pairs.member[order].T
