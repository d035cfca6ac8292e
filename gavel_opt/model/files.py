"""Programs in files: MPS (fixed and free), LP, and recorded programs.

Each may be compressed (``.gz``, ``.bz2``, ``.xz``). What is read by which rules stands in
``docs/file-formats.md``; what the rules do not cover is refused with file and line.
"""

from __future__ import annotations

import bz2
import codecs
import functools
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from gavel_opt.errors import InputError
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lp_reader import read_lp
from gavel_opt.model.mps_reader import read_mps
from gavel_opt.model.mps_writer import mps_lines
from gavel_opt.model.program_text import Read
from gavel_opt.model.recorded import read_recorded, recorded_bytes, room

RECORDED = ".npz"
_LARGEST = 2 << 30
_MOST_FOR_XZ = 256 << 20


def _from_gz(content: bytes, most: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        return stream.read(most)


def _from_bz2(content: bytes, most: int) -> bytes:
    """Not by ``BZ2File``, which passes over all that follows a whole stream and is none."""
    return _from_streams(bz2.BZ2Decompressor, content, most)


def _from_xz(content: bytes, most: int) -> bytes:
    """Not by ``LZMAFile``, which takes the memory that a file asks for, up to 4 GiB."""
    make = functools.partial(lzma.LZMADecompressor, memlimit=_MOST_FOR_XZ)
    return _from_streams(make, content, most, padding=b"\0")


def _from_streams(
    make: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor],
    content: bytes,
    most: int,
    padding: bytes = b"",
) -> bytes:
    """Unpack stream after stream, to the end of the content."""
    unpacked = b""
    while content and len(unpacked) < most:
        stream = make()
        unpacked += stream.decompress(content, most - len(unpacked))
        if not stream.eof and len(unpacked) < most:
            raise EOFError("it ends early")
        content = stream.unused_data.lstrip(padding)
    return unpacked


_UNPACKERS: dict[str, Callable[[bytes, int], bytes]] = {
    ".gz": _from_gz,
    ".bz2": _from_bz2,
    ".xz": _from_xz,
}
"""Suffix to what unpacks the content, up to so many bytes."""


def read_program(path: str | os.PathLike[str]) -> LinearProgram:
    """Read a program from an MPS, LP or recorded file.

    Integer columns are taken as continuous (:func:`read_with_notes` says how many there are).

    Raises
    ------
    InputError
        One line that names the file, and the line in it where that is known.
    """
    return _read(Path(path)).program


def read_with_notes(path: str | os.PathLike[str]) -> tuple[LinearProgram, list[str]]:
    """Read a program, and what the user should know about the reading, one line each.

    Raises
    ------
    InputError
        As :func:`read_program`.
    """
    program, notes = _read(Path(path))
    return program, [f"{path}: {note}" for note in notes]


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
    """Write a program: ``.npz`` keeps all of it, ``.mps`` (free) all but the keys.

    Reading gives the same bits back; what MPS cannot express is refused. The file appears whole or
    not at all.

    Raises
    ------
    InputError
        For another suffix, a program that MPS cannot express, or a place that cannot be written.
    """
    if not isinstance(program, LinearProgram):
        raise InputError(f"program: {program!r} is no LinearProgram; LinearProgram.build makes one")
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"path: {path!r} is not the name of a file")
    path = Path(path)
    if path.suffix == RECORDED:
        content = recorded_bytes(program)
    elif path.suffix == ".mps":
        try:
            content = "".join(f"{line}\n" for line in mps_lines(program)).encode()
        except InputError as wrong:
            raise InputError(f"{path}: {wrong}") from None
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
    if suffixes and suffixes[-1] in _UNPACKERS:
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


def _read(path: Path) -> Read:
    if path.is_dir():
        raise InputError(f"{path}: is a directory; name a file in it")
    if not path.exists():
        raise _missing(path)
    kind = _kind(path)
    if not kind:
        raise InputError(f"{path}: not a .mps, .lp or .npz file (each may end in .gz, .bz2, .xz)")
    content = _content(path)
    if kind == "npz":
        return Read(read_recorded(str(path), content), [])
    text = _decoded(content, path)
    return read_mps(str(path), text) if kind == "mps" else read_lp(str(path), text)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path}: has more than {_LARGEST >> 30} GiB; that much is not read")
        content = path.read_bytes()
        unpack = _UNPACKERS.get(path.suffix.lower())
        if unpack is None:
            return content
        most = room(len(content))
        unpacked = unpack(content, most + 1)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{path}: cannot be read: {reason}") from error
    if len(unpacked) > most:
        raise InputError(f"{path}: cannot be read: it unpacks to far more than a program would")
    return unpacked


def _decoded(content: bytes, path: Path) -> str:
    """Text in UTF-8, with or without a byte order mark, or else in Latin-1."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path}: begins with the byte order mark of UTF-16; save it as UTF-8")
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        raise InputError(f"{path}: is not text; a .mps or .lp file was expected")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
