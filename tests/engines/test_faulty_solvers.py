"""Solvers that raise, hang, leave, crash, grow or lie, in every place that an engine can stand."""

import contextlib
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import broken
import numpy as np
import pytest

from gavel_opt import InputError, SolveFailed, known_engines, make_engine, solve
from gavel_opt.checking import installed_engines
from gavel_opt.driver import Driver
from gavel_opt.engines.asking import version_of
from gavel_opt.engines.protocol import Capability, Options
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Certificate, Solution, Stats, Status
from gavel_opt.policies import make_policy
from gavel_opt.testing.blocks import make_blocks

FAULTS = textwrap.dedent(
    """
    import ctypes, os, subprocess, time
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
    class Starts(Faulty):
        name = "starts"
        def fault(self, program):
            subprocess.run(["sleep", "600"])
    class Keeps(Faulty):
        name = "keeps"
        def fault(self, program):
            ctypes.PyDLL(None).pause()
    class Grows(Faulty):
        name = "grows"
        def fault(self, program):
            grown = []
            while True:
                grown.append(bytes(1 << 28))
    """
)
NAMES = ("fine", "raises", "hangs", "spins", "leaves", "crashes", "grows", "starts", "keeps")


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
    # What ends by itself has time to start its process.
    limit = 1.0 if status is Status.TIME_LIMIT else 30.0
    solution = solve(SMALL, engine, Options(time_limit=limit))
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


class Complex(broken.Wrapped):
    """Numbers with two parts."""

    name = "complex"

    def spoil(self, program, solution):
        solution.x = solution.x + 1j


class NoText(broken.Wrapped):
    """Raises what cannot be written out."""

    name = "no-text"

    def solve(self, program, options=None):
        raise NoTextError


class NoTextError(Exception):
    def __str__(self):
        raise ZeroDivisionError


class Forges(broken.WrongPoint):
    """Brings the proof of its wrong point with it."""

    name = "forges"

    def spoil(self, program, solution):
        super().spoil(program, solution)
        solution.certificate = Certificate(0.0, 0.0, 0.0)
        solution.proof = "certificate"


class TakesBlocks(broken.Wrapped):
    """Raises where it is given blocks."""

    name = "takes-blocks"
    capability = Capability(allocation=True)

    def solve_blocks(self, program, options=None):
        raise ZeroDivisionError


