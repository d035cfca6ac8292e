"""The optimum of an allocation program, as the rest of the package sees it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gavel_opt.arrays import Floats, Ints, plain_array
from gavel_opt.kernels.jit import look_for_code, make_ready
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
    Program,
)
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.bottleneck_pairs import Pairs, centre_at_bottleneck
from gavel_opt.solver.cheapest_mix import Given
from gavel_opt.solver.interior_point import solve_program
from gavel_opt.solver.records import Found
from gavel_opt.solver.settings import SETTINGS
from gavel_opt.solver.shortcuts import BOTTLENECK, DOUBT, NONE, PRICED, solve_direct
from gavel_opt.solver.tables import order_of_pairs, tables_of

if TYPE_CHECKING:
    from gavel_opt.solver.column_generation import ColumnMemory
    from gavel_opt.solver.one_step import Task

PROVED = SETTINGS.answers
"""Certificates beyond it are no answers."""

MANY_TYPES, FEW_GROUPS = 30, 2
"""From more worker types than this on, programs with no more groups than this many for each type go straight to
the interior point method, which takes a tenth of the time of a search for so many prices; for others the search
is not interpreted."""
_MANY_ROWS, _MANY_SHARES = 120, 2000
"""Rows of dense equations, and shares, from which on the interior point method is not interpreted: a
single program would take seconds."""

_SOME_ROWS = 20
"""Rows from which on one program takes long enough to interpret that compiled code is looked for before."""

CENTRED_UP_TO = 128
"""Groups up to which a packed program is looked at for one job that sets the level
(:mod:`gavel_opt.solver.bottleneck_pairs`): equations are dense."""

PRICED_IN_FROM = 48
"""Groups from which on pairs are priced in as they are needed (:mod:`gavel_opt.solver.packed_optimum`)."""

DECIDED_FROM = 1000
"""Groups from which on a sum of rewards is left to prices (:mod:`gavel_opt.solver.sums_by_prices`)."""

_NONE = np.empty(0)
_NO_CENTRE = np.empty((0, 0)), 0.0, _NONE


@dataclass(slots=True)
class Memory:
    """Where the next search may start; what it finds does not depend on it.

    Attributes
    ----------
    start
        Prices and level of the last program in which all worker types had a price.
    columns
        Pairs and basis of the last packed program of many groups.
    task
        The last one that was filled.
    ray
        Prices that proved a packed program contended, and the keys of its groups.
    """

    start: Floats = field(default_factory=lambda: np.zeros(1))
    columns: ColumnMemory | None = None
    task: Task | None = None
    ray: tuple[Ints, Floats] | None = None

    def for_types(self, types: int) -> Floats:
        """Prices and level, zero if there are none for that many worker types."""
        if self.start.size != types + 1:
            self.start = np.zeros(types + 1)
        return self.start


def optimum(
    program: Program, tie_break: str, memory: Memory | None = None
) -> tuple[Answer, Certificate, int]:
    """Solve ``program`` for its canonical or its efficient optimum.

    Parameters
    ----------
    program
        Any allocation or finish-time program.
    tie_break
        ``"efficient"``; anything else gives the canonical optimum, and so does a probe.
    memory
        Where to start, kept from program to program; a matter of cost only.

    Returns
    -------
    answer, certificate, iterations
        To be used only if the certificate is good enough.
    """
    blocks = program.blocks
    types = blocks.types
    paired = blocks.pairs is not None and blocks.pairs.use.size > 0
    if isinstance(program, FinishTimeProgram):
        reward, probe = None, False
        curve = _NONE, _NONE, program.age, program.steps, program.isolated
    else:
        reward, probe = program.reward, program.probe
        curve = program.slope, program.floor, _NONE, _NONE, _NONE
    efficient = tie_break == "efficient" and not probe
    shared = blocks.rate, blocks.use, blocks.count, blocks.workers, *curve
    given = Given._make(map(plain_array, shared))
    groups = blocks.groups
    if paired:
        return _packed(program, given, efficient, tie_break, memory)
    found = Found(np.empty((groups, types)), np.empty(groups), np.empty(types), np.empty(6))
    start = np.zeros(types + 1) if memory is None else memory.for_types(types)
    search = given, start, found
    outcome = NONE
    many = types > MANY_TYPES
    if blocks.pairs is None and reward is None and not (many and groups <= FEW_GROUPS * types):
        if many:
            make_ready(solve_direct, search)
        outcome = solve_direct(*search)
    # where nothing is slack all levels are what they must be: nothing is left to gain
    if outcome == PRICED or (outcome == BOTTLENECK and not efficient):
        return _answer(*found)
    if groups >= DECIDED_FROM and isinstance(program, AllocationProgram):
        sums = _by_prices(program)
        if sums is not None:
            return _answer(*sums)
    gain = gain_of(program) if efficient else _NONE
    bottleneck = _NO_CENTRE
    if outcome == BOTTLENECK:
        bottleneck = found.x, float(found.summary[1]), found.level_dual
    by_path = _by_path(program, gain, bottleneck)
    if outcome == BOTTLENECK:
        by_path.summary[:2] = found.summary[:2]
        return _answer(by_path.x, found.level_dual, found.capacity_dual, by_path.summary)
    if outcome == DOUBT and by_path.capacity_dual.min() > 0.0:
        # it has prices after all: then the search from there has the last word
        level = by_path.summary[1]
        start[:types] = by_path.capacity_dual
        start[types] = -level if isinstance(program, FinishTimeProgram) else level
        if solve_direct(*search) == PRICED:
            return _answer(*found)
    return _answer(*by_path)


def _packed(
    program: Program, given: Given, efficient: bool, tie_break: str, memory: Memory | None
) -> tuple[Answer, Certificate, int]:
    """Solve a program with pairs: at its bottleneck, by column generation or on the path."""
    groups = program.blocks.groups
    slack = None
    if groups <= CENTRED_UP_TO and not _asks_for_more(program):
        slack = _at_bottleneck(given, program.blocks, memory)
        if slack is not None and not efficient:
            return slack
    packed = None
    if groups >= PRICED_IN_FROM:
        packed = _by_columns(program, tie_break, memory)
    if packed is None:
        gain = gain_of(program) if efficient else _NONE
        packed = _answer(*_by_path(program, gain, _NO_CENTRE))
        if groups < PRICED_IN_FROM and not packed[1].within(PROVED):
            packed = _by_columns(program, tie_break, memory) or packed
    if slack is not None:
        packed[0].objective = packed[0].level = slack[0].level
    return packed


def _asks_for_more(program: Program) -> bool:
    """Whether there is more to a program than its level, or less than its shares."""
    if isinstance(program, FinishTimeProgram):
        return False
    return program.reward is not None or program.probe


def _at_bottleneck(
    given: Given, blocks: Blocks, memory: Memory | None
) -> tuple[Answer, Certificate, int] | None:
    """Solve a packed program whose level one job sets; None if it is not such a one."""
    pairs = blocks.pairs
    assert pairs is not None
    groups, types = given.rate.shape
    found = Found(
        np.empty((blocks.combinations, types)), np.empty(groups), np.empty(types), np.empty(6)
    )
    parts = pairs.member, pairs.rate, pairs.share, pairs.use
    ray = np.zeros(2 * groups + 2 + types)
    if memory is not None and memory.ray is not None and blocks.key is not None:
        _fill_ray(ray, blocks.key, *memory.ray)
    task = given, Pairs._make(map(plain_array, parts)), ray, found
    _prepare(centre_at_bottleneck, task, 2 * groups + types)
    if centre_at_bottleneck(*task):
        return _answer(*found)
    if memory is not None and blocks.key is not None and ray[-1] > 0.0:
        memory.ray = blocks.key, ray
    return None


def _prepare(kernel: Callable[..., Any], task: tuple[Any, ...], rows: int, shares: int = 0) -> None:
    """Have compiled code for a task that takes long to interpret, or look for some where it takes a while."""
    if rows > _MANY_ROWS or shares > _MANY_SHARES:
        make_ready(kernel, task)
    elif rows > _SOME_ROWS:
        look_for_code(kernel)


def _fill_ray(ray: Floats, key: Ints, old_key: Ints, old: Floats) -> None:
    """Fill in prices of another program, and nothing for groups that it had not."""
    groups, had = key.size, old_key.size
    if ray.size - 2 * groups != old.size - 2 * had:
        return
    ray[2 * groups :] = old[2 * had :]
    if np.array_equal(key, old_key):
        ray[: 2 * groups] = old[: 2 * had]
        return
    order = np.argsort(old_key, kind="stable")
    place = order[np.minimum(np.searchsorted(old_key, key, sorter=order), had - 1)]
    there = old_key[place] == key
    ray[: 2 * groups].reshape(groups, 2)[there] = old[: 2 * had].reshape(had, 2)[place[there]]


def _by_columns(
    program: Program, tie_break: str, memory: Memory | None
) -> tuple[Answer, Certificate, int] | None:
    """Solve a packed program of many groups by column generation, which loads a solver; None if it cannot."""
    from gavel_opt.solver.column_generation import ColumnMemory
    from gavel_opt.solver.packed_optimum import packed_optimum

    probe = isinstance(program, AllocationProgram) and program.probe
    gain = gain_of(program) if tie_break == "efficient" and not probe else None
    if memory is None:
        return packed_optimum(program, gain, None)
    if memory.columns is None:
        memory.columns = ColumnMemory()
    return packed_optimum(program, gain, memory.columns)


def _by_prices(program: AllocationProgram) -> Found | None:
    """Solve a sum over very many groups, of which prices decide most; None if they do not."""
    from gavel_opt.solver.sums_by_prices import largest_sum, sums_alone

    if not sums_alone(program):
        return None
    found = largest_sum(program, lambda few: _by_path(few, _NONE, _NO_CENTRE))
    return found if found is not None and max(found.summary[2:5]) <= SETTINGS.proved else None


def _by_path(program: Program, gain: Floats, centre: tuple[Floats, float, Floats]) -> Found:
    """Solve by the interior point method, from its start or from a centre."""
    groups, types = program.blocks.rate.shape
    order, running = order_of_pairs(program)
    narrow, wide = tables_of(program, gain, order, running)
    given = narrow, wide, *centre, gain.size > 0
    rows = 2 * groups + types if order.size else 0
    _prepare(solve_program, given, rows, groups * types)
    found: Found = solve_program(*given)
    if running < order.size:
        found.x[groups + order] = found.x[groups:].copy()
    return found


def _answer(
    x: Floats, level_dual: Floats, capacity_dual: Floats, summary: Floats
) -> tuple[Answer, Certificate, int]:
    objective, level, primal, dual, gap, iterations, *second = summary.tolist()
    worth_proof = None if not second or math.isnan(second[0]) else tuple(second)
    answer = Answer(x, objective, level, level_dual, capacity_dual, worth_proof)
    return answer, Certificate(primal, dual, gap), int(iterations)


def gain_of(program: Program) -> Floats:
    """What a unit of each group's level is worth in the efficient optimum, shape ``(G,)``."""
    if program.gain is not None:
        return program.gain
    if isinstance(program, FinishTimeProgram):
        return 1.0 / program.steps
    gain: Floats = np.divide(
        1.0, program.slope, out=np.zeros_like(program.slope), where=program.slope > 0.0
    )
    return gain


