"""Programs that are answered before a solver sees them.

Solvers disagree about bounds that cross, a matrix without entries and a program without columns:
some raise, some call them unbounded, some answer with a point. What is not a number has no answer
at all. Neither reaches an engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gavel_opt.arrays import Bools, Floats, plain_array
from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import AllocationProgram, FinishTimeProgram
from gavel_opt.model.linear_program import LinearProgram, require_shapes
from gavel_opt.model.solution import Certificate, Solution, Stats, Status

_NOTHING, _NO_TABLE = np.empty(0), np.empty((0, 0))


def screen(program: LinearProgram) -> Solution | None:
    """Answer a program that needs no solver; None for all others.

    Answered are: a row or column whose bounds cross (or lie at the wrong infinity), a row without
    entries that zero does not satisfy, and a program without columns, without rows, or with nothing
    but zeros in its matrix: there every column goes to the bound that its cost points to.

    Raises
    ------
    InputError
        If a coefficient is NaN or infinite, or a bound is NaN; the text says which one.
    """
    _require_numbers(program)
    detail = _crossed("row", program.row_lower, program.row_upper, program.row_names) or _crossed(
        "column", program.col_lower, program.col_upper, program.col_names
    )
    if detail:
        return _answer(Status.INFEASIBLE, detail)
    detail = _impossible_empty_row(program)
    if detail:
        return _answer(Status.INFEASIBLE, detail)
    if program.a.data.any():
        return None
    return _without_matrix(program)


def screen_blocks(program: AllocationProgram | FinishTimeProgram) -> None:
    """Refuse an allocation program with a value that is not a number.

    Raises
    ------
    InputError
        Naming the block.
    """
    from gavel_opt.kernels.input_checks import (
        all_finite,  # compiled: loaded only where blocks are solved
    )

    blocks, pairs = program.blocks, program.blocks.pairs
    given = blocks.use, blocks.workers
    if isinstance(program, FinishTimeProgram):
        reward = _NO_TABLE
        own = (program.age, program.steps, program.isolated)
    else:
        reward = _NO_TABLE if program.reward is None else program.reward
        own = (program.slope, _NOTHING, _NOTHING)
    rate, reward, *columns = map(plain_array, (blocks.rate, reward, *given, *own))
    good = all_finite(rate, reward, *columns)
    if good and pairs is not None:
        good = math.isfinite(pairs.rate.sum() + pairs.share.sum() + pairs.use.sum())
    if good:
        return
    named: list[tuple[str, Floats]] = [
        ("rate", blocks.rate),
        ("use", blocks.use),
        ("workers", blocks.workers),
        ("reward", reward),
    ]
    if isinstance(program, FinishTimeProgram):
        named += zip(("age", "steps", "isolated"), own, strict=True)
    else:
        named.append(("slope", program.slope))
    if pairs is not None:
        named += [
            ("rate of pairs", pairs.rate),
            ("share of pairs", pairs.share),
            ("use of pairs", pairs.use),
        ]
    for what, values in named:
        if not np.isfinite(values).all():
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise InputError(
                f"{what} of group {at[0]} is {values[at]}, not a finite number;"
                " check the throughputs and the jobs"
                if what != "workers"
                else f"workers of type {at[0]} are {values[at]}, not a finite number"
            )


def _require_numbers(program: LinearProgram) -> None:
    require_shapes(program)
    if not np.isfinite(program.c).all():
        j = int(np.flatnonzero(~np.isfinite(program.c))[0])
        raise InputError(
            f"objective coefficient of {_name('column', j, program.col_names)} is"
            f" {program.c[j]}, not a finite number"
        )
    if not np.isfinite(program.a.data).all():
        k = int(np.flatnonzero(~np.isfinite(program.a.data))[0])
        i = int(program.a.indices[k])
        j = int(np.searchsorted(program.a.indptr, k, side="right")) - 1
        raise InputError(
            f"coefficient of {_name('column', j, program.col_names)} in"
            f" {_name('row', i, program.row_names)} is {program.a.data[k]}, not a finite number"
        )
    if not np.isfinite(program.offset):
        raise InputError(f"offset of the objective is {program.offset}, not a finite number")


def _crossed(what: str, lower: Floats, upper: Floats, names: Sequence[str]) -> str:
    """Say which bounds cross, or nothing.

    Raises
    ------
    InputError
        If a bound is NaN.
    """
    fits = lower <= upper
    # One pass in the common case; infinities of the wrong sign fit only each other.
    if fits.all() and not (lower == np.inf).any() and not (upper == -np.inf).any():
        return ""
    for bound, side in ((lower, "lower"), (upper, "upper")):
        if np.isnan(bound).any():
            i = int(np.flatnonzero(np.isnan(bound))[0])
            raise InputError(
                f"{side} bound of {_name(what, i, names)} is NaN; use an infinity for no bound"
            )
    i = int(np.flatnonzero(~fits | (lower == np.inf) | (upper == -np.inf))[0])
    return f"bounds of {_name(what, i, names)} cross: {lower[i]:g} to {upper[i]:g}"


def _impossible_empty_row(program: LinearProgram) -> str:
    """Say which row without entries cannot hold, or nothing."""
    a = program.a
    impossible: Bools = (program.row_lower > 0.0) | (program.row_upper < 0.0)
    if not impossible.any():
        return ""
    impossible[a.indices[a.data != 0.0]] = False
    if not impossible.any():
        return ""
    i = int(np.flatnonzero(impossible)[0])
    return (
        f"{_name('row', i, program.row_names)} has no entries and asks for"
        f" {program.row_lower[i]:g} to {program.row_upper[i]:g}"
    )


def _without_matrix(program: LinearProgram) -> Solution:
    """Send every column to the bound that its cost points to."""
    cost = -program.c if program.maximize else program.c
    x = np.where(cost > 0.0, program.col_lower, program.col_upper)
    nearest = np.minimum(np.maximum(0.0, program.col_lower), program.col_upper)
    x = np.where(cost == 0.0, nearest, x)
    if not np.isfinite(x).all():
        j = int(np.flatnonzero(~np.isfinite(x))[0])
        name = _name("column", j, program.col_names)
        return _answer(
            Status.UNBOUNDED, f"{name} is in no row and has no bound on the side that pays"
        )
    solution = _answer(Status.OPTIMAL, "no row has an entry")
    solution.x = x
    solution.row_dual = np.zeros(program.row_lower.size)
    solution.objective = program.objective(x)
    solution.certificate = Certificate(0.0, 0.0, 0.0)
    return solution


def _answer(status: Status, detail: str) -> Solution:
    return Solution(status, stats=Stats(detail=f"no solver needed: {detail}"))


def _name(what: str, index: int, names: Sequence[str]) -> str:
    return f"{what} {names[index]!r}" if names else f"{what} {index}"
