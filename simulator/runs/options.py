"""Flags that describe a run, and the :class:`RunConfig` they make: checked before anything starts."""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gavel_opt import POLICIES, InputError, known_engines, unknown_name
from simulator.runs.config import RunConfig
from simulator.runs.saturation import parse_rule
from simulator.world.cluster import SHORT_ORDER, make_cluster, parse_counts

RECORDINGS = ("placements", "programs")
DEFAULT_CLUSTER = "36:36:36"
TIE_BREAKS = ("canonical", "efficient", "none")


def add_run_arguments(
    parser: argparse.ArgumentParser, *, policy: bool = True, engine: bool = True
) -> None:
    """Add the flags of one simulation, without those that say where results go.

    Parameters
    ----------
    parser
        Takes the flags.
    policy, engine
        Whether to add ``--policy`` and ``--engine``; a command that takes several has its own.
    """
    what = parser.add_argument_group("what decides")
    if policy:
        what.add_argument("--policy", metavar="NAME", help="scheduling policy (required)")
    if engine:
        what.add_argument("--engine", metavar="NAME", default="auto", help="solver (default: auto)")
    what.add_argument(
        "--tie-break",
        metavar="NAME",
        default="canonical",
        help="which of several optima: canonical (default), efficient or none (the engine's own)",
    )
    what.add_argument(
        "--fallback",
        metavar="A,B",
        default="highs",
        help="engines to try, in order, when an answer fails its certificate (default: highs)",
    )
    what.add_argument(
        "--no-grouping", action="store_true", help="keep identical jobs apart in every program"
    )
    what.add_argument(
        "--replay", metavar="FILE", help="take the allocations from a recorded run, solve nothing"
    )

    cluster = parser.add_argument_group("cluster")
    cluster.add_argument(
        "--cluster",
        metavar="WORKERS",
        default=DEFAULT_CLUSTER,
        help="v100=36,p100=36,k80=36, or 36:36:36 in the order V100:P100:K80 (default: 36:36:36)",
    )
    cluster.add_argument(
        "--gpus-per-server", metavar="N", help="v100=4,... or 4:4:4 (default: 1 each)"
    )
    cluster.add_argument(
        "--round", metavar="SECONDS", type=positive_int, default=360, help="default: 360"
    )
    cluster.add_argument(
        "--ideal", action="store_true", help="exact fractions of time between events, no rounds"
    )

    work = parser.add_argument_group("workload: one of --jobs, --rate, --interarrival, --trace")
    work.add_argument("--jobs", metavar="N", type=positive_int, help="N jobs, all at time 0")
    work.add_argument(
        "--rate", metavar="JOBS_PER_HOUR", type=positive, help="jobs keep arriving; with --window"
    )
    work.add_argument(
        "--interarrival", metavar="SECONDS", type=positive, help="the mean, in place of --rate"
    )
    work.add_argument("--trace", metavar="FILE", help="one of Gavel's traces")
    work.add_argument(
        "--window", metavar="START:END", type=window, help="measure jobs START to END-1"
    )
    work.add_argument("--seed", metavar="N", type=natural, default=0, help="default: 0")
    work.add_argument("--multi-gpu", action="store_true", help="draw jobs of 1, 2, 4 and 8 GPUs")
    work.add_argument("--multi-priority", action="store_true", help="a fifth of jobs weigh 5")
    work.add_argument(
        "--fixed-duration", metavar="SECONDS", type=positive, help="every job as long as that"
    )
    work.add_argument("--slos", action="store_true", help="jobs have deadlines")
    work.add_argument(
        "--entities",
        metavar="WEIGHTS",
        help="organisations of the water-filling policies: 1:2:3, or 1:2:3,fifo",
    )

    tables = parser.add_argument_group("tables")
    tables.add_argument("--throughputs", metavar="FILE", help="throughputs in Gavel's JSON")
    tables.add_argument("--prices", metavar="FILE", help="dollars per hour by worker type")
    tables.add_argument(
        "--profiling-percentage",
        metavar="P",
        type=share,
        default=1.0,
        help="how much of the co-located throughputs is measured: 0.2 or 20%% (default: all)",
    )
    tables.add_argument(
        "--reference-models",
        metavar="N",
        type=positive_int,
        help="job types that the estimator of throughputs knows (default: all)",
    )

    limits = parser.add_argument_group("when to stop")
    limits.add_argument(
        "--saturation",
        metavar="RULE",
        help="drift, completion-rate, jct-growth, convergence or off; parameters follow a colon: "
        "completion-rate:ratio=0.4 (default: drift where jobs keep arriving)",
    )
    limits.add_argument(
        "--max-simulated-hours", metavar="H", type=positive, default=math.inf, help="no limit"
    )
    limits.add_argument(
        "--timeout", metavar="SECONDS", type=positive, default=math.inf, help="wall clock; no limit"
    )


