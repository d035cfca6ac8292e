"""``gavel-sim knee``: the highest job rate that a policy sustains, by bisection on the verdict.

Each seed has a knee of its own: all rates and policies of a seed see the same jobs, arriving in the
same rhythm, only faster or slower (common random numbers), so that knees can be compared seed by
seed. Probes are kept in the output folder; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavel_opt import InputError
from simulator.runs.config import GIVEN
from simulator.runs.heartbeat import heartbeat
from simulator.runs.options import (
    add_run_arguments,
    add_setting,
    check_policy,
    config_from,
    output_folder,
    positive,
    values_of,
)

if TYPE_CHECKING:
    from simulator.runs.config import RunConfig

_WORKLOADS = ("jobs", "rate", "interarrival", "trace", "replay")
"""Settings that the search itself makes, or that leave it nothing to look for."""

WINDOW = (4000, 5000)
"""Jobs that a probe measures if ``--window`` does not say: those of the paper."""

SEEDS = "0-2"
"""Seeds if ``--seed`` does not say."""

RULE = "drift:margin=0"
"""The default rule without its margin, which would move the knee up by as much."""

_WIDEST = 12
"""Doublings or halvings in search of a bracket before giving up."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One run at one rate.

    Attributes
    ----------
    rate
        Jobs per hour.
    sustained
        Whether the run ended without the verdict that it is saturated.
    reason
        What the verdict rests on.
    average_jct
        Seconds; None where the mean would be a partial one.
    seconds
        Wall clock that it took.
    """

    rate: float
    sustained: bool
    reason: str
    average_jct: float | None
    seconds: float


@dataclass(slots=True)
class Knee:
    """The knee of one policy.

    Attributes
    ----------
    policy
        Its name.
    by_seed
        Seed to (highest rate that was sustained, lowest that was not).
    probes
        Seed to the runs that were made.
    """

    policy: str
    by_seed: dict[int, tuple[float, float]] = field(default_factory=dict)
    probes: dict[int, list[Probe]] = field(default_factory=dict)

    @property
    def values(self) -> list[float]:
        """Middle of each seed's bracket, in order of seed."""
        return [(low + high) / 2 for _, (low, high) in sorted(self.by_seed.items())]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return math.fsum(self.values) / len(self.values)

    def interval(self, confidence: float = 0.95) -> tuple[float, float] | None:
        """Confidence interval of the mean over seeds (Student's t); None with one seed.

        It is at least as wide as the brackets of the bisection.
        """
        from scipy.special import stdtrit

        n = len(self.values)
        if n < 2:
            return None
        mean = self.mean
        variance = math.fsum((value - mean) ** 2 for value in self.values) / (n - 1)
        half = float(stdtrit(n - 1, 0.5 + confidence / 2)) * math.sqrt(variance / n)
        bracket = max(high - low for low, high in self.by_seed.values()) / 2
        half = max(half, bracket)
        return mean - half, mean + half


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``gavel-sim knee``."""
    policy, seed = GIVEN["policy"], GIVEN["seed"]
    add_setting(parser, policy, several=True, help="policies to compare (required)")
    add_setting(parser, seed, several=True, old="--seeds", help="seeds (default: 0-2)")
    parser.add_argument(
        "--precision",
        metavar="RATE",
        type=positive,
        default=0.1,
        help="stop when the bracket is that narrow, in jobs per hour (default: 0.1)",
    )
    parser.add_argument("--low", metavar="RATE", type=positive, help="first guess from below")
    parser.add_argument("--high", metavar="RATE", type=positive, help="first guess from above")
    parser.add_argument("--output", metavar="DIR", help="folder for probes, table and plot")
    parser.add_argument("--json", action="store_true", help="print the knees as JSON, only that")
    add_run_arguments(parser, leave_out=("policy", "seed", *_WORKLOADS))
    for name in _WORKLOADS:  # understood, to be answered well
        parser.add_argument(GIVEN[name].flag, dest=name, help=argparse.SUPPRESS)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave.

    Attributes
    ----------
    knees
        One a policy, in the order in which they were named.
    bound
        Jobs per hour that no policy without space sharing can sustain more than.
    folder
        Where probes and ``knee.json`` are, or None.
    """

    knees: list[Knee]
    bound: float
    folder: Path | None


def run(arguments: argparse.Namespace) -> int:
    """Find the knees, print and plot them."""
    if arguments.output is not None and not arguments.json:
        _check_plots()
    found = find(arguments)
    knees, folder = found.knees, found.folder
    if arguments.json:
        print(json.dumps([as_json(knee) for knee in knees], indent=2))
        return 0
    print(as_text(knees))
    print(
        f"  in the long run no policy without space sharing sustains more than {found.bound:.2f} "
        "jobs per hour;\n  a knee is measured on the jobs of its seeds, and may lie past it by chance"
    )
    if folder is not None:
        files = plot(knees, folder / "knee.svg", found.bound)
        print(f"  written   {folder}/ (knee.json, {', '.join(file.name for file in files)})")
    return 0


