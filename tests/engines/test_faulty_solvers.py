"""Solvers that raise, hang, leave, crash, grow or lie, in every place that an engine can stand."""

import json
import os
import subprocess
import sys
import textwrap
import time

import broken
import numpy as np
import pytest

from gavel_opt import SolveFailed, make_engine, solve
from gavel_opt.driver import Driver
from gavel_opt.engines.protocol import Capability, Options
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Status
from gavel_opt.policies import make_policy
from gavel_opt.testing.blocks import make_blocks

FAULTS = textwrap.dedent(
    """
    import ctypes, os, time
    import numpy as np
    from gavel_opt import Capability, Solution, Status, make_engine

    class Faulty:
        capability = Capability(isolate=True)
        def version(self):
            return "faulty"
        def solve(self, program, options=None):
            return self.fault(program) or make_engine("highs").solve(program)

    class Fine(Faulty):
        name = "fine"
        def fault(self, program):
            return None
    class Raises(Faulty):
        name = "raises"
        def fault(self, program):
            raise IndexError("list index out of range")
    class Hangs(Faulty):
        name = "hangs"
        def fault(self, program):
            while True:
                time.sleep(1.0)
    class Spins(Faulty):
        name = "spins"
        def fault(self, program):
            while True:
                pass
    class Leaves(Faulty):
        name = "leaves"
        def fault(self, program):
            os._exit(7)
    class Crashes(Faulty):
        name = "crashes"
        def fault(self, program):
            ctypes.string_at(0)
    class Grows(Faulty):
        name = "grows"
        def fault(self, program):
            grown = []
            while True:
                grown.append(bytes(1 << 28))
    """
)
NAMES = ("fine", "raises", "hangs", "spins", "leaves", "crashes", "grows")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A package with faulty engines, as pip would install it."""
    about = tmp_path / "site" / "faults-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: faults\nVersion: 1.0\n")
    points = "".join(f"{name} = faults:{name.title()}\n" for name in NAMES)
    (about / "entry_points.txt").write_text(f"[gavel_opt.engines]\n{points}")
    (tmp_path / "site" / "faults.py").write_text(FAULTS)
    monkeypatch.syspath_prepend(tmp_path / "site")
    # An endless allocation must end soon, on large machines too.
    monkeypatch.setattr("gavel_opt.engines.own_process._MEMORY", 0.05)
    yield tmp_path / "site"
    sys.modules.pop("faults", None)


SMALL = LinearProgram.build([3, 5], [[1, 0], [0, 2], [3, 2]], -np.inf, [4, 12, 18], maximize=True)


def program():
    return AllocationProgram(
        make_blocks(rate=[[1.0, 2.0], [2.0, 1.0]], workers=[1, 1]), np.ones(2), np.zeros(2)
    )


def driver(engine, *fallback, **options):
    policy = make_policy("max_min_fairness_perf")
    return Driver(policy, engine, fallback=fallback, tie_break="none", options=Options(**options))


def test_a_process_of_its_own_is_as_good(site):
    engine = make_engine("fine")
    assert engine.name == "isolated:fine"
    solution = solve(SMALL, engine)
    assert solution.objective == 36
    assert solution.proof == "certificate"
    assert solve(SMALL, engine).objective == 36
    engine.close()


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("raises", Status.NUMERICAL_ERROR, "raised IndexError"),
        ("hangs", Status.TIME_LIMIT, "did not come back"),
        ("spins", Status.TIME_LIMIT, "did not come back"),
        ("leaves", Status.NUMERICAL_ERROR, "exit status 7"),
        ("crashes", Status.NUMERICAL_ERROR, "signal 11"),
    ],
)
def test_faults_behind_a_border(site, name, status, says):
    """The caller goes on, within the limit, and can ask the same engine again."""
    engine = make_engine(name)
    started = time.perf_counter()
    solution = solve(SMALL, engine, Options(time_limit=1.0))
    assert solution.status is status
    assert says in solution.stats.detail
    assert time.perf_counter() - started < 60.0
    again = driver(engine, "highs", time_limit=1.0)
    assert again.solve(program()).objective == pytest.approx(2.0)
    assert again.tally.fallbacks == 1
    engine.close()


@pytest.mark.slow
def test_growing_memory_ends_the_solver_and_not_the_caller(site, monkeypatch):
    solution = solve(SMALL, make_engine("grows"), Options(time_limit=60.0))
    assert solution.status is not Status.OPTIMAL


@pytest.mark.parametrize("name", ["leaves", "crashes", "raises"])
def test_a_sweep_of_programs_outlives_a_crash(site, tmp_path, name):
    paths = []
    for k in range(2):
        paths.append(tmp_path / f"{k}.mps")
        (tmp_path / f"{k}.mps").write_text(
            "ROWS\n N c\n G r\nCOLUMNS\n x c 1 r 1\nRHS\n RHS r 2\nENDATA\n"
        )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        ["gavel-opt", "check", *map(str, paths), "--engines", f"{name},highs", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    statuses = [result["status"] for result in json.loads(done.stdout)["results"]]
    assert statuses == ["numerical_error", "optimal"] * 2


class Raises(broken.Wrapped):
    """Raises, as PuLP did on programs that it cannot write."""

    name = "raises"

    def solve(self, program, options=None):
        raise IndexError("list index out of range")


class Exits(broken.Wrapped):
    """Ends the process, as a library does that takes itself for a program."""

    name = "exits"

    def solve(self, program, options=None):
        raise SystemExit(0)


class WrongShape(broken.Wrapped):
    """An answer for another program."""

    name = "wrong-shape"

    def spoil(self, program, solution):
        solution.x = np.append(solution.x, 1.0)


class WrongDualShape(broken.Wrapped):
    """Duals for another program."""

    name = "wrong-dual-shape"

    def spoil(self, program, solution):
        solution.row_dual = solution.row_dual[:1]


class Words(broken.Wrapped):
    """No numbers."""

    name = "words"

    def spoil(self, program, solution):
        solution.x = ["one", "two"]


class Nothing(broken.Wrapped):
    """No solution."""

    name = "nothing"

    def solve(self, program, options=None):
        return None


class Empty(broken.Wrapped):
    """Optimal, and no answer."""

    name = "empty"

    def solve(self, program, options=None):
        return Solution(Status.OPTIMAL, 36.0)


class TakesBlocks(broken.Wrapped):
    """Raises where it is given blocks."""

    name = "takes-blocks"
    capability = Capability(allocation=True)

    def solve_blocks(self, program, options=None):
        raise ZeroDivisionError


WRONG = [
    *(Raises, Exits, WrongShape, WrongDualShape, Words, Nothing, Empty, TakesBlocks),
    *(broken.WrongPoint, broken.WrongSign, broken.NotNumbers, broken.Infeasible, broken.OutOfTime),
]


@pytest.mark.parametrize("engine", WRONG, ids=lambda e: e.name)
def test_the_chain_moves_on(engine):
    chain = driver(engine(), "highs")
    assert chain.solve(program()).objective == pytest.approx(2.0)
    assert chain.tally.fallbacks == 1
    (refusal,) = chain.tally.refusals
    assert refusal.startswith(f"{engine.name}: ")


@pytest.mark.parametrize("engine", WRONG, ids=lambda e: e.name)
def test_or_the_run_stops_with_its_program(engine):
    with pytest.raises(SolveFailed, match=engine.name) as failed:
        driver(engine()).solve(program())
    assert solve(failed.value.program).objective == pytest.approx(2.0)


@pytest.mark.parametrize("engine", WRONG, ids=lambda e: e.name)
def test_solve_uses_no_wrong_answer(engine):
    solution = solve(SMALL, engine())
    assert solution.status is not Status.OPTIMAL or solution.objective == 36


def test_a_wrong_objective_is_not_used():
    assert driver(broken.WrongObjective()).solve(program()).objective == pytest.approx(2.0)


@pytest.mark.parametrize("kind", ["PanicException", SystemExit, GeneratorExit])
def test_what_is_no_exception_to_python_is_an_error_of_a_solver(monkeypatch, kind):
    """pyo3 derives its ``PanicException`` from ``BaseException``."""
    raised = type(kind, (BaseException,), {}) if isinstance(kind, str) else kind

    def panics(*_: object) -> None:
        raise raised("index out of bounds")

    monkeypatch.setattr("clarabel.DefaultSolver", panics)
    solution = solve(SMALL, "clarabel")
    assert solution.status is Status.NUMERICAL_ERROR
    assert "index out of bounds" in solution.stats.detail
