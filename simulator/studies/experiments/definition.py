"""Experiments as TOML files: those of the paper (``definitions/``), and users' own.

A file says what is run, drawn and claimed::

    title = "My policies on my cluster"

    [settings]                       # of all runs, as in a sweep's file
    cluster = "36:36:36"
    multi-gpu = true

    [[curve]]
    policy = "max_min_fairness_perf"
    label = "Gavel"                  # default: the policy; its name where several have the policy
    at = "0.4:2.4:0.4"               # job rates; default: those of the published curve, or --at
    settings = { round = 720 }       # besides those above

    [[panel]]                        # default: one with all curves
    title = "(a)"

    [[claim]]
    text = "a against b"
    slower = "max_min_fairness"
    faster = "max_min_fairness_perf"
    at = 2.4
    published = 2.2

``axis`` is ``rate`` (the default) or ``jobs``, ``measure`` what the curves show (of the file, or of
a curve), ``highest`` the end of the vertical axis, ``patience`` after how long a run is given up, ``differs`` a list of sentences for the report: where
ours is another curve than the published one, and why.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gavel_opt import InputError, unknown_name
from simulator.settings.config import find_setting, known_settings
from simulator.settings.kinds import several
from simulator.settings.values import COUNT, POSITIVE, check_policy
from simulator.studies.experiments.comparison import Claim
from simulator.studies.experiments.curves import (
    AXES,
    MEASURES,
    PATIENCE,
    Curve,
    CurveExperiment,
    Panel,
)
from simulator.studies.experiments.paper import paper_curves, paper_figures
from simulator.studies.tables import exact
from simulator.world.untrusted_text import is_number, read_text

DEFINITIONS = Path(__file__).parent / "definitions"

_TOP = (
    "title",
    "what",
    "axis",
    "measure",
    "highest",
    "patience",
    "settings",
    "curve",
    "panel",
    "claim",
    "differs",
)
_CURVE = ("name", "label", "policy", "measure", "settings", "optional", "at")
_PANEL = ("title", "published", "curves")
_CLAIM = ("text", "slower", "faster", "at", "published", "differs")
_OWN = (
    "policy",
    "seed",
    "engine",
    "tie-break",
    "window",
    "rate",
    "interarrival",
    "jobs",
    "timeout",
)
"""Settings that the command, the axis or the curve gives."""


def shipped() -> dict[str, Path]:
    """Experiments that come with the package: name to file."""
    return {path.stem.removeprefix("figure-"): path for path in sorted(DEFINITIONS.glob("*.toml"))}


def summary(path: Path) -> str:
    """Return what an experiment shows, in one line."""
    found = _parse(path)
    return str(found.get("what", found.get("title", path.stem)))


def load(path: Path) -> CurveExperiment:
    """Read an experiment.

    Raises
    ------
    InputError
        One line naming the file and what is wrong in it.
    """
    found = _parse(path)
    try:
        return _experiment(path, found)
    except InputError as wrong:
        raise InputError(f"{path}: {str(wrong).removeprefix('--')}") from None


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except RecursionError:
        raise InputError(f"{path}: not TOML: nested too deeply") from None
    except ValueError as wrong:  # TOML's own is one; another is a number of thousands of digits
        raise InputError(f"{path}: not TOML: {wrong}") from None


def _experiment(path: Path, found: Mapping[str, Any]) -> CurveExperiment:
    _known(found, _TOP, "key")
    _text(found, "what", "")
    axis = found.get("axis", "rate")
    _one_of("axis", axis, AXES)
    measure = found.get("measure", "average_jct")
    curves = tuple(_curves(_tables(found, "curve"), measure, axis))
    if not curves:
        raise InputError("no [[curve]]: nothing to run")
    names = [curve.name for curve in curves]
    panels = [_panel(one, names) for one in _tables(found, "panel")] or [
        Panel("", "", _same(names))
    ]
    curves = tuple(_with_runs(curves))
    highest, patience = _positive(found, "highest"), _positive(found, "patience")
    return CurveExperiment(
        figure=path.stem.removeprefix("figure-"),
        title=_text(found, "title"),
        curves=curves,
        panels=tuple(panels),
        axis=axis,
        settings=_settings(found.get("settings", {})),
        claims=tuple(
            _claim(one, {curve.name: curve for curve in curves}) for one in _tables(found, "claim")
        ),
        highest=highest,
        patience=PATIENCE if patience is None else patience,
        differs=_sentences(found.get("differs", [])),
    )


def _curves(tables: list[dict[str, Any]], measure: str, axis: str) -> list[Curve]:
    curves: list[Curve] = []
    policies = [one.get("policy") for one in tables if "label" not in one]
    for one in tables:
        _known(one, _CURVE, "key of a curve")
        policy = check_policy(one.get("policy"), "curve: policy")
        name = _text(one, "name", policy)
        if name in {curve.name for curve in curves}:
            raise InputError(f"curve {name}: there are two of this name; give one another name")
        shown = one.get("measure", measure)
        _one_of(f"measure of curve {name}:", shown, MEASURES)
        kind = COUNT if axis == "jobs" else POSITIVE
        given = one.get("at")
        at = [] if given is None else several(given, kind, f"curve {name}: at")
        curves.append(
            Curve(
                name=name,
                label=_text(one, "label", policy if policies.count(policy) < 2 else name),
                policy=policy,
                measure=shown,
                settings=_settings(one.get("settings", {})),
                optional=_switch(one, "optional", f"curve {name}"),
                at=tuple(float(kind.read(value, f"curve {name}: at")) for value in at),
            )
        )
    return curves


def _with_runs(curves: tuple[Curve, ...]) -> list[Curve]:
    """Let curves that differ in their measure alone share their runs."""
    from dataclasses import replace

    first: dict[str, str] = {}
    found = []
    for curve in curves:
        same = repr((curve.policy, sorted(curve.settings.items())))
        found.append(replace(curve, runs=first.setdefault(same, curve.name)))
    return found


def _panel(one: dict[str, Any], names: list[str]) -> Panel:
    _known(one, _PANEL, "key of a panel")
    curves = one.get("curves", names)
    if not (isinstance(curves, list | dict) and curves):
        raise InputError("panel: curves: expected names of curves, or a table from these to others")
    mapped = curves if isinstance(curves, dict) else {str(name): name for name in curves}
    for name, theirs in mapped.items():
        _one_of("curve of a panel", name, names)
        if not isinstance(theirs, str):
            raise InputError(f"panel: curves: {name}: expected the name of a published curve")
    published = _text(one, "published", "")
    if published:
        _one_of("figure of the paper (published)", published, paper_figures())
        # Not all curves could be read off their figures: a name that no figure has is a slip.
        theirs_all = {theirs for one in paper_figures() for theirs in paper_curves(one)}
        for name, theirs in mapped.items():
            if theirs != name:
                _one_of(f"published curve for {name}", theirs, theirs_all)
    return Panel(published, _text(one, "title", ""), mapped)


def _claim(one: dict[str, Any], curves: Mapping[str, Curve]) -> Claim:
    _known(one, _CLAIM, "key of a claim")
    for key in ("slower", "faster"):
        _one_of(f"curve of a claim ({key})", one.get(key), curves)
    at, published = (
        float(POSITIVE.read(one.get(key), f"claim: {key}")) for key in ("at", "published")
    )
    for key in ("slower", "faster"):
        points = curves[one[key]].at
        if points and at not in points:
            raise InputError(f"claim: at: curve {one[key]} has no point at {exact(at)}")
    differs = _text(one, "differs", "")
    return Claim(_text(one, "text"), one["slower"], one["faster"], at, published, differs=differs)


def _settings(given: Any) -> dict[str, Any]:
    """Check settings as far as they can be without the rest of a run."""
    if not isinstance(given, dict):
        raise InputError(f"settings: {given!r} is not a table")
    found: dict[str, Any] = {}
    for word, value in given.items():
        setting = find_setting(word)
        if setting is None:
            raise unknown_name("setting", word, known_settings())
        if setting.word in _OWN:
            raise InputError(f"settings: {word}: is given by the curve, the axis or the command")
        setting.read(value, word)
        if setting.word in found:
            raise InputError(f"settings: {word}: is given twice, under two names")
        found[setting.word] = value
    return found


def _tables(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    tables = found.get(name, [])
    if not (isinstance(tables, list) and all(isinstance(one, dict) for one in tables)):
        raise InputError(f"{name}: expected tables that start with [[{name}]]")
    return tables


def _known(found: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    for name in found:
        if name not in names:
            raise unknown_name(what, name, names)


def _sentences(given: Any) -> tuple[str, ...]:
    if not (isinstance(given, list) and all(isinstance(one, str) for one in given)):
        raise InputError("differs: expected a list of sentences")
    return tuple(given)


def _positive(found: Mapping[str, Any], name: str) -> float | None:
    """A number above 0 of the file, None if there is none of the name."""
    value = found.get(name)
    if value is None:
        return None
    if not (is_number(value) and 0 < value < math.inf):
        raise InputError(f"{name}: {value!r} is not a number above 0")
    return float(value)


def _text(found: Mapping[str, Any], name: str, otherwise: str | None = None) -> str:
    """A line of text; where it is not there what is taken instead, if anything."""
    value = found.get(name, otherwise)
    if not isinstance(value, str) or not (value or value == otherwise):
        raise InputError(f"{name}: expected a line of text")
    return value


def _switch(found: Mapping[str, Any], name: str, where: str) -> bool:
    value = found.get(name, False)
    if not isinstance(value, bool):
        raise InputError(f"{where}: {name}: {value!r} is not true or false")
    return value


def _one_of(what: str, value: object, known: Iterable[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise unknown_name(what, str(value), known)


def _same(names: Any) -> dict[str, str]:
    return {str(name): str(name) for name in names}
