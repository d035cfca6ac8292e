"""A Ray cluster: tasks of many runs each, retried where a node is lost (extra ``ray``)."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from gavel_opt import InputError, MissingLibraryError
from simulator.process.interrupts import interrupts
from simulator.studies.executors import Outcome, Payload, Work
from simulator.studies.executors.local import ONE_THREAD, timed

TASKS_A_CORE = 4
"""Tasks a core gets in all: few enough that starting one costs little, enough to balance."""

LONGEST_TASK = 64
"""Runs that a task takes at the most, so that a lost one loses little."""

_Batch: TypeAlias = "list[tuple[int, Payload]]"


class RayExecutor:
    """Runs payloads as tasks of a Ray cluster.

    Parameters
    ----------
    processes
        How many tasks at once; None takes what the cluster has.
    address
        Address of a running cluster, ``auto`` for the one this machine belongs to; None starts one
        on this machine for as long as the runs take.

    Raises
    ------
    MissingLibraryError
        If Ray is not installed.
    """

    def __init__(self, processes: int | None = None, address: str | None = None) -> None:
        try:
            import ray  # noqa: F401
        except ImportError:
            raise MissingLibraryError(
                "--executor ray needs Ray: pip install 'gavel-opt[ray]'"
            ) from None
        self.processes = processes
        self.address = address
        self._ours = False
        self._deaths: Counter[str] = Counter()
        """How often a process died of each payload alone, from one call of :meth:`run` to the next."""

    def run(self, work: Work, payloads: Sequence[Payload]) -> Iterator[Outcome]:
        """Yield outcomes as they come; see :meth:`simulator.studies.executors.Executor.run`."""
        if not payloads:
            return
        import ray

        if not ray.is_initialized():
            _connect(ray, self.address, self.processes)
            self._ours = True
        yield from self._outcomes(ray, work, payloads)

    def close(self) -> None:
        """Leave the cluster, and end it if it was started for this."""
        if self._ours:
            import ray

            ray.shutdown()
            self._ours = False

    def _outcomes(self, ray: Any, work: Work, payloads: Sequence[Payload]) -> Iterator[Outcome]:
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        at_once = min(self.processes or cores, cores)
        size = max(1, min(LONGEST_TASK, len(payloads) // (at_once * TASKS_A_CORE)))
        task = ray.remote(
            _many
        ).options(
            num_cpus=1,
            max_retries=0,  # Ray repeats without end what took all memory, and what was done before that
            runtime_env={"env_vars": dict.fromkeys(ONE_THREAD, "1")},
        )
        numbered = list(enumerate(payloads))
        batches = deque(numbered[first : first + size] for first in range(0, len(payloads), size))
        waiting: dict[Any, _Batch] = {}
        try:
            while batches or waiting:
                while batches and len(waiting) < 2 * at_once:
                    batch = batches.popleft()
                    waiting[task.remote(work, batch)] = batch
                interrupts.check()
                ready, _ = ray.wait(list(waiting), num_returns=1, timeout=0.2)
                for done in ready:
                    yield from self._collect(ray, done, waiting.pop(done), batches)
        finally:
            for left in waiting:
                ray.cancel(left, force=True)

    def _collect(
        self, ray: Any, done: Any, batch: _Batch, batches: deque[_Batch]
    ) -> Iterator[Outcome]:
        """Yield a task's outcomes; where its process died, find out whose fault it is.

        Of several payloads each gets a task of its own: those that were done are found so. One alone gets
        another process once.
        """
        try:
            found = ray.get(done)
        except ray.exceptions.RayError as lost:
            if len(batch) > 1:
                batches.extend([one] for one in batch)
                return
            (index, payload), reason = batch[0], " ".join(str(lost).split())[:300]
            if isinstance(lost, ray.exceptions.RayTaskError):  # alive, and without an answer
                yield Outcome(index, None, reason)
                return
            name = json.dumps(payload, sort_keys=True)
            self._deaths[name] += 1
            if self._deaths[name] > 1:
                yield Outcome(index, None, f"its process died twice ({reason})", died=True)
            else:
                batches.append(batch)
            return
        for outcome in found:
            yield Outcome(*outcome)


def _many(work: Work, batch: list[tuple[int, Payload]]) -> list[tuple[Any, ...]]:
    """Carry out one batch in a process of the cluster."""
    return [(index, *timed(work, payload)) for index, payload in batch]


def _connect(ray: Any, address: str | None, processes: int | None) -> None:
    """Join a cluster, or start one here."""
    local = address is None
    started = time.monotonic()
    try:
        ray.init(
            address="local" if local else address,
            num_cpus=processes if local else None,
            log_to_driver=False,
            logging_level="ERROR",
            include_dashboard=False if local else None,
            configure_logging=False,
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as wrong:
        reason = " ".join(str(wrong).split())[:200]
        where = address or f"this machine (after {time.monotonic() - started:.0f} s)"
        raise InputError(f"--ray-address: no Ray cluster at {where}: {reason}") from None
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
