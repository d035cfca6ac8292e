"""An engine in a process of its own: it may hang, crash, leave or grow, and the caller goes on.

``isolated:NAME`` is the engine NAME behind such a border, wherever an engine is named; engines that
declare ``Capability.isolate`` get one by themselves. Programs and answers cross it as bytes of arrays and
JSON, without pickle. The process stays between programs, so a persistent model is kept; it is ended and made
anew after a time limit or a crash.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import weakref
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from gavel_opt.engines.asking import broken, version_of
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Engine, Options
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.recorded import read_recorded, recorded_bytes
from gavel_opt.model.solution import Solution, Stats, Status

LONGEST = 600.0
"""Seconds after which a solve without a time limit is ended."""

_GRACE = 1.0
"""Seconds beyond its limit that an engine has to come back by itself, and to be loaded."""

_START = 60.0
_ENDING = 5.0
_MEMORY = 0.7
"""Part of the machine's memory that the process may take."""


class Isolated:
    """An engine by name, in a process of its own; takes general programs.

    Parameters
    ----------
    name
        Name of the engine inside.
    engine
        One of the same kind, for its capabilities and version; it is asked for nothing else.
    """

    def __init__(self, name: str, engine: Engine) -> None:
        self.name = f"isolated:{name}"
        self.capability = replace(
            engine.capability,
            allocation=False,
            finish_time=False,
            one_step=False,
            product=False,
            tie_break=False,
        )
        self._inside = name
        self._version = version_of(engine)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def version(self) -> str:
        """Solver and version."""
        return f"{self._version}, in a process of its own"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve in the other process; a hang is a time limit, a crash a numerical error."""
        started = time.perf_counter()
        try:
            connection = self._connected()
            connection.send_bytes(json.dumps(_as_json(options)).encode())
            connection.send_bytes(recorded_bytes(program, packed=False))
            sent = time.perf_counter()
            left = min(options.time_limit, LONGEST) - (sent - started)
            if not connection.poll(max(left, 0.0) + _GRACE):
                self.close()
                stats = Stats(translate=sent - started, solve=time.perf_counter() - sent)
                stats.detail = "did not come back in time; its process was ended"
                return Solution(Status.TIME_LIMIT, stats=stats)
            solution = _received(connection)
        except (OSError, EOFError) as lost:
            return broken(f"its process ended ({self._ending(lost)})")
        except BaseException:  # an interrupt: nobody reads the answer any more
            self.close()
            raise
        whole = time.perf_counter() - started
        solution.stats.translate += max(
            whole - solution.stats.translate - solution.stats.solve, 0.0
        )
        return solution

    def forget(self) -> None:
        """Keep nothing: the next program goes to a new process."""
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            _end(self._process)
        self._process = self._connection = None

    def _ending(self, lost: BaseException) -> str:
        process = self._process
        code = None
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_ENDING)
        self.close()
        if code is None:
            return str(lost) or type(lost).__name__
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def _connected(self) -> Connection:
        if self._connection is not None:
            return self._connection
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, str(theirs.fileno()), self._inside],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        weakref.finalize(self, _end, self._process)
        connection = self._connection = Connection(ours.detach())
        if not connection.poll(_START):
            raise EOFError("it did not start")
        connection.recv_bytes()
        return connection


_CHILD = """
import sys
from gavel_opt.engines.guarded_process import guarded
guarded(int(sys.argv[1]))
from gavel_opt.engines.own_process import serve
serve(int(sys.argv[1]), sys.argv[2])
"""


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # its guard, which ends whatever the engine has started, too
    try:
        process.wait(_ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def serve(descriptor: int, name: str) -> None:
    """Answer programs until the other side is gone; runs in the process of an :class:`Isolated`."""
    from gavel_opt.engines.asking import ask
    from gavel_opt.engines.registry import make_engine

    _bound_memory()
    connection = Connection(descriptor)
    engine = make_engine(name, isolate=False)
    connection.send_bytes(b"ready")
    while True:
        try:
            options = Options(**json.loads(connection.recv_bytes()))
            program = read_recorded("program", connection.recv_bytes())
        except (EOFError, OSError):
            return
        _send(connection, ask(engine, program, options))


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not everywhere
        import resource

        size = int(_MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _as_json(options: Options) -> dict[str, Any]:
    # JSON as Python writes it has infinities.
    return asdict(options)


def _send(connection: Connection, solution: Solution) -> None:
    about = {
        "status": solution.status.value,
        "objective": solution.named,
        "stats": asdict(solution.stats),
        "x": solution.x is not None,
        "row_dual": solution.row_dual is not None,
    }
    connection.send_bytes(json.dumps(about).encode())
    for values in (solution.x, solution.row_dual):
        if values is not None:
            connection.send_bytes(np.ascontiguousarray(values).tobytes())


def _received(connection: Connection) -> Solution:
    try:
        about = json.loads(connection.recv_bytes())
        arrays = {
            what: np.frombuffer(connection.recv_bytes()).copy()
            for what in ("x", "row_dual")
            if about[what]
        }
        solution = Solution(
            Status(about["status"]),
            float(about["objective"]),
            arrays.get("x"),
            arrays.get("row_dual"),
            stats=Stats(**about["stats"]),
        )
    except (ValueError, KeyError, TypeError) as garbled:
        raise EOFError(f"what it sent makes no sense: {garbled}") from None
    return solution
