"""Programs cross-checked: every engine side by side, every answer proven, every claim compared."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gavel_opt.engines.protocol import Engine, Options
from gavel_opt.engines.registry import known_engines, make_engine
from gavel_opt.errors import InputError, MissingLibraryError
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Certificate, Solution, Status
from gavel_opt.solving import TOLERANCE, VERDICTS, solve

AGREEMENT = 1e-6
"""Relative difference between objectives that still counts as the same."""

REFUTED = 1e-3
"""An engine that says optimal with a certificate beyond this contradicts itself."""


_ASSERTED = (Status.OPTIMAL, *VERDICTS)


@dataclass(slots=True)
class Finding:
    """What one engine says of one program.

    Attributes
    ----------
    engine
        Its name.
    claim
        The engine's own status.
    solution
        Its solution; the status is the proven one (:func:`gavel_opt.solving.solve`).
    seconds
        Wall clock, from the program to the certified answer.
    """

    engine: str
    claim: Status
    solution: Solution
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The keys that ``solve --json`` and ``check --json`` promise."""
        certificate = self.solution.certificate
        return {
            "engine": self.engine,
            "status": self.solution.status.value,
            "objective": _number(self.solution.objective),
            "primal_residual": _number(certificate.primal_residual),
            "dual_residual": _number(certificate.dual_residual),
            "relative_gap": _number(certificate.relative_gap),
            "time": self.seconds,
            "claim": self.claim.value,
            "proof": self.solution.proof or None,
            "proven": bool(self.solution.proof),
            "detail": self.solution.stats.detail,
        }


@dataclass(slots=True)
class Check:
    """One program on several engines.

    Attributes
    ----------
    file
        Where it came from.
    shape
        Rows and columns.
    findings
        One for each engine, in the order asked for.
    disagreements
        One line for each: who disagrees with whom about what. Empty if all is well.
    """

    file: str
    shape: tuple[int, int]
    findings: list[Finding]
    disagreements: list[str] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        """Whether nobody contradicts anybody."""
        return not self.disagreements

    @property
    def decided(self) -> bool:
        """Whether at least one engine came to an answer."""
        return any(f.solution.status in _ASSERTED for f in self.findings)


def installed_engines() -> tuple[list[Engine], list[str]]:
    """Make every engine that takes general programs; also say which ones are not installed."""
    engines, notes = [], []
    for name in known_engines():
        try:
            engine = make_engine(name)
        except MissingLibraryError as missing:
            notes.append(str(missing))
            continue
        except InputError as broken:  # an engine from outside must not stop the others
            notes.append(str(broken))
            continue
        if engine.capability.linear:
            engines.append(engine)
    return engines, notes


def named_engines(names: Sequence[str]) -> list[Engine]:
    """Make the engines asked for.

    Raises
    ------
    InputError, MissingLibraryError
        For unknown names, missing libraries, and engines that take no general programs.
    """
    engines = [make_engine(name) for name in dict.fromkeys(names)]
    for engine in engines:
        if not engine.capability.linear:
            raise InputError(
                f"engine {engine.name!r} takes allocation programs only, not general ones;"
                " choose another with --engine or --engines (gavel-opt engines lists them)"
            )
    return engines


def solve_timed(program: LinearProgram, engine: Engine, options: Options) -> Finding:
    """Solve and prove one program on one engine."""
    started = time.perf_counter()
    solution = solve(program, engine, options)
    seconds = time.perf_counter() - started
    return Finding(engine.name, solution.claim or solution.status, solution, seconds)


def check_program(
    program: LinearProgram, engines: Iterable[Engine], options: Options, file: str = ""
) -> Check:
    """Run one program through all engines and compare what they say."""
    findings = [solve_timed(program, engine, options) for engine in engines]
    check = Check(file, program.shape, findings)
    check.disagreements = _disagreements(program, findings)
    return check


def _said(finding: Finding) -> Status | None:
    """What stands for an engine: what is proven, or else its word; None if it came to no answer."""
    solution = finding.solution
    if solution.status in _ASSERTED:
        return solution.status
    return finding.claim if finding.claim in VERDICTS else None


