"""Why a job ran or waited, exactly: from the run's own configuration, which gives the same rounds again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gavel_opt import InputError
from gavel_opt.errors import counted
from simulator.mechanism.inspection import Standing, inspect
from simulator.mechanism.mechanism import Mechanism
from simulator.runs.columns import Columns
from simulator.runs.policy_of_run import policy_of
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.viewer.choice_again import TypeQueue, agrees, choose_again
from simulator.viewer.prices import Prices, prices_of
from simulator.viewer.reasons import Explanation, Finding, Table, decide
from simulator.viewer.reasons_in_words import Words, clock_time, length_of_time
from simulator.viewer.resimulation import check_same_rounds, check_trusted, listened


class Explainer:
    """Answers questions about one run; goes through its rounds again as far as they reach.

    Parameters
    ----------
    config
        The run.
    rounds
        Its rounds as recorded, if they were: what is simulated must equal them.
    run_code
        Whether a policy that is code from outside may be run.

    Raises
    ------
    InputError
        If the run has no rounds, or cannot be set up.
    """

    def __init__(
        self, config: RunConfig, rounds: Columns | None = None, run_code: bool = False
    ) -> None:
        check_trusted(config, run_code)
        if config.ideal:
            raise InputError(
                "explain: an --ideal run has no rounds; jobs get their shares exactly, all the time"
            )
        self.config = config
        self._recorded = rounds
        self._prices: tuple[float, Prices | None] | None = None
        self._start()

    def _start(self) -> None:
        self.simulation = Simulation(self.config)
        self._listener = listened(self.simulation)

    # questions -------------------------------------------------------------------------------

    def explain(self, job: int, number: int | None) -> Explanation:
        """Say why a job ran or waited in a round, or how it fared in all.

        Raises
        ------
        InputError
            If there is no such job or round.
        """
        if number is not None:
            self._go_to(number)
            return self._in_round(job, number)
        return self._life(job)

    def _go_to(self, number: int) -> None:
        """Stand where round ``number`` has just been chosen."""
        if self._recorded is not None and number >= self._recorded["time"].size:
            raise InputError(
                f"--round: the run has rounds 0 to {self._recorded['time'].size - 1}, not {number}"
            )
        if self.simulation.rounds > number + 1:
            self._start()
        self.simulation.advance(number + 1 - self.simulation.rounds)
        if self.simulation.rounds <= number:
            raise InputError(
                f"--round: the run has rounds 0 to {self.simulation.rounds - 1}, not {number}"
            )
        self._check()

    def _check(self) -> None:
        """The rounds so far must be those that were recorded."""
        if self._recorded is not None:
            check_same_rounds(self.simulation, self._recorded)

    def _in_round(self, job: int, number: int) -> Explanation:
        simulation = self.simulation
        jobs = simulation.workload.jobs
        time = float(simulation.series["time"][number])
        if job >= simulation.arrived:
            self._known(job)
            arrival = float(jobs.arrival[job])
            return Explanation(
                job,
                number,
                "not arrived",
                f"Job {job} had not arrived in round {number}, at {clock_time(time)}: it arrives "
                f"{length_of_time(arrival - time)} later.",
            )
        # A job that finishes within the round is still there: its finish is accounted for later.
        finish = float(simulation.mechanism.outcomes()["finish"][job])
        if simulation.mechanism.outcomes()["dropped"][job]:
            return Explanation(
                job, number, "left", f"Job {job} had been dropped by round {number}."
            )
        if finish == finish:
            return Explanation(
                job,
                number,
                "left",
                f"Job {job} had finished by round {number}: at {clock_time(finish)}, "
                f"{length_of_time(time - finish)} before it.",
            )
        standing, queues = self._choice()
        found = decide(job, standing, queues)
        words = Words(self, job, number, time, standing, queues)
        return words.explanation(found)

    def _choice(self) -> tuple[Standing, list[TypeQueue]]:
        """The last round's choice, and what it went by."""
        simulation = self.simulation
        mechanism = simulation.mechanism
        assert isinstance(mechanism, Mechanism)
        standing = inspect(mechanism)
        traits = self.traits
        table = simulation.measurements.table(simulation.cluster.worker_types)
        paired = table.paired

        def pair_speeds(one: int, two: int) -> np.ndarray:
            types = simulation.cluster.workers.size
            return np.zeros((2, types)) if paired is None else paired[one, two]

        queues = choose_again(
            standing,
            simulation.cluster.workers,
            traits.packing,
            traits.skips_zero_priority,
            self.config.round_seconds / 2.0,
            pair_speeds,
        )
        if not agrees(queues, standing, simulation.cluster.first_worker):
            raise InputError(
                "explain: the round's choice rests on estimated throughputs of pairs, which are not "
                "kept; runs with --profiling-percentage or --reference-models cannot be explained"
            )
        return standing, queues

    @property
    def traits(self) -> Any:
        """What the mechanism knows of the policy."""
        listener = self._listener
        return (policy_of(self.config) if listener is None else listener.policy).traits

    def prices(self) -> Prices | None:
        """Prices of the last recomputation; None where there are none."""
        last = None if self._listener is None else self._listener.last
        if last is None:
            return None
        when = self.simulation.allocations
        if self._prices is None or self._prices[0] != when:
            self._prices = (when, prices_of(self.config, last[0], last[1]))
        return self._prices[1]

    def _known(self, job: int) -> None:
        """There must be such a job."""
        workload = self.simulation.workload
        limit = workload.limit
        if limit is not None and job >= limit:
            raise InputError(f"--job: the run has jobs 0 to {limit - 1}, not {job}")
        if job >= workload.jobs.size:
            raise InputError(
                f"--job: {self.simulation.arrived} jobs had arrived by then, and job {job} is not "
                "among the next that were drawn"
            )

    # a life ----------------------------------------------------------------------------------

    def _life(self, job: int) -> Explanation:
        """Go through all rounds of a job's life and count the reasons."""
        if self.simulation.arrived > job:
            self._start()
        simulation = self.simulation
        while simulation.arrived <= job and not simulation.finished and not self.over():
            simulation.advance(1)
        if simulation.arrived <= job:
            raise InputError(f"--job: the run has jobs 0 to {simulation.arrived - 1}, not {job}")
        stretches: list[tuple[str, int, int]] = []
        counts: dict[str, int] = {}
        first_run: int | None = None
        while True:
            number = simulation.rounds - 1
            outcomes = simulation.mechanism.outcomes()
            if outcomes["finish"][job] == outcomes["finish"][job] or outcomes["dropped"][job]:
                break
            standing, queues = self._choice()
            found = decide(job, standing, queues)
            what = self._brief(found)
            if found.reason == "ran" and first_run is None:
                first_run = number
            counts[what] = counts.get(what, 0) + 1
            if stretches and stretches[-1][0] == what and stretches[-1][2] == number - 1:
                stretches[-1] = (what, stretches[-1][1], number)
            else:
                stretches.append((what, number, number))
            if simulation.finished or self.over():
                break
            before = simulation.rounds
            simulation.advance(1)
            if simulation.rounds == before:
                break
        self._check()
        return self._told(job, stretches, counts, first_run)

    def over(self) -> bool:
        """Whether the recorded run ended here."""
        return self._recorded is not None and self.simulation.rounds >= self._recorded["time"].size

    def _brief(self, found: Finding) -> str:
        if found.reason == "ran":
            assert found.on is not None
            kind = self.simulation.cluster.worker_types[found.on]
            beside = f" beside job {found.beside}" if found.beside >= 0 else ""
            return f"ran on {kind}{beside}"
        return f"waited: {found.reason}"

    def _told(
        self,
        job: int,
        stretches: list[tuple[str, int, int]],
        counts: Mapping[str, int],
        first_run: int | None,
    ) -> Explanation:
        simulation = self.simulation
        arrival = float(simulation.workload.jobs.arrival[job])
        finish = float(simulation.mechanism.outcomes()["finish"][job])
        time = simulation.series["time"]
        name, scale = simulation.measurements.keys[int(simulation.workload.jobs.key[job])]
        workers = f"{scale} worker{'s' if scale > 1 else ''}"
        ran = sum(count for what, count in counts.items() if what.startswith("ran"))
        waited = sum(counts.values()) - ran
        if finish == finish:
            end = f"finished after {length_of_time(finish - arrival)}, at {clock_time(finish)}"
        elif simulation.mechanism.outcomes()["dropped"][job]:
            end = "was dropped after five attempts without a whole step for each worker"
        else:
            end = "was not finished at the end of the run"
        lines = [
            f"{name} on {workers}; arrived at {clock_time(arrival)}.",
            f"Ran in {counted(ran, 'round')} and waited in {waited}.",
        ]
        if first_run is not None:
            lines.append(
                f"First ran in round {first_run}, {length_of_time(float(time[first_run]) - arrival)} after "
                "it arrived."
            )
        total = Table(
            "rounds by what happened",
            ["what", "rounds"],
            [[what, str(count)] for what, count in sorted(counts.items(), key=lambda one: -one[1])],
        )
        told = Table(
            "its life, round by round",
            ["rounds", "from", "what"],
            [
                [
                    str(first) if first == last else f"{first}-{last}",
                    clock_time(float(time[first])),
                    what,
                ]
                for what, first, last in stretches
            ],
        )
        return Explanation(job, None, "life", f"Job {job} {end}.", lines, [total, told])
