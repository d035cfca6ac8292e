"""Many pieces of work: kept one by one as they finish, resumed after a kill, shown as they go."""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from gavel_opt.errors import counted
from simulator.files.whole_files import write_atomically
from simulator.process.heartbeat import heartbeat
from simulator.process.interrupts import interrupts
from simulator.settings.config import RunConfig
from simulator.studies.batches.carry_out import CLAIMS, ELSEWHERE, Kept, Store, carry_out, unit
from simulator.studies.batches.claims import Claims
from simulator.studies.batches.retries import patiently
from simulator.studies.executors import Executor, Outcome, Payload, Work

LONGEST_NAME = 200
"""Bytes of a task's name: file systems take 255, and endings and names of parts written come to it."""


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work.

    Attributes
    ----------
    name
        Unique in its batch and fit to be a file name (:func:`file_name`).
    payload
        Handed to the work; JSON values.
    """

    name: str
    payload: Payload


@dataclass(slots=True)
class Batch:
    """What came of a batch, by name of the task.

    Attributes
    ----------
    done
        Results of the tasks that were carried out, now or before.
    failed
        Reasons of those that were not.
    resumed
        How many of ``done`` were there before.
    """

    done: dict[str, Kept] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    resumed: int = 0


def run_batch(
    executor: Executor,
    work: Work,
    tasks: Sequence[Task],
    store: Store,
    title: str,
    log: Path,
    finished: Mapping[str, Sequence[Path]] | None = None,
) -> Batch:
    """Carry out what is not done yet, each result kept by the process that made it.

    Several commands may share the store: what another one is carrying out is waited for, and taken
    over if that one dies.

    Parameters
    ----------
    executor, work
        Who carries out what.
    tasks
        All of them; names are unique. They start in this order.
    store
        Where results are kept.
    title
        Shown beside the progress bar on terminals, and in the lines that come elsewhere.
    log
        Folder that takes the reasons and tracebacks of failures, made if needed.
    finished
        Runs in other folders (:func:`simulator.studies.batches.finished_elsewhere.finished_in`), which are
        taken over.
    """
    batch = Batch()
    todo = []
    for task in tasks:
        kept = store.load(task.name, task.payload) or _adopted(task, store, finished or {})
        if kept is None:
            todo.append(task)
        else:
            batch.done[task.name] = kept
    batch.resumed = len(batch.done)
    failures = Failures(log)
    with ExitStack() as stack:
        stack.callback(Claims(store.folder / CLAIMS).give_back)  # of processes that were ended
        stack.enter_context(interrupts.deferred())
        advance = _progress(stack, title, len(tasks), batch.resumed)
        while todo:
            units = [unit(work, task.name, task.payload, store) for task in todo]
            outcomes = stack.enter_context(closing(_iterator(executor.run(carry_out, units))))
            elsewhere: dict[str, _Elsewhere] = {}
            for outcome in outcomes:
                task = todo[outcome.index]
                if outcome.error is not None:
                    reason = failures.keep(task.name, outcome)
                    batch.failed[task.name] = reason + (_alone(task) if outcome.died else "")
                elif outcome.value is not None and ELSEWHERE in outcome.value:
                    elsewhere[task.name] = task, failures.written(task.name)
                    continue
                else:
                    batch.done[task.name] = outcome.value or {}
                    failures.forget(task.name)
                advance(task.name)
                interrupts.check()
            todo = _wait(elsewhere, store, failures, batch, advance)
    Claims(store.folder / CLAIMS).tidy(lambda name: name in batch.done)
    return batch


def _adopted(task: Task, store: Store, finished: Mapping[str, Sequence[Path]]) -> Kept | None:
    """Take a task's result over from where it was made, if it was."""
    if not finished:
        return None
    for place in finished.get(store.identity(task.payload), ()):
        kept = store.adopt(task.name, task.payload, place)
        if kept is not None:
            return kept
    return None


_Elsewhere: TypeAlias = "tuple[Task, int | None]"
"""What somebody else carries out, and when it was last written down that it failed: an earlier time."""


def _wait(
    elsewhere: dict[str, _Elsewhere],
    store: Store,
    failures: Failures,
    batch: Batch,
    advance: Callable[[str], None],
) -> list[Task]:
    """Wait for what others carry out; return what they left undone, which is ours again."""
    claims = Claims(store.folder / CLAIMS)
    if elsewhere:
        print(
            f"gavel-sim: {counted(len(elsewhere), 'run')} being carried out elsewhere; waiting",
            file=sys.stderr,
        )
    while elsewhere:
        left: list[Task] = []
        for name, (task, written) in list(elsewhere.items()):
            holder = claims.holder(name)
            kept = store.load(name, task.payload)
            if kept is not None:
                batch.done[name] = kept
            elif holder is not None and holder.alive(claims.lease):
                continue
            elif holder is None and failures.written(name) != written:
                batch.failed[name] = failures.reason(name) or "unknown"
            else:
                left.append(task)
                del elsewhere[name]
                continue
            del elsewhere[name]
            advance(name)
        if left:
            return left + [task for task, _ in elsewhere.values()]
        interrupts.check()
        if elsewhere:
            time.sleep(0.5)
    return []


