"""What a run gives: a summary, a table of jobs, a table of rounds; in memory and as files."""

from __future__ import annotations

import html
import importlib
import json
import math
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

import gavel_opt
from gavel_opt import InputError, MissingLibraryError, Tally, unknown_name
from simulator.runs.columns import Columns, about
from simulator.runs.config import RunConfig
from simulator.runs.files import write_atomically
from simulator.runs.job_accounts import presence
from simulator.runs.live import remove_live
from simulator.runs.observation import job_columns, placement_columns, round_columns
from simulator.runs.saturation import Verdict
from simulator.runs.simulation import Simulation

if TYPE_CHECKING:
    from simulator.runs.result_plots import ResultPlots

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
        from simulator.runs.summary_text import short

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
        from simulator.runs.result_plots import ResultPlots

        return ResultPlots(self)

    def to_arrow(self, table: str = "jobs") -> Any:
        """Return a table as ``pyarrow.Table``: one of :data:`TABLES`.

        Columns carry ``unit`` and ``description``; NaN becomes null.

        Raises
        ------
        gavel_opt.InputError
            For another name, or one that was not recorded.
        """
        tables = {name: getattr(self, name) for name in TABLES}
        if table not in tables:
            raise unknown_name("table", table, tables)
        if tables[table] is None:
            raise InputError(f"{table} were not recorded in this run")
        return arrow(tables[table], table)

    def to_pandas(self, table: str = "jobs") -> Any:
        """Return a table as ``pandas.DataFrame``; as :meth:`to_arrow`."""
        _require("pandas")
        return self.to_arrow(table).to_pandas()

    def to_polars(self, table: str = "jobs") -> Any:
        """Return a table as ``polars.DataFrame``; as :meth:`to_arrow`."""
        return _require("polars").from_arrow(self.to_arrow(table))

    def write(self, folder: Path) -> None:
        """Write the run folder: each file whole or not at all, the summary last.

        A folder without ``summary.json`` is one that was never finished.
        """
        try:
            self._write(folder)
        finally:
            remove_live(folder)

    def _write(self, folder: Path) -> None:
        started = time.perf_counter()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "summary.json").unlink(missing_ok=True)
        tables = {
            "jobs": self.jobs,
            "rounds": self.rounds,
            "placements": self.placements,
            "allocations": self.allocations,
            "solves": self.solves,
        }
        for name, columns in tables.items():
            path = folder / f"{name}.parquet"
            if columns is not None:
                write_atomically(path, parquet(columns, name))
            else:
                path.unlink(missing_ok=True)  # of an earlier run
        if self.trace is not None:
            write_atomically(folder / TRACE, self.trace.encode())
        spent = self.summary["time"]
        spent["output"] += time.perf_counter() - started
        spent["total"] += time.perf_counter() - started
        write_atomically(folder / "summary.json", (self.to_json() + "\n").encode())

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


def parquet(columns: Columns, name: str = "") -> bytes:
    """Encode columns as Parquet; NaN becomes null.

    Parameters
    ----------
    columns
        The table.
    name
        Which of a run's tables it is, if it is one.
    """
    import pyarrow as pa
    from pyarrow import parquet as files

    sink = pa.BufferOutputStream()
    table = arrow(columns, name)
    types = {field.name: field.type for field in table.schema}
    long = [name for name, kind in types.items() if pa.types.is_int64(kind)]
    texts = [
        name
        for name, kind in types.items()
        if pa.types.is_string(kind) or pa.types.is_dictionary(kind)
    ]
    files.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=texts,
        column_encoding=dict.fromkeys(long, "DELTA_BINARY_PACKED"),  # half the time, and smaller
        write_statistics=False,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def arrow(columns: Columns, name: str = "") -> Any:
    """Return columns as a ``pyarrow.Table``; NaN becomes null.

    Columns of a run's table carry ``unit`` and ``description`` as metadata of their fields.

    Parameters
    ----------
    columns
        The table.
    name
        Which of a run's tables it is, if it is one.
    """
    import pyarrow as pa

    table = pa.table(
        {
            column: _labels(values, columns["worker"])
            if (name, column) == ("placements", "worker_type")
            else pa.array(values, from_pandas=values.dtype.kind == "f")
            if isinstance(values, np.ndarray)
            else pa.array(values)
            for column, values in columns.items()
        }
    )
    for place, column in enumerate(table.column_names):
        if (known := about(name, column)) is not None:
            field = table.field(place).with_metadata({"unit": known[0], "description": known[1]})
            table = table.set_column(place, field, table.column(place))
    return table


