"""What the page may ask for: the runs and studies that were named, and those that follow from them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt import GavelError, InputError
from simulator.settings.config import RunConfig
from simulator.viewer import run_parts
from simulator.viewer.resimulation import completed, simulated
from simulator.viewer.run_folder import LIVE_FILE, RunFolder, looks_like_a_run, read_run
from simulator.viewer.study_folder import Study, find_studies

if TYPE_CHECKING:
    from simulator.viewer.explanation import Explainer


class NotThereError(InputError):
    """The page asked for something that there is not."""


@dataclass(slots=True, eq=False)
class _Shelf:
    """A run of the library.

    Attributes
    ----------
    label
        What the page calls it.
    source
        Folder to read, or configuration to simulate.
    run
        What was read, as of ``stamp``.
    """

    label: str
    source: Path | RunConfig
    run: RunFolder | None = None
    stamp: int = -1


class Library:
    """Runs by short names of our own (``r0``, ``r1``, ...): no path ever comes from the page.

    Parameters
    ----------
    paths
        Folders of runs, sweeps and figures.
    run_code
        Whether runs whose policy is code from outside may be simulated again.
    """

    def __init__(self, paths: Sequence[Path], run_code: bool = False) -> None:
        self._run_code = run_code
        self._lock = threading.RLock()
        self._paths = list(paths)
        self._shelves: dict[str, _Shelf] = {}
        self._by_source: dict[str, str] = {}
        self._named = 0
        self._parts: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._explainer: tuple[RunFolder, Explainer] | None = None
        self._studies: dict[str, Study] = {}
        self.scan()

    def scan(self) -> None:
        """Look again at the folders, in which runs and studies may have begun."""
        with self._lock:
            found: list[Study] = []
            for path in self._paths:
                studies = [] if looks_like_a_run(path) else find_studies(path)
                found += studies
                if studies:
                    self._unshelve(path)  # it was empty when it was looked at first
                else:
                    self._shelve(path, path.name or str(path))
            self._studies = {f"s{number}": study for number, study in enumerate(found)}

    def catalog(self) -> dict[str, Any]:
        """What there is: runs with their state, and studies with their entries."""
        with self._lock:
            runs = []
            for name, shelf in self._shelves.items():
                run = self._read(shelf)
                runs.append(
                    {
                        "id": name,
                        "label": shelf.label,
                        "state": run.state,
                        "message": run.message,
                        "readable": run.readable,
                        "placements": "placements" in run.tables,
                        "allocations": "allocations" in run.tables,
                        "stamp": shelf.stamp,
                    }
                )
            studies = {name: study.to_json() for name, study in self._studies.items()}
        return {"runs": runs, "studies": studies}

    def run(self, name: str) -> RunFolder:
        """Return a run by its short name."""
        with self._lock:
            if name not in self._shelves:
                raise NotThereError(f"there is no run {name!r}")
            return self._read(self._shelves[name])

    def part(self, name: str, part: str) -> bytes:
        """Return the ``overview``, ``placements`` or ``allocations`` of a run as columns."""
        with self._lock:
            run = self.run(name)
            if not run.readable:
                raise NotThereError(run.message)
            if part != "overview" and part not in run.tables:
                raise NotThereError(f"{part} were not recorded")
            stamp, packed = self._parts.get((name, part), (None, b""))
            if stamp != self._shelves[name].stamp:
                try:
                    packed = _PACKERS[part](run)
                except _UNFIT as wrong:
                    raise NotThereError(
                        f"damaged: its tables do not fit together: {wrong}"
                    ) from None
                self._parts[name, part] = (self._shelves[name].stamp, packed)
            return packed

    def open_entry(self, study: str, place: int) -> str:
        """Put the run behind an entry of a study on a shelf and return its short name."""
        with self._lock:
            if study not in self._studies or not 0 <= place < len(self._studies[study].runs):
                raise NotThereError("there is no such entry")
            found = self._studies[study]
            return self._shelve(found.runs[place], str(found.entries[place]["name"]))

    def simulate(self, name: str) -> None:
        """Run a run again, to the same bits, to see who ran where."""
        with self._lock:
            shelf = self._shelves.get(name)
            if shelf is None:
                raise NotThereError(f"there is no run {name!r}")
            run = self._read(shelf)
            self._parts.pop((name, "overview"), None)
            run.tables = completed(run, self._run_code).tables

    def waits(self, name: str) -> bytes:
        """Return why each job of a run waited, as columns: for a file that cannot ask.

        Raises
        ------
        InputError
            If that cannot be found out.
        """
        from simulator.viewer.waits import packed, waits

        with self._lock:
            run = self.run(name)
            if run.state == "running":
                raise InputError("the run was still going on")
            return packed(waits(run, self._run_code), int(run.tables["jobs"]["job"].size))

    def explain(self, name: str, job: int, number: int | None) -> dict[str, Any]:
        """Say why a job ran or waited in a round, or over its life (``Explanation.to_json``)."""
        from simulator.viewer.explanation import Explainer

        with self._lock:
            run = self.run(name)
            if not run.readable:
                raise NotThereError(run.message)
            if self._explainer is None or self._explainer[0] is not run:
                rounds = None if run.state == "running" else run.tables["rounds"]
                self._explainer = (run, Explainer(run.config, rounds, self._run_code))
            try:
                return self._explainer[1].explain(job, number).to_json()
            except GavelError:
                self._explainer = None  # it stands where nobody can go on from
                raise

    def _shelve(self, source: Path | RunConfig, label: str) -> str:
        key = str(source)
        if key not in self._by_source:
            name = f"r{self._named}"
            self._named += 1
            self._by_source[key] = name
            self._shelves[name] = _Shelf(label, source)
        return self._by_source[key]

    def _unshelve(self, source: Path) -> None:
        name = self._by_source.pop(str(source), None)
        if name is not None:
            del self._shelves[name]

    def _read(self, shelf: _Shelf) -> RunFolder:
        if isinstance(shelf.source, RunConfig):
            if shelf.run is None:
                shelf.run, shelf.stamp = (
                    simulated(shelf.source, Path(shelf.label), self._run_code),
                    0,
                )
            return shelf.run
        stamp = _stamp(shelf.source)
        if shelf.run is None or stamp != shelf.stamp:
            shelf.run, shelf.stamp = read_run(shelf.source), stamp
        return shelf.run


_UNFIT = (
    ArithmeticError,
    AttributeError,
    InputError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)
"""What tables that do not fit together end in."""

_PACKERS = {
    "overview": run_parts.overview,
    "placements": run_parts.placements,
    "allocations": run_parts.shares,
}

PARTS = tuple(_PACKERS)
"""What there is of a run, each a block of columns."""


def _stamp(path: Path) -> int:
    """A number that changes when a run folder does."""
    newest = 0
    for name in ("summary.json", LIVE_FILE, "rounds.parquet", "placements.parquet"):
        try:
            newest = max(newest, (path / name).stat().st_mtime_ns // 1000)
        except OSError:
            continue
    return newest
