"""Where compiled kernels are kept, whatever process or folder asks for them.

A folder holds the compiled code of the kernels of one source file, in one state of that file and of all
that it takes kernels and constants from, on one kind of machine, and is named by a hash of these. So a
change compiles again what it touches and nothing else, and all installations of the same sources (a
checkout, a wheel) share it. What a folder holds is never changed, only added to, by one process at a time
for each kernel.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import platform
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2]
"""What file names of kernels are relative to."""
_PACKAGES = ("gavel_opt", "simulator")
_IMPORT = re.compile(
    r"^[ ]*from ((?:gavel_opt|simulator)[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE
)
ROOMS = ("gavel_opt/kernels", "gavel_opt/solver", "simulator/mechanism", "simulator/world")
"""Where kernels and the constants that they use stand; compiled code has constants built in."""
INDICES_CHECKED = os.environ.get("GAVEL_OPT_CHECK_INDICES", "0") not in ("", "0")
"""Whether compiled code looks at each index of an element: a developer's switch, which makes code half as fast."""
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
def _key(file: Path) -> str:
    """Hash of the sources that a file's kernels are made of, of what compiles them, and the processor."""
    digest = hashlib.blake2b(digest_size=10)
    for needed in _needed_by(file):
        digest.update(f"{needed.relative_to(SOURCES).as_posix()}\0".encode())
        digest.update(_source(needed))
    versions = [version(name) for name in ("numba", "llvmlite", "numpy")]
    told = [*versions, sys.version, platform.machine(), _processor(), str(INDICES_CHECKED)]
    digest.update("\0".join(told).encode())
    return digest.hexdigest()


@functools.cache
def _source(file: Path) -> bytes:
    return file.read_bytes()


@functools.cache
def _needed_by(file: Path) -> tuple[Path, ...]:
    """The file, and all those with kernels or their constants that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [other for other in _imported_by(one) if _has_kernels(other)]
    return tuple(sorted(found))


def _imported_by(file: Path) -> list[Path]:
    """Files of these packages that a file imports, modules and packages."""
    found = []
    for module, names in _IMPORT.findall(_source(file).decode()):
        place = SOURCES.joinpath(*module.split("."))
        places = [place, *(place / name for name in re.findall(r"\w+", names))]
        found += [place.with_suffix(".py") for place in places]
        found.append(place / "__init__.py")
    return [file for file in found if file.exists()]


def _has_kernels(file: Path) -> bool:
    """Whether a file stands in a room of kernels, or has some all the same."""
    rooms = {SOURCES / room for room in ROOMS}
    return bool(rooms & set(file.parents)) or b"\n@compiled" in _source(file)


@functools.cache
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
def _name(file: Path) -> str:
    """Name of the folder for a file's kernels."""
    return f"kernels-{_key(file)}"


def _existing(file: Path) -> Path | None:
    """The folder for a file's kernels, if it is there and can be added to."""
    for above in (home(), _substitute()):
        if os.access(above / _name(file), os.W_OK) and _is_users_own(above):
            return above / _name(file)
    return None


@functools.cache
def folder(file: Path) -> Path:
    """The folder, made if it is not there; among temporary files, with a note, where none can be."""
    wanted = home()
    try:
        _make(wanted / _name(file))
        return wanted / _name(file)
    except OSError as wrong:
        temporary = _temporary(wanted, str(wrong.strerror)) / _name(file)
    _make(temporary)
    return temporary


@functools.cache
def _temporary(wanted: Path, why: str) -> Path:
    """A folder of the user's own among temporary files: what is compiled stays for the next process."""
    found = _substitute()
    with contextlib.suppress(OSError):
        found.mkdir(mode=0o700, exist_ok=True)
    if not _is_users_own(found):
        found = Path(tempfile.mkdtemp(prefix="gavel-opt-"))
        atexit.register(shutil.rmtree, found, ignore_errors=True)
    print(
        f"note: compiled code cannot be kept in {wanted} ({why}), so it is in {found}; "
        "GAVEL_OPT_CACHE names another folder",
        file=sys.stderr,
    )
    return found


def _substitute() -> Path:
    return Path(tempfile.gettempdir(), f"gavel-opt-{_user()}")


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _is_users_own(place: Path) -> bool:
    """Whether nobody else can put code there: anybody may make folders among temporary files."""
    try:
        found = os.lstat(place)
    except OSError:
        return False
    if place == home() or not hasattr(os, "getuid"):
        return True
    return stat.S_ISDIR(found.st_mode) and found.st_uid == _user() and not found.st_mode & 0o022


def _make(wanted: Path) -> None:
    """Make the folder, whole or not at all, whoever else is at it."""
    if not wanted.is_dir():
        wanted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_unused(wanted.parent)
        with tempfile.TemporaryDirectory(dir=wanted.parent, ignore_cleanup_errors=True) as name:
            for part in ("code", "locks"):
                Path(name, "whole", part).mkdir(parents=True)
            with contextlib.suppress(OSError):
                os.rename(Path(name, "whole"), wanted)
    with tempfile.TemporaryFile(dir=wanted / "code"):
        pass


def _remove_unused(above: Path) -> None:
    for other in above.glob("kernels-*"):
        with contextlib.suppress(OSError):
            if time.time() - other.stat().st_mtime > _UNUSED:
                shutil.rmtree(other, ignore_errors=True)


def is_ours(file: Path) -> bool:
    """Whether a source file is one of these packages', whose kernels are kept."""
    return SOURCES in file.parents and file.relative_to(SOURCES).parts[0] in _PACKAGES


def is_kept(file: Path, name: str) -> bool:
    """Whether some process has compiled this and kept it."""
    kept = _existing(file)
    return kept is not None and (kept / "code" / name).exists()


def read(file: Path, name: str) -> bytes | None:
    """What some process has kept under a name; None if it is gone."""
    kept = _existing(file)
    try:
        return (kept / "code" / name).read_bytes() if kept is not None else None
    except OSError:
        return None


def write(file: Path, name: str, code: bytes) -> None:
    """Keep compiled code, whole or not at all."""
    place = folder(file) / "code" / name
    fresh = place.with_name(f"{name}.{os.getpid()}")
    fresh.write_bytes(code)
    os.replace(fresh, place)
    with contextlib.suppress(OSError):
        os.utime(folder(file))


@contextlib.contextmanager
def lock(file: Path, name: str, wait: bool) -> Iterator[bool]:
    """Be the only process that compiles a kernel; gives False if another one is, and no waiting is wanted.

    Where files cannot be locked all go ahead: then two may compile the same, with the same result.
    """
    try:
        import fcntl
    except ImportError:
        yield True
        return
    with open(folder(file) / "locks" / name, "a", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass
        yield True