def _labels(texts: NDArray[np.str_], number: NDArray[np.integer[Any]]) -> Any:
    """Texts that follow from a number, as a dictionary: row by row they take longer than all the rest."""
    import pyarrow as pa

    row = np.full(number.max(initial=-1) + 1, -1)
    row[number] = np.arange(number.size)
    words, code = np.unique(texts[row[row >= 0]], return_inverse=True)
    codes = np.zeros(row.size, dtype=np.int32)
    codes[row >= 0] = code
    return pa.DictionaryArray.from_arrays(pa.array(codes[number]), pa.array(words))


def collect(
    simulation: Simulation,
    config: RunConfig,
    status: Status,
    verdict: Verdict | None,
    tally: Tally,
    spent: Spent,
    records_placements: bool,
    allocations: Columns | None = None,
) -> RunResult:
    """Read a simulation out."""
    started = time.perf_counter()
    gap_use = _use_in_gaps(simulation)
    jobs = job_columns(simulation)
    rounds = round_columns(simulation, jobs)
    placements = placement_columns(simulation) if records_placements else None
    if placements is not None:
        cluster = simulation.cluster
        kind = np.repeat(np.arange(len(cluster.workers)), cluster.workers)
        jobs |= presence(jobs, rounds, placements, kind, list(cluster.worker_types))
    measured = jobs["measured"]
    job, jct = jobs["job"][measured], jobs["jct"][measured]
    done = np.isfinite(jct)
    times = jct[done]
    missing = _missing(simulation, jobs)
    dropped = int(jobs["dropped"][measured].sum())
    whole = status == "completed" and not missing["jobs"]
    lacking = _lacking(int(done.sum()), missing["jobs"], dropped, status, verdict)
    engine, engine_version = _engine(simulation)
    summary: dict[str, Any] = {
        "status": status,
        "policy": config.policy,
        "engine": engine,
        "average_jct": None if lacking else _mean(times),
        "average_jct_partial": _mean(times) if lacking else None,
        "average_jct_at_least": _at_least(times, missing),
        "average_jct_reason": lacking,
        "partial": lacking is not None,
        # of those that completed early they would be too low as well
        "jct_percentiles": None if lacking else _percentiles(times),
        "finish_time_fairness_percentiles": None
        if lacking
        else _percentiles(jobs["finish_time_fairness"][measured]),
        "jobs": {
            "measured": int(done.sum()) + missing["jobs"] + dropped,
            "completed": int(done.sum()),
            "missing": missing["jobs"],
            "dropped": dropped,
            "arrived_in_all": int(jobs["job"].size),
            "completed_in_all": int(np.isfinite(jobs["jct"]).sum()),
        },
        "simulated_time": float(simulation.time),
        "makespan": float(simulation.time),
        **_use_of_workers(simulation, gap_use),
        **_of_whole_runs(
            whole,
            **_costs(simulation, jobs, gap_use),
            slo_violations=_slo_violations(simulation, jobs),
        ),
        **_of_priced_types(simulation, jobs),
        "rounds": int(simulation.rounds),
        "allocations": int(simulation.allocations),
        "lease_extensions": int(simulation.lease_extensions),
        "lease_extension_opportunities": int(simulation.lease_extension_opportunities),
        "notes": list(simulation.notes),
        "saturation": _verdict(verdict, config),
        "solve": {name: getattr(tally, name) for name in _SOLVE},
        "time": {},
        "seed": config.seed,
        "config": config.to_json(),
        "command": config.command(),
        "versions": _versions(simulation, engine_version),
        "jct": {
            str(int(number)): float(seconds)
            for number, seconds in zip(job[done], times, strict=True)
        },
    }
    summary["time"] = _time(tally, spent, time.perf_counter() - started)
    solves = None if simulation.driver is None else simulation.solves.columns()
    return RunResult(config, summary, jobs, rounds, placements, allocations, solves=solves)


