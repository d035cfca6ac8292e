"""Processes on this machine, one warm process a core, each carrying out many runs."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, TypeAlias

from gavel_opt import GavelError
from gavel_opt.errors import in_words
from simulator.process import timeout_watch
from simulator.process.interrupts import interrupts
from simulator.studies.executors import Outcome, Payload, Work

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""One process a core: threads in a process would only take turns with the other processes."""


PATIENCE = 1.2
"""Seconds that processes have to write down what they are at; a command ends two after a signal."""

PATIENCE_VARIABLE = "GAVEL_SIM_PATIENCE"
"""Environment variable that gives them more: batch scripts are told to end well ahead of the end."""


class LocalExecutor:
    """Runs payloads in processes that stay warm, from one call of :meth:`run` to the next.

    Loading the libraries and the compiled code takes each process seconds, many runs take less.

    Parameters
    ----------
    processes
        How many at once; None takes one for each core that this process may use.
    """

    def __init__(self, processes: int | None = None) -> None:
        self.processes = processes or cores()
        self._idle: list[_Worker] = []

    def run(self, work: Work, payloads: Sequence[Payload]) -> Iterator[Outcome]:
        """Yield outcomes as they come; see :meth:`simulator.studies.executors.Executor.run`.

        A payload whose process dies gets another process once: the kernel kills the largest when
        memory runs out, which need not be the one at fault.
        """
        waiting = deque(enumerate(payloads))
        deaths: Counter[int] = Counter()
        workers, self._idle = self._idle, []
        for worker in workers:
            if waiting:
                worker.give(work, *waiting.popleft())
        try:
            while waiting or any(worker.index is not None for worker in workers):
                workers = [worker for worker in workers if not worker.dead]
                while waiting and len(workers) < self.processes:
                    workers.append(_Worker())
                    workers[-1].give(work, *waiting.popleft())
                for worker in _ready(workers):
                    index = worker.index
                    answer = worker.answer()
                    if index is None:
                        continue
                    if answer is not None:
                        yield Outcome(index, *answer)
                    elif worker.overdue:
                        yield Outcome(index, None, worker.overdue, died=True)
                    elif deaths[index]:
                        yield Outcome(
                            index, None, f"its process died twice ({worker.ending})", died=True
                        )
                    else:
                        deaths[index] += 1
                        waiting.append((index, payloads[index]))
                    if answer is not None and waiting:
                        worker.give(work, *waiting.popleft())
        finally:
            self._idle = [one for one in workers if one.index is None and not one.dead]
            _end([one for one in workers if one not in self._idle])

    def close(self) -> None:
        """End the processes."""
        workers, self._idle = self._idle, []
        _end(workers)


