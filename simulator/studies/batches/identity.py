"""What a run is: a hash of everything that decides its result.

Two runs of one identity give the same bits wherever they are carried out, so a finished one can be
taken from any folder or machine. In it are the settings, the *contents* of the files that they
name, and the sources of the packages as far as they decide results; where files lie, how the
results are shown, and limits on wall clock are not.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import gavel_opt
from gavel_opt import POLICIES, InputError, find_policy
from simulator.studies.batches.inputs_of_runs import FILES
from simulator.world.throughputs import preset_file
from simulator.world.trace import trace_file

IRRELEVANT = ("timeout",)
"""Settings that do not change the result of a run that ends by itself."""

DECIDING = {
    "gavel_opt": ("*.py", "engines", "kernels", "model", "policies", "solver"),
    "simulator": ("data", "mechanism", "runs", "settings", "world"),
}
"""What of each package decides results: modules at its top, and rooms."""

MEASURING = ("experiments/*.py", "knee.py", "tables.py")
"""Sources within ``simulator.studies`` that decide what a study keeps of its runs."""

_SIMULATOR = Path(__file__).parents[2]
_SUFFIXES = (".py", ".csv", ".json", ".toml")


def identity_of(settings: dict[str, Any]) -> str:
    """Return the identity of a run: 16 hexadecimal digits.

    Parameters
    ----------
    settings
        As :meth:`simulator.settings.config.RunConfig.to_json` gives them.

    Raises
    ------
    InputError
        If a file that the settings name cannot be read.
    """
    deciding = {name: value for name, value in settings.items() if name not in IRRELEVANT}
    for name in FILES:
        if deciding.get(name) is not None:
            found = {"throughputs": preset_file, "trace": trace_file}.get(name, Path)
            deciding[name] = _content(name, found(deciding[name]))
    policy = deciding.get("policy")
    if isinstance(policy, str) and policy not in POLICIES:
        deciding["policy_source"] = find_policy(policy).source  # a file and a digest of it
    text = json.dumps({"settings": deciding, "code": code_version()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def code_version() -> str:
    """Return a hash of the sources that decide results: 12 hexadecimal digits."""
    found = hashlib.sha256()
    for root in (Path(gavel_opt.__file__).parent, _SIMULATOR):
        for part in DECIDING[root.name]:
            paths = root.glob(part) if "*" in part else (root / part).rglob("*")
            for path in sorted(paths):
                if path.suffix in _SUFFIXES and path.is_file():
                    found.update(str(path.relative_to(root)).encode() + b"\0")
                    found.update(path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def identity_of_work(payload: dict[str, Any]) -> str:
    """Return the identity of a piece of a study: of its run, and of what is kept of it.

    Parameters
    ----------
    payload
        What the work takes: a run's settings under ``config``, or other values that decide all.
    """
    config = payload.get("config")
    rest = {name: value for name, value in payload.items() if name != "config"}
    if isinstance(knee := rest.get("knee"), dict):
        rest["knee"] = {name: value for name, value in knee.items() if name not in IRRELEVANT}
    run = code_version() if config is None else identity_of(config)
    text = json.dumps([rest, run, _measuring()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def made_otherwise(settings: dict[str, Any], code: str | None = None) -> str:
    """Say how a result of these very settings can be another run's: to follow what was made.

    Parameters
    ----------
    settings
        As :func:`identity_of` takes them.
    code
        What :func:`code_version` was then; None where it was not written down.
    """
    if code not in (None, code_version()):
        return "was made by another version of the simulator"
    named = [f"--{name} {settings[name]}" for name in FILES if settings.get(name) is not None]
    policy = str(settings.get("policy"))
    if policy not in POLICIES:
        named.append(f"--policy {policy}")
    files = f"from files that have changed since ({', '.join(named)})"
    if code is not None:
        return f"was made {files}"
    return f"was made by another version of the simulator{f', or {files}' if named else ''}"


@functools.cache
def _measuring() -> str:
    found = hashlib.sha256()
    for part in MEASURING:
        for path in sorted((_SIMULATOR / "studies").glob(part)):
            found.update(path.read_bytes() + b"\0")
    return found.hexdigest()


def _content(name: str, path: Path) -> str:
    try:
        state = path.stat()
        return _digest(path, state.st_mtime_ns, state.st_size)
    except OSError as wrong:
        raise InputError(f"--{name}: cannot read {path}: {wrong.strerror}") from None


@functools.lru_cache(maxsize=256)
def _digest(path: Path, changed: int, size: int) -> str:
    """Hash a file once for each of its states: a sweep names the same trace in every run."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
