"""The whole suite: what is asked of an engine, case by case, and a report of how it did."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Engine, Options
from gavel_opt.engines.registry import make_engine as make_by_name
from gavel_opt.model.allocation_program import AllocationProgram, FinishTimeProgram
from gavel_opt.model.certificate import primal_residual
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import lower
from gavel_opt.model.solution import Solution, Status
from gavel_opt.solving import TOLERANCE, solve
from gavel_opt.testing.blocks import KNOWN_BLOCKS, KnownBlocks
from gavel_opt.testing.programs import KNOWN, Known
from gavel_opt.testing.scenarios import SCENARIOS, MakeEngine

_FINEST = 1e-9
"""Nothing finer than this is asked of a figure, whatever precision an engine declares."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One thing that is asked of an engine.

    Attributes
    ----------
    name, about
        What it is.
    check
        Raises AssertionError, with the reason, if the engine fails.
    needs
        Capabilities without which it is skipped.
    """

    name: str
    about: str
    check: Callable[[MakeEngine], None]
    needs: tuple[str, ...] = ()

    def missing(self, capability: Capability) -> tuple[str, ...]:
        """Capabilities that the case needs and the engine does not declare."""
        return tuple(need for need in self.needs if not getattr(capability, need))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case went."""

    case: str
    result: Literal["passed", "skipped", "failed"]
    note: str
    seconds: float


@dataclass(slots=True)
class Report:
    """How an engine did.

    Attributes
    ----------
    engine, version
        Which engine.
    outcomes
        One for each case.
    """

    engine: str
    version: str
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether no case failed."""
        return not self.failures

    @property
    def failures(self) -> list[Outcome]:
        """The cases that failed."""
        return [outcome for outcome in self.outcomes if outcome.result == "failed"]

    def table(self) -> Any:
        """A table for a person."""
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=escape(f"{self.engine}: {self.version}"), box=SIMPLE_HEAD)
        for column in ("case", "result"):
            table.add_column(column, no_wrap=True)
        table.add_column("seconds", justify="right")
        table.add_column("note")
        colours = {"passed": "green", "skipped": "yellow", "failed": "bold red"}
        for o in self.outcomes:
            result = f"[{colours[o.result]}]{o.result}[/]"
            table.add_row(o.case, result, f"{o.seconds:.3f}", escape(o.note))
        return table


def run_conformance(
    make_engine: MakeEngine | str, cases: Iterable[Case] | None = None, quiet: bool = False
) -> Report:
    """Ask an engine everything, print a table, and return the report.

    Parameters
    ----------
    make_engine
        Makes a fresh engine (its class will do), or the name of a registered one.
    cases
        Some of :data:`CASES`; all of them by default.
    quiet
        Print nothing.

    Examples
    --------
    >>> from gavel_opt.engines.highs import Highs
    >>> run_conformance(Highs, quiet=True).passed
    True
    """
    make = _maker(make_engine)
    engine = make()
    report = Report(engine.name, engine.version())
    for case in CASES if cases is None else cases:
        report.outcomes.append(_run(case, make, engine.capability))
    if not quiet:
        print_report(report)
    return report


def print_report(report: Report) -> None:
    """Print a report for a person."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print(report.table())
    skipped = sum(o.result == "skipped" for o in report.outcomes)
    console.print(f"{len(report.outcomes)} cases, {len(report.failures)} failed, {skipped} skipped")


def check_case(case: Case, make_engine: MakeEngine | str) -> str:
    """Run one case, for ``pytest.mark.parametrize``; the reason if it was skipped, else empty.

    Raises
    ------
    AssertionError
        If the engine fails.
    """
    make = _maker(make_engine)
    missing = case.missing(make().capability)
    if missing:
        return f"not declared: {', '.join(missing)}"
    case.check(make)
    return ""


def _maker(make_engine: MakeEngine | str) -> MakeEngine:
    if not isinstance(make_engine, str):
        return make_engine
    name = make_engine
    return lambda: make_by_name(name)


def _run(case: Case, make: MakeEngine, capability: Capability) -> Outcome:
    missing = case.missing(capability)
    skip = f"not declared: {', '.join(missing)}" if missing else ""
    return ask(case.name, skip, lambda: case.check(make))


def ask(case: str, skip: str, check: Callable[[], None]) -> Outcome:
    """Run one check, and say how it went; ``skip`` is the reason to leave it out."""
    if skip:
        return Outcome(case, "skipped", skip, 0.0)
    started = time.perf_counter()
    try:
        check()
    except AssertionError as failed:
        return Outcome(case, "failed", str(failed), time.perf_counter() - started)
    except Exception as raised:
        where = traceback.extract_tb(raised.__traceback__)[-1]
        note = f"raised {type(raised).__name__}: {raised} ({where.filename}:{where.lineno})"
        return Outcome(case, "failed", note, time.perf_counter() - started)
    return Outcome(case, "passed", "", time.perf_counter() - started)


def _tolerance(capability: Capability) -> float:
    return 10.0 * max(capability.precision, _FINEST)


class _MustNotBeAsked:
    """Stands in for an engine where none may be asked."""

    def __init__(self, engine: Engine) -> None:
        self.name = engine.name
        self.capability = engine.capability
        self.version = engine.version

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        raise AssertionError("the engine was asked for a program that needs none")