_ROUNDED = 2.0**-50
"""Relative rounding of a time that a ratio gives, and of the age of which it is the end."""

_LEAST_ROUNDING = 1e-10
"""What of that is heeded in floors: less is within every tolerance."""


def total_worth(program: Program, level: float, give: float) -> AllocationProgram:
    """The second program of the efficient optimum: largest total worth at the level reached.

    Parameters
    ----------
    program
        A program with a level, or a finish-time program.
    level
        The level, or the ratio, of its optimum.
    give
        Part of the levels needed that may be missing.
    """
    blocks, worth = program.blocks, gain_of(program)
    given_away: Floats | float = give
    if isinstance(program, FinishTimeProgram):
        room = level * program.isolated - program.age
        floor = program.steps / room
        # Of a job that is nearly done the difference is rounding, and its floor is beyond reach by that.
        rounding = _ROUNDED * program.isolated * level / room
        given_away = np.where(rounding > _LEAST_ROUNDING, np.maximum(rounding, give), give)
    else:
        floor = program.floor + program.slope * level
    reward = blocks.rate * worth[:, None]
    pairs = blocks.pairs
    if pairs is not None:
        jobs = pairs.share * blocks.count[pairs.member] * worth[pairs.member]
        reward = np.concatenate([reward, (jobs[:, :, None] * pairs.rate).sum(axis=1)])
    floor = floor - given_away * np.where(np.isfinite(floor), np.abs(floor), 0.0)
    return AllocationProgram(blocks, np.zeros(blocks.groups), floor, reward)
