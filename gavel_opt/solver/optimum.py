"""The optimum of an allocation program, as the rest of the package sees it."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints, plain_array
from gavel_opt.kernels.jit import look_for_code, make_ready
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
    KnownShares,
    Program,
)
from gavel_opt.model.answers import allocation_answer
from gavel_opt.model.recertified import time_prices
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.empty_types import served_part, widened
from gavel_opt.solver.interior_point.method import solve_program
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.pair_simplex.method import solve_contended
from gavel_opt.solver.pair_simplex.start import kept_with_room
from gavel_opt.solver.prices.bottleneck_pairs import Pairs, centre_at_bottleneck
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.prices.shortcuts import BOTTLENECK, DOUBT, NONE, PRICED, solve_direct
from gavel_opt.solver.records import Found
from gavel_opt.solver.settings import FEW_GROUPS, MANY_TYPES, SETTINGS
from gavel_opt.solver.tables import order_of_pairs, tables_of
from gavel_opt.solver.total_worth import gain_of

PROVED = SETTINGS.answers
"""Certificates beyond it are no answers."""

_MANY_ROWS, _MANY_SHARES = 120, 2000
"""Rows of dense equations, and shares, from which on the interior point method is not interpreted: a
single program would take seconds."""

_SOME_ROWS = 20
"""Rows from which on one program takes long enough to interpret that compiled code is looked for before."""

CENTRED_UP_TO = 128
"""Groups up to which a packed program is looked at for one job that sets the level
(:mod:`gavel_opt.solver.prices.bottleneck_pairs`): equations are dense."""

_ALIKE = 1e-9
"""Limits of groups this near, relatively, are one."""

PIVOTED_UP_TO = 96
"""Groups up to which a packed program is solved by a dual simplex where workers are short
(:mod:`gavel_opt.solver.pair_simplex`): the inverse of a basis is dense."""

ASKED_UP_TO = 128
"""The same of programs that ask whether a level can be had, whose shares nobody takes: what pools of jobs come to."""

PRICED_IN_FROM = 48
"""Groups from which on pairs are priced in as they are needed (:mod:`gavel_opt.solver.packed_optimum`)."""

DECIDED_FROM = 1000
"""Groups from which on a sum of rewards is left to prices (:mod:`gavel_opt.solver.prices.sums_by_prices`)."""

MANY_IN_A_ROW = 2
"""Programs of a series with several optima after which methods for a single one are not tried."""

_NONE = np.empty(0)
_NO_CENTRE = np.empty((0, 0)), 0.0, _NONE
_NO_KEYS = np.empty(0, np.int64)
_NOTHING_KEPT = kept_with_room(0, 0)


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
    if (part := served_part(program)) is not None:
        answer, certificate, iterations = optimum(part[0], tie_break, memory)
        return widened(program, answer, part[1]), certificate, iterations
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
    if isinstance(program, AllocationProgram) and isinstance(program.near, KnownShares):
        known = _known(program, program.near)
        if known[1].within(PROVED):
            return known
    found = Found(np.empty((groups, types)), np.empty(groups), np.empty(types), np.empty(6))
    start = np.zeros(types + 1) if memory is None else memory.for_types(types)
    search = given, start, found
    outcome = NONE
    many, columns = types > MANY_TYPES, None
    if blocks.pairs is None and reward is None and not (many and groups <= FEW_GROUPS * types):
        columns = _method_of_columns(given) if many else None
        if columns is not None:
            solved, priced = columns.solve_level(*search)
            if solved and (priced or not efficient):
                return _answer(*found)
        if many:
            make_ready(solve_direct, search)
        outcome = solve_direct(*search)
    # where nothing is slack all levels are what they must be: nothing is left to gain
    if outcome == PRICED or (outcome == BOTTLENECK and not efficient):
        return _answer(*(found if columns is None else columns.settled(given, found)))
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
            by_path = found
    if columns is not None and not efficient:
        by_path = columns.settled(given, by_path)
    return _answer(*by_path)


def _known(program: AllocationProgram, near: KnownShares) -> tuple[Answer, Certificate, int]:
    """The optimum that a program comes with."""
    time = time_prices(program.blocks, near.level_dual, near.capacity_dual, None)
    found = allocation_answer(program, near.x, near.level_dual, near.capacity_dual, time)
    return *found, 0


def _method_of_columns(given: Given) -> ModuleType | None:
    """The method for dozens of worker types where a program is for it; it loads libraries, which takes time."""
    from gavel_opt.solver.many_types import method

    return method if method.by_columns(given) else None


def _packed(
    program: Program, given: Given, efficient: bool, tie_break: str, memory: Memory | None
) -> tuple[Answer, Certificate, int]:
    """Solve a program with pairs: at its bottleneck, by column generation or on the path."""
    groups = program.blocks.groups
    if isinstance(program, AllocationProgram) and program.near is not None:
        known = _by_columns(program, tie_break, memory)
        if known is not None:
            return known
    canonical = None
    if not _has_many_optima(program, memory):
        canonical = _canonical_of_pairs(program, given, memory)
        if memory is not None:
            memory.many_optima = 0 if canonical is not None else memory.many_optima + 1
    if canonical is not None and not efficient:
        return canonical
    packed = None
    if groups >= PRICED_IN_FROM:
        packed = _by_columns(program, tie_break, memory)
    if packed is None:
        gain = gain_of(program) if efficient else _NONE
        packed = _answer(*_by_path(program, gain, _NO_CENTRE))
        if groups < PRICED_IN_FROM and not packed[1].within(PROVED):
            packed = _by_columns(program, tie_break, memory) or packed
    if canonical is not None:
        packed[0].objective = packed[0].level = canonical[0].level
    return packed


def _has_many_optima(program: Program, memory: Memory | None) -> bool:
    """Whether the program is like those before it in its series, which had several optima, and columns will do."""
    if isinstance(program, FinishTimeProgram) or program.series is None or memory is None:
        return False
    if program.series == 0:
        memory.begin_series()
    return program.blocks.groups >= PRICED_IN_FROM and memory.many_optima >= MANY_IN_A_ROW


def _canonical_of_pairs(
    program: Program, given: Given, memory: Memory | None
) -> tuple[Answer, Certificate, int] | None:
    """The canonical optimum by one of the methods for pairs, of which a program is for one at most; None if for none."""
    if isinstance(program, AllocationProgram) and program.reward is not None:
        return None
    groups, found = program.blocks.groups, None
    asked = isinstance(program, AllocationProgram) and program.enough < math.inf
    most = ASKED_UP_TO if asked else PIVOTED_UP_TO
    pivots = groups <= most and not isinstance(program, FinishTimeProgram)
    pivots = pivots and not _asks_for_limits(program, given)
    vertex_first = pivots and memory is not None and memory.at_vertex
    if vertex_first:
        found = _at_vertex(given, program.blocks, memory)
    if found is None and groups <= CENTRED_UP_TO:
        found = _at_bottleneck(given, program.blocks, memory)
    if found is None and pivots and not vertex_first:
        found = _at_vertex(given, program.blocks, memory)
    return found


def _asks_for_limits(program: Program, given: Given) -> bool:
    """Whether water filling asks for all that each group can reach: where that can be had, many prices are optimal."""
    if isinstance(program, FinishTimeProgram) or not program.probe or given.slope.min() <= 0.0:
        return False
    most = (given.rate.max(axis=1) - given.floor) / given.slope
    return bool(most.max() <= (1.0 + _ALIKE) * most.min())


def _at_vertex(
    given: Given, blocks: Blocks, memory: Memory | None
) -> tuple[Answer, Certificate, int] | None:
    """Solve a packed program in which workers are short; None if it is not such a one, or has several prices."""
    groups, types = given.rate.shape
    pairs, found = _pairs_and_room(blocks)
    key = _NO_KEYS if blocks.key is None else plain_array(blocks.key)
    kept = _NOTHING_KEPT
    if memory is not None and key.size:
        kept = memory.for_vertices(key, given.slope == 0.0, types)
    task = given, pairs, key, kept, found
    _prepare(solve_contended, task, 2 * groups + types)
    only = solve_contended(*task)
    if memory is not None:
        memory.at_vertex = only
    return _answer(*found) if only else None


def _at_bottleneck(
    given: Given, blocks: Blocks, memory: Memory | None
) -> tuple[Answer, Certificate, int] | None:
    """Solve a packed program whose level one job sets; None if it is not such a one."""
    groups, types = given.rate.shape
    pairs, found = _pairs_and_room(blocks)
    ray = np.zeros(2 * groups + 2 + types)
    if memory is not None and memory.ray is not None and blocks.key is not None:
        _fill_ray(ray, blocks.key, *memory.ray)
    task = given, pairs, ray, found
    _prepare(centre_at_bottleneck, task, 2 * groups + types)
    if centre_at_bottleneck(*task):
        return _answer(*found)
    if memory is not None and blocks.key is not None and ray[-1] > 0.0:
        memory.ray = blocks.key, ray
    return None


def _pairs_and_room(blocks: Blocks) -> tuple[Pairs, Found]:
    """The pairs of a program as kernels take them, and room for its answer."""
    pairs = blocks.pairs
    assert pairs is not None
    groups, types = blocks.rate.shape
    room = np.empty((blocks.combinations, types)), np.empty(groups), np.empty(types), np.empty(6)
    parts = pairs.member, pairs.rate, pairs.share, pairs.use
    return Pairs._make(map(plain_array, parts)), Found(*room)


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
    from gavel_opt.solver.column_generation.rounds_of_pricing import ColumnMemory
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
    from gavel_opt.solver.prices.sums_by_prices import largest_sum, sums_alone

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
