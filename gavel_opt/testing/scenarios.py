"""What an engine must do beyond one right answer: time limits, repeatability, persistent models, misuse."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np

from gavel_opt.driver import Driver
from gavel_opt.engines.protocol import Engine, OneStepEngine, Options
from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.model.cluster_state import ClusterState, ThroughputTable
from gavel_opt.model.linear_program import KINDS, LinearProgram
from gavel_opt.model.lowering import lower
from gavel_opt.model.one_program import OneProgram
from gavel_opt.model.solution import Status
from gavel_opt.policies import make_policy
from gavel_opt.solving import solve
from gavel_opt.testing.blocks import make_blocks

MakeEngine = Callable[[], Engine]
_PROOF = 1e-6


def declares_itself(make_engine: MakeEngine) -> None:
    """It has a name, a version that names its solver, and capabilities that fit its methods."""
    engine = make_engine()
    assert isinstance(engine, Engine), "lacks name, capability, solve or version"
    assert engine.name, "has an empty name"
    assert engine.version().strip(), "has an empty version"
    can = engine.capability
    assert can.linear or can.allocation, "takes neither general programs nor blocks"
    if can.allocation or can.finish_time:
        assert hasattr(engine, "solve_blocks"), "declares blocks but has no solve_blocks"
    if can.one_step:
        assert hasattr(engine, "solve_at_once"), "declares one_step but has no solve_at_once"
    assert 0.0 < can.precision < 1.0, "precision must be between 0 and 1"


def same_bits_twice(make_engine: MakeEngine) -> None:
    """Two fresh engines give the same bits on the same programs."""
    first, second = make_engine(), make_engine()
    for step, program in enumerate(_stream()):
        one, two = solve(program, first), solve(program, second)
        assert one.status is two.status, f"{one.status.value}, then {two.status.value}"
        if one.x is None or two.x is None:
            continue
        assert one.x.tobytes() == two.x.tobytes(), f"program {step}: x differs between two runs"
        assert _bits(one.row_dual) == _bits(two.row_dual), f"program {step}: duals differ"


def kept_model_is_right(make_engine: MakeEngine) -> None:
    """A stream of programs that change in every way, on one engine: each answer is proven."""
    engine = make_engine()
    for step, program in enumerate(_stream()):
        kept, fresh = solve(program, engine), solve(program, make_engine())
        for which, solution in (("kept", kept), ("fresh", fresh)):
            assert solution.status is Status.OPTIMAL, (
                f"program {step}, {which} engine: {solution.status.value} ({solution.stats.detail})"
            )
        difference = abs(kept.objective - fresh.objective)
        largest = 1.0 + abs(fresh.objective)
        assert difference <= 10 * max(engine.capability.precision, 1e-9) * largest, (
            f"program {step}: {kept.objective!r} on the persistent model, {fresh.objective!r} afresh"
        )


def recovers_after_no_answer(make_engine: MakeEngine) -> None:
    """After an infeasible and an unbounded program the next answer is right."""
    engine = make_engine()
    good = LinearProgram.build(
        [3, 5], [[1, 0], [0, 2], [3, 2]], -np.inf, [4, 12, 18], maximize=True
    )
    empty = LinearProgram.build(
        [3, 5], [[1, 0], [0, 2], [3, 2]], [5, 2, 30], [9, 12, 32], maximize=True, col_upper=3.0
    )
    open_ = LinearProgram.build([3, 5], [[1, 0], [0, -2], [3, -2]], -np.inf, 4, maximize=True)
    for between in (empty, open_):
        assert not solve(between, engine).status.has_answer, "an answer where there is none"
        solution = solve(good, engine)
        assert solution.status is Status.OPTIMAL, solution.status.value
        assert abs(solution.objective - 36.0) <= 1e-5, f"objective {solution.objective!r}, not 36"


def time_limit_is_kept(make_engine: MakeEngine) -> None:
    """A program that is too large for its time limit ends soon after, and says so."""
    engine = make_engine()
    solve(LinearProgram.build([1], [[1]], 2, np.inf), engine)  # loads what loads late
    program = large()
    for limit in (1e-6, 0.2):
        started = time.perf_counter()
        solution = engine.solve(program, Options(time_limit=limit))
        seconds = time.perf_counter() - started
        late = 3.0 * slowness()
        assert seconds <= limit + late, f"{seconds:.1f} s for a limit of {limit} s"
        allowed = (Status.TIME_LIMIT, Status.OPTIMAL, Status.IMPRECISE)
        assert solution.status in allowed, f"{solution.status.value} for a limit of {limit} s"
    assert solve(LinearProgram.build([1], [[1]], 2, np.inf), engine).status is Status.OPTIMAL, (
        "no answer after a time limit"
    )


def slowness() -> float:
    """How many times longer than by itself a computation takes now, beside what else the machine does."""
    began, spent = time.perf_counter(), time.thread_time()
    while time.thread_time() - spent < 0.05:
        pass
    return max(1.0, (time.perf_counter() - began) / 0.05)


def gives_what_it_declares(make_engine: MakeEngine) -> None:
    """Duals where it declares them, an objective that is the value at its point, sane times."""
    engine = make_engine()
    program = next(_stream())
    solution = engine.solve(program, Options())
    assert solution.status is Status.OPTIMAL, solution.status.value
    assert solution.x is not None, "optimal, and no x"
    if engine.capability.duals:
        assert solution.row_dual is not None, "declares duals and gives none"
    value = program.objective(solution.x)
    assert abs(solution.objective - value) <= 1e-9 * (1.0 + abs(value)), (
        f"objective {solution.objective!r}, but {value!r} at x"
    )
    stats = solution.stats
    assert min(stats.translate, stats.solve, stats.read) >= 0.0, "a negative time"


def input_is_not_changed(make_engine: MakeEngine) -> None:
    """The program's arrays are as before after a solve."""
    program = next(_stream())
    before = _fingerprint(program)
    solve(program, make_engine())
    assert _fingerprint(program) == before, "the program was changed"


