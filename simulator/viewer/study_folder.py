"""Figure and sweep folders: one entry a run, with what sets the runs apart and what came of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gavel_opt import GavelError, InputError
from simulator.files.folder_kinds import kind_of
from simulator.settings.config import SETTINGS, RunConfig
from simulator.studies.batches.stores import read_point
from simulator.studies.experiments.experiment import PAPER_WINDOW
from simulator.studies.pictures.styles import (
    ENDINGS,
    UNDECIDED,
    in_legend,
    spare_styles,
    styles_apart,
)
from simulator.studies.sweeps.sweep_folder import PLAN, PlanEntry, read_plan, standing
from simulator.viewer.run_folder import LIVE_FILE, looks_like_a_run
from simulator.world.untrusted_text import DAMAGED, read_json

POINTS = "points"

MEASURES = (
    "average_jct",
    "makespan",
    "utilization",
    "rounds",
    "allocations",
    "cost",
    "slo_violations",
)

SHOWN = (
    *("policy", "engine", "tie_break", "interarrival", "jobs", "seed", "cluster"),
    *("round_seconds", "ideal"),
)
"""Settings that every entry has, in words of its own."""


@dataclass(slots=True, eq=False)
class Study:
    """Runs that belong together.

    Attributes
    ----------
    path, kind, title
        The folder, ``figure`` or ``sweep``, and what to call it.
    entries
        One a run, JSON values: ``name``, ``status``, settings, results.
    runs
        For each entry its run folder, or the configuration that repeats it.
    varied
        Settings in which runs differ and which no entry has otherwise; each entry has them as text.
    published
        The paper's curves by policy, ``{"x": [...], "y": [...]}`` in hours by jobs an hour.
    seeds
        Which seeds a point ought to have: those that its entries have (``plan``, as the entries are all
        that was planned), those of the ``study``, or those of its ``line``.
    notes
        What could not be read, one line each.
    """

    path: Path
    kind: str
    title: str
    entries: list[dict[str, Any]] = field(default_factory=list)
    runs: list[Path | RunConfig] = field(default_factory=list)
    varied: list[str] = field(default_factory=list)
    published: dict[str, Any] = field(default_factory=dict)
    seeds: Literal["plan", "study", "line"] = "line"
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """What the page shows."""
        return {
            "kind": self.kind,
            "title": self.title,
            "entries": self.entries,
            "varied": self.varied,
            "styles": styles_apart(list(dict.fromkeys(one["curve"] for one in self.entries))),
            "spare": spare_styles(),
            "endings": ENDINGS,
            "undecided": UNDECIDED,
            "published": self.published,
            "seeds": self.seeds,
            "notes": self.notes,
        }


def find_studies(path: Path) -> list[Study]:
    """Studies in a folder: its own, or those of its sub-folders, and the runs that stand beside them."""
    if (path / POINTS).is_dir():
        return [_figure(path)]
    folders = _folders(path)
    found = [_figure(one) for one in folders if (one / POINTS).is_dir()]
    found += [_sweep(one, _folders(one)) for one in folders if kind_of(one) == "sweep"]
    begun = (path / ".unfinished").is_dir() or (path / PLAN).exists()
    if begun or any(looks_like_a_run(one) for one in folders):
        found.append(_sweep(path, folders))
    return found


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(one for one in path.iterdir() if one.is_dir())
    except OSError:  # a run that is followed takes its folder away when it is interrupted
        return []


def _figure(path: Path) -> Study:
    alternatives = kind_of(path) == "what-if"
    title = f"{path.name}: what if" if alternatives else path.name
    study = Study(path, "figure", title, seeds="study")
    configs: list[dict[str, Any]] = []
    for file in sorted((path / POINTS).glob("*.json")):
        try:
            kept = read_point(file, sealed=False)
            settings, result = kept["payload"]["config"], kept["result"]
            entry = _entry(file.stem, settings, result, _curve(file.stem))
            config = RunConfig.from_json(settings)
        except DAMAGED as wrong:
            study.notes.append(f"{POINTS}/{file.name} is not a run's point: {wrong}")
            continue
        study.entries.append(entry)
        study.runs.append(config)
        configs.append(settings)
    if not alternatives and not any(one.is_file() for one in path.iterdir()):
        study.notes.append(
            "the figure is not finished, so points may be missing; its command goes on where it stopped"
        )
    _tell_apart(study, configs)
    windows = [config.get("window") for config in configs]
    _publish(study, all(one in (None, list(PAPER_WINDOW)) for one in windows))
    return study


def _sweep(path: Path, folders: list[Path]) -> Study:
    study = Study(path, "sweep", path.name)
    planned = _planned(study)
    configs: dict[str, dict[str, Any]] = {}
    entries: dict[str, dict[str, Any]] = {}
    for folder in folders:
        if folder.name == ".unfinished" or not looks_like_a_run(folder):
            continue
        try:
            if (folder / "summary.json").exists():
                found = read_json(folder / "summary.json")
                entry = _entry(folder.name, found["config"], found, str(found["policy"]))
            elif (folder / LIVE_FILE).exists():
                found = read_json(folder / LIVE_FILE)
                entry = _entry(folder.name, found["config"], {"status": "running"}, "")
            elif folder.name in planned:
                continue
            else:
                study.notes.append(f"{folder.name} was never finished")
                continue
        except DAMAGED as wrong:
            study.notes.append(f"{folder.name} is damaged: {wrong}")
            continue
        configs[folder.name] = found["config"]
        entries[folder.name] = entry
    _add_missing(path, planned, entries, configs)
    for name in [name for name in planned if name in entries] + [
        name for name in entries if name not in planned
    ]:
        study.entries.append(entries[name])
        study.runs.append(path / name)
    _tell_apart(study, [configs[str(entry["name"])] for entry in study.entries])
    return study


def _planned(study: Study) -> dict[str, PlanEntry]:
    """Runs that the plan of a sweep has, by name; nothing where there is no plan."""
    if not (study.path / PLAN).exists():
        return {}
    try:
        found = {entry.name: entry for entry in read_plan(study.path)}
    except InputError as wrong:
        study.notes.append(str(wrong))
        return {}
    study.seeds = "plan"
    return found


def _add_missing(
    path: Path,
    planned: dict[str, PlanEntry],
    entries: dict[str, dict[str, Any]],
    configs: dict[str, dict[str, Any]],
) -> None:
    """Add what is planned and not there: a mean over the rest must not pass for one of all seeds."""
    engines = {
        (entry["policy"], str(configs[name].get("engine"))): entry["engine"]
        for name, entry in entries.items()
        if entry["status"] != "running"
    }
    missing = [entry for name, entry in planned.items() if name not in entries]
    found = standing(path, missing)
    states = dict.fromkeys(found.running, "running") | dict.fromkeys(found.failed, "failed")
    states |= dict.fromkeys(found.done, "damaged")
    for one in missing:
        state = {"status": states.get(one.name, "waiting")}
        try:
            entries[one.name] = _entry(one.name, one.config, state, "")
        except DAMAGED:  # a plan by another version: the run is not shown
            continue
        configs[one.name] = one.config
    for name, entry in entries.items():  # which engine "auto" is, the runs that are done know
        if entry["status"] in ("running", "failed", "waiting", "damaged"):
            key = (entry["policy"], str(configs[name].get("engine")))
            entry["engine"] = engines.get(key, entry["engine"])


def _tell_apart(study: Study, configs: list[dict[str, Any]]) -> None:
    """Give entries the other settings that tell runs apart: only seeds are averaged over."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for entry, config in zip(study.entries, configs, strict=True):
        key = json.dumps([entry["curve"], *(config.get(name) for name in SHOWN)])
        alike.setdefault(key, []).append(config)
    for name in SETTINGS:
        values = [config.get(name) for config in configs]
        # what follows from a rate, such as a limit of hours, tells nothing apart
        if name in SHOWN or not any(
            config.get(name) != group[0].get(name) for group in alike.values() for config in group
        ):
            continue
        study.varied.append(name)
        for entry, value in zip(study.entries, values, strict=True):
            entry[name] = "none" if value is None else _as_typed(name, value)


