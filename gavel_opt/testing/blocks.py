"""Allocation programs with known answers, for engines that take blocks as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gavel_opt.arrays import Floats
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Blocks,
    FinishTimeProgram,
    PairBlocks,
    Program,
)
from gavel_opt.model.solution import Status


@dataclass(frozen=True, slots=True, eq=False)
class KnownBlocks:
    """An allocation program and its answer.

    Attributes
    ----------
    name, about
        What it tests.
    make
        Makes the program.
    needs
        Capabilities beyond ``allocation``.
    status, objective, x
        The answer; ``x`` where it is unique.
    """

    name: str
    about: str
    make: Callable[[], Program]
    needs: tuple[str, ...] = ()
    status: Status = Status.OPTIMAL
    objective: float | None = None
    x: ArrayLike | None = None


def make_blocks(
    rate: ArrayLike,
    workers: ArrayLike,
    scale: ArrayLike = 1.0,
    count: ArrayLike = 1,
    pairs: PairBlocks | None = None,
) -> Blocks:
    """Blocks from plain numbers; ``use`` is scale factor times count."""
    rates = np.atleast_2d(np.asarray(rate, dtype=np.float64))
    groups = rates.shape[0]
    counts = np.broadcast_to(np.asarray(count, dtype=np.int64), (groups,)).copy()
    use: Floats = np.asarray(scale, dtype=np.float64) * counts.astype(np.float64)
    of_job = None if (counts == 1).all() else np.repeat(np.arange(groups), counts)
    return Blocks(rates, use, counts, np.asarray(workers, dtype=np.float64), pairs, of_job)


def _levels(blocks: Blocks, floor: ArrayLike = 0.0, slope: ArrayLike = 1.0) -> AllocationProgram:
    groups = blocks.groups
    return AllocationProgram(
        blocks,
        slope=np.broadcast_to(np.asarray(slope, dtype=np.float64), (groups,)).copy(),
        floor=np.broadcast_to(np.asarray(floor, dtype=np.float64), (groups,)).copy(),
    )


def _finish(blocks: Blocks, age: ArrayLike, steps: ArrayLike, isolated: ArrayLike) -> Program:
    return FinishTimeProgram(
        blocks,
        *(np.asarray(values, dtype=np.float64) for values in (age, steps, isolated)),
    )


def _pair() -> PairBlocks:
    return PairBlocks(
        member=np.array([[0, 1]]),
        rate=np.array([[[0.8], [0.8]]]),
        share=np.ones((1, 2)),
        use=np.ones(1),
    )


KNOWN_BLOCKS: list[KnownBlocks] = [
    KnownBlocks(
        "one_job_alone",
        "One job takes the whole of its time on the fastest type.",
        lambda: _levels(make_blocks([[1.0, 2.0, 4.0]], [1, 1, 1])),
        objective=4.0,
        x=[[0, 0, 1]],
    ),
    KnownBlocks(
        "equal_halves",
        "Two equal jobs share one worker.",
        lambda: _levels(make_blocks([[2.0], [2.0]], [1])),
        objective=1.0,
        x=[[0.5], [0.5]],
    ),
    KnownBlocks(
        "unequal_speeds",
        "The slower of two jobs gets more time, so that both progress alike.",
        lambda: _levels(make_blocks([[3.0], [1.0]], [1])),
        objective=0.75,
        x=[[0.25], [0.75]],
    ),
    KnownBlocks(
        "two_types_traded",
        "Each job runs where its advantage lies.",
        lambda: _levels(make_blocks([[4.0, 1.0], [1.0, 4.0]], [1, 1])),
        objective=4.0,
        x=[[1, 0], [0, 1]],
    ),
    KnownBlocks(
        "scale_factors",
        "A job on four workers at once beside one on one worker, four workers in all.",
        lambda: _levels(make_blocks([[1.0], [1.0]], [4], scale=[4.0, 1.0])),
        objective=0.8,
        x=[[0.8], [0.8]],
    ),
    KnownBlocks(
        "weights_as_slopes",
        "A slope of three asks for three times the level.",
        lambda: _levels(make_blocks([[1.0], [1.0]], [1]), slope=[3.0, 1.0]),
        objective=0.25,
        x=[[0.75], [0.25]],
    ),
    KnownBlocks(
        "floors",
        "A floor on one job's level comes first; the rest goes to the other.",
        lambda: _levels(make_blocks([[1.0], [1.0]], [1]), floor=[0.6, 0.0], slope=[0.0, 1.0]),
        objective=0.4,
        x=[[0.6], [0.4]],
    ),
    KnownBlocks(
        "impossible_floors",
        "Floors that the workers cannot meet.",
        lambda: _levels(make_blocks([[1.0], [1.0]], [1]), floor=0.6, slope=[0.0, 0.0]),
        needs=("distinguishes",),
        status=Status.INFEASIBLE,
    ),
    KnownBlocks(
        "no_speed_on_a_type",
        "A job that cannot run on one of the types.",
        lambda: _levels(make_blocks([[0.0, 1.0], [1.0, 1.0]], [1, 1])),
        objective=1.0,
        x=[[0, 1], [1, 0]],
    ),
    KnownBlocks(
        "rewards",
        "No level: the reward of every share counts.",
        lambda: AllocationProgram(
            make_blocks([[1.0, 2.0], [1.0, 5.0]], [1, 1]),
            slope=np.zeros(2),
            floor=np.full(2, -np.inf),
            reward=np.array([[1.0, 2.0], [1.0, 5.0]]),
        ),
        objective=6.0,
        x=[[1, 0], [0, 1]],
    ),
    KnownBlocks(
        "groups_of_jobs",
        "Three identical jobs as one group, and one other.",
        lambda: _levels(make_blocks([[1.0], [1.0]], [2], count=[3, 1])),
        needs=("grouping",),
        objective=0.5,
        x=[[0.5], [0.5]],
    ),
    KnownBlocks(
        "a_pair",
        "Two jobs run better beside each other than in turns.",
        lambda: _levels(make_blocks([[1.0], [1.0]], [1], pairs=_pair())),
        needs=("pairs",),
        objective=0.8,
        x=[[0], [0], [1]],
    ),
    KnownBlocks(
        "finish_time_alone",
        "A job alone finishes in half the time of its isolated share.",
        lambda: _finish(make_blocks([[10.0]], [1]), [0.0], [100.0], [20.0]),
        needs=("finish_time",),
        objective=0.5,
        x=[[1]],
    ),
    KnownBlocks(
        "finish_time_equal",
        "Two equal jobs on one worker finish as on their isolated shares.",
        lambda: _finish(make_blocks([[10.0], [10.0]], [1]), [0, 0], [100, 100], [20, 20]),
        needs=("finish_time",),
        objective=1.0,
        x=[[0.5], [0.5]],
    ),
    KnownBlocks(
        "finish_time_age",
        "The one that has waited gets more: 10 + 10 / x = 10 / (1 - x).",
        lambda: _finish(make_blocks([[10.0], [10.0]], [1]), [10, 0], [100, 100], [20, 20]),
        needs=("finish_time",),
        objective=(3.0 + np.sqrt(5.0)) / 4.0,
        x=[[(np.sqrt(5.0) - 1.0) / 2.0], [(3.0 - np.sqrt(5.0)) / 2.0]],
    ),
]
"""All of them, in the order in which they are run."""
