"""Many pieces of work: kept one by one as they finish, resumed after a kill, shown as they go."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.runs.files import write_atomically
from simulator.runs.interrupts import interrupts
from simulator.studies.executors import Executor, Outcome, Payload, Work

_LIMITS = ("timeout", "max_simulated_hours")
"""Settings that end a run without changing what comes before."""


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

    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    resumed: int = 0


class Store:
    """Results in a folder, one JSON file a task, each there in whole or not at all.

    A file holds the task's ``payload``, its ``result``, ``cpu_seconds`` and ``wall_seconds``. One
    whose payload differs is another task's result, which is an error and is left alone; but a run
    that ran out of wall clock is run again if it may now take another time.

    Parameters
    ----------
    folder
        Made when the first result is kept.
    flag
        The flag that named the folder, for messages.
    """

    def __init__(self, folder: Path, flag: str = "--output") -> None:
        self.folder = folder
        self.flag = flag

    def path(self, task: Task) -> Path:
        """Return where a task's result is kept."""
        return self.folder / f"{task.name}.json"

    def load(self, task: Task) -> dict[str, Any] | None:
        """Return what was kept of a task, or None.

        Raises
        ------
        InputError
            If the folder holds a result of the same name from other settings.
        """
        path = self.path(task)
        try:
            kept: dict[str, Any] = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as wrong:
            raise InputError(
                f"{self.flag}: cannot read {path} ({wrong}); remove it to run that point again"
            ) from None
        ours = json.loads(json.dumps(task.payload))
        theirs = kept.get("payload")
        patience = [_without_limits(one) for one in (theirs, ours)]
        if patience[0] != patience[1] and kept["result"].get("status") in ("timeout", "horizon"):
            return None  # one that ended by itself stands, whatever the limits
        if theirs != ours:
            raise InputError(
                f"{self.flag}: {path} holds a run with other settings"
                f"{_difference(theirs, ours)}; choose another folder"
            )
        return kept

    def keep(self, task: Task, outcome: Outcome) -> dict[str, Any]:
        """Write a result down and return what was written."""
        kept = {
            "payload": task.payload,
            "result": outcome.value,
            "cpu_seconds": round(outcome.cpu_seconds, 4),
            "wall_seconds": round(outcome.wall_seconds, 4),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(kept, indent=1, allow_nan=False) + "\n"
        write_atomically(self.path(task), text.encode())
        return kept


def run_batch(
    executor: Executor,
    work: Work,
    tasks: Sequence[Task],
    load: Callable[[Task], dict[str, Any] | None],
    keep: Callable[[Task, Outcome], dict[str, Any]],
    title: str,
    log: Path,
) -> Batch:
    """Carry out what is not done yet, keeping each result as it comes.

    Parameters
    ----------
    executor, work
        Who carries out what.
    tasks
        All of them; names are unique. They start in this order.
    load, keep
        Find an earlier result, and write one down (:class:`Store` has both).
    title
        Shown beside the progress bar, which appears on terminals only.
    log
        Folder that takes the tracebacks of failures that are not the user's, made if needed.
    """
    batch = Batch()
    todo = []
    for task in tasks:
        kept = load(task)
        if kept is None:
            todo.append(task)
        else:
            batch.done[task.name] = kept
    batch.resumed = len(batch.done)
    with ExitStack() as stack:
        stack.enter_context(interrupts.deferred())
        advance = _progress(stack, title, len(tasks), batch.resumed)
        outcomes = stack.enter_context(
            closing(_iterator(executor.run(work, [task.payload for task in todo])))
        )
        for outcome in outcomes:
            task = todo[outcome.index]
            if outcome.error is None:
                batch.done[task.name] = keep(task, outcome)
            else:
                reason = outcome.error
                if outcome.trace is not None:
                    log.mkdir(parents=True, exist_ok=True)
                    path = log / f"{task.name}.txt"
                    write_atomically(path, outcome.trace.encode())
                    reason += f" (traceback in {path})"
                batch.failed[task.name] = reason
            advance(task.name)
            interrupts.check()
    return batch


def complain(batch: Batch, most: int = 5) -> None:
    """Say on standard error what failed, one line each for the first few."""
    for name, reason in list(batch.failed.items())[:most]:
        print(f"gavel-sim: {name} failed: {reason}", file=sys.stderr)
    rest = len(batch.failed) - most
    if rest > 0:
        print(f"gavel-sim: {rest} more failed", file=sys.stderr)
    if batch.failed:
        print("gavel-sim: the same command runs what failed again", file=sys.stderr)


def file_name(parts: Iterable[tuple[str, object]]) -> str:
    """Join settings to a name that any file system takes: ``rate=0.4,seed=0``."""
    text = ",".join(f"{key}={value}" if key else f"{value}" for key, value in parts)
    return re.sub(r"[^\w.,=+-]+", "-", text).strip("-.") or "run"


def _without_limits(payload: Any) -> dict[str, Any]:
    """Take the limits on wall clock and on simulated time out of a payload, and return them."""
    config = payload.get("config") if isinstance(payload, dict) else None
    return {name: config.pop(name, None) for name in _LIMITS} if isinstance(config, dict) else {}


def _iterator(outcomes: Any) -> Any:
    """Return something that can be closed, whatever the executor returned."""
    return outcomes if hasattr(outcomes, "close") else (outcome for outcome in outcomes)


def _progress(stack: ExitStack, title: str, total: int, done: int) -> Callable[[str], None]:
    """Return what to call after each task."""
    if not sys.stderr.isatty():
        return lambda name: None
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


def _difference(theirs: Any, ours: dict[str, Any]) -> str:
    """Name the first setting that differs."""
    if not isinstance(theirs, dict):
        return ""
    for key in sorted(theirs.keys() | ours.keys()):
        there, here = theirs.get(key), ours.get(key)
        if isinstance(there, dict) and isinstance(here, dict):
            deeper = _difference(there, here)
            if deeper:
                return deeper
        elif there != here:
            return f" ({key}: {there!r} there, {here!r} here)"
    return ""
