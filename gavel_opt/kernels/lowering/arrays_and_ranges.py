"""Arrays in LLVM's language: how one is made, its elements and rows; and loops over ranges."""

# mypy: disable-error-code="no-untyped-call, untyped-decorator, override, misc, assignment"
# numba's types say little

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.np.arrayobj import load_item, store_item

from gavel_opt.kernels.code_cache import INDICES_CHECKED

WORD = ir.IntType(64)
_ONE, _TWO = (types.int64,), (types.int64, types.int64)


def make_array(context: Any, builder: Any, kind: Any, data: Any, shape: list[Any]) -> Any:
    """An array in order, of memory that is another's.

    Parameters
    ----------
    kind
        Numba's type of it.
    data
        Pointer to its first element.
    shape
        Of 64-bit integers.
    """
    return array_of(context.data_model_manager[kind], builder, data, shape)


def array_of(
    model: Any,
    builder: Any,
    data: Any,
    shape: list[Any],
    strides: list[Any] | None = None,
    owner: Any = None,
) -> Any:
    """The same, of an array's model; strides where it is not in order, and who owns the memory."""
    size = size_of(data.type.pointee)
    count: Any = None
    found: list[Any] = []
    for length in reversed(shape):
        found.insert(0, WORD(size) if count is None else builder.mul(count, WORD(size)))
        count = length if count is None else builder.mul(count, length)
    found = strides or found
    layout = model.get_value_type()
    value = ir.Constant(layout, ir.Undefined)
    members = {
        "nitems": WORD(1) if count is None else count,
        "itemsize": WORD(size),
        "data": data,
    }
    for name, one in members.items():
        value = builder.insert_value(value, one, model.get_field_position(name))
    for name, one in (("meminfo", owner), ("parent", None)):
        place = model.get_field_position(name)
        none = ir.Constant(layout.elements[place], None)
        value = builder.insert_value(value, none if one is None else one, place)
    for name, numbers in (("shape", shape), ("strides", found)):
        for axis, one in enumerate(numbers):
            value = builder.insert_value(value, one, [model.get_field_position(name), axis])
    return value


@functools.cache
def size_of(kind: Any) -> int:
    """Bytes; LLVM reads a text to tell."""
    return int(cpu_target.target_context.get_abi_sizeof(kind))


def _is_element(array: Any, index: Any, *put: Any) -> bool:
    """Whether an index, or a tuple of such, denotes an element of an array in order."""
    indices = _kinds(index)
    return (
        isinstance(array, types.Array)
        and array.layout == "C"
        and len(indices) == array.ndim
        and all(isinstance(one, types.Integer) for one in indices)
    )


def _kinds(index: Any) -> tuple[Any, ...]:
    return tuple(cast(Any, index)) if isinstance(index, types.BaseTuple) else (index,)


def _element(context: Any, builder: Any, signature: Any, array: Any, index: Any) -> Any:
    """Pointer to an element; constants below 0 count from the end, other indices are not below 0.

    Interpreted they would count from the end too, which no kernel makes use of: the tests pass where it is looked at.
    """
    kind, indices = signature.args[:2]
    model = context.data_model_manager[kind]
    shape, at = model.get_field_position("shape"), None
    for axis, one in enumerate(_kinds(indices)):
        own = builder.extract_value(index, axis) if isinstance(indices, types.BaseTuple) else index
        own = context.cast(builder, own, one, types.intp if one.signed else types.uintp)
        length = builder.extract_value(array, (shape, axis))
        if isinstance(own, ir.Constant) and own.constant < 0:
            own = builder.add(own, length)
        if INDICES_CHECKED:
            with cgutils.if_unlikely(builder, builder.icmp_unsigned(">=", own, length)):
                context.call_conv.return_user_exc(builder, IndexError, ("no such element",))
        if at is not None:
            own = builder.add(builder.mul(at, length), own)
        at = own
    for axis in range(len(_kinds(indices)), kind.ndim):
        at = builder.mul(at, builder.extract_value(array, (shape, axis)))
    return builder.gep(builder.extract_value(array, model.get_field_position("data")), [at])


