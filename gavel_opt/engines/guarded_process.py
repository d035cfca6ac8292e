"""A process that sees to the end of another one, which may hang in C code and start programs of its own.

It loads nothing but Python. What it guards is the leader of a process group, which is ended as a whole: when who
asked for it is gone, when that is asked for, and when the leader has ended and left something behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from types import FrameType


def guarded(descriptor: int) -> None:
    """Return in the guarded process alone; the one that calls this guards it and ends as it does.

    Parameters
    ----------
    descriptor
        An open file that belongs to the guarded process.
    """
    asker = os.getppid()
    inside = os.fork()
    if not inside:
        os.setpgid(0, 0)
        return
    with contextlib.suppress(OSError):  # it has done so itself, or has ended
        os.setpgid(inside, inside)
    os.close(descriptor)

    def end(_number: int = 0, _frame: FrameType | None = None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(inside, signal.SIGKILL)

    def end_with_asker() -> None:
        while os.getppid() == asker:
            time.sleep(0.5)
        end()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=end_with_asker, daemon=True).start()
    # Not waited for until the others are gone: as long as it is there its group is no other one's.
    os.waitid(os.P_PID, inside, os.WEXITED | os.WNOWAIT)
    end()
    code = os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1])
    if code < 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
        time.sleep(1.0)
    os._exit(code if code >= 0 else 1)