def config_from(arguments: argparse.Namespace, **given: Any) -> RunConfig:
    """Make the configuration that the flags of :func:`add_run_arguments` describe.

    Parameters
    ----------
    arguments
        What the parser made of the command line.
    given
        Fields that the command sets itself (``policy``, ``engine``), checked as well.

    Raises
    ------
    InputError
        For the first flag that is wrong: one line naming it, what was expected, the nearest names.
    """
    settings = {
        "policy": getattr(arguments, "policy", None),
        "engine": getattr(arguments, "engine", "auto"),
        "tie_break": arguments.tie_break,
        "fallback": arguments.fallback,
        "grouping": not arguments.no_grouping,
        "cluster": arguments.cluster,
        "gpus_per_server": arguments.gpus_per_server,
        "seed": arguments.seed,
        "round_seconds": arguments.round,
        "jobs": arguments.jobs,
        "rate": arguments.rate,
        "interarrival": arguments.interarrival,
        "trace": arguments.trace,
        "window": arguments.window,
        "multi_gpu": arguments.multi_gpu,
        "multi_priority": arguments.multi_priority,
        "fixed_duration": arguments.fixed_duration,
        "ideal": arguments.ideal,
        "replay": arguments.replay,
        "throughputs": arguments.throughputs,
        "prices": arguments.prices,
        "slos": arguments.slos,
        "entities": arguments.entities,
        "profiling_percentage": arguments.profiling_percentage,
        "reference_models": arguments.reference_models,
        "saturation": arguments.saturation,
        "max_simulated_hours": arguments.max_simulated_hours,
        "timeout": arguments.timeout,
    }
    return make_config(**(settings | given))


def make_config(
    *,
    policy: str | None,
    engine: str = "auto",
    cluster: Mapping[str, int] | str = DEFAULT_CLUSTER,
    gpus_per_server: Mapping[str, int] | str | None = None,
    fallback: str | Sequence[str] = "highs",
    jobs: int | None = None,
    rate: float | None = None,
    interarrival: float | None = None,
    trace: str | Path | None = None,
    window: tuple[int, int] | None = None,
    entities: Mapping[str, Any] | str | None = None,
    saturation: str | None = None,
    **settings: Any,
) -> RunConfig:
    """Check a run's settings, from the command line or from Python, and make its configuration.

    Parameters
    ----------
    policy, engine, cluster, gpus_per_server, fallback, jobs, interarrival, trace, window, entities
        As in :class:`RunConfig`, or as text as on the command line.
    rate
        Jobs per hour, in place of ``interarrival``.
    saturation
        As on the command line; None is the default rule where jobs keep arriving.
    settings
        The other fields of :class:`RunConfig`.

    Raises
    ------
    InputError
        For the first setting that is wrong, naming the flag.
    """
    policy = check_policy(policy)
    engine = check_engine(engine)
    fallback = fallback.split(",") if isinstance(fallback, str) else fallback
    chain = tuple(check_engine(name, "--fallback") for name in fallback if name)
    for name in settings:
        if name not in RunConfig.__dataclass_fields__:
            raise unknown_name("setting", name, [*RunConfig.__dataclass_fields__, "rate"])
    tie_break = settings.get("tie_break", TIE_BREAKS[0])
    if tie_break not in TIE_BREAKS:
        raise unknown_name("tie-break (--tie-break)", tie_break, TIE_BREAKS)
    if isinstance(cluster, str):
        cluster = parse_counts(cluster, "--cluster")
    servers = gpus_per_server or {}
    if isinstance(servers, str):
        servers = parse_counts(servers, "--gpus-per-server")
    ours = settings.get("throughputs") is None
    make_cluster(cluster, servers, SHORT_ORDER if ours else {*cluster, *servers})
    one_workload(jobs=jobs, rate=rate, interarrival=interarrival, trace=trace, window=window)
    if trace is not None:
        for setting in ("multi_gpu", "multi_priority", "fixed_duration"):
            if settings.get(setting):
                flag = "--" + setting.replace("_", "-")
                raise InputError(
                    f"{flag}: draws jobs, but --trace brings its own; drop one of them"
                )
    paths = {"trace": trace} | {name: settings.get(name) for name in _FILES}
    for name, path in paths.items():
        if path is not None:
            settings[name] = readable_file(path, f"--{name}")
    if rate is not None:
        interarrival = 3600.0 / rate
    if interarrival is not None:
        interarrival = float(interarrival)
    return RunConfig(
        policy=policy,
        engine=engine,
        cluster={name: count for name, count in sorted(cluster.items()) if count},
        gpus_per_server={name: size for name, size in sorted(servers.items()) if name in cluster},
        fallback=chain,
        jobs=jobs,
        interarrival=interarrival,
        window=window,
        # a mapping from Python is for the policy to check
        entities=parse_entities(entities) if isinstance(entities, str) else entities,  # type: ignore[arg-type]
        saturation=parse_rule(saturation, interarrival is not None),
        **settings,
    )


_FILES = ("replay", "throughputs", "prices")


