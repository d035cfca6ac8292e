"""What tests neither expect nor forbid: words of progress, and how much else the machine does."""

from __future__ import annotations

import os
import re

from gavel_opt.testing.scenarios import slowness

_PROGRESS = re.compile(r"(compiling .*|gavel-sim: after \d+ .*)\n")


def without_progress(said: str) -> str:
    """Leave out lines that only say how far a command is."""
    return _PROGRESS.sub("", said)


def at_rest(seconds: float) -> float:
    """So many seconds of a machine that does nothing else, in those of this one as it is now."""
    return seconds * max(slowness(), os.getloadavg()[0] / (os.cpu_count() or 1))
