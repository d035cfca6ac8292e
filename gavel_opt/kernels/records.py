"""Record arrays for kernels: ``jobs[i].steps_left`` means the same compiled and in plain Python.

Compiled, an element of a structured array is a record whose fields are attributes. In plain Python
numpy offers that through ``numpy.recarray`` only, which takes microseconds a field; kernels that run
uncompiled get :class:`PlainRecords` over the same memory instead, which take a tenth of that. Numbers
come out as Python's own there.
"""

from __future__ import annotations

import ctypes
import functools
import math
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

_LINE = 64
_by_reference: set[type[Any]] = set()


def by_reference(kind: type[T]) -> type[T]:
    """Have compiled kernels hand each other the address of such a named tuple of arrays, not a copy.

    Worth it for wide ones: a copy of thirty arrays is two hundred numbers at each call.
    """
    _by_reference.add(kind)
    return kind


def is_by_reference(kind: type[Any]) -> bool:
    """Whether kernels are handed the address of such a tuple."""
    return kind in _by_reference


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
    # in a tenth of the time that numpy takes to tell it
    first = -ctypes.addressof(ctypes.c_char.from_buffer(room.data)) % _LINE
    return room[first : first + size].view(dtype).reshape(shape)


class _PlainRecord:
    """One record; its class has a property for each field."""

    __slots__ = ("_columns", "_place")

    def __init__(self, columns: tuple[Any, ...], place: Any) -> None:
        self._columns = columns
        self._place = place


class PlainRecords:
    """Records of a structured array, as plain Python reads and writes them.

    An index makes a record that shares the array's memory, a slice records that do; of an array of two
    dimensions, one index makes the records of a row, two make a record. Assigning a record copies it.

    Parameters
    ----------
    array
        Structured, of one or two dimensions.
    """

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.shape: tuple[int, ...] = array.shape
        self._array = array
        self._kind = _class_of(array.dtype.names or ())
        self._rows: dict[int, PlainRecords] = {}

    @functools.cached_property
    def _columns(self) -> tuple[Any, ...]:
        return tuple(memoryview(self._array[name]) for name in self._array.dtype.names or ())

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return PlainRecords(self._array[place])
        if isinstance(place, tuple) or len(self.shape) == 1:
            return self._kind(self._columns, place)
        row = self._rows.get(place)
        if row is None:
            row = self._rows[place] = PlainRecords(self._array[place])
        return row

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


def plain(value: T) -> T:
    """What a kernel that runs uncompiled takes in place of an array or a named tuple of arrays.

    Of the last named tuple it is made once: call after call hands over the same one.
    """
    if isinstance(value, tuple):
        for known, made in _last:
            if known is value:
                return made  # type: ignore[no-any-return]
        members = tuple(plain(member) for member in value)
        found = type(value)(*members) if hasattr(value, "_fields") else type(value)(members)
        _last[:] = [(value, found), *_last[: _KEPT - 1]]
        return found
    if isinstance(value, np.ndarray) and value.dtype.names is not None:
        return PlainRecords(value)  # type: ignore[return-value]
    return value


_last: list[tuple[Any, Any]] = []
_KEPT = 4
"""So many named tuples: one in another counts too, and workload and mechanism have one each."""
