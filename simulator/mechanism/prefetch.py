"""Asks for memory ahead of its use: who runs stands anywhere among all jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

AHEAD = 12
"""How many entries ahead: a fetch takes about as long as the work on so many."""
_LINE = 64
_tools: Any = cgutils


def _prefetch(context: Any, array: Any, row: Any) -> Any:
    """Bring the first two lines of memory of a row into the cache; changes nothing."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        rows = context.make_array(kind)(context, builder, arguments[0])
        stride = _tools.unpack_tuple(builder, rows.strides, kind.ndim)[0]
        whole, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        fetch = builder.module.declare_intrinsic(
            "llvm.prefetch", (byte,), ir.FunctionType(ir.VoidType(), [byte, whole, whole, whole])
        )
        address = builder.add(
            builder.ptrtoint(rows.data, stride.type), builder.mul(arguments[1], stride)
        )
        for offset in (0, _LINE):
            place = builder.inttoptr(builder.add(address, stride.type(offset)), byte)
            builder.call(fetch, [place, whole(0), whole(3), whole(1)])
        return context.get_dummy_value()

    return types.none(array, types.intp), generate


_intrinsic: Any = intrinsic(_prefetch)
prefetch: Callable[[np.ndarray, int], None] = _intrinsic
