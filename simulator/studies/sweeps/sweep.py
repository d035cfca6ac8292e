"""A sweep carried out: its plan kept, its runs made, the tables of all that its folder holds written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gavel_opt import GavelError
from simulator.studies.batches.batch import Batch, Failures, Task, run_batch
from simulator.studies.batches.run_folders import RunFolders, payload_of, simulate, tidy
from simulator.studies.sweeps.over_seeds import OverSeeds
from simulator.studies.sweeps.sweep_folder import FAILURES, PLAN, PlanEntry, read_plan, write_plan
from simulator.studies.sweeps.sweep_tables import side_by_side, write_tables


def carry_out_here(
    folder: Path,
    entries: Sequence[PlanEntry],
    executor: Any,
    elsewhere: Mapping[str, Sequence[Path]] | None = None,
) -> Batch:
    """Carry out runs on an executor that waits for them.

    Raises
    ------
    GavelError
        If the folder was removed meanwhile, with the plan written again for what is there since.
    """
    tasks = [Task(one.name, payload_of(one.config, one.identity)) for one in entries]
    try:
        store, failures = RunFolders(folder), folder / FAILURES
        batch = run_batch(executor, simulate, tasks, store, "sweep", failures, elsewhere)
    finally:
        tidy(folder)
    if not (folder / PLAN).exists():
        write_plan(folder, entries, [])
        raise GavelError(
            f"{folder} was removed while the sweep ran; the same command makes it whole"
        )
    return batch


def add_to_plan(folder: Path, entries: Sequence[PlanEntry], command: Sequence[str]) -> None:
    """Write runs into the plan of a folder, if what it holds of them and of earlier commands' runs is theirs.

    Raises
    ------
    InputError
        As :func:`kept_of`, with nothing written.
    """
    if (folder / PLAN).exists():
        kept_of(folder, [*_others_of(folder, entries), *entries])
    write_plan(folder, entries, command)


def write_tables_of_all(
    folder: Path, entries: Sequence[PlanEntry], batch: Batch
) -> tuple[list[PlanEntry], list[OverSeeds]]:
    """Write the tables of all runs that a folder holds, those of a batch and of earlier plans.

    Returns the runs as the tables have them, and their means over seeds, none where no run is done.
    """
    others = _others_of(folder, entries)
    earlier = kept_of(folder, others)
    every = Batch(batch.done | earlier.done, batch.failed | earlier.failed)
    plan = side_by_side([*entries, *others], every)
    return plan, write_tables(folder, plan, every) if every.done else []


def _others_of(folder: Path, entries: Sequence[PlanEntry]) -> list[PlanEntry]:
    """Runs that other commands planned in this folder."""
    names = {one.name for one in entries}
    return [one for one in read_plan(folder) if one.name not in names]


def kept_of(folder: Path, entries: Sequence[PlanEntry]) -> Batch:
    """What a folder holds of some runs.

    Raises
    ------
    InputError
        If a run's folder is of other settings, of files that have changed or of another version.
    """
    store, failures = RunFolders(folder), Failures(folder / FAILURES)
    batch = Batch()
    for one in entries:
        kept = store.load(one.name, payload_of(one.config, one.identity))
        if kept is not None:
            batch.done[one.name] = kept
        elif (reason := failures.reason(one.name)) is not None:
            batch.failed[one.name] = reason
    return batch
