"""What the solves of a run cost, and how good their answers were."""

from __future__ import annotations

from dataclasses import dataclass, field

from gavel_opt.model.solution import Certificate


@dataclass(slots=True)
class Tally:
    """What the solves of a run cost and how good they were; the summary's ``solve`` and ``time``.

    Attributes
    ----------
    programs, cache_hits, fallbacks, allocations
        Programs solved; solved on a kept model; answers refused and solved elsewhere;
        recomputations.
    max_primal_residual, max_dual_residual, max_relative_gap
        The worst certificate among the answers that were used.
    build, translate, solve, read, tie_break, certify
        Seconds of wall clock by part.
    refusals
        ``"engine: reason"`` to how often.
    """

    programs: int = 0
    cache_hits: int = 0
    fallbacks: int = 0
    allocations: int = 0
    max_primal_residual: float = 0.0
    max_dual_residual: float = 0.0
    max_relative_gap: float = 0.0
    build: float = 0.0
    translate: float = 0.0
    solve: float = 0.0
    read: float = 0.0
    tie_break: float = 0.0
    certify: float = 0.0
    refusals: dict[str, int] = field(default_factory=dict)

    def worst(self, certificate: Certificate) -> None:
        """Keep the largest residuals and gap."""
        if certificate.primal_residual > self.max_primal_residual:
            self.max_primal_residual = certificate.primal_residual
        if certificate.dual_residual > self.max_dual_residual:
            self.max_dual_residual = certificate.dual_residual
        if certificate.relative_gap > self.max_relative_gap:
            self.max_relative_gap = certificate.relative_gap