def one_workload(
    *,
    jobs: int | None,
    rate: float | None,
    interarrival: float | None,
    trace: str | Path | None,
    window: tuple[int, int] | None,
) -> None:
    """Check that there is exactly one workload, and that its window fits.

    Raises
    ------
    InputError
        Naming the flags.
    """
    workloads = {"--jobs": jobs, "--rate": rate, "--interarrival": interarrival, "--trace": trace}
    given = [flag for flag, value in workloads.items() if value is not None]
    if not given:
        raise InputError(
            "no workload: give --jobs N, --rate JOBS_PER_HOUR with --window START:END, or --trace"
        )
    if len(given) > 1:
        raise InputError(f"{given[1]}: cannot be combined with {given[0]}; give one workload")
    for flag, value in (("--rate", rate), ("--interarrival", interarrival), ("--jobs", jobs)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(f"{flag}: {value} is not a positive number")
    if window is None:
        if rate is not None or interarrival is not None:
            raise InputError(
                f"{given[0]}: needs --window START:END, the jobs to measure (the paper: 4000:5000)"
            )
        return
    if not 0 <= window[0] < window[1]:
        raise InputError(
            f"--window: {window[0]}:{window[1]} ends before it starts; expected START < END"
        )
    if jobs is not None and window[1] > jobs:
        raise InputError(f"--window: ends at job {window[1]}, but --jobs is {jobs}")


def check_policy(name: str | None) -> str:
    """Return a policy's name if there is one of that name.

    Raises
    ------
    InputError
        With the nearest names.
    """
    if name is None:
        raise InputError(f"--policy: is required; choose one of: {', '.join(POLICIES)}")
    if name not in POLICIES:
        raise unknown_name("policy (--policy)", name, POLICIES)
    return name


def check_engine(name: str, flag: str = "--engine") -> str:
    """Return an engine's name if there is one of that name, or ``auto``.

    Raises
    ------
    InputError
        With the nearest names.
    """
    known = known_engines()
    if name != "auto" and name not in known:
        raise unknown_name(f"engine ({flag})", name, ["auto", *known])
    return name


def parse_entities(text: str) -> dict[str, Any]:
    """Parse ``1:2:3`` or ``1:2:3,fifo``: weights, and what is shared within an entity.

    Raises
    ------
    InputError
        With what was expected.
    """
    weights, _, within = text.partition(",")
    kinds = ("fairness", "fifo")
    try:
        numbers = [float(weight) for weight in weights.split(":")]
    except ValueError:
        numbers = []
    if not numbers or not all(math.isfinite(weight) and weight > 0 for weight in numbers):
        raise InputError(
            f"--entities: cannot read {text!r}; expected positive weights, as in 1:2:3 or 1:2:3,fifo"
        )
    within = within or kinds[0]
    if within not in kinds:
        raise unknown_name("sharing within entities (--entities)", within, kinds)
    return {"weights": numbers, "within": within}


def recordings(words: list[str] | None) -> frozenset[str]:
    """Parse what ``--record`` was given, several times or with commas.

    Raises
    ------
    InputError
        For an unknown recording.
    """
    names = [name for word in words or [] for name in word.split(",")]
    for name in names:
        if name not in RECORDINGS:
            raise unknown_name("recording (--record)", name, RECORDINGS)
    return frozenset(names)


def output_folder(text: str | Path | None) -> Path | None:
    """Check that a run folder can be written, leaving nothing behind.

    Raises
    ------
    InputError
        If it cannot.
    """
    if text is None:
        return None
    folder = Path(text)
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise InputError(f"--output: {nearest} is not a folder")
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as wrong:
        raise InputError(f"--output: cannot write in {nearest}: {wrong.strerror}") from None
    return folder


def readable_file(given: str | Path, flag: str) -> Path:
    """Check that a file can be read.

    Raises
    ------
    InputError
        Naming the flag and the file.
    """
    path = Path(given)
    try:
        with path.open("rb"):
            pass
    except OSError as wrong:
        near = _neighbours(path)
        raise InputError(f"{flag}: cannot read {path}: {wrong.strerror}{near}") from None
    return path


def _neighbours(path: Path) -> str:
    import difflib

    if not path.parent.is_dir():
        return ""
    names = [entry.name for entry in path.parent.iterdir()]
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    return (
        f"; did you mean {' or '.join(str(path.parent / name) for name in near)}?" if near else ""
    )


def _number(kind: Callable[[str], float], test: Callable[[float], bool], what: str) -> Any:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and test(value)):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return parse


positive = _number(float, lambda value: value > 0, "a positive number")
positive_int = _number(int, lambda value: value > 0, "a positive whole number")
natural = _number(int, lambda value: value >= 0, "a whole number of at least 0")


def share(text: str) -> float:
    """Parse a share of one: ``0.2`` or ``20%``."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0 and up to 1 (or 100%)")
    return value


def window(text: str) -> tuple[int, int]:
    """Parse ``START:END``, the first job measured and one past the last."""
    start, _, end = text.partition(":")
    if not (start.isdecimal() and end.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not START:END, as in 4000:5000")
    if int(end) <= int(start):
        raise argparse.ArgumentTypeError(f"{text!r} ends before it starts; expected START < END")
    return int(start), int(end)
