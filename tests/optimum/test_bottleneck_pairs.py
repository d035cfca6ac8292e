"""Packed programs whose level one job sets: the same centre as that of the path and of the face's columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from programs import finish_time, max_min, with_pairs

from gavel_opt.model.allocation_program import FinishTimeProgram
from gavel_opt.solver import optimum as optima
from gavel_opt.solver.optimum import optimum
from gavel_opt.solver.prices.bottleneck_pairs import (
    Pairs,
    _assemble,
    _reach,
    body_of,
    room_for,
)
from gavel_opt.solver.prices.cheapest_mix import Given, needs_of


def roomy(kind, seed):
    """A program with pairs in which no worker is short."""
    program = with_pairs(kind(seed), seed)
    blocks = program.blocks
    workers = np.full(blocks.types, 1.5 * blocks.use.sum())
    return replace(program, blocks=replace(blocks, workers=workers))


def at_bottleneck(program, memory=None):
    """What the method says itself; None where it leaves a program to others."""
    none, blocks = np.empty(0), program.blocks
    if isinstance(program, FinishTimeProgram):
        curve = none, none, program.age, program.steps, program.isolated
    else:
        curve = program.slope, program.floor, none, none, none
    given = Given(blocks.rate, blocks.use, blocks.count, blocks.workers, *curve)
    return optima._at_bottleneck(given, blocks, memory)


@pytest.mark.parametrize("kind", [max_min, finish_time])
def test_it_is_the_centre_of_the_path(kind, monkeypatch):
    found = 0
    for seed in range(40):
        program = roomy(kind, seed)
        slack = at_bottleneck(program)
        if slack is None:
            continue
        found += 1
        answer, certificate, _ = slack
        assert certificate.within(1e-10)
        with monkeypatch.context() as patch:
            patch.setattr(optima, "CENTRED_UP_TO", 0)
            other, proof, _ = optimum(program, "canonical")
        assert proof.within(1e-9)
        assert answer.level == pytest.approx(other.level, rel=1e-9)
        np.testing.assert_allclose(answer.x, other.x, rtol=1e-5, atol=1e-8)
    assert found >= 20


def test_short_workers_are_left_to_others():
    refused = 0
    for seed in range(15):
        program = with_pairs(max_min(seed), seed)
        blocks = program.blocks
        short = replace(program, blocks=replace(blocks, workers=0.02 * blocks.workers))
        answer, certificate, _ = optimum(short, "canonical")
        refused += at_bottleneck(short) is None
        assert certificate.within(1e-9)
        if (answer.capacity_dual > 1e-6).any():
            assert at_bottleneck(short) is None
    assert refused >= 10


def test_the_order_of_jobs_and_of_a_pairs_sides_does_not_matter():
    for seed in range(12):
        program = roomy(max_min, seed)
        blocks, pairs = program.blocks, program.blocks.pairs
        slack = at_bottleneck(program)
        if slack is None:
            continue
        turned = replace(
            pairs,
            member=pairs.member[:, ::-1],
            rate=pairs.rate[:, ::-1],
            share=pairs.share[:, ::-1],
        )
        other = at_bottleneck(replace(program, blocks=replace(blocks, pairs=turned)))
        np.testing.assert_allclose(slack[0].x, other[0].x, rtol=1e-9, atol=1e-12)


def test_near_ties_are_left_to_the_path():
    """Two types that are nearly alike for the job that sets the level: which it uses is not ours to say."""
    program = roomy(max_min, 3)
    blocks = program.blocks
    slowest = int(np.argmin((blocks.rate.max(axis=1) - program.floor) / program.slope))
    rate = blocks.rate.copy()
    rate[slowest] = rate[slowest].max()
    rate[slowest, 0] *= 1.0 + 1e-12
    near = replace(program, blocks=replace(blocks, rate=rate))
    assert at_bottleneck(near) is None
    assert optimum(near, "canonical")[1].within(1e-9)


def with_keys(program, key):
    """The program with keys for its groups, as policies give them."""
    return replace(program, blocks=replace(program.blocks, key=np.asarray(key)))


def test_prices_of_another_program_prove_a_contended_one_and_no_other():
    proved = 0
    for seed in range(12):
        program = with_pairs(max_min(seed), seed)
        key = 3 * np.arange(program.blocks.groups)[::-1] + 1
        workers = 0.02 * program.blocks.workers
        short = with_keys(replace(program, blocks=replace(program.blocks, workers=workers)), key)
        memory = optima.Memory()
        if at_bottleneck(short, memory) is not None or memory.ray is None:
            continue
        proved += 1
        first = memory.ray[1].copy()
        # other groups, in another order: what is known of the others goes with their keys
        other = with_keys(short, np.append(key[2:], [1000, 1001])[: key.size])
        assert at_bottleneck(other, memory) is None
        ray = np.zeros(first.size)
        optima._fill_ray(ray, key, key, first)
        np.testing.assert_array_equal(ray, first)
        # and where there is room the answer is the same to the bit
        roomy_one = with_keys(roomy(max_min, seed), key)
        memory.ray = key, first
        known, unknown = at_bottleneck(roomy_one, memory), at_bottleneck(roomy_one)
        assert (known is None) == (unknown is None)
        if known is not None:
            np.testing.assert_array_equal(known[0].x, unknown[0].x)
    assert proved >= 6


def test_prices_go_with_the_keys_of_groups():
    ray = np.zeros(2 * 3 + 2 + 1)
    old = np.array([1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 9.0])
    optima._fill_ray(ray, np.array([7, 5, 3]), np.array([3, 7]), old)
    np.testing.assert_array_equal(ray, [3.0, 4.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 9.0])
    none = np.zeros(2 * 3 + 2 + 2)
    optima._fill_ray(none, np.array([7, 5, 3]), np.array([3, 7]), old)
    assert not none.any()


@pytest.mark.parametrize("seed", range(8))
def test_equations_reach_as_far_as_pairs_do(seed):
    program = roomy(max_min, seed)
    blocks, none = program.blocks, np.empty(0)
    given = Given(
        blocks.rate,
        blocks.use,
        blocks.count,
        blocks.workers,
        program.slope,
        program.floor,
        none,
        none,
        none,
    )
    pairs, _ = optima._pairs_and_room(blocks)
    near = (
        np.abs(pairs.member[:, 0] - pairs.member[:, 1]) <= seed % 3
    )  # none, neighbours, the next but one
    pairs = Pairs(*(part[near] for part in pairs))
    own, t = needs_of(given)
    body = body_of(given, pairs, own, t, np.full(blocks.groups, -1))
    search = room_for(body)
    search.prices[: 2 * blocks.groups : 2], search.prices[1 : 2 * blocks.groups : 2] = 1.0, 100.0
    search.prices[2 * blocks.groups + 2 :] = 1.0
    assert _assemble(body, search)
    reach, kinds = _reach(body, search.step.size), 2 * blocks.groups + 2
    row, column = np.nonzero(np.triu(search.matrix)[:kinds, :kinds])
    assert (column < reach[row]).all()
    assert (np.diff(reach[:kinds]) >= 0).all()
    assert seed % 3 or (reach[:kinds] == np.arange(kinds) // 2 * 2 + 2).all()
