"""A run carried out again, to the same bits, to see what was not recorded of it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gavel_opt import POLICIES, Allocation, ClusterState, Driver, InputError
from simulator.runs.columns import Columns
from simulator.runs.output.recording import Allocations
from simulator.runs.output.tables import placement_columns
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.viewer.run_folder import RunFolder

RECORDED = ("placements", "allocations", "solves")
"""Tables of a run that are there only if they were asked for, or after :func:`completed`."""


class Listener(Driver):
    """A driver that remembers its last recomputation.

    Attributes
    ----------
    last
        What the policy remembered before it, what it saw and gave.
    """

    last: tuple[dict[str, Any], ClusterState, Allocation] | None = None

    def allocate(self, state: ClusterState) -> Allocation:
        """Compute the allocation and remember what it was made of."""
        memory = copy.deepcopy(
            self.policy.snapshot()
        )  # it may be what the policy goes on writing to
        found = super().allocate(state)
        self.last = (memory, state, found)
        return found


def listened(simulation: Simulation) -> Listener | None:
    """Put a listener in the place of a fresh simulation's driver; None in a replay."""
    driver, config = simulation.driver, simulation.config
    if driver is None:
        return None
    simulation.driver = made = Listener(
        driver.policy,
        config.engine,
        fallback=config.fallback,
        tie_break=config.tie_break,
        grouping=config.grouping,
    )
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
    recorded = run.tables["rounds"]
    simulation.advance(recorded["time"].size)
    check_same_rounds(simulation, recorded)
    tables = {
        "placements": placement_columns(simulation),
        "allocations": allocations.columns(simulation.cluster.worker_types),
        "solves": simulation.solves.columns(),
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
        theirs = recorded[name][: series["time"].size]
        ours = series[name][: theirs.size]
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
    result = execute(config, record=("placements", "allocations"))
    assert result.placements is not None
    assert result.allocations is not None
    tables = {
        "jobs": result.jobs,
        "rounds": result.rounds,
        "placements": result.placements,
        "allocations": result.allocations,
    }
    if result.solves is not None:
        tables["solves"] = result.solves
    return RunFolder(path, "finished", "simulated for this page", result.summary, tables)
