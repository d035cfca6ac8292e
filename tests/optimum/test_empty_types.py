"""Worker types without workers: the answer is that of the program without them, to the bit, and its prices prove the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from programs import finish_time, makespan, max_min, plain, throughput_sum, water_stage, with_pairs

from gavel_opt.model.allocation_program import AllocationProgram, ProductProgram
from gavel_opt.model.recertified import recertify
from gavel_opt.solver.optimum import PROVED, optimum
from gavel_opt.solver.product_optimum import product_optimum

KINDS = [max_min, plain, makespan, throughput_sum, water_stage, finish_time]


def with_an_empty_type(program, at, seed):
    """The same with a type on which all run ten times as fast, but of which there is no worker."""
    blocks = program.blocks
    rng = np.random.default_rng(seed)

    def more(table, factor=10.0):
        fast = factor * table.max(axis=-1) * rng.uniform(0.5, 1.0, table.shape[:-1])
        return np.insert(table, at, fast, axis=-1)

    pairs = blocks.pairs
    if pairs is not None:
        pairs = replace(pairs, rate=more(pairs.rate))
    wide = replace(
        blocks, rate=more(blocks.rate), workers=np.insert(blocks.workers, at, 0.0), pairs=pairs
    )
    if isinstance(program, AllocationProgram) and program.reward is not None:
        return replace(program, blocks=wide, reward=more(program.reward))
    if isinstance(program, ProductProgram) and program.near is not None:
        near = np.insert(program.near[0], at, 0.0, axis=1), np.insert(program.near[1], at, 9.0)
        return replace(program, blocks=wide, near=near)
    return replace(program, blocks=wide)


def same(found, expected, at):
    assert not found.x[:, at].any()
    np.testing.assert_array_equal(np.delete(found.x, at, axis=1), expected.x)
    np.testing.assert_array_equal(found.level_dual, expected.level_dual)
    np.testing.assert_array_equal(np.delete(found.capacity_dual, at), expected.capacity_dual)


@pytest.mark.parametrize("tie_break", ["canonical", "efficient"])
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_it_is_as_if_the_type_were_not_there(kind, seed, paired, tie_break):
    program = with_pairs(kind(seed), seed) if paired else kind(seed)
    at = seed % (program.blocks.types + 1)
    wide = with_an_empty_type(program, at, seed)
    expected, proof, _ = optimum(program, tie_break)
    found, certificate, _ = optimum(wide, tie_break)
    assert certificate == proof
    same(found, expected, at)
    proven, of_part = recertify(wide, found), recertify(program, expected)
    assert proven is not None
    assert of_part is not None
    assert proven[1].relative_gap == pytest.approx(of_part[1].relative_gap, rel=1e-6, abs=PROVED)


@pytest.mark.parametrize("seed", range(4))
def test_products_too(seed):
    program = ProductProgram(max_min(seed).blocks)
    at = seed % (program.blocks.types + 1)
    expected, proof = product_optimum(program)
    found, certificate = product_optimum(with_an_empty_type(program, at, seed))
    assert certificate == proof
    same(found, expected, at)
    near = replace(program, near=(expected.x, expected.capacity_dual))
    found, _ = product_optimum(with_an_empty_type(near, at, seed))
    same(found, product_optimum(near)[0], at)
