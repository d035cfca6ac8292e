"""The mechanism: owns the arrays of :mod:`simulator.layout` and has the compiled rounds work on them.

Priorities, deficits, choice, placement and accounts follow ``mechanism.md`` to the last bit. Time
passes inside :func:`simulator.rounds.run_rounds`, which comes back to Python only when the
allocation is due or more jobs must be drawn.
"""

from __future__ import annotations

import importlib
import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavel_opt import Allocation, ClusterState, GavelError, ThroughputTable, Traits
from simulator import layout as at
from simulator.cluster import Cluster
from simulator.workload import Workload


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What became of the jobs that have arrived, by job number (copies).

    Attributes
    ----------
    finish
        Seconds, NaN while it runs or if it was dropped.
    deadline, cost, dropped, busy, steps_left
        As in :class:`simulator.simulation.JobRecords`.
    """

    finish: np.ndarray
    deadline: np.ndarray
    cost: np.ndarray
    dropped: np.ndarray
    busy: np.ndarray
    steps_left: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What does not change in a run.

    Attributes
    ----------
    cluster, table, workload, traits
        Workers, throughputs by key, jobs, what the policy asks of the mechanism.
    window
        First measured job and one past the last; the run ends when they are done.
    seed
        The run's seed.
    round_seconds, between_resets
        Length of a round, least time between recomputations.
    prices
        Dollars per hour of each type, shape ``(J,)``.
    believed
        Throughputs of pairs as believed before they run, by belief key, shape ``(B, B, 2, J)``;
        None if the table's own are believed.
    """

    cluster: Cluster
    table: ThroughputTable
    workload: Workload
    traits: Traits
    window: tuple[int, int]
    seed: int
    round_seconds: float
    between_resets: float
    prices: np.ndarray
    believed: np.ndarray | None = None


