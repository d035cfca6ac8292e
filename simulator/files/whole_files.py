"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from simulator.files.processes import runs_here

_unfinished: set[Path] = set()
_PART = ".gavel-sim-part"


def _digest(text: str) -> str:
    """Eight signs for a text; names themselves may be as long as the file system takes."""
    return f"{zlib.crc32(text.encode()):08x}"


_HOST = _digest(os.uname().nodename)


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a folder, made if need be, against other commands that would write the same files there.

    The lock is the system's own, on the folder itself: it ends with the process, however that ends.
    Where the file system has none (some shared ones), nobody is kept out.

    Raises
    ------
    InputError
        If another command holds it.
    OSError
        If it cannot be made.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            from gavel_opt import InputError

            raise InputError(
                f"--output: another command is writing into {folder}; wait for it, or choose "
                "another folder"
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # where nothing was written


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path`` and move it there in one step.

    A reader, or a run killed half-way, sees the file before or the new one, never a part.

    Raises
    ------
    OSError
        Naming the file: the disk is full, the folder has gone or may not be written to.
    """
    beside = path.with_name(f".{_digest(path.name)}.{_HOST}.{os.getpid()}{_PART}")
    _unfinished.add(beside)
    try:
        _write(beside, content)
        beside.replace(path)
    except OSError as wrong:
        if wrong.errno is not None:
            raise OSError(wrong.errno, wrong.strerror, str(path)) from None
        raise
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        _unfinished.discard(beside)


def _write(path: Path, content: bytes) -> None:
    """Write a file that has no name until it is whole, where the system can: a kill leaves nothing."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        nameless = _open_nameless(folder)
        with path.open("wb") if nameless is None else os.fdopen(nameless, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if nameless is not None:
                path.unlink(missing_ok=True)
                source = f"/proc/self/fd/{nameless}"
                os.link(source, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _open_nameless(folder: int) -> int | None:
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None or not os.path.exists("/proc/self/fd"):
        return None
    with contextlib.suppress(OSError):  # not on every file system
        return os.open(".", flag | os.O_WRONLY, 0o666, dir_fd=folder)
    return None


def remove_left_behind(folder: Path) -> None:
    """Remove what processes of this machine that are gone had begun to write, where files cannot be nameless."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f".*{_PART}"):
            host, _, process = path.name.removesuffix(_PART).rpartition(".")
            if host.endswith(_HOST) and process.isdecimal() and not runs_here(int(process)):
                path.unlink(missing_ok=True)


def remove_unfinished() -> None:
    """Remove what is half-written, in a process that ends without unwinding."""
    for beside in tuple(_unfinished):
        beside.unlink(missing_ok=True)
