"""Kernels as machine code: loaded and called without the compiler that made them.

What :mod:`gavel_opt.kernels.compiling` makes is one function of C; here it is linked into the process
by LLVM, which loads in a tenth of the time that numba takes, and called through :mod:`ctypes`, which
holds no lock meanwhile. Arrays are handed over as the objects that they are; the code itself looks at
their types, so that a call costs little more than that.
"""

from __future__ import annotations

import ctypes
import functools
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
    arrays_in,
)

ENTRY = "gavel_opt_kernel"
"""Name of the function of C."""
RELEASE = "gavel_opt_release"
"""Name of the one that gives an array's memory back."""
FITS, OTHER_ARGUMENTS, RAISED = 0, 1, 2
"""What the function of C returns."""
_SMALL = 4096
"""Arrays of no more bytes are copied; larger ones stay where the kernel has put them."""


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


_loaded: list[Any] = []
_loading = threading.Lock()


def _link(machine_code: tuple[bytes, ...]) -> tuple[int, int]:
    """Addresses of the two functions of object files, for as long as the process lives."""
    llvm = _llvm()
    with _loading:
        builder = llvm.JITLibraryBuilder()
        for one in machine_code:
            builder.add_object_img(one)
        builder.export_symbol(ENTRY).export_symbol(RELEASE).add_current_process()
        linked = builder.link(_linker(), f"kernel-{len(_loaded)}")
        _loaded.append(linked)
        return linked[ENTRY], linked[RELEASE]


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
    entry, release = _link(code.machine_code)
    names = [f"argument_{i}" for i in range(len(forms))]
    given: list[str] = []
    c_types: list[Any] = [ctypes.c_void_p] * 3
    space: dict[str, Any] = {"MISFITS": (Misfit, ctypes.ArgumentError), "other": other}
    for name, form in zip(names, forms, strict=True):
        _hand_over(name, form, given, c_types, space)
    kinds = [id(np.ndarray), *(id(known(array.dtype)) for array in _handed_arrays(forms))]
    space["expected"] = (ctypes.c_int64 * len(kinds))(*kinds)
    space["function"] = ctypes.CFUNCTYPE(ctypes.c_int64, *c_types)(entry)
    space["release"] = ctypes.PYFUNCTYPE(None, ctypes.c_int64)(
        release
    )  # not worth letting others run
    space["Words"] = ctypes.c_int64 * max(1, result_words(code.result))
    space["Numbers"] = ctypes.c_double * max(1, result_words(code.result))
    lines = [
        f"def call({', '.join(names)}):",
        "    found, numbers = Words(), Numbers()",
        "    try:",
        f"        status = function(found, numbers, expected, {', '.join(given)})",
        "    except MISFITS:",
        f"        status = {OTHER_ARGUMENTS}",
        "    if status:",
        f"        return other(status, ({', '.join(names)},))",
    ]
    if code.result is not None:
        lines.append(f"    return {_taken(code.result, 0, space)}")
    exec("\n".join(lines), space)  # noqa: S102  # our own text, of numbers and names made here
    space["call"].address = entry
    return space["call"]  # type: ignore[no-any-return]


_dtypes: dict[np.dtype[Any], np.dtype[Any]] = {}


def known(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The one of all equal types of elements that compiled code knows, by its address."""
    return np.dtype(dtype.str) if dtype.names is None else _dtypes.setdefault(dtype, dtype)


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


def _handed_arrays(forms: tuple[Any, ...]) -> list[ArrayForm]:
    """Forms of the arrays that are handed over as objects, in order."""
    return [
        array
        for form in forms
        if not (isinstance(form, TupleForm) and form.is_reference)
        for array in arrays_in(form)
    ]


def _hand_over(
    value: str, form: Any, given: list[str], c_types: list[Any], space: dict[str, Any]
) -> None:
    """Add what the function of C takes for an argument, and the text that makes it."""
    if isinstance(form, ArrayForm):
        given.append(value)
        c_types.append(ctypes.py_object)
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
            _hand_over(f"{value}[{place}]", member, given, c_types, space)


# results -----------------------------------------------------------------------------------------


def result_words(form: Any) -> int:
    """Words that a result takes: of an array its owner, its address and its shape."""
    if isinstance(form, ArrayForm):
        return 2 + form.ndim
    if isinstance(form, TupleForm):
        return sum(map(result_words, form.members))
    return 0 if form is None else 1


def _taken(form: Any, place: int, space: dict[str, Any]) -> str:
    """Text that makes Python's object of what a kernel has written into words from ``place`` on."""
    if isinstance(form, ArrayForm):
        maker = f"array_{len(space)}"
        space[maker] = _array_maker(known(form.dtype), space["release"])
        shape = "".join(f"found[{place + 2 + axis}], " for axis in range(form.ndim))
        return f"{maker}(found[{place}], found[{place + 1}], ({shape}))"
    if isinstance(form, TupleForm):
        parts = []
        for member in form.members:
            parts.append(_taken(member, place, space))
            place += result_words(member)
        kind = form.type
        if kind is tuple:
            return f"({', '.join(parts)},)"
        maker = f"tuple_{len(space)}"
        space[maker] = kind
        return f"{maker}({', '.join(parts)})"
    return {"i": f"found[{place}]", "b": f"found[{place}] != 0", "f": f"numbers[{place}]"}[form]


_copied = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t)(
    ("PyByteArray_FromStringAndSize", ctypes.pythonapi)
)
"""A ``bytearray`` of some memory: in one call, as a run makes thousands of these."""


def _array_maker(
    dtype: np.dtype[Any], release: Callable[[int], None]
) -> Callable[[int, int, tuple[int, ...]], np.ndarray[Any, Any]]:
    """Make the function that makes an array of its owner, address and shape.

    The memory is given back at once, or with the array where that is large.
    """
    itemsize, array = dtype.itemsize, np.ndarray

    def make(owner: int, address: int, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        size = itemsize
        for length in shape:
            size *= length
        if size <= _SMALL or not owner:
            copy = _copied(address, size)
            if owner:
                release(owner)
            return array(shape, dtype, copy)
        block = (ctypes.c_char * size).from_address(address)
        weakref.finalize(block, release, owner).atexit = False
        return np.ndarray(shape, dtype, block)  # type: ignore[arg-type]

    return make
