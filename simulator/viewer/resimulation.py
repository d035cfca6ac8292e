"""A run carried out again, to the same bits, to see what was not recorded of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gavel_opt import POLICIES, Allocation, ClusterState, Driver, InputError
from simulator.runs.columns import Columns
from simulator.runs.config import RunConfig
from simulator.runs.observation import placement_columns
from simulator.runs.recording import Allocations
from simulator.runs.simulation import Simulation
from simulator.viewer.run_folder import RunFolder

RECORDED = ("placements", "allocations", "solves")
"""Tables of a run that are there only if they were asked for, or after :func:`completed`."""

_COUNTED = ("programs", "cache_hits", "fallbacks")
_WORST = ("max_primal_residual", "max_dual_residual", "max_relative_gap")
_SPENT = ("build", "translate", "solve", "read", "tie_break", "certify")


class Listener(Driver):
    """A driver that remembers what its recomputations cost, and the last of them.

    Attributes
    ----------
    last
        What the policy remembered before the last recomputation, what it saw and gave.
    history
        One entry a recomputation: programs, kept models, fallbacks, residuals, seconds.
    """

    last: tuple[dict[str, Any], ClusterState, Allocation] | None = None
    history: list[dict[str, float]]

    def allocate(self, state: ClusterState) -> Allocation:
        """Compute the allocation and remember what it was made of."""
        memory, tally = self.policy.snapshot(), self.tally
        before = {name: float(getattr(tally, name)) for name in (*_COUNTED, *_SPENT, *_WORST)}
        for name in _WORST:
            setattr(tally, name, 0.0)
        found = super().allocate(state)
        entry = {name: getattr(tally, name) - before[name] for name in _COUNTED}
        entry |= {name.removeprefix("max_"): getattr(tally, name) for name in _WORST}
        entry["seconds"] = sum(getattr(tally, name) - before[name] for name in _SPENT)
        for name in _WORST:
            setattr(tally, name, max(before[name], getattr(tally, name)))
        self.history.append(entry)
        self.last = (memory, state, found)
        return found


def listened(simulation: Simulation) -> Listener | None:
    """Put a listener in the place of a fresh simulation's driver; None in a replay."""
    driver, config = simulation.driver, simulation.config
    if driver is None:
        return None
    made = Listener(
        driver.policy,
        config.engine,
        fallback=config.fallback,
        tie_break=config.tie_break,
        grouping=config.grouping,
    )
    made.history = []
    simulation.driver = made
    return made


def check_trusted(config: RunConfig, run_code: bool) -> None:
    """Refuse a run folder that names code to run, unless the user wants it run.

    Raises
    ------
    InputError
        If the policy is a file or a module rather than one of ours or an installed one.
    """
    if not run_code and config.policy not in POLICIES and (":" in config.policy):
        raise InputError(
            f"its policy {config.policy!r} is code from outside: simulating the run again would run "
            "it; if you trust it, give --run-code"
        )


def completed(run: RunFolder, run_code: bool = False) -> RunFolder:
    """A run with what was not recorded of it.

    Raises
    ------
    InputError
        If it cannot be carried out again, or gives other rounds than were recorded.
    """
    if set(RECORDED) <= set(run.tables):
        return run
    check_trusted(run.config, run_code)
    if run.config.ideal:
        raise InputError("an --ideal run has no rounds in which jobs are placed")
    allocations = Allocations()
    simulation = Simulation(run.config, record_placements=True)
    simulation.on_allocation = allocations
    listener = listened(simulation)
    recorded = run.tables["rounds"]
    simulation.advance(recorded["time"].size)
    check_same_rounds(simulation, recorded)
    tables = {
        "placements": placement_columns(simulation),
        "allocations": allocations.columns(simulation.cluster.worker_types),
        "solves": _solves(listener, allocations.columns(simulation.cluster.worker_types)),
    }
    missing = {name: table for name, table in tables.items() if name not in run.tables}
    return replace(run, tables={**run.tables, **missing})


def check_same_rounds(simulation: Simulation, recorded: Columns) -> None:
    """The rounds of a simulation so far must be those that were recorded.

    Raises
    ------
    InputError
        Naming the first that is not.
    """
    series = simulation.series
    for name in ("time", "active", "running", "arrived"):
        theirs = recorded[name][: series.time.size]
        ours = getattr(series, name)[: theirs.size]
        differ = np.flatnonzero(ours != theirs)
        if differ.size:
            raise InputError(
                f"from round {int(differ[0])} on the run's configuration gives other rounds than were "
                f"recorded ({name}): it was made by another version, forked, or from other files, so "
                "nothing more can be found out of it"
            )


def simulated(config: RunConfig, path: Path, run_code: bool = False) -> RunFolder:
    """Carry out a run of which there is no folder.

    Raises
    ------
    GavelError
        If it fails.
    """
    from simulator.runs.runner import execute

    check_trusted(config, run_code)
    result = execute(config, placements=True, allocations=True)
    assert result.placements is not None
    assert result.allocations is not None
    tables = {
        "jobs": result.jobs,
        "rounds": result.rounds,
        "placements": result.placements,
        "allocations": result.allocations,
    }
    return RunFolder(path, "finished", "simulated for this page", result.summary, tables)


def _solves(listener: Listener | None, allocations: Columns) -> Columns:
    """What each recomputation with jobs cost, with its time."""
    if listener is None or not listener.history:
        return {"time": np.zeros(0), "round": np.zeros(0, dtype=np.int64)}
    _, first = np.unique(allocations["allocation"], return_index=True)
    names = list(listener.history[0])
    history = {name: np.array([entry[name] for entry in listener.history]) for name in names}
    count = min(first.size, len(listener.history))
    return {
        "time": allocations["time"][first][:count],
        "round": allocations["round"][first][:count],
    } | {name: values[:count] for name, values in history.items()}
