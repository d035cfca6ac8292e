"""What a kernel is called with, as compiled code needs to know it.

A *form* says what one argument is: ``b``, ``i`` or ``f`` for a bool, a whole number or a float, ``c`` for a
:class:`Call`, an :class:`ArrayForm`, or a :class:`TupleForm`. Code is compiled for the forms of all arguments.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import threading
from typing import Any, NamedTuple

import numpy as np

from gavel_opt.kernels.records import is_by_reference


class ArrayForm(NamedTuple):
    """An array: contiguous in C's order, aligned, and open to writing."""

    dtype: np.dtype[Any]
    ndim: int


class TupleForm(NamedTuple):
    """A tuple, or a named one; where it is large, kernels are handed its address (by reference)."""

    module: str
    name: str
    members: tuple[Any, ...]

    @property
    def type(self) -> type[Any]:
        """The class."""
        return getattr(importlib.import_module(self.module), self.name)  # type: ignore[no-any-return]  # whatever a module has

    @property
    def is_reference(self) -> bool:
        """Whether kernels are handed the address of a table of its members."""
        return is_by_reference(self.type)


def form_of(value: Any) -> Any:
    """Form of an argument; None if compiled code cannot take it as it is."""
    if isinstance(value, (bool, np.bool_)):
        return "b"
    if isinstance(value, (int, np.integer)):
        return "i"
    if isinstance(value, float):
        return "f"
    if isinstance(value, np.ndarray):
        return array_form(value)
    if isinstance(value, tuple):
        members = tuple(map(form_of, value))
        kind = type(value)
        return None if None in members else TupleForm(kind.__module__, kind.__qualname__, members)
    return "c" if isinstance(value, Call) else None


def array_form(array: np.ndarray[Any, Any]) -> ArrayForm | None:
    """Form of an array; None if it is not in order."""
    flags = array.flags
    if not (flags.c_contiguous and flags.aligned and flags.writeable) or array.dtype.hasobject:
        return None
    return ArrayForm(array.dtype, array.ndim)


def arrays_in(form: Any) -> list[ArrayForm]:
    """All array forms in a form, in order."""
    if isinstance(form, ArrayForm):
        return [form]
    if isinstance(form, TupleForm):
        return [array for member in form.members for array in arrays_in(member)]
    return []


def is_object(form: Any) -> bool:
    """Whether compiled code is handed Python's object itself: an array, or a tuple of nothing else, not by reference."""
    if isinstance(form, TupleForm):
        return not form.is_reference and all(map(is_object, form.members))
    return isinstance(form, ArrayForm)


def kinds_in(form: Any) -> list[type[Any] | np.dtype[Any]]:
    """What compiled code is to find in an object, in order: types of elements of arrays, and the classes of tuples."""
    if isinstance(form, ArrayForm):
        return [form.dtype]
    return [form.type, *(kind for member in form.members for kind in kinds_in(member))]


# tables ------------------------------------------------------------------------------------------


def words_of(form: Any) -> int:
    """Words that a table has for a form: address and shape of each array."""
    return sum(1 + array.ndim for array in arrays_in(form))


class Tables(threading.local):
    """Makes tables of tuples of one form, those of the last ones once; each thread has its own."""

    def __init__(self, form: TupleForm) -> None:
        self._form, self._words = form, ctypes.c_int64 * words_of(form)
        self._known: list[tuple[tuple[Any, ...], Any]] = []

    def __call__(self, value: tuple[Any, ...]) -> Any:
        """Table of a tuple; raises :class:`Misfit` for one of another form."""
        for known, table in self._known:
            if known is value:
                return table
        if form_of(value) != self._form:
            raise Misfit
        numbers: list[int] = []
        for array in _arrays(value):
            numbers += [_word(id(array) + DATA), *array.shape]
        table = self._words(*numbers)
        self._known[:] = [(value, table), *self._known[: _KEPT - 1]]
        return table


_KEPT = 2


class Misfit(Exception):
    """Arguments are not of the forms that code was compiled for."""


def _arrays(value: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(value, tuple):
        return [array for member in value for array in _arrays(member)]
    return [value]


# calls -------------------------------------------------------------------------------------------


class Call:
    """A kernel with what it takes, for another kernel to call: ``call()`` gives a whole number.

    Compiled code calls compiled code only, by its address, so neither is compiled again for the other. In plain
    Python it is a function.

    Parameters
    ----------
    kernel
        Of one argument.
    given
        That argument: a named tuple by reference, whose arrays stay where they are.
    saves
        CPU seconds that it saves, about, where something else does the same as long as there is no code: these count
        as if the kernel had been interpreted. 0 where the kernel itself is interpreted.

    Attributes
    ----------
    address, table
        Of the code, 0 as long as there is none, and of what it is handed.
    """

    __slots__ = ("address", "given", "kernel", "saves", "table")

    def __init__(self, kernel: Any, given: Any, saves: float = 0.0) -> None:
        self.kernel = kernel
        self.given = given
        self.saves = saves
        self.address = 0
        self.table: Any = None

    def __call__(self) -> int:
        """Make the call."""
        return int(self.kernel(self.given))

    def find_code(self) -> bool:
        """Take the address of the kernel's code; whether there is some."""
        if not self.address:
            if self.saves > 0.0:
                self.kernel.lose(self.saves, (self.given,))
            form = form_of(self.given)
            self.address = self.kernel.address((form,))
            if self.address:
                self.table = Tables(form)(self.given)
        return self.address != 0


# objects in memory -------------------------------------------------------------------------------

_HEAD = object.__basicsize__
TYPE = _HEAD - 8
"""Where an object has its type; the others are where an array has things (numpy's C API,
``PyArrayObject``)."""
DATA, NDIM, SHAPE, DTYPE, FLAGS = (_HEAD + 8 * place for place in (0, 1, 2, 5, 6))
IN_ORDER = 0x1 | 0x100 | 0x400
"""Flags: contiguous in C's order, aligned, writeable."""
LENGTH, ITEMS = _HEAD, tuple.__basicsize__
"""Where a tuple has its length, and the first of what it holds."""


@functools.cache
def arrays_are_known() -> bool:
    """Whether arrays and tuples have in memory what this module says, tried with some of them."""
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    dtype = np.dtype([("a", "f8"), ("b", "i4")], align=True)
    pair = np.zeros(3), np.zeros((5, 7), dtype)
    named = ArrayForm(dtype, 1)
    return all(map(_is_as_expected, pair)) and all(map(_holds_its_items, ((), pair, named)))


def _word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def _is_as_expected(array: np.ndarray[Any, Any]) -> bool:
    def half(address: int) -> int:
        return ctypes.c_int32.from_address(address).value

    place = id(array)
    if _word(place + TYPE) != id(np.ndarray) or _word(place + DATA) != array.ctypes.data:
        return False
    if half(place + NDIM) != array.ndim or _word(place + DTYPE) != id(array.dtype):
        return False
    shape = _word(place + SHAPE)
    found = tuple(_word(shape + 8 * axis) for axis in range(array.ndim))
    return found == array.shape and half(place + FLAGS) & IN_ORDER == IN_ORDER


def _holds_its_items(some: tuple[Any, ...]) -> bool:
    place = id(some)
    if _word(place + TYPE) != id(type(some)) or _word(place + LENGTH) != len(some):
        return False
    return all(_word(place + ITEMS + 8 * i) == id(item) for i, item in enumerate(some))
