"""Runs a simulation to its end: limits, verdicts, checkpoints, progress.

Everything that can end a run except ``timeout`` is decided at rounds that do not depend on how
fast the machine is, so equal configurations end alike everywhere.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gavel_opt import InputError, Recorder, SolveFailed, Tally
from gavel_opt.kernels.jit import clock, compile_seconds
from gavel_opt.policies import Found
from gavel_opt.policies.outside import is_ours
from simulator.mechanism.snapshot_places import without_pairs
from simulator.process.interrupts import Interrupted, interrupts
from simulator.process.timeout_watch import watched
from simulator.runs.checkpoint import (
    Checkpoint,
    check_memory,
    refusing,
    restore,
    resume_command,
    save,
)
from simulator.runs.events import PROMPT, Cancel, Events
from simulator.runs.output.live import LiveFolder
from simulator.runs.output.recording import UNSOLVED, Allocations, keep_unsolved
from simulator.runs.output.results import RunResult, Spent, Status
from simulator.runs.output.summary import collect
from simulator.runs.output.summary_text import how_far
from simulator.runs.saturation.judge import Judge
from simulator.runs.saturation.rules import Verdict
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.settings.options import RECORDINGS
from simulator.world.units import HOUR

_PACE = 0.1
"""Seconds of wall clock between two calls of the progress callback, about."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; handed to the progress callback several times a second.

    Attributes
    ----------
    time
        Simulated seconds.
    rounds, arrived, completed, active
        Counts so far.
    measured_done, measured
        Of the measured jobs, those completed, and all.
    needed
        Jobs that must complete, about, for the run to end.
    """

    time: float
    rounds: int
    arrived: int
    completed: int
    active: int
    measured_done: int
    measured: int
    needed: int


@dataclass(slots=True)
class Checkpointing:
    """When and where to write checkpoints.

    Attributes
    ----------
    path
        The file; written over each time.
    seconds, rounds
        Every so many seconds of wall clock, or rounds; one of the two.
    at_job
        Also once, when this many jobs have arrived, into ``path`` with ``-job<N>`` in its name.
    rescues
        Whether a signal that comes during a recomputation that does not end leaves one of before it;
        costs a copy a recomputation.
    """

    path: Path
    seconds: float | None = None
    rounds: int | None = None
    at_job: int | None = None
    rescues: bool = True

    def kept(self) -> dict[str, Any]:
        """What a run that goes on does as well, unless it is told otherwise."""
        return {"seconds": self.seconds, "rounds": self.rounds, "at_job": self.at_job}

    @property
    def warm_path(self) -> Path:
        """File of the checkpoint at a job."""
        return self.path.with_name(f"{self.path.stem}-job{self.at_job}{self.path.suffix}")


def parse_every(text: str) -> tuple[float | None, int | None]:
    """Parse ``600s`` or ``600`` (seconds of wall clock) or ``5000r`` (rounds).

    Raises
    ------
    InputError
        With what was expected.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s?)|(\d+)r", text)
    if match is None or float(match[1] or match[3]) <= 0:
        raise InputError(
            f"--checkpoint-every: {text!r} is not a time such as 600s or a number of rounds such "
            "as 5000r"
        )
    return (float(match[1]), None) if match[1] else (None, int(match[3]))


