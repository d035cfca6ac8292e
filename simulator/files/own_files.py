"""Which files of a folder are ours, so that no command writes over those of somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from gavel_opt import GavelError, InputError
from simulator.files.folder_kinds import FolderKind
from simulator.files.seal import is_sealed

SIGN = "gavel-sim 0f6d1c52-9e6b-4c1a-8f0e-5b0c2a3d7e41"
"""Stands in the pictures, pages and traces that we write, and in nobody's notes about them."""

_AFTER: Mapping[FolderKind, tuple[Sequence[str], Sequence[str]]] = {
    "sweep": (
        ("sweep.json",),
        ("summary.csv", "summary.parquet", "times.csv", "over_seeds.*"),
    ),
    "knee": (("paces/*.json",), ("knee.json", "knee.svg", "knee.png")),
    "figure": (
        ("points/*.json", "figure-*/points"),
        (
            *("points.csv", "times.csv", "times.md", "jct.md", "makespan.md", "cost.md"),
            *("totals.md", "seconds.md", "report.md", "report.html"),
            *("figure-*.png", "figure-*.svg", "figure-*.pdf"),
        ),
    ),
}
"""By kind of folder: what is written first, and what only after it."""


def refuse_foreign(folder: Path, kind: FolderKind) -> None:
    """Check that a command would write over nothing in a folder but what one of ours wrote.

    Raises
    ------
    InputError
        Naming the first file that is somebody else's.
    """
    for path in _foreign_of_run(folder) if kind == "run" else _foreign(folder, kind):
        way_out = ", or --force to write over it" if kind == "run" else ", or move it away"
        raise InputError(
            f"--output: {path} is there and was not written by gavel-sim; choose another folder{way_out}"
        )


def is_signed(path: Path) -> bool:
    """Whether a picture, a page or a trace says that it is ours."""
    return SIGN.encode() in path.read_bytes()


def _foreign(folder: Path, kind: FolderKind) -> Iterator[Path]:
    first, after = _AFTER.get(kind, ((), ()))
    if not any(True for sign in first for _ in folder.glob(sign)):
        for name in after:
            yield from sorted(folder.glob(name))


def _foreign_of_run(folder: Path) -> Iterator[Path]:
    for name, is_ours in _OF_RUN.items():
        for path in sorted(folder.glob(name)):
            if not is_ours(path):
                yield path


def _is_table(path: Path) -> bool:
    """Whether a Parquet file has the descriptions that columns of a run have."""
    from pyarrow import ArrowException
    from pyarrow import parquet as files

    try:
        fields = list(files.read_schema(path))
    except (OSError, ValueError, ArrowException):
        return False
    return any(b"description" in (field.metadata or {}) for field in fields)


def _is_program(path: Path) -> bool:
    from gavel_opt import read_program

    try:
        read_program(path)
    except (GavelError, OSError):
        return False
    return True


def _is_sealed(path: Path) -> bool:
    return is_sealed(path.read_bytes())


def _stands_by_tables(path: Path) -> bool:
    return _is_table(path.parent / "jobs.parquet")


def _is_of_live(path: Path) -> bool:
    return (path.parent / "running.json").exists() or _is_table(path)


_OF_RUN: Mapping[str, Callable[[Path], bool]] = {
    "jobs.parquet": _is_table,
    "rounds.parquet": _is_table,
    "placements.parquet": _is_table,
    "allocations.parquet": _is_table,
    "solves.parquet": _is_table,
    "live/*.parquet": _is_of_live,
    "workload.trace": _stands_by_tables,
    "checkpoint*.npz": _is_sealed,
    "unsolved.npz": _is_program,
    "programs/program-*.npz": _is_program,
}
"""Files of a run folder that have no rule of their own (``summary.json`` has), and how ours are known."""
