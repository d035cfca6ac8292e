"""Processes on this machine, one warm process a core, each carrying out many runs."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from queue import Empty, SimpleQueue
from typing import Any

from gavel_opt import GavelError
from simulator.runs.interrupts import interrupts
from simulator.studies.executors import Outcome, Payload, Work

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""One process a core: threads in a process would only take turns with the other processes."""


class LocalExecutor:
    """Runs payloads in processes that stay warm: compiled code is loaded once in each.

    Parameters
    ----------
    processes
        How many at once; None takes one for each core that this process may use.
    """

    def __init__(self, processes: int | None = None) -> None:
        self.processes = processes or cores()

    def run(self, work: Work, payloads: Sequence[Payload]) -> Iterator[Outcome]:
        """Yield outcomes as they come; see :meth:`simulator.studies.executors.Executor.run`."""
        waiting = dict(enumerate(payloads))
        while waiting:
            yield from self._pool(work, waiting, self.processes)
            # A process died and took the pool with it. What ran then is among the first that are
            # left, since they start in order: each gets a process of its own, which tells whose
            # fault it was, and the rest go on together.
            for index in list(waiting)[: 2 * self.processes + 1]:
                alone = {index: waiting.pop(index)}
                yield from self._pool(work, alone, 1)
                if alone:
                    yield Outcome(index, None, "its process died (killed, or out of memory)")

    def _pool(self, work: Work, waiting: dict[int, Payload], processes: int) -> Iterator[Outcome]:
        """Yield the outcomes of one pool's life, taking them off ``waiting``."""
        before = set(multiprocessing.active_children())
        held = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
        pool = ProcessPoolExecutor(
            min(processes, len(waiting)) or 1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
        )
        finished = False
        try:
            futures: dict[Future[Any], int] = {
                pool.submit(timed, work, payload): index for index, payload in waiting.items()
            }
            done: SimpleQueue[Future[Any]] = SimpleQueue()
            for future in futures:
                future.add_done_callback(done.put)
            for _ in futures:
                future = _next(done)
                index = futures[future]
                value, error, trace, cpu, wall = future.result()
                del waiting[index]
                yield Outcome(index, value, error, trace, cpu, wall)
            finished = True
        except BrokenProcessPool:
            finished = True
        finally:
            if not finished:
                for child in set(multiprocessing.active_children()) - before:
                    child.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
            for name, value in held.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _next(done: SimpleQueue[Future[Any]]) -> Future[Any]:
    """Wait for the next that is done, or for a signal."""
    while True:
        interrupts.check()
        with contextlib.suppress(Empty):
            return done.get(timeout=0.1)


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def timed(
    work: Work, payload: Payload
) -> tuple[dict[str, Any] | None, str | None, str | None, float, float]:
    """Carry out one payload; whatever it raises comes back as text."""
    cpu, wall = time.process_time(), time.perf_counter()
    value = error = trace = None
    try:
        value = work(payload)
    except GavelError as wrong:
        error = " ".join(str(wrong).split())
    except Exception as wrong:
        error = f"{type(wrong).__name__}: {' '.join(str(wrong).split())}"
        trace = traceback.format_exc()
    return value, error, trace, time.process_time() - cpu, time.perf_counter() - wall


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