def find(arguments: argparse.Namespace) -> Found:
    """Find the knees, and write them down if there is a folder to.

    Raises
    ------
    InputError
        If a setting is wrong, or no bracket can be found.
    """
    if arguments.policy is None:
        check_policy(None)
    for name in _WORKLOADS:
        if getattr(arguments, name) is not None:
            raise InputError(f"--{name}: cannot be given, the rate is what knee looks for")
    policies = values_of(arguments.policy, GIVEN["policy"])
    if arguments.low is not None and arguments.high is not None and arguments.low >= arguments.high:
        raise InputError(f"--low: {arguments.low:g} is not below --high {arguments.high:g}")
    seeds = values_of(arguments.seed or SEEDS, GIVEN["seed"])
    arguments.window = arguments.window or WINDOW
    arguments.saturation = arguments.saturation or RULE
    configs = {
        policy: config_from(arguments, policy=policy, seed=seeds[0], rate=1.0)
        for policy in policies
    }
    if any(config.saturation[0] == "off" for config in configs.values()):
        raise InputError("--saturation: off gives no verdict to bisect on; choose a rule")
    folder = output_folder(arguments.output)
    from simulator.runs.bounds import evenly_shared_rate, highest_rate

    store = _Store(folder)
    knees = []
    some = next(iter(configs.values()))
    guess, bound = evenly_shared_rate(some), highest_rate(some)
    said = [f"{len(configs)} policies, {len(seeds)} seeds"]
    with heartbeat(lambda: said[-1]):
        for policy, config in configs.items():
            knee = Knee(policy)
            for seed in seeds:
                seeded = replace(config, seed=seed)
                probe = store.probing(seeded, _announce(policy, seed, said))
                bracket = bisect(
                    probe,
                    arguments.low or 0.8 * guess,
                    arguments.high or 1.05 * bound,
                    arguments.precision,
                )
                knee.by_seed[seed] = bracket
                knee.probes[seed] = store.made(seeded)
            knees.append(knee)
    if folder is not None:
        store.write(knees)
    return Found(knees, bound, folder)


def bisect(
    probe: Callable[[float], Probe], low: float, high: float, precision: float
) -> tuple[float, float]:
    """Find a rate that is sustained and one that is not, at most ``precision`` apart.

    Parameters
    ----------
    probe
        Runs at a rate.
    low, high
        Guesses in jobs per hour, widened until they enclose the knee.
    precision
        In jobs per hour.

    Raises
    ------
    InputError
        If no rate is sustained, or every rate is.
    """
    for _ in range(_WIDEST):
        if probe(low).sustained:
            break
        low, high = low / 2, low
    else:
        raise InputError(f"--low: no rate down to {low:.3g} jobs per hour is sustained")
    for _ in range(_WIDEST):
        if not probe(high).sustained:
            break
        low, high = high, high * 1.5
    else:
        raise InputError(f"--high: every rate up to {high:.3g} jobs per hour is sustained")
    while high - low > precision * (1 + 1e-9):
        middle = (low + high) / 2
        if probe(middle).sustained:
            low = middle
        else:
            high = middle
    return low, high


class _Store:
    """Probes made so far, by run and rate; kept in the output folder if there is one."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.probes: dict[str, dict[str, Any]] = {}
        if folder is not None and (folder / "probes.json").exists():
            try:
                self.probes = json.loads((folder / "probes.json").read_text())
            except (OSError, ValueError) as wrong:
                raise InputError(f"--output: cannot read {folder}/probes.json: {wrong}") from None

    def probing(
        self, config: RunConfig, announce: Callable[[Probe], None]
    ) -> Callable[[float], Probe]:
        """Return a function that runs ``config`` at a rate, or looks it up."""

        def probe(rate: float) -> Probe:
            kept = self.probes.setdefault(_key(config), {})
            found = kept.get(repr(rate))
            if found is None:
                result = _probe(config, rate)
                kept[repr(rate)] = {name: getattr(result, name) for name in Probe.__slots__}
                self.save()
                announce(result)
                return result
            return Probe(**found)

        return probe

    def made(self, config: RunConfig) -> list[Probe]:
        """All probes of a run, by rate."""
        kept = self.probes.get(_key(config), {})
        return sorted((Probe(**found) for found in kept.values()), key=lambda probe: probe.rate)

    def save(self) -> None:
        """Keep what there is."""
        if self.folder is not None:
            from simulator.runs.files import write_atomically

            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(
                self.folder / "probes.json", (json.dumps(self.probes, indent=1) + "\n").encode()
            )

    def write(self, knees: Sequence[Knee]) -> None:
        """Write the knees as JSON."""
        from simulator.runs.files import write_atomically

        assert self.folder is not None
        text = json.dumps([as_json(knee) for knee in knees], indent=2) + "\n"
        write_atomically(self.folder / "knee.json", text.encode())


def _key(config: RunConfig) -> str:
    """Name of a run apart from its rate: everything that its verdict depends on."""
    return json.dumps(replace(config, interarrival=1.0).to_json(), sort_keys=True)


def _probe(config: RunConfig, rate: float) -> Probe:
    from simulator.runs.runner import execute

    result = execute(replace(config, interarrival=3600.0 / rate))
    found = result.summary
    if found["status"] in ("horizon", "timeout"):
        flag = "--max-simulated-hours" if found["status"] == "horizon" else "--timeout"
        raise InputError(
            f"{flag}: ended a probe at {rate:g} jobs per hour without a verdict; raise it"
        )
    return Probe(
        rate,
        found["status"] != "saturated",
        str(found["saturation"].get("reason", "")),
        found["average_jct"],
        float(found["time"]["total"]),
    )


def _announce(policy: str, seed: int, said: list[str]) -> Callable[[Probe], None]:
    """Return what says a probe's verdict on a terminal, and leaves it for the lines elsewhere."""

    def announce(probe: Probe) -> None:
        verdict = "sustained" if probe.sustained else "saturated"
        said.append(f"{policy}, seed {seed}: {probe.rate:.3f} jobs/hr is {verdict}")
        if sys.stderr.isatty():
            print(f"{said[-1]} ({probe.seconds:.1f} s)", file=sys.stderr)

    return announce


