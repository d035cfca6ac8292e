"""A run that does not come back after its ``--timeout``: who ends its process.

Between rounds a run looks at the clock by itself. A solver that hangs never gets there, and one that
keeps Python's lock cannot be interrupted from within its process; so a thread says once a second how
long the run still has, and whoever listens ends the process when that is over or nothing comes any more.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

from simulator.process.background import beside

SHORTEST, LONGEST = 5.0, 60.0
"""Seconds beyond ``--timeout`` in which a solve may still come back: as long again, within these."""

TICK = 1.0

_listener: Callable[[float, str], None] | None = None


def listen(listener: Callable[[float, str], None] | None) -> None:
    """Have somebody told, from another thread, of the runs of this process.

    Parameters
    ----------
    listener
        Gets the seconds after which the run must be ended (infinite when it came back) and what is to be said then.
    """
    global _listener
    _listener = listener


@contextlib.contextmanager
def watched(timeout: float, left: Callable[[], float]) -> Iterator[None]:
    """Tell the listener how long a run still has, while it goes on.

    Parameters
    ----------
    timeout
        Seconds of wall clock that it was given; nothing is watched without a limit.
    left
        Those that are left; time that goes into compiling does not count.
    """
    hear = _listener
    if hear is None or timeout == float("inf"):
        yield
        return
    grace = min(max(timeout, SHORTEST), LONGEST)
    why = (
        f"the run did not come back within {grace:g} s of its --timeout of {timeout:g} s: a solve hangs "
        "or takes long (--solver-timeout, --engine isolated:NAME)"
    )
    run = threading.get_ident()

    def tell(done: threading.Event) -> None:
        compiling, last = 0.0, time.monotonic()
        while not done.wait(TICK):
            now = time.monotonic()
            # What is left does not know of a compilation before that is over.
            compiling, last = (compiling + now - last if _compiles(run) else 0.0), now
            hear(left() + grace + compiling, why)

    hear(left() + grace, why)  # a solve that keeps the lock leaves no other moment for it
    try:
        with beside("overdue", tell):
            yield
    finally:
        hear(float("inf"), why)


def _compiles(thread: int) -> bool:
    """Whether a thread is inside the compiler now."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in ("numba", "llvmlite"):
            return True
        frame = frame.f_back
    return False
