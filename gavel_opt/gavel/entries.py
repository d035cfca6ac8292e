"""Whether two dictionaries hold the very same objects, found without a look at any of them.

``==`` counts references to 260,000 objects for 130,000 entries, all over the memory, and takes longer than what is
to be decided with them. The entries of a dictionary stand in one block of memory, a row each: hash, address of the key,
address of the value. Two blocks are compared in a twentieth of the time. Where an interpreter keeps them in another
way, which is tried with some dictionaries, nothing is ever said to be the same.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import sys
from typing import Any

import numpy as np

from gavel_opt.arrays import Ints

_HEAD = object.__basicsize__
_USED, _KEYS, _VALUES = _HEAD, _HEAD + 16, _HEAD + 24
"""Where a dictionary has how many entries it has, its keys, and its values where these are apart (CPython's
``PyDictObject``)."""
_INDEX_BYTES, _KIND, _ENTRIES, _INDEX = 9, 10, 24, 32
"""Where keys have the size of their index as a power of two, whether they are all text, how many rows there are, and
the index; rows come after it (``PyDictKeysObject``)."""
_KEY, _VALUE = 1, 2
"""Columns of a row."""
_TRIED = range(0x30B, 0x30E)
"""Versions of CPython, from 3.11 to 3.13, in which this was found to be so."""


def same_entries(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    """Whether two dictionaries surely have the same objects under the same keys, in the same order.

    False says nothing: they are not looked at while other threads of Python could change them meanwhile.
    """
    both = _columns_of_both(one, other)
    return both is not None and all(itertools.starmap(np.array_equal, zip(*both, strict=True)))


def has_entries(
    one: dict[Any, Any], other: dict[Any, Any], value: object, but_for: set[int]
) -> bool:
    """Whether a dictionary surely has the keys of another, in the same order, and one value under all but some.

    Parameters
    ----------
    one, other
        The dictionaries.
    value
        The object that the first is to have everywhere.
    but_for
        ``id`` of the keys under which it may have something else.
    """
    both = _columns_of_both(one, other)
    if both is None:
        return False
    (key, found), (of_other, _) = both
    if not np.array_equal(key, of_other):
        return False
    return but_for.issuperset(key[np.flatnonzero(found != id(value))].tolist())


def other_threads() -> int:
    """How many threads beside this one run Python, those that other libraries started as well."""
    return len(sys._current_frames()) - 1


def _columns_of_both(one: dict[Any, Any], other: dict[Any, Any]) -> list[tuple[Ints, Ints]] | None:
    """Keys and values of two dictionaries; None if one may not be looked at, or is longer."""
    if type(one) is not dict or type(other) is not dict or len(one) != len(other):
        return None
    if other_threads() or not entries_are_known():
        return None
    both = [rows for rows in map(_rows, (one, other)) if rows is not None]
    return list(map(_columns, both)) if len(both) == 2 else None


def _columns(rows: Ints) -> tuple[Ints, Ints]:
    """Keys and values, without the rows that deleting left empty."""
    key, value = rows[:, _KEY], rows[:, _VALUE]
    there = key != 0  # a copy of a column at a time: of whole rows it takes ten times as long
    return (key, value) if there.all() else (key[there], value[there])


def _rows(of: dict[Any, Any]) -> Ints | None:
    """Hash, key and value of each entry (a view, until the dictionary is changed), shape ``(n, 3)``; None without."""
    keys = _word(id(of) + _KEYS)
    if _word(id(of) + _VALUES) or ctypes.c_uint8.from_address(keys + _KIND).value:
        return None  # an object's own attributes, or keys that are all text, which have two columns
    words = ctypes.c_int64 * (3 * _word(keys + _ENTRIES))
    start = keys + _INDEX + (1 << ctypes.c_uint8.from_address(keys + _INDEX_BYTES).value)
    return np.ctypeslib.as_array(words.from_address(start)).reshape(-1, 3)


def _word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


@functools.cache
def entries_are_known() -> bool:
    """Whether dictionaries have in memory what this module says, tried with some of them."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    if sys.hexversion >> 16 not in _TRIED or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    return all(map(_is_as_expected, (1, 5, 300, 70_000)))


def _is_as_expected(size: int) -> bool:
    numbers, gone = [float(number) for number in range(size)], size // 2
    tried: dict[Any, Any] = dict(zip(numbers, reversed(numbers), strict=True))
    del tried[numbers[gone]]
    keys = _word(id(tried) + _KEYS)
    if _word(id(tried) + _USED) != size - 1 or _word(keys + _ENTRIES) != size:
        return False
    rows = _rows(tried)
    if rows is None or rows[gone].any():
        return False
    expected = [map(hash, tried), map(id, tried), map(id, tried.values())]
    return bool(np.array_equal(rows[rows[:, _KEY] != 0].T, [list(column) for column in expected]))
