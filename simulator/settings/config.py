"""Everything that determines a run, in one table; two equal configurations give the same bits.

A field of :class:`RunConfig` says all there is to say of a setting: its flag, its kind of value,
its default and one line of help. The flags of every command, the names that Python, sweep files and
``--resume`` take, the checks, the JSON and the command that repeats a run are made from it.
"""
# ruff: noqa: RUF009  (a setting is declared by a call that makes a field)

from __future__ import annotations

import copy
import functools
import shlex
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gavel_opt.engines.registry import BUILT_IN
from simulator.settings.kinds import Kind
from simulator.settings.values import (
    APART,
    CLUSTERS,
    COUNT,
    ENGINE,
    ENGINES,
    ENTITIES,
    FILE,
    HOURS_OR_NONE,
    JOBS,
    JOBS_PER_HOUR,
    LIMITS,
    POLICY,
    POLICY_SETTINGS,
    RULE,
    SECONDS,
    SECONDS_OR_NONE,
    SEED,
    SHARE,
    SWITCH,
    TIE_BREAK,
    TOLERANCE,
    WHOLE_SECONDS,
    WINDOW,
    WORKERS,
    WORKLOAD_NAME,
)
from simulator.world.json_shape import misfit
from simulator.world.untrusted_text import ChangedError

DECIDES = "what decides"
CLUSTER = "cluster"
WORKLOAD = "workload: one of --jobs, --rate, --interarrival, --trace"
TABLES = "tables"
STOPS = "when to stop"

