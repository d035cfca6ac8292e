"""How kernels call each other: they are lent arrays, and count no references to them."""

# mypy: disable-error-code="no-untyped-call, untyped-decorator, override, misc, assignment"
# numba's types say little

from __future__ import annotations

import functools
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.callconv import CPUCallConv
from numba.core.datamodel.packer import ArgPacker
from numba.core.registry import cpu_target
from numba.core.runtime.context import NRTContext
from numba.extending import models

from gavel_opt.kernels.lowering.arrays_and_ranges import WORD, array_of


class References(NRTContext):
    """Counts references, but for values that are known to hold none."""

    def incref(self, builder: Any, kind: Any, value: Any) -> None:
        """Count one more."""
        if not _count(builder, kind, value, "NRT_incref"):
            super().incref(builder, kind, value)

    def decref(self, builder: Any, kind: Any, value: Any) -> None:
        """Count one less."""
        if not _count(builder, kind, value, "NRT_decref"):
            super().decref(builder, kind, value)


def _count(builder: Any, kind: Any, value: Any, name: str) -> bool:
    """Call a function of numba's for each owner in a value; False where only numba knows how to find them."""
    places = _owners(kind)
    for place in places or ():
        owner = builder.extract_value(value, place)
        if not (isinstance(owner, ir.Constant) and owner.constant is None):
            called = ir.FunctionType(ir.VoidType(), [owner.type])
            builder.call(cgutils.get_or_insert_function(builder.module, called, name), [owner])
    return places is not None


@functools.cache
def _owners(kind: Any) -> tuple[tuple[int, ...], ...] | None:
    """Where a value of some type has owners of memory; None if that is not known here."""
    model = cpu_target.target_context.data_model_manager[kind]
    if isinstance(kind, types.Array):
        return ((model.get_field_position("meminfo"),),)
    if not model.contains_nrt_meminfo():
        return ()
    if not isinstance(kind, types.BaseTuple):
        return None
    inner = [_owners(one) for one in cast(Any, kind)]
    if None in inner:
        return None
    return tuple((i, *place) for i, places in enumerate(inner) for place in places or ())


class Convention(CPUCallConv):
    """How functions call each other: kernels that return no array are lent arrays, by their addresses and shapes.

    What is lent has an owner that the function need not know: it counts no references to it. One that returns
    arrays may return what it was given, or a part of it, so it takes them with their owners, as numba's own do.
    """

    def of(self, function: Any, kinds: Any) -> CPUCallConv:
        """How a function that takes some types is called."""
        lending = self.lending()
        taken = lending.context.get_arg_packer(kinds).argument_types
        is_lent = len(taken) == len(self.get_arguments(function))
        return lending if is_lent else CPUCallConv(self.context)

    def lending(self) -> CPUCallConv:
        """How those are called that are lent arrays."""
        return CPUCallConv(self.context.subtarget(data_model_manager=_lent_models()))

    def call_function(
        self, builder: Any, callee: Any, resty: Any, argtys: Any, args: Any, attrs: Any = None
    ) -> Any:
        """Write a call."""
        how = self.of(callee, argtys)
        return how.call_function(builder, callee, resty, argtys, args, attrs)

    def decorate_function(
        self, fn: Any, args: Any, fe_argtypes: Any, noalias: bool = False
    ) -> None:
        """Name what a function takes."""
        self.of(fn, fe_argtypes).decorate_function(fn, args, fe_argtypes, noalias)

    def decode_arguments(self, builder: Any, argtypes: Any, func: Any) -> Any:
        """Put together what a function takes."""
        return self.of(func, argtypes).decode_arguments(builder, argtypes, func)


class Table(types.Type):
    """A named tuple by reference: the address of a table of addresses and shapes."""


LENT: set[str] = set()
"""Names of functions that are lent arrays."""


@functools.lru_cache(1000)
def packer(models: Any, kinds: tuple[Any, ...]) -> Any:
    """What takes values of some types apart for a call, and puts them together."""
    return ArgPacker(models, kinds)


class _LentModel(models.ArrayModel):
    """An array as it is lent: its address, its shape, and where it is not in order its strides."""

    def get_argument_type(self) -> Any:
        words = [WORD] * self._fe_type.ndim
        data = self.get_model(self.get_field_position("data")).get_argument_type()
        return (data, *words) if self._fe_type.layout == "C" else (data, *words, *words)

    def as_argument(self, builder: Any, value: Any) -> Any:
        data, shape, strides = map(self.get_field_position, ("data", "shape", "strides"))
        places = [(data,), *((shape, axis) for axis in range(self._fe_type.ndim))]
        if self._fe_type.layout != "C":
            places += [(strides, axis) for axis in range(self._fe_type.ndim)]
        return [builder.extract_value(value, place) for place in places]

    def from_argument(self, builder: Any, value: Any) -> Any:
        ndim = self._fe_type.ndim
        data, *words = value
        return array_of(self, builder, data, words[:ndim], words[ndim:] or None)


@functools.cache
def _lent_models() -> Any:
    found = cpu_target.target_context.data_model_manager.copy()
    found.register(types.Array, _LentModel)
    return found