_TINY = 1e-300


def _versions(simulation: Simulation, engine: str) -> dict[str, str]:
    """Versions of all that a result may depend on; of a policy of the user's own, its source."""
    found = {"gavel-opt": gavel_opt.__version__, "engine": engine}
    if simulation.policy_source:
        found["policy"] = simulation.policy_source
    return found | {"python": platform.python_version(), "numpy": np.__version__}


def _use_of_workers(simulation: Simulation, gaps: NDArray[np.float64]) -> dict[str, float]:
    """Share of busy time, as the reference counts it and without times in which nobody ran."""
    share = float(simulation.utilization())
    idle = float(gaps.sum()) / simulation.cluster.total / max(simulation.time, _TINY)
    return {"utilization": share, "utilization_without_gaps": share - idle}


def _costs(
    simulation: Simulation, jobs: Columns, gaps: NDArray[np.float64]
) -> dict[str, float | None]:
    """Cost of all workers; None where some have no price, beside which a mean or a difference means nothing."""
    if simulation.types_without_price:
        return {"cost": None, "cost_without_gaps": None}
    cost = float(jobs["cost"].sum())
    return {"cost": cost, "cost_without_gaps": _cost_without_gaps(simulation, cost, gaps)}


def _of_priced_types(simulation: Simulation, jobs: Columns) -> dict[str, str | float | None]:
    types = simulation.types_without_price
    return {
        "types_without_price": ", ".join(types) or None,
        "cost_of_priced_types": float(jobs["cost"].sum()) if types else None,
    }


def _of_whole_runs(whole: bool, **totals: float | None) -> dict[str, float | None]:
    """Totals under their names for a run that was not cut off, else null with ``..._so_far`` beside.

    A run that was cut off did less work: its totals mean nothing beside those of others.
    """
    found: dict[str, float | None] = {}
    for name, value in totals.items():
        found[name] = value if whole else None
        found[f"{name}_so_far"] = None if whole else value
    return found


def _use_in_gaps(simulation: Simulation) -> NDArray[np.float64]:
    """Worker seconds by worker type that a run is charged for times in which nobody ran.

    The reference charges a round from the end of the round before it in which somebody ran, so the time in
    which nobody was there counts as time of those who ran next (docs/mechanism.md).
    """
    none = np.zeros(len(simulation.cluster.worker_types))
    if simulation.config.ideal or not simulation.time > 0:
        return none
    rounds, type_use = simulation.mechanism.metrics()
    time, runs = rounds["time"], np.flatnonzero(rounds["running"])
    if not simulation.finished:
        runs = runs[:-1]  # the last round is not accounted for yet
    if not runs.size:
        return none
    # A round ends when the next one begins.
    ends = np.append(time, simulation.time)[runs + 1]
    gaps = time[runs] - np.concatenate([[0.0], ends[:-1]])
    used: NDArray[np.float64] = gaps @ type_use[runs]
    used *= simulation.cluster.workers
    return used


def _cost_without_gaps(
    simulation: Simulation, cost: float, gap_use: NDArray[np.float64]
) -> float | None:
    """Cost in which a round is charged from its own beginning; None where it does not follow.

    Under packing two jobs on a worker pay its whole price each, and the table of rounds does not say who was
    beside whom.
    """
    if simulation.packs and gap_use.any():
        return None
    return cost - float(gap_use @ simulation.prices) / 3600.0


def _mean(values: NDArray[np.float64]) -> float | None:
    # Summed exactly: the mean does not depend on how numpy blocks a sum.
    return math.fsum(values.tolist()) / values.size if values.size else None