def execute(
    config: RunConfig,
    *,
    record: Collection[str] = (),
    recorder: Recorder | None = None,
    checkpointing: Checkpointing | None = None,
    resume: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    folder: Path | None = None,
    policy: Found | None = None,
    events: Events | None = None,
    cancel: Cancel | None = None,
) -> RunResult:
    """Simulate one run to its end.

    Parameters
    ----------
    config
        The run.
    record
        Words of ``--record``, of which the result is to hold ``placements`` (who ran where in every round),
        ``allocations`` (every one that was computed) and ``trace`` (the run's jobs as one).
    recorder
        Sees every program that an engine solved.
    checkpointing
        Where and when to write checkpoints.
    resume
        State to go on from, of this run or of the warm-up that it forks from.
    on_progress
        Called several times a second.
    folder
        Run folder, which takes the program that no engine could solve, and what the run shows of
        itself while it goes on.
    policy
        What makes the policy where its name in the configuration does not say it.
    events
        Told of what happens.
    cancel
        Asked several times a second whether to stop; the result is then what there is, ``cancelled``.

    Raises
    ------
    InputError
        If the configuration cannot be run.
    SolveFailed
        If no engine of the chain gave a certified answer; the text names the program's file.
    Stopped
        With the partial :class:`RunResult` as its ``result``, if a signal asked for the end; it is
        a ``KeyboardInterrupt``. It comes between two rounds, and the checkpoint is of there.
    """
    started = clock()
    if folder is not None:
        (folder / UNSOLVED).unlink(missing_ok=True)
    run = _Run(config, started, record, recorder, checkpointing, on_progress, policy)
    run.events, run.cancel = events, cancel
    if folder is not None:
        run.live = LiveFolder(folder, config)
    if resume is not None:
        run.restore(resume)
    with interrupts.deferred():
        interrupts.rescue = run.rescue
        try:
            ending = run.to_end()
        except Interrupted:
            run.interrupted()
            interrupts.there = run.how_far  # collecting what is said may take too long
            raise Stopped(run.result("cancelled")) from None
        except SolveFailed as failed:
            raise keep_unsolved(failed, folder) from None
        finally:
            interrupts.rescue = None
        if ending in ("timeout", "horizon"):  # which a longer limit takes from here
            run.interrupted()
        result = run.result(ending)
        if "trace" in record:
            result.trace = run.simulation.trace()
        if events is not None:
            found = result.summary["saturation"] if ending == "saturated" else {}
            finding, reason = str(found.get("verdict", "")), str(found.get("reason", ""))
            events.end(run.simulation, ending, finding, reason)
        return result


class Stopped(Interrupted):
    """A signal stopped the run; ``result`` is what there was by then."""

    def __init__(self, result: RunResult) -> None:
        super().__init__()
        self.result = result


