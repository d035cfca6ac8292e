"""What the commands do, from Python: ``run``, ``sweep``, ``figure``, ``knee`` and ``compare``.

Settings have the names of the command line's flags, or those of
:class:`simulator.settings.config.RunConfig`; values are Python's or text as on the command line, and
are answered alike when they are wrong.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt import GavelError, InputError, unknown_name
from simulator.runs.policy_of_run import named_policy
from simulator.settings.config import DEFAULT_CLUSTER, GIVEN, Setting, find_setting, known_settings
from simulator.settings.options import make_config, output_folder, recordings

if TYPE_CHECKING:
    from gavel_opt import Policy
    from simulator.runs.events import Cancel, Listener
    from simulator.runs.output.difference import Difference
    from simulator.runs.output.results import RunResult
    from simulator.studies.knee import Knee


def run(
    policy: str | type[Policy] | Policy | None = None,
    *,
    engine: str = "auto",
    cluster: Mapping[str, int] | str = DEFAULT_CLUSTER,
    output: str | Path | None = None,
    record: str | Sequence[str] = (),
    force: bool = False,
    on_round: Listener | None = None,
    every: int = 1,
    cancel: Cancel | None = None,
    **settings: Any,
) -> RunResult:
    """Simulate one run and return what it gave.

    Parameters
    ----------
    policy
        A name, as ``gavel-sim run --policy`` takes it, a class, or a policy: of that a copy runs, so
        that two runs give the same. Settings of a name or a class: ``policy_settings={"part": 0.5}``.
    engine
        A name, as ``gavel-sim run --engine`` takes it.
    cluster
        Worker type to number of workers, or text as on the command line.
    output
        Folder to write ``summary.json``, ``jobs.parquet`` and ``rounds.parquet`` into.
    record
        ``placements``, ``allocations``, ``trace``, or several: what the result holds besides.
    force
        Write over the finished run of other settings there.
    on_round
        Called with typed events (:mod:`simulator.runs.events`), every ``every`` rounds and at the end.
    every
        Rounds from one such call to the next.
    cancel
        A ``threading.Event``, or what else has ``is_set``: set, the run ends as ``cancelled``.
    settings
        ``jobs``, ``rate`` (jobs per hour), ``window=(start, end)``, ``trace``, ``seed`` and every
        other setting (``help(simulator.run)`` and completion list them; see docs/reference.md).

    Returns
    -------
    RunResult
        With ``summary`` (as in ``summary.json``), ``average_jct``, ``status``, ``jobs`` and ``rounds``.

    Raises
    ------
    gavel_opt.InputError
        If a setting is wrong.
    gavel_opt.SolveFailed
        If no engine gave a certified answer.

    Examples
    --------
    >>> import simulator
    >>> result = simulator.run(policy="isolated", cluster="4:4:4", jobs=8)
    >>> result.status, round(result.average_jct)
    ('completed', 113232)
    """
    from simulator.runs.events import Events
    from simulator.runs.runner import execute
    from simulator.studies.batches.finished import result_there, sign

    folder = output_folder(output, "run")
    also = _recordings(record)
    _check_words(settings)
    name, made = named_policy(policy)
    config = make_config(made, policy=name, engine=engine, cluster=cluster, **settings)
    if folder is not None and not force:
        result_there(folder, config, also)
    events = None if on_round is None else Events(on_round, every)
    result = execute(
        config,
        record=also,
        folder=folder,
        policy=made,
        events=events,
        cancel=_checked(cancel),
    )
    if folder is not None:
        sign(result)
        result.write(folder, force=True)  # what is there was looked at before the run
    return result


def _check_seed(settings: Mapping[str, Any]) -> None:
    if settings.get("seed", 0) is None:
        raise InputError("--seed: None is no seed, and no run is without one: 0, 1, 2, ...")


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that are None, which leaves a flag out."""
    _check_seed(settings)
    return {name: value for name, value in settings.items() if value is not None}


def _checked(cancel: Cancel | None) -> Cancel | None:
    if cancel is not None and not callable(getattr(cancel, "is_set", None)):
        raise InputError(f"cancel: {cancel!r} has no is_set(), as a threading.Event has")
    return cancel


def _check_words(settings: Mapping[str, Any]) -> None:
    _check_seed(settings)
    for word in settings:
        if find_setting(word) is None:
            raise unknown_name("setting", word, [*known_settings(), *_OF_RUN])


_OF_RUN = ("output", "record", "force", "on_round", "every", "cancel")
"""What :func:`run` takes besides settings."""


