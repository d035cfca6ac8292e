"""How a command ends: soon, whatever a library leaves behind.

Python waits for every thread that is no daemon, for child processes and for what libraries have registered to be called at
its end; a solver that leaves one of them hanging would keep a command for ever whose result is written.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

PATIENCE = 2.0
"""Seconds in which a process may end by itself."""


def end_soon(status: int) -> int:
    """Return an exit status, and end this process with it if Python has not after a while.

    Parameters
    ----------
    status
        What the process is to end with; all that it had to say is written.
    """

    def end() -> None:
        time.sleep(PATIENCE)
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        own = threading.main_thread(), threading.current_thread()
        names = [one.name for one in threading.enumerate() if one not in own and not one.daemon]
        what = f" (threads: {', '.join(names)})" if names else ""
        os.write(
            2, f"note: a library left something behind that is not waited for{what}\n".encode()
        )
        processes = sys.modules.get("multiprocessing")
        for child in processes.active_children() if processes else ():
            child.kill()
        os._exit(status)

    threading.Thread(target=end, name="end-soon", daemon=True).start()
    return status