def _missing(simulation: Simulation, jobs: Columns) -> dict[str, Any]:
    """Measured jobs without a completion time, and how long those that arrived have waited."""
    start, end = simulation.window
    mask = jobs["measured"]
    open_jobs = mask & ~np.isfinite(jobs["jct"]) & ~jobs["dropped"]
    not_arrived = end - start - int(mask.sum())
    ages = simulation.time - jobs["arrival"][open_jobs]
    return {"jobs": int(open_jobs.sum()) + not_arrived, "ages": ages}


_ENDINGS: dict[Status, str] = {
    "completed": "the run was stopped",
    "saturated": "the run was stopped as saturated",
    "horizon": "simulated time was limited (--max-simulated-hours)",
    "timeout": "wall clock was limited (--timeout)",
    "cancelled": "the run was interrupted",
}


def _lacking(
    completed: int, missing: int, dropped: int, status: Status, verdict: Verdict | None
) -> str | None:
    """Why there is no mean over all measured jobs; None if there is one."""
    measured = completed + missing + dropped
    said = []
    if missing:
        ending = _ENDINGS[status]
        if status == "completed" and verdict is not None:
            ending += f": {verdict.finding}"
        said.append(f"{missing:,} of {measured:,} measured jobs have not completed; {ending}")
    if dropped:
        said.append(f"{dropped:,} of {measured:,} were dropped after five failed attempts")
    return "; ".join(said) or (None if measured else "no job was measured")


def _at_least(times: NDArray[np.float64], missing: Mapping[str, Any]) -> float | None:
    """Lower bound of the mean over all measured jobs that have arrived.

    A job that is not finished will have taken at least its age so far. Null if the mean is whole.
    """
    if not missing["jobs"]:
        return None
    known = np.concatenate([times, missing["ages"]])
    return _mean(known)


def _percentiles(times: NDArray[np.float64]) -> dict[str, float] | None:
    if not times.size:
        return None
    ranks = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    found = np.percentile(times, list(ranks.values())).tolist()
    return dict(zip(ranks, found, strict=True))


def _verdict(verdict: Verdict | None, config: RunConfig) -> dict[str, Any]:
    rule, parameters = config.saturation
    found: dict[str, Any] = {"rule": rule, "parameters": dict(parameters)}
    if rule == "off" and verdict is None:
        return found | {"verdict": "off"}
    if not config.continuous and verdict is None:
        return found | {"verdict": "not applicable", "reason": "jobs do not keep arriving"}
    if verdict is None:
        return found | {"verdict": "undecided", "reason": "too early to tell"}
    return found | {
        "verdict": verdict.finding,
        "reason": verdict.reason,
        "figures": dict(verdict.figures),
        "simulated_hours": verdict.time / 3600.0,
    }


_SOLVE = (
    "programs",
    "cache_hits",
    "fallbacks",
    "max_primal_residual",
    "max_dual_residual",
    "max_relative_gap",
    "refusals",
)
_SOLVER_PARTS = ("build", "translate", "solve", "read", "tie_break", "certify")


def _engine(simulation: Simulation) -> tuple[str, str]:
    """Name and version of what solved."""
    driver = simulation.driver
    if driver is None:
        return "replay", str(simulation.config.replay)
    return driver.engine.name, driver.engine.version()


def _slo_violations(simulation: Simulation, jobs: Columns) -> int | None:
    """Jobs that missed their deadline or have passed it; None where no job has one."""
    deadline = jobs["deadline"]
    if not np.isfinite(deadline).any():
        return None
    end = np.where(np.isfinite(jobs["finish"]), jobs["finish"], simulation.time)
    return int((end > deadline).sum())


def _time(tally: Tally, spent: Spent, collecting: float) -> dict[str, float]:
    """Seconds by part."""
    return {
        **{part: float(getattr(tally, part)) for part in _SOLVER_PARTS},
        "start": spent.starting,
        "mechanism": spent.mechanism,
        "metrics": collecting + spent.judging,
        "output": spent.saving,
        "compile": spent.compiling,
        "total": spent.total + collecting,
    }
