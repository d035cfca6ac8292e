"""Whether functions that numba compiles are called as :mod:`gavel_opt.kernels.compiling` calls them.

    python -m gavel_opt.kernels.calling_convention    # exit status 0 if they are

Compiles a kernel with every kind of argument and result, and compares what it does with plain Python.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gavel_opt.kernels import native
from gavel_opt.kernels.arguments import form_of
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.records import by_reference, plain, record

_PART = record(number="i8", value="f8", flag="?")


class _Pair(NamedTuple):
    values: np.ndarray
    parts: np.ndarray


@by_reference
class _Tables(NamedTuple):
    parts: np.ndarray
    pair: _Pair


@compiled
def _scaled(values: np.ndarray, factor: float) -> np.ndarray:
    found = np.empty(values.size)
    for place in range(values.size):
        found[place] = factor * values[place]
    return found


@compiled
def _tried(
    values: np.ndarray, number: int, factor: float, flag: bool, pair: _Pair, tables: _Tables
) -> tuple[int, np.ndarray, float, bool]:
    """Read, write, call, allocate and return."""
    tables.parts[1].value = pair.parts[0].value + factor
    tables.pair.values[0] += number
    scaled = _scaled(values, factor)
    if flag and tables.parts[0].flag:
        scaled = _scaled(scaled, pair.values[1])
    return number + tables.parts[0].number, scaled, scaled[0] - factor, not flag


def _arguments() -> tuple[Any, ...]:
    parts = np.zeros(3, _PART)
    parts["number"], parts["value"], parts["flag"] = (5, 6, 7), (0.5, 1.5, 2.5), True
    pair = _Pair(np.array([3.0, 0.25]), parts.copy())
    values = np.linspace(1.0, 2.0, 700)
    return values, 11, 0.375, True, pair, _Tables(parts, _Pair(np.array([8.0]), parts.copy()))


def holds() -> bool:
    """Whether compiled code does what the function does."""
    from gavel_opt.kernels.compiling import _lowered, machine_code

    def refuse(status: int, arguments: tuple[Any, ...]) -> Any:
        raise RuntimeError(f"compiled code came back with status {status}")

    given, expected = (tuple(map(native.in_order, _arguments())) for _ in range(2))
    forms = tuple(map(form_of, given))
    lowered = _lowered(_tried, forms, lambda: None)
    found = native.load(lowered.code(machine_code(lowered)), forms, refuse)(*given)
    wanted = _tried.interpreted(*map(plain, expected))  # type: ignore[attr-defined]  # it is a kernel, whatever the type of what it does
    written = (given[5].parts, given[5].pair.values)
    right = (expected[5].parts, expected[5].pair.values)
    same = map(np.array_equal, (*found, *written), (*wanted, *right))
    return len(found) == len(wanted) and all(same)


if __name__ == "__main__":
    raise SystemExit(None if holds() else "compiled code gives something else")