def _get_item(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    return load_item(
        context, builder, signature.args[0], _element(context, builder, signature, *given)
    )


def _is_row(array: Any, index: Any) -> bool:
    """Whether an index denotes a row of an array in order, or a part of one that is an array too."""
    indices = _kinds(index)
    return (
        isinstance(array, types.Array)
        and array.layout == "C"
        and len(indices) < array.ndim
        and all(isinstance(one, types.Integer) for one in indices)
    )


def _get_row(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    kind, index = signature.args
    model, result = context.data_model_manager[kind], signature.return_type
    shape = model.get_field_position("shape")
    lengths = [
        builder.extract_value(given[0], (shape, axis))
        for axis in range(len(_kinds(index)), kind.ndim)
    ]
    data = _element(context, builder, signature, *given)
    owner = builder.extract_value(given[0], model.get_field_position("meminfo"))
    row = array_of(context.data_model_manager[result], builder, data, lengths, None, owner)
    if context.enable_nrt:
        context.nrt.incref(builder, result, row)
    return row


def _get(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """An element or a row."""
    get = _get_item if _is_element(*signature.args) else _get_row
    return get(context, builder, signature, given)


def _length(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    model = context.data_model_manager[signature.args[0]]
    return builder.extract_value(given[0], (model.get_field_position("shape"), 0))


def _set_item(context: Any, builder: Any, signature: Any, given: Any) -> None:
    kind, _, put = signature.args
    value = context.cast(builder, given[2], put, kind.dtype)
    pointer = _element(context, builder, signature, *given[:2])
    store_item(context, builder, kind, value, pointer)


def _range(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    value = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
    start, stop = given if len(given) == 2 else (WORD(0), given[0])
    for place, one in enumerate((start, stop, WORD(1))):
        value = builder.insert_value(value, one, place)
    return value


def _begin_range(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """The place that it is at, in memory, and how many are left."""
    start, stop, step = (builder.extract_value(given[0], place) for place in range(3))
    at, left = (cgutils.alloca_once(builder, WORD) for _ in range(2))
    builder.store(start, at)
    zero, span = WORD(0), builder.sub(stop, start)
    if isinstance(step, ir.Constant) and step.constant == 1:
        is_some, count = builder.icmp_signed(">", span, zero), span
    else:
        with cgutils.if_unlikely(builder, builder.icmp_unsigned("==", step, zero)):
            words = ("range() arg 3 must not be zero",)
            context.call_conv.return_user_exc(builder, ValueError, words)
        up = builder.icmp_signed(">", span, zero)
        is_some = builder.icmp_signed("==", up, builder.icmp_signed(">", step, zero))
        rest = builder.icmp_signed("!=", builder.srem(span, step), zero)
        count = builder.add(builder.sdiv(span, step), builder.zext(rest, WORD))
    builder.store(builder.select(is_some, count, zero), left)
    value = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
    for place, one in enumerate((at, stop, step, left)):
        value = builder.insert_value(value, one, place)
    return value


def _next_of_range(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    at, _, step, left = (builder.extract_value(given[0], place) for place in range(4))
    count, value = builder.load(left), builder.load(at)
    is_some = builder.icmp_signed(">", count, WORD(0))
    with builder.if_then(is_some):
        builder.store(builder.sub(count, WORD(1), flags=["nsw"]), left)
        builder.store(builder.add(value, step), at)
    pair = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
    return builder.insert_value(builder.insert_value(pair, value, 0), is_some, 1)


WRITTEN: dict[Any, tuple[Callable[..., bool], Callable[..., Any]]] = {
    operator.getitem: (lambda *given: _is_element(*given) or _is_row(*given), _get),
    len: (lambda given: isinstance(given, types.Array), _length),
    operator.setitem: (_is_element, _set_item),
    range: (lambda *given: given in (_ONE, _TWO), _range),
    "getiter": (lambda given: given == types.range_state64_type, _begin_range),
    "iternext": (lambda given: given == types.range_iter64_type, _next_of_range),
}
"""What is written in few instructions: whether it is for arguments of some types, and how."""
