"""Claims: many processes on many machines share one folder, and each run is carried out once.

Who wants to carry out a run makes its claim file by exclusive create, which one process alone can
do, on NFS too. A claim is a lease: its holder touches it every few seconds, and one that was not
touched for :data:`LEASE` seconds belongs to a process that is gone (killed, its node lost) and may
be taken over. Times are compared on the file server's clock alone, so the machines' own clocks need
not agree. Should two processes hold one claim after all (a machine that slept), both end in the
same bits and the first result stands.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from simulator.files.processes import runs_here
from simulator.studies.batches.retries import patiently
from simulator.world.untrusted_text import DAMAGED, read_json

LEASE = 60.0
"""Seconds after which a claim that nobody touched may be taken over."""

RENEWALS = 6
"""How often a holder touches its claim in the time of a lease."""

BATCH_VARIABLES = ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
"""What a batch system says of the process, kept in its claims for ``sweep status``."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a claim.

    Attributes
    ----------
    host, process
        Where it runs.
    token
        Tells two claims of one process apart.
    age
        Seconds since it was last touched, on the file server's clock.
    batch
        Variables of the batch system, if there is one.
    """

    host: str
    process: int
    token: str
    age: float
    batch: dict[str, str]

    def alive(self, lease: float = LEASE) -> bool:
        """Whether its lease has not run out, as far as one can see from here."""
        here = self.host == socket.gethostname()
        return self.age < lease and (not here or runs_here(self.process))

    def __str__(self) -> str:
        task = self.batch.get("SLURM_ARRAY_TASK_ID")
        job = self.batch.get("SLURM_ARRAY_JOB_ID") or self.batch.get("SLURM_JOB_ID")
        batch = f", Slurm job {job}{'' if task is None else f'_{task}'}" if job else ""
        return f"{self.host}, process {self.process}{batch}"


class Claims:
    """The claims of one folder.

    Parameters
    ----------
    folder
        Where claim files are kept; made with the first one.
    lease
        Seconds; all processes of a folder must have the same.
    """

    def __init__(self, folder: Path, lease: float = LEASE) -> None:
        self.folder = folder
        self.lease = lease

    def take(self, name: str) -> Claim | None:
        """Claim a run, or return None while somebody else has it."""
        path = self.path(name)
        token = uuid.uuid4().hex
        if not patiently(lambda: _create(path, token)):
            holder = self.holder(name)
            if holder is not None and holder.alive(self.lease):
                return None
            if not self._take_over(path, token, holder):
                return None
        return Claim(path, token, self.lease)

    def holder(self, name: str) -> Holder | None:
        """Say who holds a claim, or None if nobody does."""
        path = self.path(name)
        try:
            found = patiently(lambda: _read(path), half_written=True)
            age = self._now() - path.stat().st_mtime
        except FileNotFoundError:
            return None
        except ValueError:  # torn by a machine that died: only its age counts
            found, age = {}, self._now() - path.stat().st_mtime
        return Holder(
            str(found.get("host", "?")),
            int(found.get("process", 0)),
            str(found.get("token", "")),
            age,
            {str(key): str(value) for key, value in found.get("batch", {}).items()},
        )

    def names(self) -> list[str]:
        """Return the names of all claims there are."""
        return sorted(path.stem for path in self.folder.glob("*.claim"))

    def tidy(self, done: Callable[[str], bool]) -> None:
        """Remove claims that nobody holds any more of runs that are done, and what was left behind."""
        for name in self.names():
            holder = self.holder(name)
            if holder is not None and not holder.alive(self.lease) and done(name):
                self.path(name).unlink(missing_ok=True)
        for left in [*self.folder.glob(".clock.*"), *self.folder.glob("*.gone")]:
            with contextlib.suppress(OSError):
                if self._now() - left.stat().st_mtime > self.lease:
                    left.unlink()
        with contextlib.suppress(OSError):  # others may be at work, or there is none
            self.folder.rmdir()

    def give_back(self) -> None:
        """Remove claims of processes of this machine that are gone: others need not wait for the lease.

        The folder goes with the last one.
        """
        here = socket.gethostname()
        for name in self.names():
            holder = self.holder(name)
            if holder is not None and holder.host == here and not holder.alive(self.lease):
                with contextlib.suppress(OSError):
                    moved = self._moved_away(self.path(name), uuid.uuid4().hex, holder)
                    if moved is not None:
                        moved.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def path(self, name: str) -> Path:
        """Return the claim file of a run."""
        return self.folder / f"{name}.claim"

    def _take_over(self, path: Path, token: str, seen: Holder | None) -> bool:
        """Replace a claim whose holder is gone; one of several who try succeeds."""
        try:
            moved = self._moved_away(path, token, seen)
        except FileNotFoundError:  # somebody else was first, or its holder is done
            return patiently(lambda: _create(path, token))
        if moved is None:
            return False
        moved.unlink(missing_ok=True)
        return patiently(lambda: _create(path, token))

    def _moved_away(self, path: Path, token: str, seen: Holder | None) -> Path | None:
        """Move a claim aside, unless it is no longer the one that was seen."""
        moved = path.with_suffix(f".{token}.gone")
        patiently(lambda: path.rename(moved))
        try:
            taken = _read(moved).get("token", "")
        except (OSError, ValueError):
            taken = ""
        if seen is not None and taken != seen.token:
            # Between the look and the move somebody took it over: give it back.
            with contextlib.suppress(OSError):
                os.link(moved, path)
            moved.unlink(missing_ok=True)
            return None
        return moved

    def _now(self) -> float:
        """Return the time on the clock that the claims' times are from."""
        probe = self.folder / f".clock.{os.getpid()}.{threading.get_ident()}"
        try:
            probe.write_bytes(b"")
            return probe.stat().st_mtime
        except OSError:  # a folder that may only be read: `sweep status` by somebody else
            return time.time()
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)


class Claim:
    """A claim that is held; kept alive by a thread between ``with`` and its end."""

    def __init__(self, path: Path, token: str, lease: float) -> None:
        self._path = path
        self._token = token
        self._pause = lease / RENEWALS
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def held(self) -> bool:
        """Whether it is still ours: a process that slept too long has lost it."""
        try:
            return bool(
                patiently(lambda: _read(self._path), half_written=True)["token"] == self._token
            )
        except DAMAGED:
            return False

    def __enter__(self) -> Claim:
        self._thread = threading.Thread(target=self._renew, name="claim", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join(self._pause)
        self.release()

    def release(self) -> None:
        """Give it up, so that others may have it at once."""
        if self.held:
            with contextlib.suppress(FileNotFoundError):
                patiently(self._path.unlink)

    def _renew(self) -> None:
        while not self._done.wait(self._pause):
            with contextlib.suppress(OSError):
                os.utime(self._path)


def _create(path: Path, token: str) -> bool:
    """Make a claim file if there is none; True if it is ours."""
    content = {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "token": token,
        "batch": {name: os.environ[name] for name in BATCH_VARIABLES if name in os.environ},
    }
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    try:
        try:
            handle = os.open(path, flags, 0o644)
        except FileNotFoundError:  # the first claim, or who had the last one has tidied up
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, flags, 0o644)
    except FileExistsError:
        # The answer to an exclusive create may be lost on its way and asked for again.
        with contextlib.suppress(OSError, ValueError):
            return bool(_read(path).get("token") == token)
        return False
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError:  # a full disk: a claim of nobody would keep everybody waiting for a lease
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    return True


def _read(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise ValueError(f"{path} is not a claim")
    return found
