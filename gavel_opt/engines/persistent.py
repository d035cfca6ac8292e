"""Which rows and columns of a persistent model a new program's rows and columns take.

A solver loses its basis when rows or columns are deleted, and keeps it when their values change. So
nothing is deleted: an owner that arrives takes the rows and columns (the *slots*) of one that left, and
slots that are not needed are switched off (columns fixed at zero, rows without bounds).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.model.linear_program import KINDS, LinearProgram

_MOST_EMPTY = 0.5
_MOST_NEW = 0.3


@dataclass(slots=True)
class Slots:
    """Owners of slots.

    Attributes
    ----------
    key
        Key of the row (or column) that has, or last had, each slot, shape ``(slots,)``.
    at
        Slot of each of the program's rows (or columns).
    """

    key: Ints
    at: Ints

    @property
    def empty(self) -> Bools:
        """Which slots have no owner."""
        empty = np.ones(self.key.size, dtype=bool)
        empty[self.at] = False
        return empty

    @property
    def in_order(self) -> bool:
        """Whether slots and the program's own order are the same."""
        return self.at.size == self.key.size and bool((self.at == np.arange(self.at.size)).all())


def fresh_slots(key: Ints | None, size: int) -> Slots:
    """Slots in the program's own order; keys are the positions where there are none."""
    order = np.arange(size)
    return Slots(order if key is None else key, order)


