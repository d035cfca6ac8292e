"""Variables as values, and structures of which only what is needed is taken out."""

# mypy: disable-error-code="no-untyped-call, untyped-decorator, override, misc, assignment"
# numba's types say little

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import ir as numba_ir
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering

from gavel_opt.kernels.lowering.arrays_and_ranges import array_of
from gavel_opt.kernels.lowering.lending import LENT, Table


class Builder(ir.IRBuilder):
    """Takes members out of structures without an instruction where they have just been put there."""

    def extract_value(self, agg: Any, idx: Any, name: str = "") -> Any:
        """Take out a member."""
        place = tuple(idx) if isinstance(idx, (tuple, list)) else (idx,)
        while place:
            if isinstance(agg, ir.instructions.ExtractValue):
                agg, place = agg.operands[0], (*agg.indices, *place)
            elif isinstance(agg, ir.instructions.InsertValue):
                put = tuple(agg.indices)
                if place[: len(put)] == put:
                    agg, place = agg.operands[1], place[len(put) :]
                elif put[: len(place)] == place:
                    break  # a part of it
                else:
                    agg = agg.operands[0]
            elif isinstance(agg, ir.Constant) and isinstance(agg.constant, (list, tuple)):
                agg, place = agg.constant[place[0]], place[1:]
            else:
                break
        return super().extract_value(agg, place, name) if place else agg


class _Lower(Lower):
    """Lowering, with variables that are set in one place kept as values and not in memory.

    LLVM would find out by itself, but only after it has taken apart what is loaded and stored: a named tuple of arrays
    is a hundred numbers, at each place where one of its members is read.
    """

    def init(self) -> None:
        super().init()
        self.direct = {
            name
            for name in _set_once(self.func_ir.blocks, self.may_own)
            if isinstance(self.typeof(name), _AS_VALUES)
        }
        self.values: dict[str, Any] = {}
        models = self.context.data_model_manager
        if not models[self.fndesc.restype].contains_nrt_meminfo():
            LENT.add(self.fndesc.mangled_name)

    def setup_function(self, fndesc: Any) -> None:
        super().setup_function(fndesc)
        self.builder = Builder(self.entry_block)
        self.call_helper = self.call_conv.init_call_helper(self.builder)

    def alloca(self, name: str, type: Any) -> Any:
        return None if name in self.direct else super().alloca(name, type)

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        if name in self.direct:
            self.values[name] = _taken_apart(self.context, self.builder, self.typeof(name), value)
        elif name in self.varmap and not self.may_own(name):
            self.builder.store(value, self.varmap[name])
        else:
            super().storevar(value, name, argidx)

    def loadvar(self, name: str) -> Any:
        return self.values[name] if name in self.values else super().loadvar(name)

    def delvar(self, name: str) -> None:
        if name in self.values:
            self.decref(self.typeof(name), self.values[name])
        elif name not in self.varmap or self.may_own(name):
            super().delvar(name)

    def may_own(self, name: str) -> bool:
        """Whether a variable is of a kind that may hold references."""
        models = self.context.data_model_manager
        return self.context.enable_nrt and bool(models[self.typeof(name)].contains_nrt_meminfo())

    def post_lower(self) -> None:
        super().post_lower()
        _drop_unused(self.function)
        size = sum(len(block.instructions) for block in self.function.blocks)
        if size > LARGE and not any(isinstance(one, Table) for one in self.fndesc.argtypes):
            self.function.attributes.add("noinline")


_AS_VALUES = (types.Array, types.BaseTuple, types.Number, types.Boolean)
"""Kinds of variables that are kept as values. With records, tables and ranges too rounds took 5 % longer."""
LARGE = 600
"""Functions with more instructions than this are not made part of those that call them: what takes more than in proportion to
a function's length would take longer, and calls are few beside what it does. But what takes a table of arrays would
read it again in each call."""


def _taken_apart(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """An array whose members are known one by one, so that none has to be taken out of it again."""
    if not isinstance(kind, types.Array) or isinstance(value, ir.instructions.InsertValue):
        return value
    model = context.data_model_manager[kind]

    def member(name: str, *axis: int) -> Any:
        return builder.extract_value(value, (model.get_field_position(name), *axis))

    axes = range(kind.ndim)
    strides = None if kind.layout == "C" else [member("strides", axis) for axis in axes]
    shape = [member("shape", axis) for axis in axes]
    return array_of(model, builder, member("data"), shape, strides, member("meminfo"))


def _drop_unused(function: Any) -> None:
    """Remove structures, and members of structures, that nothing is done with."""
    kinds = (ir.instructions.InsertValue, ir.instructions.ExtractValue)
    used: set[int] = set()
    waiting = [
        value
        for block in function.blocks
        for one in block.instructions
        if not isinstance(one, kinds)
        for value in _operands(one)
        if isinstance(value, kinds)
    ]
    while waiting:
        one = waiting.pop()
        if id(one) not in used:
            used.add(id(one))
            waiting += [value for value in one.operands if isinstance(value, kinds)]
    for block in function.blocks:
        block.instructions[:] = [
            one for one in block.instructions if not isinstance(one, kinds) or id(one) in used
        ]


def _operands(instruction: Any) -> Any:
    if isinstance(instruction, ir.instructions.PhiInstr):
        return [value for value, _ in instruction.incomings]
    return instruction.operands


def _set_once(blocks: Any, may_own: Callable[[str], bool]) -> set[str]:
    """Variables that are set in one place, which is passed before each that reads or deletes them.

    What may own memory is left out where it might be deleted twice.
    """
    places: dict[str, tuple[int, int]] = {}
    twice: set[str] = set()
    uses: dict[str, list[tuple[int, int]]] = {}
    deleted: dict[str, list[int]] = {}
    for label, block in blocks.items():
        for line, statement in enumerate(block.body):
            here = label, line
            used = [one.name for one in statement.list_vars()]
            if isinstance(statement, numba_ir.Assign):
                name = statement.target.name
                used.remove(name)
                if name in places:
                    twice.add(name)
                places[name] = here
            elif isinstance(statement, numba_ir.Del):
                used.append(statement.value)
                deleted.setdefault(statement.value, []).append(label)
            for name in used:
                uses.setdefault(name, []).append(here)
    graph = compute_cfg_from_blocks(blocks)
    passed = graph.dominators()

    def comes_first(place: tuple[int, int], use: tuple[int, int]) -> bool:
        # blocks are lowered by their labels
        return place < use and place[0] in passed.get(use[0], ())

    def is_deleted_again(name: str) -> bool:
        labels, seen = deleted.get(name, []), {places[name][0]}
        waiting = [after for label in labels for after, _ in graph.successors(label)]
        while waiting:
            label = waiting.pop()
            if label not in seen:
                if label in labels:
                    return True
                seen.add(label)
                waiting += [after for after, _ in graph.successors(label)]
        return len(labels) != len(set(labels))

    return {
        name
        for name, place in places.items()
        if name not in twice
        and all(comes_first(place, use) for use in uses.get(name, ()))
        and not (may_own(name) and is_deleted_again(name))
    }


@register_pass(mutates_CFG=True, analysis_only=False)
class Lowering(BaseNativeLowering):
    """Lowers a function."""

    _name = "kernel_lowering"

    @property
    def lowering_class(self) -> Any:
        """What lowers."""
        return _Lower
