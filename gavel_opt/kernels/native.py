"""Kernels as machine code: loaded and called without the compiler that made them.

What :mod:`gavel_opt.kernels.compiling` makes is one function of C; here it is linked into the process
by LLVM, which loads in a tenth of the time that numba takes, and called through :mod:`ctypes`, which
holds no lock meanwhile. Arrays are handed over as the objects that they are; the code itself looks at
their types, so that a call costs little more than that.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import threading
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gavel_opt.kernels.arguments import (
    ArrayForm,
    Misfit,
    Tables,
    TupleForm,
    array_form,
    is_object,
    kinds_in,
)

ENTRY = "gavel_opt_kernel"
"""Name of the function of C."""
RELEASE, TAKE = "gavel_opt_release", "gavel_opt_take"
"""Names of the one that gives an array's memory back, and the one that moves a result's arrays to numpy's."""
FITS, OTHER_ARGUMENTS, RAISED = 0, 1, 2
"""What the function of C returns."""
_SMALL = 65_536
"""Arrays of no more bytes are copied, in a tenth of the time that it takes to have an array look after memory from
elsewhere; larger ones stay where the kernel has put them."""


class Code(NamedTuple):
    """A kernel as it is kept.

    Attributes
    ----------
    arguments
        Form of each argument.
    result
        Form of the result; None for no result.
    machine_code
        Object files.
    """

    arguments: tuple[Any, ...]
    result: Any
    machine_code: tuple[bytes, ...]


@functools.cache
def _llvm() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@functools.cache
def _keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next call; once is enough.

    GNU's takes blocks beyond 128 KiB from the system, page by page as they are touched, and gives them back, until a
    larger one has been freed: it learns from that, up to 32 MiB. Then it keeps twice as much. A call with 32,768 jobs took
    three times as long without. Elsewhere this does nothing.
    """
    with contextlib.suppress(MemoryError):  # there is none to keep
        np.empty(_LEARNT, np.uint8)


_LEARNT = (32 << 20) - (1 << 16)

_loaded: list[Any] = []
_loading = threading.Lock()


def _link(machine_code: tuple[bytes, ...]) -> tuple[int, int, int]:
    """Addresses of the three functions of object files, for as long as the process lives."""
    llvm = _llvm()
    _keep_freed_memory()
    with _loading:
        builder = llvm.JITLibraryBuilder()
        for one in machine_code:
            builder.add_object_img(one)
        for name in (ENTRY, RELEASE, TAKE):
            builder.export_symbol(name)
        builder.add_current_process()
        linked = builder.link(_linker(), f"kernel-{len(_loaded)}")
        _loaded.append(linked)
        return linked[ENTRY], linked[RELEASE], linked[TAKE]


@functools.cache
def _linker() -> Any:
    """LLVM's newer linker. It takes one stretch of memory for code and constants, where the older one puts them
    wherever there is room: further apart than code can reach, in a process with much memory (a worker of
    Ray), and then it aborts the process.
    """
    llvm = _llvm()
    target = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine()
    return llvm.create_lljit_compiler(target, use_jit_link=True)


_C_TYPES: dict[str, Any] = {"b": ctypes.c_bool, "i": ctypes.c_int64, "f": ctypes.c_double}


def load(code: Code, forms: tuple[Any, ...], other: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of a kernel's code.

    Parameters
    ----------
    code
        What :func:`~gavel_opt.kernels.compiling.machine_code` has made.
    forms
        Of the arguments at hand: equal to those that the code is for, with the very types of records
        that arrays have in this process.
    other
        Called in place of the code with the status and the arguments, where these are of other forms
        or the code has failed.
    """
    entry, release, take = _link(code.machine_code)
    names = [f"argument_{i}" for i in range(len(forms))]
    objects: list[tuple[str, Any]] = []
    given: list[str] = []
    c_types: list[Any] = []
    space: dict[str, Any] = {"MISFITS": (Misfit, ctypes.ArgumentError), "other": other}
    for name, form in zip(names, forms, strict=True):
        _hand_over(name, form, objects, (given, c_types), space)
    if objects:
        given.insert(0, f"({''.join(f'{name}, ' for name, _ in objects)})")
        c_types.insert(0, ctypes.py_object)
    kinds = [np.ndarray, *map(known, (kind for _, form in objects for kind in kinds_in(form)))]
    space["kinds"], space["ids"] = kinds, (ctypes.c_int64 * len(kinds))(*map(id, kinds))
    space["function"] = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3, *c_types)(entry)
    # neither of these is worth letting others run
    space["release"] = ctypes.PYFUNCTYPE(None, ctypes.c_int64)(release)
    space["take"] = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.py_object)(take)
    space["array"] = np.ndarray
    words = max(1, result_words(code.result))
    space["Words"], space["Numbers"] = ctypes.c_int64 * words, ctypes.c_double * words
    space["addressof"] = ctypes.addressof
    # whole numbers are handed over in half the time that arrays of C take
    numbers = "numbers" if has_numbers(code.result) else None
    given[:0] = ["addressof(found)", str(numbers), str(ctypes.addressof(space["ids"]))]
    lines = [
        f"def call({', '.join(names)}):",
        "    found = Words()",
        *["    numbers = Numbers()"] * bool(numbers),
        "    try:",
        f"        status = function({', '.join(given)})",
        "    except MISFITS:",
        f"        status = {OTHER_ARGUMENTS}",
        "    if status:",
        f"        return other(status, ({', '.join(names)},))",
    ]
    result, arrays = _taken(code.result, 0, space, lines)
    if arrays:
        lines.append(f"    take(addressof(found), ({''.join(f'{name}, ' for name in arrays)}))")
    lines.append(f"    return {result}")
    exec("\n".join(lines), space)  # noqa: S102  # our own text, of numbers and names made here
    space["call"].address = entry
    return space["call"]  # type: ignore[no-any-return]


