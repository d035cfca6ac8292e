"""Random allocation programs of every kind, and their optimum by HiGHS."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gavel_opt.engines.highs import Highs
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
    PairBlocks,
)
from gavel_opt.model.finish_time import finish_time_by_levels
from gavel_opt.model.lowering import lift_answer, lower


def max_min(seed, groups=None, types=3):
    """Max-min fairness with counts, scale factors and weights, idle to contended."""
    rng = np.random.default_rng(seed)
    groups = groups or int(rng.integers(1, 30))
    rate = rng.uniform(0.2, 3.0, (groups, types)) * rng.choice([0.2, 1.0, 8.0], groups)[:, None]
    rate[rng.random(rate.shape) < 0.05] = 0.0
    rate[np.arange(groups), rng.integers(0, types, groups)] += 0.3
    count = rng.integers(1, 5, groups)
    use = count * rng.choice([1.0, 2.0, 4.0, 8.0], groups)
    load = rng.choice([0.3, 0.8, 1.0, 2.0, 5.0])
    workers = np.maximum(1.0, np.round(rng.uniform(0.5, 1.5, types) * use.sum() / types / load))
    blocks = Blocks(rate, use, count, workers, of_job=np.repeat(np.arange(groups), count))
    return AllocationProgram(blocks, np.ones(groups), np.zeros(groups))


def plain(seed):
    """All rates of a group alike: as degenerate as policies get."""
    program = max_min(seed)
    blocks = program.blocks
    rate = np.repeat(blocks.rate.max(axis=1)[:, None], blocks.types, axis=1)
    return replace(program, blocks=replace(blocks, rate=rate))


def makespan(seed):
    """Slopes over six orders of magnitude."""
    program = max_min(seed)
    rng = np.random.default_rng(seed + 1)
    return replace(program, slope=10.0 ** rng.uniform(1, 7, program.slope.size))


def throughput_sum(seed):
    """A reward, no level, floors that can be met."""
    program = max_min(seed)
    rng = np.random.default_rng(seed + 1)
    blocks = program.blocks
    share = blocks.workers / max(blocks.use.sum(), blocks.workers.sum())
    reached = blocks.rate @ share
    floor = np.where(rng.random(blocks.groups) < 0.3, 0.9 * reached, -np.inf)
    reward = blocks.rate * rng.uniform(0.1, 2.0, blocks.types)
    return AllocationProgram(blocks, np.zeros(blocks.groups), floor, reward)


def water_stage(seed):
    """A later stage of water filling: some groups held at the level of the first stage."""
    program = max_min(seed)
    level = highs(program).level
    rng = np.random.default_rng(seed + 1)
    done = rng.random(program.slope.size) < 0.5
    done[0] = False
    floor = np.full(done.size, level * (1.0 - 1e-8))
    return replace(program, slope=np.where(done, 0.0, 1.0), floor=floor)


def finish_time(seed):
    """Finish-time fairness with ages around and beyond the isolated times."""
    program = max_min(seed)
    rng = np.random.default_rng(seed + 1)
    groups = program.slope.size
    steps = 10.0 ** rng.uniform(3, 7, groups)
    isolated = steps / (program.blocks.rate.max(axis=1) * rng.uniform(0.2, 0.9, groups))
    isolated += rng.uniform(0, 1e5, groups)
    return FinishTimeProgram(program.blocks, rng.uniform(0, 1.5e5, groups), steps, isolated)


def with_pairs(program, seed):
    """Pairs of groups of equal scale factor, also of a group with itself; some run nowhere."""
    rng = np.random.default_rng(seed + 2)
    blocks = program.blocks
    scale = blocks.use / blocks.count
    likely = rng.random((scale.size, scale.size)) < rng.uniform(0.2, 1.0)
    a, b = np.nonzero(np.tri(scale.size, dtype=bool).T & (scale[:, None] == scale) & likely)
    keep = (a != b) | (blocks.count[a] > 1)
    a, b = a[keep], b[keep]
    beside = rng.uniform(0.3, 0.95, (a.size, 2, 3))
    beside[a == b, 1] = beside[a == b, 0]
    beside[rng.random(a.size) < 0.3] = 0.0
    pairs = PairBlocks(
        np.stack([a, b], axis=1),
        np.stack([blocks.rate[a], blocks.rate[b]], axis=1) * beside,
        1.0 / np.stack([blocks.count[a], blocks.count[b]], axis=1),
        scale[a],
    )
    changes = {"blocks": replace(blocks, pairs=pairs)}
    if getattr(program, "reward", None) is not None:
        changes["reward"] = np.concatenate([program.reward, rng.uniform(0, 1.5, (a.size, 3))])
    return replace(program, **changes)


KINDS = {
    "max-min": max_min,
    "plain": plain,
    "makespan": makespan,
    "throughput sum": throughput_sum,
    "water filling": water_stage,
    "finish time": finish_time,
    "max-min packed": lambda seed: with_pairs(max_min(seed), seed),
    "throughput sum packed": lambda seed: with_pairs(throughput_sum(seed), seed),
    "finish time packed": lambda seed: with_pairs(finish_time(seed), seed),
}


def highs(program) -> Answer:
    """The optimum by HiGHS on the general program."""
    if isinstance(program, AllocationProgram):
        answer = lift_answer(program, Highs().solve(lower(program)))
        assert answer is not None
        return answer
    steps = finish_time_by_levels(program)
    step = next(steps)
    while True:
        try:
            step = steps.send(highs(step))
        except StopIteration as done:
            return done.value


def slack(program, answer) -> float:
    """Smallest relative slack of all rows and bounds, computed here and only here."""
    blocks, x = program.blocks, answer.x
    groups = blocks.groups
    level = (blocks.rate * x[:groups]).sum(axis=1)
    time = x[:groups].sum(axis=1)
    used = blocks.use @ x[:groups]
    if blocks.pairs is not None:
        for (a, b), rate, share, use, y in zip(
            blocks.pairs.member,
            blocks.pairs.rate,
            blocks.pairs.share,
            blocks.pairs.use,
            x[groups:],
            strict=True,
        ):
            level[a] += share[0] * rate[0] @ y
            level[b] += share[1] * rate[1] @ y
            time[a] += share[0] * y.sum()
            time[b] += share[1] * y.sum()
            used += use * y
    if isinstance(program, FinishTimeProgram):
        need = program.steps / (answer.level * program.isolated - program.age)
    else:
        need = program.floor + (program.slope * answer.level if program.has_level else 0.0)
    asked = np.isfinite(need)
    level, need = level[asked], need[asked]
    return min(
        ((level - need) / (np.abs(need) + level + 1e-300)).min(initial=0.0),
        (1.0 - time).min(),
        ((blocks.workers - used) / blocks.workers).min(),
        x.min(),
    )
