"""The mechanism: owns the arrays of :mod:`simulator.mechanism.layout` and has the compiled rounds work on them.

Priorities, deficits, choice, placement and accounts follow ``mechanism.md`` to the last bit. Time
passes inside :func:`simulator.mechanism.loop.run_rounds`, which comes back to Python only when the
allocation is due or more jobs must be drawn.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavel_opt import Allocation, ClusterState, GavelError, ThroughputTable, Traits
from simulator.mechanism import layout as at
from simulator.world.cluster import Cluster
from simulator.world.random_streams import stream
from simulator.world.workload import Workload


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What became of the jobs that have arrived, by job number (copies).

    Attributes
    ----------
    finish
        Seconds, NaN while it runs or if it was dropped.
    deadline, cost, dropped, busy, steps_left
        As in :class:`simulator.runs.simulation.JobRecords`.
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


_LENGTHS = {
    "jobs_f": at.SLOTS,
    "jobs_i": at.SLOTS,
    "taken": at.SLOTS,
    "pairs_f": at.PAIRS,
    "pairs_i": at.PAIRS,
    "run_f": at.RUNNING,
    "run_i": at.RUNNING,
    "metrics": at.RECORDED,
}
"""Arrays of a snapshot, and where it counts their rows."""


class Mechanism:
    """Rounds of a cluster.

    Parameters
    ----------
    setting
        The run.
    """

    def __init__(self, setting: Setting) -> None:
        # Kernels load numba, which nothing needs before a run starts.
        self._rounds = importlib.import_module("simulator.mechanism.loop")
        self._collected: tuple[np.ndarray, ...] = ()
        self._nobody = (
            np.zeros(0, dtype=np.int64),
            np.zeros((0, len(setting.cluster.worker_types))),
        )
        self._seen: np.ndarray | None = None
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
        self._counted = count.data
        self._words = stream(setting.seed + 5)
        paired = setting.table.paired
        self._paired = _no_pairs(setting.table) if paired is None else paired
        self._believed = self._paired if setting.believed is None else setting.believed
        self._alone = _whole_rounds(setting.table.alone, setting.round_seconds)
        self._layout = np.stack([cluster.workers, cluster.visit_order])
        self._type_f = np.stack([np.zeros(types), setting.prices], axis=1)
        self._busy = np.zeros(cluster.total)
        self._holder = np.full(cluster.total, -1, dtype=np.int64)
        self._pools = np.zeros((2, cluster.total), dtype=np.int64)
        self._run_f = np.zeros((cluster.total, at.RUN_F_COLUMNS))
        self._run_i = np.zeros((cluster.total, at.RUN_I_COLUMNS), dtype=np.int64)
        self._chosen = np.zeros((types, cluster.total + 1), dtype=np.int64)
        self._types_now = np.zeros(types, dtype=np.int64)
        self._chosen_size = np.zeros((types, 2), dtype=np.int64)
        self._moved = np.zeros((types, 2), dtype=np.int64)
        self._span = np.zeros((types, at.SPAN_COLUMNS), dtype=np.int64)
        self._bound = np.zeros((types, at.BOUND_COLUMNS))
        self._entry_f = np.zeros((0, _whole_lines(3 * types + at.JOB_COLUMNS)))
        self._entry_i = np.zeros((0, at.ENTRY_COLUMNS), dtype=np.int64)
        self._taken = np.zeros(0, dtype=np.int32)
        self._result = np.zeros((at.RESULT_ROWS, 0))
        self._metrics = np.zeros((0, at.METRIC_UTILIZATION + 1 + types))
        self._grow(64, 4 * cluster.total if setting.traits.packing else 0)
        workload.extend(1)
        self.take_jobs()

    # what to look at -------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether the window is done, and its last round accounted for."""
        return self._counted[at.WINDOW_LEFT] == 0 and self._counted[at.AWAITING] == 0

    @property
    def time(self) -> float:
        """Simulated seconds."""
        return float(self._clock[at.NOW])

    @property
    def rounds(self) -> int:
        """Rounds so far, those included in which nobody ran."""
        return self._counted[at.PASSES]

    @property
    def active(self) -> int:
        """Jobs in the system."""
        return self._counted[at.ACTIVE]

    @property
    def arrived(self) -> int:
        """Jobs that have arrived."""
        return self._counted[at.ADMITTED]

    @property
    def completed(self) -> int:
        """Jobs that left, dropped ones included."""
        return self._counted[at.COMPLETED]

    @property
    def window_left(self) -> int:
        """Jobs of the window that have not left."""
        return self._counted[at.WINDOW_LEFT]

    @property
    def lease_extensions(self) -> int:
        """How often an entry kept its workers."""
        return self._counted[at.EXTENSIONS]

    @property
    def lease_extension_opportunities(self) -> int:
        """How often it could have."""
        return self._counted[at.OPPORTUNITIES]

    @property
    def busy(self) -> np.ndarray:
        """Seconds that each worker has been busy (a view)."""
        return self._busy

    def utilization(self) -> float:
        """Mean over workers of busy time divided by time."""
        return float(np.mean(self._busy / self.time)) if self.time > 0 else 0.0

    def type_time(self) -> list[float]:
        """Time received on each worker type since the last reset, as fractions are taken of it."""
        times: list[float] = self._type_f[:, at.RECEIVED].tolist()
        return times

    def results(self) -> Results:
        """What became of the jobs."""
        result = self._result[:, : self.arrived].copy()
        steps_left = np.zeros(self.arrived)
        slots = int(self._count[at.SLOTS])
        here = np.flatnonzero(self._taken[:slots] != at.GONE)
        number = self._entry_i[here, at.NUMBER]
        of_job = self._entry_f[here, 3 * self._types :]
        steps_left[number] = of_job[:, at.STEPS_LEFT]
        result[at.RESULT_COST, number] = of_job[:, at.COST]
        result[at.RESULT_BUSY, number] = of_job[:, at.BUSY]
        return Results(
            finish=result[at.RESULT_FINISH],
            deadline=result[at.RESULT_DEADLINE],
            cost=result[at.RESULT_COST],
            dropped=result[at.RESULT_DROPPED] > 0,
            busy=result[at.RESULT_BUSY],
            steps_left=steps_left,
        )

    def metrics(self) -> np.ndarray:
        """One row a round, columns as in the layout (a view)."""
        rows: np.ndarray = self._metrics[: self._count[at.RECORDED]]
        return rows

    def placements(self) -> list[tuple[int, int, int]]:
        """Who runs now: (job, partner or -1, worker) triples, in the order of placement."""
        pool = self._pools[self._count[at.PASSES] & 1]
        number = self._entry_i[:, at.NUMBER]
        placed = []
        for entry, _, place, _ in self._run_i[: self._count[at.RUNNING]].tolist():
            first, second, scale = self._entry_i[entry, [at.FIRST, at.SECOND, at.SCALE]].tolist()
            job = int(number[first])
            partner = int(number[second]) if second >= 0 else -1
            placed += [(job, partner, worker) for worker in pool[place : place + scale].tolist()]
        return placed

    # what to do ------------------------------------------------------------------------------

    def run(self, rounds: int) -> int:
        """Run at most ``rounds`` rounds; returns an outcome of :mod:`simulator.mechanism.layout`."""
        counted, last = self._counted, self.rounds + rounds
        while True:
            left, room = last - counted[at.PASSES], len(self._metrics) - counted[at.RECORDED]
            if room == 0:
                self._make_metrics_room()
                continue
            outcome: int = self._rounds.run_rounds(min(left, room), *self._arguments())
            if outcome == at.MORE_PAIRS:
                self._grow(self._base, 2 * self._pair_room)
            elif outcome != at.ENOUGH or counted[at.PASSES] >= last:
                return outcome

    def _arguments(self) -> tuple[np.ndarray, ...]:
        """What the rounds work on, collected again only after an array has been replaced."""
        if not self._collected:
            self._collected = (
                self._clock,
                self._count,
                self._layout,
                self._words,
                self._known_f,
                self._known_i,
                self._result,
                self._entry_f,
                self._entry_i,
                self._taken,
                self._table,
                *self._orders,
                self._span,
                self._bound,
                self._chosen,
                self._run_f,
                self._run_i,
                self._pools,
                self._holder,
                self._busy,
                self._type_f,
                self._alone,
                self._paired,
                self._believed,
                self._metrics,
                self._seen_f,
                self._seen_i,
                self._spare_f,
                self._spare_i,
                self._types_now,
                self._chosen_size,
                self._moved,
            )
        return self._collected

    def take_jobs(self) -> None:
        """Take notice of the jobs that the workload has come to know."""
        self._collected = ()
        workload = self._setting.workload
        jobs = workload.jobs
        belief = jobs.key if self._setting.believed is None else jobs.belief
        allowance = jobs.slo * jobs.duration
        self._known_f = np.stack([jobs.arrival, jobs.steps, allowance, jobs.weight], axis=1)
        self._known_i = np.stack([jobs.key, jobs.scale_factor, belief, jobs.entity], axis=1)
        self._count[at.KNOWN] = jobs.size
        self._count[at.ALL_KNOWN] = workload.limit is not None and jobs.size >= workload.limit
        known = self._result.shape[1]
        if jobs.size > known:
            self._result = _wider(self._result, max(jobs.size, 2 * known))
            self._result[at.RESULT_FINISH, known:] = np.nan
            self._result[at.RESULT_DEADLINE, known:] = np.nan
        needed = int(self._count[at.SLOTS]) + jobs.size - self.arrived
        if needed > self._base:
            self._grow(max(needed, 2 * self._base), self._pair_room)

    def state(self, prices: np.ndarray | None) -> ClusterState:
        """What the policy may see, when a run has come back for an allocation."""
        setting = self._setting
        n = self.active
        weight, steps_left, age = self._seen_f[:, :n].copy()
        job, key, scale, entity = self._seen_i[:, :n].copy()
        self._seen = job
        deadline = None
        if setting.traits.needs_deadlines:
            deadline = self._result[at.RESULT_DEADLINE, job] - self._clock[at.NOW]
            deadline[np.isnan(deadline)] = np.inf
        return ClusterState(
            worker_types=setting.cluster.worker_types,
            workers=setting.cluster.workers,
            throughputs=setting.table,
            job=job,
            key=key,
            scale_factor=scale,
            weight=weight,
            steps_left=steps_left,
            age=age,
            deadline=deadline,
            entity=entity,
            prices=prices,
        )

    def allocate(self, allocation: Allocation | None) -> None:
        """Put an allocation into force; None gives nobody anything."""
        count = self._count
        jobs, shares = self._nobody if allocation is None else (allocation.job, allocation.x)
        if not self._rounds.give_jobs(jobs, np.ascontiguousarray(shares), count, *self._entries):
            raise GavelError("an allocation names a job that is not active")
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
            self._entries,
            at.Pairs(self._table, self._believed, self._paired),
        )
        if not known:
            raise GavelError("an allocation names a pair of jobs that are not both active")

    # put down and take up --------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as arrays."""
        count, base = self._count, self._base
        slots, pairs, running = (
            int(count[at.SLOTS]),
            int(count[at.PAIRS]),
            int(count[at.RUNNING]),
        )
        run_i = self._run_i[:running].copy()
        # Pairs are written as -1 - index: where they start depends on the capacity for jobs.
        entry = run_i[:, at.RUN_ENTRY]
        entry[:] = np.where(entry < base, entry, base - 1 - entry)
        return {
            "clock": self._clock.copy(),
            "count": count.copy(),
            "words": self._words.copy(),
            "busy": self._busy.copy(),
            "holder": self._holder.copy(),
            "pools": self._pools.copy(),
            "type_f": self._type_f.copy(),
            "run_f": self._run_f[:running].copy(),
            "run_i": run_i,
            "jobs_f": self._entry_f[:slots].copy(),
            "jobs_i": self._entry_i[:slots].copy(),
            "pairs_f": self._entry_f[base : base + pairs].copy(),
            "pairs_i": self._entry_i[base : base + pairs].copy(),
            "taken": self._taken[:slots].copy(),
            "result": self._result[:, : self._setting.workload.jobs.size].copy(),
            "metrics": self.metrics().copy(),
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave; the workload must have been restored before.

        Raises
        ------
        ValueError
            If the arrays are not as long as the counts say.
        """
        for name, counted in _LENGTHS.items():
            if len(memory[name]) != memory["count"][counted]:
                raise ValueError(f"{name} has {len(memory[name])} rows, not as many as are counted")
        for name in ("clock", "count", "words", "busy", "holder", "pools", "type_f"):
            getattr(self, f"_{name}")[:] = memory[name]
        self._count[at.HASH_FRESH] = 0
        self._count[at.ORDER_STALE] = 1
        self._result = np.array(memory["result"], dtype=np.float64)
        self._metrics = np.array(memory["metrics"], dtype=np.float64)
        slots, pairs = len(memory["jobs_f"]), len(memory["pairs_f"])
        self.take_jobs()
        if pairs > self._pair_room:
            self._grow(self._base, 2 * pairs)
        base = self._base
        self._entry_f[:slots] = memory["jobs_f"]
        self._entry_i[:slots] = memory["jobs_i"]
        self._entry_f[base : base + pairs] = memory["pairs_f"]
        self._entry_i[base : base + pairs] = memory["pairs_i"]
        self._taken[:slots] = memory["taken"]
        running = len(memory["run_f"])
        self._run_f[:running] = memory["run_f"]
        self._run_i[:running] = memory["run_i"]
        entry = self._run_i[:running, at.RUN_ENTRY]
        entry[:] = np.where(entry >= 0, entry, base - 1 - entry)

    # -----------------------------------------------------------------------------------------

    @property
    def _base(self) -> int:
        """Capacity for jobs: the column of the first pair."""
        return self._taken.size

    @property
    def _pair_room(self) -> int:
        return len(self._entry_i) - self._base

    def _make_metrics_room(self) -> None:
        self._collected = ()
        rows = self._metrics
        self._metrics = np.zeros((max(1024, 2 * len(rows)), rows.shape[1]))
        self._metrics[: len(rows)] = rows

    def _admit_jobs(self) -> None:
        self._rounds.admit(
            self._clock,
            self._count,
            at.Known(self._known_f, self._known_i),
            self._entries,
            self._alone,
            self._result,
        )

    def _close_books(self) -> None:
        self._rounds.close_books(
            self._clock,
            self._count,
            self._type_f,
            self._entries,
            at.Spare(self._spare_f, self._spare_i),
        )
        self.look_again()

    def look_again(self) -> None:
        """Write down for :meth:`state` what a policy may see of the jobs."""
        self._rounds.see(
            self._clock,
            self._count,
            self._types,
            self._known_i,
            self._entries,
            self._seen_f,
            self._seen_i,
        )

    def _grow(self, jobs: int, pairs: int) -> None:
        """Make room for so many jobs and pairs; entries keep their figures, pairs move along."""
        self._collected = ()
        base, old_pairs = self._base, self._pair_room
        for name in ("_entry_f", "_entry_i"):
            old = getattr(self, name)
            new = _aligned((jobs + pairs, old.shape[1]), old.dtype)
            new[:base] = old[:base]
            new[jobs : jobs + old_pairs] = old[base:]
            setattr(self, name, new)
        entries = self._run_i[:, at.RUN_ENTRY]
        entries[entries >= base] += jobs - base
        # The front has twice the room, so that it seldom moves as it gets longer behind.
        size = (self._types, jobs + pairs)
        room = (self._types, 2 * (jobs + pairs))
        self._orders = (
            np.zeros(size),
            np.zeros(size),
            np.zeros(jobs + pairs, dtype=np.int64),
            np.zeros(room),
            np.zeros(room),
            np.zeros(room, dtype=np.int64),
        )
        self._count[at.ORDER_STALE] = 1
        self._taken = _wider(self._taken[None], jobs)[0]
        self._entries = at.Entries(self._entry_f, self._entry_i, self._taken)
        self._seen_f = np.zeros((at.SEEN_F_ROWS, jobs))
        self._seen_i = np.zeros((at.SEEN_I_ROWS, jobs), dtype=np.int64)
        self._table = np.full(1 << int(2 * pairs).bit_length(), -1, dtype=np.int64)
        self._count[at.HASH_FRESH] = 0
        width = jobs + pairs + self._busy.size + len(self._paired)
        self._spare_f = np.zeros((6, width))
        self._spare_i = np.zeros((5, width), dtype=np.int64)


def _whole_rounds(alone: np.ndarray, round_seconds: float) -> np.ndarray:
    """Speed of each key on each type, the steps of a whole round, their seconds, and the rank."""
    steps = np.floor(alone * round_seconds)
    seconds = np.divide(steps, alone, out=np.zeros_like(steps), where=alone > 0)
    rank = np.argsort(np.argsort(-seconds, axis=0, kind="stable"), axis=0)
    return np.stack([alone, steps, seconds, rank], axis=2)


def _whole_lines(columns: int) -> int:
    """Columns of eight bytes that fill whole lines of memory."""
    return -(-columns // 8) * 8


def _aligned(shape: tuple[int, int], dtype: np.dtype[Any]) -> np.ndarray:
    """Zeros of eight bytes that begin with a line of memory."""
    size = shape[0] * shape[1]
    room = np.zeros(size + 8, dtype=dtype)
    first = -room.ctypes.data // 8 % 8
    return room[first : first + size].reshape(shape)


def _no_pairs(table: ThroughputTable) -> np.ndarray:
    keys, types = table.alone.shape
    return np.zeros((keys, keys, 2, types))


def _wider(array: np.ndarray, columns: int) -> np.ndarray:
    """Copy a two-dimensional array into one with more columns, zero where new."""
    wide = np.zeros((array.shape[0], columns), dtype=array.dtype)
    wide[:, : array.shape[1]] = array
    return wide
