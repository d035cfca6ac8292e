"""The canonical optimum of a packed program of many groups, by column generation; or None."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    FinishTimeProgram,
    KnownBasis,
    KnownShares,
    Program,
)
from gavel_opt.model.finish_time import finish_time_by_levels, level_program
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.alike_levels import AlikeLevels, levels_of_alike
from gavel_opt.solver.column_generation.alike_groups import prices_of_alike
from gavel_opt.solver.column_generation.centre_of_pairs import centre, face_of, rounded
from gavel_opt.solver.column_generation.kept_centre import KeptCentre
from gavel_opt.solver.column_generation.pair_pricing import Prices
from gavel_opt.solver.column_generation.restricted_master import Basis
from gavel_opt.solver.column_generation.rounds_of_pricing import (
    ColumnMemory,
    Kept,
    Vertex,
    certify,
    certify_worth,
    complementary_prices,
    generate,
    limits_of,
    vertex,
)
from gavel_opt.solver.column_generation.scaled_program import ScaledProgram
from gavel_opt.solver.shares_of_pools import shares_of_groups
from gavel_opt.solver.total_worth import total_worth

Found = tuple[Answer, Certificate, int]

_PROVED = 1e-9
"""Certificates beyond it are no answers."""
_LOOSE = 1e-6
"""Time that is left of a job's where it is not used up."""
VERTEX_FROM = 192
"""Groups from which on the interior point method misses its proof, and a vertex is what there is."""
_PARTS = 1e-3, 1e-5
"""Parts of the objective that the total worth is given, until it costs no level."""
_SAME = 1e-11
"""Levels this near, relatively, are one."""
_BITS = 48
"""Of a level: vertices of a face that jobs much alike have are at levels 1e-17 apart, for their data are rounded."""


def packed_optimum(
    program: Program, gain: Floats | None, memory: ColumnMemory | None
) -> Found | None:
    """Solve a program with pairs; None where that takes a method that this is not.

    Parameters
    ----------
    program
        Any allocation or finish-time program with pairs and without limits of its own.
    gain
        What the efficient optimum maximises, shape ``(G,)``; None for the canonical one.
    memory
        The last program's columns: where to start, and no more.
    """
    memory = ColumnMemory() if memory is None else memory
    if isinstance(program, FinishTimeProgram):
        return _finish_time(program, gain, memory)
    return _allocation(program, gain, memory)


