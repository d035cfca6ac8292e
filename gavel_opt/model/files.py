"""Programs in files: MPS (fixed and free), LP, and recorded programs.

MPS and LP files are read by HiGHS's own readers, after :mod:`gavel_opt.model.mps_lines` has looked at the
lines; each may be compressed (``.gz``, ``.bz2``, ``.xz``). A *recorded program* is a ``.npz`` archive
of the arrays, which keeps every bit and needs no pickle.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from gavel_opt.errors import InputError
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.mps_lines import SPACE, MpsFacts, read_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORDED = ".npz"
_FORMAT = "gavel-opt program 1"
_OPENERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
_ARRAYS = ("c", "row_lower", "row_upper", "col_lower", "col_upper")
_INFINITE = 1e20
_PLACE = re.compile(r"-->\s.*:(\d+):\d+\s*$", re.MULTILINE)


def read_program(path: str | os.PathLike[str]) -> LinearProgram:
    """Read a program from an MPS, LP or recorded file.

    Integer columns are taken as continuous (:func:`read_with_notes` says how many there are).

    Raises
    ------
    InputError
        One line that names the file, and the line in it where that is known.
    """
    return _read(Path(path))[0]


def read_with_notes(path: str | os.PathLike[str]) -> tuple[LinearProgram, list[str]]:
    """Read a program, and what the user should know about the reading, one line each.

    Raises
    ------
    InputError
        As :func:`read_program`.
    """
    program, integers = _read(Path(path))
    notes = [f"{path}: {integers} integer columns are taken as continuous"] if integers else []
    return program, notes


def find_programs(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List program files: files as they are, and all programs in directories, in order of name.

    Raises
    ------
    InputError
        If a path does not exist, or a directory holds no program.
    """
    found: list[Path] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and _kind(p))
            if not inside:
                raise InputError(f"{path}: no .mps, .lp or .npz program in this directory")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise _missing(path)
    return found


