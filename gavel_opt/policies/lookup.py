"""Policies by name: the built-in ones, those of installed packages, and anybody's class.

A name is one of :data:`~gavel_opt.policies.POLICIES`, one that a package registers under the entry-point
group ``gavel_opt.policies``, or says where a class (or a function that makes a policy) stands:
``module:Class``, ``file.py:Class``.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from gavel_opt.errors import ANY_FAILURE, InputError, unknown_name
from gavel_opt.policies.policy import Policy, Traits
from gavel_opt.policies.settings import check_settings, parameters_of

GROUP = "gavel_opt.policies"


@dataclass(frozen=True, slots=True)
class Found:
    """What makes a policy.

    Attributes
    ----------
    name
        As it was asked for.
    factory
        The class, or a function.
    fixed
        Arguments that the name stands for (the variant, ...).
    source
        Where it is from, for summaries: a package and its version, a file and a digest of it; empty
        for ours.
    """

    name: str
    factory: Callable[..., Policy]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


def find(name: str, built_in: Mapping[str, tuple[str, dict[str, Any]]]) -> Found:
    """Find what makes a policy.

    Raises
    ------
    InputError
        In one line: an unknown name with the nearest, a file or module that cannot be loaded and the
        line that fails, a class that is not there and those that are.
    """
    if name in built_in:
        path, fixed = built_in[name]
        module, _, attribute = path.partition(":")
        home = importlib.import_module(f"gavel_opt.policies.{module}")
        return Found(name, getattr(home, attribute), fixed)
    outside = from_packages(tuple(sys.path))
    if name in outside:
        path, source = outside[name]
        return Found(name, _attribute(name, path), source=source)
    if ":" in name:
        return Found(name, _attribute(name, name), source=_source(name))
    if name.endswith(".py"):
        raise InputError(f"policy {name!r} (--policy) names a file; add the class: {name}:Class")
    if (meant := _ELSEWHERE.get(name.lower().replace("-", "_"))) is not None:
        raise InputError(f"unknown policy (--policy) {name!r}: here it is {meant}")
    error = unknown_name("policy (--policy)", name, [*built_in, *outside])
    raise InputError(f"{error} (one of your own: module:Class or file.py:Class)")


_ELSEWHERE = {
    **dict.fromkeys(
        ("las", "max_min", "maxmin", "mmf", "gavel", "drf"),
        "max_min_fairness (max_min_fairness_perf with each worker type's throughput)",
    ),
    **dict.fromkeys(("themis", "ftf"), "finish_time_fairness (finish_time_fairness_perf)"),
    **dict.fromkeys(("makespan", "min_makespan"), "min_total_duration (min_total_duration_perf)"),
    **dict.fromkeys(("fcfs", "first_come_first_served"), "fifo"),
    **dict.fromkeys(
        ("srtf", "srpt", "sjf", "shortest_job_first", "tiresias"),
        "one of your own, of which docs/policies.md has examples: file.py:Class",
    ),
}
"""Names that policies have in other places, and what they are here."""


@functools.cache
def from_packages(path: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Policies of the packages on ``path``, Python's own: name to ``module:Class`` and the package.

    A built-in policy goes before one of the same name, and so does the package that is found first.
    """
    from importlib.metadata import entry_points

    found: dict[str, tuple[str, str]] = {}
    for point in entry_points(group=GROUP):
        source = "" if point.dist is None else f"{point.dist.name} {point.dist.version}"
        found.setdefault(point.name, (point.value, source))
    return found


def build(found: Found, seed: int, given: Mapping[str, Any]) -> Policy:
    """Make a fresh policy.

    Raises
    ------
    InputError
        For a setting that it does not take, and for whatever its constructor refuses.
    """
    values = {**found.fixed, **check_settings(found.name, found.factory, given, found.fixed)}
    takes = parameters_of(found.factory)
    ours = {"seed": seed, "name": found.name}
    values |= {
        name: value
        for name, value in ours.items()
        if name in takes and (name == "seed" or takes[name].default is takes[name].empty)
    }
    try:
        policy = found.factory(**values)
    except (InputError, KeyboardInterrupt):
        raise
    except ANY_FAILURE as wrong:
        raise InputError(
            f"policy {found.name!r} cannot be made: {_where(wrong)}{type(wrong).__name__}: {wrong}"
        ) from wrong
    require_policy(policy, found.name)
    return policy


def require_policy(policy: object, name: str) -> None:
    """Refuse what is not a policy.

    Raises
    ------
    InputError
        Naming what is missing.
    """
    missing = [
        part
        for part in ("name", "traits", "programs", "snapshot", "restore")
        if not hasattr(policy, part)
    ]
    if missing:
        raise InputError(
            f"policy {name!r} is a {type(policy).__name__} without {missing[0]!r}; "
            "expected the name of a policy, or an object of a class derived from gavel_opt.Policy"
        )
    for part, kind in (("name", str), ("traits", Traits)):
        value = getattr(policy, part)
        if not isinstance(value, kind):
            said = f"the class {value.__name__}" if isinstance(value, type) else repr(value)
            raise InputError(
                f"policy {name!r}: {part} is {said}, expected "
                f"{'a text' if kind is str else 'gavel_opt.Traits(...)'}"
            )