class Failures:
    """Why runs failed: one text file a run, the reason on its first line, the traceback below.

    Parameters
    ----------
    folder
        Made with the first one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return the file of a run."""
        return self.folder / f"{name}.txt"

    def keep(self, name: str, outcome: Outcome) -> str:
        """Write down why a run failed; return it for the terminal."""
        reason = outcome.error or "unknown"
        self.folder.mkdir(parents=True, exist_ok=True)
        text = f"{reason}\n{outcome.trace or ''}"
        patiently(lambda: write_atomically(self.path(name), text.encode()))
        return reason if outcome.trace is None else f"{reason} (traceback in {self.path(name)})"

    def reason(self, name: str) -> str | None:
        """Return why a run failed, or None if it did not."""
        try:
            text = patiently(lambda: self.path(name).read_text(errors="replace"))
        except FileNotFoundError:
            return None
        return text.partition("\n")[0]

    def written(self, name: str) -> int | None:
        """Return when it was written down that a run failed, in nanoseconds, or None if it was not."""
        try:
            return patiently(lambda: self.path(name).stat().st_mtime_ns)
        except FileNotFoundError:
            return None

    def forget(self, name: str) -> None:
        """A run that failed before is done now."""
        self.path(name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Return the runs that failed."""
        return sorted(path.stem for path in self.folder.glob("*.txt"))


def complain(batch: Batch) -> None:
    """Say on standard error what failed and why, one line each for the first few reasons."""
    most, failed = 5, dict[str, list[str]]()
    for name, reason in batch.failed.items():
        failed.setdefault(reason, []).append(name)
    for reason, (first, *others) in list(failed.items())[:most]:
        runs = f"{first} and {len(others)} more" if others else first
        print(f"gavel-sim: {runs} failed: {reason}", file=sys.stderr)
    rest = sum(map(len, list(failed.values())[most:]))
    if rest:
        print(f"gavel-sim: {rest} more failed", file=sys.stderr)
    if batch.failed:
        print(
            "gavel-sim: once the cause is gone, the same command runs what failed again",
            file=sys.stderr,
        )


def _alone(task: Task) -> str:
    """How to run a task whose process died by itself, where it is a run."""
    config = task.payload.get("config")
    if config is None:
        return ""
    return f"; by itself: {RunConfig.from_json(config).command()}"


def file_name(parts: Iterable[tuple[str, object]]) -> str:
    """Join settings to a name that any file system takes: ``rate=0.4,seed=0``.

    Different settings may come to the same name (:func:`told_apart`), unless it is cut for its length.
    """
    text = ",".join(f"{key}={value}" if key else f"{value}" for key, value in parts)
    name = re.sub(r"[^\w.,=+-]+", "-", text).strip("-.") or "run"
    content = name.encode()
    if len(content) <= LONGEST_NAME:
        return name
    of_all = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{content[: LONGEST_NAME - 20].decode(errors='ignore')}+{of_all}"


def told_apart(names: Iterable[str]) -> dict[str, str]:
    """Return for each of several names one to build file names of, so that no two come to the same file.

    ``my policy`` and ``my-policy`` are one to :func:`file_name`: the second becomes ``my-policy+2``.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        own, number = name, 2
        while file_name([("", own)]) in taken:
            own, number = f"{name}+{number}", number + 1
        taken.add(file_name([("", own)]))
        found[name] = own
    return found


def _iterator(outcomes: Any) -> Any:
    """Return something that can be closed, whatever the executor returned."""
    return outcomes if hasattr(outcomes, "close") else (outcome for outcome in outcomes)


def _progress(stack: ExitStack, title: str, total: int, done: int) -> Callable[[str], None]:
    """Return what to call after each task."""
    if not sys.stderr.isatty():
        latest = ""

        def note(name: str) -> None:
            nonlocal done, latest
            done, latest = done + 1, f", the last one {name}"

        stack.enter_context(heartbeat(lambda: f"{title}, {done} of {total} runs done{latest}"))
        return note
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    progress = stack.enter_context(
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[last]}"),
            console=Console(stderr=True),
        )
    )
    shown = progress.add_task(title, total=total, completed=done, last="")
    return lambda name: progress.update(shown, advance=1, last=name)
