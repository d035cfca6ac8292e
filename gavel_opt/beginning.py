"""How a command begins: what must be so before anything is loaded.

Python raises ``KeyboardInterrupt`` inside of whatever is being loaded, the module that handles signals included.
"""

from __future__ import annotations

import os
import sys

_THREADS_OF_BLAS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""Environment variables that NumPy's OpenBLAS reads, the first that is set."""


def begin(name: str) -> None:
    """Make this process a command's: streams, signals and libraries' threads.

    Nothing has begun while it loads what it needs, so a signal ends it at once, in one line, until
    somebody else answers for it; signals that are ignored stay so.

    Parameters
    ----------
    name
        Of the command.
    """
    _open_streams()
    _keep_output()
    _end_at_signals(name)
    # More threads than one spin while they wait: 0.1 s of CPU in the smallest run, and no program
    # has dense products that are faster with them. Sums in one order do not depend on the machine.
    if not any(variable in os.environ for variable in _THREADS_OF_BLAS):
        os.environ[_THREADS_OF_BLAS[0]] = "1"


def _end_at_signals(name: str) -> None:
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
