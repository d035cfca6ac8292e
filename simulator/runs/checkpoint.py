"""Checkpoints: a run's whole state in one file, without pickle, written in one step.

A checkpoint is an ``.npz`` archive: the arrays of the snapshot, and ``tree``, the JSON text of
everything else with a reference where each array stood. Floats travel as their shortest exact
decimals, so a resumed run has the bits of an uninterrupted one.
"""

from __future__ import annotations

import io
import json
import shlex
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gavel_opt import InputError
from simulator.runs.config import SETTINGS, RunConfig
from simulator.runs.files import write_atomically

FORMAT = 4
NAME = "checkpoint.npz"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run's state between two rounds.

    Attributes
    ----------
    config
        The run.
    snapshot
        What ``Simulation.snapshot()`` gave.
    runner
        What the runner remembers besides: seconds spent, when it looked for saturation.
    """

    config: RunConfig
    snapshot: dict[str, Any]
    runner: dict[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the file before it stays until the new one is whole."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    tree = {
        "format": FORMAT,
        "config": checkpoint.config.to_json(),
        "runner": _encode(checkpoint.runner, arrays),
        "snapshot": _encode(checkpoint.snapshot, arrays),
    }
    text = json.dumps(tree).encode()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, tree=np.frombuffer(text, dtype=np.uint8), **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def load(path: Path, flag: str) -> Checkpoint:
    """Read a checkpoint, or the one in a run folder.

    Parameters
    ----------
    path
        File or run folder.
    flag
        Named in errors.

    Raises
    ------
    InputError
        If there is none, or it is not whole, or of another format.
    """
    if path.is_dir():
        path = path / NAME
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        tree = json.loads(arrays.pop("tree").tobytes())
        found = int(tree["format"])
    except FileNotFoundError:
        raise InputError(
            f"{flag}: no checkpoint at {path}; one is written by --checkpoint-every"
        ) from None
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as wrong:
        raise InputError(f"{flag}: {path} is not a checkpoint ({wrong})") from None
    if found != FORMAT:
        raise InputError(f"{flag}: {path} has format {found}, this version reads {FORMAT}")
    return Checkpoint(
        RunConfig.from_json(tree["config"]),
        _decode(tree["snapshot"], arrays),
        _decode(tree["runner"], arrays),
    )


def resume_command(folder: Path) -> str:
    """What to type to go on from the checkpoint in a run folder."""
    return shlex.join(["gavel-sim", "run", "--resume", str(folder)])


def check_fork(warm: RunConfig, run: RunConfig) -> None:
    """Check that ``run`` may go on from where ``warm`` was.

    What decides and when to stop may change; the workload and the cluster are what the warm-up was
    for.

    Raises
    ------
    InputError
        Naming the settings that differ and may not.
    """
    differ = [
        setting.word
        for name, setting in SETTINGS.items()
        if not setting.forks and getattr(warm, name) != getattr(run, name)
    ]
    if differ:
        raise InputError(
            f"--fork-from: the warm-up was another run: {', '.join(differ)} must be the same"
        )


def _encode(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """JSON for a value, arrays set aside; anything JSON would change is marked."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("a snapshot may not hold arrays of Python objects")
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"$": "array", "name": name}
    if isinstance(value, np.generic):
        return _encode(np.asarray(value), arrays) | {"$": "scalar"}
    if isinstance(value, tuple | frozenset | set):
        kind = "tuple" if isinstance(value, tuple) else "set"
        members = list(value) if kind == "tuple" else sorted(value)
        return {"$": kind, "values": [_encode(item, arrays) for item in members]}
    if isinstance(value, list):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and "$" not in value:
            return {key: _encode(item, arrays) for key, item in value.items()}
        pairs = [[_encode(key, arrays), _encode(item, arrays)] for key, item in value.items()]
        return {"$": "items", "values": pairs}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a snapshot may not hold a {type(value).__name__}")


def _decode(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get("$"):
        case None:
            return {key: _decode(item, arrays) for key, item in value.items()}
        case "array":
            return arrays[value["name"]]
        case "scalar":
            return arrays[value["name"]][()]
        case "items":
            return {_decode(key, arrays): _decode(item, arrays) for key, item in value["values"]}
        case kind:
            values = [_decode(item, arrays) for item in value["values"]]
            return tuple(values) if kind == "tuple" else set(values)