def _allocation(
    program: AllocationProgram, gain: Floats | None, memory: ColumnMemory
) -> Found | None:
    scaled = ScaledProgram.of(program)
    key = program.blocks.key
    key = np.arange(program.blocks.groups) if key is None else key
    in_series = program.series is not None
    asked = None if in_series else (program.too_little / scaled.unit, program.enough / scaled.unit)
    memory = memory.of_series() if in_series else memory
    known = _of_known_shares(program, scaled)
    if known is not None:
        return *known, 0
    by_pools = None
    if not (scaled.has_level and (program.probe or gain is not None)):
        by_pools = _by_pools(program, scaled, key, memory)
    if by_pools is not None:
        return *by_pools, 0
    warm = bool(memory.kept)
    found, iterations = _at_known_basis(program, scaled), 0
    if found is None:
        found, iterations = _vertex(scaled, key, memory, program.probe, asked)
    if found is None or not found.certificate.within(_PROVED):
        return None
    seeks_worth = gain is not None and scaled.has_level and not program.probe
    if not (found.only or program.probe):
        found = replace(found, level=_level_of_face(scaled, found))
        if seeks_worth:
            assert gain is not None
            return _most_worth(program, found, found.level * scaled.unit, memory, iterations)
        central = _centre(program, scaled, found, key, memory)
        if central is None and warm:
            # not told by this vertex' prices; that of a cold start is the same whoever asks
            found, more = _vertex(scaled, key, ColumnMemory(), probe=True)
            iterations += more
            if found is None or not found.certificate.within(_PROVED):
                return None
            found = replace(found, level=_level_of_face(scaled, found))
            central = _centre(program, scaled, found, key, memory)
        if central is not None:
            return *central, iterations
        if program.blocks.groups < VERTEX_FROM:
            return None
    worth = None
    if seeks_worth:
        assert gain is not None
        worth = certify_worth(scaled, found, gain)
    types = scaled.rate.shape[1]
    x = np.zeros((program.blocks.combinations, types))
    x[: program.blocks.groups] = found.alone
    x[program.blocks.groups + found.column // types, found.column % types] = found.pair
    answer = _answer(program, scaled, found.prices, found.level, x, worth)
    answer.of_series = in_series and warm and not found.only
    return answer, found.certificate, iterations


def _most_worth(
    program: AllocationProgram, found: Vertex, level: float, memory: ColumnMemory, iterations: int
) -> Found | None:
    """The largest total worth at the level reached, as a small part of the objective beside the level.

    A part that is small enough costs no level: then the optimum is that of the second program, and what the
    proof leaves open is, in parts of the worth, as many times as much.
    """
    reward = total_worth(program, level, give=0.0).reward
    assert reward is not None
    groups, types = program.blocks.rate.shape
    alone = program.blocks.count[:, None] * reward[:groups]
    pair = reward[groups + found.column // types, found.column % types]
    worth = float((alone * found.alone).sum() + pair @ found.pair)
    if not worth > 0.0:
        return None
    for part in _PARTS:
        both = replace(program, reward=reward * (part * level / worth))
        second = _allocation(both, None, memory)
        if second is None:
            return None
        answer, proof, more = second
        iterations += more
        if answer.level >= level * (1.0 - _SAME):
            most = max(answer.objective - answer.level, part * level)
            gap = proof.relative_gap * (answer.objective + 0.1 * level) / most
            answer.worth_proof = proof.primal_residual, proof.dual_residual, gap
            answer.objective = answer.level
            return answer, found.certificate.worst(proof), iterations
    return None


def _by_pools(
    program: AllocationProgram, scaled: ScaledProgram, key: Ints, memory: ColumnMemory
) -> tuple[Answer, Certificate] | None:
    """The centre of the face whose prices pools of groups alike tell, proven over all pairs; None if it is not."""
    level = 0.0
    if scaled.has_level:
        alike = levels_of_alike(program, scaled)
        if alike is None:
            return None
        split = _where_split(program, scaled, alike)
        if split is not None:
            return split
        prices, level = alike.prices, _level_of_pools(scaled, alike)
    else:
        told = prices_of_alike(program, scaled)
        if told is None:
            return None
        prices = told
    x = _centre_at(program, scaled, prices, level, key, memory)
    return None if x is None else _proven(program, scaled, prices, level, x)


def _level_of_pools(scaled: ScaledProgram, alike: AlikeLevels) -> float:
    return _level_of_face(alike.pooled, alike.found) * (alike.pooled.unit / scaled.unit)


def _where_split(
    program: AllocationProgram, scaled: ScaledProgram, alike: AlikeLevels
) -> tuple[Answer, Certificate] | None:
    """Any optimal shares, if these say of all groups that may be split which use up their time in every optimum, and some do."""
    if program.splits is None or not program.splits.any():
        return None
    tight = (alike.prices.time > scaled.nothing()[1].time)[program.splits]
    if not tight.any():
        return None
    shares = shares_of_groups(alike.given, program.splits)
    if shares is None:
        return None
    time = scaled.taken(*shares)[1][program.splits]
    if not (tight | (time < 1.0 - _LOOSE)).all():
        return None
    x = np.zeros((program.blocks.combinations, scaled.rate.shape[1]))
    x[: program.blocks.groups] = shares.alone
    x[program.blocks.groups :].ravel()[shares.column] = shares.pair
    return _proven(program, scaled, alike.prices, _level_of_pools(scaled, alike), x)


def _of_known_shares(
    program: AllocationProgram, scaled: ScaledProgram
) -> tuple[Answer, Certificate] | None:
    """The shares that come with a program, if they and their prices prove each other."""
    near = program.near
    if not isinstance(near, KnownShares) or near.time_dual is None:
        return None
    worth, sloped = scaled.worth, np.flatnonzero(program.slope > 0.0)
    price = np.zeros(program.slope.size)
    price[sloped] = near.level_dual[sloped] * worth / scaled.scale[sloped]
    prices = Prices(price, near.time_dual * worth, near.capacity_dual * worth)
    reached = (program.blocks.levels(near.x) - program.floor)[sloped] / program.slope[sloped]
    return _proven(program, scaled, prices, float(reached.min()) / scaled.unit, near.x)


def _proven(
    program: AllocationProgram, scaled: ScaledProgram, prices: Prices, level: float, x: Floats
) -> tuple[Answer, Certificate] | None:
    """Shares as an answer, if they and prices prove each other over all pairs."""
    groups = program.blocks.groups
    column = np.flatnonzero(x[groups:])
    proof = certify(scaled, level, x[:groups], column, x[groups:].ravel()[column], prices)
    return (
        (_answer(program, scaled, prices, level, x, None), proof) if proof.within(_PROVED) else None
    )


def _centre(
    program: AllocationProgram,
    scaled: ScaledProgram,
    found: Vertex,
    key: Ints,
    memory: ColumnMemory,
) -> tuple[Answer, Certificate] | None:
    """The centre of the face that a vertex is on; None where its prices do not tell the face."""
    prices = complementary_prices(scaled, found)
    x = _centre_at(program, scaled, prices, found.level, key, memory)
    if x is None:
        return None
    need = _needs(scaled, found.level)
    blocks = program.blocks
    used, time = blocks.demand(x)
    short = np.where(scaled.scale > 0.0, need - blocks.levels(x) * scaled.scale, 0.0)
    over = (used - blocks.workers) / np.maximum(blocks.workers, 1e-9)
    primal = max(short.max(), time.max() - 1.0, over.max(), found.certificate.primal_residual)
    proof = Certificate(
        float(primal), found.certificate.dual_residual, found.certificate.relative_gap
    )
    if not proof.within(_PROVED):
        return None
    return _answer(program, scaled, found.prices, found.level, x, None), proof


def _centre_at(
    program: AllocationProgram,
    scaled: ScaledProgram,
    prices: Prices,
    level: float,
    key: Ints,
    memory: ColumnMemory,
) -> Floats | None:
    """Shares in the centre of the face of such prices, from near the last one if there is one."""
    face, need = face_of(scaled, prices), _needs(scaled, level)
    near = None if memory.centre is None else memory.centre.start(face, key, need)
    central = centre(face, need, scaled.workers, near)
    if central is None:
        return None
    x, nu = central
    memory.centre = KeptCentre.of(face, key, nu)
    return x


def _needs(scaled: ScaledProgram, level: float) -> Floats:
    return np.where(scaled.floor > -np.inf, scaled.floor, 0.0) + scaled.slope * level


def _level_of_face(scaled: ScaledProgram, found: Vertex) -> float:
    """The level without a trace of the vertex at which it was found, since the centre's bits hang on it."""
    if not found.basis.level:
        return found.level
    exact = found.factor.exactly(limits_of(scaled)[found.factor.tight])
    return float(rounded(exact[:1], _BITS)[0])


def _at_known_basis(program: AllocationProgram, scaled: ScaledProgram) -> Vertex | None:
    """The vertex at the basis that comes with a program, if it is proven to be optimal."""
    near = program.near
    if not isinstance(near, KnownBasis):
        return None
    found = vertex(scaled, Basis.known(near))
    return found if found is not None and found.certificate.within(_PROVED) else None


def _vertex(
    scaled: ScaledProgram,
    key: Ints,
    memory: ColumnMemory,
    probe: bool,
    asked: tuple[float, float] | None = (-math.inf, math.inf),
) -> tuple[Vertex | None, int]:
    """An optimal vertex that depends on the program alone: the only one, or that of a cold start.

    Any of several will do where its face's centre is the answer, which depends on the face alone, without ``asked``, and
    outside of it: there a probe is asked for its level alone, or for prices with it. Shares that reach what is enough
    prove that by themselves.
    """
    too_little, enough = asked or (math.inf, math.inf)
    iterations = 0
    start = memory.start(scaled, key, probe)
    for basis in (start, None) if start is not None else (None,):
        generated = generate(scaled, basis, enough=enough)
        if generated is None:
            continue
        iterations += generated[1]
        found = vertex(scaled, generated[0])
        if found is None:
            continue
        reached = found.level >= enough
        if reached:
            proof = Certificate(found.certificate.primal_residual, 0.0, 0.0)
            found = replace(found, certificate=proof)
        told = reached or (found.level < too_little and (found.only_prices or asked is None))
        memory.keep(Kept.of(scaled, key, found, found.only or told, not reached))
        any_will_do = told if probe else not found.only
        if basis is None or any_will_do or (found.only and found.only_prices):
            return found, iterations
    return None, iterations


def _answer(
    program: AllocationProgram,
    scaled: ScaledProgram,
    prices: Prices,
    level: float,
    x: Floats,
    worth: Certificate | None,
) -> Answer:
    groups = program.blocks.groups
    level = level * scaled.unit if scaled.has_level else math.nan
    objective = level if scaled.has_level else 0.0
    if program.reward is not None:
        alone = program.reward[:groups] * program.blocks.count[:, None]
        objective += float((alone * x[:groups]).sum())
        objective += float((program.reward[groups:] * x[groups:]).sum())
    proof = None
    if worth is not None:
        proof = worth.primal_residual, worth.dual_residual, worth.relative_gap
    return Answer(
        x,
        objective,
        level,
        np.maximum(prices.level, 0.0) * scaled.scale / scaled.worth,
        np.maximum(prices.workers, 0.0) / scaled.worth,
        proof,
    )


def _finish_time(
    program: FinishTimeProgram, gain: Floats | None, memory: ColumnMemory
) -> Found | None:
    """Search the ratio over level programs, each from the columns of the one before."""
    levels = finish_time_by_levels(program)
    step, iterations = next(levels), 0
    while True:
        found = _allocation(step, None, memory)
        if found is None:
            return None
        iterations += found[2]
        try:
            step = levels.send(found[0])
        except StopIteration as done:
            ratio: float = done.value.level
            break
    last = level_program(program, ratio)
    last = AllocationProgram(last.blocks, last.slope, last.floor, gain=last.gain)
    found = _allocation(last, gain, memory)
    if found is None:
        return None
    answer, proof, more = found
    # its optimum is 1 at the smallest ratio
    gap = max(proof.relative_gap, abs(answer.level - 1.0))
    answer.objective = answer.level = ratio
    proof = Certificate(proof.primal_residual, proof.dual_residual, gap)
    return (answer, proof, iterations + more) if proof.within(_PROVED) else None