class _Run:
    """One run on its way."""

    def __init__(
        self,
        config: RunConfig,
        started: float,
        record: Collection[str],
        recorder: Recorder | None,
        checkpointing: Checkpointing | None,
        on_progress: Callable[[Progress], None] | None,
        policy: Found | None,
    ) -> None:
        self.config = config
        self.compiled_before = compile_seconds()
        self.recorded = frozenset(record)
        self.simulation = Simulation(
            config, programs=recorder, made=policy, record_placements="placements" in record
        )
        self.allocations = Allocations() if "allocations" in record else None
        self.simulation.on_allocation = self.allocations
        self.simulation.keeps_before = checkpointing is not None and checkpointing.rescues
        self.starting = clock() - started
        self.started = started
        self.checkpointing = checkpointing
        self.on_progress = on_progress
        self.live: LiveFolder | None = None
        self.events: Events | None = None
        self.cancel: Cancel | None = None
        self.spent_before = 0.0
        self.judging = 0.0
        self.saving = 0.0
        self.horizon = config.max_simulated_hours * HOUR
        self.judge = Judge(config, policy)
        self.before_look: dict[str, Any] | None = None
        self.between = False
        """Whether nothing of the simulation is under way: another thread may take its state."""
        self.going_on = threading.Lock()
        """Held for good by the thread that saves in this one's stead: nothing changes then."""
        self.saved_at = started
        self.saved_rounds = 0
        self.warm_saved = checkpointing is None or checkpointing.at_job is None
        self.forked_from: str | None = None
        if checkpointing is not None:  # what cannot be kept is said before hours have gone into it
            check_memory(config.policy, self.simulation.policy_memory())

    @property
    def spent(self) -> float:
        """Seconds of wall clock, those before a resume included."""
        return self.spent_before + clock() - self.started

    def to_end(self) -> Status:
        """Go to an end, and say which; who listens is told when a solve does not come back."""
        limit = self.config.timeout
        try:
            with watched(limit, lambda: limit - self.spent):
                return self._round_by_round()
        except BaseException:
            self.hide()
            raise
        finally:
            self.is_between(False)

    def _round_by_round(self) -> Status:
        simulation = self.simulation
        if not simulation.rounds and self.judging_takes(self.judge.before) is not None:
            return "saturated"
        if simulation.rounds == self.judge.next_look and (ending := self._ending_by_look()):
            return ending  # resumed from where a look was due, or was interrupted
        chunk = 16
        pace = _PACE if self.events is None and self.cancel is None else PROMPT
        while not simulation.finished:
            wanted = self.rounds_ahead(chunk)
            self.is_between(False)
            before = clock()
            simulation.advance(wanted, self.horizon)
            took = clock() - before
            self.is_between(True)
            if wanted == chunk:
                chunk = max(1, min(int(chunk * min(4.0, pace / max(took, 1e-6))), 1 << 20))
            if self.on_progress is not None:
                self.on_progress(self.progress())
            if self.events is not None:
                self.events.after(simulation)
            if simulation.finished:
                break
            if self.cancel is not None and self.cancel.is_set():
                return "cancelled"
            if self.live is not None:
                self.live.show(simulation)
            interrupts.check()
            if simulation.time >= self.horizon:
                return "horizon"
            if self.judge.next_look is not None and simulation.rounds >= self.judge.next_look:
                ending = self._ending_by_look()
                if ending is not None:
                    return ending
            if self.spent >= self.config.timeout:
                return "timeout"
            self.save_if_due()
        return "completed"

    def _ending_by_look(self) -> Status | None:
        """Have the judge look, and say how the run ends if that ends it."""
        verdict = self.judging_takes(self.judge.look)
        if verdict is None or not verdict.stops:
            return None
        return "saturated" if verdict.finding == "saturated" else "completed"

    def rounds_ahead(self, chunk: int) -> int:
        """How many rounds may go by before something has to be looked at, ``chunk`` at most.

        Looks and checkpoints fall on the same rounds whatever the chunk, which depends on the speed
        of the machine.
        """
        rounds = self.simulation.rounds
        ahead = [chunk]
        if self.judge.next_look is not None:
            ahead.append(self.judge.next_look - rounds)
        if self.checkpointing is not None and self.checkpointing.rounds is not None:
            ahead.append(self.saved_rounds + self.checkpointing.rounds - rounds)
        if not self.warm_saved:
            ahead.append(1)
        return max(1, min(ahead))

    def judging_takes(self, look: Callable[[Simulation], Verdict | None]) -> Verdict | None:
        """Have the judge look at the run so far, and count the time.

        A look may take long. What is saved when it does not come to its end is from before it.
        """
        before = clock()
        self.before_look = self.judge.snapshot()
        self.is_between(True)
        verdict = look(self.simulation)
        with self.going_on:
            self.before_look = None
        self.judging += clock() - before
        return verdict

    @property
    def how_far(self) -> str:
        """How far it is, in a line."""
        return how_far(self.simulation.rounds, self.simulation.time)

    def is_between(self, whether: bool) -> None:
        """Say whether the simulation's state is whole from now on, unless it is being saved."""
        with self.going_on:
            self.between = whether

    def progress(self) -> Progress:
        """How far the run is."""
        simulation = self.simulation
        start, end = simulation.window
        return Progress(
            simulation.time,
            simulation.rounds,
            simulation.arrived,
            simulation.completed,
            simulation.active,
            end - start - simulation.mechanism.window_left,
            end - start,
            end,
        )

    def save_if_due(self) -> None:
        """Write the checkpoints whose time has come."""
        plan = self.checkpointing
        if plan is None:
            return
        if not self.warm_saved and self.simulation.arrived >= (plan.at_job or 0):
            self.warm_saved = True
            self.save(plan.warm_path)
        if plan.rounds is not None:
            due = self.simulation.rounds - self.saved_rounds >= plan.rounds
        else:
            due = plan.seconds is not None and clock() - self.saved_at >= plan.seconds
        if due:
            self.save(plan.path)

    def save(self, path: Path, snapshot: dict[str, Any] | None = None) -> None:
        """Write a checkpoint now, of the state between two rounds or of another."""
        before = clock()
        self.saved_rounds = self.simulation.rounds
        memory = {
            "spent": self.spent,
            "policy_source": self.simulation.policy_source,
            "allocations": None if self.allocations is None else self.allocations.snapshot(),
            "judging": self.judging,
            "saving": self.saving,
            "judge": self.before_look or self.judge.snapshot(),
            "warm_saved": self.warm_saved,
            "plan": None if self.checkpointing is None else self.checkpointing.kept(),
            "forked_from": self.forked_from,
            "saved_rounds": self.saved_rounds,
            "recorded": [word for word in RECORDINGS if word in self.recorded],
        }
        with interrupts.finishing():
            if snapshot is None:
                snapshot = self.simulation.snapshot()
            save(path, Checkpoint(self.config, snapshot, memory))
        if self.checkpointing is not None and path == self.checkpointing.path:
            interrupts.advice = f"go on with: {resume_command(path.parent)}"
        self.saved_at = clock()
        self.saving += self.saved_at - before

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint, of this run or of the warm-up that it forks from."""
        memory, snapshot, driver = checkpoint.runner, checkpoint.snapshot, self.simulation.driver
        theirs, ours = checkpoint.config, self.config
        forks = (theirs.policy, theirs.policy_settings) != (ours.policy, ours.policy_settings)
        if forks and driver is not None:
            snapshot = snapshot | {"policy": self.simulation.policy_memory()}
            if not self.simulation.shares_workers:
                with refusing():
                    part = without_pairs(snapshot["mechanism"], ours.policy)
                snapshot = snapshot | {"mechanism": part}
        outside = driver is not None and not is_ours(driver.policy)
        restore(self.simulation, snapshot, free=("policy",) if outside else ())
        with refusing():
            self._take_back(memory)
            before = str(memory.get("policy_source", ""))
        if not self.warm_saved:  # a fork, or a job that is asked for now: it may have been there
            self._check_warm_job()
        now = self.simulation.policy_source
        if before != now and not forks:
            self.simulation.notes.append(
                f"the policy is another one than before the checkpoint: {before}, then {now}"
            )
        if driver and driver.tie_break == "none" and driver.engine.capability.warm_start:
            self.simulation.notes.append(
                f"resumed with --tie-break none: {driver.engine.name} starts from its last "
                "answer, so this may be another optimum than in one go"
            )

    def _check_warm_job(self) -> None:
        job = self.checkpointing.at_job if self.checkpointing is not None else None
        if job is not None and job <= self.simulation.arrived:
            raise InputError(
                f"--checkpoint-at-job: {self.simulation.arrived} jobs had arrived by the checkpoint that this "
                f"{'goes on' if self.forked_from is None else 'forks'} from; give a number above that"
            )

    def _take_back(self, memory: dict[str, Any]) -> None:
        if self.allocations is not None and memory.get("allocations") is not None:
            self.allocations.restore(memory["allocations"])
        self.spent_before = float(memory["spent"])
        self.judging = float(memory["judging"])
        self.saving = float(memory["saving"])
        self.judge.restore(memory["judge"])
        self.saved_rounds = int(memory["saved_rounds"])
        before = memory.get("plan")
        ours = self.checkpointing.at_job if self.checkpointing is not None else None
        same = not isinstance(before, dict) or before.get("at_job") == ours
        self.warm_saved = self.warm_saved or (same and bool(memory["warm_saved"]))
        self.forked_from = memory.get("forked_from")

    def hide(self) -> None:
        """Remove what the run showed of itself: it goes on no longer."""
        if self.live is not None:
            self.live.remove()

    def interrupted(self) -> None:
        """Leave a checkpoint to go on from, if checkpoints were asked for, and nothing else."""
        if self.checkpointing is not None:
            self.save(self.checkpointing.path)

    def rescue(self) -> None:
        """Leave one of before the recomputation, or what goes on between two rounds, that does not end."""
        self.hide()
        plan = self.checkpointing
        before = self.simulation.snapshot_before()
        if before is None:
            self.going_on.acquire()
            if not self.between:
                return
        if plan is not None:
            self.save(plan.path, before)
        interrupts.there = self.how_far

    def result(self, status: Status) -> RunResult:
        """Collect what the run gave."""
        self.judge.at_the_end(self.simulation)
        if not self.warm_saved and self.checkpointing is not None:
            self.simulation.notes.append(
                f"--checkpoint-at-job: no checkpoint was written: {self.simulation.arrived} of "
                f"{self.checkpointing.at_job} jobs had arrived when the run ended"
            )
        types = self.simulation.cluster.worker_types
        return collect(
            self.simulation,
            self.config,
            status,
            self.judge.verdict,
            self.tally,
            Spent(
                self.spent,
                self.starting,
                self.simulation.mechanism_seconds,
                self.judging,
                self.saving,
                compile_seconds() - self.compiled_before,
            ),
            "placements" in self.recorded,
            None if self.allocations is None else self.allocations.columns(types),
        )

    @property
    def tally(self) -> Tally:
        """What the solves cost; zeros in a replay."""
        driver = self.simulation.driver
        return Tally() if driver is None else driver.tally
