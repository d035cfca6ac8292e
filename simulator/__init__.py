"""A simulator of a GPU cluster under a scheduling policy.

>>> import simulator
>>> result = simulator.run(policy="max_min_fairness_perf", jobs=50, seed=0)  # doctest: +SKIP
>>> result.average_jct  # doctest: +SKIP
57171.41
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.runs.results import RunResult

__all__ = ["run"]


def run(
    *,
    policy: str,
    engine: str = "auto",
    cluster: Mapping[str, int] | str = "36:36:36",
    output: str | Path | None = None,
    **settings: Any,
) -> RunResult:
    """Simulate one run and return what it gave.

    Parameters
    ----------
    policy, engine
        Names, as ``gavel-sim run --policy`` and ``--engine`` take them.
    cluster
        Worker type to number of workers, or text as on the command line.
    output
        Folder to write ``summary.json``, ``jobs.parquet`` and ``rounds.parquet`` into.
    settings
        ``jobs``, ``rate`` (jobs per hour), ``interarrival``, ``window=(start, end)``, ``trace``,
        ``seed``, ``saturation`` and every other field of :class:`simulator.runs.config.RunConfig`.

    Returns
    -------
    RunResult
        With ``summary`` (a dictionary as in ``summary.json``), ``average_jct``, ``status``, and
        the columns of ``jobs`` and ``rounds``.

    Raises
    ------
    gavel_opt.InputError
        If a setting is wrong.
    gavel_opt.SolveFailed
        If no engine gave a certified answer.
    """
    from simulator.runs.options import make_config, output_folder
    from simulator.runs.runner import execute

    folder = output_folder(output)
    config = make_config(policy=policy, engine=engine, cluster=cluster, **settings)
    result = execute(config, folder=folder)
    if folder is not None:
        result.write(folder)
    return result
