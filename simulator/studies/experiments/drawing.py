"""Pictures of experiments, drawn in a process of their own beside the runs of the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gavel_opt import GavelError
from simulator.studies.batches.batch import Batch
from simulator.studies.batches.stores import PointStore
from simulator.studies.executors import Payload
from simulator.studies.executors.local import Beside
from simulator.studies.experiments.experiment import Choices, Experiment

POINTS = "points"
"""Folder, within an experiment's, of one file a point."""


class Drawings:
    """Draws what is finished while other runs go on.

    Pictures are written whole or not at all, so nothing is lost but time where this is closed early.

    Parameters
    ----------
    beside
        Whether there is anything to go on beside; else an experiment is drawn at once, in this process.
    """

    def __init__(self, beside: bool) -> None:
        self._beside = Beside() if beside else None
        self._drawn: list[tuple[Path, list[Path]]] = []
        self._waiting: list[Path] = []

    def draw(self, experiment: Experiment, folder: Path, choices: Choices, batch: Batch) -> None:
        """Draw an experiment, or have it drawn, into its folder."""
        if self._beside is None:
            self._say(folder, experiment.plot(folder, choices, batch))
            return
        payload = {"experiment": experiment, "folder": folder, "choices": choices}
        self._beside.give(draw, payload | {"failed": batch.failed})
        self._waiting.append(folder)

    def wait(self) -> None:
        """Wait until everything is drawn.

        Raises
        ------
        GavelError
            If that has failed.
        """
        if self._beside is None:
            return
        outcomes, folders = self._beside.wait(), self._waiting
        self._waiting = []
        for folder, outcome in zip(folders, outcomes, strict=True):
            if outcome.error is not None or outcome.value is None:
                raise GavelError(f"{folder} could not be drawn: {outcome.error}")
            self._say(folder, outcome.value["files"])

    def of(self, folder: Path) -> list[Path]:
        """The pictures in a folder that were drawn so far."""
        return [file for place, files in self._drawn if place == folder for file in files]

    def close(self) -> None:
        """Give up what is not drawn yet."""
        if self._beside is not None:
            self._beside.close()

    def _say(self, folder: Path, files: list[Path]) -> None:
        self._drawn.append((folder, files))
        names = ", ".join(path.name for path in files)
        print(f"in {folder}: {names}, tables, one file a point")


def draw(payload: Payload) -> dict[str, Any]:
    """Draw one experiment from its finished points; in any process."""
    experiment, folder, choices = (payload[name] for name in ("experiment", "folder", "choices"))
    batch, store = Batch(failed=payload["failed"]), PointStore(folder / POINTS)
    for task in experiment.tasks(choices):
        kept = store.load(task.name, task.payload)
        if kept is not None:
            batch.done[task.name] = kept
    return {"files": experiment.plot(folder, choices, batch)}
