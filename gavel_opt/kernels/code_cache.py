"""Where compiled kernels are kept, whatever process or folder asks for them.

A folder holds the compiled code of one state of the sources on one kind of machine, and is named by a
hash of both. Beside the code it has a copy of the sources: numba keeps what it compiles beside the file
that a function is from, so all installations of the same sources (a checkout, a wheel) share it. What a
folder holds is never changed, only added to, by one process at a time for each kernel.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2]
"""What file names of kernels are relative to."""
_PACKAGES = ("gavel_opt", "simulator")
ROOMS = ("gavel_opt/kernels", "gavel_opt/solver", "simulator/mechanism", "simulator/world")
"""Where kernels and the constants that they use stand; compiled code has constants built in."""
_UNUSED = 30 * 86400.0
"""Folders that nobody has used for so many seconds are removed when a new one is made."""


def home() -> Path:
    """Folder that holds all folders: ``GAVEL_OPT_CACHE``, or ``gavel-opt`` in the user's cache folder."""
    named = os.environ.get("GAVEL_OPT_CACHE")
    if named:
        return Path(named).absolute()
    if sys.platform == "win32":
        above = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~")
    elif sys.platform == "darwin":
        above = os.path.expanduser("~/Library/Caches")
    else:
        above = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(above).absolute() / "gavel-opt"


@functools.cache
def _key() -> str:
    """Hash of the sources, the versions that compile them, and the processor."""
    digest = hashlib.blake2b(digest_size=10)
    for file in _source_files():
        digest.update(f"{file.relative_to(SOURCES).as_posix()}\0".encode())
        digest.update(file.read_bytes())
    versions = [version(name) for name in ("numba", "llvmlite", "numpy")]
    digest.update("\0".join([*versions, sys.version, platform.machine(), _processor()]).encode())
    return digest.hexdigest()


def _source_files() -> list[Path]:
    """The files that kernels are made of: the rooms of kernels, and single files that have some."""
    files = sorted(file for name in _PACKAGES for file in (SOURCES / name).rglob("*.py"))
    rooms = {SOURCES / room for room in ROOMS}
    return [
        file for file in files if rooms & set(file.parents) or b"\n@compiled" in file.read_bytes()
    ]


def _processor() -> str:
    """What tells one kind of processor from another; compiled code is for one kind only."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = file.read(16384).partition("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(
        line for line in lines if line.startswith(("model", "flags", "Features", "CPU"))
    )


@functools.cache
def _expected() -> Path:
    """The folder, whether it is there or not."""
    return home() / f"kernels-{_key()}"


@functools.cache
def folder() -> Path:
    """The folder, made if it is not there; a temporary one, with a note, where none can be."""
    wanted = _expected()
    try:
        _make(wanted)
        return wanted
    except OSError as wrong:
        print(
            f"note: compiled code cannot be kept in {wanted.parent} ({wrong.strerror}) and is compiled "
            "again by each process; GAVEL_OPT_CACHE names another folder",
            file=sys.stderr,
        )
    temporary = Path(tempfile.mkdtemp(prefix="gavel-opt-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    _make(temporary / wanted.name)
    return temporary / wanted.name


def _make(wanted: Path) -> None:
    """Make the folder with its copy of the sources, whole or not at all, whoever else is at it."""
    if not wanted.is_dir():
        wanted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_unused(wanted.parent)
        with tempfile.TemporaryDirectory(dir=wanted.parent, ignore_cleanup_errors=True) as name:
            for file in _source_files():
                copy = Path(name, "whole", file.relative_to(SOURCES))
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
            for part in ("ready", "locks"):
                Path(name, "whole", part).mkdir()
            with contextlib.suppress(OSError):
                os.rename(Path(name, "whole"), wanted)
    with tempfile.TemporaryFile(dir=wanted / "ready"):
        pass


def _remove_unused(above: Path) -> None:
    for other in above.glob("kernels-*"):
        with contextlib.suppress(OSError):
            if time.time() - other.stat().st_mtime > _UNUSED:
                shutil.rmtree(other, ignore_errors=True)


def source_of(file: str) -> str | None:
    """The copy of a source file; None for files that are not of these packages."""
    try:
        inside = Path(file).resolve().relative_to(SOURCES)
    except ValueError:
        return None
    return str(folder() / inside) if inside.parts[0] in _PACKAGES else None


def is_ready(name: str) -> bool:
    """Whether some process has compiled this kernel and kept it."""
    return (_expected() / "ready" / name).exists()


def ready_for(name: str) -> frozenset[str]:
    """Signatures that a kernel is kept for."""
    try:
        return frozenset((_expected() / "ready" / name).read_text(encoding="utf-8").splitlines())
    except OSError:
        return frozenset()


def mark_ready(name: str, signature: str) -> None:
    """Note that a kernel is kept for a signature; the caller holds its lock."""
    place = folder() / "ready" / name
    known = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
    if signature not in known:
        fresh = place.with_name(f"{name}.{os.getpid()}")
        fresh.write_text("".join(f"{line}\n" for line in [*known, signature]), encoding="utf-8")
        os.replace(fresh, place)
    with contextlib.suppress(OSError):
        os.utime(folder())


@contextlib.contextmanager
def lock(name: str, wait: bool) -> Iterator[bool]:
    """Be the only process that compiles a kernel; gives False if another one is, and no waiting is wanted.

    Where files cannot be locked all go ahead: then two may compile the same, with the same result.
    """
    try:
        import fcntl
    except ImportError:
        yield True
        return
    with open(folder() / "locks" / name, "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass
        yield True