def no_number_is_refused(make_engine: MakeEngine) -> None:
    """NaN and infinite coefficients are refused before the engine is asked, by name."""
    engine = make_engine()
    nan, inf = np.nan, np.inf
    bad = [
        ("column 1", LinearProgram.build([1, nan], [[1, 1]], 0, 1)),
        ("column 0", LinearProgram.build([inf, 1], [[1, 1]], 0, 1)),
        ("row 1", LinearProgram.build([1, 1], [[1, 1], [nan, 1]], 0, 1)),
        ("row 0", LinearProgram.build([1, 1], [[1, -inf], [1, 1]], 0, 1)),
        ("row 1", LinearProgram.build([1, 1], [[1, 1], [1, 0]], [0, nan], 1)),
        ("column 0", LinearProgram.build([1, 1], [[1, 1]], 0, 1, 0, [nan, 1])),
    ]
    for where, program in bad:
        said = ""
        try:
            solve(program, engine)
        except InputError as refused:
            said = str(refused)
        assert said, f"a coefficient of {where} that is no number was taken"
        assert where in said, f"does not name {where}: {said}"


def shares_are_those_of_the_program(make_engine: MakeEngine) -> None:
    """Max-min fairness from the jobs themselves has the bits of its program."""
    rng = np.random.default_rng(7)
    alone = rng.uniform(0.2, 3.0, (6, 3))
    asked = 0
    for policy in ("max_min_fairness", "max_min_fairness_perf"):
        fairness = make_policy(policy)
        engine = cast(OneStepEngine, make_engine())
        by_program = Driver(fairness, make_engine(), recorder=lambda *_: None)
        for jobs in (1, 4, 30, 31, 29):
            key, scale = rng.integers(0, 6, jobs), 2 ** rng.integers(0, 3, jobs)
            state = ClusterState(
                worker_types=("a", "b", "c"),
                workers=np.array([3, 4, 5]),
                throughputs=ThroughputTable(alone),
                job=np.arange(jobs),
                key=key,
                scale_factor=scale,
                weight=rng.choice([1.0, 3.0], jobs),
                steps_left=np.ones(jobs),
                age=np.zeros(jobs),
            )
            options = Options(tie_break="canonical")
            program = OneProgram("max-min", policy == "max_min_fairness")
            assert engine.solve_at_once(state, program, 0, options) is None, "takes too wide a job"
            found = engine.solve_at_once(state, program, 4, options)
            if found is None:
                continue
            asked += 1
            shares, certificate = found
            assert certificate.within(_PROOF), f"{jobs} jobs: no proof"
            expected = by_program.allocate(state).x
            assert shares.tobytes() == expected.tobytes(), f"{jobs} jobs: other shares"
    assert asked, "declares one_step and never answers"


