"""Numba as kernels use it: what it types, lowers and hands to LLVM, without what kernels have no use for.

Three quarters of compiling are numba's, most of it spent on writing at length what kernels do all the time
(an element of an array, a turn of a loop over a range), on passes that find nothing to do, on types that it has
found before, and on having LLVM improve what will be improved as a whole later. Here these are written in
few instructions, left out, looked up, and left to :mod:`gavel_opt.kernels.compiling`. What is computed is
the same.
"""

# mypy: disable-error-code="no-untyped-call, untyped-decorator, override, misc, assignment"
# numba's types say little

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.codegen import CodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.cpu import CPUContext
from numba.core.registry import cpu_target
from numba.core.typed_passes import InlineOverloads, NopythonRewrites, NopythonTypeInference
from numba.core.typing.context import Context
from numba.core.untyped_passes import DeadBranchPrune, InlineClosureLikes
from numba.extending import models, register_model
from numba.np.arrayobj import load_item, store_item

_WORD = ir.IntType(64)
_ONE, _TWO = (types.int64,), (types.int64, types.int64)


def contexts() -> tuple[Any, Any]:
    """What knows types, and what lowers."""
    typing = _Typing()
    # A copy as numba makes them: it shares what numba knows, now and later, of functions that it compiles itself.
    numbas = cpu_target.target_context
    numbas.refresh()
    target = numbas.with_aot_codegen("kernels", cpu_name="host").subtarget(typing_context=typing)
    target.__class__ = _Target
    typing.refresh()
    target.refresh()
    return typing, target


class _Known(types.Function):
    """A function of numba's own, which looks up what it gives for some types once it has found that."""

    def __init__(self, templates: Any) -> None:
        super().__init__(templates)
        self._signatures: dict[Any, Any] = {}

    def get_call_type(self, context: Any, given: Any, named: Any) -> Any:
        if named:
            return super().get_call_type(context, given, named)
        key = tuple(given)
        if key not in self._signatures:
            self._signatures[key] = super().get_call_type(context, given, named)
        return self._signatures[key]


register_model(_Known)(models.OpaqueModel)


class _Typing(Context):
    """Numba's rules for types."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Any, _Known] = {}

    def resolve_value_type(self, value: Any) -> Any:
        found = super().resolve_value_type(value)
        if type(found) is not types.Function:
            return found
        if found not in self._known:
            self._known[found] = _Known(found.templates)
        return self._known[found]

    def resolve_function_type(self, function: Any, given: Any, named: Any) -> Any:
        if callable(function) and not isinstance(function, types.Type):
            function = self.resolve_value_type(function)
        if isinstance(function, _Known):
            return function.get_call_type(self, given, named)
        return super().resolve_function_type(function, given, named)


# passes ------------------------------------------------------------------------------------------


@register_pass(mutates_CFG=False, analysis_only=True)
class _CountingReferences(AnalysisPass):
    """Leaves references uncounted where a function neither makes arrays nor returns any."""

    _name = "kernel_references"

    def __init__(self) -> None:
        AnalysisPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        made = [call.return_type for call in state.calltypes.values() if call is not None]
        if not any(
            state.targetctx.data_model_manager[kind].contains_nrt_meminfo()
            for kind in {state.return_type, *made}
        ):
            state.targetctx = state.targetctx.subtarget(enable_nrt=False)
        return False


_WITHOUT = (InlineClosureLikes, DeadBranchPrune, InlineOverloads, NopythonRewrites)
"""Passes that find nothing to do in kernels, yet look at every line."""


class Pipeline(CompilerBase):
    """Numba's passes for one function."""

    def define_pipelines(self) -> list[Any]:
        """The passes, in order."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [one for one in passes.passes if one[0] not in _WITHOUT]
        passes.add_pass_after(_CountingReferences, NopythonTypeInference)
        passes.finalize()
        return [passes]


class Texts(CodeLibrary):
    """What numba hands to LLVM, as text: LLVM has to do with it when all is there, and not before.

    Attributes
    ----------
    texts
        Of each module.
    libraries
        What numba has compiled of its own functions that these call.
    """

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.texts: list[str] = []
        self.libraries: dict[CodeLibrary, None] = {}

    def add_ir_module(self, module: Any) -> None:
        """Keep a module's text."""
        self.texts.append(cgutils.normalize_ir_text(str(module)))

    def add_linking_library(self, library: CodeLibrary) -> None:
        """Note what is called."""
        self.libraries[library] = None

    def finalize(self) -> None:
        """Do nothing: all is there."""

    def get_llvm_str(self) -> str:
        """All of the text."""
        return "\n".join(self.texts)

    def get_function(self, name: str) -> Any:
        """Refuse: there are no functions yet."""
        raise NotImplementedError

    get_asm_str = get_function


def text_of(library: CodeLibrary) -> str:
    """Text of what numba has compiled of its own functions, with all that it needs."""
    _ = library.has_dynamic_globals  # asks for all to be there
    return str(library.get_llvm_str())


# lowering ----------------------------------------------------------------------------------------


class _Target(CPUContext):
    """Numba's target, where :data:`_WRITTEN` goes before what it knows."""

    def get_function(self, function: Any, signature: Any, *others: Any, **named: Any) -> Any:
        written = _WRITTEN.get(getattr(function, "typing_key", function))
        if written is not None and not self.enable_boundscheck:
            fits, write = written
            if fits(*signature.args):
                return lambda builder, given, loc=None: write(self, builder, signature, given)
        return super().get_function(function, signature, *others, **named)

    def pair_first(self, builder: Any, pair: Any, kind: Any) -> Any:
        return _member(builder, pair, 0)

    def pair_second(self, builder: Any, pair: Any, kind: Any) -> Any:
        return _member(builder, pair, 1)


