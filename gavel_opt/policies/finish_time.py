r"""Finish-time fairness (Themis; paper, section 4.2).

.. math::

    \min_x \max_m \frac{\text{age}_m + \text{steps}_m / \text{throughput}(m, x)}
                       {t^{\text{isolated}}_m + \text{steps}_m / \text{throughput}(m, x_m^{\text{isolated}})}

where :math:`t^{\text{isolated}}_m` is the time that the job would have taken under isolation for the
steps it has done so far: at each recomputation it grows by the steps done since the last one, divided
by the isolated throughput of then (there were other jobs then). One
:class:`~gavel_opt.model.allocation_program.FinishTimeProgram` a recomputation: a short sequence of linear programs
in the level rho, or one conic program where the engine takes it.

The plain variant uses the V100 column for every worker type, as the reference does. The packed variant
divides throughputs by the job's weight, as the reference does; the others know no weights.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from gavel_opt.arrays import Floats
from gavel_opt.kernels.isolation import finish_times
from gavel_opt.kernels.job_columns import PastColumns
from gavel_opt.model.allocation_program import (
    Allocation,
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
)
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.finish_time import finish_time_by_levels, level_program
from gavel_opt.model.one_program import OneProgram
from gavel_opt.policies.packing import ask_pools, pair_blocks, unmerged_rates
from gavel_opt.policies.policy import Policy, Programs
from gavel_opt.policies.variants import (
    AsWritten,
    ByVariant,
    Variant,
    blocks_of,
    group_equal,
    own_type,
    require_speed,
    serving,
)

POOLED_FROM = 64
"""Jobs from which pairs of types in place of pairs of jobs cost no more."""


class FinishTimeFairness(ByVariant):
    """Minimise the largest ratio of finish time to finish time under isolation."""

    def __init__(self, name: str, variant: Variant, seed: int = 0) -> None:
        super().__init__(name, variant)
        self._past = IsolatedTime()

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the one program, of the jobs that have steps left (and a weight, where weights count)."""
        times = self._past.advance(state, self.variant)
        if state.job.size == 0:
            return Allocation(state.job, np.zeros((0, state.workers.size)))
        require_speed(state, self.variant)
        served = state.steps_left > 0.0
        if self.traits.packing:
            served &= state.weight > 0.0

        def of(part: ClusterState) -> Programs:
            left = times if part is state else tuple(column[served] for column in times)
            speed, alone, past, isolated = left
            return self._of(part, speed, alone, past, isolated, merge)

        return (yield from serving(state, served, of))

    def _of(
        self,
        state: ClusterState,
        throughput: Floats,
        alone: Floats,
        past: Floats,
        isolated: Floats,
        merge: bool,
    ) -> Programs:
        if self.traits.packing and merge and state.job.size >= POOLED_FROM:
            return (yield from _pooled(state, throughput, isolated, alone))
        weight = (state.weight,) if self.traits.packing else ()
        columns = (state.key, state.scale_factor, state.age, past, *weight)
        groups = group_equal(merge, state.steps_left, *columns)
        first = groups.first if groups.merged else slice(None)
        rate, pairs = throughput[first], None
        if self.traits.packing and merge:
            factor = 1.0 / state.weight[groups.first]
            rate, pairs = rate * factor[:, None], pair_blocks(state, groups, factor, merge)
        elif self.traits.packing:
            one = np.ones(groups.first.size)
            rate, pairs = unmerged_rates(state, groups, rate, one, one)
        answer = yield FinishTimeProgram(
            blocks_of(state, groups, rate, pairs, by_need=True),
            age=state.age[first],
            steps=state.steps_left[first],
            isolated=isolated[first],
            gain=(state.weight[first] if self.traits.packing else 1.0) / alone[first],
        )
        return groups.spread(state.job, answer, pairs)

    def snapshot(self) -> dict[str, Any]:
        """Return the time under isolation of each job so far."""
        return self._past.snapshot()

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        self._past.restore(memory)


_is_as_here = AsWritten(FinishTimeFairness)