def reassign_slots(
    slots: tuple[Slots, Slots], keys: tuple[Ints, Ints]
) -> tuple[Slots, Slots] | None:
    """Find slots for a new program's rows and columns.

    An owner that stays keeps its slots; those that arrive take over the slots of those that left, kind by
    kind; what finds none is put at the end.

    Returns
    -------
    rows, columns
        The slots, or None if too many owners are new for a start from the old answer to
        pay, too many slots would stand empty, or a key stands twice.
    """
    old_owners = np.unique(np.concatenate([s.key // KINDS for s in slots]))
    new_owners = np.unique(np.concatenate([k // KINDS for k in keys]))
    left = np.setdiff1d(old_owners, new_owners, assume_unique=True)
    came = np.setdiff1d(new_owners, old_owners, assume_unique=True)
    if came.size > max(8, _MOST_NEW * new_owners.size):
        return None
    heirs = min(left.size, came.size)
    found = []
    for old, key in zip(slots, keys, strict=True):
        slot_key = _inherit(old.key, left[:heirs], came[:heirs])
        order = np.argsort(slot_key, kind="stable")
        place = np.searchsorted(slot_key, key, sorter=order)
        at = order[np.minimum(place, order.size - 1)]
        missing = slot_key[at] != key
        extra = int(missing.sum())
        at[missing] = slot_key.size + np.arange(extra)
        slot_key = np.concatenate([slot_key, key[missing]])
        taken = np.zeros(slot_key.size, dtype=bool)
        taken[at] = True
        if taken.sum() < max(key.size, (1.0 - _MOST_EMPTY) * slot_key.size):
            return None
        found.append(Slots(slot_key, at))
    return found[0], found[1]


def _inherit(key: Ints, left: Ints, came: Ints) -> Ints:
    """Rename slots of owners who left to those who came."""
    if not left.size:
        return key
    owner = key // KINDS
    place = np.minimum(np.searchsorted(left, owner), left.size - 1)
    return np.where(left[place] == owner, came[place] * KINDS + key % KINDS, key)


@dataclass(slots=True)
class Snapshot:
    """A program's values in the order of the slots; empty slots are switched off.

    ``indptr``, ``indices``, ``data`` are the matrix by columns, sorted.
    """

    c: Floats
    col_lower: Floats
    col_upper: Floats
    row_lower: Floats
    row_upper: Floats
    indptr: np.ndarray
    indices: np.ndarray
    data: Floats


def take_snapshot(program: LinearProgram, rows: Slots, columns: Slots) -> Snapshot:
    """Write ``program`` in the order of its slots."""
    a = program.a
    if rows.in_order and columns.in_order:
        return Snapshot(
            program.c,
            program.col_lower,
            program.col_upper,
            program.row_lower,
            program.row_upper,
            a.indptr,
            a.indices,
            a.data,
        )
    m, n = rows.key.size, columns.key.size
    counts = np.diff(a.indptr)
    column = np.repeat(columns.at, counts)
    code = column * m + rows.at[a.indices]
    order = np.argsort(code, kind="stable")
    per_column = np.zeros(n + 1, dtype=np.int32)
    per_column[columns.at + 1] = counts
    return Snapshot(
        _scatter(program.c, columns.at, n, 0.0),
        _scatter(program.col_lower, columns.at, n, 0.0),
        _scatter(program.col_upper, columns.at, n, 0.0),
        _scatter(program.row_lower, rows.at, m, -np.inf),
        _scatter(program.row_upper, rows.at, m, np.inf),
        np.cumsum(per_column, dtype=np.int32),
        rows.at[a.indices][order].astype(np.int32),
        a.data[order],
    )


def _scatter(values: Floats, at: Ints, size: int, empty: float) -> Floats:
    out = np.full(size, empty)
    out[at] = values
    return out


@dataclass(slots=True)
class PersistentProgram:
    """A program whose rows and columns have slots in a persistent model."""

    rows: Slots
    columns: Slots
    snapshot: Snapshot
    maximize: bool
    row_keys: Ints | None
    col_keys: Ints | None

    @classmethod
    def of(cls, program: LinearProgram) -> PersistentProgram:
        """Give a program slots in its own order."""
        m, n = program.shape
        keyed = program.row_keys is not None and program.col_keys is not None
        row_keys, col_keys = (program.row_keys, program.col_keys) if keyed else (None, None)
        rows, columns = fresh_slots(row_keys, m), fresh_slots(col_keys, n)
        snapshot = take_snapshot(program, rows, columns)
        return cls(rows, columns, snapshot, program.maximize, row_keys, col_keys)

    def follow(self, program: LinearProgram, tiny: int = 0) -> tuple[PersistentProgram | None, str]:
        """Put the next program into the slots of this one, or say why it is better built afresh.

        Parameters
        ----------
        program
            The next program.
        tiny
            Rows up to which a program with other keys is not worth comparing.
        """
        if self.maximize != program.maximize:
            return None, "the sense changed"
        row_keys, col_keys = program.row_keys, program.col_keys
        rows, columns = self.rows, self.columns
        if row_keys is None or col_keys is None or self.row_keys is None or self.col_keys is None:
            if self.row_keys is not None or row_keys is not None or not self._has_sparsity(program):
                return None, "another structure, and no keys to tell what changed"
        elif not (
            np.array_equal(row_keys, self.row_keys) and np.array_equal(col_keys, self.col_keys)
        ):
            if row_keys.size <= tiny:
                return None, "a program this small is built faster than compared"
            found = reassign_slots((rows, columns), (row_keys, col_keys))
            if found is None:
                return None, "too many rows and columns came or went"
            rows, columns = found
        snapshot = take_snapshot(program, rows, columns)
        return PersistentProgram(rows, columns, snapshot, program.maximize, row_keys, col_keys), ""

    def _has_sparsity(self, program: LinearProgram) -> bool:
        a = program.a
        return (
            program.shape[0] == self.snapshot.row_lower.size
            and np.array_equal(a.indptr, self.snapshot.indptr)
            and np.array_equal(a.indices, self.snapshot.indices)
        )


def grown(old: Snapshot, rows: int, columns: int) -> Snapshot:
    """``old`` with that many empty rows and columns more at the end."""
    if not rows and not columns:
        return old
    zero, free = np.zeros(columns), np.full(rows, np.inf)
    return Snapshot(
        np.concatenate([old.c, zero]),
        np.concatenate([old.col_lower, zero]),
        np.concatenate([old.col_upper, zero]),
        np.concatenate([old.row_lower, -free]),
        np.concatenate([old.row_upper, free]),
        old.indptr,
        old.indices,
        old.data,
    )


def changed_entries(
    old: Snapshot, new: Snapshot, rows: int, most: int
) -> tuple[Ints, Ints, Floats] | None:
    """Entries of the matrix that differ, as rows, columns and new values; None if over ``most``."""
    if old.indices.size == new.indices.size and (
        (old.indices is new.indices and old.indptr is new.indptr)
        or (np.array_equal(old.indices, new.indices) and np.array_equal(old.indptr, new.indptr))
    ):
        entries = np.flatnonzero(old.data != new.data)
        if entries.size > most:
            return None
        column = np.searchsorted(new.indptr, entries, side="right") - 1
        return new.indices[entries], column, new.data[entries]
    old_code, new_code = _codes(old, rows), _codes(new, rows)
    code = np.union1d(old_code, new_code)
    before, after = np.zeros(code.size), np.zeros(code.size)
    before[np.searchsorted(code, old_code)] = old.data
    after[np.searchsorted(code, new_code)] = new.data
    entries = np.flatnonzero(before != after)
    if entries.size > most:
        return None
    return code[entries] % rows, code[entries] // rows, after[entries]


def _codes(snapshot: Snapshot, rows: int) -> Ints:
    column = np.repeat(np.arange(snapshot.indptr.size - 1), np.diff(snapshot.indptr))
    code: Ints = column * rows + snapshot.indices
    return code