WRONG = [
    *(Raises, Exits, WrongShape, WrongDualShape, Words, Nothing, Empty, TakesBlocks),
    *(Complex, NoText, Forges),
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
    if solution.status is Status.OPTIMAL:
        assert solution.x.tolist() == [2.0, 6.0]
    else:
        assert not solution.proof


@pytest.mark.parametrize("objective", [37.0, float("nan"), None, "much", np.array([36.0])])
def test_a_wrong_objective_is_not_used(objective):
    class WrongObjective(broken.Wrapped):
        def spoil(self, program, solution):
            solution.objective = objective

    assert driver(WrongObjective()).solve(program()).objective == pytest.approx(2.0)
    solution = solve(SMALL, WrongObjective())
    assert solution.objective == 36.0
    assert solution.proof == "certificate"


def test_the_objective_is_that_of_the_point_without_a_proof_too():
    solution = solve(SMALL, Forges())
    assert solution.status is Status.IMPRECISE
    assert solution.objective == pytest.approx(32.4)


class Scales(broken.Wrapped):
    """Scales the program that it is given, in place, and answers for that one."""

    name = "scales"

    def solve(self, program, options=Options()):  # noqa: B008
        program.a.data[:] *= 2.0
        program.a.indices[:] = program.a.indices[::-1].copy()
        program.c.setflags(write=True)
        program.c[:] = 0.0
        return super().solve(program, options)


class ScalesBlocks(Scales):
    """The same of blocks."""

    name = "scales-blocks"
    capability = Capability(allocation=True)

    def solve_blocks(self, program, options=None):
        program.blocks.rate[:] = 1.0
        program.blocks.workers[:] = 5.0
        return make_engine("structured").solve_blocks(program, options)


@pytest.mark.parametrize("engine", [Scales, ScalesBlocks], ids=lambda e: e.name)
def test_what_an_engine_does_to_its_program_is_no_proof(engine):
    asked = program()
    chain = driver(engine(), "highs")
    assert chain.solve(asked).objective == pytest.approx(2.0)
    assert chain.tally.fallbacks == 1
    asked = LinearProgram.build(SMALL.c, SMALL.a, SMALL.row_lower, SMALL.row_upper, maximize=True)
    before = asked.a.data.copy(), asked.a.indices.copy(), asked.c.copy()
    assert solve(asked, engine()).status is not Status.OPTIMAL
    for one, other in zip(before, (asked.a.data, asked.a.indices, asked.c), strict=True):
        np.testing.assert_array_equal(one, other)


def test_our_engines_leave_the_program_as_it_is():
    for name in known_engines():
        engine = make_engine(name)
        if not engine.capability.linear:
            continue
        asked = LinearProgram.build(
            [3.0, 5.0], SMALL.a.copy(), -np.inf, SMALL.row_upper.copy(), maximize=True
        )
        solve(asked, engine)
        np.testing.assert_array_equal(asked.a.toarray(), SMALL.a.toarray(), err_msg=name)
        np.testing.assert_array_equal(asked.row_upper, SMALL.row_upper, err_msg=name)


def test_an_answer_is_not_changed_by_the_next_one():
    class OneBuffer(broken.Wrapped):
        buffer = np.zeros(2)

        def spoil(self, program, solution):
            self.buffer[:] = solution.x
            solution.x = self.buffer

    engine = OneBuffer()
    first = solve(SMALL, engine)
    solve(LinearProgram.build([1.0, 1.0], [[1.0, 1.0]], 1.0, np.inf), engine)
    assert first.x.tolist() == [2.0, 6.0]


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize(
    "stats",
    [None, "long", Stats(-1.0, float("nan"), "x", None, None, 7, None), Stats(programs=-5)],
    ids=["none", "text", "mixed", "negative"],
)
def test_statistics_that_are_none_spoil_no_count(stats, blocks):
    class Counts(broken.Wrapped):
        capability = Capability(allocation=blocks)

        def spoil(self, program, solution):
            solution.stats = stats

        def solve_blocks(self, program, options=None):
            solution, answer = make_engine("structured").solve_blocks(program, options)
            solution.stats = stats
            return solution, answer

    chain = driver(Counts())
    assert chain.solve(program()).objective == pytest.approx(2.0)
    assert chain.tally.programs == 1
    assert chain.tally.translate == chain.tally.solve == chain.tally.read == 0.0


def test_an_engine_without_a_version_ends_nothing():
    class NoVersion(broken.Wrapped):
        name = "no-version"

        def version(self):
            raise OSError("no licence")

    assert version_of(NoVersion()) == "no-version, which gives no version (OSError: no licence)"


MAKING = """
class Licence:
    def __init__(self):
        raise RuntimeError("no licence")
class Library:
    def __init__(self):
        raise OSError("libx.so: cannot open shared object file")
class Leaves:
    def __init__(self):
        raise SystemExit(0)
class Bare:
    name, capability = "bare", None
    def solve(self, program, options=None):
        return None
"""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("licence", "RuntimeError: no licence"),
        ("library", "OSError: libx.so"),
        ("leaves", "SystemExit: 0"),
        ("bare", "has no version and no capability"),
        ("away", "has no attribute 'Away'"),
    ],
)
def test_an_engine_that_cannot_be_made_is_passed_over(site, monkeypatch, name, says):
    (site / "making.py").write_text(MAKING)
    points = f"[gavel_opt.engines]\n{name} = making:{name.title()}\n"
    (site / "faults-1.0.dist-info" / "entry_points.txt").write_text(points)
    with pytest.raises(InputError, match=f"engine '{name}' of package faults") as refused:
        make_engine(name)
    assert says in str(refused.value)
    assert installed_engines()[1]
    chain = driver(Raises(), name, "highs")
    assert chain.solve(program()).objective == pytest.approx(2.0)
    assert chain.tally.fallbacks == 2
    assert says in [*chain.tally.refusals][1]
    with pytest.raises(SolveFailed, match=name):
        driver(Raises(), name).solve(program())


def children(leader):
    """Processes of the session of ``leader`` that are there, zombies aside, and what they run."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, words = stat.read_text().rpartition(")")
            if int(words.split()[3]) == leader and words.split()[0] != "Z":
                found[int(stat.parent.name)] = name.partition("(")[2]
    return found


def test_what_a_solver_started_ends_with_it(site):
    engine = make_engine("starts")
    solved = threading.Thread(target=solve, args=(SMALL, engine, Options(time_limit=2.0)))
    solved.start()
    while engine._process is None or "sleep" not in children(engine._process.pid).values():
        time.sleep(0.05)
    leader = engine._process.pid
    solved.join()
    left = children(leader)
    for process in left:
        os.kill(process, 9)
    assert not left


def test_a_solver_that_keeps_the_interpreter_ends_with_who_asked(site, tmp_path):
    """No thread of its own can look whether somebody waits for it."""
    script = "from gavel_opt import solve, LinearProgram, make_engine\n"
    script += "engine = make_engine('keeps')\n"
    script += "import threading, time\n"
    script += "program = LinearProgram.build([1.0], [[1.0]], 1.0, 2.0)\n"
    script += "threading.Thread(target=solve, args=(program, engine)).start()\n"
    script += "while engine._process is None: time.sleep(0.01)\n"
    script += "time.sleep(2.0)\n"
    script += "print(engine._process.pid, flush=True)\n"
    asker = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert asker.stdout is not None
    leader = int(asker.stdout.readline())
    assert children(leader)
    asker.kill()
    asker.wait()
    until = time.monotonic() + 10.0
    while children(leader) and time.monotonic() < until:
        time.sleep(0.1)
    left = children(leader)
    for process in left:
        os.kill(process, 9)
    assert not left


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
