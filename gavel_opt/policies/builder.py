r"""A small builder of allocation programs, in the paper's terms (sections 3.1 and 4).

Everything is said job by job; grouping identical jobs, pairs of groups and the layout that engines take
are its own business. A program has *one* objective, a smallest level or a sum:

.. math::

    \max\ t\quad\text{or}\quad \max \sum_m w_m\, \text{throughput}(m, x)
    \qquad\text{s.t.}\qquad \text{level}_m \ge \text{floor}_m + \text{slope}_m\, t

with :math:`\text{level}_m = \text{factor}_m\, \text{throughput}(m, x)`, the constraints that all policies
share, and rows of its own, :math:`l \le \sum_{mj} a_{mj} x_{mj} \le u`.

In a policy::

    def programs(self, state, merge):
        program = ProgramBuilder(state)
        program.maximise_smallest(factor=1.0 / program.throughput_on(program.equal_share))
        return (yield from program.solve(merge))
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import InputError, unknown_name
from gavel_opt.model.allocation_program import (
    Allocation,
    AllocationProgram,
    Answer,
    Limits,
    best_rates,
)
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.groups import Groups, group_jobs
from gavel_opt.policies.packing import pair_blocks
from gavel_opt.policies.shares import isolated_share, proportional_share
from gavel_opt.policies.variants import blocks_of

_COUNTS = {"once": 1.0, "twice": 2.0}


class ProgramBuilder:
    """An allocation program in the making.

    Parameters
    ----------
    state
        The cluster now.
    pairs
        Whether pairs of jobs may share workers (space sharing); the policy's traits must say
        ``packing`` as well.
    throughput
        What the program takes for steps per second, shape ``(n, J)``; the measured ones by default. Without
        pairs only.

    Attributes
    ----------
    throughput
        Steps per second of each job alone, shape ``(n, J)``.
    equal_share
        Time on each type in proportion to its workers, shape ``(n, J)`` (section 4.1).
    isolated_share
        An even split of the cluster, shape ``(n, J)`` (section 4.2); always feasible.

    Raises
    ------
    InputError
        From each method, naming the row and the job, for a shape or a value that does not fit.
    """

    def __init__(
        self, state: ClusterState, pairs: bool = False, throughput: ArrayLike | None = None
    ) -> None:
        self._state = state
        self._pairs = pairs
        self._measured = throughput is None
        if pairs and throughput is not None:
            raise InputError("throughput: cannot be given with pairs, which are as measured")
        self.throughput: Floats = (
            state.throughputs.alone[state.key]
            if throughput is None
            else self._table("throughput", throughput)
        )
        jobs = state.job.size
        self.equal_share: Floats = np.tile(proportional_share(state.workers, jobs), (jobs, 1))
        self.isolated_share: Floats = isolated_share(state.workers, state.scale_factor)
        self._factor = np.ones(jobs)
        self._slope = np.zeros(jobs)
        self._floor = np.full(jobs, -np.inf)
        self._gain: Floats | None = None
        self._weight: Floats | None = None
        self._cost = np.ones(state.workers.size)
        self._limits: list[tuple[str, Floats, float, float, float]] = []

    def throughput_on(self, share: ArrayLike) -> Floats:
        """Steps per second of each job on a share of time by type, shape ``(n,)``."""
        speed: Floats = (self.throughput * self._table("share", share)).sum(axis=1)
        return speed

    def maximise_smallest(
        self, factor: ArrayLike = 1.0, slope: ArrayLike = 1.0, floor: ArrayLike = 0.0
    ) -> None:
        """Maximise t, where the level of each job is at least ``floor + slope * t``.

        Parameters
        ----------
        factor
            Level of a job per step and second: ``1 / throughput_on(equal_share)`` normalises. A job whose
            factor is 0 or infinite (it has no weight, or no steps left) takes no part.
        slope
            How fast the job's level rises with t; 0 for a job that takes no part.
        floor
            Level at t = 0.
        """
        factor = np.asarray(factor, dtype=np.float64)
        self._factor = self._per_job("factor", np.where(factor == np.inf, 0.0, factor), least=0.0)
        self._slope = self._per_job("slope", slope, least=0.0)
        self._floor = self._per_job("floor", floor)
        self._floor[self._factor == 0.0] = -np.inf
        self._slope[self._factor == 0.0] = 0.0
        if not self._slope.any():
            raise InputError("slope: is 0 for all jobs, so there is nothing to maximise")

    def maximise_sum(self, weight: ArrayLike = 1.0, cost: ArrayLike = 1.0) -> None:
        """Maximise the sum of weighted throughputs, divided by the cost of each worker type."""
        self._weight = self._per_job("weight", weight)
        cost = np.asarray(cost, dtype=np.float64)
        self._cost = np.broadcast_to(cost, self._cost.shape).copy() if cost.ndim < 2 else cost
        if self._cost.shape != (self._state.workers.size,) or not (self._cost > 0.0).all():
            raise InputError(f"cost: expected a positive number for each worker type, got {cost}")

    def at_least(self, throughput: ArrayLike) -> None:
        """Every job has at least this many steps per second; 0 for a job without such a row.

        Raises
        ------
        InputError
            Naming the job that could not have it if it had the cluster to itself.
        """
        needed = self._per_job("at_least", throughput, least=0.0)
        rows: Bools = needed > 0.0
        clash = rows & (self._slope > 0.0)
        if clash.any():
            raise self._wrong("at_least", clash, needed, "a job with a slope: use its floor")
        self._floor[rows] = needed[rows] * self._factor[rows]

    def worth(self, gain: ArrayLike) -> None:
        """Say what a unit of each job's level is worth where the efficient optimum is asked for."""
        self._gain = self._per_job("gain", gain, least=0.0)

    def limit(
        self,
        name: str,
        coefficient: ArrayLike,
        at_most: float = np.inf,
        at_least: float = -np.inf,
        pair_counts: Literal["once", "twice"] = "once",
    ) -> None:
        """Add a row: ``at_least <= sum of coefficient * time <= at_most``.

        Parameters
        ----------
        name
            For messages.
        coefficient
            Of each job's time on each type, shape ``(n, J)``; of a job on all types alike ``(n, 1)``; of
            the types alike for all jobs ``(J,)``.
        at_most, at_least
            Bounds.
        pair_counts
            Whether the time of a pair counts once, by the mean of its jobs' coefficients (workers, power),
            or for each of its jobs (time that jobs run).
        """
        table = self._table(name, coefficient)
        if not at_least <= at_most:
            raise InputError(f"row {name!r}: at least {at_least} and at most {at_most} cross")
        if any(name == other for other, *_ in self._limits):
            raise InputError(f"row {name!r}: there is one of that name already")
        if pair_counts not in _COUNTS:
            raise unknown_name(f"pair_counts of row {name!r}", pair_counts, _COUNTS)
        sides = _COUNTS[pair_counts]
        most = float(np.maximum(table.max(axis=1, initial=0.0), 0.0).sum())
        least = float(np.minimum(table.min(axis=1, initial=0.0), 0.0).sum())
        if at_least > most or at_most < least:
            raise InputError(
                f"row {name!r}: expected {at_least:g} to {at_most:g}, but the jobs' time can only make "
                f"it {least:g} to {most:g}"
            )
        self._limits.append((name, table, float(at_least), float(at_most), sides))

    def solve(self, merge: bool) -> Generator[AllocationProgram, Answer, Allocation]:
        """Yield the program, and return the allocation of its answer."""
        program, groups = self.build(merge)
        answer = yield program
        return groups.spread(self._state.job, answer, program.blocks.pairs)

    def build(self, merge: bool) -> tuple[AllocationProgram, Groups]:
        """Make the program; with ``merge`` jobs that agree in everything said of them are a group.

        Raises
        ------
        InputError
            Naming a row that cannot be met by any allocation.
        """
        state = self._state
        if self._weight is None and not self._slope.any():
            raise InputError("nothing to maximise: call maximise_smallest or maximise_sum")
        groups = group_jobs(merge, *self._columns())
        first = groups.first
        factor = self._factor[first]
        pairs = pair_blocks(state, groups, factor, merge) if self._pairs else None
        blocks = blocks_of(state, groups, self.throughput[first] * factor[:, None], pairs)
        floor = self._floor[first]
        self._require_in_reach(floor, best_rates(blocks), first)
        limits = None
        if self._limits:
            names, given, lower, upper, sides = zip(*self._limits, strict=True)
            tables = np.stack([table[first] for table in given])
            if pairs is not None:
                counts = np.array(sides)[:, None, None]
                of_pairs = tables[:, pairs.member].mean(axis=2) * counts
                tables = np.concatenate([tables, of_pairs], axis=1)
            limits = Limits(names, tables, np.array(lower), np.array(upper))
        reward: Floats | None = None
        if self._weight is not None:
            weight = self._weight[first]
            reward = self.throughput[first] * weight[:, None] / self._cost
            if pairs is not None:
                raw = pair_blocks(state, groups, np.ones(first.size), merge).rate
                of_both = (raw * weight[pairs.member][:, :, None]).sum(axis=1) / self._cost
                reward = np.concatenate([reward, of_both])
        gain = None if self._gain is None else self._gain[first]
        slope = self._slope[first]
        return AllocationProgram(blocks, slope, floor, reward, gain, limits=limits), groups

    def _columns(self) -> list[Floats | Ints]:
        """What tells jobs apart."""
        state = self._state
        columns: list[Floats | Ints] = [state.scale_factor, self._factor, self._slope]
        columns += [np.nan_to_num(self._floor, neginf=-1e300)]
        columns += [state.key] if self._measured else list(self.throughput.T)
        columns += [given for given in (self._weight, self._gain) if given is not None]
        for _, table, *_ in self._limits:
            columns += [column for column in table.T if np.ptp(column) > 0.0]
        return columns

    def _require_in_reach(self, floor: Floats, most: Floats, first: Ints) -> None:
        missed = np.flatnonzero(floor > most * (1.0 + 1e-9))
        if missed.size:
            group = missed[0]
            raise InputError(
                f"floor of job {self._state.job[first[group]]} is a level of {floor[group]:g}, but it "
                f"reaches {most[group]:g} at most, with all of its time where it is fastest"
            )

    def _per_job(self, row: str, values: ArrayLike, least: float = -np.inf) -> Floats:
        array = np.asarray(values, dtype=np.float64)
        n = self._state.job.size
        if array.ndim > 1 or (array.ndim == 1 and array.size != n):
            raise InputError(
                f"{row}: has shape {array.shape}, expected ({n},), a value for each job"
            )
        array = np.broadcast_to(array, n).copy()
        good: Bools = (array >= least) & (array < np.inf)
        if not good.all():
            expected = "a number" if least == -np.inf else f"{least:g} or more"
            raise self._wrong(row, ~good, array, expected)
        return array

    def _wrong(self, row: str, wrong: Bools, values: Floats, expected: str) -> InputError:
        at = int(np.flatnonzero(wrong)[0])
        return InputError(
            f"{row}: of job {self._state.job[at]} is {values[at]:g}, expected {expected}"
        )

    def _table(self, row: str, values: ArrayLike) -> Floats:
        array = np.asarray(values, dtype=np.float64)
        n, types = self._state.job.size, self._state.workers.size
        try:
            table: Floats = np.broadcast_to(array, (n, types)).copy()
        except ValueError:
            raise InputError(
                f"row {row!r}: has shape {array.shape}, expected ({n}, {types}), "
                "a value for each job and worker type"
            ) from None
        if not np.isfinite(table).all():
            at, kind = np.argwhere(~np.isfinite(table))[0]
            raise InputError(
                f"row {row!r}: of job {self._state.job[at]} on {self._state.worker_types[kind]!r} is "
                f"{table[at, kind]}, expected a number"
            )
        return table