def write_program(program: LinearProgram, path: str | os.PathLike[str]) -> Path:
    """Write a program: ``.npz`` keeps every bit, ``.mps`` is free MPS at full precision.

    The file appears whole or not at all.

    Raises
    ------
    InputError
        For another suffix, a program that MPS cannot express, or a place that cannot be written.
    """
    path = Path(path)
    if path.suffix == RECORDED:
        content = _recorded_bytes(program)
    elif path.suffix == ".mps":
        content = "".join(f"{line}\n" for line in _mps_lines(program)).encode()
    else:
        raise InputError(f"{path}: write a program as .npz or .mps")
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _kind(path: Path) -> str:
    """``mps``, ``lp`` or ``npz`` by suffix, compressed or not; empty for anything else."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in _OPENERS:
        suffixes.pop()
    kind = suffixes[-1][1:] if suffixes else ""
    return kind if kind in ("mps", "lp", "npz") else ""


def _missing(path: Path) -> InputError:
    from difflib import get_close_matches

    beside = path.parent if path.parent.is_dir() else None
    names = [p.name for p in beside.iterdir()] if beside else []
    near = get_close_matches(path.name, names, n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return InputError(f"{path}: no such file{hint}")


def _read(path: Path) -> tuple[LinearProgram, int]:
    if path.is_dir():
        raise InputError(f"{path}: is a directory; name a file in it")
    if not path.exists():
        raise _missing(path)
    kind = _kind(path)
    if not kind:
        raise InputError(f"{path}: not a .mps, .lp or .npz file (each may end in .gz, .bz2, .xz)")
    try:
        content = path.read_bytes()
        if path.suffix.lower() in _OPENERS:
            content = _OPENERS[path.suffix.lower()](content)
    except (OSError, EOFError, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: cannot be read: {reason}") from error
    if kind == "npz":
        return _from_recorded(content, path), 0
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\0" in text:
        raise InputError(f"{path}: is not text; a .{kind} file was expected")
    return _from_mps(text, path) if kind == "mps" else _from_lp(text, path)


def _from_mps(text: str, path: Path) -> tuple[LinearProgram, int]:
    facts = read_facts(text, str(path))
    if facts.rewritten:
        lines = text.splitlines()
        for number, line in facts.rewritten.items():
            lines[number] = line
        text = "\n".join(lines) + "\n"
    program, _ = _by_highs(text, path, "mps")
    if facts.fixed:
        program = replace(
            program,
            row_names=tuple(name.replace(SPACE, " ") for name in program.row_names),
            col_names=tuple(name.replace(SPACE, " ") for name in program.col_names),
        )
    return _settled(program, facts, path), facts.integers


def _settled(program: LinearProgram, facts: MpsFacts, path: Path) -> LinearProgram:
    """Apply what readers differ on."""
    col_lower = program.col_lower
    if facts.opened:
        opened = set(facts.opened)
        col_lower = col_lower.copy()
        col_lower[[name in opened for name in program.col_names]] = -np.inf
    name = facts.name or _stem(path)
    return replace(program, col_lower=col_lower, name=name)


def _from_lp(text: str, path: Path) -> tuple[LinearProgram, int]:
    program, integers = _by_highs(text, path, "lp")
    return replace(program, name=_stem(path)), integers


def _stem(path: Path) -> str:
    return path.name.split(".")[0]


def _by_highs(text: str, path: Path, kind: str) -> tuple[LinearProgram, int]:
    """Read with HiGHS, which takes files only; silent, its complaints end up in the error."""
    import highspy

    class Reader(highspy.Highs):
        """The base class prints a banner when it is made; this one does not."""

        def __init__(self) -> None:
            super(highspy.Highs, self).__init__()

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"program.{kind}"
        file.write_text(text, encoding="utf-8", newline="\n")
        log = Path(folder) / "log"
        reader = Reader()
        reader.setOptionValue("log_to_console", False)
        reader.setOptionValue("log_file", str(log))
        status = reader.readModel(str(file))
        reader.setOptionValue("log_file", "")
        said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if status == highspy.HighsStatus.kError:
        raise InputError(_complaint(said, path, kind))
    model = reader.getModel()
    if model.hessian_.dim_:
        raise InputError(f"{path}: has a quadratic objective; only linear programs are taken")
    lp = model.lp_
    kinds = list(lp.integrality_)
    continuous, integer = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger
    if any(k not in (continuous, integer) for k in kinds):
        raise InputError(f"{path}: has semi-continuous columns; only linear programs are taken")
    integers = sum(k == integer for k in kinds)
    return _from_highs(lp, lp.sense_ == highspy.ObjSense.kMaximize), integers


def _from_highs(lp: Any, maximize: bool) -> LinearProgram:
    m, n = lp.num_row_, lp.num_col_
    a = lp.a_matrix_
    arrays = (np.array(a.value_), np.array(a.index_), np.array(a.start_))
    by_columns = "kColwise" in str(a.format_)
    matrix = (sparse.csc_array if by_columns else sparse.csr_array)(arrays, shape=(m, n))
    return LinearProgram.build(
        np.array(lp.col_cost_, dtype=np.float64).reshape(n),
        matrix,
        np.array(lp.row_lower_, dtype=np.float64),
        np.array(lp.row_upper_, dtype=np.float64),
        np.array(lp.col_lower_, dtype=np.float64),
        np.array(lp.col_upper_, dtype=np.float64),
        maximize=maximize,
        offset=float(lp.offset_),
        row_names=tuple(lp.row_names_),
        col_names=tuple(lp.col_names_),
    )


def _complaint(said: str, path: Path, kind: str) -> str:
    """Turn the reader's log into one line."""
    errors = [
        line.removeprefix("ERROR:").strip()
        for line in said.splitlines()
        if line.startswith("ERROR")
    ]
    errors = [e for e in errors if not e.startswith("Parser error")]
    what = errors[0] if errors else f"HiGHS cannot read this as .{kind}"
    place = _PLACE.search(said)
    where = f"{path}, line {place[1]}" if place else str(path)
    return f"{where}: {what}"


