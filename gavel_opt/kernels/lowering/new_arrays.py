"""New arrays: ``np.empty``, ``np.zeros``, ``np.ones`` and ``np.full`` in few instructions, where numba compiles a function of each."""

# mypy: disable-error-code="no-untyped-call, untyped-decorator, override, misc, assignment"
# numba's types say little

from __future__ import annotations

import functools
import inspect
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.npydecl import parse_dtype, parse_shape
from numba.core.typing.templates import signature
from numba.np.arrayobj import store_item

from gavel_opt.kernels.lowering.arrays_and_ranges import WORD, array_of, size_of

_NAMES = {
    np.empty: ("shape", "dtype"),
    np.zeros: ("shape", "dtype"),
    np.ones: ("shape", "dtype"),
    np.full: ("shape", "fill_value", "dtype"),
}
_BYTE = ir.IntType(8)
ALLOCATE = "gavel_opt_allocate"
ALLOCATING = f"""
define ptr @{ALLOCATE}(i64 %lengths, i64 %count, i64 %size) {{
  %long = lshr i64 %lengths, 31
  %many = lshr i64 %count, 40
  %odd = or i64 %long, %many
  %fine = icmp eq i64 %odd, 0
  br i1 %fine, label %make, label %refuse
make:
  %bytes = mul i64 %count, %size
  %block = call ptr @NRT_MemInfo_alloc_aligned(i64 %bytes, i32 32)
  ret ptr %block
refuse:
  ret ptr null
}}
"""
"""Gives no memory for negative numbers of elements, and for more than there can be."""


def type_of_new(function: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Numba's signature of a call that makes an array; None if numba has to see to it."""
    names = _NAMES.get(function)
    if names is None or len(given) + len(named) > len(names):
        return None
    kinds = dict(zip(names, given, strict=False)) | named
    if "shape" not in kinds or not set(kinds) <= set(names):
        return None
    if function is np.full and "fill_value" not in kinds:
        return None
    if "dtype" in kinds:
        if getattr(kinds["dtype"], "typing_key", None) in (bool, int, float):
            dtype = {bool: types.boolean, int: types.intp, float: types.float64}[
                kinds["dtype"].typing_key
            ]
        else:
            dtype = parse_dtype(kinds["dtype"])
    else:
        dtype = types.unliteral(kinds["fill_value"]) if function is np.full else types.float64
    shape = types.unliteral(kinds["shape"])
    ndim = parse_shape(shape)
    if (
        dtype is None
        or ndim is None
        or (isinstance(dtype, types.Record) and function not in (np.empty, np.zeros))
    ):
        return None
    taken = [shape, *(types.unliteral(kinds[name]) for name in names[1:] if name in kinds)]
    parameters = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for name in names
        if name in kinds
    ]
    found = signature(types.Array(dtype, ndim, "C"), *taken)
    return found.replace(pysig=inspect.Signature(parameters))


def make_new(function: Any, context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """Write a call that makes an array."""
    kind, shape = signature.return_type, signature.args[0]
    lengths = (
        [(builder.extract_value(given[0], i), one) for i, one in enumerate(cast(Any, shape))]
        if isinstance(shape, types.BaseTuple)
        else [(given[0], shape)]
    )
    lengths = [context.cast(builder, value, one, types.intp) for value, one in lengths]
    count, seen = lengths[0], WORD(0)
    for length in lengths[1:]:
        seen = builder.or_(builder.or_(seen, count), length)
        count = builder.mul(count, length)
    element = context.get_data_type(kind.dtype)
    pointer, size = _BYTE.as_pointer(), WORD(size_of(element))
    allocate = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(pointer, [WORD] * 3), ALLOCATE
    )
    owner = builder.call(allocate, [seen, count, size])
    with cgutils.if_unlikely(builder, cgutils.is_null(builder, owner)):
        context.call_conv.return_user_exc(builder, MemoryError, ("no memory for an array",))
    at = builder.bitcast(builder.gep(owner, [WORD(24)], source_etype=_BYTE), pointer.as_pointer())
    data = builder.load(at)
    if function is np.zeros:
        fill = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(pointer, [pointer, ir.IntType(32), WORD]), "memset"
        )
        builder.call(fill, [data, ir.IntType(32)(0), builder.mul(count, size)])
    data = builder.bitcast(data, element.as_pointer())
    if function in (np.ones, np.full):
        value, of = (given[1], signature.args[1]) if function is np.full else (WORD(1), types.intp)
        value = context.cast(builder, value, of, kind.dtype)
        with cgutils.for_range(builder, count) as loop:
            store_item(context, builder, kind, value, builder.gep(data, [loop.index]))
    return array_of(context.data_model_manager[kind], builder, data, lengths, None, owner)


NEW = {name: functools.partial(make_new, name) for name in _NAMES}
"""How these are written."""
