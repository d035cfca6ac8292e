"""``gavel-sim warm-up`` on the command line."""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gavel_opt
import simulator
from gavel_opt.arrays import Ints
from gavel_opt.engines import proportional_jobs
from gavel_opt.kernels import jit
from gavel_opt.kernels.even_split import share_evenly
from gavel_opt.solver.finish_time import finish_time_shares
from gavel_opt.solver.makespan import makespan_shares
from gavel_opt.solver.max_min import fair_shares
from gavel_opt.solver.max_min_pairs import fair_shares_in_pairs
from gavel_opt.solver.strategy_proof import strategy_proof_shares
from gavel_opt.solver.water_filling import filled_shares
from simulator.cli import main
from simulator.cli.warm_up import RUNS, exercise, exercise_faces
from simulator.runs.simulation import Simulation
from simulator.settings.options import make_config


def test_complaints(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["warm-up", "--processes", "0"]) == 2
    assert "--processes: 0 is too few; give 1 or more" in capsys.readouterr().err
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert main(["warm-up"]) == 2
    assert "NUMBA_DISABLE_JIT is set, so nothing is ever compiled" in capsys.readouterr().err


def test_no_more_processes_than_a_pool_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr("simulator.cli.warm_up._compile_all", given.append)
    assert main(["warm-up", "--processes", "9" * 25]) == 0
    assert main(["warm-up", "--processes", "2"]) == 0
    assert given == [61, 2]


def test_jobs_are_pooled_in_one_of_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    pooled = proportional_jobs._pooled

    def counted(kind: Ints, *rest: Any) -> Any:
        called.append(kind.size)
        return pooled(kind, *rest)

    monkeypatch.setattr(proportional_jobs, "_pooled", counted)
    for settings in RUNS:
        if settings.get("engine") == "highs" and settings["policy"] == "min_total_duration_perf":
            Simulation(make_config(**settings)).advance(1)
    assert called


def test_a_child_that_is_killed_is_one_line(tmp_path: Path) -> None:
    """As the kernel does when memory runs out; each child is, at once."""
    words = [sys.executable, "-m", "simulator", "warm-up", "--processes", "2"]
    begun = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "GAVEL_OPT_CACHE": str(tmp_path)},
    )
    while begun.poll() is None:
        for child in children(begun.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.05)
    out, err = begun.communicate(timeout=60)
    assert (begun.returncode, out) == (3, "")
    assert err.splitlines()[-1] == (
        "gavel-sim: a process that compiles was ended from outside, perhaps out of memory; the same "
        "command goes on with what is left, in less memory with --processes 1"
    )
    assert "Traceback" not in err


def children(process: int) -> list[int]:
    """Numbers of the processes that one has started, but for those that follow resources."""
    found = Path(f"/proc/{process}/task/{process}/children")
    numbers = map(int, found.read_text().split()) if found.exists() else ()
    return [one for one in numbers if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def test_every_kernel_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpreted, as what is called is what would be compiled."""
    called: set[jit.Kernel] = set()

    def note(kernel: jit.Kernel, *given: Any, **named: Any) -> bool:
        called.add(kernel)
        return False

    for way in ("_becomes_compiled", "_compile", "lose"):
        monkeypatch.setattr(jit.Kernel, way, note)
    with _nothing_compiled():
        for settings in RUNS:
            exercise(settings)
        exercise_faces()
    by_compiled_rounds_alone: Any = {
        fair_shares,
        fair_shares_in_pairs,
        filled_shares,
        finish_time_shares,
        makespan_shares,
        share_evenly,
        strategy_proof_shares,
    }
    called |= by_compiled_rounds_alone
    compiled = {kernel for one in called for kernel in one.calls}
    missing = {kernel.name for kernel in _kernels() - compiled}
    assert missing == {
        "gavel_opt.kernels.calling_convention._scaled",  # of a trial of numba
        "gavel_opt.kernels.calling_convention._tried",
        "simulator.mechanism.loop.view",
    }


@contextlib.contextmanager
def _nothing_compiled() -> Iterator[None]:
    """As in a process where no other test has run."""
    held = {kernel: (kernel.func, kernel._natives) for kernel in _kernels()}
    for kernel in held:
        kernel._natives = {}
        kernel._goes_to(kernel._interpreted)
    try:
        yield
    finally:
        for kernel, (call, natives) in held.items():
            kernel._natives = natives
            kernel._goes_to(call)


def _kernels() -> set[jit.Kernel]:
    """All kernels of the packages."""
    names = [
        found.name
        for package in (gavel_opt, simulator)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.name.endswith("__main__")
    ]
    modules = [importlib.import_module(name) for name in names]
    values = [value for module in modules for value in vars(module).values()]
    return {value for value in values if isinstance(value, jit.Kernel)}


@pytest.mark.slow
def test_the_second_time_there_is_nothing_to_compile() -> None:
    exercise(RUNS[1])
    assert exercise(RUNS[1]) == {}
