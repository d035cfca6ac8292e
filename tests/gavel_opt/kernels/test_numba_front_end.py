"""What is written in few instructions in place of numba's does what Python does, and kernels share code."""

from __future__ import annotations

import numpy as np
import pytest

from gavel_opt.kernels import jit
from gavel_opt.kernels.arguments import form_of
from gavel_opt.kernels.compiling import lower_kernel, machine_code

SIZES = (3, 4, 5)


@jit.compiled
def visit(cube: np.ndarray, marks: np.ndarray, at: np.ndarray) -> float:
    """Elements by indices from the start and from the end, of one and several axes, read and written."""
    for i in range(at.shape[0]):
        first, second, third = at[i, 0], at[i, 1], at[i, -1]
        cube[first, second, third] += 1.0 + i
        marks[first * second] -= 1
        marks[-1] = marks[np.uint64(i)] * 3
    row = cube[1]
    row[-2, 0] = 7
    plane = cube[0:2, 1]
    plane[0, 0] = True
    return cube[-1, -1, -1] + row[0, 1] + cube[1, 2][3]


@jit.compiled
def turns(starts: np.ndarray, stops: np.ndarray, steps: np.ndarray, found: np.ndarray) -> int:
    """Loops over ranges of all kinds; gives how many turns they take."""
    count = 0
    for k in range(starts.size):
        for i in range(starts[k], stops[k], steps[k]):
            found[count % found.size] = i
            count += 1
        for i in range(starts[k], stops[k]):
            found[count % found.size] = 2 * i
            count += 1
        for i in range(stops[k]):
            if i == 4:
                break
            count += i
        for i in range(stops[k], starts[k], -2):
            found[count % found.size] = i - 1
            count += 1
    return count


@jit.compiled_apart
def halves(values: np.ndarray) -> np.ndarray:
    """Half the values, in an array of its own."""
    found = np.empty(values.size)
    for i in range(values.size):
        found[i] = 0.5 * values[i]
    return found


@jit.compiled
def quarters(values: np.ndarray) -> np.ndarray:
    """A quarter of the values."""
    return halves(halves(values))


@jit.compiled
def half_of_sum(values: np.ndarray) -> float:
    """Half the sum, by halves."""
    found = 0.0
    for value in halves(values):
        found += value
    return found


def compiled_and_not(kernel: jit.Kernel, *given: np.ndarray) -> None:
    """Hold what a compiled kernel gives and leaves behind to what the function does."""
    others = [one.copy() for one in given]
    jit.make_ready(kernel, given)
    assert kernel.func != kernel._interpreted
    assert kernel(*given) == kernel.interpreted(*others)
    for one, other in zip(given, others, strict=True):
        assert one.tobytes() == other.tobytes()


def test_elements() -> None:
    rng = np.random.default_rng(0)
    at = np.array([[rng.integers(-size, size) for size in SIZES] for _ in range(20)])
    compiled_and_not(visit, rng.random(SIZES), np.arange(40), at)


def test_ranges() -> None:
    every = [(a, b, c) for a in (-3, 0, 2, 7) for b in (-4, 0, 2, 8) for c in (-5, -1, 1, 2, 3)]
    starts, stops, steps = np.array(every).T.copy()
    compiled_and_not(turns, starts, stops, steps, np.zeros(11, dtype=np.int64))
    with pytest.raises(RuntimeError, match="turns failed; NUMBA_DISABLE_JIT=1 shows where"):
        turns(starts, stops, np.zeros_like(steps), np.zeros(3, dtype=np.int64))


def test_what_several_kernels_call_is_compiled_once_for_all() -> None:
    values = np.array([1.0, 2.0, 4.0])
    forms = (form_of(values),)
    files = [
        machine_code(lower_kernel(kernel, forms, lambda: None))
        for kernel in (quarters, half_of_sum, halves)
    ]
    entries, shared = zip(*files, strict=True)  # two files each
    assert len(set(entries)) == 3
    assert shared[0] is shared[1] is shared[2]
    for kernel in (quarters, half_of_sum, halves):
        jit.make_ready(kernel, (values,))
        assert kernel.func != kernel._interpreted
    assert quarters(values).tolist() == [0.25, 0.5, 1.0]
    assert half_of_sum(values) == 3.5
    assert halves(values).tolist() == [0.5, 1.0, 2.0]
