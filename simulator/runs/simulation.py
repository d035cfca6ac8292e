"""One run: the event loop that joins workload, policy and mechanism."""

from __future__ import annotations

import bisect
import math
import threading
from array import array
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from gavel_opt import Allocation, ClusterState, Driver, GavelError, Options, Tally
from gavel_opt.errors import counted
from gavel_opt.kernels.arguments import Call
from gavel_opt.kernels.jit import KEEPS_TIME, clock
from gavel_opt.model.cluster_state import ThroughputTable
from gavel_opt.policies import Found, Policy, solves
from gavel_opt.policies.outside import is_ours, memory_of, see_empty
from simulator.mechanism.ideal import IdealMechanism
from simulator.mechanism.mechanism import Mechanism, Setting
from simulator.mechanism.records import ALLOCATE, ENOUGH, MORE_JOBS, STUCK
from simulator.mechanism.snapshot_places import require_within
from simulator.process.interrupts import interrupts
from simulator.runs.columns import Columns
from simulator.runs.estimated_throughputs import EstimatedThroughputs, estimates_wanted
from simulator.runs.policy_of_run import UNNAMED, policy_of, source_of
from simulator.runs.program_files import ProgramFiles
from simulator.runs.replay import Replay, load_replay
from simulator.runs.solves import Solves
from simulator.runs.surroundings import surroundings_of
from simulator.runs.workload_of_run import notes_on_jobs, workload_of
from simulator.settings.config import RunConfig
from simulator.settings.notes import notes_on_files, notes_on_settings
from simulator.world.names import meant
from simulator.world.throughputs import REFERENCE_TYPE
from simulator.world.trace import write_trace
from simulator.world.workload import Workload

BETWEEN_RESETS = 1920.0
"""Seconds that pass at least between two recomputations of the allocation."""


class StuckError(GavelError):
    """Nothing runs, nothing will arrive, and the policy gives nobody anything."""