DEFAULT_CLUSTER = "36:36:36"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a run.

    Attributes
    ----------
    flag
        On the command line; without its dashes the name in sweep files.
    kind
        What values it may have.
    group
        Heading of the help under which it stands.
    help
        One line.
    metavar
        Stands for the value in the help.
    name
        Field of :class:`RunConfig`, and the name in Python and in JSON.
    default
        Value where none is given.
    off
        Whether the flag turns a switch off.
    forks
        Whether it may be another when a run goes on from the warm-up of another run.
    resumes
        Whether it may be another when a run goes on from a checkpoint of its own.
    """

    flag: str
    kind: Kind
    group: str
    help: str
    metavar: str | None = None
    name: str = ""
    default: Any = None
    off: bool = False
    forks: bool = False
    resumes: bool = False

    @property
    def word(self) -> str:
        """The flag without its dashes."""
        return self.flag.removeprefix("--")

    def read(self, given: Any, name: str) -> Any:
        """Check what was given under a name and make it the setting's value.

        Under its flag's name a switch that turns off is true where it is off.
        """
        value = self.kind.read(given, self.flag)
        return not value if self.off and name != self.name else value

    def words(self, value: Any) -> list[str]:
        """Words of a command line that give this value; none where it cannot say it."""
        if self.kind.switch:
            return [self.flag] if value != self.off else []
        text = self.kind.write(value)
        if self.kind.together is not None and text is not None:
            return [self.flag, *text.split("\n")]
        return [] if text is None else [self.flag, text]


def _setting(
    flag: str,
    kind: Kind,
    group: str,
    help: str,
    metavar: str | None = None,
    *,
    default: Any = MISSING,
    factory: Callable[[], Any] | None = None,
    **more: Any,
) -> Any:
    """Declare a field and the setting that it is."""
    about = {"setting": Setting(flag, kind, group, help, metavar, **more)}
    if factory is not None:
        return field(default_factory=factory, metadata=about)
    return field(default=default, metadata=about)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One simulation: each field is a setting, explained where it is declared."""

    policy: str = _setting(
        "--policy",
        POLICY,
        DECIDES,
        "scheduling policy (required): see gavel-sim policies; or module:Class, file.py:Class",
        "NAME",
        forks=True,
    )
    cluster: dict[str, int] = _setting(
        "--cluster",
        WORKERS,
        CLUSTER,
        "v100=36,p100=36,k80=36, or 36:36:36 in the order V100:P100:K80 (default: that), or "
        f"{', '.join(f'@{name}' for name in CLUSTERS)}",
        "WORKERS",
    )
    engine: str = _setting(
        "--engine",
        ENGINE,
        DECIDES,
        f"what solves: auto (default: structured), {', '.join(BUILT_IN)}; or isolated:NAME, any of them in a process of its own; see gavel-opt engines",
        "NAME",
        default="auto",
        forks=True,
    )
    policy_settings: dict[str, Any] = _setting(
        "--set",
        POLICY_SETTINGS,
        DECIDES,
        "a setting of the policy, such as part=0.5; may be given several times",
        "NAME=VALUE",
        factory=dict,
        forks=True,
    )
    tie_break: str = _setting(
        "--tie-break",
        TIE_BREAK,
        DECIDES,
        "which of several optima: canonical (default), efficient or none (the engine's own)",
        "NAME",
        default="canonical",
        forks=True,
    )
    fallback: tuple[str, ...] = _setting(
        "--fallback",
        ENGINES,
        DECIDES,
        "engines to try, in order, when an answer fails its certificate (default: highs)",
        "A,B",
        default=("highs",),
        forks=True,
    )
    tolerance: float = _setting(
        "--tolerance",
        TOLERANCE,
        DECIDES,
        "what a certificate has to reach for its answer to be used (default: 1e-6)",
        "X",
        default=1e-6,
        forks=True,
    )
    solver_timeout: float = _setting(
        "--solver-timeout",
        SECONDS_OR_NONE,
        DECIDES,
        "wall clock of one solve, then --fallback is asked (default: no limit)",
        "SECONDS",
        default=float("inf"),
        forks=True,
    )
    grouping: bool = _setting(
        "--no-grouping",
        SWITCH,
        DECIDES,
        "keep identical jobs apart in every program",
        default=True,
        off=True,
        forks=True,
    )
    gpus_per_server: dict[str, int] = _setting(
        "--gpus-per-server",
        WORKERS,
        CLUSTER,
        "v100=4,... or 4:4:4 (default: 1 each)",
        "N",
        factory=dict,
    )
    round_seconds: int = _setting(
        "--round",
        WHOLE_SECONDS,
        CLUSTER,
        "length of a round (default: 360)",
        "SECONDS",
        default=360,
    )
    jobs: int | None = _setting(
        "--jobs", JOBS, WORKLOAD, "N jobs, all at time 0", "N", default=None
    )
    interarrival: float | None = _setting(
        "--interarrival",
        APART,
        WORKLOAD,
        "mean time between arrivals, in place of --rate",
        "SECONDS",
        default=None,
    )
    trace: Path | None = _setting(
        "--trace", FILE, WORKLOAD, "jobs from a file, or example", "FILE", default=None
    )
    window: tuple[int, int] | None = _setting(
        "--window", WINDOW, WORKLOAD, "measure jobs START to END-1", "START:END", default=None
    )
    seed: int = _setting(
        "--seed", SEED, WORKLOAD, "of all random streams (default: 0)", "N", default=0
    )
    workload: str = _setting(
        "--workload",
        WORKLOAD_NAME,
        WORKLOAD,
        "order of the job types that are drawn: artifact, or paper as some of its curves have it",
        "NAME",
        default="artifact",
    )
    multi_gpu: bool = _setting(
        "--multi-gpu", SWITCH, WORKLOAD, "draw jobs of 1, 2, 4 and 8 GPUs", default=False
    )
    multi_priority: bool = _setting(
        "--multi-priority", SWITCH, WORKLOAD, "a fifth of jobs weigh 5", default=False
    )
    fixed_duration: float | None = _setting(
        "--fixed-duration",
        SECONDS,
        WORKLOAD,
        "every job as long as that on the reference type",
        "SECONDS",
        default=None,
    )
    ideal: bool = _setting(
        "--ideal",
        SWITCH,
        CLUSTER,
        "exact fractions of time between events, no rounds",
        default=False,
    )
    replay: Path | None = _setting(
        "--replay",
        FILE,
        DECIDES,
        "take the allocations from a recording of Gavel's own (JSON), solve nothing",
        "FILE",
        default=None,
    )
    throughputs: Path | None = _setting(
        "--throughputs",
        FILE,
        TABLES,
        "throughputs in TOML, Gavel's JSON or CSV, or @newer (default: those that ship)",
        "FILE",
        default=None,
    )
    prices: Path | None = _setting(
        "--prices",
        FILE,
        TABLES,
        "dollars per hour by worker type (default: those that ship)",
        "FILE",
        default=None,
    )
    slos: bool = _setting(
        "--slos", SWITCH, WORKLOAD, "jobs have deadlines, whatever the policy", default=False
    )
    entities: dict[str, Any] | None = _setting(
        "--entities",
        ENTITIES,
        WORKLOAD,
        "organisations of the water-filling policies: 1:2:3, or 1:2:3,fifo",
        "WEIGHTS",
        default=None,
    )
    profiling_percentage: float = _setting(
        "--profiling-percentage",
        SHARE,
        TABLES,
        "how much of the co-located throughputs is measured: 0.2 or 20%% (default: all)",
        "P",
        default=1.0,
    )
    reference_models: int | None = _setting(
        "--reference-models",
        COUNT,
        TABLES,
        "job types that the estimator of throughputs knows (default: all)",
        "N",
        default=None,
    )
    saturation: tuple[str, dict[str, float]] = _setting(
        "--saturation",
        RULE,
        STOPS,
        "long-queue, completion-rate, jct-growth, convergence or off; parameters follow a colon: "
        "completion-rate:ratio=0.4 (default: long-queue where jobs keep arriving)",
        "RULE",
        default=("off", {}),
        forks=True,
        resumes=True,
    )
    max_simulated_hours: float = _setting(
        "--max-simulated-hours",
        HOURS_OR_NONE,
        STOPS,
        "simulated time (default: no limit)",
        "H",
        default=float("inf"),
        forks=True,
        resumes=True,
    )
    timeout: float = _setting(
        "--timeout",
        SECONDS_OR_NONE,
        STOPS,
        "wall clock (default: no limit)",
        "SECONDS",
        default=float("inf"),
        forks=True,
        resumes=True,
    )

    @property
    def continuous(self) -> bool:
        """Whether jobs keep arriving until the measured ones are done."""
        return self.interarrival is not None

    def to_json(self) -> dict[str, Any]:
        """Every setting as JSON values: paths as text, no limit as null."""
        return {
            name: None if (value := getattr(self, name)) is None else setting.kind.to_json(value)
            for name, setting in SETTINGS.items()
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> RunConfig:
        """Rebuild what :meth:`to_json` gave; settings that are missing keep their default.

        Raises
        ------
        ChangedError
            If it is none that a run could have written.
        """
        wrong = misfit(found, cls._schema(), "config")
        if wrong:
            raise ChangedError(wrong)
        known = {name: SETTINGS[name].kind for name in SETTINGS if name in found}
        return cls(**{name: _from_json(kind, found[name]) for name, kind in known.items()})

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON schema of :meth:`to_json`: every setting, its type, default and meaning."""
        return copy.deepcopy(cls._schema())

    @classmethod
    @functools.cache
    def _schema(cls) -> dict[str, Any]:
        properties = {
            name: {
                **one.kind.schema,
                "description": one.help.replace("%%", "%"),
                "default": None if one.default is None else one.kind.to_json(one.default),
            }
            for name, one in SETTINGS.items()
        }
        for required in ("policy", "cluster"):
            del properties[required]["default"]
        for name, one in SETTINGS.items():
            kind = properties[name].get("type")
            if one.default is None and name not in ("policy", "cluster") and isinstance(kind, str):
                properties[name]["type"] = [kind, "null"]
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "A run of gavel-sim",
            "type": "object",
            "properties": properties,
            "required": ["policy", "cluster"],
            "additionalProperties": False,
        }

    def words(self) -> list[str]:
        """Words of the ``gavel-sim run`` command line that give this configuration."""
        found: list[str] = []
        for name, setting in SETTINGS.items():
            value = getattr(self, name)
            # off is not the default where jobs keep arriving
            said = name in _ALWAYS or (name == "saturation" and self.continuous)
            if said or value != setting.default:
                found += setting.words(value)
        return found

    def command(self) -> str:
        """The command that repeats the run."""
        return shlex.join(["gavel-sim", "run", *self.words()])


_ALWAYS = ("policy", "engine", "cluster")
"""Settings that a command names even where they are the default."""


def _from_json(kind: Kind, value: Any) -> Any:
    return value if value is None and kind not in LIMITS else kind.from_json(value)


def _settings() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for one in fields(RunConfig):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        found[one.name] = replace(
            one.metadata["setting"], name=one.name, default=None if default is MISSING else default
        )
    return found


SETTINGS: dict[str, Setting] = _settings()
"""Every setting that a configuration holds, by its name there."""

RATE = Setting(
    "--rate",
    JOBS_PER_HOUR,
    WORKLOAD,
    "jobs keep arriving; with --window",
    "JOBS_PER_HOUR",
    name="rate",
)
"""Another way to say :attr:`RunConfig.interarrival`."""

GIVEN: dict[str, Setting] = {
    setting.name: setting
    for name, one in SETTINGS.items()
    for setting in ((RATE, one) if name == "interarrival" else (one,))
}
"""Every setting that a user may give, by its name in Python."""


def known_settings() -> list[str]:
    """Names that a user may write for a setting, in Python and in files."""
    words = (one.word.replace("-", "_") for one in GIVEN.values())
    return list(dict.fromkeys([*GIVEN, *words]))


def find_setting(name: str) -> Setting | None:
    """Return the setting of a name, as in Python (``round_seconds``) or as a flag (``round``)."""
    return _BY_WORD.get(name.replace("-", "_"))


_BY_WORD = {
    word.replace("-", "_"): one for one in reversed(GIVEN.values()) for word in (one.name, one.word)
}
