"""Everything that determines a run; two equal configurations give the same bits."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

WORKLOAD_HELP = "one of --jobs, --rate or --interarrival with --window, or --trace"


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One simulation.

    Attributes
    ----------
    policy, engine, tie_break, fallback, grouping
        What decides, and who solves (see :class:`gavel_opt.Driver`).
    cluster
        Worker type to number of workers.
    gpus_per_server
        Worker type to workers a server; missing types have 1.
    seed
        Seed of all random streams.
    round_seconds
        Length of a round.
    jobs
        Static workload: this many jobs, all at time 0.
    interarrival
        Continuous workload: mean seconds between arrivals (3600 / jobs per hour).
    trace
        Trace workload: the file.
    window
        Measured jobs, first and one past the last; None measures all.
    multi_gpu, multi_priority, fixed_duration
        How jobs are drawn (``mechanism.md``, random streams).
    ideal
        Exact fractions between events instead of rounds.
    replay
        Recorded run to take the allocations from, in place of a policy.
    throughputs
        Throughput table in Gavel's JSON; None for the one that ships with the package.
    prices
        File of dollars per hour by worker type; None for the ones that ship with the package.
    slos
        Whether jobs draw deadlines (implied by the policies that need them).
    entities
        Entity settings of the water-filling policies, as parsed from the command line.
    profiling_percentage, reference_models
        Throughput estimation of the packed policies; 1.0 and None measure everything.
    saturation
        ``(rule, parameters)``; rule ``"off"`` never stops a run.
    max_simulated_hours, timeout
        Limits on simulated time and on wall clock; infinite by default.
    """

    policy: str
    cluster: dict[str, int]
    engine: str = "auto"
    tie_break: str = "canonical"
    fallback: tuple[str, ...] = ("highs",)
    grouping: bool = True
    gpus_per_server: dict[str, int] = field(default_factory=dict)
    seed: int = 0
    round_seconds: int = 360
    jobs: int | None = None
    interarrival: float | None = None
    trace: Path | None = None
    window: tuple[int, int] | None = None
    multi_gpu: bool = False
    multi_priority: bool = False
    fixed_duration: float | None = None
    ideal: bool = False
    replay: Path | None = None
    throughputs: Path | None = None
    prices: Path | None = None
    slos: bool = False
    entities: dict[str, Any] | None = None
    profiling_percentage: float = 1.0
    reference_models: int | None = None
    saturation: tuple[str, dict[str, float]] = ("off", {})
    max_simulated_hours: float = float("inf")
    timeout: float = float("inf")

    @property
    def continuous(self) -> bool:
        """Whether jobs keep arriving until the measured ones are done."""
        return self.interarrival is not None

    def to_json(self) -> dict[str, Any]:
        """Every setting as JSON values: paths as text, no limit as null."""
        found: dict[str, Any] = {}
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, Path):
                value = str(value)
            elif value == float("inf"):
                value = None
            elif isinstance(value, tuple):
                value = list(value)
            found[setting.name] = value
        return found

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> RunConfig:
        """Rebuild what :meth:`to_json` gave; settings that are missing keep their default."""
        given: dict[str, Any] = {}
        for setting in fields(cls):
            if setting.name not in found:
                continue
            value = found[setting.name]
            if setting.name in _PATHS and value is not None:
                value = Path(value)
            elif setting.name in _LIMITS and value is None:
                value = float("inf")
            elif isinstance(value, list):
                value = tuple(value)
            given[setting.name] = value
        return cls(**given)


_PATHS = frozenset({"trace", "replay", "throughputs", "prices"})
_LIMITS = frozenset({"max_simulated_hours", "timeout"})
