"""What is written in few instructions in place of numba's does what Python does, and kernels share code."""

from __future__ import annotations

import resource
from typing import NamedTuple

import numpy as np
import pytest

from gavel_opt.kernels import jit, native
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


FEW, MANY = 4, 60


@jit.compiled
def names(values: np.ndarray, counts: np.ndarray, wanted: bool) -> tuple[int, float]:
    """A variable set to one constant or another, and then to what is neither; and ``_`` for things of two types."""
    rounds = MANY
    if wanted:
        rounds = FEW
    most = rounds
    while most < values.size:
        most *= 2
    count, _ = values.size + most, values[0]
    total, _ = values[0] + rounds, counts
    return count, total


def test_names_have_one_type_each() -> None:
    values, counts = np.linspace(0.5, 4.0, 300), np.arange(3)
    forms = form_of(values), form_of(counts), "b"
    code = lower_kernel(names, forms, lambda: None)
    call = native.load(code.code(machine_code(code)), forms, lambda *_: None)
    for wanted in (False, True):
        assert call(values, counts, wanted) == names.interpreted(values, counts, wanted)


@jit.compiled
def new_arrays(many: int, few: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """New arrays of all kinds, by a number and by a shape, with a type that is named, given or left out."""
    room = np.empty((many, few.size), np.int64)
    for i in range(many):
        for j in range(few.size):
            room[i, j] = i * j - few[j]
    flags = np.zeros(many, dtype=np.bool_)
    flags[many - 1] = True
    cube = np.full((2, many, few.size), -np.inf)
    cube[1, many - 1, 0] = np.ones((many, 3)).sum() + np.zeros((many, 3), np.int32).sum()
    whole, parts = np.full(many, 7), np.full(many, 7, np.float64)
    total = (whole[0] // 2) + parts[-1] / 2 + np.ones(many, np.int64)[many - 1] // 2
    return room, flags, cube, total


def test_new_arrays() -> None:
    few = np.array([3, -1, 5, 0])
    forms = "i", form_of(few)
    lowered = lower_kernel(new_arrays, forms, lambda: None)
    assert not any("np_empty" in text or "np_full" in text for text in lowered.parts[0].texts)
    refused: list[int] = []
    code = lowered.code(machine_code(lowered))
    call = native.load(code, forms, lambda status, _: refused.append(status))
    for many in (1, 6, 4000):
        for found, right in zip(call(many, few), new_arrays.interpreted(many, few), strict=True):
            assert np.array_equal(found, right)
            assert np.asarray(found).dtype == np.asarray(right).dtype
    for many in (-1, 1 << 40, 1 << 62):
        call(many, few)
    assert refused == [native.RAISED] * 3


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


class Both(NamedTuple):
    """Two arrays, one of them an argument's or nobody's any more."""

    given: np.ndarray
    own: np.ndarray


@jit.compiled
def last_row(table: np.ndarray, place: int) -> np.ndarray:
    """A part of what it is given: the row is the caller's array."""
    row = table[place]
    for i in range(row.size):
        row[i] += 1.0
    return row[1:]


@jit.compiled
def add_up(both: Both, many: int) -> float:
    """Read and write what is lent, and hand it on."""
    both.own[0] += both.given[many % both.given.size]
    both.given[0] += both.own[-1]
    return both.own[0] + float(np.argmax(both.given)) if many == 0 else add_one(both, both.given)


@jit.compiled
def add_one(both: Both, other: np.ndarray) -> float:
    """The same array by two ways."""
    other[1] = both.given[1] + 1.0
    return both.given[1] + both.own.shape[0] + len(other)


@jit.compiled
def owners(given: np.ndarray, turns: int) -> float:
    """Arrays made, kept, replaced, parted and handed on in every way that kernels do."""
    found, last, kept = 0.0, given, np.full(4, 0.5)
    for n in range(turns):
        table = np.zeros((n % 3 + 2, 4000))
        table[-1, n % 5] = n
        if n % 4 == 1:
            last = table[n % 2]
        elif n % 4 == 2:
            last = last_row(table, table.shape[0] - 1)
            table = np.ones((2, 3))
        elif n % 4 == 3:
            last, kept = kept, last
        if n % 7 == 6:
            continue
        row = last_row(np.zeros((2, 4000)) + n, 1)
        both = Both(last, row)
        found += add_up(both, n % 3) + row[2] + table[0, 1] + kept[0]
        pair = (kept, both.own) if n % 2 else (row, kept)
        found += pair[0][1] + pair[1].size
    return found + last[0] + kept[1]


def compiled_and_not(kernel: jit.Kernel, *given: np.ndarray) -> None:
    """Hold what a compiled kernel gives and leaves behind to what the function does."""
    others = [one.copy() if isinstance(one, np.ndarray) else one for one in given]
    jit.make_ready(kernel, given)
    assert kernel.func != kernel._interpreted
    assert kernel(*given) == kernel.interpreted(*others)
    for one, other in zip(given, others, strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def test_elements() -> None:
    rng = np.random.default_rng(0)
    at = np.array([[rng.integers(size) for size in SIZES] for _ in range(20)])
    compiled_and_not(visit, rng.random(SIZES), np.arange(40), at)


def test_owners() -> None:
    compiled_and_not(owners, np.arange(5.0), 300)  # type: ignore[arg-type]  # a number is no array
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    owners(np.arange(5.0), 10_000)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert most < 50_000  # kilobytes, of 1.3 million that were taken


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
