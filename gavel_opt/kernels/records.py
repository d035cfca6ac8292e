"""Record arrays for kernels: ``jobs[i].steps_left`` means the same compiled and in plain Python.

Compiled, an element of a structured array is a record whose fields are attributes. In plain Python
numpy offers that through ``numpy.recarray`` only, which takes microseconds a field; kernels that run
uncompiled get :class:`PlainRecords` over the same memory instead, which take a tenth of that. Numbers
come out as Python's own there.
"""

from __future__ import annotations

import functools
import math
from typing import Any, TypeVar

import numba
import numpy as np

T = TypeVar("T")

_LINE = 64


def record(**fields: str) -> np.dtype[Any]:
    """Type of a record with fields in this order, aligned as a C compiler would.

    Parameters
    ----------
    fields
        Type of each: ``f8``, ``i8``, ``i4``, ``i2``, ``i1`` or ``?``.
    """
    return np.dtype(list(fields.items()), align=True)


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Zeros whose first record begins with a line of memory, so that each of 64 bytes is one."""
    size = math.prod(shape) * dtype.itemsize
    room = np.zeros(size + _LINE, dtype=np.uint8)
    first = -room.ctypes.data % _LINE
    return room[first : first + size].view(dtype).reshape(shape)


class _PlainRecord:
    """One record; its class has a property for each field."""

    __slots__ = ("_columns", "_place")

    def __init__(self, columns: tuple[Any, ...], place: Any) -> None:
        self._columns = columns
        self._place = place


class PlainRecords:
    """Records of a structured array, as plain Python reads and writes them.

    An index makes a record that shares the array's memory; of an array of two dimensions, one index
    makes the records of a row, two make a record. Assigning a record copies it.

    Parameters
    ----------
    array
        Structured, of one or two dimensions.
    """

    __slots__ = ("_columns", "_kind", "_rows", "shape")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        names = array.dtype.names or ()
        self.shape: tuple[int, ...] = array.shape
        self._kind = _class_of(names)
        self._columns: tuple[Any, ...] = tuple(memoryview(array[name]) for name in names)
        self._rows = [PlainRecords(row) for row in array] if array.ndim == 2 else None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: Any) -> Any:
        if self._rows is not None and not isinstance(place, tuple):
            return self._rows[place]
        return self._kind(self._columns, place)

    def __setitem__(self, place: Any, record: _PlainRecord) -> None:
        for column, other in zip(self._columns, record._columns, strict=True):
            column[place] = other[record._place]


@functools.cache
def _class_of(names: tuple[str, ...]) -> type[_PlainRecord]:
    def field(place: int) -> property:
        def get(record: _PlainRecord) -> Any:
            return record._columns[place][record._place]

        def put(record: _PlainRecord, value: Any) -> None:
            record._columns[place][record._place] = value

        return property(get, put)

    fields = {name: field(place) for place, name in enumerate(names)}
    return type("PlainRecord", (_PlainRecord,), {"__slots__": (), **fields})


def for_kernels(world: T) -> T:
    """What kernels take: the arrays themselves, or :func:`plain` ones where nothing is compiled."""
    return plain(world) if numba.config.DISABLE_JIT else world  # type: ignore[attr-defined]


def plain(value: T) -> T:
    """What a kernel that runs uncompiled takes in place of an array or a named tuple of arrays."""
    if isinstance(value, tuple):
        members = map(plain, value)
        return type(value)(*members) if hasattr(value, "_fields") else type(value)(members)
    if isinstance(value, np.ndarray) and value.dtype.names is not None:
        return PlainRecords(value)  # type: ignore[return-value]
    return value
