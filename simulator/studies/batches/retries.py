"""Shared folders answer late: what a network file system says once in a while is asked again.

An NFS client may see a name before its content, hold a handle that another machine made stale, or
time out while the server is busy. Those errors pass; a missing file or a full disk does not.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PASSING = frozenset(
    {errno.ESTALE, errno.EAGAIN, errno.ETIMEDOUT, errno.EREMOTEIO, errno.EBUSY, errno.EINTR}
)
"""Errors of a shared file system that pass by themselves."""

PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries; eight seconds in all."""


def patiently(
    action: Callable[[], Found], pauses: tuple[float, ...] = PAUSES, half_written: bool = False
) -> Found:
    """Do something with a shared folder, again where the error is one that passes.

    Parameters
    ----------
    action
        What to do; done several times, so it must be harmless to repeat.
    pauses
        Seconds to wait between tries; the last error is raised when they are used up.
    half_written
        Whether a ``ValueError`` (a file that does not parse) passes too: the reader may have come
        between a name and its content.

    Raises
    ------
    OSError, ValueError
        What ``action`` raised, where it does not pass.
    """
    for pause in pauses:
        try:
            return action()
        except OSError as wrong:
            if wrong.errno not in PASSING:
                raise
        except ValueError:
            if not half_written:
                raise
        time.sleep(pause)
    return action()
