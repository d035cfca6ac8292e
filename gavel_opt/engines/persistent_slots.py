"""The table of a persistent model's slots, compared and rewritten in compiled passes."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.block_tables import BlockTables
from gavel_opt.kernels.certificate import certify_allocation
from gavel_opt.kernels.jit import compiled


@compiled
def assign_slots(key: Ints, keys: Ints) -> tuple[Ints, int]:
    """Find a slot for every one of ``keys``: its own from before, or an empty one.

    Parameters
    ----------
    key
        Of the group that each slot has or had last, -1 for none.
    keys
        Of the groups that need slots.

    Returns
    -------
    at, came
        Slot of each group, and how many of them are new to the model; -1 if there is no room or a
        key stands twice.
    """
    slots = key.size
    size = 16
    while size < 2 * slots:
        size *= 2
    found = np.full(size, -1, np.int64)
    for slot in range(slots):
        if key[slot] >= 0:
            at = _mixed(key[slot], size)
            while found[at] >= 0:
                at = (at + 1) & (size - 1)
            found[at] = slot
    place = np.full(keys.size, -1, np.int64)
    taken = np.zeros(slots, np.bool_)
    came = 0
    for group in range(keys.size):
        at = _mixed(keys[group], size)
        while found[at] >= 0 and key[found[at]] != keys[group]:
            at = (at + 1) & (size - 1)
        slot = found[at]
        if slot < 0:
            came += 1
        elif taken[slot]:
            return place, -1
        else:
            place[group] = slot
            taken[slot] = True
    empty = 0
    for group in range(keys.size):
        if place[group] < 0:
            while empty < slots and taken[empty]:
                empty += 1
            if empty == slots:
                return place, -1
            place[group] = empty
            taken[empty] = True
    return place, came


@compiled
def _mixed(key: int, size: int) -> int:
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return int(mixed >> np.uint64(32)) & (size - 1)


@compiled
def rewrite(table: Floats, at: Ints, program: BlockTables) -> tuple[Ints, Ints, Floats]:
    """Write a program's values into the table of slots; say what differs, slot by slot.

    Slots without a group are switched off (no floor, no time, no reward) and keep the rest.

    Parameters
    ----------
    table
        As in :class:`~gavel_opt.engines.persistent_blocks.BlockModel`; changed in place.
    at
        Slot of each group.
    program
        Whose values they are.

    Returns
    -------
    slot, column, value
        Of the values that changed.
    """
    slots, columns = table.shape
    types = program.rate.shape[1]
    group_of = np.full(slots, -1, np.int64)
    for group in range(at.size):
        group_of[at[group]] = group
    slot, column = np.empty(table.size, np.int64), np.empty(table.size, np.int64)
    value = np.empty(table.size)
    found = 0
    for i in range(slots):
        g = group_of[i]
        for k in range(columns):
            now = table[i, k]
            if g < 0:
                if k == types + 2:
                    now = -np.inf
                elif k > types + 2:
                    now = 0.0
            elif k < types:
                now = program.rate[g, k]
            elif k == types:
                now = program.use[g]
            elif k == types + 1:
                now = program.slope[g]
            elif k == types + 2:
                now = program.floor[g]
            elif k == types + 3:
                now = 1.0
            else:
                now = program.reward[g, k - types - 4]
            if now != table[i, k]:
                table[i, k] = now
                slot[found], column[found], value[found] = i, k, now
                found += 1
    return slot[:found], column[:found], value[:found]


@compiled
def read(
    columns: Floats,
    row_dual: Floats,
    at: Ints,
    slots: int,
    program: BlockTables,
) -> tuple[Floats, Floats, Floats, tuple[float, float, float, float, float]]:
    """Read a model's columns and row duals back as a program's answer, and prove it.

    Parameters
    ----------
    columns, row_dual
        Of the model (:class:`~gavel_opt.engines.persistent_blocks.BlockModel`).
    at, slots
        Slot of each group, and how many slots there are.
    program
        Whose answer it is.

    Returns
    -------
    x, level_dual, price
        Shapes ``(G, J)``, ``(G,)``, ``(J,)``; no price is negative.
    proof
        As :func:`~gavel_opt.kernels.certificate.certify_allocation` gives it.
    """
    groups, types = program.rate.shape
    level = columns.size - types * slots
    x, mu, tau = np.empty((groups, types)), np.empty(groups), np.empty(groups)
    for g in range(groups):
        for j in range(types):
            x[g, j] = columns[level + j * slots + at[g]]
        mu[g] = max(-row_dual[at[g]], 0.0)
        tau[g] = row_dual[slots + types + at[g]]
    price = np.maximum(row_dual[slots : slots + types], 0.0)
    proof = certify_allocation(program, x, mu, price, tau)
    return x, mu, price, proof
