"""A time limit for solvers that know none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def run_with_limit(run: Callable[[], Result], seconds: float) -> Result | None:
    """Call ``run``, for solvers that know no time limit; None if it took longer.

    With a finite limit it runs in a thread of its own, which is left to finish unheard.
    """
    if seconds == float("inf"):
        return run()
    if seconds <= 0.0:
        return None
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(run())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(min(seconds, threading.TIMEOUT_MAX))
    if failure:
        raise failure[0]
    return outcome[0] if outcome else None