class Beside:
    """One process that carries out pieces of work in order, beside whatever its owner does meanwhile.

    It starts with the first of them. What it is at is given up if it is closed, and so is what waits.
    """

    def __init__(self) -> None:
        self._worker: _Worker | None = None
        self._given = 0

    def give(self, work: Work, payload: Payload) -> None:
        """Hand over a payload, which may be no larger than what a pipe holds if nobody is to wait here."""
        if self._worker is None:
            self._worker = _Worker()
        self._worker.give(work, self._given, payload)
        self._given += 1

    def wait(self) -> list[Outcome]:
        """Wait until all that was handed over since the last time is done; what came of it, in order."""
        found: list[Outcome] = []
        while self._worker is not None and len(found) < self._given:
            (worker,) = _ready([self._worker])
            answer = worker.answer()
            if answer is not None:
                found.append(Outcome(len(found), *answer))
                continue
            self._worker = None
            why = f"its process died ({worker.ending})"
            found += [
                Outcome(index, None, why, died=True) for index in range(len(found), self._given)
            ]
        self._given = 0
        return found

    def close(self) -> None:
        """End the process at once."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None


class _Worker:
    """One process, and the payload that it is at.

    Attributes
    ----------
    index
        Of the payload, None if it has none.
    dead
        Whether the process is gone.
    overdue
        Why we ended it, if we did: what it was at did not come back.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.index: int | None = None
        self.dead = False
        self.overdue = ""
        self._until, self._why = math.inf, ""
        self._heard: Timed | None = None
        with _one_thread(), _without_main():
            self._process.start()
        theirs.close()  # so that the pipe ends with the process

    @property
    def pipe(self) -> Connection:
        """What is readable once there is an answer, or the process is gone."""
        return self._pipe

    @property
    def ending(self) -> str:
        """How the process ended."""
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"exit status {code}"
        name = signal.Signals(-code).name
        return f"{name}, perhaps out of memory" if name == "SIGKILL" else name

    def give(self, work: Work, index: int, payload: Payload) -> None:
        """Hand over a payload; a process that is gone is found out when it is asked."""
        self.index = index
        with contextlib.suppress(OSError):
            self._pipe.send((work, payload))

    def hear(self) -> bool:
        """Take what the process sent; whether that is an answer, or its end."""
        try:
            found: Timed | Left = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            self.dead = True
            return True
        if len(found) == 2:
            left, self._why = found
            self._until = time.monotonic() + left
            return False
        self._heard, self._until = found, math.inf
        return True

    def end_if_overdue(self) -> None:
        """End the process if its time is over; that it ended is then heard."""
        if time.monotonic() > self._until:
            self.overdue, self._until = self._why, math.inf
            self._process.kill()

    def answer(self) -> Timed | None:
        """Return the answer that was heard, or None if the process is gone."""
        self.index = None
        found, self._heard = self._heard, None
        return found

    def kill(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def ask_to_end(self) -> None:
        """Ask the process to end: a run that it is at writes its checkpoint."""
        if self.index is not None:
            self._process.terminate()
        self._pipe.close()

    def end(self, patience: float) -> None:
        """Wait so many seconds for the process to end, then end it."""
        self._process.join(timeout=patience)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _end(workers: Sequence[_Worker]) -> None:
    """End all processes, within the time that a command has after a signal."""
    until = time.monotonic() + float(os.environ.get(PATIENCE_VARIABLE, PATIENCE))
    with interrupts.finishing():
        for worker in workers:
            worker.ask_to_end()
        for worker in workers:
            worker.end(max(0.0, until - time.monotonic()))


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Start processes that do not run the caller's script again.

    Work is found by the name of its module, never in the script; run again, a script without a
    ``__main__`` guard would start the same work in each process.
    """
    main = sys.modules["__main__"]
    held = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    try:
        main.__spec__ = None
        if "__file__" in held:
            del main.__file__
        yield
    finally:
        for name, value in held.items():
            setattr(main, name, value)


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    """Wait for workers that have an answer or are gone, or for a signal; end those whose time is over."""
    by_pipe = {worker.pipe: worker for worker in workers}
    while True:
        interrupts.check()
        found = wait(list(by_pipe), timeout=0.1)
        heard = [by_pipe[pipe] for pipe in by_pipe if pipe in found and by_pipe[pipe].hear()]
        if heard:
            return heard
        for worker in workers:
            worker.end_if_overdue()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let a process that starts within use one thread a library."""
    held = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in held.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


Timed: TypeAlias = "tuple[dict[str, Any] | None, str | None, str | None, float, float]"
"""Value, error, traceback, seconds of CPU and of wall clock."""


Left: TypeAlias = "tuple[float, str]"
"""Seconds after which a run must be ended, and what is to be said then."""


def timed(work: Work, payload: Payload) -> Timed:
    """Carry out one payload; whatever it raises comes back as text."""
    cpu, wall = time.process_time(), time.perf_counter()
    value = error = trace = None
    try:
        value = work(payload)
    except GavelError as wrong:
        error = " ".join(str(wrong).split())
    except BaseException as wrong:
        if isinstance(wrong, KeyboardInterrupt) and (interrupts.pending or not _deaf()):
            raise
        error = in_words(wrong, 2000)
        trace = traceback.format_exc()
    return value, error, trace, time.process_time() - cpu, time.perf_counter() - wall


def _deaf() -> bool:
    """Whether no Ctrl-C comes through: ``KeyboardInterrupt`` is a solver's or a policy's then."""
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def _serve(pipe: Connection) -> None:
    """Carry out payload after payload, in a process of its own, until the parent has no more."""
    _start()
    sending = threading.Lock()

    def send(found: Timed | Left) -> None:
        with sending:
            pipe.send(found)

    def tell(left: float, why: str) -> None:
        with contextlib.suppress(OSError):  # the parent is gone, and we go with it
            send((left, why))

    timeout_watch.listen(tell)
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            work, payload = pipe.recv()
            interrupts.listen(
                signal.SIGTERM
            )  # a run ends where it is whole, and leaves a checkpoint
            answer = timed(work, payload)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            interrupts.check()
            send(answer)


def _start() -> None:
    """Leave interrupts to the parent, and end when it is gone, even if it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
