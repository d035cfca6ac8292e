"""Archives whose last bytes are the digest of all that stands before them."""

from __future__ import annotations

import hashlib
import io
import zipfile

from gavel_opt import InputError

_SEAL = b"sha256 "
_DIGEST = 64
"""Hexadecimal digits of a SHA-256."""


def sealed(archive: io.BytesIO) -> bytes:
    """Bytes of an archive with the digest of all that stands before it as its last."""
    with zipfile.ZipFile(archive, "a") as file:
        file.comment = _SEAL + b"0" * _DIGEST
    content = archive.getvalue()[:-_DIGEST]
    return content + hashlib.sha256(content).hexdigest().encode()


def is_sealed(content: bytes) -> bool:
    """Whether it is a checkpoint to its last byte, or what is left of one that was changed."""
    return content.startswith(b"PK") and content[:-_DIGEST].endswith(_SEAL)


def check_seal(content: bytes, where: str) -> None:
    """Check that an archive is what was written, to its last byte.

    Raises
    ------
    InputError
        Saying whether it was cut off or changed.
    """
    body, digest = content[:-_DIGEST], content[-_DIGEST:]
    if not body.startswith(b"PK") or len(digest) < _DIGEST:
        raise InputError(f"{where} is not a checkpoint")
    if not body.endswith(_SEAL):
        raise InputError(
            f"{where} has no checksum at its end: it was cut off, or written by an earlier "
            "version; start the run again"
        )
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise InputError(
            f"{where} was changed since it was written (its checksum differs); start the run again"
        )