def known_past(policy: Policy, jobs: int) -> OneProgram | None:
    """The program of this module for engines that make it themselves; None for any other policy.

    As for :func:`gavel_opt.policies.max_min.known_variant`, and nothing may be odd about the state. Whoever
    solves the program brings the past up to date, as the program does that may be asked for afterwards.
    """
    if not _is_as_here(policy) or policy.variant == "packed":
        return None
    return OneProgram("finish-time", policy.variant == "plain", policy._past.with_room(jobs))


def _pooled(
    state: ClusterState, throughput: Floats, isolated: Floats, solo: Floats
) -> Generator[AllocationProgram, Answer, Allocation]:
    """Search the ratio over level programs in which jobs of one type are pooled.

    At a given ratio each job needs a certain level, so jobs of one type are a pool, whatever their weights. The
    search sees every job by itself: its level, and the price of its level, which is its pool's.
    """
    workers = state.workers.astype(np.float64)
    rate = throughput / state.weight[:, None]
    every = np.arange(state.job.size)
    whole = FinishTimeProgram(
        Blocks(rate, state.scale_factor.astype(np.float64), np.ones_like(every), workers),
        state.age,
        state.steps_left,
        isolated,
    )
    search = finish_time_by_levels(whole)
    fastest = rate.argmax(axis=1)
    apart = np.zeros(every.size, dtype=bool)
    step = next(search)
    while True:
        need = step.slope * state.weight
        found = yield from ask_pools(state, need, solo, apart, probe=True)
        pools, program, answer = found
        level = program.blocks.levels(answer.x)[pools.of_job] * step.slope
        price = (answer.level_dual / (pools.size * need[pools.first]))[pools.of_job] * state.weight
        as_if_alone = np.zeros_like(rate)
        as_if_alone[every, fastest] = level / rate[every, fastest]
        try:
            step = search.send(
                Answer(as_if_alone, answer.objective, answer.level, price, answer.capacity_dual)
            )
        except StopIteration as done:
            ratio: float = done.value.level
            break
    # what was asked at another ratio may have a vertex at the smallest one, and other optima that are not
    need = level_program(whole, ratio).slope * state.weight
    return (yield from ask_pools(state, need, solo, apart)).spread(state)


class IsolatedTime:
    """Time that each job would have taken under isolation for the steps it has done."""

    def __init__(self) -> None:
        self._columns = PastColumns.with_room(64)

    def with_room(self, jobs: int) -> PastColumns:
        """What is remembered, in columns that stay where they are as long as there is room for so many jobs."""
        old = self._columns
        if len(old.job) < jobs:
            self._columns = PastColumns.with_room(2 * jobs)
            self._remember(*self._known(old))
        return self._columns

    def _known(self, columns: PastColumns) -> tuple[np.ndarray, ...]:
        return tuple(column[: columns.size[0]] for column in columns[1:])

    def _remember(self, *columns: np.ndarray) -> None:
        self._columns.size[0] = count = columns[0].size
        for column, values in zip(self._columns[1:], columns, strict=True):
            column[:count] = values

    def advance(
        self, state: ClusterState, variant: Variant
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Add the steps done since the last call, at the isolated throughput of then.

        Returns
        -------
        speed, alone
            Steps per second by worker type as the variant sees them, and under isolation from now
            on, shapes ``(n, J)`` and ``(n,)``.
        past, isolated
            Seconds under isolation so far (0 for jobs seen first) and in all, shape ``(n,)``.
        """
        found = finish_times(
            state.throughputs.alone,
            state.key,
            state.scale_factor,
            state.workers,
            own_type(state, variant),
            state.job,
            state.steps_left,
            self.with_room(state.job.size),
        )
        _, alone, time, _ = found
        self._remember(state.job, state.steps_left, alone, time)
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return what it remembers."""
        job, steps, alone, time = (column.tolist() for column in self._known(self._columns))
        return {"job": job, "steps": steps, "alone": alone, "time": time}

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave."""
        columns = [np.array(memory[name]) for name in ("job", "steps", "alone", "time")]
        self.with_room(columns[0].size)
        self._remember(*columns)
