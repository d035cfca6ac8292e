"""Whether a process that files speak of is still there."""

from __future__ import annotations

import os


def runs_here(process: int) -> bool:
    """Whether a process of this machine is there, whosever it is; no number of none is."""
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True