def _recordings(record: str | Sequence[str]) -> frozenset[str]:
    """Read what is to be recorded."""
    words = [record] if isinstance(record, str) else record
    if not isinstance(words, list | tuple | set | frozenset):
        raise InputError(
            f"record: {record!r} is not a name or a list of names, such as 'placements'"
        )
    found = recordings([str(word) for word in words])
    if "programs" in found:
        raise InputError("record: programs are files, which gavel-sim run --record programs writes")
    return found


def sweep(
    policy: Any = None,
    *,
    output: str | Path | None = None,
    processes: int | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Carry out all combinations of settings, and return the table of what they gave.

    Parameters
    ----------
    policy
        One, or a list.
    output
        Folder of the results, one a run, as ``gavel-sim sweep`` writes it; runs that are done there
        are not run again. None keeps the table only.
    processes
        Runs at once; None takes one for each core.
    settings
        As in :func:`run`; each may be a list of values, or text such as ``"0-9"``, ``"4:6:0.4"``.

    Returns
    -------
    list of dict
        The rows of ``summary.csv`` for these runs: settings, then results
        (``pandas.DataFrame(rows)`` makes a frame of them).

    Raises
    ------
    gavel_opt.InputError
        If a setting is wrong.
    gavel_opt.GavelError
        If a run failed; those that did not are in the folder.
    """
    from pyarrow import parquet

    if output is None:
        with tempfile.TemporaryDirectory(prefix="gavel-sim-") as passing:
            return sweep(policy, output=passing, processes=processes, **settings)
    from simulator.studies.batches.inputs_of_runs import require_inputs
    from simulator.studies.executors import make_executor
    from simulator.studies.sweeps.run_names import beside_earlier
    from simulator.studies.sweeps.sweep import add_to_plan, carry_out_here, write_tables_of_all
    from simulator.studies.sweeps.sweep_folder import entries_of
    from simulator.studies.sweeps.sweep_plan import make_plan

    entries = entries_of(make_plan([("", _given({"policy": policy, **settings}))]))
    folder = output_folder(output, "sweep")
    assert folder is not None
    entries = beside_earlier(folder, entries)
    require_inputs(one.config for one in entries)
    add_to_plan(folder, entries, [])
    with closing(make_executor("local", processes)) as executor:
        batch = carry_out_here(folder, entries, executor)
    write_tables_of_all(folder, entries, batch)
    if batch.failed:
        name, reason = next(iter(batch.failed.items()))
        raise GavelError(f"{len(batch.failed)} of {len(entries)} runs failed; {name}: {reason}")
    rows: list[dict[str, Any]] = parquet.read_table(folder / "summary.parquet").to_pylist()
    names = {one.name for one in entries}
    return [row for row in rows if row["run"] in names]


def figure(*figures: str | int, output: str | Path | None = None, **settings: Any) -> Path:
    """Carry out experiments of the paper, and write their tables and plots.

    Parameters
    ----------
    figures
        Numbers of figures, or ``"makespan"``.
    output
        Folder of the results, ``figure-9`` or ``figures`` if it is not given; points that are done there
        are not run again.
    settings
        The flags of ``gavel-sim figure``: ``seed``, ``policy``, ``at``, ``window``, ``engine``,
        ``tie_break``, ``timeout``, ``processes``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    gavel_opt.InputError
        If a setting is wrong.
    gavel_opt.GavelError
        If a point failed.
    """
    from simulator.cli import program

    words = [*map(str, figures), *_words({"output": output, **settings})]
    command, arguments = program().parse(["figure", *words])
    if command.run(arguments):
        raise GavelError("some points failed; their reasons are on standard error")
    return Path(arguments.output)


def knee(policy: Any = None, **settings: Any) -> list[Knee]:
    """Find the highest job rates that policies sustain on a cluster.

    Parameters
    ----------
    policy
        One, or a list.
    settings
        The flags of ``gavel-sim knee``: ``seed`` (a list), ``cluster``, ``output``, and settings of a
        run.

    Returns
    -------
    list of Knee
        One a policy, with ``mean``, ``interval()``, ``bound`` and ``by_seed``.

    Raises
    ------
    gavel_opt.InputError
        If a setting is wrong.
    """
    from simulator.cli import program
    from simulator.cli.knee import find

    _refuse_commands(settings)
    return find(program().parse(["knee", *_words({"policy": policy, **settings})])[1])


def what_if(
    policy: Any = None, against: str | Sequence[str] = (), **settings: Any
) -> dict[str, Any]:
    """Find what another cluster, policy or setting would change, on the same jobs.

    Parameters
    ----------
    policy
        Of the run that is described.
    against
        Alternatives, as after ``--against``: ``"v100+12"``, ``"policy=allox round=720"``.
    settings
        The flags of ``gavel-sim what-if``: settings of a run, ``seed`` (a list; 0 to 4 by default),
        ``output``, ``processes``.

    Returns
    -------
    dict
        ``seeds`` (list of int) and ``alternatives``, the first the run as described: ``name``,
        ``same_jobs`` (False where the alternative changes the jobs themselves), ``average_jct`` (s), ``cost`` (dollar), ``slo_violations`` and ``status`` by seed, ``difference`` of the mean JCT from
        the first (s; None unless both completed with every seed) and ``difference_interval``,
        Student's t at 95 %; ``undecided`` by seed, whether a completed run's mean
        may be of a queue that grows.

    Raises
    ------
    gavel_opt.InputError
        If a setting or an alternative is wrong.
    gavel_opt.GavelError
        If a run failed.
    """
    from simulator.cli import program
    from simulator.cli.what_if import find
    from simulator.studies.alternatives import as_json

    _refuse_commands(settings)
    words = _words({"policy": policy, **settings})
    if not isinstance(against, Iterable):
        raise InputError(
            f"--against: {against!r} is no alternative; expected text, or a list of it"
        )
    for one in [against] if isinstance(against, str) else against:
        words += ["--against", *str(one).split()]
    batch, outcomes, seeds = find(program().parse(["what-if", *words])[1])
    if batch.failed:
        raise GavelError("some runs failed; their reasons are on standard error")
    return as_json(outcomes, seeds)


def compare(a: RunResult | str | Path, b: RunResult | str | Path) -> Difference | None:
    """Find where two runs part.

    Parameters
    ----------
    a, b
        What :func:`run` returned, or run folders.

    Returns
    -------
    Difference or None
        The first round and job that differ and a sentence; None if the runs are equal to the last
        bit.

    Raises
    ------
    gavel_opt.InputError
        If a folder holds no finished run.
    """
    from simulator.runs.output.difference import difference, read_folder, recorded
    from simulator.runs.output.results import RunResult

    for side in (a, b):
        if not isinstance(side, str | Path | RunResult):
            raise InputError(
                f"compare: {side!r} is neither a run's result nor the name of its folder"
            )
    sides = [
        read_folder(Path(side)) if isinstance(side, str | Path) else recorded(name, side)
        for name, side in (("a", a), ("b", b))
    ]
    return difference(*sides)


_OF_COMMANDS = ("bound", "dry_run", "json", "print_script", "retry_failed", "shard")
"""What says how a command answers, or which part of the work it does."""


def _refuse_commands(settings: Mapping[str, Any]) -> None:
    for name in _OF_COMMANDS:
        if settings.get(name):
            raise InputError(
                f"{name}: is for the command line; from Python all is done and returned"
            )


def _words(settings: Mapping[str, Any]) -> list[str]:
    """Settings as words of a command line."""
    words: list[str] = []
    for name, value in _given(settings).items():
        setting = find_setting(name)
        if setting is not None and setting.kind.switch:
            words += setting.words(setting.read(value, name))
        elif isinstance(value, bool):
            words += [f"--{name.replace('_', '-')}"] if value else []
        else:
            listed = _listed(setting, name, value)
            flag = f"--{name.replace('_', '-')}" if setting is None else setting.flag
            words += [flag, *(_text(setting, name, one) for one in listed)]
    return words


def _listed(setting: Setting | None, name: str, value: Any) -> list[Any]:
    """The values of a setting that may take several: of a list, a range, an array, a column."""
    plain = getattr(value, "tolist", None)
    value = plain() if callable(plain) else value
    if isinstance(value, list):
        return value
    if isinstance(value, str | bytes | Mapping | Path) or not isinstance(value, Iterable):
        return [value]
    if setting is not None:
        with suppress(InputError):  # a tuple or a range may be one value: a window
            setting.read(value, name)
            return [value]
    return list(value)


def _text(setting: Setting | None, name: str, value: Any) -> str:
    """One value as a word; what has a form of its own (a cluster, a window) in that form."""
    if isinstance(value, str) or setting is None:
        return str(value)
    text = setting.kind.write(setting.read(value, name))
    if text is None:
        raise InputError(f"{setting.flag}: {value!r} cannot be written as text")
    return text


def _with_settings(function: Any, leave_out: tuple[str, ...] = ()) -> None:
    """Let completion and ``help`` show every setting in place of ``**settings``."""
    signature = inspect.signature(function)
    own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    names = {one.name for one in own}
    for name, setting in GIVEN.items():
        if name not in names and name not in leave_out:
            own.append(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=setting.default)
            )
    function.__signature__ = signature.replace(parameters=own)


_with_settings(run)
_with_settings(sweep)
_with_settings(what_if)
_with_settings(
    knee,
    leave_out=(
        *("jobs", "rate", "interarrival", "trace", "replay"),
        *("window", "saturation", "max_simulated_hours", "timeout"),
    ),
)

__all__ = ["compare", "figure", "knee", "run", "sweep", "what_if"]