def _compatible(one: Status, other: Status) -> bool:
    if one == other:
        return True
    pair = {one, other}
    return Status.INFEASIBLE_OR_UNBOUNDED in pair and Status.OPTIMAL not in pair


def _disagreements(program: LinearProgram, findings: Sequence[Finding]) -> list[str]:
    lines = []
    for finding in findings:
        certificate = finding.solution.certificate
        optimal = finding.claim is Status.OPTIMAL and not finding.solution.proof
        if optimal and not certificate.within(REFUTED):
            lines.append(
                f"{finding.engine} says optimal, and its certificate refutes that:"
                f" {describe_certificate(certificate)}"
            )
        objective, named = finding.solution.objective, finding.solution.named
        if finding.solution.proof == "certificate" and not _close(program, objective, named):
            lines.append(
                f"{finding.engine} says {named:.12g}, and its point is worth {objective:.12g}"
            )
    groups: list[tuple[Finding, list[str]]] = []
    # What is proven comes first, so that no number of claims outvotes it.
    for finding in sorted(findings, key=lambda f: not f.solution.proof):
        if _said(finding) is None:
            continue
        for first, names in groups:
            if _same(program, first, finding):
                names.append(finding.engine)
                break
        else:
            groups.append((finding, [finding.engine]))
    for k, (first, names) in enumerate(groups):
        for other, other_names in groups[k + 1 :]:
            if _clash(program, first, other):
                lines.append(
                    f"{', '.join(names)}: {_word(first)}; but {', '.join(other_names)}:"
                    f" {_word(other)}"
                )
    lines += [
        f"{first.engine} says {first.solution.stats.detail}"
        for first, _ in groups
        if first.solution.status is Status.NUMERICAL_ERROR and len(groups) == 1
    ]
    return lines


def _same(program: LinearProgram, one: Finding, other: Finding) -> bool:
    alike = _said(one) == _said(other) and bool(one.solution.proof) == bool(other.solution.proof)
    return alike and not _clash(program, one, other)


def _clash(program: LinearProgram, one: Finding, other: Finding) -> bool:
    a, b = _said(one), _said(other)
    assert a is not None
    assert b is not None
    if not _compatible(a, b):
        return True
    if a is not Status.OPTIMAL:
        return False
    return not _close(program, one.solution.objective, other.solution.objective)


def _close(program: LinearProgram, one: float, other: float) -> bool:
    """Whether two objectives count as the same."""
    floor = min(1.0, float(np.abs(program.c).max(initial=0.0)) or 1.0)
    return abs(one - other) <= AGREEMENT * (max(abs(one), abs(other)) + floor)


def _word(finding: Finding) -> str:
    solution = finding.solution
    if solution.status is Status.OPTIMAL:
        return f"optimal {solution.objective:.12g}"
    said = _said(finding)
    assert said is not None
    if solution.status is Status.NUMERICAL_ERROR:
        return f"{said.value} (refuted: {solution.stats.detail.partition(': ')[2]})"
    return said.value if solution.proof else f"{said.value} (a claim without proof)"


def corrected(findings: Sequence[Finding]) -> list[str]:
    """Engines whose word was wrong and whose answer is proven all the same, a line each."""
    return [
        f"{f.engine} said {f.claim.value}, and {f.solution.status.value} is proven"
        f" ({f.solution.proof})"
        for f in findings
        if f.solution.proof
        and f.claim is not f.solution.status
        and f.claim in (Status.INFEASIBLE, Status.UNBOUNDED)
    ]


def describe_certificate(certificate: Certificate) -> str:
    """Write the three figures for a person."""
    return (
        f"primal residual {certificate.primal_residual:.1e},"
        f" dual residual {certificate.dual_residual:.1e},"
        f" relative gap {certificate.relative_gap:.1e}"
    )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


__all__ = [
    "AGREEMENT",
    "REFUTED",
    "TOLERANCE",
    "Check",
    "Finding",
    "check_program",
    "corrected",
    "describe_certificate",
    "installed_engines",
    "named_engines",
    "solve_timed",
]
