"""Checkpoints: a run's whole state in one file, without pickle, written in one step.

A checkpoint is an ``.npz`` archive: the arrays of the snapshot, and ``tree``, the JSON text of
everything else with a reference where each array stood. Floats travel as their shortest exact
decimals, so a resumed run has the bits of an uninterrupted one. The archive's comment, at the end of
the file, is the SHA-256 of all that stands before it: a file of which any byte was changed is refused
before anything in it is believed. What passes is then held against the state of a fresh run
(:func:`check_layout`), whose types of arrays are the schema.
"""

from __future__ import annotations

import io
import json
import shlex
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gavel_opt import InputError, PolicyFailed
from simulator.files.seal import check_seal, sealed
from simulator.files.whole_files import write_atomically
from simulator.settings.config import SETTINGS, RunConfig

FORMAT = 10
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
    rest = dict(checkpoint.snapshot)
    memory = rest.pop("policy", None)
    snapshot = _encode(rest, arrays)
    if memory is not None:
        snapshot["policy"] = _encode_memory(checkpoint.config.policy, memory, arrays)
    tree = {
        "format": FORMAT,
        "config": checkpoint.config.to_json(),
        "runner": _encode(checkpoint.runner, arrays),
        "snapshot": snapshot,
    }
    text = json.dumps(tree).encode()
    buffer = io.BytesIO()
    whole: dict[str, Any] = {"tree": np.frombuffer(text, dtype=np.uint8), **arrays}
    # Not with allow_pickle: before numpy 2.2 that is the name of one more array. Objects were refused above.
    np.savez(buffer, **whole)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, sealed(buffer))


def check_memory(policy: str, memory: dict[str, Any]) -> None:
    """Check that what a policy remembers can stand in a checkpoint.

    Raises
    ------
    PolicyFailed
        If it is more than JSON values and arrays.
    """
    _encode_memory(policy, memory, {})


def _encode_memory(
    policy: str, memory: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]
) -> Any:
    try:
        return _encode(memory, arrays)
    except (TypeError, RecursionError) as wrong:
        raise PolicyFailed(
            f"policy {policy!r}: {wrong}, so there can be no checkpoint of it; snapshot() gives numbers, "
            "texts, arrays, and lists and dictionaries of them"
        ) from None


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
        content = path.read_bytes()
    except FileNotFoundError:
        why = "one is written by --checkpoint-every"
        if (path.parent / "summary.json").exists():
            why = "the run there has ended (one stopped by a limit goes on if --checkpoint-every was given)"
        if warm := sorted(path.parent.glob(f"{Path(NAME).stem}-job*.npz")):
            why = f"to fork from there is {warm[0]}"
        raise InputError(f"{flag}: no checkpoint at {path}; {why}") from None
    except OSError as wrong:
        raise InputError(f"{flag}: cannot read {path}: {wrong.strerror}") from None
    check_seal(content, f"{flag}: {path}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        tree = json.loads(arrays.pop("tree").tobytes())
        if tree["format"] != FORMAT:
            raise InputError(
                f"{flag}: {path} has format {tree['format']}, this version reads {FORMAT}"
            )
        parts = {name: _decode(tree[name], arrays) for name in ("snapshot", "runner")}
        for name, part in parts.items():
            if not isinstance(part, dict):
                raise TypeError(f"{name!r} has no names")
        return Checkpoint(RunConfig.from_json(tree["config"]), **parts)
    except _WRONG as wrong:
        raise InputError(f"{flag}: {path} is not a checkpoint ({wrong})") from None


_WRONG = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    NotImplementedError,
    zipfile.BadZipFile,
)
"""What comes of reading an archive, or a tree, that nobody of ours wrote."""


def restore(owner: Restorable, memory: dict[str, Any], free: Collection[str] = ()) -> None:
    """Give a fresh owner its state back, held against what it has by itself before and after.

    Parameters
    ----------
    owner, memory
        Who gets what.
    free
        Names of parts that may be anything by now: what a user's own policy remembers.

    Raises
    ------
    InputError
        If the state is not one that the owner could have had.
    """

    def due() -> dict[str, Any]:
        return {name: part for name, part in owner.snapshot().items() if name not in free}

    with refusing():
        check_layout(memory, due())
        owner.restore(memory)
        check_layout(memory, due(), whole=True)


@contextmanager
def refusing() -> Iterator[None]:
    """Answer for what comes of taking back a state that nobody of ours put down.

    Raises
    ------
    InputError
        In place of what was raised.
    """
    try:
        yield
    except _WRONG as wrong:
        raise InputError(
            f"the checkpoint is not one of this run: {wrong}; start it again"
        ) from None


class Restorable(Protocol):
    """What can be put down and taken up again."""

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as JSON values and arrays."""
        ...

    def restore(self, memory: dict[str, Any], /) -> None:
        """Take back what :meth:`snapshot` gave."""
        ...


def check_layout(found: Any, expected: Any, whole: bool = False, where: str = "state") -> None:
    """Check that a snapshot has the names, types and dimensions of another.

    Parameters
    ----------
    found, expected
        The snapshot to check, and one of the same run, earlier: it has the same names, and arrays of
        the same types (fields and all) and dimensions but for one, which may be longer now.
    whole
        Whether all dimensions must be the same.
    where
        For the message.

    Raises
    ------
    ValueError
        Naming what differs.
    """
    if isinstance(expected, dict):
        if not isinstance(found, dict) or not (found.keys() >= expected.keys()):
            raise ValueError(f"{where} lacks {', '.join(map(str, expected))}")
        for name, part in expected.items():
            check_layout(found[name], part, whole, f"{where}.{name}")
    elif isinstance(expected, np.ndarray):
        if not isinstance(found, np.ndarray) or found.dtype != expected.dtype:
            raise ValueError(f"{where} is not an array of {expected.dtype}")
        pairs = list(zip(found.shape, expected.shape, strict=False))
        longer = [has > due for has, due in pairs if has != due]
        # Along one dimension a run's arrays grow, and none of them shrinks.
        fits = found.ndim == expected.ndim and (not longer or (longer == [True] and not whole))
        if not fits:
            raise ValueError(f"{where} has shape {found.shape}, expected {expected.shape}")
    elif isinstance(expected, list):
        if not isinstance(found, list) or (whole and len(found) != len(expected)):
            raise ValueError(f"{where} is not the list that it should be")
        for place, (one, other) in enumerate(zip(found, expected, strict=False)):
            check_layout(one, other, whole, f"{where}[{place}]")
    elif not _is_like(found, expected):
        raise ValueError(f"{where} is not like {expected!r}")


def _is_like(found: Any, expected: Any) -> bool:
    """Whether a value may stand where another stood; where there was none may be any but a container."""
    if expected is None:
        return not isinstance(found, dict | list | np.ndarray)
    if isinstance(expected, float):
        return isinstance(found, float) or (type(found) is int and abs(found) < 1 << 53)
    return type(found) is type(expected)


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


def check_recorded(start: Checkpoint, record: Collection[str]) -> None:
    """Check that what a run is to record was recorded up to the checkpoint that it starts from.

    Raises
    ------
    InputError
        Naming what was not: a table that begins in the middle passes for a whole one.
    """
    for word in ("placements", "allocations"):
        if word in record and word not in start.runner.get("recorded", ()):
            raise InputError(
                f"--record: {word} were not recorded up to the checkpoint, so they would begin there; drop "
                f"it, or make the checkpoint with --record {word} as well"
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