SCENARIOS: list[tuple[Callable[[MakeEngine], None], tuple[str, ...]]] = [
    (declares_itself, ()),
    (gives_what_it_declares, ("linear",)),
    (input_is_not_changed, ("linear",)),
    (same_bits_twice, ("linear",)),
    (kept_model_is_right, ("linear",)),
    (recovers_after_no_answer, ("linear",)),
    (time_limit_is_kept, ("linear",)),
    (no_number_is_refused, ("linear",)),
    (shares_are_those_of_the_program, ("one_step",)),
]
"""Each with the capabilities that it needs."""


def _bits(array: np.ndarray | None) -> bytes:
    return b"" if array is None else array.tobytes()


def _fingerprint(program: LinearProgram) -> tuple[bytes, ...]:
    a = program.a
    arrays = (program.c, program.row_lower, program.row_upper, program.col_lower)
    return tuple(x.tobytes() for x in (*arrays, program.col_upper, a.data, a.indices, a.indptr))


def large() -> LinearProgram:
    """Build a dense program that takes the solvers seconds."""
    rng = np.random.default_rng(3)
    m, n = 300, 500
    a = rng.random((m, n)) + 0.1
    return LinearProgram.build(
        rng.random(n) + 0.5, a, -np.inf, n * (rng.random(m) + 0.5), maximize=True
    )


def _stream() -> Iterator[LinearProgram]:
    """Programs as a policy yields them while jobs come and go, and some that are nothing alike."""
    rng = np.random.default_rng(11)
    jobs = list(range(12))
    speed = {job: rng.uniform(0.2, 4.0, 3) for job in range(40)}
    arriving = 12
    workers = np.array([2.0, 3.0, 1.0])
    for step in range(14):
        if step % 4 == 1:  # one leaves, one arrives
            jobs.pop(step % len(jobs))
            jobs.append(arriving)
            arriving += 1
        elif step % 4 == 2:  # two arrive
            jobs += [arriving, arriving + 1]
            arriving += 2
        elif step % 4 == 3:  # values change, nobody moves
            workers = workers[::-1] + step % 2
        if step == 8:  # nearly everybody leaves
            jobs = jobs[-3:]
        yield _levels([speed[job] for job in jobs], workers, jobs)
        if step in (5, 9):
            yield _unlike(step)


def _levels(rates: list[np.ndarray], workers: np.ndarray, jobs: list[int]) -> LinearProgram:
    blocks = make_blocks(np.array(rates), workers)
    keyed = type(blocks)(
        blocks.rate, blocks.use, blocks.count, blocks.workers, key=np.array(jobs, dtype=np.int64)
    )
    groups = len(jobs)
    return lower(AllocationProgram(keyed, slope=np.ones(groups), floor=np.zeros(groups)))


def _unlike(step: int) -> LinearProgram:
    """Another sense, shape and kind of row; with keys, so that an engine may try to keep up."""
    rng = np.random.default_rng(step)
    m, n = 7 + step, 5
    a = rng.integers(-2, 5, (m, n)).astype(float)
    inside = rng.integers(1, 4, n).astype(float)
    activity = a @ inside
    return LinearProgram.build(
        rng.integers(-4, 5, n),
        a,
        activity - rng.integers(0, 3, m),
        activity + rng.integers(0, 3, m),
        -1.0,
        6.0,
        row_keys=np.arange(m, dtype=np.int64) * KINDS,
        col_keys=np.arange(n, dtype=np.int64) * KINDS + 1,
    )