def name_of(policy: object) -> str:
    """Where a class or function can be found again, ``module:Class``; for another object its name."""
    if inspect.isclass(policy) or inspect.isfunction(policy):
        return f"{policy.__module__}:{policy.__qualname__}"
    own = getattr(policy, "name", None)
    return own if isinstance(own, str) and own else type(policy).__name__


def _attribute(name: str, path: str) -> Callable[..., Policy]:
    place, _, attribute = path.rpartition(":")
    if not place or not attribute:
        raise InputError(f"policy {name!r} (--policy): expected module:Class or file.py:Class")
    if not place.endswith(".py") and Path(place).is_file():
        raise InputError(f"policy {name!r} (--policy): {place} is not a Python file (.py)")
    module = _from_file(name, place) if place.endswith(".py") else _module(name, place)
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise unknown_name(f"class in {place} (--policy)", attribute, _policies_in(module))
    if not callable(found) or isinstance(found, ModuleType):
        raise InputError(
            f"policy {name!r} (--policy): {attribute} is a {type(found).__name__}, "
            "expected a class or a function that makes a policy"
        )
    made: Callable[..., Policy] = found
    return made


def _policies_in(module: ModuleType) -> list[str]:
    """Names of what looks like a policy; of all classes where nothing does."""
    classes = [
        (name, value)
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]
    likely = [name for name, value in classes if hasattr(value, "programs")]
    return likely or [name for name, _ in classes]


def _module(name: str, place: str) -> ModuleType:
    folder = str(Path.cwd())
    added = folder not in sys.path  # console scripts do not look in the current folder
    if added:
        sys.path.append(folder)
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as missing:
        if missing.name is not None and (place + ".").startswith(missing.name + "."):
            raise InputError(
                f"policy {name!r} (--policy): no module named {missing.name!r}"
            ) from None
        raise _not_loaded(name, missing) from missing
    except KeyboardInterrupt:
        raise
    except ANY_FAILURE as wrong:  # a script that has no __main__ guard ends the process
        raise _not_loaded(name, wrong) from wrong
    finally:
        if added:
            sys.path.remove(folder)


def _from_file(name: str, place: str) -> ModuleType:
    """Load a file as a module of a name of its own, once for each content of it."""
    path = Path(place)
    if "\0" in place:
        raise InputError(f"policy {name!r} (--policy): {place!r} is not the name of a file")
    try:
        content = path.read_bytes()
    except OSError as wrong:
        near = ""
        if path.parent.is_dir():
            others = sorted(entry.name for entry in path.parent.glob("*.py"))
            near = f"; there are {', '.join(others[:5])}" if others else ""
        raise InputError(
            f"policy {name!r} (--policy): cannot read {path}: {wrong.strerror}{near}"
        ) from None
    digest = hashlib.sha256(os.fsencode(path.resolve()) + content).hexdigest()[:12]
    own_name = f"gavel_policy_{path.stem}_{digest}"
    if own_name in sys.modules:
        return sys.modules[own_name]
    loader = _AsItStands(own_name, str(path.absolute()))
    spec = importlib.util.spec_from_file_location(own_name, path, loader=loader)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[own_name] = module  # dataclasses and pickles look themselves up
    beside = str(path.resolve().parent)
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
    except BaseException as wrong:
        del sys.modules[own_name]
        if isinstance(wrong, KeyboardInterrupt):
            raise
        raise _not_loaded(name, wrong) from wrong
    finally:
        sys.path.remove(beside)
    return module


class _AsItStands(SourceFileLoader):
    """Loads what a file says now: compiled code beside it is known by the second and size of its source alone."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _not_loaded(name: str, wrong: BaseException) -> InputError:
    where = _where(wrong)
    if isinstance(wrong, SyntaxError):
        where = f"{wrong.filename}, line {wrong.lineno}: "
        return InputError(f"policy {name!r} (--policy) cannot be loaded: {where}{wrong.msg}")
    return InputError(
        f"policy {name!r} (--policy) cannot be loaded: {where}{type(wrong).__name__}: {wrong}"
    )


def _where(wrong: BaseException) -> str:
    """File and line of the user's code that raised."""
    frames = [
        frame
        for frame in traceback.extract_tb(wrong.__traceback__)
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    return f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames else ""


def _source(name: str) -> str:
    """What the policy was made from: a digest of the file, or the version of the package."""
    place = name.rpartition(":")[0]
    if place.endswith(".py"):
        digest = hashlib.sha256(Path(place).read_bytes()).hexdigest()[:12]
        return f"{place} sha256:{digest}"
    module = sys.modules.get(place)
    origin = getattr(module, "__file__", None)
    if origin is None:
        return place
    digest = hashlib.sha256(Path(origin).read_bytes()).hexdigest()[:12]
    return f"{place} sha256:{digest}"


__all__ = ["GROUP", "Found", "build", "find", "from_packages", "name_of", "require_policy"]
