"""A line now and then for long work whose output goes to a file, a pipe or a CI log.

On a terminal there are progress bars; elsewhere a person who looks at the log should see that
something goes on, and how far it is, without being drowned.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulator.process.background import beside

FIRST = 30.0
"""Seconds of silence before the first line."""

GROWTH = 0.25
"""Further lines come after this share of the time so far, but not sooner than ``FIRST``."""

RAREST = 600.0
"""Seconds between two lines, at most."""


@contextmanager
def heartbeat(say: Callable[[], str], first: float | None = None) -> Iterator[None]:
    """Print on standard error how far work is, now and then, where that is no terminal.

    Parameters
    ----------
    say
        Gives the line; called from another thread.
    first
        Seconds of silence before the first line; None is :data:`FIRST`.
    """
    if sys.stderr.isatty():
        yield
        return
    pause = FIRST if first is None else first
    started = time.monotonic()

    def beat(done: threading.Event) -> None:
        wait = pause
        while not done.wait(wait):
            elapsed = time.monotonic() - started
            print(f"gavel-sim: after {duration(elapsed)}: {say()}", file=sys.stderr, flush=True)
            wait = min(max(pause, GROWTH * elapsed), RAREST)

    with beside("heartbeat", beat):
        yield


def duration(seconds: float) -> str:
    """Say a time as a person would: ``45 s``, ``2 min 30 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
