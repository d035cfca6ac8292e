"""Signals while a command loads what it needs: nothing has begun, so it ends at once, in one line.

Python raises ``KeyboardInterrupt`` inside of whatever is being loaded, the module that handles signals included.
"""

from __future__ import annotations

import os
import sys


def end_at_signals(name: str) -> None:
    """End this process at a signal, until somebody else answers for it.

    Parameters
    ----------
    name
        Of the command. Signals that are ignored stay so.
    """

    _open_streams()
    _keep_output()

    def end(number: int, frame: object = None) -> None:
        os.write(2, f"{name}: interrupted; the same command starts again\n".encode())
        os._exit(128 + number)

    def hook(kind: type[BaseException], raised: BaseException, trace: object) -> None:
        if kind is KeyboardInterrupt:
            end(2)
        sys.__excepthook__(kind, raised, trace)  # type: ignore[arg-type]  # its type takes long to load

    sys.excepthook = hook
    import signal

    for signals in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, signals, None)  # not all are everywhere
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def _open_streams() -> None:
    """Open streams that were closed, so that what is said goes nowhere and not into the next file that is opened."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115  # for as long as the process


def _keep_output() -> None:
    """Keep standard output to what Python prints: what libraries print by themselves is no part of a result.

    SCS and OR-tools write lines of their own to it whatever they are told; these go to standard error.
    """
    ours = sys.stdout
    ours.flush()
    kept = os.dup(1)
    # what a terminal cannot show is no failure
    sys.stdout = open(kept, "w", encoding=ours.encoding, errors="backslashreplace")  # noqa: SIM115  # for as long as the process
    if ours.line_buffering:
        sys.stdout.reconfigure(line_buffering=True)
    os.dup2(2, 1)
