"""Recorded programs: a ``.npz`` archive of arrays that keeps every bit and needs no pickle.

An archive is checked before it is believed: its members, their sizes, types and shapes.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from typing import Any

import numpy as np
import scipy

from gavel_opt.errors import InputError
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.program_text import shown

_FORMAT = "gavel-opt program 1"
_FLOATS = ("c", "row_lower", "row_upper", "col_lower", "col_upper", "data", "offset")
_INDICES = ("indices", "indptr")
_KEYS = ("row_keys", "col_keys")
_NEEDED = (*_FLOATS, *_INDICES, "about")
_MEMBERS = frozenset((*_NEEDED, *_KEYS))
_DTYPES = {
    **dict.fromkeys(_FLOATS, ("<f8",)),
    **dict.fromkeys(_INDICES, ("<i4", "<i8")),
    **dict.fromkeys(_KEYS, ("<i8",)),
    "about": ("|u1",),
}
_HEADER = re.compile(
    rb"\{'descr': '([<>|][a-z]\d{1,2})', 'fortran_order': (?:False|True), 'shape': \((\d{0,12}),?\), \} *\n"
)
_LONGEST_HEADER = 4096
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,  # a method or a version that Python does not know
    RuntimeError,  # an encrypted member
    OverflowError,
    MemoryError,
)


def room(content: int) -> int:
    """How many bytes a compressed file of so many may unpack to."""
    return (64 << 20) + 100 * content


def recorded_bytes(program: LinearProgram, packed: bool = True) -> bytes:
    """Write a program as an archive; not ``packed`` takes a tenth of the time."""
    about = {
        "format": _FORMAT,
        "name": program.name,
        "maximize": bool(program.maximize),
        "shape": program.shape,
        "row_names": program.row_names,
        "col_names": program.col_names,
    }
    # Names with characters that no encoding has (lone surrogates) pass as JSON's escapes.
    arrays: dict[str, Any] = {
        name: np.asarray(getattr(program, name)) for name in _FLOATS if hasattr(program, name)
    }
    arrays |= {
        "offset": np.array(program.offset, dtype=np.float64),
        "data": program.a.data,
        "indices": program.a.indices,
        "indptr": program.a.indptr,
        "about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
    }
    for keys in _KEYS:
        if getattr(program, keys) is not None:
            arrays[keys] = getattr(program, keys)
    buffer = io.BytesIO()
    save = np.savez_compressed if packed else np.savez
    save(buffer, **arrays)
    if sum(array.nbytes for array in arrays.values()) > room(buffer.tell()) // 2:
        buffer = io.BytesIO()  # so even that it would be refused as a bomb
        np.savez(buffer, **arrays)
    return buffer.getvalue()


def read_recorded(path: str, content: bytes) -> LinearProgram:
    """Read an archive.

    Raises
    ------
    InputError
        Naming the file and what is wrong with it.
    """

    def broken(what: str) -> InputError:
        return InputError(f"{path}: not a recorded program, or a broken one ({what})")

    try:
        arrays = _unpacked(content)
    except _Broken as error:
        raise broken(str(error)) from None
    except _UNREADABLE as error:
        raise broken(shown(str(error)).strip("'\"")) from None
    try:
        about = json.loads(arrays["about"].tobytes())
    except (ValueError, RecursionError):
        raise broken("what it says about itself is no JSON") from None
    if not isinstance(about, dict):
        raise broken("what it says about itself is no JSON object")
    if about.get("format") != _FORMAT:
        raise InputError(
            f"{path}: format {shown(str(about.get('format'))[:80])}, expected {_FORMAT!r}"
        )
    wrong = _disagreement(about, arrays)
    if wrong:
        raise broken(wrong)
    m, n = arrays["row_lower"].size, arrays["c"].size
    entries = (arrays["data"], arrays["indices"], arrays["indptr"])
    try:
        matrix = scipy.sparse.csc_array(entries, shape=(m, n))
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise broken(shown(str(error)).strip("'\"")) from None
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
        if matrix.nnz != arrays["data"].size:
            raise broken("a coefficient stands twice")
    return LinearProgram.build(
        arrays["c"],
        matrix,
        *(arrays[name] for name in ("row_lower", "row_upper", "col_lower", "col_upper")),
        maximize=about["maximize"],
        offset=float(arrays["offset"][0]),
        name=about["name"],
        row_names=tuple(about["row_names"]),
        col_names=tuple(about["col_names"]),
        row_keys=arrays.get("row_keys"),
        col_keys=arrays.get("col_keys"),
    )


class _Broken(Exception):
    """What is wrong with an archive."""


def _unpacked(content: bytes) -> dict[str, Any]:
    """Every array of an archive, as large as the archive said and not larger."""
    arrays = {}
    left = room(len(content))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name not in _MEMBERS or name in arrays:
                raise _Broken(f"member {shown(member.filename)} does not belong")
            with archive.open(member) as stream:
                unpacked = stream.read(left + 1)
            left -= len(unpacked)
            if left < 0:
                raise _Broken("it unpacks to far more than it has")
            arrays[name] = _array(name, unpacked)
    missing = [name for name in _NEEDED if name not in arrays]
    if missing:
        raise _Broken(f"{missing[0]} is missing")
    return arrays


def _array(name: str, stored: bytes) -> Any:
    """One array in numpy's format, version 1; its header is matched, not evaluated."""
    size = int.from_bytes(stored[8:10], "little")
    if stored[:8] != b"\x93NUMPY\x01\x00" or size > _LONGEST_HEADER:
        raise _Broken(f"{name} is no array")
    header = _HEADER.fullmatch(stored[10 : 10 + size])
    if header is None or header[1].decode() not in _DTYPES[name]:
        raise _Broken(f"{name} is no array of the type that it should be")
    dtype = np.dtype(header[1].decode())
    count = int(header[2]) if header[2] else 1
    data = stored[10 + size :]
    if count * dtype.itemsize != len(data) or (name == "offset") != (not header[2]):
        raise _Broken(f"{name} has not the size that it promises")
    return np.frombuffer(data, dtype=dtype)


def _disagreement(about: dict[str, Any], arrays: dict[str, Any]) -> str:
    """What does not fit together, or nothing."""
    m, n = arrays["row_lower"].size, arrays["c"].size
    if about.get("shape") != [m, n]:
        return "its shape is another"
    if not isinstance(about.get("maximize"), bool) or not isinstance(about.get("name"), str):
        return "name and sense are missing"
    sizes = {"row_upper": m, "col_lower": n, "col_upper": n, "row_keys": m, "col_keys": n}
    sizes |= {"indptr": n + 1, "indices": arrays["data"].size}
    for name, size in sizes.items():
        if name in arrays and arrays[name].size != size:
            return f"{name} has {arrays[name].size} values for {size}"
    starts = arrays["indptr"]
    if starts[0] != 0 or starts[-1] != arrays["data"].size:
        return "indptr does not go from the first coefficient to the last"
    for keys in _KEYS:
        if keys in arrays and np.unique(arrays[keys]).size != arrays[keys].size:
            return f"{keys} has a key twice"
    for what, count in (("row_names", m), ("col_names", n)):
        names = about.get(what)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return f"{what} are no list of names"
        if len(names) not in (0, count):
            return f"{what} are {len(names)} for {count}"
    return ""