def _member(builder: Any, value: Any, *place: int) -> Any:
    """A member of a structure; without an instruction where it has just been put there."""
    while isinstance(value, ir.instructions.InsertValue):
        put = tuple(value.indices)
        if put == place:
            return value.operands[1]
        if all(one == other for one, other in zip(put, place, strict=False)):
            break  # a part of it, or what it is a part of
        value = value.operands[0]
    if isinstance(value, ir.Constant) and isinstance(value.constant, (list, tuple)):
        for index in place:
            value = value.constant[index]
        return value
    return builder.extract_value(value, place)


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
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    strides: list[Any] = []
    count = _WORD(1)
    for length in reversed(shape):
        strides.insert(0, builder.mul(count, _WORD(size)) if strides else _WORD(size))
        count = builder.mul(count, length) if strides[1:] else length
    layout = context.get_value_type(kind)
    model = context.data_model_manager[kind]
    value = ir.Constant(layout, ir.Undefined)
    members = {"nitems": count, "itemsize": _WORD(size), "data": data}
    for name, one in members.items():
        value = builder.insert_value(value, one, model.get_field_position(name))
    for name in ("meminfo", "parent"):
        place = model.get_field_position(name)
        value = builder.insert_value(value, ir.Constant(layout.elements[place], None), place)
    for name, numbers in (("shape", shape), ("strides", strides)):
        for axis, one in enumerate(numbers):
            value = builder.insert_value(value, one, [model.get_field_position(name), axis])
    return value


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
    """Pointer to an element; indices below 0 count from the end."""
    kind, indices = signature.args[:2]
    model = context.data_model_manager[kind]
    shape, at = model.get_field_position("shape"), None
    for axis, one in enumerate(_kinds(indices)):
        own = _member(builder, index, axis) if isinstance(indices, types.BaseTuple) else index
        own = context.cast(builder, own, one, types.intp if one.signed else types.uintp)
        if one.signed and not (isinstance(own, ir.Constant) and own.constant >= 0):
            from_end = builder.add(own, _member(builder, array, shape, axis))
            own = builder.select(builder.icmp_signed("<", own, _WORD(0)), from_end, own)
        if at is not None:
            own = builder.add(builder.mul(at, _member(builder, array, shape, axis)), own)
        at = own
    return builder.gep(_member(builder, array, model.get_field_position("data")), [at])


def _get_item(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    return load_item(
        context, builder, signature.args[0], _element(context, builder, signature, *given)
    )


def _set_item(context: Any, builder: Any, signature: Any, given: Any) -> None:
    kind, _, put = signature.args
    value = context.cast(builder, given[2], put, kind.dtype)
    pointer = _element(context, builder, signature, *given[:2])
    store_item(context, builder, kind, value, pointer)


def _range(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    value = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
    start, stop = given if len(given) == 2 else (_WORD(0), given[0])
    for place, one in enumerate((start, stop, _WORD(1))):
        value = builder.insert_value(value, one, place)
    return value


def _begin_range(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """The place that it is at, in memory, and how many are left."""
    start, stop, step = (_member(builder, given[0], place) for place in range(3))
    at, left = (cgutils.alloca_once(builder, _WORD) for _ in range(2))
    builder.store(start, at)
    zero, span = _WORD(0), builder.sub(stop, start)
    if isinstance(step, ir.Constant) and step.constant == 1:
        is_some, count = builder.icmp_signed(">", span, zero), span
    else:
        with cgutils.if_unlikely(builder, builder.icmp_unsigned("==", step, zero)):
            words = ("range() arg 3 must not be zero",)
            context.call_conv.return_user_exc(builder, ValueError, words)
        up = builder.icmp_signed(">", span, zero)
        is_some = builder.icmp_signed("==", up, builder.icmp_signed(">", step, zero))
        rest = builder.icmp_signed("!=", builder.srem(span, step), zero)
        count = builder.add(builder.sdiv(span, step), builder.zext(rest, _WORD))
    builder.store(builder.select(is_some, count, zero), left)
    value = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
    for place, one in enumerate((at, stop, step, left)):
        value = builder.insert_value(value, one, place)
    return value


def _next_of_range(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    at, _, step, left = (_member(builder, given[0], place) for place in range(4))
    count, value = builder.load(left), builder.load(at)
    is_some = builder.icmp_signed(">", count, _WORD(0))
    with builder.if_then(is_some):
        builder.store(builder.sub(count, _WORD(1), flags=["nsw"]), left)
        builder.store(builder.add(value, step), at)
    pair = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
    return builder.insert_value(builder.insert_value(pair, value, 0), is_some, 1)


_WRITTEN: dict[Any, tuple[Callable[..., bool], Callable[..., Any]]] = {
    operator.getitem: (_is_element, _get_item),
    operator.setitem: (_is_element, _set_item),
    range: (lambda *given: given in (_ONE, _TWO), _range),
    "getiter": (lambda given: given == types.range_state64_type, _begin_range),
    "iternext": (lambda given: given == types.range_iter64_type, _next_of_range),
}
"""What is written in few instructions: whether it is for arguments of some types, and how."""