def _check_known(known: Known, make: MakeEngine) -> None:
    engine = make()
    program = known.make()
    solution = solve(program, _MustNotBeAsked(engine) if known.screened else engine)
    _check_status(solution, known.status, engine.capability)
    if known.status is not Status.OPTIMAL:
        return
    assert solution.certificate.within(TOLERANCE), f"not proven: {solution.certificate}"
    tolerance = _tolerance(engine.capability)
    if known.objective is not None:
        named = solution.objective if known.screened else solution.named
        _check_figure("objective", named, known.objective, tolerance)
    if known.x is not None:
        # A vertex is found less sharply than its value.
        _check_figure("x", solution.x, known.x, 10.0 * tolerance)
    if known.row_dual is not None:
        _check_figure("row_dual", solution.row_dual, known.row_dual, 10.0 * tolerance)


def _check_known_blocks(known: KnownBlocks, make: MakeEngine) -> None:
    engine: Any = make()
    program = known.make()
    solution, answer = engine.solve_blocks(program, Options())
    _check_status(solution, known.status, engine.capability)
    if known.status is not Status.OPTIMAL:
        return
    assert answer is not None, "optimal, and no answer"
    assert solution.certificate.within(TOLERANCE), f"not proven: {solution.certificate}"
    tolerance = _tolerance(engine.capability)
    _check_figure("objective", answer.objective, known.objective, tolerance)
    if known.x is not None:
        _check_figure("x", answer.x, known.x, 100.0 * tolerance)
    if isinstance(program, AllocationProgram):
        _check_duals(program, answer, tolerance)
    feasible = _as_levels(program, answer)
    point = np.concatenate([[answer.level][: int(feasible.has_level)], answer.x.ravel(order="F")])
    violation = primal_residual(lower(feasible), point)
    assert violation <= 10.0 * tolerance, f"the answer violates its program by {violation:.1e}"


def _as_levels(program: AllocationProgram | FinishTimeProgram, answer: Any) -> AllocationProgram:
    """Write finish-time fairness at the answer's rho as floors on the levels."""
    if isinstance(program, AllocationProgram):
        return program
    left = answer.level * program.isolated - program.age
    return AllocationProgram(
        program.blocks, slope=np.zeros_like(left), floor=program.steps / left * (1 - 1e-12)
    )


def _check_duals(program: AllocationProgram, answer: Any, tolerance: float) -> None:
    """Prices are not negative, and prove the objective from above (weak duality)."""
    blocks = program.blocks
    if blocks.pairs is not None or program.reward is not None:
        return
    level, capacity = answer.level_dual, answer.capacity_dual
    assert (level >= 0.0).all(), "a price is negative"
    assert (capacity >= 0.0).all(), "a price is negative"
    worth = level[:, None] * blocks.rate - blocks.use[:, None] * capacity
    bound = float(capacity @ blocks.workers + np.maximum(worth.max(axis=1), 0.0).sum())
    floor = np.where(np.isfinite(program.floor), program.floor, 0.0)
    bound -= float(level @ floor)
    _check_figure("bound from the prices", bound, answer.objective, 100.0 * tolerance)


def _check_status(solution: Solution, expected: Status, capability: Capability) -> None:
    allowed = {expected}
    if expected in (Status.INFEASIBLE, Status.UNBOUNDED) and not capability.distinguishes:
        allowed.add(Status.INFEASIBLE_OR_UNBOUNDED)
    said = solution.status.value
    if solution.claim is not None:
        said = f"{solution.claim.value}, and its certificate says {said} {solution.certificate}"
    assert solution.status in allowed, (
        f"status {said}, expected {expected.value} ({solution.stats.detail})"
    )


def _check_figure(what: str, got: Any, expected: Any, tolerance: float) -> None:
    assert got is not None, f"no {what}"
    a, b = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    assert a.shape == b.shape, f"{what} has shape {a.shape}, expected {b.shape}"
    if a.size:
        # Figures of one answer are compared on the scale of the largest of them.
        scale = float(np.abs(b).max()) or 1.0
        error = float(np.abs(a - b).max()) / scale
        assert error <= tolerance, f"{what} {a.tolist()}, expected {b.tolist()}"


def _known_case(known: Known) -> Case:
    return Case(known.name, known.about, lambda make: _check_known(known, make), ("linear",))


def _blocks_case(known: KnownBlocks) -> Case:
    needs = known.needs if "finish_time" in known.needs else ("allocation", *known.needs)
    return Case(
        f"blocks: {known.name}", known.about, lambda make: _check_known_blocks(known, make), needs
    )


def _scenario_case(check: Callable[[MakeEngine], None], needs: tuple[str, ...]) -> Case:
    return Case(check.__name__, (check.__doc__ or "").splitlines()[0], check, needs)


CASES: list[Case] = [
    *(_scenario_case(check, needs) for check, needs in SCENARIOS),
    *(_known_case(known) for known in KNOWN),
    *(_blocks_case(known) for known in KNOWN_BLOCKS),
]
"""Everything that is asked of an engine, for ``pytest.mark.parametrize``."""
