"""What every source is read into: jobs as their cluster ran them, and what was left out or assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gavel_opt import InputError
from simulator.importers.tables import Row, number_of

COMPLETED, FAILED, KILLED = "completed", "failed", "killed"

NO_SUBMISSION = "no submission time"
NO_RUN_TIME = "no run time (never started, or an end is missing)"
RUNNING = "still running or waiting when the log ended"
NO_GPU = "no GPU"
AGAIN = "there already (same name and submission: a copy)"

NAIVE_TIMES = "times without a zone are taken as UTC: a change of the clocks shifts what comes after it by an hour"


@dataclass(frozen=True, slots=True)
class SourceJob:
    """A job as its own cluster ran it.

    Attributes
    ----------
    name
        Its identifier there.
    submitted
        Seconds, from any zero.
    seconds
        Run time, waiting not included, above 0.
    gpus
        GPUs at once; parts of one are possible.
    gpu_type
        Its name in the source; empty if that does not say.
    state
        How it ended: completed, failed or killed.
    """

    name: str
    submitted: float
    seconds: float
    gpus: float
    gpu_type: str = ""
    state: str = COMPLETED


@dataclass(slots=True)
class Imported:
    """What was read.

    Attributes
    ----------
    jobs
        In any order.
    dropped
        Reason to how many jobs were left out for it.
    assumed
        Sentences, one for each assumption of the source's reader.
    cluster
        GPUs by their name in the source; empty if it does not say.
    """

    jobs: list[SourceJob] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    assumed: list[str] = field(default_factory=list)
    cluster: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        name: str,
        submitted: float | None,
        seconds: float | None,
        gpus: float,
        gpu_type: str = "",
        state: str | None = COMPLETED,
    ) -> None:
        """Add a job, or count why it cannot be one; a state of None is one that had not ended."""
        if gpus <= 0:
            self.dropped[NO_GPU] += 1
        elif submitted is None:
            self.dropped[NO_SUBMISSION] += 1
        elif state is None:
            self.dropped[RUNNING] += 1
        elif seconds is None or seconds <= 0:
            self.dropped[NO_RUN_TIME] += 1
        else:
            self.jobs.append(SourceJob(name, submitted, seconds, gpus, gpu_type, state))

    def in_order(self) -> list[SourceJob]:
        """Bring the jobs into the order of their submissions, leave copies out, and return them."""
        self.jobs.sort(key=lambda job: (job.submitted, job.name))
        once: list[SourceJob] = []
        for job in self.jobs:
            before = once[-1] if once else None
            if before and job.name and (before.submitted, before.name) == (job.submitted, job.name):
                self.dropped[AGAIN] += 1
            else:
                once.append(job)
        self.jobs = once
        return once

    def add_servers(
        self, table: Iterable[tuple[str, Row]], name: str, gpus: str, gpu_type: Callable[[Row], str]
    ) -> None:
        """Add the GPUs of a table of servers to the cluster, each server once.

        Parameters
        ----------
        table
            Its rows, with ``FILE:LINE``.
        name, gpus
            Columns of a server's name and of how many GPUs it has.
        gpu_type
            The name of its GPUs, from its row.
        """
        seen: set[str] = set()
        again = 0
        for where, row in table:
            if row.get(name) and row[name] in seen:
                again += 1
                continue
            seen.add(row.get(name, ""))
            count = int(number_of(row, gpus, where) or 0)
            if count:
                self.cluster[gpu_type(row)] += count
        if again:
            self.assumed.append(f"servers listed more than once, counted once: {again:,} lines")


def files_by_kind(
    files: Sequence[Path], kind_of: Callable[[Path], str], needed: Sequence[str]
) -> dict[str, Path]:
    """Tell a source's files apart by what is in them.

    Parameters
    ----------
    files
        In any order.
    kind_of
        Names the kind of a file, or raises.
    needed
        Kinds that must be there.

    Raises
    ------
    InputError
        For two of a kind, and for one that is missing.
    """
    found: dict[str, Path] = {}
    for path in files:
        kind = kind_of(path)
        if kind in found:
            raise InputError(f"{path}: a second {kind}, after {found[kind]}; expected one")
        found[kind] = path
    for kind in needed:
        if kind not in found:
            raise InputError(f"expected a {kind} among the files, found {_listed(found)}")
    return found


def _listed(found: dict[str, Path]) -> str:
    return ", ".join(f"{path} ({kind})" for kind, path in found.items()) or "none"