def as_json(knee: Knee) -> dict[str, Any]:
    """One policy's knee as JSON values."""
    interval = knee.interval()
    return {
        "policy": knee.policy,
        "knee": knee.mean,
        "interval": None if interval is None else list(interval),
        "confidence": 0.95,
        "by_seed": {str(seed): list(bracket) for seed, bracket in knee.by_seed.items()},
        "probes": {
            str(seed): [{name: getattr(probe, name) for name in Probe.__slots__} for probe in made]
            for seed, made in knee.probes.items()
        },
    }


def as_text(knees: Sequence[Knee]) -> str:
    """Table of the knees, the highest first, with how much more load each sustains."""
    width = max(len(knee.policy) for knee in knees)
    least = min(knee.mean for knee in knees)
    lines = [f"  {'policy':<{width}}  {'jobs/hr':>8}  {'95% interval':>14}  {'load':>6}"]
    for knee in sorted(knees, key=lambda knee: -knee.mean):
        interval = knee.interval()
        shown = "one seed" if interval is None else f"{interval[0]:.2f} - {interval[1]:.2f}"
        lines.append(
            f"  {knee.policy:<{width}}  {knee.mean:>8.2f}  {shown:>14}  {knee.mean / least:>5.2f}x"
        )
    return "\n".join(lines)


def _check_plots() -> None:
    """Say at once, not after an hour, that plots cannot be drawn."""
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise InputError(
            "--output: plots need matplotlib: pip install 'gavel-opt[plots]', or --json"
        )


def plot(knees: Sequence[Knee], path: Path, bound: float | None = None) -> list[Path]:
    """Draw the knees, one line a policy, with their intervals and the seeds' own, as SVG and PNG.

    Parameters
    ----------
    knees
        In any order.
    path
        The SVG file; the PNG stands beside it.
    bound
        Jobs per hour that no policy without space sharing sustains more than, drawn as a line.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from simulator.studies.plots import styles

    ordered = sorted(knees, key=lambda knee: knee.mean)
    paint = styles([knee.policy for knee in ordered])
    figure = Figure(figsize=(7.6, 2.0 + 0.45 * len(ordered)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, knee in enumerate(ordered):
        colour, marker = paint[knee.policy]
        interval = knee.interval() or (knee.mean, knee.mean)
        axes.plot(interval, (place, place), color=colour, linewidth=6, alpha=0.3)
        axes.plot(knee.values, [place] * len(knee.values), "|", color=colour, markersize=9)
        axes.plot(knee.mean, place, marker, color=colour)
        axes.annotate(
            f"{knee.mean:.2f}", (knee.mean, place), (0, 8), textcoords="offset points", ha="center"
        )
    if bound is not None:
        axes.axvline(bound, color="#22262b", linewidth=1, linestyle=(0, (4, 2)))
        axes.annotate(
            f"bound without space sharing: {bound:.2f} ",
            *((bound, -0.5), (-3, 0)),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=9,
        )
    axes.set_yticks(range(len(ordered)), [knee.policy for knee in ordered])
    axes.set_ylim(-0.6, len(ordered) - 0.3)
    axes.set_xlim(left=0)
    axes.set_xlabel("jobs per hour; band: 95% interval, ticks: seeds")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Highest sustained load", x=0.012, ha="left", fontweight="bold")
    files = [path, path.with_suffix(".png")]
    for file in files:
        figure.savefig(file, dpi=160)
    return files
