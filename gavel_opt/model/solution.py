"""Outcomes: one list of statuses, a solution, and where the time went."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from gavel_opt.arrays import Floats


class Status(enum.Enum):
    """How a solve ended; ``advice`` says what the user can do about it."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    INFEASIBLE_OR_UNBOUNDED = "infeasible_or_unbounded"
    TIME_LIMIT = "time_limit"
    ITERATION_LIMIT = "iteration_limit"
    IMPRECISE = "imprecise"
    NUMERICAL_ERROR = "numerical_error"

    @property
    def advice(self) -> str:
        """One line for the user: what this status means and what to try."""
        return _ADVICE[self]

    @property
    def has_answer(self) -> bool:
        """Whether ``x`` of the solution may be looked at (certified or not)."""
        return self in (Status.OPTIMAL, Status.IMPRECISE)


_ADVICE = {
    Status.OPTIMAL: "solved to tolerance",
    Status.INFEASIBLE: "no point meets all constraints: relax a bound or a row",
    Status.UNBOUNDED: "the objective can be made better for ever: a bound or a row is missing",
    Status.INFEASIBLE_OR_UNBOUNDED: (
        "the engine cannot tell infeasible from unbounded: ask highs which it is"
    ),
    Status.TIME_LIMIT: "stopped by the time limit: raise --time-limit or choose another engine",
    Status.ITERATION_LIMIT: "stopped by the engine's iteration limit: choose another engine",
    Status.IMPRECISE: "an answer outside of tolerance: rescale the program or use highs",
    Status.NUMERICAL_ERROR: "the solver broke down numerically: rescale or choose another engine",
}


@dataclass(slots=True)
class Stats:
    """What one solve cost, and how it was done.

    Attributes
    ----------
    translate, solve, read
        Seconds of wall clock spent bringing the program into the solver, solving, reading back.
    iterations
        The solver's own count, or -1.
    reused
        Whether a kept model took the program's values instead of being built afresh.
    detail
        The solver's own word for the outcome, or the reason for a rebuild.
    programs
        How many linear programs the solver was given.
    """

    translate: float = 0.0
    solve: float = 0.0
    read: float = 0.0
    iterations: int = -1
    reused: bool = False
    detail: str = ""
    programs: int = 1

    def add(self, other: Stats) -> None:
        """Count a further program's share of one solve."""
        self.translate += other.translate
        self.solve += other.solve
        self.read += other.read
        self.iterations = max(self.iterations, 0) + max(other.iterations, 0)
        self.reused, self.detail = other.reused, other.detail
        self.programs += other.programs


@dataclass(slots=True)
class Certificate:
    """Proof of optimality, computed from the program itself and the answer alone.

    All three are relative (see :mod:`gavel_opt.model.certificate`); NaN never passes.
    """

    primal_residual: float = float("nan")
    dual_residual: float = float("nan")
    relative_gap: float = float("nan")

    def within(self, tolerance: float) -> bool:
        """Whether all three are finite and at most ``tolerance``."""
        return (
            self.primal_residual <= tolerance
            and self.dual_residual <= tolerance
            and self.relative_gap <= tolerance
        )

    def worst(self, other: Certificate) -> Certificate:
        """The larger of each of the three; NaN where one is."""
        return Certificate(
            _larger(self.primal_residual, other.primal_residual),
            _larger(self.dual_residual, other.dual_residual),
            _larger(self.relative_gap, other.relative_gap),
        )


def _larger(one: float, other: float) -> float:
    return other if other != other or one <= other else one


@dataclass(slots=True)
class Solution:
    """What an engine answers for a :class:`~gavel_opt.model.linear_program.LinearProgram`.

    Attributes
    ----------
    status
        How the solve ended. Outcomes are statuses; engines raise only for misuse.
    objective
        Value of the objective at ``x`` (NaN without an answer); whoever asked the engine computes it.
    x
        Columns, shape ``(n,)``, or None.
    row_dual
        Duals of the rows, shape ``(m,)``, or None. Sign: the change of the objective per unit of
        the row's bound, whatever the sense; reduced costs are then ``c - A.T @ row_dual``.
    certificate
        Filled in by the driver or by :func:`gavel_opt.solve`.
    named
        The objective that the engine itself named; NaN where that is no number.
    claim
        The engine's own status, where a proof decided otherwise; None elsewhere.
    proof
        What proves the status, filled in by :func:`gavel_opt.solve`: ``"certificate"``,
        ``"Farkas ray"``, ``"point and ray"``, ``"no solver needed"``; empty for a status that is the
        engine's word alone.
    point, ray
        What the proof of another status than optimal rests on: the multipliers of the rows (Farkas),
        shape ``(m,)``, or a feasible point and the direction in which the objective improves for
        ever, shapes ``(n,)``.
    """

    status: Status
    objective: float = float("nan")
    x: Floats | None = None
    row_dual: Floats | None = None
    certificate: Certificate = field(default_factory=Certificate)
    stats: Stats = field(default_factory=Stats)
    claim: Status | None = None
    proof: str = ""
    point: Floats | None = None
    ray: Floats | None = None
    named: float = float("nan")
