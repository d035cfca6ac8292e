"""What a run gives: a summary, a table of jobs, a table of rounds; in memory and as files."""

from __future__ import annotations

import contextlib
import html
import importlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from gavel_opt import InputError, MissingLibraryError, unknown_name
from simulator.files.own_files import refuse_foreign
from simulator.files.whole_files import write_atomically
from simulator.runs.columns import Columns
from simulator.runs.output.arrow_tables import arrow, parquet
from simulator.runs.output.live import remove_live
from simulator.settings.config import RunConfig
from simulator.settings.options import output_folder
from simulator.world.untrusted_text import DAMAGED, read_json

if TYPE_CHECKING:
    from simulator.runs.output.result_plots import ResultPlots

TRACE = "workload.trace"
"""File of a run folder: the run's jobs, if they were recorded."""

Status: TypeAlias = Literal["completed", "saturated", "horizon", "timeout", "cancelled"]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of wall clock that the runner measured.

    Attributes
    ----------
    total
        From the start of the run to its end, checkpoints before a resume included.
    starting
        Until the first round: libraries, tables, traces.
    mechanism
        In the mechanism: choice, placement, accounting.
    judging, saving
        In saturation rules, in writing checkpoints.
    compiling
        In compiling kernels and reading them back, which none of the others counts.
    """

    total: float
    starting: float
    mechanism: float
    judging: float
    saving: float
    compiling: float


@dataclass(slots=True, eq=False, repr=False)
class RunResult:
    """What a run gave.

    Attributes
    ----------
    config
        The run.
    summary
        As in ``summary.json``.
    jobs, rounds, placements, allocations
        Columns by name, one entry a job, a round, a job on a worker in a round, a share; the last
        two only if asked for.
    solves
        The same, one entry a recomputation; None in a replay.
    trace
        The jobs as text that ``--trace`` reads; only if asked for.
    """

    config: RunConfig
    summary: dict[str, Any]
    jobs: Columns
    rounds: Columns
    placements: Columns | None = None
    allocations: Columns | None = None
    trace: str | None = None
    solves: Columns | None = None

    def __repr__(self) -> str:
        """Five lines: what ran, how it ended, what came of it, and where the rest is."""
        from simulator.runs.output.summary_text import short

        return short(self)

    def _repr_html_(self) -> str:
        """The same as a table, which a notebook shows."""
        head, *lines = repr(self).splitlines()
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value.strip())}</td></tr>"
            for name, _, value in (line.strip().partition("  ") for line in lines)
        )
        return f"<table><caption>{html.escape(head)}</caption>{rows}</table>"

    @property
    def status(self) -> Status:
        """How the run ended."""
        found: Status = self.summary["status"]
        return found

    @property
    def average_jct(self) -> float | None:
        """Mean completion time in seconds; None unless every measured job completed."""
        found: float | None = self.summary["average_jct"]
        return found

    @property
    def average_jct_partial(self) -> float | None:
        """Mean in seconds over the measured jobs that completed, where some did not: too low."""
        found: float | None = self.summary["average_jct_partial"]
        return found

    @property
    def average_jct_at_least(self) -> float | None:
        """Lower bound in seconds of the mean over the measured jobs that have arrived, if partial."""
        found: float | None = self.summary["average_jct_at_least"]
        return found

    @property
    def average_jct_reason(self) -> str | None:
        """Why there is no mean; None if there is."""
        found: str | None = self.summary["average_jct_reason"]
        return found

    @property
    def jct(self) -> dict[int, float]:
        """Completion time in seconds by job number."""
        return {int(job): seconds for job, seconds in self.summary["jct"].items()}

    @property
    def plot(self) -> ResultPlots:
        """The usual pictures, as matplotlib axes: ``result.plot.jct()``."""
        from simulator.runs.output.result_plots import ResultPlots

        return ResultPlots(self)

    def to_arrow(self, table: str = "jobs") -> Any:
        """Return a table as ``pyarrow.Table``: one of :data:`TABLES`.

        Columns carry ``unit`` and ``description``; NaN becomes null.

        Raises
        ------
        gavel_opt.InputError
            For another name, or one that was not recorded.
        """
        tables = self._tables()
        if table not in tables:
            raise unknown_name("table", table, tables)
        if (columns := tables[table]) is None:
            raise InputError(f"{table} were not recorded in this run")
        return arrow(columns, table)

    def _tables(self) -> dict[str, Columns | None]:
        return {name: getattr(self, name) for name in TABLES}

    def to_pandas(self, table: str = "jobs") -> Any:
        """Return a table as ``pandas.DataFrame``; as :meth:`to_arrow`."""
        _require("pandas")
        return self.to_arrow(table).to_pandas()

    def to_polars(self, table: str = "jobs") -> Any:
        """Return a table as ``polars.DataFrame``; as :meth:`to_arrow`."""
        return _require("polars").from_arrow(self.to_arrow(table))

    def write(self, folder: str | Path, force: bool = False) -> None:
        """Write the run folder: each file whole or not at all, the summary last.

        A folder without ``summary.json`` is one that was never finished.

        Parameters
        ----------
        folder
            Made if it is not there.
        force
            Write over a run of other settings, and over files that are not a run's.

        Raises
        ------
        gavel_opt.InputError
            If it cannot be written, or without ``force`` would be written over something else.
        """
        place = output_folder(folder, "run")
        if place is None:
            raise InputError("write: which folder?")
        if not force:
            self._refuse_other(place)
        try:
            self._write(place)
        finally:
            remove_live(place)

    def _refuse_other(self, folder: Path) -> None:
        refuse_foreign(folder, "run")
        path = folder / "summary.json"
        if not path.exists():
            return
        try:
            theirs = read_json(path)["config"]
        except DAMAGED:
            theirs = None
        if theirs != json.loads(json.dumps(self.config.to_json())):
            raise InputError(
                f"write: {folder} holds a run with other settings; choose another folder, or force=True"
            )

    def _write(self, folder: Path) -> None:
        started = time.perf_counter()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "summary.json").unlink(missing_ok=True)
        places = [
            *(folder / f"{name}.parquet" for name in TABLES),
            folder / TRACE,
        ]  # is ours beside tables
        try:
            for path in places:
                content = self._content(path)
                if content is not None:
                    write_atomically(path, content)
                elif not self._is_read(path):
                    path.unlink(missing_ok=True)  # of an earlier run
            spent = self.summary["time"]
            spent["output"] += time.perf_counter() - started
            spent["total"] += time.perf_counter() - started
            remove_live(folder)  # now, as nobody looks for it once there is a summary
            write_atomically(folder / "summary.json", (self.to_json() + "\n").encode())
        except OSError:
            for path in (one for one in reversed(places) if not self._is_read(one)):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)  # tables without a summary are no run
            raise

    def _is_read(self, path: Path) -> bool:
        """Whether a file of the run folder is the trace that the run took its jobs from."""
        trace = self.config.trace
        return trace is not None and Path(trace).exists() and path.exists() and path.samefile(trace)

    def _content(self, path: Path) -> bytes | None:
        """Bytes of a file of the run folder, None where there is nothing to write."""
        if path.name == TRACE:
            return None if self.trace is None else self.trace.encode()
        columns = self._tables()[path.stem]
        return None if columns is None else parquet(columns, path.stem)

    def to_json(self) -> str:
        """Text of the summary: a line a value, but the jobs' completion times in one."""
        rest = {name: value for name, value in self.summary.items() if name != "jct"}
        text = json.dumps(rest, indent=2, allow_nan=False)
        times = json.dumps(self.summary["jct"], allow_nan=False)
        return f'{text.removesuffix("}").rstrip()},\n  "jct": {times}\n}}'


TABLES = ("jobs", "rounds", "placements", "allocations", "solves")


def _require(library: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError:
        raise MissingLibraryError(
            f"needs {library}: pip install {library}; to_arrow needs none"
        ) from None
