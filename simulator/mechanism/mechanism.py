"""The mechanism: owns the records of :mod:`simulator.mechanism.records`, on which the compiled rounds work.

Priorities, deficits, choice, placement and accounts follow ``mechanism.md`` to the last bit. Time
passes inside :func:`simulator.mechanism.loop.run_rounds`, which comes back to Python only when the
allocation is due or more jobs must be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gavel_opt import Allocation, Certificate, ClusterState, GavelError, ThroughputTable, Traits
from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.jit import can_call
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.pair_columns import PairColumns
from gavel_opt.kernels.random_streams import stream
from gavel_opt.kernels.records import aligned_zeros, plain
from gavel_opt.model.cluster_state import StandingState
from simulator.mechanism.accounting import set_job_allocation
from simulator.mechanism.loop import run_rounds, view
from simulator.mechanism.pair_table import empty_table, set_pair_allocation
from simulator.mechanism.records import (
    CANDIDATE,
    CLOCK,
    COUNT,
    CURSOR,
    DECIDING,
    DECISION,
    ENOUGH,
    ENTRY,
    FRONT,
    LAST,
    LEDGER,
    LEFT,
    LEFTOVER,
    MORE_PAIRS,
    MORE_ROUNDS,
    MORE_SEGMENTS,
    OUTCOME,
    PICK,
    QUEUED,
    ROUND,
    RULES,
    RUN,
    SCRATCH,
    SHORT,
    SPEED,
    TYPE,
    WORKER,
    Queue,
    Spare,
    World,
)
from simulator.mechanism.snapshot_places import check_places
from simulator.world.cluster import Cluster
from simulator.world.jobs import JOB
from simulator.world.workload import Workload


class Shown(Protocol):
    """What policies see of jobs where that is not what was measured.

    Attributes
    ----------
    table
        Throughputs by key.
    """

    table: ThroughputTable

    def keys(self, true: np.ndarray) -> np.ndarray:
        """Keys in that table of all jobs known so far, by job number, of those in the measured one."""


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
    records_placements
        Whether :meth:`Mechanism.segments` is to have an answer.
    shown
        What policies see in place of ``table`` and the workload's keys; None for these.
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
    records_placements: bool = False
    shown: Shown | None = None

    @property
    def seen_table(self) -> ThroughputTable:
        """Throughputs as policies see them."""
        return self.table if self.shown is None else self.shown.table


_NOBODY = Call(None, ())
"""Decides nothing."""


class Mechanism:
    """Rounds of a cluster.

    Parameters
    ----------
    setting
        The run.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._types = types = len(setting.cluster.worker_types)
        self._nobody = np.zeros(0, dtype=np.int64), np.zeros((0, types))
        self._world = _empty_world(setting)
        self._clock = plain(self._world.clock)[0]
        self._count = plain(self._world.counts)[0]
        self._deciding = plain(self._world.deciding)[0]
        if not setting.workload.jobs.size:
            setting.workload.extend(1)
        jobs = max(64, setting.workload.jobs.size)
        # the pairs that few jobs decide for are kept from one decision to the next
        few = 0 if setting.traits.many_pairs else self._pairs_of(jobs)
        self._grow(jobs, 4 * (few + setting.cluster.total) if setting.traits.packing else 0)
        self._make_metrics_room(1 << 10)
        self.take_jobs()

    @property
    def world(self) -> World:
        """All records, as they are between two calls (to read)."""
        return self._world

    # what to look at -------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether the window is done, and its last round accounted for."""
        return bool(self._count.window_left == 0 and not self._count.awaiting)

    @property
    def time(self) -> float:
        """Simulated seconds."""
        now: float = self._clock.now
        return now

    @property
    def rounds(self) -> int:
        """Rounds so far, those included in which nobody ran."""
        return int(self._count.rounds)

    @property
    def active(self) -> int:
        """Jobs in the system."""
        return int(self._count.active)

    @property
    def arrived(self) -> int:
        """Jobs that have arrived."""
        return int(self._count.admitted)

    @property
    def completed(self) -> int:
        """Jobs that left, dropped ones included."""
        return int(self._count.completed)

    @property
    def window_left(self) -> int:
        """Jobs of the window that have not left."""
        return int(self._count.window_left)

    @property
    def lease_extensions(self) -> int:
        """How often an entry kept its workers."""
        return int(self._count.extensions)

    @property
    def lease_extension_opportunities(self) -> int:
        """How often it could have."""
        return int(self._count.opportunities)

    @property
    def busy(self) -> np.ndarray:
        """Seconds that each worker has been busy (a view)."""
        busy: np.ndarray = self._world.workers["busy"]
        return busy

    def utilization(self) -> float:
        """Mean over workers of busy time divided by time."""
        return float(np.mean(self.busy / self.time)) if self.time > 0 else 0.0

    def type_time(self) -> list[float]:
        """Time received on each worker type since the last reset, as fractions are taken of it."""
        times: list[float] = self._world.types["received"].tolist()
        return times

    def outcomes(self) -> np.ndarray:
        """OUTCOME of the jobs that have arrived, of those in the system up to now (a copy)."""
        outcomes = self._world.outcomes[: self.arrived].copy()
        for name in ("cost", "busy"):
            outcomes[name] = self.received(name)
        return outcomes

    def received(self, name: str) -> np.ndarray:
        """``cost`` or ``busy`` of the jobs that have arrived, up to now, shape ``(arrived,)`` (a copy)."""
        found: np.ndarray = self._world.outcomes[name][: self.arrived].copy()
        number, so_far = self._of_those_there(name)
        found[number] = so_far
        return found

    def steps_left(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the jobs in the system, and how many steps each has left."""
        return self._of_those_there("steps_left")

    def _of_those_there(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the jobs in the system, and a field of their entries."""
        slots = self._count.slots
        there = np.flatnonzero(self._world.candidates["selected_round"][:slots] != LEFT)
        # field by field: entries are wide, and looked at often
        entries = self._world.entries
        return entries["number"][there], entries[name][there]

    def finish(self) -> np.ndarray:
        """Seconds at which each job was done, NaN for those that are not, shape ``(arrived,)`` (a view)."""
        found: np.ndarray = self._world.outcomes["finish"][: self.arrived]
        return found

    def metrics(self) -> tuple[np.ndarray, np.ndarray]:
        """Records of the rounds so far, and the use of each type in them, ``(rounds, J)`` (views)."""
        recorded = self._count.recorded
        return self._world.rounds[:recorded], self._world.type_use[:recorded]

    def placements(self) -> np.ndarray:
        """Who runs now: (job, partner or -1, worker), in the order of placement, shape ``(n, 3)``."""
        world = self._world
        runs = world.runs[: self._count.running]
        entries = world.entries[runs["entry"]]
        number, scale = world.entries["number"], entries["scale"]
        partner = np.where(entries["second"] >= 0, number[entries["second"]], -1)
        within = np.arange(scale.sum()) - np.repeat(np.cumsum(scale) - scale, scale)
        workers = world.placed[self.rounds & 1][np.repeat(runs["at"], scale) + within]
        return np.column_stack(
            [np.repeat(number[entries["first"]], scale), np.repeat(partner, scale), workers]
        ).astype(np.int64)

    def segments(self) -> np.ndarray:
        """Who ran where, by first round and worker, shape ``(5, n)``: rows as :data:`records.ON` says.

        A view, in which last rounds are those up to now.
        """
        world = self._world
        segments: np.ndarray = world.segments[:, : self._count.segments]
        begun = world.open_segments >= 0
        segments[LAST, world.open_segments[begun]] = world.workers["held_round"][begun] - 1
        return segments

    # what to do ------------------------------------------------------------------------------

    def run(self, rounds: int, until: float = math.inf, decide: Call | None = None) -> int:
        """Run at most ``rounds`` rounds; returns an outcome of :mod:`simulator.mechanism.records`.

        Fewer, perhaps none, where records needed more room: :meth:`standing` may be another one then.

        Parameters
        ----------
        rounds, until
            How many rounds, and the moment from which on none begins.
        decide
            What gives the jobs of :meth:`standing` their shares; an allocation is asked for only where it does not,
            or there is none.
        """
        if decide is None or not can_call(self._kernel, decide):
            decide = _NOBODY
        self._deciding.allowed = decide is not _NOBODY
        self._world.rules["until"] = until
        recorded = self._count.recorded
        outcome = self._kernel(self._count.rounds + rounds, self._world, decide)
        self._take_rows(recorded)
        if outcome == MORE_ROUNDS:
            self._make_metrics_room()
        elif outcome == MORE_PAIRS:
            self._grow(self._base, 2 * self._pair_room)
        elif outcome == MORE_SEGMENTS:
            # what is never used takes no memory, and copying much
            self._make_segments_room(4 * (self._count.segments + len(self._world.workers)))
        else:
            return outcome
        return ENOUGH

    @property
    def _kernel(self) -> Callable[..., int]:
        """What goes through the rounds."""
        return run_rounds

    def _take_rows(self, begun: int) -> None:
        """Take notice of the rows of the metrics from one on."""

    def standing(self) -> StandingState:
        """What a policy may see while a run goes on, with room to decide, until records need more of it."""
        if (
            self._setting.traits.packing
        ):  # as many pairs as may be decided, beside those that are kept
            kept = int(self._count.pairs) + len(self._world.workers)
            pairs = len(self._world.pair_views.job) + kept
            if pairs > self._pair_room:
                self._grow(self._base, 2 * pairs)
        return self._standing

    def take_decisions(self) -> tuple[np.ndarray, float, Certificate | None] | None:
        """What has been decided since the last call of this; None if nothing.

        Returns
        -------
        Records (a view), seconds in all, and the largest residuals and gap, None where there was no program.
        """
        deciding = self._deciding
        made = deciding.made
        if not made:
            return None
        seconds, worst = deciding.seconds, None
        if deciding.programs:
            worst = Certificate(
                deciding.primal_residual, deciding.dual_residual, deciding.relative_gap
            )
        deciding.made = deciding.programs = 0
        deciding.seconds = deciding.primal_residual = 0.0
        deciding.dual_residual = deciding.relative_gap = 0.0
        return self._world.decisions[:made], seconds, worst

    def take_jobs(self) -> None:
        """Take notice of the jobs that the workload has come to know."""
        workload, world = self._setting.workload, self._world
        jobs = workload.jobs
        self._count.known = jobs.size
        self._count.all_known = workload.limit is not None and jobs.size >= workload.limit
        outcomes = world.outcomes
        if jobs.size > len(outcomes):
            outcomes = _longer(outcomes, max(jobs.size, 2 * len(outcomes)))
            outcomes["finish"][len(world.outcomes) :] = np.nan
            outcomes["deadline"][len(world.outcomes) :] = np.nan
        self._replace(arrivals=jobs.records, outcomes=outcomes)
        if self._setting.shown is not None:
            self._replace(shown_keys=self._setting.shown.keys(jobs.key))
        needed = int(self._count.slots) + jobs.size - self.arrived
        if needed > self._base:
            self._grow(max(needed, 2 * self._base), self._pair_room)

    def state(self, prices: np.ndarray | None) -> ClusterState:
        """What the policy may see, when a run has come back for an allocation."""
        setting, deadline = self._setting, None
        job, key, scale_factor, entity, weight, steps_left, age = (
            column[: self._count.active].copy() for column in self._world.views[_SEEN]
        )
        if setting.traits.needs_deadlines:
            deadline = self._world.outcomes["deadline"][job] - self.time
            deadline[np.isnan(deadline)] = np.inf
        return ClusterState(
            worker_types=setting.cluster.worker_types,
            workers=setting.cluster.workers,
            throughputs=setting.seen_table,
            job=job,
            key=key,
            scale_factor=scale_factor,
            weight=weight,
            steps_left=steps_left,
            age=age,
            deadline=deadline,
            entity=entity,
            prices=prices,
        )

    def allocate(self, allocation: Allocation | None) -> None:
        """Put an allocation into force; None gives nobody anything."""
        jobs, shares = self._nobody if allocation is None else (allocation.job, allocation.x)
        shares = np.ascontiguousarray(shares)
        world = self._world
        if not set_job_allocation(
            jobs, shares, world.entries, world.ledger, self._base, world.counts
        ):
            raise GavelError("an allocation names a job that is not active")
        if allocation is not None and allocation.pair.size:
            self._allocate_pairs(allocation)

    def _allocate_pairs(self, allocation: Allocation) -> None:
        if not self._setting.traits.packing:
            raise GavelError("an allocation of pairs from a policy that does not pack")
        # the round that follows may come to keep a pair on each worker
        needed = int(self._count.pairs) + len(allocation.pair) + len(self._world.workers)
        if needed > self._pair_room:
            self._grow(self._base, 2 * needed)
        pair, shares = (np.ascontiguousarray(a) for a in (allocation.pair, allocation.pair_x))
        if not set_pair_allocation(pair, shares, self._world):
            raise GavelError("an allocation names a pair of jobs that are not both active")

    # put down and take up --------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as arrays."""
        world, base = self._world, self._base
        slots, pairs = int(self._count.slots), int(self._count.pairs)
        runs = world.runs[: self._count.running].copy()
        # Pairs are written as -1 - index: where they start depends on the capacity for jobs.
        entry = runs["entry"]
        entry[:] = np.where(entry < base, entry, base - 1 - entry)
        rounds, type_use = self.metrics()
        return {
            **{name: getattr(world, name).copy() for name in _WHOLE},
            **{name: world.types[name].copy() for name in _OF_TYPES},
            "runs": runs,
            "jobs": world.entries[:slots].copy(),
            "job_ledger": world.ledger[:slots].copy(),
            "pairs": world.entries[base : base + pairs].copy(),
            "pair_ledger": world.ledger[base : base + pairs].copy(),
            "candidates": world.candidates[:slots].copy(),
            "outcomes": world.outcomes[: self._setting.workload.jobs.size].copy(),
            "segments": world.segments[:, : self._count.segments].T.copy(),
            "rounds": rounds.copy(),
            "type_use": type_use.copy(),
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave; the workload must have been restored before.

        Raises
        ------
        ValueError
            If the arrays are not as long as the counts say, or a place is none.
        """
        for name, counted in _LENGTHS.items():
            count = int(memory["counts"][counted][0])
            if len(memory[name]) != count:
                raise ValueError(f"{name} has {len(memory[name])} rows, not {count} as counted")
        setting = self._setting
        keys, types = setting.table.alone.shape
        check_places(memory, keys, types, setting.workload.jobs.size)
        for name in _WHOLE:
            getattr(self._world, name)[:] = memory[name]
        for name in _OF_TYPES:
            self._world.types[name] = memory[name]
        self._count.pairs_stale = True
        self._count.queue_stale = True
        # A round whose allocation is in force begins without a look at what room there is.
        slots, pairs, workers = len(memory["jobs"]), len(memory["pairs"]), len(self._world.workers)
        begun = len(memory["segments"])
        self._make_segments_room(begun + workers)
        self._world.segments[:, :begun] = memory["segments"].T
        for name, more in (("outcomes", 0), ("rounds", 1), ("type_use", 1)):
            known = len(memory[name])
            array = _longer(getattr(self._world, name)[:0], known + more)
            array[:known] = memory[name]
            self._replace(**{name: array})
        self.take_jobs()
        if pairs + workers > self._pair_room and self._setting.traits.packing:
            self._grow(self._base, 2 * (pairs + workers))
        world, base = self._world, self._base
        world.entries[:slots] = memory["jobs"]
        world.ledger[:slots] = memory["job_ledger"]
        world.entries[base : base + pairs] = memory["pairs"]
        world.ledger[base : base + pairs] = memory["pair_ledger"]
        world.candidates[:slots] = memory["candidates"]
        running = len(memory["runs"])
        world.runs[:running] = memory["runs"]
        entry = world.runs["entry"][:running]
        entry[:] = np.where(entry >= 0, entry, base - 1 - entry)

    # -----------------------------------------------------------------------------------------

    @property
    def _base(self) -> int:
        """Capacity for jobs: the row of the first pair."""
        return len(self._world.candidates)

    @property
    def _pair_room(self) -> int:
        return len(self._world.entries) - self._base

    def _replace(self, **arrays: Any) -> None:
        self._world = self._world._replace(**arrays)

    def _make_metrics_room(self, least: int = 1 << 14) -> None:
        # what is never used takes no memory, and copying much
        room = max(least, 4 * len(self._world.rounds))
        self._replace(
            rounds=_longer(self._world.rounds, room), type_use=_longer(self._world.type_use, room)
        )

    def _make_segments_room(self, room: int) -> None:
        old = self._world.segments
        segments = np.zeros((len(old), room), dtype=old.dtype)
        kept = min(room, old.shape[1])
        segments[:, :kept] = old[:, :kept]
        self._replace(segments=segments)

    def look_again(self) -> None:
        """Write down for :meth:`state` what a policy may see of the jobs."""
        view(self._world)

    def _pairs_of(self, jobs: int) -> int:
        """Pairs of so many jobs that there is room to decide for."""
        return _MANY_PAIRS * jobs if self._setting.traits.many_pairs else jobs // 2

    def _grow(self, jobs: int, pairs: int) -> None:
        """Make room for so many jobs and pairs; entries keep their figures, pairs move along."""
        world, base, old_pairs = self._world, self._base, self._pair_room
        room, types = jobs + pairs, self._types
        moved = {}
        for name in ("entries", "ledger"):
            old = getattr(world, name)
            new = aligned_zeros((room, *old.shape[1:]), old.dtype)
            new[:base] = old[:base]
            new[jobs : jobs + old_pairs] = old[base:]
            moved[name] = new
        entry = world.runs["entry"]
        entry[entry >= base] += jobs - base
        width = room + len(world.workers) + len(world.speeds)
        # The front has twice the room, so that it seldom moves as it gets longer behind.
        queue = world.queue._replace(
            front=np.zeros((types, 2 * room), QUEUED),
            waiting=np.zeros((types, room)),
        )
        spare = world.spare._replace(
            items=np.zeros(width, QUEUED), scratch=np.zeros(width, SCRATCH)
        )
        self._count.queue_stale = True
        self._count.pairs_stale = True
        self._replace(
            **moved,
            queue=queue,
            candidates=_longer(world.candidates, jobs),
            pair_table=empty_table(pairs),
            views=JobColumns.with_room(jobs, types),
            pair_views=PairColumns.with_room(self._pairs_of(jobs) if pairs else 0, types),
            leftovers=np.zeros(width, LEFTOVER),
            spare=spare,
        )
        setting = self._setting
        views, pair_views = self._world.views, self._world.pair_views
        workers = setting.cluster.workers
        self._standing = StandingState(views, setting.seen_table, workers, pair_views)


_SEEN = slice(1, 8)
"""Columns of the views that policies see, from the job's number to its age."""
_MANY_PAIRS = 32
"""Pairs for each job where an optimum may have a part for all: a job meets each kind of jobs, of which the paper has 26."""
_DECISIONS = 1024
"""So many before Python has to look at them."""
_WHOLE = ("clock", "counts", "stream", "workers", "placed", "open_segments")
"""Arrays of the world that a snapshot holds whole."""
_OF_TYPES = ("received", "first_run", "stop_run")
"""Fields of the worker types that change, and outlast a round."""
_LENGTHS = {
    "jobs": "slots",
    "job_ledger": "slots",
    "candidates": "slots",
    "pairs": "pairs",
    "pair_ledger": "pairs",
    "runs": "running",
    "segments": "segments",
    "rounds": "recorded",
    "type_use": "recorded",
}
"""Arrays of a snapshot, and where it counts their rows."""


def _empty_world(setting: Setting) -> World:
    """A world in which nobody has arrived, without room for jobs."""
    cluster, traits, workers = setting.cluster, setting.traits, setting.cluster.total
    types = np.zeros(len(cluster.worker_types), TYPE)
    types["number"] = np.arange(len(types))
    types["workers"] = cluster.workers
    types["first_worker"] = cluster.first_worker[:-1]
    types["visit"] = cluster.visit_order
    types["price"] = setting.prices
    rules = np.zeros(1, RULES)
    rules["round_seconds"] = setting.round_seconds
    rules["half_round"] = setting.round_seconds / 2.0
    rules["between_resets"] = setting.between_resets
    rules["window_start"], rules["window_end"] = setting.window
    rules["packing"] = traits.packing
    rules["shuffles"] = traits.shuffles
    rules["skips_zero_priority"] = traits.skips_zero_priority
    rules["records_placements"] = setting.records_placements
    clock, count = np.zeros(1, CLOCK), np.zeros(1, COUNT)
    clock["round_end"] = np.nan
    count["window_left"] = setting.window[1] - setting.window[0]
    for name in ("stale", "queue_stale", "pairs_stale"):
        count[name] = True
    fronts = np.zeros(len(types), FRONT)
    fronts["half_round"] = rules["half_round"]  # asked for before the queue is first built
    queue = Queue(
        fronts=fronts,
        front=np.zeros((len(types), 0), QUEUED),
        waiting=np.zeros((len(types), 0)),
        returning=np.zeros(workers, QUEUED),
    )
    spare = Spare(np.zeros(0, QUEUED), np.zeros(0, SCRATCH), np.zeros(SHORT), np.zeros(SHORT))
    each_worker = np.zeros(workers, WORKER)
    each_worker["held_round"] = -1
    keys, paired = len(setting.table.alone), setting.table.paired
    if paired is None or not traits.packing:
        paired = np.zeros((keys if traits.packing else 1, keys, 2, len(types)))
    return World(
        rules=rules,
        clock=clock,
        counts=count,
        types=types,
        visits=np.zeros(len(types), dtype=np.int64),
        speeds=_whole_rounds(setting.table.alone, setting.round_seconds),
        pair_speeds=paired,
        arrivals=np.zeros(0, JOB),
        shown_keys=np.zeros(0, dtype=np.int64),
        outcomes=np.zeros(0, OUTCOME),
        entries=np.zeros(0, ENTRY),
        ledger=np.zeros((0, len(types)), LEDGER),
        candidates=np.zeros(0, CANDIDATE),
        pair_table=empty_table(0),
        queue=queue,
        picks=np.zeros((len(types), workers + 1), PICK),
        rest=np.zeros(workers, PICK),
        runs=np.zeros(workers, RUN),
        workers=each_worker,
        placed=np.zeros((2, workers), dtype=np.int64),
        open_segments=np.full(workers, -1, dtype=np.int64),
        segments=np.zeros((5, 0), dtype=np.int32),
        rounds=np.zeros(0, ROUND),
        type_use=np.zeros((0, len(types))),
        views=JobColumns.with_room(0, len(types)),
        pair_views=PairColumns.with_room(0, len(types)),
        deciding=np.zeros(1, DECIDING),
        decisions=np.zeros(_DECISIONS, DECISION),
        leftovers=np.zeros(0, LEFTOVER),
        cursor=np.zeros(1, CURSOR),
        spare=spare,
        stream=stream(setting.seed + 5),
    )


def _whole_rounds(alone: np.ndarray, round_seconds: float) -> np.ndarray:
    """SPEED of each key on each type."""
    speeds = np.zeros(alone.shape, SPEED)
    steps = np.floor(alone * round_seconds)
    seconds = np.divide(steps, alone, out=np.zeros_like(steps), where=alone > 0)
    speeds["steps_per_second"] = alone
    speeds["round_steps"] = steps
    speeds["round_seconds"] = seconds
    speeds["rank"] = np.argsort(np.argsort(-seconds, axis=0, kind="stable"), axis=0)
    return speeds


def _longer(array: np.ndarray, rows: int) -> np.ndarray:
    """Copy an array into one with more rows, zero where new."""
    longer = np.zeros((rows, *array.shape[1:]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer
