"""Columns of numbers as one compact block that a browser decodes in a few lines.

Layout: ``GVC1``, the length of the header (uint32, little-endian), the header (JSON, UTF-8), then the
columns one behind the other; all of it gzip-compressed. A column of w-byte numbers is stored byte plane by
byte plane (first all lowest bytes, ...), which compresses far better than number by number. Whole
numbers take the narrowest type that holds them, as differences where these are narrower; other numbers
keep all 64 bits. ``static/column_file.js`` reads it.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"GVC1"

_WHOLE = ("u1", "i1", "u2", "i2", "u4", "i4")
_LEVEL = 6
"""Of gzip: higher ones take several times as long for two percent."""


def pack(header: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack columns.

    Parameters
    ----------
    header
        JSON values that go along, under any name but ``columns``.
    columns
        One-dimensional arrays of numbers or truth values by name; NaN is kept.
    """
    described: list[dict[str, Any]] = []
    planes: list[bytes] = []
    for name, values in columns.items():
        stored, delta = _narrow(values)
        described.append(
            {"name": name, "type": stored.dtype.str[1:], "length": stored.size, "delta": delta}
        )
        width = stored.dtype.itemsize
        planes.append(np.ascontiguousarray(stored).view(np.uint8).reshape(-1, width).T.tobytes())
    text = json.dumps({**header, "columns": described}, allow_nan=False).encode()
    content = b"".join([MAGIC, struct.pack("<I", len(text)), text, *planes])
    return gzip.compress(content, _LEVEL, mtime=0)


def unpack(content: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read what :func:`pack` wrote; the header is returned without its ``columns``.

    Raises
    ------
    ValueError
        If it is something else.
    """
    raw = gzip.decompress(content)
    if raw[:4] != MAGIC:
        raise ValueError("not a block of columns")
    (length,) = struct.unpack_from("<I", raw, 4)
    header: dict[str, Any] = json.loads(raw[8 : 8 + length])
    place = 8 + length
    columns: dict[str, NDArray[Any]] = {}
    for column in header.pop("columns"):
        dtype = np.dtype(f"<{column['type']}")
        size = dtype.itemsize * column["length"]
        planes = np.frombuffer(raw, np.uint8, size, place).reshape(dtype.itemsize, -1)
        values = np.ascontiguousarray(planes.T).reshape(-1).view(dtype)
        columns[column["name"]] = np.cumsum(values, dtype=np.int64) if column["delta"] else values
        place += size
    return header, columns


def _narrow(values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Values in the type that they are stored in, and whether as differences."""
    whole = _as_whole(values)
    if whole is None:
        return values.astype("<f8"), False
    plain = _narrowest(whole)
    differences = np.diff(whole, prepend=0)
    narrow = _narrowest(differences)
    if np.dtype(narrow).itemsize < np.dtype(plain).itemsize:
        return differences.astype(f"<{narrow}"), True
    return whole.astype(f"<{plain}"), False


def _as_whole(values: NDArray[Any]) -> NDArray[np.int64] | None:
    """Values as 32-bit whole numbers (in a wider type); None if some are not."""
    limit = 2.0**31
    if values.dtype.kind == "f":
        if not bool(np.isfinite(values).all()) or bool((values != np.floor(values)).any()):
            return None
        if bool((np.signbit(values) & (values == 0)).any()):
            return None
    if values.size and max(abs(float(values.min())), abs(float(values.max()))) >= limit:
        return None
    return values.astype(np.int64)


def _narrowest(values: NDArray[np.int64]) -> str:
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for name in _WHOLE:
        range_ = np.iinfo(name)
        if range_.min <= low and high <= range_.max:
            return name
    return "f8"