class Simulation:
    """A simulation that can be advanced, looked at, put down and taken up again.

    Parameters
    ----------
    config
        What to run.
    programs
        Handed to :class:`gavel_opt.Driver` as its recorder.
    made
        What makes the policy where its name in the configuration does not say it.
    prices
        Dollars per hour of each worker type by which costs are counted, shape ``(J,)``; None for those
        of the configuration, which policies see in any case.
    record_placements
        Whether the mechanism is to record who runs where.
    like
        A run of the same settings but for seed, rate and window, whose surroundings this one takes: nothing is checked
        again, nor is anybody told what these settings mean.
    prepare
        Handed the workload before anybody takes notice of its jobs.
    between_resets
        Seconds that pass at least between two recomputations of the allocation.

    Raises
    ------
    InputError
        If something in the configuration or its files is wrong.

    Attributes
    ----------
    config, surroundings, cluster, measurements
        What runs where, and the throughput table.
    driver
        The driver, whose ``tally`` says what solving cost; None in a replay.
    allocations
        How often the allocation was recomputed, times when nobody was there included.
    mechanism_seconds
        Wall clock spent in the mechanism.
    notes
        What policies wanted the user to know, each line once, in order.
    on_allocation
        Called with the round, the simulated time and each allocation, if set.
    keeps_before
        Whether :meth:`snapshot_before` is to have an answer; costs a copy a recomputation.
    """

    def __init__(
        self,
        config: RunConfig,
        programs: Callable[..., None] | None = None,
        made: Found | None = None,
        prices: np.ndarray | None = None,
        record_placements: bool = False,
        like: Simulation | None = None,
        prepare: Callable[[Workload], None] | None = None,
        between_resets: float = BETWEEN_RESETS,
    ) -> None:
        self.config = config
        self.policy_source = source_of(config, made)
        policy = policy_of(config, made)
        traits = self._traits = policy.traits
        self.workload: Workload
        self.notes: list[str] = []  # nobody is told again
        if like is None:
            self.surroundings, self.workload = surroundings_of(config, traits)
            self.notes = self._notes(policy)
        else:
            self.surroundings = like.surroundings
            self.workload, _ = workload_of(config, like.surroundings.measurements, traits)
        self.measurements, self.cluster, self.prices, self._table, _ = self.surroundings
        self.driver: Driver | None = None
        self._replay: Replay | None = None
        if config.replay is None:
            self.driver = driver_of(config, policy, programs)
        else:
            self._replay = load_replay(config.replay, self.cluster.worker_types)
        self._programs = programs if isinstance(programs, ProgramFiles) else None
        if prepare is not None:
            prepare(self.workload)
        window = config.window or (0, self.workload.limit or 0)
        self.window: tuple[int, int] = window
        self.on_allocation: Callable[[int, float, Allocation], None] | None = None
        self.solves = Solves()
        self.allocations = 0
        self._allocated = array("q")
        """Rounds that were before each recomputation, of those since this process took up the run."""
        self._asked_for = np.zeros(0, dtype=np.int64)
        """Workers that all jobs up to each ask for."""
        self.mechanism_seconds = 0.0
        self.keeps_before = False
        self._before: dict[str, Any] | None = None
        self._before_held = threading.Lock()
        self._recomputation_due = False
        needs_prices = config.prices is not None or traits.needs_prices
        self._state_prices = self.prices if needs_prices else None
        estimates = None
        if estimates_wanted(config):
            estimates = EstimatedThroughputs(config, self.measurements, self._table)
        setting = Setting(
            cluster=self.cluster,
            table=self._table,
            workload=self.workload,
            traits=traits,
            window=window,
            seed=config.seed,
            round_seconds=float(config.round_seconds),
            between_resets=between_resets,
            prices=self.prices if prices is None else prices,
            records_placements=record_placements,
            shown=estimates,
        )
        self.mechanism = IdealMechanism(setting) if config.ideal else Mechanism(setting)
        outside = self.driver is not None and not is_ours(policy)
        self._apart = _copied(setting.seen_table) if outside else None

    # what to look at -------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether all jobs of the window are done."""
        return self.mechanism.finished

    @property
    def time(self) -> float:
        """Simulated seconds now."""
        return self.mechanism.time

    @property
    def rounds(self) -> int:
        """Rounds so far."""
        return self.mechanism.rounds

    @property
    def active(self) -> int:
        """Jobs in the system."""
        return self.mechanism.active

    @property
    def arrived(self) -> int:
        """Jobs that have arrived."""
        return self.mechanism.arrived

    @property
    def completed(self) -> int:
        """Jobs that are done, dropped ones included."""
        return self.mechanism.completed

    @property
    def shares_workers(self) -> bool:
        """Whether the policy may put two jobs on the same workers."""
        return self._traits.packing

    def utilization(self) -> float:
        """Mean over workers of busy time divided by time; 0 at time 0."""
        return self.mechanism.utilization()

    @property
    def jobs(self) -> Columns:
        """All jobs that have arrived, by number (copies).

        Fields of :data:`~simulator.world.jobs.JOB` and of OUTCOME (:mod:`simulator.mechanism.records`); ``jct``
        in seconds, NaN like ``finish``; ``steps_left``, 0 for jobs that have left.
        """
        came, became = self.workload.jobs.records[: self.arrived], self.mechanism.outcomes()
        found = _columns(came) | _columns(became)
        number, left = self.mechanism.steps_left()
        steps_left = np.zeros(len(came))
        steps_left[number] = left
        return found | {"jct": found["finish"] - found["arrival"], "steps_left": steps_left}

    def parts_left(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the jobs in the system, and the part of its work that each has left."""
        number, left = self.mechanism.steps_left()
        return number, np.maximum(left, 0.0) / self.workload.jobs.steps[number]

    def trace(self) -> str:
        """The jobs that have arrived as a trace, to be run again under other policies."""
        return write_trace(self.workload.jobs, self.arrived, self.measurements)

    @property
    def series(self) -> Columns:
        """All rounds so far (copies): fields of ROUND, and ``utilization_by_type``, shape ``(rounds, J)``."""
        rounds, type_use = self.mechanism.metrics()
        return _columns(rounds) | {"utilization_by_type": type_use.copy()}

    def allocations_before(self, rounds: np.ndarray) -> np.ndarray:
        """How often the allocation had been recomputed by the end of each of these rounds (1 is the first)."""
        here = np.array(self._allocated, dtype=np.int64)
        return self.allocations - here.size + np.searchsorted(here, rounds)

    def waiting_since(self, seconds: float) -> np.ndarray:
        """Jobs that waited in each round since a moment of simulated time.

        Where two jobs may share workers all may run at once and still be too many: there it is the
        jobs beyond as many as there are workers.
        """
        rounds, _ = self.mechanism.metrics()
        # looked up in the column as it lies: numpy would copy it whole, each time
        return self._waiting_in(rounds[bisect.bisect_left(rounds["time"], seconds) :])

    @property
    def waiting(self) -> float:
        """Jobs that waited in the last round, as :meth:`waiting_since` counts them."""
        rounds, _ = self.mechanism.metrics()
        return float(self._waiting_in(rounds[-1:])[0]) if rounds.size else 0.0

    def _waiting_in(self, recent: np.ndarray) -> np.ndarray:
        """Jobs that waited in each of these rounds."""
        waiting: np.ndarray = recent["queued"].astype(np.float64)
        if self.shares_workers:
            most = recent["active"] - self.cluster.total / self.mean_scale
            waiting = np.maximum(waiting, most)
        return waiting

    @property
    def waits(self) -> bool:
        """Whether anybody may have waited in the last round; of jobs that share workers it is not known at once."""
        rounds, _ = self.mechanism.metrics()
        return self.shares_workers or bool(rounds.size and rounds["queued"][-1] > 0)

    @property
    def mean_scale(self) -> float:
        """Workers that a job asks for, on average over those that have arrived."""
        jobs, n = self.workload.jobs, max(1, self.arrived)
        if self._asked_for.size != jobs.size:  # known from then on: it is looked at often
            self._asked_for = np.cumsum(jobs.scale_factor)
        return float(self._asked_for[n - 1] / n)

    # what to do ------------------------------------------------------------------------------

    def advance(self, rounds: int, until: float = math.inf) -> None:
        """Run at most ``rounds`` rounds; fewer if the run ends, or a signal asks it to.

        Parameters
        ----------
        rounds, until
            How many rounds, and the simulated second from which on none begins.

        Raises
        ------
        gavel_opt.SolveFailed, InputError
            From the policy and its engines.
        StuckError
            If nothing can ever run again.
        """
        # All but the policy's time is the mechanism's.
        started, solving = clock(), self.solves.seconds
        try:
            self._advance(rounds, until)
        finally:
            self.mechanism_seconds += clock() - started - (self.solves.seconds - solving)

    def _advance(self, rounds: int, until: float) -> None:
        mechanism = self.mechanism
        stop = mechanism.rounds + rounds
        if self._recomputation_due:
            self._recomputation_due = False
            self._allocate()
        while mechanism.rounds < stop and not mechanism.finished and interrupts.pending is None:
            outcome = mechanism.run(stop - mechanism.rounds, until, self._decider())
            self._count_decisions()
            if outcome == ENOUGH and self.time >= until:
                break
            if outcome == ALLOCATE:
                self._allocate()
            elif outcome == MORE_JOBS:
                self.workload.extend(max(64, self.workload.jobs.size // 4))
                mechanism.take_jobs()
            elif outcome == STUCK:
                raise StuckError(
                    f"nothing runs at {self.time:.0f} s and nothing will arrive, but "
                    f"{counted(self.active, 'job')} left; policy {self.config.policy!r} gives them nothing"
                )

    def _decider(self) -> Call | None:
        """What decides allocations within the rounds; None if anybody wants to see each of them."""
        driver = self.driver
        seen = self.keeps_before or self.on_allocation is not None
        if seen or driver is None or not KEEPS_TIME:
            return None
        return driver.standing_call(self.mechanism.standing())

    def _count_decisions(self) -> None:
        """Keep what the decisions within the rounds took, as if they had been asked for."""
        taken = self.mechanism.take_decisions()
        if taken is not None and self.driver is not None:
            decisions, seconds, worst = taken
            self.allocations += decisions.size
            self._allocated.frombytes(decisions["round"].tobytes())
            self.solves.add(decisions, seconds)
            programs = int(decisions["programs"].sum())
            self.driver.count_calls(decisions.size, programs, seconds, worst)

    def _allocate(self) -> None:
        mechanism = self.mechanism
        state = mechanism.state(self._state_prices)
        if self._apart is not None:
            self._set_apart(state, self._apart)
        if self.keeps_before:
            self._before = self._deciders()
        allocation: Allocation | None = None
        if self._replay is not None:
            allocation = self._replay.next(state.job, self.time)
        elif self.driver is not None and state.job.size:
            allocation = self.solves.watch(self.driver, state, self.rounds, self.time)
        elif self.driver is not None and not solves(self.driver.policy):
            # One that remembers sees that everybody has left, as the reference's does.
            see_empty(self.driver.policy, state, self.driver.merges)
        self.allocations += 1
        self._allocated.append(self.rounds)
        if allocation is not None:
            if self.on_allocation is not None:
                self.on_allocation(self.rounds, self.time, allocation)
            for note in allocation.notes:
                if note not in self.notes:
                    self.notes.append(note)
        with self._before_held:
            self._before = None
        mechanism.allocate(allocation)

    def _set_apart(self, state: ClusterState, table: ThroughputTable) -> None:
        """Let a policy write into what it is shown: the cluster stays what it is, and so does the next state."""
        for mine, true in (
            (table.alone, state.throughputs.alone),
            (table.paired, state.throughputs.paired),
        ):
            if mine is not None and true is not None and not np.array_equal(mine, true):
                mine[:] = true
        state.throughputs, state.workers = table, state.workers.copy()
        state.prices = None if state.prices is None else state.prices.copy()

    # put down and take up --------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as JSON values and numpy arrays; between two calls only."""
        return self._everything(self._deciders(), self._recomputation_due)

    def snapshot_before(self) -> dict[str, Any] | None:
        """Everything as it was before the recomputation that is going on, or None between two.

        For another thread, when a solve does not end. The process must end then: the thread of the
        run is held up for good where it would go on.
        """
        self._before_held.acquire()
        if self._before is None:
            self._before_held.release()
            return None
        return self._everything(self._before, True)

    def _everything(self, deciders: dict[str, Any], due: bool) -> dict[str, Any]:
        return {
            "recomputation_due": due,
            "allocations": self.allocations,
            "mechanism_seconds": self.mechanism_seconds,
            "notes": list(self.notes),
            "workload": self.workload.snapshot(),
            "mechanism": self.mechanism.snapshot(),
            "solves": self.solves.snapshot(),
            **deciders,
        }

    def _deciders(self) -> dict[str, Any]:
        """What a recomputation changes, or may, before its allocation is in force."""
        return {
            "tally": {} if self.driver is None else asdict(self.driver.tally),
            "policy": self.policy_memory(),
            "replay": 0 if self._replay is None else self._replay.place,
            "programs": 0 if self._programs is None else self._programs.count,
        }

    def policy_memory(self) -> dict[str, Any]:
        """What the policy remembers; nothing in a replay."""
        return {} if self.driver is None else memory_of(self.driver.policy)

    def restore(self, memory: dict[str, Any]) -> None:
        """Take back what :meth:`snapshot` gave, for the same configuration: the same bits follow."""
        self.allocations = int(memory["allocations"])
        self._allocated = array("q")
        self.mechanism_seconds = float(memory["mechanism_seconds"])
        self.notes = list(memory["notes"])
        self.workload.restore(memory["workload"])
        jobs = self.workload.jobs
        require_within("the workload's key", jobs.key, 0, len(self.measurements.keys))
        require_within("the workload's scale_factor", jobs.scale_factor, 1, self.cluster.total + 1)
        self.mechanism.restore(memory["mechanism"])
        if "solves" in memory:
            self.solves.restore(memory["solves"])
        self._recomputation_due = bool(memory["recomputation_due"])
        if self._recomputation_due:
            self.mechanism.look_again()
        if self.driver is not None:
            self.driver.policy.restore(memory["policy"])
            self.driver.tally = Tally(**memory["tally"])
        if self._replay is not None:
            self._replay.place = int(memory["replay"])
        if self._programs is not None:
            self._programs.count = int(memory["programs"])

    # -----------------------------------------------------------------------------------------

    def _notes(self, policy: Policy) -> list[str]:
        """What whoever gave the settings is told of them."""
        config = self.config
        found = self.surroundings.cluster.left_over(config.cluster)
        found += notes_on_settings(config, policy, policy.traits)
        found += notes_on_files(config)
        found += notes_on_jobs(config, self.workload)
        types = self.surroundings.cluster.worker_types
        if policy.traits.needs_reference and meant(REFERENCE_TYPE, types) is None:
            found.append(
                f"no {REFERENCE_TYPE} in the cluster: policy {config.policy} takes every job's speed from "
                f"{types[self.surroundings.table.reference]}, the fastest type that is there"
            )
        if self.policy_source == UNNAMED:
            found.append("the policy was handed over as an object: no command repeats this run")
        return found


def driver_of(
    config: RunConfig, policy: Policy, programs: Callable[..., None] | None = None
) -> Driver:
    """The policy on the engines of a run; ``programs`` is handed each general program that they solve."""
    return Driver(
        policy,
        config.engine,
        fallback=config.fallback,
        tie_break=config.tie_break,
        grouping=config.grouping,
        tolerance=config.tolerance,
        options=Options(time_limit=config.solver_timeout),
        recorder=programs,
    )


def _copied(table: ThroughputTable) -> ThroughputTable:
    paired = None if table.paired is None else table.paired.copy()
    return replace(table, alone=table.alone.copy(), paired=paired)


def _columns(records: np.ndarray) -> Columns:
    """Fields of records, each for itself (copies)."""
    return {name: records[name].copy() for name in records.dtype.names or ()}