class Mechanism:
    """Rounds of a cluster.

    Parameters
    ----------
    setting
        The run.
    """

    def __init__(self, setting: Setting) -> None:
        # Kernels load numba, which nothing needs before a run starts.
        self._rounds = importlib.import_module("simulator.rounds")
        self._collected: tuple[np.ndarray, ...] = ()
        cluster, workload = setting.cluster, setting.workload
        self._setting = setting
        self._types = types = len(cluster.worker_types)
        self._clock = np.zeros(at.CLOCK_SIZE)
        self._clock[at.ROUND_END] = np.nan
        self._clock[at.ROUND_SECONDS] = setting.round_seconds
        self._clock[at.BETWEEN_RESETS] = setting.between_resets
        count = self._count = np.zeros(at.COUNT_SIZE, dtype=np.int64)
        count[at.WINDOW_START], count[at.WINDOW_END] = setting.window
        count[at.WINDOW_LEFT] = setting.window[1] - setting.window[0]
        count[at.STALE] = 1
        count[at.PACKING] = setting.traits.packing
        count[at.SHUFFLES] = setting.traits.shuffles
        count[at.SKIPS_ZERO] = setting.traits.skips_zero_priority
        count[at.ORDER_STALE] = 1
        self._words = np.array(random.Random(setting.seed + 5).getstate()[1], dtype=np.int64)
        paired = setting.table.paired
        self._paired = _no_pairs(setting.table) if paired is None else paired
        self._believed = self._paired if setting.believed is None else setting.believed
        self._busy = np.zeros(cluster.total)
        self._holder = np.full(cluster.total, -1, dtype=np.int64)
        self._pools = np.zeros((2, cluster.total), dtype=np.int64)
        self._type_time = np.zeros(types)
        self._run_f = np.zeros((at.RUN_F_ROWS, cluster.total))
        self._run_i = np.zeros((at.RUN_I_ROWS, cluster.total), dtype=np.int64)
        self._chosen = np.zeros((types, cluster.total), dtype=np.int64)
        self._order = np.zeros((types, 0), dtype=np.int64)
        self._order_size = np.zeros(types, dtype=np.int64)
        self._entry_f = np.zeros((3 * types, 0))
        self._entry_i = np.zeros((at.ENTRY_ROWS, 0), dtype=np.int64)
        self._job_i = np.zeros((at.JOB_ROWS, 0), dtype=np.int64)
        self._steps_left = np.zeros(0)
        self._result = np.zeros((at.RESULT_ROWS, 0))
        self._metrics = np.zeros((0, at.METRIC_UTILIZATION + 1 + types))
        self._grow(64, 4 * cluster.total if setting.traits.packing else 0)
        workload.extend(1)
        self.take_jobs()

    # what to look at -------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether the window is done, and its last round accounted for."""
        return bool(self._count[at.WINDOW_LEFT] == 0 and self._count[at.AWAITING] == 0)

    @property
    def time(self) -> float:
        """Simulated seconds."""
        return float(self._clock[at.NOW])

    @property
    def rounds(self) -> int:
        """Rounds so far, those included in which nobody ran."""
        return int(self._count[at.PASSES])

    @property
    def active(self) -> int:
        """Jobs in the system."""
        return int(self._count[at.ACTIVE])

    @property
    def arrived(self) -> int:
        """Jobs that have arrived."""
        return int(self._count[at.ADMITTED])

    @property
    def completed(self) -> int:
        """Jobs that left, dropped ones included."""
        return int(self._count[at.COMPLETED])

    @property
    def window_left(self) -> int:
        """Jobs of the window that have not left."""
        return int(self._count[at.WINDOW_LEFT])

    @property
    def lease_extensions(self) -> int:
        """How often an entry kept its workers."""
        return int(self._count[at.EXTENSIONS])

    @property
    def lease_extension_opportunities(self) -> int:
        """How often it could have."""
        return int(self._count[at.OPPORTUNITIES])

    def utilization(self) -> float:
        """Mean over workers of busy time divided by time."""
        return float(np.mean(self._busy / self.time)) if self.time > 0 else 0.0

    def type_time(self) -> list[float]:
        """Time received on each worker type since the last reset, as fractions are taken of it."""
        times: list[float] = self._type_time.tolist()
        return times

    def results(self) -> Results:
        """What became of the jobs."""
        result = self._result[:, : self.arrived]
        steps_left = np.zeros(self.arrived)
        steps_left[self._job_i[at.NUMBER, : self.active]] = self._steps_left[: self.active]
        return Results(
            finish=result[at.RESULT_FINISH].copy(),
            deadline=result[at.RESULT_DEADLINE].copy(),
            cost=result[at.RESULT_COST].copy(),
            dropped=result[at.RESULT_DROPPED] > 0,
            busy=result[at.RESULT_BUSY].copy(),
            steps_left=steps_left,
        )

    def metrics(self) -> np.ndarray:
        """One row a round, columns as in the layout (a view)."""
        rows: np.ndarray = self._metrics[: self._count[at.RECORDED]]
        return rows

    def placements(self) -> list[tuple[int, int, int]]:
        """Who runs now: (job, partner or -1, worker) triples, in the order of placement."""
        pool = self._pools[self._count[at.PASSES] & 1]
        number = self._job_i[at.NUMBER]
        placed = []
        for entry, _, place in self._run_i[:, : self._count[at.RUNNING]].T.tolist():
            scale, first, second = self._entry_i[at.SCALE : at.SECOND + 1, entry].tolist()
            job = int(number[first])
            partner = int(number[second]) if second >= 0 else -1
            placed += [(job, partner, worker) for worker in pool[place : place + scale].tolist()]
        return placed

    # what to do ------------------------------------------------------------------------------

    def run(self, rounds: int) -> int:
        """Run at most ``rounds`` rounds; returns an outcome of :mod:`simulator.layout`."""
        while True:
            used = int(self._count[at.RECORDED])
            if used >= len(self._metrics):
                self._make_metrics_room()
            before = self.rounds
            outcome: int = self._rounds.run_rounds(
                min(rounds, len(self._metrics) - used), *self._arguments()
            )
            rounds -= self.rounds - before
            if outcome == at.MORE_PAIRS:
                self._grow(self._base, 2 * self._pair_room)
            elif outcome != at.ENOUGH or rounds <= 0:
                return outcome

    def _arguments(self) -> tuple[np.ndarray, ...]:
        """What the rounds work on, collected again only after an array has been replaced."""
        if not self._collected:
            setting = self._setting
            self._collected = (
                self._clock,
                self._count,
                setting.cluster.workers,
                setting.cluster.visit_order,
                self._words,
                self._arrival,
                self._key,
                self._scale,
                self._steps,
                self._allowance,
                self._belief,
                self._result,
                self._entry_f,
                self._entry_i,
                self._job_i,
                self._steps_left,
                self._table,
                self._order,
                self._order_size,
                self._chosen,
                self._run_f,
                self._run_i,
                self._pools,
                self._holder,
                self._busy,
                self._type_time,
                setting.prices,
                setting.table.alone,
                self._paired,
                self._believed,
                self._metrics,
                self._spare_f,
                self._spare_i,
            )
        return self._collected

    def take_jobs(self) -> None:
        """Take notice of the jobs that the workload has come to know."""
        self._collected = ()
        workload = self._setting.workload
        jobs = workload.jobs
        self._arrival, self._key, self._scale = (
            jobs.arrival,
            jobs.key,
            jobs.scale_factor,
        )
        self._steps, self._weight, self._entity = jobs.steps, jobs.weight, jobs.entity
        self._allowance = jobs.slo * jobs.duration
        self._belief = jobs.key if self._setting.believed is None else jobs.belief
        self._count[at.KNOWN] = jobs.size
        self._count[at.ALL_KNOWN] = workload.limit is not None and jobs.size >= workload.limit
        known = self._result.shape[1]
        if jobs.size > known:
            self._result = _wider(self._result, max(jobs.size, 2 * known))
            self._result[at.RESULT_FINISH, known:] = np.nan
            self._result[at.RESULT_DEADLINE, known:] = np.nan
        needed = self.active + jobs.size - self.arrived
        if needed > self._base:
            self._grow(max(needed, 2 * self._base), self._pair_room)

    def close_books(self) -> None:
        """Settle deficits and start the times since the last reset afresh."""
        self._rounds.close_books(
            self._clock,
            self._count,
            self._entry_f,
            self._entry_i,
            self._base,
            self._type_time,
            self._spare_i,
        )

    def state(self, prices: np.ndarray | None) -> ClusterState:
        """What the policy may see now."""
        setting = self._setting
        n = self.active
        job = self._job_i[at.NUMBER, :n].copy()
        now = self._clock[at.NOW]
        deadline = None
        if setting.traits.needs_deadlines:
            deadline = self._result[at.RESULT_DEADLINE, job] - now
            deadline[np.isnan(deadline)] = np.inf
        return ClusterState(
            worker_types=setting.cluster.worker_types,
            workers=setting.cluster.workers,
            throughputs=setting.table,
            job=job,
            key=self._job_i[at.KEY, :n].copy(),
            scale_factor=self._entry_i[at.SCALE, :n].copy(),
            weight=self._weight[job],
            steps_left=self._steps_left[:n].copy(),
            age=now - self._arrival[job],
            deadline=deadline,
            entity=self._entity[job],
            prices=prices,
        )

    def allocate(self, allocation: Allocation | None) -> None:
        """Put an allocation into force; None gives nobody anything."""
        count, types, n, base = self._count, self._types, self.active, self._base
        shares = self._entry_f[:types, :n]
        allocated = self._job_i[at.ALLOCATED, :n]
        number = self._job_i[at.NUMBER, :n]
        pairs = int(count[at.PAIRS])
        if pairs:
            self._entry_f[:types, base : base + pairs] = 0.0
        if allocation is None or allocation.job.size == 0:
            shares[:] = 0.0
            allocated[:] = 0
        elif allocation.job.size == n and (allocation.job == number).all():
            shares[:] = allocation.x.T
            allocated[:] = 1
        else:
            shares[:] = 0.0
            allocated[:] = 0
            slots = np.searchsorted(number, allocation.job)
            if slots[-1] >= n or np.any(number[slots] != allocation.job):
                raise GavelError("an allocation names a job that is not active")
            shares[:, slots] = allocation.x.T
            allocated[slots] = 1
        if allocation is not None and allocation.pair.size:
            self._give_pairs(allocation)
        count[at.ORDER_STALE] = 1
        count[at.STALE] = 0

    def _give_pairs(self, allocation: Allocation) -> None:
        if not self._setting.traits.packing:
            raise GavelError("an allocation of pairs from a policy that does not pack")
        needed = int(self._count[at.PAIRS]) + len(allocation.pair)
        if needed > self._pair_room:
            self._grow(self._base, 2 * needed)
        known = self._rounds.give_pairs(
            np.ascontiguousarray(allocation.pair),
            np.ascontiguousarray(allocation.pair_x),
            self._clock[at.ROUND_SECONDS] / 2.0,
            self._count,
            self._entry_f,
            self._entry_i,
            self._job_i,
            self._table,
            self._believed,
        )
        if not known:
            raise GavelError("an allocation names a pair of jobs that are not both active")

    # put down and take up --------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as arrays."""
        count, base = self._count, self._base
        n, pairs, running = (
            int(count[at.ACTIVE]),
            int(count[at.PAIRS]),
            int(count[at.RUNNING]),
        )
        run_i = self._run_i[:, :running].copy()
        # Pairs are written as -1 - index: where they start depends on the capacity for jobs.
        entry = run_i[at.RUN_ENTRY]
        entry[:] = np.where(entry < base, entry, base - 1 - entry)
        return {
            "clock": self._clock.copy(),
            "count": count.copy(),
            "words": self._words.copy(),
            "busy": self._busy.copy(),
            "holder": self._holder.copy(),
            "pools": self._pools.copy(),
            "type_time": self._type_time.copy(),
            "run_f": self._run_f[:, :running].copy(),
            "run_i": run_i,
            "order_size": self._order_size.copy(),
            "order": np.where(self._order < base, self._order, base - 1 - self._order)[
                :, : int(self._order_size.max())
            ],
            "jobs_f": self._entry_f[:, :n].copy(),
            "jobs_i": self._entry_i[:, :n].copy(),
            "pairs_f": self._entry_f[:, base : base + pairs].copy(),
            "pairs_i": self._entry_i[:, base : base + pairs].copy(),
            "job_i": self._job_i[:, :n].copy(),
            "steps_left": self._steps_left[:n].copy(),
            "result": self._result[:, : self._setting.workload.jobs.size].copy(),
            "metrics": self.metrics().copy(),
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave; the workload must have been restored before."""
        for name in ("clock", "count", "words", "busy", "holder", "pools", "type_time"):
            getattr(self, f"_{name}")[:] = memory[name]
        self._order_size[:] = memory["order_size"]
        self._count[at.HASH_FRESH] = 0
        self._result = np.array(memory["result"], dtype=np.float64)
        self._metrics = np.array(memory["metrics"], dtype=np.float64)
        n, pairs = memory["jobs_f"].shape[1], memory["pairs_f"].shape[1]
        self.take_jobs()
        if pairs > self._pair_room:
            self._grow(self._base, 2 * pairs)
        base = self._base
        self._entry_f[:, :n] = memory["jobs_f"]
        self._entry_i[:, :n] = memory["jobs_i"]
        self._entry_f[:, base : base + pairs] = memory["pairs_f"]
        self._entry_i[:, base : base + pairs] = memory["pairs_i"]
        self._job_i[:, :n] = memory["job_i"]
        self._steps_left[:n] = memory["steps_left"]
        running, listed = memory["run_f"].shape[1], memory["order"].shape[1]
        self._run_f[:, :running] = memory["run_f"]
        self._run_i[:, :running] = memory["run_i"]
        order = np.asarray(memory["order"])
        self._order[:, :listed] = np.where(order >= 0, order, base - 1 - order)
        entry = self._run_i[at.RUN_ENTRY, :running]
        entry[:] = np.where(entry >= 0, entry, base - 1 - entry)

    # -----------------------------------------------------------------------------------------

    @property
    def _base(self) -> int:
        """Capacity for jobs: the column of the first pair."""
        return self._job_i.shape[1]

    @property
    def _pair_room(self) -> int:
        return self._entry_i.shape[1] - self._base

    def _make_metrics_room(self) -> None:
        self._collected = ()
        self._metrics = _wider(self._metrics.T, max(1024, 2 * len(self._metrics))).T.copy()

    def _admit_jobs(self) -> None:
        self._rounds.admit(
            self._clock,
            self._count,
            self._entry_f,
            self._entry_i,
            self._job_i,
            self._steps_left,
            self._arrival,
            self._key,
            self._scale,
            self._steps,
            self._allowance,
            self._belief,
            self._setting.table.alone,
            self._result,
        )

    def _grow(self, jobs: int, pairs: int) -> None:
        """Make room for so many jobs and pairs; entries keep their figures, pairs move along."""
        self._collected = ()
        base, old_pairs = self._base, self._pair_room
        for name in ("_entry_f", "_entry_i"):
            old = getattr(self, name)
            new = np.zeros((old.shape[0], jobs + pairs), dtype=old.dtype)
            new[:, :base] = old[:, :base]
            new[:, jobs : jobs + old_pairs] = old[:, base:]
            setattr(self, name, new)
        shift = jobs - base
        self._run_i[at.RUN_ENTRY][self._run_i[at.RUN_ENTRY] >= base] += shift
        self._order[self._order >= base] += shift
        self._order = _wider(self._order, jobs + pairs)
        self._job_i = _wider(self._job_i, jobs)
        self._steps_left = _wider(self._steps_left[None], jobs)[0]
        self._table = np.full(1 << int(2 * pairs).bit_length(), -1, dtype=np.int64)
        self._count[at.HASH_FRESH] = 0
        width = jobs + pairs + self._busy.size + len(self._paired)
        self._spare_f = np.zeros((4, width))
        self._spare_i = np.zeros((3, width), dtype=np.int64)


def _no_pairs(table: ThroughputTable) -> np.ndarray:
    keys, types = table.alone.shape
    return np.zeros((keys, keys, 2, types))


def _wider(array: np.ndarray, columns: int) -> np.ndarray:
    """Copy a two-dimensional array into one with more columns, zero where new."""
    wide = np.zeros((array.shape[0], columns), dtype=array.dtype)
    wide[:, : array.shape[1]] = array
    return wide