def _recorded_bytes(program: LinearProgram) -> bytes:
    about = {
        "format": _FORMAT,
        "name": program.name,
        "maximize": program.maximize,
        "shape": program.shape,
        "row_names": program.row_names,
        "col_names": program.col_names,
    }
    arrays = {name: np.asarray(getattr(program, name)) for name in _ARRAYS}
    arrays |= {
        "offset": np.array(program.offset),
        "data": program.a.data,
        "indices": program.a.indices,
        "indptr": program.a.indptr,
        "about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
    }
    for keys in ("row_keys", "col_keys"):
        if getattr(program, keys) is not None:
            arrays[keys] = getattr(program, keys)
    buffer = io.BytesIO()
    # numpy's types take every name for its option allow_pickle, too.
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _from_recorded(content: bytes, path: Path) -> LinearProgram:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            stored = dict(archive)
        about = json.loads(stored["about"].tobytes())
        if about["format"] != _FORMAT:
            raise InputError(f"{path}: format {about['format']!r}, expected {_FORMAT!r}")
        entries = (stored["data"], stored["indices"], stored["indptr"])
        matrix = sparse.csc_array(entries, shape=tuple(about["shape"]))
        matrix.check_format(full_check=True)
        return LinearProgram.build(
            stored["c"],
            matrix,
            *(stored[name] for name in _ARRAYS[1:]),
            maximize=bool(about["maximize"]),
            offset=float(stored["offset"]),
            name=str(about["name"]),
            row_names=tuple(about["row_names"]),
            col_names=tuple(about["col_names"]),
            row_keys=stored.get("row_keys"),
            col_keys=stored.get("col_keys"),
        )
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, OSError) as error:
        raise InputError(f"{path}: not a recorded program, or a broken one ({error})") from error


def _mps_lines(program: LinearProgram) -> Iterator[str]:
    """Write free MPS; numbers in the shortest form that reads back to the same bits."""
    m, n = program.shape
    rows = _names(program.row_names, m, "R", taken={"OBJ"})
    columns = _names(program.col_names, n, "C", taken=set())
    lower, upper = program.row_lower, program.row_upper
    if not (lower <= upper).all() or not (program.col_lower <= program.col_upper).all():
        raise InputError("bounds that cross cannot be written as MPS; write the program as .npz")
    yield f"NAME {'_'.join(program.name.split()) or 'program'}"
    if program.maximize:
        yield from ("OBJSENSE", "    MAX")
    yield from ("ROWS", " N OBJ")
    kinds = _row_kinds(lower, upper)
    yield from (f" {kind} {row}" for kind, row in zip(kinds, rows, strict=True))
    yield "COLUMNS"
    a = program.a
    for j, column in enumerate(columns):
        inside = range(a.indptr[j], a.indptr[j + 1])
        if program.c[j] or not len(inside):
            yield f" {column} OBJ {_number(program.c[j])}"
        for k in inside:
            yield f" {column} {rows[a.indices[k]]} {_number(a.data[k])}"
    yield "RHS"
    if program.offset:
        yield f" RHS OBJ {_number(-program.offset)}"
    ranges = []
    for kind, row, low, high in zip(kinds, rows, lower.tolist(), upper.tolist(), strict=True):
        side = high if kind == "L" else low
        if np.isinf(side):  # a row without bounds
            side = np.copysign(1e30, side)
        elif kind != "E" and not np.isinf(low) and not np.isinf(high):
            ranges.append(f" RANGES {row} {_number(high - low)}")
        if side:
            yield f" RHS {row} {_number(side)}"
    if ranges:
        yield "RANGES"
        yield from ranges
    yield "BOUNDS"
    bounds = zip(columns, program.col_lower.tolist(), program.col_upper.tolist(), strict=True)
    for column, low, high in bounds:
        yield from _bound_lines(column, low, high)
    yield "ENDATA"


def _row_kinds(lower: Any, upper: Any) -> list[str]:
    """E, G or L; a ranged row takes the side from which the other is exact, if there is one."""
    kinds = []
    for low, high in zip(lower.tolist(), upper.tolist(), strict=True):
        if low == high:
            kinds.append("E")
        elif np.isinf(low):
            kinds.append("L")
        elif np.isinf(high) or low + (high - low) == high:
            kinds.append("G")
        else:
            kinds.append("L")
    return kinds


def _bound_lines(column: str, low: float, high: float) -> Iterator[str]:
    if low == high:
        yield f" FX BOUNDS {column} {_number(low)}"
    elif np.isinf(low) and np.isinf(high):
        yield f" FR BOUNDS {column}"
    else:
        if np.isinf(low):
            yield f" MI BOUNDS {column}"
        elif low:
            yield f" LO BOUNDS {column} {_number(low)}"
        if not np.isinf(high):
            yield f" UP BOUNDS {column} {_number(high)}"


def _number(value: float) -> str:
    return repr(float(value))


def _names(names: Sequence[str], count: int, letter: str, taken: set[str]) -> list[str]:
    """Names without spaces, each once; made up where there are none."""
    if names and len(set(names)) == count and not taken.intersection(names):
        plain = [n for n in names if n and not any(s.isspace() for s in n) and n[0] != "$"]
        if len(plain) == count:
            return plain
    return [f"{letter}{i + 1}" for i in range(count)]