_dtypes: dict[np.dtype[Any], np.dtype[Any]] = {}


def known(kind: Any) -> Any:
    """The one of all equal types of elements that compiled code knows, by its address; a class as it is."""
    if not isinstance(kind, np.dtype):
        return kind
    return np.dtype(kind.str) if kind.names is None else _dtypes.setdefault(kind, kind)


def in_order(value: Any) -> Any:
    """The same, with arrays as compiled code takes them: as they are, as a view, or else as a copy."""
    if isinstance(value, np.ndarray):
        array = value.view(np.ndarray)
        if array_form(array) is None:
            array = array.copy(order="C")
        dtype = known(array.dtype)
        return array if array.dtype is dtype else array.view(dtype)
    if isinstance(value, tuple):
        members = tuple(map(in_order, value))
        return type(value)(*members) if hasattr(value, "_fields") else members
    return value


def write_back(given: Any, ordered: Any) -> None:
    """Copy what was written into copies to where it belongs."""
    if isinstance(given, tuple):
        for one, other in zip(given, ordered, strict=True):
            write_back(one, other)
    elif (
        isinstance(given, np.ndarray)
        and given.flags.writeable
        and not np.may_share_memory(given, ordered)
    ):
        given[...] = ordered


def _hand_over(
    value: str,
    form: Any,
    objects: list[tuple[str, Any]],
    others: tuple[list[str], list[Any]],
    space: dict[str, Any],
) -> None:
    """Add an argument to the objects, or what else the function of C takes for it: the text that makes it, and its type."""
    given, c_types = others
    if is_object(form):
        objects.append((value, form))
    elif form == "c":
        given += [f"{value}.address", f"{value}.table"]
        c_types += [ctypes.c_void_p] * 2
    elif not isinstance(form, TupleForm):
        given.append(value)
        c_types.append(_C_TYPES[form])
    elif form.is_reference:
        space[f"table_of_{value}"] = Tables(form)
        given.append(f"table_of_{value}({value})")
        c_types.append(ctypes.c_void_p)
    else:
        for place, member in enumerate(form.members):
            _hand_over(f"{value}[{place}]", member, objects, others, space)


# results -----------------------------------------------------------------------------------------


def result_words(form: Any) -> int:
    """Words that a result takes: of an array its owner, its address and its shape."""
    if isinstance(form, ArrayForm):
        return 2 + form.ndim
    if isinstance(form, TupleForm):
        return sum(map(result_words, form.members))
    return 0 if form is None else 1


def has_numbers(form: Any) -> bool:
    """Whether there is a float in a result, which are written apart."""
    return any(map(has_numbers, form.members)) if isinstance(form, TupleForm) else form == "f"


def _taken(form: Any, place: int, space: dict[str, Any], lines: list[str]) -> tuple[str, list[str]]:
    """Text that gives Python's object of what a kernel has written into words from ``place`` on.

    Lines that make its arrays come before it; the names of these are given too.
    """
    if form is None:
        return "None", []
    if isinstance(form, ArrayForm):
        name, lengths = (
            f"array_{place}",
            [f"found[{place + 2 + axis}]" for axis in range(form.ndim)],
        )
        dtype = space[f"dtype_{place}"] = known(form.dtype)
        space[f"large_{place}"] = _array_maker(dtype, place, space["release"])
        lines.append(f"    shape = ({''.join(f'{length}, ' for length in lengths)})")
        lines.append(f"    if {' * '.join([*lengths, '1'])} <= {_SMALL // dtype.itemsize}:")
        lines.append(f"        {name} = array(shape, dtype_{place})")
        lines.append("    else:")
        lines.append(f"        {name} = large_{place}(found, shape)")
        return name, [name]
    if isinstance(form, TupleForm):
        parts, arrays = [], []
        for member in form.members:
            part, more = _taken(member, place, space, lines)
            parts.append(part)
            arrays += more
            place += result_words(member)
        kind = form.type
        if kind is tuple:
            return f"({', '.join(parts)},)", arrays
        maker = f"tuple_{place}_{len(space)}"
        space[maker] = kind
        return f"{maker}({', '.join(parts)})", arrays
    return {"i": f"found[{place}]", "b": f"found[{place}] != 0", "f": f"numbers[{place}]"}[form], []


def _array_maker(
    dtype: np.dtype[Any], place: int, release: Callable[[int], None]
) -> Callable[[Any, tuple[int, ...]], np.ndarray[Any, Any]]:
    """Make the function that makes a large array whose owner and address stand in words: its memory goes with it."""

    def make(found: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        owner, address = found[place], found[place + 1]
        if not owner:
            return np.ndarray(shape, dtype)
        found[place + 1] = 0  # there is nothing to move
        block = (ctypes.c_char * (dtype.itemsize * math.prod(shape))).from_address(address)
        weakref.finalize(block, release, owner).atexit = False
        return np.ndarray(shape, dtype, block)  # type: ignore[arg-type]

    return make
