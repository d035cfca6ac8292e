"""Whether a process that files speak of is still there."""

from __future__ import annotations

import os
from pathlib import Path


def runs_here(process: int) -> bool:
    """Whether a process of this machine is there, whosever it is; no number of none is.

    One that is just ending, or whose parent has not asked how it ended, is not: it runs nothing any more.
    """
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        pass
    try:
        said = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:  # of a system without such files, or gone by now
        return True
    state, _, _, _, _, _, flags = said.rpartition(")")[2].split()[:7]
    return state != "Z" and not int(flags) & _ENDING


_ENDING = 4
"""PF_EXITING of Linux (``include/linux/sched.h``)."""