def _as_typed(name: str, value: Any) -> str:
    """A setting as on the command line, where it can be read."""
    try:
        kind = SETTINGS[name].kind
        return str(kind.write(kind.from_json(value)))
    except (GavelError, TypeError, ValueError, LookupError, AttributeError):
        return json.dumps(value)


def _curve(name: str) -> str:
    """Curve of a point's file, which is named ``curve,rate=...,seed=...``; its own name may have commas."""
    return re.split(r",[^,=]*=[^,]*(?=,|$)", name, maxsplit=1)[0]


def _entry(name: str, config: dict[str, Any], result: dict[str, Any], curve: str) -> dict[str, Any]:
    """One run in the page's words."""
    interarrival = config.get("interarrival")
    jobs = result.get("jobs") or {}
    return {
        "name": name,
        "curve": curve or str(config["policy"]),
        "policy": str(config["policy"]),
        "engine": str(result.get("solved_by") or result.get("engine") or config.get("engine", "")),
        "tie_break": str(config.get("tie_break", "")),
        "rate": round(3600.0 / interarrival, 9) if interarrival else None,
        "jobs": config.get("jobs"),
        "seed": config.get("seed"),
        "cluster": ", ".join(f"{kind} {count}" for kind, count in config["cluster"].items()),
        "round_seconds": config.get("round_seconds"),
        "ideal": bool(config.get("ideal")),
        "status": str(result["status"]),
        "partial": bool(result.get("partial")),
        "verdict": _verdict_of(result),
        "measured": jobs.get("measured"),
        "completed": jobs.get("completed"),
        **{measure: result.get(measure) for measure in MEASURES},
    }


