"""A time limit for solvers that know none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_BUSY = threading.Lock()
"""Held while a solver runs, cut off or not: two runs of ECOS at once lose the interrupt handler that
it saves in a global variable, and with it the user's Ctrl-C."""


def run_with_limit(run: Callable[[], Result], seconds: float) -> Result | None:
    """Call ``run``, for solvers that know no time limit; None if it took longer.

    With a finite limit it runs in a thread of its own, which is left to finish unheard; the next call
    waits for it, as part of its own time.
    """
    if seconds == float("inf"):
        with _BUSY:
            return run()
    started = time.monotonic()
    if seconds <= 0.0 or not _BUSY.acquire(timeout=min(seconds, threading.TIMEOUT_MAX)):
        return None
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(run())
        except BaseException as error:
            failure.append(error)
        finally:
            _BUSY.release()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    left = max(seconds - (time.monotonic() - started), 0.0)
    thread.join(min(left, threading.TIMEOUT_MAX))
    if failure:
        raise failure[0]
    return outcome[0] if outcome else None
