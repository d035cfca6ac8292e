"""What whoever gave settings is told: those that change nothing, and files that may have been cut off."""

from __future__ import annotations

from pathlib import Path

from gavel_opt import Policy, Traits
from gavel_opt.policies import solves
from simulator.settings.config import SETTINGS, RunConfig
from simulator.world.untrusted_text import may_be_cut_off

_OF_PROGRAMS = ("engine", "tie_break", "tolerance", "solver_timeout", "fallback", "grouping")
_OF_PAIRS = ("profiling_percentage", "reference_models")


def notes_on_settings(config: RunConfig, policy: Policy, traits: Traits) -> list[str]:
    """A line for each setting that has another value than by default and no effect."""
    given = {name for name, one in SETTINGS.items() if getattr(config, name) != one.default}
    found: list[str] = []

    def unused(names: tuple[str, ...], reason: str) -> None:
        found.extend(
            f"{SETTINGS[name].flag} has no effect: {reason}" for name in names if name in given
        )

    if config.ideal:
        unused(("round_seconds",), "with --ideal there are no rounds")
        if any(size > 1 for size in config.gpus_per_server.values()):
            unused(("gpus_per_server",), "with --ideal jobs have no places")
    if config.replay is not None:
        unused(_OF_PROGRAMS, "with --replay nothing is solved")
    elif not solves(policy):
        unused(_OF_PROGRAMS, f"policy {config.policy} solves no program")
    elif config.engine in ("auto", "structured") and "solver_timeout" in given:
        found.append("--solver-timeout limits fallbacks alone: engine structured takes no limit")
    if not traits.packing:
        unused(_OF_PAIRS, f"under policy {config.policy} no two jobs share a worker")
    if config.trace is not None:
        unused(("slos",), "which jobs of a trace have deadlines, its column SLO says")
    if not config.continuous and config.saturation[0] != "off":
        unused(("saturation",), "jobs do not keep arriving")
    return found


def notes_on_files(config: RunConfig) -> list[str]:
    """A line for each file that ends in a digit, without the end of its line."""
    given = {
        "--trace": config.trace,
        "--throughputs": config.throughputs,
        "--prices": config.prices,
    }
    return [
        f"{flag}: {path} ends within its last line: if it was cut off there, its last number is too short"
        for flag, path in given.items()
        if path is not None and may_be_cut_off(Path(path))
    ]