def _verdict_of(result: dict[str, Any]) -> str:
    """What was found of a run's rate, from a summary or from its row of a table."""
    found = result.get("saturation")
    nested = found.get("verdict") if isinstance(found, dict) else None
    return str(nested or result.get("saturation.verdict") or "")


def _publish(study: Study, as_published: bool) -> None:
    """Find out which of the paper's figures a folder is, and add its curves where the same jobs are measured."""
    from simulator.studies.experiments import FIGURES, find
    from simulator.studies.experiments.curves import CurveExperiment
    from simulator.studies.experiments.paper import paper_curve

    drawn = {file.stem.removeprefix("figure-") for file in study.path.glob("figure-*.*")}
    known = [name for name in FIGURES if name in drawn] or [
        name for name in FIGURES if study.path.name in (f"figure{name}", f"figure-{name}", name)
    ]
    if not known:
        headings = [_heading(file) for file in sorted(study.path.glob("*.md"))]
        study.title = next((one for one in headings if one), study.title)
        known = [name for name in FIGURES if find(name).title in headings]
    if not known:
        return
    experiment = find(known[0])
    study.title = experiment.title
    if isinstance(experiment, CurveExperiment):
        for panel in experiment.panels if as_published else ():
            for curve, theirs in panel.curves.items():
                published = paper_curve(panel.published, theirs)
                if published is not None:
                    study.published[curve] = {"x": list(published.x), "y": list(published.y)}
        labels = {curve.name: curve.label for curve in experiment.curves}
        for entry in study.entries:
            name = entry["curve"]
            entry["label"] = in_legend(labels.get(name, name), name)
        places = {name: place for place, name in enumerate(labels)}
        order = sorted(
            range(len(study.entries)),
            key=lambda at: places.get(study.entries[at]["curve"], len(places)),
        )
        study.entries = [study.entries[at] for at in order]
        study.runs = [study.runs[at] for at in order]


def _heading(file: Path) -> str:
    """Title of a table that stands beside the points."""
    try:
        with file.open(encoding="utf-8") as lines:
            return lines.readline(300).partition("# ")[2].strip()
    except (OSError, UnicodeDecodeError):
        return ""
